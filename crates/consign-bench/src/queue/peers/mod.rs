//! The queues that people use. Each is started in a folder of its own on the same disk, set so that
//! what it answered is durable, and ended after its turn.

mod job_queue;
mod postgres;
mod redis;

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use consign_testkit::Process;

use super::{
    Bench,
    contest::one_by_one,
    crowd::{Worker, together},
};
use crate::Outcome;

/// No server needs longer to start or to end.
const LIMIT: Duration = Duration::from_secs(30);

/// One of them.
pub(super) trait Peer {
    /// With its version, and what is done.
    fn name(&self) -> String;

    /// Records, and takes and acknowledges what was recorded.
    fn turn(&self, turn: &Turn<'_>) -> Outcome<Took>;
}

/// What a turn is done with.
pub(super) struct Turn<'a> {
    pub(super) bench: &'a Bench,
    /// Empty, for this turn alone.
    pub(super) folder: &'a Path,
    /// The bytes of a message.
    pub(super) size: usize,
}

/// What a turn took.
pub(super) struct Took {
    /// One client, each time, in microseconds.
    pub(super) one: Vec<f64>,
    /// Messages in a second by many clients.
    pub(super) recorded: f64,
    /// Messages in a second, taken and acknowledged.
    pub(super) played: f64,
}

/// Those that are there. Why others are not is printed.
pub(super) fn find(_: &Bench, job_queue: Option<&Path>) -> Vec<Box<dyn Peer>> {
    let found: [Outcome<Box<dyn Peer>>; 3] = [
        redis::Redis::find().map(|peer| Box::new(peer) as _),
        postgres::Postgres::find().map(|peer| Box::new(peer) as _),
        job_queue::JobQueue::find(job_queue).map(|peer| Box::new(peer) as _),
    ];
    let told = found.into_iter().filter_map(|found| found.inspect_err(|why| println!("left out: {why}")).ok());
    told.collect()
}

/// The same for a server with connections: one client, many clients, and those that take.
async fn contest<R: Worker, T: Worker>(turn: &Turn<'_>, mut one: R, many: Vec<R>, takers: Vec<T>) -> Outcome<Took> {
    let mut times = Vec::with_capacity(turn.bench.times);
    for _ in 0..turn.bench.times {
        times.push(one_by_one(&mut one).await?);
    }
    drop(one);
    let recorded = together(many, turn.bench.turn).await?.rate();
    // Until nothing is left, but no longer than it took to record: that is enough to tell.
    let played = together(takers, turn.bench.turn).await?.rate();
    Ok(Took { one: times, recorded, played })
}

/// A program in PATH, or in one of the folders where it is also looked for.
fn program(name: &str, folders: &[&str]) -> Outcome<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found =
        env::split_paths(&path).chain(folders.iter().map(PathBuf::from)).map(|folder| folder.join(name)).find(|file| file.is_file());
    found.ok_or_else(|| format!("{name} is not installed").into())
}

/// The first word of what a program says of its version that begins with a digit.
fn version(program: &Path) -> String {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let word =
        text.split(|sign: char| sign.is_whitespace() || sign == '=').find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
    word.unwrap_or("of unknown version").to_owned()
}

/// A server with its socket. Ends with this.
struct Running(Process);

impl Running {
    /// Starts it, and waits until its socket is there.
    fn start(command: &mut Command, socket: &Path) -> Outcome<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut running = Self(Process::start(command).map_err(|error| format!("{name}: {error}"))?);
        let began = Instant::now();
        // It does not tell when it is ready.
        while std::os::unix::net::UnixStream::connect(socket).is_err() {
            if running.0.wait(Duration::from_millis(10))?.is_some() {
                return Err(format!("{name} ended at once").into());
            }
            if began.elapsed() > LIMIT {
                return Err(format!("{name} does not listen after {} s", LIMIT.as_secs()).into());
            }
        }
        Ok(running)
    }

    fn stop(mut self) -> Outcome {
        // What was opened to see whether it listens is closed by now; an interrupt ends it fast.
        let process = i32::try_from(self.0.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(process) = process {
            rustix::process::kill_process(process, rustix::process::Signal::INT)?;
        }
        match self.0.wait(LIMIT)? {
            Some(_) => Ok(()),
            None => Err("a server did not end".into()),
        }
    }
}
