//! The line of a running job: what fits of it.

use std::time::{Duration, Instant};

use consign::{JobProgress, JobSnapshot, JobState, JobSummary, Timestamp, describe};

use crate::{
    rate::Rate,
    text::{self, Calendar, cut, shown, width},
    wording,
};

/// What the line of a job is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) state: JobState,
    pub(crate) progress: JobProgress,
    /// Why it stands still, if it does.
    pub(crate) because: Option<String>,
    /// The same, with all that is known of it.
    pub(crate) words: Option<String>,
    /// Bytes in a second.
    pub(crate) rate: Option<u64>,
    pub(crate) time_left: Option<Duration>,
}

/// No name takes more columns than this.
const NAME_LIMIT: usize = 32;
/// A bar is at most and at least so long, its brackets included.
const BAR: std::ops::RangeInclusive<usize> = 12..=42;
const GAP: usize = 2;

impl Line {
    pub(crate) fn of_snapshot(job: &JobSnapshot, rate: &Rate, calendar: &Calendar, now: Timestamp) -> Self {
        let words = match &job.error {
            Some(error) if job.state == JobState::Error => Some(wording::error(error)),
            _ => wording::waiting(job.waiting_because.as_deref(), job.next_attempt, calendar, now),
        };
        Self::new(&job.display_name, job.state, job.progress, job.waiting_because.clone(), words, rate)
    }

    pub(crate) fn of_summary(job: &JobSummary, rate: &Rate, calendar: &Calendar, now: Timestamp) -> Self {
        let words = match &job.error {
            Some((code, sentence)) if job.state == JobState::Error => Some(format!("{} ({})", shown(sentence), describe(*code).symbol)),
            _ => wording::waiting(job.waiting_because.as_deref(), job.next_attempt, calendar, now),
        };
        Self::new(&job.display_name, job.state, job.progress, job.waiting_because.clone(), words, rate)
    }

    fn new(name: &str, state: JobState, progress: JobProgress, because: Option<String>, words: Option<String>, rate: &Rate) -> Self {
        let now = Instant::now();
        let moving = state == JobState::Transferring;
        Self {
            name: shown(name),
            state,
            progress,
            because,
            words: words.filter(|_| !moving),
            rate: rate.per_second(now).filter(|_| moving),
            time_left: rate.time_left(now, progress.bytes_total).filter(|_| moving),
        }
    }

    /// The columns that the name would like to have.
    pub(crate) fn name_width(&self) -> usize {
        width(&self.name).min(NAME_LIMIT)
    }

    /// The line, at most `columns` wide, with the name in a column of `name_columns`.
    pub(crate) fn fit(&self, columns: usize, name_columns: usize) -> String {
        let name_columns = name_columns.min(columns / 3);
        let name = cut(&self.name, name_columns);
        let mut line = format!("{name}{}", " ".repeat(name_columns - width(&name) + GAP));
        let percent = text::percent(&self.progress).map(|percent| format!("{percent:>3} %"));
        let room = columns.saturating_sub(width(&line));
        line += &if self.state == JobState::Transferring { self.moving(room, percent) } else { self.standing(percent) };
        cut(line.trim_end(), columns)
    }

    fn standing(&self, percent: Option<String>) -> String {
        let percent = percent.filter(|_| self.progress.bytes_transferred > 0).map(|percent| percent + "  ").unwrap_or_default();
        match &self.words {
            Some(words) => format!("{percent}{}: {words}", self.state),
            None => format!("{percent}{}", self.state),
        }
    }

    /// The pieces are chosen by how much they tell, and stand in the order in which they read.
    fn moving(&self, room: usize, percent: Option<String>) -> String {
        let files = &self.progress;
        let pieces = [
            (1, percent),
            (4, Some(text::amount(&self.progress))),
            (5, (files.files_total > 1).then(|| format!("{}/{} files", files.files_transferred, files.files_total))),
            (2, self.rate.map(|rate| format!("{}/s", text::bytes(rate)))),
            (3, self.time_left.map(|left| format!("{} left", text::duration(left)))),
        ];
        let mut chosen: Vec<_> = pieces.into_iter().enumerate().filter_map(|(place, (rank, piece))| Some((rank, place, piece?))).collect();
        chosen.sort_unstable();
        let mut used = 0;
        chosen.retain(|(_, _, piece)| {
            let fits = used + width(piece) + GAP <= room + GAP;
            used += if fits { width(piece) + GAP } else { 0 };
            fits
        });
        chosen.sort_unstable_by_key(|(_, place, _)| *place);
        let rest = chosen.into_iter().map(|(_, _, piece)| piece).collect::<Vec<_>>().join("  ");
        match self.bar(room.saturating_sub(used)) {
            Some(bar) => format!("{bar}{}{rest}", " ".repeat(GAP)),
            None => rest,
        }
    }

    fn bar(&self, room: usize) -> Option<String> {
        let total = self.progress.bytes_total.filter(|total| *total > 0 && room >= *BAR.start())?;
        let inside = room.min(*BAR.end()) - 2;
        let done = u128::from(self.progress.bytes_transferred.min(total)) * inside as u128 / u128::from(total);
        let done = usize::try_from(done).unwrap_or(inside);
        let tip = if done < inside { ">" } else { "" };
        Some(format!("[{}{tip}{}]", "=".repeat(done), " ".repeat(inside - done - tip.len())))
    }
}

/// What one line says where it is not drawn over: without a bar.
pub(crate) fn plain(line: &Line) -> String {
    let mut text = match &line.words {
        Some(words) => format!("{}: {}, {words}", line.name, line.state),
        None => format!("{}: {}", line.name, line.state),
    };
    if line.progress.bytes_transferred > 0 || line.state == JobState::Transferring {
        text += &format!(", {}", text::amount(&line.progress));
    }
    if let Some(percent) = text::percent(&line.progress).filter(|_| line.progress.bytes_transferred > 0) {
        text += &format!(" ({percent} %)");
    }
    if let Some(rate) = line.rate {
        text += &format!(", {}/s", text::bytes(rate));
    }
    if let Some(left) = line.time_left {
        text += &format!(", {} left", text::duration(left));
    }
    text
}

/// Decides which lines are worth printing where each stays: a new state or reason, a tenth more, or
/// some time.
#[derive(Debug)]
pub(crate) struct Sparse {
    last: Option<Printed>,
}

#[derive(Debug)]
struct Printed {
    at: Instant,
    state: JobState,
    because: Option<String>,
    tenth: Option<u64>,
}

/// While bytes come.
const OFTEN: Duration = Duration::from_secs(10);
/// While it is tried again and again for the same reason.
const RARELY: Duration = Duration::from_secs(60);

impl Sparse {
    pub(crate) const fn new() -> Self {
        Self { last: None }
    }

    /// Whether no line was asked about yet.
    pub(crate) const fn is_new(&self) -> bool {
        self.last.is_none()
    }

    pub(crate) fn is_worth(&mut self, line: &Line, now: Instant) -> bool {
        let tenth = text::percent(&line.progress).map(|percent| percent / 10);
        let worth = self.last.as_ref().is_none_or(|last| match line.state {
            // On the way from one attempt to the next: what comes of it is worth a line.
            JobState::Connecting | JobState::Queued => false,
            JobState::Transferring => last.state != line.state || tenth > last.tenth || now.duration_since(last.at) >= OFTEN,
            JobState::TransientError => last.state != line.state || last.because != line.because || now.duration_since(last.at) >= RARELY,
            _ => last.state != line.state || last.because != line.because,
        });
        if worth {
            self.last = Some(Printed { at: now, state: line.state, because: line.because.clone(), tenth });
        }
        worth
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        Line {
            name: "maps-of-everywhere-and-some-more.tar".into(),
            state: JobState::Transferring,
            progress: JobProgress { bytes_total: Some(40 << 20), bytes_transferred: 12 << 20, files_total: 1, files_transferred: 0 },
            because: None,
            words: None,
            rate: Some(3 << 20),
            time_left: Some(Duration::from_secs(9)),
        }
    }

    #[test]
    fn a_wide_line_has_everything() {
        assert_eq!(
            line().fit(120, 32),
            "maps-of-everywhere-and-some-mor…  [==========>                       ]   30 %  12.0 MiB of 40.0 MiB  3.0 MiB/s  9 s left"
        );
    }

    #[test]
    fn a_narrow_line_has_what_tells_most() {
        assert_eq!(line().fit(80, 32), "maps-of-everywhere-and-so…   30 %  12.0 MiB of 40.0 MiB  3.0 MiB/s  9 s left");
        assert_eq!(line().fit(60, 32), "maps-of-everywhere-…   30 %  3.0 MiB/s  9 s left");
        assert_eq!(line().fit(30, 32), "maps-of-e…   30 %  3.0 MiB/s");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let waiting = Line { state: JobState::TransientError, words: Some("waiting because of 漢字漢字漢字".into()), ..line() };
        for columns in 1..140 {
            for line in [line(), waiting.clone()] {
                assert!(width(&line.fit(columns, 32)) <= columns, "{columns}: {}", line.fit(columns, 32));
            }
        }
    }

    #[test]
    fn a_job_that_stands_still_says_why() {
        let waiting = Line {
            state: JobState::TransientError,
            words: Some("waiting because of rain".into()),
            rate: None,
            time_left: None,
            name: "a".into(),
            ..line()
        };
        assert_eq!(waiting.fit(60, 1), "a   30 %  transient-error: waiting because of rain");
        assert_eq!(plain(&waiting), "a: transient-error, waiting because of rain, 12.0 MiB of 40.0 MiB (30 %)");
    }

    #[test]
    fn lines_that_stay_are_sparse() {
        let (mut sparse, start) = (Sparse::new(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut line = line();
        assert!(sparse.is_worth(&line, at(0)));
        line.progress.bytes_transferred += 1;
        assert!(!sparse.is_worth(&line, at(1)));
        assert!(sparse.is_worth(&line, at(11)), "ten seconds");
        line.progress.bytes_transferred = 20 << 20;
        assert!(sparse.is_worth(&line, at(12)), "a tenth");
        line.state = JobState::TransientError;
        line.because = Some("of rain".into());
        assert!(sparse.is_worth(&line, at(12)), "a state");
        line.state = JobState::Connecting;
        assert!(!sparse.is_worth(&line, at(17)), "an attempt");
        line.state = JobState::TransientError;
        assert!(!sparse.is_worth(&line, at(17)), "the same again");
        line.because = Some("of snow".into());
        assert!(sparse.is_worth(&line, at(22)), "a reason");
        assert!(sparse.is_worth(&line, at(82)), "a minute");
    }
}
