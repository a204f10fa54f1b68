use std::collections::VecDeque;

use consign_core::Timestamp;

/// A line that a program wrote, to its standard output or its standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputLine {
    /// When its first byte was read.
    pub at: Timestamp,
    /// Without its end; what is not UTF-8 is replaced. Control characters are as they were written:
    /// who prints it makes them harmless.
    pub text: String,
}

/// The last [`MOST`] bytes of what a program wrote.
#[derive(Debug, Default)]
pub(crate) struct Output {
    lines: VecDeque<(Timestamp, Vec<u8>)>,
    held: usize,
    /// Whether what comes next goes on with the last line.
    unfinished: bool,
}

pub(crate) const MOST: usize = 64 * 1024;

/// A longer line is shown as several, so that the oldest part of it can be forgotten.
const LONGEST_LINE: usize = 4096;

/// What a line costs beside its text: a program that writes empty lines is bounded too.
const LINE_COST: usize = 32;

impl Output {
    pub(crate) fn append(&mut self, bytes: &[u8], now: Timestamp) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            self.extend(text, now);
            if ends && !self.unfinished {
                self.begin(now);
            }
            self.unfinished = !ends && (self.unfinished || !text.is_empty());
        }
        while self.held > MOST
            && let Some((_, line)) = self.lines.pop_front()
        {
            self.held -= line.len() + LINE_COST;
        }
    }

    fn extend(&mut self, mut text: &[u8], now: Timestamp) {
        while !text.is_empty() {
            if !self.unfinished || self.lines.back().is_none_or(|(_, line)| line.len() >= LONGEST_LINE) {
                self.begin(now);
                self.unfinished = true;
            }
            let Some((_, line)) = self.lines.back_mut() else { return };
            let (part, rest) = text.split_at(text.len().min(LONGEST_LINE - line.len()));
            line.extend_from_slice(part);
            self.held += part.len();
            text = rest;
        }
    }

    fn begin(&mut self, now: Timestamp) {
        self.lines.push_back((now, Vec::new()));
        self.held += LINE_COST;
    }

    pub(crate) fn lines(&self) -> Vec<OutputLine> {
        self.lines.iter().map(|(at, line)| OutputLine { at: *at, text: String::from_utf8_lossy(line).into_owned() }).collect()
    }

    /// The last line since `since` that says something, for a sentence about a failure.
    pub(crate) fn last_words(&self, since: Timestamp) -> Option<String> {
        let recent = self.lines.iter().rev().filter(|(at, _)| *at >= since);
        let line = recent.map(|(_, line)| String::from_utf8_lossy(line)).find(|line| !line.trim().is_empty())?;
        Some(line.trim().chars().filter(|character| !character.is_control()).take(200).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(pieces: &[&str]) -> Vec<String> {
        let mut output = Output::default();
        for piece in pieces {
            output.append(piece.as_bytes(), Timestamp::default());
        }
        output.lines().into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn lines_are_put_together() {
        assert_eq!(lines(&["one\ntw", "o\n", "\n", "three"]), ["one", "two", "", "three"]);
        assert_eq!(lines(&["a", "\nb\n"]), ["a", "b"]);
    }

    #[test]
    fn the_last_is_kept() {
        let mut output = Output::default();
        for number in 0..100_000 {
            output.append(format!("{number}\n").as_bytes(), Timestamp::default());
        }
        assert_eq!(output.lines().last().unwrap().text, "99999");
        output.append(&vec![b'x'; 10 << 20], Timestamp::default());
        assert!(output.held <= MOST && output.lines().iter().map(|line| line.text.len()).sum::<usize>() > MOST / 2);
        assert_eq!(output.last_words(Timestamp::default()).unwrap().len(), 200);
    }

    proptest! {
        #[test]
        fn what_fits_is_kept_whole(pieces in proptest::collection::vec("[a\n]{0,9}", 0..20)) {
            let whole = pieces.concat();
            let expected: Vec<_> = whole.lines().collect();
            prop_assert_eq!(lines(&pieces.iter().map(String::as_str).collect::<Vec<_>>()), expected);
        }

        #[test]
        fn what_is_held_is_counted(pieces in proptest::collection::vec("[a\n]{0,30}", 0..60)) {
            let mut output = Output::default();
            for piece in &pieces {
                output.append(&piece.as_bytes().repeat(200), Timestamp::default());
                prop_assert_eq!(output.held, output.lines.iter().map(|(_, line)| line.len() + LINE_COST).sum::<usize>());
                prop_assert!(output.held <= MOST);
            }
        }
    }
}
