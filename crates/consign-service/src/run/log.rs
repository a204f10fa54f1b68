//! The log: to stderr, or to a file of bounded size.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, IsTerminal, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// Where the log goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogTo {
    /// To stderr, which a terminal or the journal reads.
    Stderr,
    /// To the log file in the state folder: there is nobody at stderr.
    File,
    /// Wherever the process has arranged for already.
    Host,
}

/// The log file is put aside when it would grow over this, in bytes; one old one is kept.
const LARGEST: u64 = 10 << 20;

/// Sets the log up, once in a process. `filter` is what `CONSIGN_LOG` says, in the words of
/// `tracing_subscriber::EnvFilter`.
pub(super) fn start(to: LogTo, path: &Path, filter: Option<&str>) -> io::Result<()> {
    let filter = EnvFilter::builder().parse_lossy(filter.unwrap_or("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    // A log that is set up already stays.
    let _ = match to {
        LogTo::Host => return Ok(()),
        LogTo::Stderr => builder.with_writer(io::stderr).with_ansi(io::stderr().is_terminal()).try_init(),
        LogTo::File => builder.with_writer(Rotating::open(path.to_owned(), LARGEST)?).with_ansi(false).try_init(),
    };
    Ok(())
}

/// A file that is put aside when it is full.
struct Rotating {
    path: PathBuf,
    largest: u64,
    open: Mutex<Open>,
}

struct Open {
    file: File,
    size: u64,
}

impl Rotating {
    fn open(path: PathBuf, largest: u64) -> io::Result<Self> {
        let mut open = open(&path)?;
        if open.size >= largest {
            open = turn(&path)?;
        }
        Ok(Self { path, largest, open: Mutex::new(open) })
    }

    fn write_line(&self, line: &[u8]) -> io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.size + line.len() as u64 > self.largest && open.size > 0 {
            *open = turn(&self.path)?;
        }
        open.file.write_all(line)?;
        open.size += line.len() as u64;
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<Open> {
    let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    let file = OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags).open(path)?;
    let size = file.metadata()?.len();
    Ok(Open { file, size })
}

fn turn(path: &Path) -> io::Result<Open> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".old");
    fs::rename(path, aside)?;
    open(path)
}

/// One line on its way: the formatter writes it whole, at once.
struct Line<'a>(&'a Rotating);

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_line(line).map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Rotating {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(self)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_full_log_is_put_aside_and_its_user_alone_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("consign.log");
        let old = folder.path().join("consign.log.old");
        let log = Rotating::open(path.clone(), 10).unwrap();
        for line in ["one1\n", "two2\n", "three\n", "four\n"] {
            log.write_line(line.as_bytes()).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "four\n");
        assert_eq!(fs::read_to_string(&old).unwrap(), "three\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, "x".repeat(20)).unwrap();
        Rotating::open(path.clone(), 10).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
        assert_eq!(fs::metadata(&old).unwrap().len(), 20);
    }
}
