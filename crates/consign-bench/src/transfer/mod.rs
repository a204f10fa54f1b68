//! Files: one large one, many small ones in one job, many jobs, and many jobs at rest.

mod bulk;
mod contest;
mod files;
mod idle;
mod jobs;

use std::{fs, process::Command};

use crate::{
    Outcome,
    arguments::{Row as Which, Transfer},
    ground::{Ground, progress},
    report::{Report, Row},
};

/// The service may have at most so much memory, in MiB, whatever it does.
const MEMORY: f64 = 30.0;

pub(crate) fn run(options: &Transfer) -> Outcome {
    let ground = Ground::new(options)?;
    let mut report = Report { machine: machine(&ground), rows: Vec::new() };
    report.machine.iter().for_each(|line| println!("{line}"));
    let mut add = |row: Outcome<Row>| -> Outcome {
        progress("");
        let row = row?;
        row.print();
        report.rows.push(row);
        Ok(())
    };
    if options.wants(Which::Plain) || options.wants(Which::Tls) {
        let file = bulk::File::make(&ground, options.size())?;
        if options.wants(Which::Plain) {
            add(bulk::plain(&ground, &file))?;
        }
        if options.wants(Which::Tls) {
            add(bulk::tls(&ground, &file))?;
        }
    }
    if options.wants(Which::Files) {
        add(files::row(&ground, options.count()))?;
    }
    if options.wants(Which::Jobs) {
        add(jobs::row(&ground, options.jobs()))?;
    }
    if options.wants(Which::Idle) {
        add(idle::row(&ground, options.count()))?;
    }
    if let Some(path) = &options.json {
        report.write(path)?;
    }
    Ok(())
}

/// What the numbers depend on.
fn machine(ground: &Ground) -> Vec<String> {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models: Vec<&str> = cpus.lines().filter_map(|line| line.strip_prefix("model name")).collect();
    let model = models.first().map_or("unknown", |model| model.trim_start_matches([' ', '\t', ':']));
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap_or("unknown").trim();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let nginx = Command::new("nginx").arg("-v").output().map(|output| String::from_utf8_lossy(&output.stderr).trim().to_owned());
    let mut versions = vec![format!("consign {}", env!("CARGO_PKG_VERSION"))];
    versions.extend(ground.tools.iter().map(|installed| format!("{} {}", installed.tool.name(), installed.version)));
    versions.extend(nginx.ok().and_then(|text| Some(text.split_once('/')?.1.to_owned())).map(|version| format!("nginx {version}")));
    vec![
        format!("{} x {model}, memory {total}, Linux {}", models.len(), kernel.trim()),
        versions.join(", "),
        format!(
            "{} rounds; {}",
            ground.rounds,
            if ground.pinned { "nginx on one processor, each contender on the others" } else { "no processor is anybody's own" }
        ),
    ]
}
