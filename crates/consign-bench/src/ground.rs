//! Where everything is done: folders on one disk, nginx, and the programs that are there.

use std::{
    cell::Cell,
    env,
    fs::{self, File},
    io::{self, IsTerminal, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use consign_testkit::Nginx;
use rustix::{
    process::Pid,
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    Outcome,
    arguments::Transfer,
    contender::{Installed, Tool, plain},
    service::Service,
};

/// Everything that the rows share. Nothing of it is left when it is dropped.
pub(crate) struct Ground {
    pub(crate) runtime: Runtime,
    pub(crate) nginx: Nginx,
    pub(crate) tools: Vec<Installed>,
    pub(crate) program: PathBuf,
    pub(crate) rounds: usize,
    /// Whether nginx and the contenders have processors of their own.
    pub(crate) pinned: bool,
    folder: TempDir,
    turns: Cell<usize>,
}

/// nginx as it is run for real work: `sendfile`, no log of each request, connections that are kept.
const DIRECTIVES: &str = "sendfile on; tcp_nopush on; access_log off; keepalive_requests 1000000; ssl_protocols TLSv1.3;";

/// Larger ones are deleted after their turn.
const SMALL: u64 = 1 << 20;

/// Memory that is touched beyond what a turn will surely use.
const SLACK: u64 = 512 << 20;

/// A folder on a disk, with this program in it under the name of the one that is measured. Nothing of
/// it is left when it is dropped.
pub(crate) struct Folder {
    folder: TempDir,
    program: PathBuf,
}

impl Folder {
    /// In `root`, by default beside this program.
    pub(crate) fn new(root: Option<&Path>) -> Outcome<Self> {
        let own = env::current_exe()?;
        let root = root.or_else(|| own.parent()).ok_or("no folder to work in: give one by --folder")?;
        if is_memory(root)? {
            return Err(format!("{} is in memory, not on a disk: name another folder by --folder", root.display()).into());
        }
        let folder = tempfile::Builder::new().prefix("consign-bench-").tempdir_in(root.canonicalize()?)?;
        for name in ["fetched", "bin"] {
            fs::create_dir(folder.path().join(name))?;
        }
        let program = folder.path().join("bin/consign");
        fs::copy(&own, &program)?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
        Ok(Self { folder, program })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command `consign`.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }
}

impl Ground {
    pub(crate) fn new(options: &Transfer) -> Outcome<Self> {
        let Folder { folder, program: copy } = Folder::new(options.folder.as_deref())?;
        fs::create_dir(folder.path().join("served"))?;
        let program = match &options.program {
            Some(program) => program.canonicalize().map_err(|error| format!("--program {}: {error}", program.display()))?,
            None => copy,
        };
        let nginx = Nginx::start_with(&folder.path().join("served"), DIRECTIVES)?
            .ok_or("without nginx there is nobody to fetch from: install it (Debian: apt-get install nginx-light)")?;
        let pinned = !options.no_pin && pin(nginx.id())?;
        let mut tools = Vec::new();
        for tool in Tool::ALL {
            match tool.find() {
                Ok(installed) => tools.push(installed),
                Err(why) => println!("{why}"),
            }
        }
        fs::write(folder.path().join("authority.pem"), nginx.ca_pem())?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        Ok(Self { runtime, nginx, tools, program, rounds: options.rounds(), pinned, folder, turns: Cell::new(0) })
    }

    pub(crate) fn served(&self) -> PathBuf {
        self.folder.path().join("served")
    }

    /// Where the files of this turn go. Empty before it.
    pub(crate) fn fetched(&self) -> PathBuf {
        self.folder.path().join("fetched").join(self.turns.get().to_string())
    }

    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// A path for something else.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A service with an empty state.
    pub(crate) fn service(&self, name: &str) -> Outcome<Service> {
        Service::start(&self.runtime, &self.path(name), &self.program, Some(&self.authority()))
    }

    /// The command, talking to this service.
    pub(crate) fn consign(&self, service: &Service) -> Command {
        let mut command = Command::new(&self.program);
        plain(&mut command);
        command.env("CONSIGN_DIR", service.folder());
        command
    }

    /// Makes every turn begin alike: nothing fetched yet, nothing left for the disk to write, and
    /// `bytes` of memory that a virtual machine need not ask its host for first.
    ///
    /// Every turn has a folder of its own. Large files are deleted after their turn; small ones stay
    /// until the end, because some file systems look long for a free place where many were deleted a
    /// moment ago, and the next one would pay for that.
    pub(crate) fn prepare(&self, bytes: u64) -> Outcome {
        if let Ok(large) = fs::metadata(self.fetched().join("file"))
            && large.len() > SMALL
        {
            fs::remove_dir_all(self.fetched())?;
        }
        self.turns.set(self.turns.get() + 1);
        fs::create_dir(self.fetched())?;
        rustix::fs::syncfs(File::open(self.folder.path())?)?;
        touch(bytes + SLACK);
        Ok(())
    }
}

/// Tells on a terminal what is being done.
pub(crate) fn progress(text: &str) {
    let mut stderr = io::stderr();
    if stderr.is_terminal() {
        // A terminal that is gone needs no progress.
        let _ = write!(stderr, "\r\x1b[K{text}");
    }
}

/// nginx on the first processor, this process and all that it starts on the others. `false` where
/// there is only one.
fn pin(nginx: u32) -> Outcome<bool> {
    let allowed = sched_getaffinity(None)?;
    let mut processors = (0..CpuSet::MAX_CPU).filter(|number| allowed.is_set(*number));
    let (mut first, mut others) = (CpuSet::new(), CpuSet::new());
    if let Some(number) = processors.next() {
        first.set(number);
    }
    processors.for_each(|number| others.set(number));
    if others.count() == 0 {
        return Ok(false);
    }
    sched_setaffinity(i32::try_from(nginx).ok().and_then(Pid::from_raw), &first)?;
    sched_setaffinity(None, &others)?;
    Ok(true)
}

/// A disk that is memory has no sync to pay for.
fn is_memory(folder: &Path) -> io::Result<bool> {
    const TMPFS: i128 = 0x0102_1994;
    const RAMFS: i128 = 0x8584_58f6;
    let kind = i128::from(rustix::fs::statfs(folder)?.f_type) & 0xffff_ffff;
    Ok(kind == TMPFS || kind == RAMFS)
}

/// Writes to so much free memory that it is there for the next who asks for some.
fn touch(bytes: u64) {
    const PIECE: u64 = 64 << 20;
    let pieces: Vec<Vec<u8>> = (0..bytes.div_ceil(PIECE)).map(|_| vec![1; PIECE as usize]).collect();
    std::hint::black_box(&pieces);
}

/// A file of so many bytes that no file system finds holes or repetitions in, on disk and in the
/// page cache.
pub(crate) fn write_file(path: &Path, bytes: u64) -> io::Result<()> {
    const PIECE: usize = 1 << 20;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut piece = vec![0; PIECE];
    let mut file = File::create(path)?;
    let mut left = bytes;
    while left > 0 {
        // New content in each page; within a page the old one is as good as any.
        for page in piece.chunks_mut(4096) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            page[..8].copy_from_slice(&state.to_le_bytes());
        }
        let now = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        file.write_all(&piece[..now])?;
        left -= now as u64;
    }
    Ok(())
}

/// Whether both files hold the same bytes.
pub(crate) fn same(one: &Path, other: &Path) -> io::Result<bool> {
    use std::io::Read;
    let (mut one, mut other) = (File::open(one)?, File::open(other)?);
    let (mut left, mut right) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    loop {
        let length = one.read(&mut left)?;
        if length == 0 {
            return Ok(true);
        }
        other.read_exact(&mut right[..length])?;
        if left[..length] != right[..length] {
            return Ok(false);
        }
    }
}
