//! A web server with faults on command. It owns one thread, the sockets of its connections and a log
//! of requests; it writes HTTP/1.1 byte by byte, so that it can lie about everything.
//!
//! HTTP/2 is deliberately absent: it is tested with real nginx.

mod answer;
mod connection;
mod fault;
mod range;
mod request;
mod resource;
mod state;
mod wire;

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{net::TcpListener, sync::oneshot};

pub use self::{
    fault::{Close, Fault, RetryAfter},
    request::Request,
    resource::{Framing, Head, MultipleRanges, Ranges, Resource},
    state::{Accepting, KeepAlive},
};
use self::{state::State, wire::Wire};

/// A running server. Dropping it ends all its connections and frees its port.
///
/// All methods can be called from any thread, at any time; none is async, and only those called
/// `wait…` block.
pub struct Server {
    address: SocketAddr,
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Where a server listens.
#[derive(Clone, Debug)]
pub struct Options {
    /// The address; by default 127.0.0.1. All of 127.0.0.0/8 is there without any set-up: a server on
    /// 127.0.0.2 is another host.
    pub address: IpAddr,
    /// The port; 0, the default, for a free one. A server that comes back needs the one it had.
    pub port: u16,
}

impl Default for Options {
    fn default() -> Self {
        Self { address: Ipv4Addr::LOCALHOST.into(), port: 0 }
    }
}

impl Server {
    /// A server without TLS on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When there is no port, thread or descriptor left.
    pub fn start() -> io::Result<Self> {
        Self::start_with(Options::default())
    }

    /// A server as the options say.
    ///
    /// # Errors
    /// When the port is taken, or there is no thread or descriptor left.
    pub fn start_with(options: Options) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((options.address, options.port)))?;
        let address = listener.local_addr()?;
        let state = Arc::new(State::new());
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("test server".to_owned()).spawn({
            let state = Arc::clone(&state);
            move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = accept(listener, state) => {}
                        _ = stopped => {}
                    }
                });
            }
        })?;
        Ok(Self { address, state, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The whole URL of a path (which begins with `/`).
    pub fn url(&self, path: &str) -> String {
        self.url_on(&self.address.ip().to_string(), path)
    }

    /// The whole URL of a path, with another name for the host.
    pub fn url_on(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.port())
    }

    /// Puts a resource there, in place of what was there. The path is compared with the request's
    /// target, with its query first and then without it.
    pub fn set(&self, path: &str, resource: Resource) {
        self.state.set(path, Some(resource));
    }

    /// Takes a resource away: 404 from now on.
    pub fn remove(&self, path: &str) {
        self.state.set(path, None);
    }

    /// Makes `path` the start of `count` redirects (`path`, `path-1`, `path-2` …), the last of which
    /// leads to `target`.
    pub fn set_redirects(&self, path: &str, count: usize, code: u16, target: &str) {
        let name = |index: usize| if index == 0 { path.to_owned() } else { format!("{path}-{index}") };
        for index in 0..count {
            let next = if index + 1 == count { target.to_owned() } else { name(index + 1) };
            self.set(&name(index), Resource::redirect(code, next));
        }
    }

    /// All requests so far, in the order in which they came.
    pub fn requests(&self) -> Vec<Request> {
        self.state.lock().requests.clone()
    }

    /// The requests so far for one path.
    pub fn requests_for(&self, path: &str) -> Vec<Request> {
        self.state.lock().requests.iter().filter(|request| request.path == path).cloned().collect()
    }

    /// Waits until the log of requests is as wanted, and answers it. Blocks the thread, and is woken
    /// by every request, status and piece of a body.
    ///
    /// # Errors
    /// The log as it was when the limit was reached.
    pub fn wait_for(&self, condition: impl Fn(&[Request]) -> bool, limit: Duration) -> Result<Vec<Request>, TimedOut> {
        let (holds, inner) = self.state.wait(limit, |inner| condition(&inner.requests));
        let requests = inner.requests.clone();
        if holds { Ok(requests) } else { Err(TimedOut { requests }) }
    }

    /// Waits until at least so many answers are stalled. Blocks the thread.
    ///
    /// # Errors
    /// The log as it was when the limit was reached.
    pub fn wait_stalled(&self, count: usize, limit: Duration) -> Result<(), TimedOut> {
        let (holds, inner) = self.state.wait(limit, |inner| inner.stalled >= count);
        if holds { Ok(()) } else { Err(TimedOut { requests: inner.requests.clone() }) }
    }

    /// Waits until at most so many connections are open. Blocks the thread.
    ///
    /// # Errors
    /// The log as it was when the limit was reached.
    pub fn wait_open_at_most(&self, count: usize, limit: Duration) -> Result<(), TimedOut> {
        let (holds, inner) = self.state.wait(limit, |inner| inner.open <= count);
        if holds { Ok(()) } else { Err(TimedOut { requests: inner.requests.clone() }) }
    }

    /// Lets everything go on that is stalled now (not what stalls later).
    pub fn release(&self) {
        self.state.releases.send_replace(());
    }

    /// Ends all present connections: the network breaks.
    pub fn cut_connections(&self, how: Close) {
        self.state.cuts.send_replace(how);
    }

    /// Whether connections are taken from now on.
    pub fn set_accepting(&self, accepting: Accepting) {
        self.state.change(|inner| inner.accepting = accepting);
    }

    /// How many requests a connection serves from now on.
    pub fn set_keep_alive(&self, keep_alive: KeepAlive) {
        self.state.change(|inner| inner.keep_alive = keep_alive);
    }

    /// How many connections were made so far, the refused ones included.
    pub fn connections(&self) -> u64 {
        self.state.lock().connections
    }

    /// How many connections are open.
    pub fn open_connections(&self) -> usize {
        self.state.lock().open
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there was printed already.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

/// What was waited for did not happen.
#[derive(Debug, thiserror::Error)]
#[error("the server waited in vain; it had received {requests:#?}")]
pub struct TimedOut {
    /// The requests until then.
    pub requests: Vec<Request>,
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    loop {
        // Out of descriptors, or the client is gone already: the next one may fare better.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        let Some(number) = state.connected() else {
            drop(stream);
            continue;
        };
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            connection::serve(Wire::Plain(stream), &state, number).await;
            state.disconnected();
        });
    }
}
