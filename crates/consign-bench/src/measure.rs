//! What a process used, as the kernel counts it.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Write},
    net::TcpStream,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use consign_testkit::Process;
use rustix::time::{ClockId, clock_gettime};

use crate::Outcome;

/// What one turn of a contender took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Turn {
    pub(crate) wall: Duration,
    /// Of all its processes, in the kernel and outside.
    pub(crate) cpu: Duration,
    /// The most memory that its largest process had at one time, in bytes.
    pub(crate) peak: u64,
}

/// How often the peak of a process is looked at while it runs: at its end the kernel forgets it.
const LOOK: Duration = Duration::from_millis(10);

/// Runs a program to its end.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Outcome<Turn> {
    let name = command.get_program().to_string_lossy().into_owned();
    let began = Instant::now();
    let mut process = Process::start(command).map_err(|error| format!("{name}: {error}"))?;
    let mut turn = Turn::default();
    while !process.ends(LOOK)? {
        turn.peak = peak(process.id()).unwrap_or(turn.peak);
        if began.elapsed() > limit {
            return Err(format!("{name} was not done after {} s", limit.as_secs()).into());
        }
    }
    turn.wall = began.elapsed();
    turn.cpu = cpu(process.id())?;
    match process.wait(LOOK)? {
        Some(status) if status.success() => Ok(turn),
        Some(status) => Err(format!("{name} failed: {status}").into()),
        None => Err(format!("{name} did not end").into()),
    }
}

/// The processor time of a process and of those children that it has waited for. To 10 ms.
pub(crate) fn cpu(process: u32) -> io::Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name may hold anything, blanks and parentheses included.
    let (_, fields) = text.rsplit_once(')').ok_or(io::ErrorKind::InvalidData)?;
    // From `state`, the third field, on: utime, stime, cutime and cstime are the 14th to 17th.
    let ticks: u64 = fields.split_whitespace().skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second().max(1)))
}

/// The most memory that a process had, in bytes.
pub(crate) fn peak(process: u32) -> Option<u64> {
    status(&format!("/proc/{process}/status"), "VmHWM:").map(|kib| kib * 1024)
}

/// The memory that a process has, in bytes.
pub(crate) fn resident(process: u32) -> Option<u64> {
    status(&format!("/proc/{process}/status"), "VmRSS:").map(|kib| kib * 1024)
}

/// Lets the peak begin at what the process has now.
pub(crate) fn reset_peak(process: u32) {
    // Not every kernel lets us: then the peak is that of the process's whole life.
    let _ = fs::write(format!("/proc/{process}/clear_refs"), "5");
}

/// How often each thread of a process went to sleep or was interrupted.
pub(crate) fn switches(process: u32) -> io::Result<BTreeMap<String, u64>> {
    let mut threads = BTreeMap::new();
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let path = thread?.path().join("status");
        let path = path.to_string_lossy();
        let count = status(&path, "voluntary_ctxt_switches:").unwrap_or(0) + status(&path, "nonvoluntary_ctxt_switches:").unwrap_or(0);
        threads.insert(path.into_owned(), count);
    }
    Ok(threads)
}

/// How often threads woke up between two looks. One that has ended meanwhile did so for the last time.
pub(crate) fn wake_ups(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> u64 {
    let ended = before.keys().filter(|thread| !after.contains_key(*thread)).count();
    let woken: u64 = after.iter().map(|(thread, count)| count.saturating_sub(before.get(thread).copied().unwrap_or(0))).sum();
    woken + u64::try_from(ended).unwrap_or(u64::MAX)
}

fn status(path: &str, field: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix(field))?.split_whitespace().next()?.parse().ok()
}

/// The machine's own clock, in milliseconds: the same for all processes.
pub(crate) fn now() -> f64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

/// The middle one; of two, the mean.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        length => f64::midpoint(values[(length - 1) / 2], values[length / 2]),
    }
}

/// The one below which `share` of them are, 0 to 1.
pub(crate) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (sorted.len() as f64 * share) as usize;
    sorted.get(place).or(sorted.last()).copied().unwrap_or(f64::NAN)
}

/// What one sync of 4 KiB more in a file takes here and now, in milliseconds: the median of many.
pub(crate) fn sync_time(folder: &Path) -> io::Result<f64> {
    const SYNCS: usize = 100;
    let mut file = File::create(folder.join("synced"))?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        file.write_all(&[1; 4096])?;
        let began = Instant::now();
        file.sync_all()?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(median(times))
}

const PIECE: usize = 1 << 20;

/// Gets `url` into `output` with nothing but reads and writes.
pub(crate) fn bare_loop(url: &str, output: &Path) -> Outcome {
    let (host, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).ok_or("http:// alone is understood")?;
    let mut stream = TcpStream::connect(host)?;
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut file = File::create(output)?;
    let mut buffer = vec![0; PIECE];
    let mut length = stream.read(&mut buffer)?;
    let end = buffer[..length].windows(4).position(|four| four == b"\r\n\r\n").ok_or("no head of an answer")? + 4;
    file.write_all(&buffer[end..length])?;
    while length > 0 {
        length = stream.read(&mut buffer)?;
        file.write_all(&buffer[..length])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_found() {
        assert!((median([3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median([4.0, 1.0]) - 2.5).abs() < 1e-9);
        assert!(median([]).is_nan());
        assert!((percentile(&[4.0, 1.0, 3.0, 2.0], 0.99) - 4.0).abs() < 1e-9);
        assert!((percentile(&[4.0, 1.0, 3.0, 2.0], 0.5) - 3.0).abs() < 1e-9);
    }

    #[test]
    fn a_process_is_counted() {
        let turn =
            run(Command::new("sh").args(["-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"]), Duration::from_secs(60)).unwrap();
        assert!(turn.cpu > Duration::ZERO);
        assert!(turn.wall > Duration::ZERO);
        assert!(run(&mut Command::new("false"), Duration::from_secs(60)).is_err());
        assert!(run(Command::new("sleep").arg("1000"), Duration::ZERO).is_err());
    }
}
