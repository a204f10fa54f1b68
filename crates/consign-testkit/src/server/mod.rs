//! A web server with faults on command. It owns one thread, the sockets of its connections and a log
//! of requests; it writes HTTP/1.1 byte by byte, so that it can lie about everything.
//!
//! HTTP/2 is deliberately absent: it is tested with real nginx.

mod answer;
mod connection;
mod fault;
mod proxy;
mod range;
mod request;
mod resource;
mod state;
mod tls;
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
    tls::TlsFault,
};
use self::{state::State, tls::Tls, wire::Wire};
use crate::authority::Authority;

/// A running server. Dropping it ends all its connections and frees its port.
///
/// All methods can be called from any thread, at any time; none is async, and only those called
/// `wait…` block.
pub struct Server {
    address: SocketAddr,
    authority: Option<Arc<Authority>>,
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Where a server listens, and what it is.
#[derive(Clone, Debug)]
pub struct Options {
    /// The address; by default 127.0.0.1. All of 127.0.0.0/8 is there without any set-up: a server on
    /// 127.0.0.2 is another host.
    pub address: IpAddr,
    /// The port; 0, the default, for a free one. A server that comes back needs the one it had.
    pub port: u16,
    /// TLS, good or faulty; by default none.
    pub tls: Option<TlsFault>,
    /// Whether it is a proxy besides.
    pub role: Role,
}

/// What a server does with requests for other hosts (`GET http://…`, `CONNECT …`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// It takes them for its own.
    #[default]
    Origin,
    /// It forwards them, to loopback only. A resource set under a whole URL is answered by the proxy
    /// itself.
    Proxy,
}

impl Default for Options {
    fn default() -> Self {
        Self { address: Ipv4Addr::LOCALHOST.into(), port: 0, tls: None, role: Role::Origin }
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

    /// A server with TLS on a free port of 127.0.0.1. It speaks HTTP/1.1 only.
    ///
    /// # Errors
    /// When there is no port, thread or descriptor left.
    pub fn start_tls(fault: TlsFault) -> io::Result<Self> {
        Self::start_with(Options { tls: Some(fault), ..Options::default() })
    }

    /// A proxy on a free port of 127.0.0.1: for requests with whole URLs, and for CONNECT.
    ///
    /// # Errors
    /// When there is no port, thread or descriptor left.
    pub fn start_proxy() -> io::Result<Self> {
        Self::start_with(Options { role: Role::Proxy, ..Options::default() })
    }

    /// A server as the options say.
    ///
    /// # Errors
    /// When the port is taken, or there is no thread or descriptor left.
    pub fn start_with(options: Options) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((options.address, options.port)))?;
        let address = listener.local_addr()?;
        let authority = options.tls.map(|_| Authority::shared()).transpose()?;
        let tls = match (options.tls, &authority) {
            (Some(fault), Some(authority)) => Some(Tls::new(fault, authority)?),
            _ => None,
        };
        let state = Arc::new(State::new(options.role));
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("test server".to_owned()).spawn({
            let state = Arc::clone(&state);
            move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = accept(listener, tls, state) => {}
                        _ = stopped => {}
                    }
                });
            }
        })?;
        Ok(Self { address, authority, state, stop: Some(stop), thread: Some(thread) })
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
        // An IPv6 address stands in brackets in both.
        let host = self.address.to_string();
        self.url_on(host.rsplit_once(':').map_or(host.as_str(), |(ip, _)| ip), path)
    }

    /// The whole URL of a path, with another name for the host.
    pub fn url_on(&self, host: &str, path: &str) -> String {
        let scheme = if self.authority.is_some() { "https" } else { "http" };
        format!("{scheme}://{host}:{}{path}", self.port())
    }

    /// The certificate of the authority to be trusted; empty without TLS. It is the same for all
    /// servers of the process.
    pub fn ca_pem(&self) -> String {
        self.authority.as_ref().map(|authority| authority.pem()).unwrap_or_default()
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

    /// As a proxy, needs Basic authentication from now on: 407 otherwise.
    pub fn set_proxy_credentials(&self, user: &str, password: &str) {
        self.state.change(|inner| inner.proxy_credentials = Some(answer::basic(user, password)));
    }

    /// As a proxy, takes a host name to an address, whatever the port asked for. A name that only the
    /// proxy knows proves that it was used.
    pub fn map_host(&self, host: &str, address: SocketAddr) {
        self.state.change(|inner| inner.hosts.insert(host.to_owned(), address));
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

async fn accept(listener: TcpListener, tls: Option<Tls>, state: Arc<State>) {
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
        let (state, tls) = (Arc::clone(&state), tls.clone());
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let wire = match tls {
                Some(tls) => tls.accept(stream).await,
                None => Some(Wire::Plain(stream)),
            };
            if let Some(wire) = wire {
                connection::serve(wire, &state, number).await;
            }
            state.disconnected();
        });
    }
}
