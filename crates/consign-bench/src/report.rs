//! The numbers, as people and as programs read them.

use std::{fs, io, path::Path};

use serde::Serialize;

use crate::measure::{Turn, median};

/// All rows of one run.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

/// One kind of work.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Row {
    pub(crate) title: String,
    pub(crate) columns: Vec<&'static str>,
    pub(crate) lines: Vec<Line>,
    pub(crate) targets: Vec<Target>,
    pub(crate) remarks: Vec<String>,
}

/// What was measured of one contender or in one situation.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) cells: Vec<String>,
}

/// What was to be reached.
#[derive(Debug, Serialize)]
pub(crate) struct Target {
    pub(crate) what: String,
    pub(crate) most: f64,
    pub(crate) measured: f64,
    pub(crate) unit: &'static str,
    /// Whether more is better: then `most` is the least.
    pub(crate) grows: bool,
}

/// The turns of one contender.
#[derive(Debug)]
pub(crate) struct Score {
    pub(crate) name: String,
    pub(crate) turns: Vec<Turn>,
}

const MIB: f64 = (1 << 20) as f64;

impl Score {
    /// In seconds.
    pub(crate) fn wall(&self) -> f64 {
        median(self.turns.iter().map(|turn| turn.wall.as_secs_f64()))
    }

    /// In seconds.
    pub(crate) fn cpu(&self) -> f64 {
        median(self.turns.iter().map(|turn| turn.cpu.as_secs_f64()))
    }

    /// In MiB.
    pub(crate) fn peak(&self) -> f64 {
        self.turns.iter().map(|turn| turn.peak as f64 / MIB).fold(0.0, f64::max)
    }
}

impl Row {
    /// A row in which contenders did the same work: the first one is what the others are compared to.
    pub(crate) fn of_scores(title: String, scores: &[Score]) -> Self {
        let (wall, cpu) = scores.first().map_or((f64::NAN, f64::NAN), |ours| (ours.wall(), ours.cpu()));
        let line = |score: &Score| {
            let walls = score.turns.iter().map(|turn| turn.wall.as_secs_f64());
            let (least, most) = walls.fold((f64::INFINITY, 0.0_f64), |(least, most), wall| (least.min(wall), most.max(wall)));
            let cells = vec![
                format!("{:.2}", score.wall()),
                format!("{least:.2}-{most:.2}"),
                format!("{:.2}", score.wall() / wall),
                format!("{:.2}", score.cpu()),
                format!("{:.2}", score.cpu() / cpu),
                format!("{:.1}", score.peak()),
            ];
            Line { name: score.name.clone(), cells }
        };
        let columns = vec!["wall s", "from-to", "/ours", "CPU s", "/ours", "peak MiB"];
        Self { title, columns, lines: scores.iter().map(line).collect(), ..Self::default() }
    }

    pub(crate) fn at_most(&mut self, what: impl Into<String>, most: f64, measured: f64, unit: &'static str) {
        self.targets.push(Target { what: what.into(), most, measured, unit, grows: false });
    }

    pub(crate) fn at_least(&mut self, what: impl Into<String>, least: f64, measured: f64, unit: &'static str) {
        self.targets.push(Target { what: what.into(), most: least, measured, unit, grows: true });
    }

    pub(crate) fn print(&self) {
        println!("\n{}", self.title);
        let header: String = self.columns.iter().map(|column| format!("{column:>11}")).collect();
        println!("  {:<30}{header}", "");
        for line in &self.lines {
            let cells: String = line.cells.iter().map(|cell| format!("{cell:>11}")).collect();
            println!("  {:<30}{cells}", line.name);
        }
        for remark in &self.remarks {
            println!("  ({remark})");
        }
        if !self.targets.is_empty() {
            println!("\n  {:<52}{:>15}{:>15}{:>9}", "", "target", "measured", "reached");
        }
        for target in &self.targets {
            println!("  {:<52}{:>15}{:>15}{:>9}", target.what, target.limit(), target.value(), target.verdict());
        }
    }
}

impl Target {
    fn limit(&self) -> String {
        format!("{} {}{}", if self.grows { ">=" } else { "<=" }, self.most, self.unit)
    }

    fn value(&self) -> String {
        format!("{:.2}{}", self.measured, self.unit)
    }

    fn verdict(&self) -> &'static str {
        let reached = if self.grows { self.measured >= self.most } else { self.measured <= self.most };
        match (self.measured.is_nan(), reached) {
            (true, _) => "-",
            (false, true) => "yes",
            (false, false) => "NO",
        }
    }
}

impl Report {
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        fs::write(path, serde_json::to_vec_pretty(self)?)
    }
}
