//! Columns that fit the terminal.

use crate::text::{cut, width};

/// Columns of text. The last one, and one more that is named, give way where there is no room.
pub(crate) struct Table {
    headings: Vec<&'static str>,
    flexible: usize,
    expendable: &'static [usize],
    rows: Vec<Vec<String>>,
}

/// What stands between two columns.
const GAP: usize = 2;
/// A column that gives way keeps at least this.
const LEAST: usize = 8;

impl Table {
    /// A table whose column number `flexible` gives way before the last one does.
    pub(crate) fn new(headings: &[&'static str], flexible: usize) -> Self {
        Self { headings: headings.to_vec(), flexible, expendable: &[], rows: Vec::new() }
    }

    /// Columns to leave out, the first one first, where the others cannot give way any more.
    pub(crate) const fn expendable(mut self, columns: &'static [usize]) -> Self {
        self.expendable = columns;
        self
    }

    /// One more row, of harmless text.
    pub(crate) fn push<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.to_vec());
    }

    /// The heading and the rows, none of them wider than `columns`.
    pub(crate) fn lines(&self, columns: Option<usize>) -> Vec<String> {
        let count = self.headings.len();
        let mut widths: Vec<usize> = self.headings.iter().map(|heading| width(heading)).collect();
        for row in &self.rows {
            for (index, cell) in row.iter().enumerate().take(count) {
                widths[index] = widths[index].max(width(cell));
            }
        }
        let mut kept: Vec<usize> = (0..count).collect();
        // The last one, where it was not left out, then the flexible one.
        let giving = |kept: &[usize]| [count - 1, self.flexible].into_iter().filter(|index| kept.contains(index)).collect::<Vec<_>>();
        if let Some(columns) = columns {
            let mut expendable = self.expendable.iter();
            let excess = loop {
                let wanted = kept.iter().map(|index| widths[*index] + GAP).sum::<usize>() - GAP;
                let can_give: usize = giving(&kept).iter().map(|index| widths[*index].saturating_sub(LEAST)).sum();
                let excess = wanted.saturating_sub(columns);
                match expendable.next() {
                    Some(index) if excess > can_give => kept.retain(|kept| kept != index),
                    _ => break excess,
                }
            };
            let mut excess = excess;
            for index in giving(&kept) {
                let give = widths[index].saturating_sub(LEAST).min(excess);
                widths[index] -= give;
                excess -= give;
            }
        }
        let heading: Vec<String> = self.headings.iter().map(|heading| (*heading).to_owned()).collect();
        std::iter::once(&heading).chain(&self.rows).map(|row| line(row, &kept, &widths, columns)).collect()
    }
}

fn line(cells: &[String], kept: &[usize], widths: &[usize], columns: Option<usize>) -> String {
    let mut line = String::new();
    for index in kept {
        let cell = cut(&cells[*index], widths[*index]);
        line.push_str(&cell);
        line.extend(std::iter::repeat_n(' ', widths[*index] - width(&cell) + GAP));
    }
    let line = line.trim_end();
    columns.map_or_else(|| line.to_owned(), |columns| cut(line, columns))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["ID", "NAME", "WHY"], 1);
        table.push(["1".into(), "a short name".into(), "the server could not be connected".into()]);
        table.push(["22".into(), "漢字".into(), String::new()]);
        table
    }

    #[test]
    fn without_a_terminal_nothing_is_cut() {
        assert_eq!(table().lines(None), ["ID  NAME          WHY", "1   a short name  the server could not be connected", "22  漢字"]);
    }

    #[test]
    fn the_last_column_gives_way_first() {
        assert_eq!(table().lines(Some(30)), ["ID  NAME          WHY", "1   a short name  the server …", "22  漢字"]);
        assert_eq!(table().lines(Some(24)), ["ID  NAME        WHY", "1   a short n…  the ser…", "22  漢字"]);
    }

    #[test]
    fn some_columns_are_left_out_before_any_is_lost() {
        let table = table().expendable(&[0]);
        assert_eq!(table.lines(Some(22)), ["ID  NAME      WHY", "1   a short…  the ser…", "22  漢字"]);
        assert_eq!(table.lines(Some(20)), ["NAME        WHY", "a short n…  the ser…", "漢字"]);
    }

    #[test]
    fn the_last_column_can_be_left_out() {
        let table = table().expendable(&[2]);
        assert_eq!(table.lines(Some(18)), ["ID  NAME", "1   a short name", "22  漢字"]);
        assert_eq!(table.lines(Some(14)), ["ID  NAME", "1   a short n…", "22  漢字"]);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for columns in 1..60 {
            assert!(table().lines(Some(columns)).iter().all(|line| width(line) <= columns), "{columns}");
        }
    }
}
