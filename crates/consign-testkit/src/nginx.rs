//! Real nginx, for what the test server does not speak (HTTP/2) and for what nobody thought of lying
//! about. It runs as one process of the present user in a folder of its own, touches nothing of the
//! system's, and ends with its handle.

use std::{
    env, fs,
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    authority::{Authority, LOOPBACK_NAMES, Validity},
    process::Process,
};

/// A running nginx that serves a folder: by HTTP/1.1, and by TLS with HTTP/1.1 and HTTP/2.
#[derive(Debug)]
pub struct Nginx {
    process: Process,
    prefix: TempDir,
    authority: Arc<Authority>,
    program: PathBuf,
    plain: SocketAddr,
    tls: SocketAddr,
}

/// How long nginx gets to answer its first request.
const START: Duration = Duration::from_secs(20);
/// Between the choice of a free port and nginx's use of it somebody else can take it.
const ATTEMPTS: usize = 5;
const READY: &str = "/.consign-testkit-ready";

impl Nginx {
    /// Serves the folder on free ports of 127.0.0.1. `None`, with the reason on standard error, where
    /// nginx is not installed.
    ///
    /// # Errors
    /// When nginx is there and does not start.
    pub fn start(root: &Path) -> io::Result<Option<Self>> {
        Self::start_with(root, "")
    }

    /// The same with more directives for its `server` blocks (`limit_rate 1m;`).
    ///
    /// # Errors
    /// When nginx is there and does not start.
    pub fn start_with(root: &Path, directives: &str) -> io::Result<Option<Self>> {
        let Some(program) = find() else {
            eprintln!("nginx is not installed (neither in PATH nor in the system's folders): what needs it is left out");
            return Ok(None);
        };
        let root = fs::canonicalize(root)?;
        let mut failure = None;
        for _ in 0..ATTEMPTS {
            match Self::attempt(&program, &root, directives) {
                Ok(nginx) => return Ok(Some(nginx)),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| io::ErrorKind::Other.into()))
    }

    /// The whole URL of a path (which begins with `/`), for HTTP/1.1 without TLS.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.plain)
    }

    /// The whole URL of a path, with TLS and HTTP/2 for those who want it.
    pub fn tls_url(&self, path: &str) -> String {
        format!("https://{}{path}", self.tls)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Where it listens without TLS.
    pub fn address(&self) -> SocketAddr {
        self.plain
    }

    /// Where it listens with TLS.
    pub fn tls_address(&self) -> SocketAddr {
        self.tls
    }

    /// The certificate of the authority to be trusted: that of [`Authority::shared`].
    pub fn ca_pem(&self) -> String {
        self.authority.pem()
    }

    /// The requests that ended so far, one a line: method, path, protocol, status, bytes of the body,
    /// `Range`. A line comes when the answer ends, which may be after the client saw its end.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn access_log(&self) -> io::Result<String> {
        fs::read_to_string(self.prefix.path().join("access.log"))
    }

    /// Kills it, with all its connections; [`restart`](Self::restart) brings it back.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn kill(&mut self) -> io::Result<()> {
        self.process.kill().map(drop)
    }

    /// Starts it again on the same ports, killing it first if it runs.
    ///
    /// # Errors
    /// When it does not start, or another program has taken a port.
    pub fn restart(&mut self) -> io::Result<()> {
        self.kill()?;
        self.process = run(&self.program, self.prefix.path())?;
        wait_until_ready(&mut self.process, self.prefix.path(), self.plain)
    }

    fn attempt(program: &Path, root: &Path, directives: &str) -> io::Result<Self> {
        let authority = Authority::shared()?;
        let prefix = tempfile::Builder::new().prefix("consign-nginx-").tempdir()?;
        let (plain, tls) = free_addresses()?;
        let certificate = authority.issue(LOOPBACK_NAMES, Validity::Now)?;
        fs::write(prefix.path().join("certificate.pem"), certificate.certificate_pem)?;
        fs::write(prefix.path().join("key.pem"), certificate.key_pem)?;
        fs::write(prefix.path().join("nginx.conf"), configuration(prefix.path(), root, plain, tls, directives))?;
        let mut process = run(program, prefix.path())?;
        wait_until_ready(&mut process, prefix.path(), plain)?;
        Ok(Self { process, prefix, authority, program: program.to_owned(), plain, tls })
    }
}

/// The program, where it is usually put. `/usr/sbin` is in the `PATH` of few users.
fn find() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/local/sbin", "/usr/local/nginx/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(system).map(|folder| folder.join("nginx")).find(|program| program.is_file())
}

fn free_addresses() -> io::Result<(SocketAddr, SocketAddr)> {
    // Both are held until both are known, so that they differ.
    let (one, other) = (TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?, TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?);
    Ok((one.local_addr()?, other.local_addr()?))
}

fn configuration(prefix: &Path, root: &Path, plain: SocketAddr, tls: SocketAddr, directives: &str) -> String {
    let (prefix, root) = (prefix.display(), root.display());
    // Without a master there is no worker of another user, and one process to kill.
    format!(
        r#"daemon off;
master_process off;
pid "{prefix}/pid";
error_log "{prefix}/error.log" warn;
events {{ worker_connections 512; }}
http {{
    log_format line '$request_method $uri $server_protocol $status $body_bytes_sent "$http_range"';
    access_log "{prefix}/access.log" line;
    client_body_temp_path "{prefix}/body";
    proxy_temp_path "{prefix}/proxy";
    fastcgi_temp_path "{prefix}/fastcgi";
    uwsgi_temp_path "{prefix}/uwsgi";
    scgi_temp_path "{prefix}/scgi";
    default_type application/octet-stream;
    client_max_body_size 0;
    server {{
        listen {plain};
        listen {tls} ssl http2;
        ssl_certificate "{prefix}/certificate.pem";
        ssl_certificate_key "{prefix}/key.pem";
        root "{root}";
        {directives}
        location = {READY} {{ access_log off; return 200 "{prefix}"; }}
    }}
}}
"#
    )
}

fn run(program: &Path, prefix: &Path) -> io::Result<Process> {
    let mut command = Command::new(program);
    command.arg("-p").arg(prefix).arg("-c").arg(prefix.join("nginx.conf")).arg("-e").arg(prefix.join("error.log"));
    Process::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))
}

/// Asks for something that only this nginx knows: on its port somebody else could be answering.
fn wait_until_ready(process: &mut Process, prefix: &Path, address: SocketAddr) -> io::Result<()> {
    let deadline = Instant::now() + START;
    loop {
        if ask(address).is_ok_and(|answer| answer.ends_with(&prefix.display().to_string())) {
            return Ok(());
        }
        // The end of the process is waited for; nothing tells that it listens.
        let ended = process.wait(Duration::from_millis(10))?;
        if ended.is_some() || Instant::now() >= deadline {
            let log = fs::read_to_string(prefix.join("error.log")).unwrap_or_default();
            return Err(io::Error::other(format!("nginx does not start: {log}")));
        }
    }
}

fn ask(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(START))?;
    write!(stream, "GET {READY} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
