//! Numbers, times and foreign text as people read them.

use std::time::Duration;

use consign::{JobProgress, Timestamp};
use jiff::tz::TimeZone;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Text that others chose, made harmless for a terminal: control characters, and those that turn
/// the direction of the text, are written out.
pub(crate) fn shown(text: &str) -> String {
    let harmful = |character: char| {
        character.is_control() || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if harmful(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// How many columns a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// The text, cut to `columns` with `…` at the end where it is longer.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut used = 0;
    let mut cut = String::new();
    for character in text.chars() {
        used += character.width().unwrap_or(0);
        if used + 1 > columns {
            break;
        }
        cut.push(character);
    }
    if columns > 0 {
        cut.push('…');
    }
    cut
}

/// The text in lines of at most `columns`, broken between words where that is possible.
pub(crate) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().filter(|line| width(line) + 1 + width(word) <= columns || line.is_empty());
        match line {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// `12.3 MiB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    // Tenths of a unit in whole numbers: exact, and never rounded up to 1024.0.
    let mut unit = 0;
    let mut scaled = u128::from(count) * 10 / 1024;
    while scaled >= 10_240 && unit + 1 < UNITS.len() {
        scaled /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", scaled / 10, scaled % 10, UNITS[unit])
}

/// Whole percents, never 100 before all is there.
pub(crate) fn percent(progress: &JobProgress) -> Option<u64> {
    let total = progress.bytes_total?;
    match total {
        // Nothing to move: done when the files are, if there are any.
        0 if progress.files_total == 0 => None,
        0 => Some(if progress.files_transferred >= progress.files_total { 100 } else { 0 }),
        _ => u64::try_from(u128::from(progress.bytes_transferred.min(total)) * 100 / u128::from(total)).ok(),
    }
}

/// `12.0 MiB of 40.0 MiB`.
pub(crate) fn amount(progress: &JobProgress) -> String {
    match progress.bytes_total {
        Some(total) => format!("{} of {}", bytes(progress.bytes_transferred), bytes(total)),
        None => format!("{} of unknown size", bytes(progress.bytes_transferred)),
    }
}

/// `2 h 5 min`: the two largest units.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |large: u64, large_unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{large} {large_unit}"),
        _ => format!("{large} {large_unit} {small} {small_unit}"),
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => two(minutes, "min", seconds % 60, "s"),
        3600..86_400 => two(hours, "h", minutes % 60, "min"),
        _ => two(days, "d", hours % 24, "h"),
    }
}

/// Where times are shown: the time zone of this machine.
#[derive(Clone, Debug)]
pub(crate) struct Calendar(TimeZone);

impl Calendar {
    pub(crate) fn of_this_machine() -> Self {
        Self(TimeZone::system())
    }

    /// `12:04:31`, with the date where it is not that of `now`.
    pub(crate) fn short(&self, time: Timestamp, now: Timestamp) -> String {
        let (time, now) = (self.zoned(time), self.zoned(now));
        let form = if time.date() == now.date() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
        time.strftime(form).to_string()
    }

    /// `2026-11-21 12:04:31`.
    pub(crate) fn full(&self, time: Timestamp) -> String {
        self.zoned(time).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    fn zoned(&self, time: Timestamp) -> jiff::Zoned {
        moment(time).to_zoned(self.0.clone())
    }
}

/// RFC 3339 in UTC, milliseconds included: what programs read.
pub(crate) fn exact(time: Timestamp) -> String {
    moment(time).strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// The present moment of the calendar.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(jiff::Timestamp::now().as_millisecond())
}

fn moment(time: Timestamp) -> jiff::Timestamp {
    // Years beyond 9999 do not exist here.
    jiff::Timestamp::from_millisecond(time.as_millis()).unwrap_or(jiff::Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_move_the_cursor() {
        assert_eq!(shown("a\x1b[2J\r\nb\u{202e}c\u{9b}é"), "a\\u{1b}[2J\\r\\nb\\u{202e}c\\u{9b}é");
    }

    #[test]
    fn long_text_is_cut_by_columns() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        assert_eq!(cut("漢字漢字", 5), "漢字…");
        assert_eq!(cut("漢字漢字", 4), "漢…");
        assert_eq!(cut("abc", 0), "");
    }

    #[test]
    fn long_sentences_are_wrapped_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("longer than it fits", 4), ["longer", "than", "it", "fits"]);
        assert_eq!(wrapped("漢字 漢字", 9), ["漢字 漢字"]);
        assert_eq!(wrapped("漢字 漢字", 8), ["漢字", "漢字"]);
        assert_eq!(wrapped("", 8), [""]);
    }

    #[test]
    fn sizes_have_one_decimal() {
        for (count, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1024 * 1024 - 1, "1023.9 KiB"),
            (40 << 20, "40.0 MiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn a_hundred_percent_means_all() {
        let of = |transferred, total| {
            percent(&JobProgress { bytes_transferred: transferred, bytes_total: total, files_total: 1, files_transferred: 0 })
        };
        assert_eq!(of(999, Some(1000)), Some(99));
        assert_eq!(of(1000, Some(1000)), Some(100));
        assert_eq!(of(0, Some(0)), Some(0));
        assert_eq!(of(5, None), None);
        assert_eq!(of(u64::MAX - 1, Some(u64::MAX)), Some(99));
    }

    #[test]
    fn durations_have_two_units() {
        for (seconds, text) in [(0, "0 s"), (59, "59 s"), (60, "1 min"), (125, "2 min 5 s"), (7500, "2 h 5 min"), (1_209_600, "14 d")] {
            assert_eq!(duration(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn a_time_of_another_day_has_its_date() {
        let calendar = Calendar(TimeZone::UTC);
        let noon = Timestamp::from_millis(1_795_262_671_000);
        assert_eq!(calendar.short(noon, noon), "12:04:31");
        assert_eq!(calendar.short(noon, noon + Duration::from_secs(86_400)), "2026-11-21 12:04:31");
        assert_eq!(exact(noon), "2026-11-21T12:04:31.000Z");
        assert_eq!(exact(Timestamp::from_millis(i64::MAX)), "9999-12-30T22:00:00.999Z");
    }
}
