//! A Rust job queue on SQLite. It is a program of its own, because the SQLite that it is built with
//! cannot be in one program with ours.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{Peer, Took, Turn};
use crate::{Outcome, queue::CLIENTS};

/// How it is built.
const BUILD: &str = "cargo build --release --manifest-path crates/consign-bench/job-queue/Cargo.toml";

pub(super) struct JobQueue {
    program: PathBuf,
    name: String,
}

impl JobQueue {
    pub(super) fn find(given: Option<&Path>) -> Outcome<Self> {
        let program = match given {
            Some(program) => program.to_owned(),
            None => {
                let built = "crates/consign-bench/job-queue/target/release/consign-bench-job-queue";
                // From the root of the repository, or from beside this program.
                let own = env::current_exe()?;
                let roots = [Some(Path::new("")), own.ancestors().nth(3)];
                let mut places = roots.into_iter().flatten().map(|root| root.join(built));
                places.find(|place| place.is_file()).ok_or_else(|| format!("the job queue on SQLite is not built: {BUILD}"))?
            }
        };
        let output = Command::new(&program).arg("name").stdin(Stdio::null()).output();
        let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
        Ok(Self { program, name: String::from_utf8(output.stdout)?.trim().to_owned() })
    }
}

impl Peer for JobQueue {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn turn(&self, turn: &Turn<'_>) -> Outcome<Took> {
        let mut command = Command::new(&self.program);
        command.arg("run").arg(turn.folder).args([
            CLIENTS.to_string(),
            turn.size.to_string(),
            turn.bench.turn.as_millis().to_string(),
            turn.bench.times.to_string(),
        ]);
        // It ends by itself: its turns are limited.
        let output = command.stdin(Stdio::null()).output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned().into());
        }
        let text = String::from_utf8(output.stdout)?;
        let numbers = |line: Option<&str>| -> Outcome<Vec<f64>> {
            let words = line.ok_or("too little was said")?.split_whitespace();
            Ok(words.map(str::parse).collect::<Result<_, _>>()?)
        };
        let mut lines = text.lines();
        let one = numbers(lines.next())?;
        match numbers(lines.next())?[..] {
            [recorded, played] => Ok(Took { one, recorded, played }),
            _ => Err("something else was said".into()),
        }
    }
}
