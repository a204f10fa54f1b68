//! Files that are glued together from declared ranges. Pure.

use consign_bits::{FileRange, LENGTH_TO_EOF};

/// The declared ranges, in the order in which they are glued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glue(Vec<FileRange>);

/// A range lies outside the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutsideFile;

/// What is to be asked for next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Where it starts in the remote file.
    pub(super) from: u64,
    /// Where it ends in the remote file, exclusive; `None` for the end of the file.
    pub(super) end: Option<u64>,
    /// Whether it continues a range that was begun.
    pub(super) is_continued: bool,
}

impl Glue {
    pub(super) fn new(ranges: Vec<FileRange>) -> Self {
        Self(ranges)
    }

    /// Checks the ranges against the size of the remote file.
    pub(super) fn check(&self, size: u64) -> Result<(), OutsideFile> {
        let is_inside = |range: &FileRange| match range.length {
            LENGTH_TO_EOF => range.initial_offset < size,
            length => range.initial_offset.checked_add(length).is_some_and(|end| end <= size),
        };
        if self.0.iter().all(is_inside) { Ok(()) } else { Err(OutsideFile) }
    }

    /// How long the result is; `None` while that depends on a size that is not known.
    pub(super) fn length(&self, size: Option<u64>) -> Option<u64> {
        self.0.iter().try_fold(0_u64, |sum, range| sum.checked_add(length(range, size)?))
    }

    /// What stands at `position` of the result; `None` at its end. Empty ranges are passed over.
    pub(super) fn at(&self, position: u64, size: Option<u64>) -> Option<Part> {
        let mut before = 0_u64;
        for range in &self.0 {
            let inside = position.saturating_sub(before);
            let is_continued = inside > 0;
            let from = range.initial_offset.saturating_add(inside);
            match length(range, size) {
                Some(length) if inside < length => {
                    return Some(Part { from, end: Some(range.initial_offset.saturating_add(length)), is_continued });
                }
                Some(length) => before = before.saturating_add(length),
                None => return Some(Part { from, end: None, is_continued }),
            }
        }
        None
    }
}

fn length(range: &FileRange, size: Option<u64>) -> Option<u64> {
    match range.length {
        LENGTH_TO_EOF => size.map(|size| size.saturating_sub(range.initial_offset)),
        length => Some(length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glue(ranges: &[(u64, u64)]) -> Glue {
        Glue::new(ranges.iter().map(|(initial_offset, length)| FileRange { initial_offset: *initial_offset, length: *length }).collect())
    }

    #[test]
    fn ranges_are_found_by_their_place_in_the_result() {
        let glue = glue(&[(100, 10), (0, 0), (50, 5), (90, LENGTH_TO_EOF)]);
        let at = |position| glue.at(position, Some(120)).map(|part| (part.from, part.end, part.is_continued));
        assert_eq!(at(0), Some((100, Some(110), false)));
        assert_eq!(at(9), Some((109, Some(110), true)));
        assert_eq!(at(10), Some((50, Some(55), false)));
        assert_eq!(at(15), Some((90, Some(120), false)));
        assert_eq!(at(44), Some((119, Some(120), true)));
        assert_eq!(at(45), None);
        assert_eq!(glue.length(Some(120)), Some(45));
        assert_eq!(glue.length(None), None);
        assert_eq!(glue.at(16, None), Some(Part { from: 91, end: None, is_continued: true }));
    }

    #[test]
    fn ranges_must_lie_inside_the_file() {
        assert_eq!(glue(&[(0, 10), (5, LENGTH_TO_EOF)]).check(10), Ok(()));
        assert_eq!(glue(&[(0, 11)]).check(10), Err(OutsideFile));
        assert_eq!(glue(&[(10, LENGTH_TO_EOF)]).check(10), Err(OutsideFile));
        assert_eq!(glue(&[(u64::MAX - 1, 5)]).check(10), Err(OutsideFile));
    }
}
