//! Telling the service that there is something to carry. Whatever fails here loses nothing: the service looks
//! into every outbox when it starts, and watches their files while it runs.

use std::{
    fs::File,
    io,
    os::{
        fd::AsRawFd,
        unix::{ffi::OsStrExt, net::UnixDatagram},
    },
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use consign::{ConnectOptions, Error, Paths, StartPolicy, blocking::Client};

/// What the kernel takes as the name of a socket, without the NUL at its end.
const LONGEST_NAME: usize = 107;

/// How long after a failed start of the service the next is tried: a commit must not wait for it each time.
const AFTER_A_FAILURE: Duration = Duration::from_secs(30);

/// Who is woken after a commit.
#[derive(Clone, Debug)]
pub enum Wake {
    /// The service that these options reach. With [`StartPolicy::OnDemand`] it is started if it is not running,
    /// and the commit that finds it so waits for that.
    Service(ConnectOptions),
    /// Nobody. A service that runs notices the commit all the same; one that does not, when it is started.
    Nobody,
}

impl Default for Wake {
    /// The service of this user, started if need be.
    fn default() -> Self {
        Self::Service(ConnectOptions::default())
    }
}

#[derive(Debug)]
pub(crate) struct Waker {
    wake: Wake,
    /// Until when no further start is tried.
    pause: Mutex<Option<Instant>>,
}

impl Waker {
    pub(crate) fn new(wake: Wake) -> Self {
        Self { wake, pause: Mutex::new(None) }
    }

    /// After a commit.
    pub(crate) fn wake(&self, database: &Path) {
        let paused = *self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        let may_start = paused.is_none_or(|until| Instant::now() >= until);
        let woken = self.reach(database, may_start);
        if may_start {
            *self.pause.lock().unwrap_or_else(PoisonError::into_inner) = woken.as_ref().err().map(|_| Instant::now() + AFTER_A_FAILURE);
        }
        match woken {
            Err(Error::NotRunning) | Ok(()) => {}
            Err(error) => tracing::warn!(%error, "the service was not woken; it finds what was recorded when it is started"),
        }
    }

    /// Now, whatever failed before.
    pub(crate) fn try_wake(&self, database: &Path) -> Result<(), Error> {
        self.reach(database, true)
    }

    fn reach(&self, database: &Path, may_start: bool) -> Result<(), Error> {
        let Wake::Service(options) = &self.wake else { return Ok(()) };
        let paths = match &options.paths {
            Some(paths) => paths.clone(),
            None => Paths::from_environment(|name| std::env::var_os(name))?,
        };
        let socket = paths.wake_socket();
        match knock(&socket, database) {
            Ok(()) => Ok(()),
            // So many wait already that nobody needs another.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) if is_absent(&error) && options.start == StartPolicy::OnDemand && may_start => start(options.clone()),
            Err(error) if is_absent(&error) => Err(Error::NotRunning),
            Err(source) => Err(Error::Socket { socket, source }),
        }
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

/// A datagram with the path of the database.
fn knock(socket: &Path, database: &Path) -> io::Result<()> {
    let datagram = UnixDatagram::unbound()?;
    datagram.set_nonblocking(true)?;
    let message = database.as_os_str().as_bytes();
    if socket.as_os_str().len() <= LONGEST_NAME {
        return datagram.send_to(message, socket).map(drop);
    }
    let (Some(folder), Some(name)) = (socket.parent(), socket.file_name()) else { return Err(io::ErrorKind::NotFound.into()) };
    let folder = File::open(folder)?;
    let short = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
    datagram.send_to(message, short).map(drop)
}

/// The service looks into every outbox when it starts, so it need not be told.
fn start(options: ConnectOptions) -> Result<(), Error> {
    // On a thread of its own: the caller's may run an async runtime, in which nobody may block so.
    let thread = thread::Builder::new().name("consign-wake".to_owned()).spawn(move || Client::connect_with(options).map(drop));
    thread.map_err(Error::NoRuntime)?.join().unwrap_or(Err(Error::NotRunning))
}
