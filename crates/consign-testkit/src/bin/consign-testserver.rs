//! The test server, started by hand: prints its URL and serves one file with the faults asked for,
//! until it is interrupted. Every request is printed when it comes, and again when it has ended.

use std::{error::Error, net::IpAddr, path::PathBuf, thread, time::Duration};

use clap::{Parser, ValueEnum};
use consign_testkit::{
    Body, Close, Fault, Resource, Server,
    server::{Framing, Head, Options, Ranges, RetryAfter, Role, TlsFault},
};

/// A web server that lies on command.
#[derive(Debug, Parser)]
#[command(name = "consign-testserver")]
struct Arguments {
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    address: IpAddr,
    /// The port to listen on; 0 for a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The path of the file.
    #[arg(long, default_value = "/file")]
    path: String,
    /// How large the file is (100M, 2G, 4096).
    #[arg(long, default_value = "100M", value_parser = size)]
    size: u64,
    /// Which file of this size.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Requests for a range are answered with everything.
    #[arg(long)]
    no_ranges: bool,
    /// HEAD is answered with 405.
    #[arg(long)]
    no_head: bool,
    /// Without an ETag.
    #[arg(long)]
    no_etag: bool,
    /// With a weak ETag.
    #[arg(long, conflicts_with = "no_etag")]
    weak_etag: bool,
    /// Without Last-Modified.
    #[arg(long)]
    no_last_modified: bool,
    /// In chunks, the length untold.
    #[arg(long)]
    chunked: bool,
    /// USER:PASSWORD for Basic authentication.
    #[arg(long, value_parser = credentials)]
    auth: Option<(String, String)>,

    /// Resets the connection after so many bytes of each answer.
    #[arg(long, value_parser = size)]
    cut_after: Option<u64>,
    /// Ends the connection after so many bytes of each answer.
    #[arg(long, value_parser = size)]
    end_after: Option<u64>,
    /// Stalls after so many bytes of each answer, for ever.
    #[arg(long, value_parser = size)]
    stall_after: Option<u64>,
    /// So many bytes a second (1M/s).
    #[arg(long, value_parser = rate)]
    slow: Option<u64>,
    /// Content-Length announces so many bytes too many.
    #[arg(long, value_parser = size)]
    length_too_long: Option<u64>,
    /// So many bytes more than announced.
    #[arg(long, value_parser = size)]
    body_too_long: Option<u64>,
    /// Content-Range is shifted by so many bytes.
    #[arg(long, allow_hyphen_values = true)]
    shifted_range: Option<i64>,
    /// Answers with this status.
    #[arg(long)]
    status: Option<u16>,
    /// Seconds in Retry-After, beside --status.
    #[arg(long, requires = "status")]
    retry_after: Option<u64>,
    /// Redirects there with 302.
    #[arg(long)]
    redirect: Option<String>,
    /// Never answers.
    #[arg(long)]
    no_answer: bool,
    /// Closes the connection instead of an answer.
    #[arg(long)]
    close: bool,
    /// The faults meet only the first N requests.
    #[arg(long, value_name = "N")]
    times: Option<usize>,
    /// The faults meet only GET.
    #[arg(long)]
    only_get: bool,
    /// The file is another one after N requests.
    #[arg(long, value_name = "N")]
    changes_after: Option<usize>,

    /// With TLS, good or faulty.
    #[arg(long, value_enum, num_args = 0..=1, default_missing_value = "good")]
    tls: Option<Tls>,
    /// Writes the certificate to be trusted there.
    #[arg(long, requires = "tls")]
    ca: Option<PathBuf>,
    /// A proxy besides, for loopback.
    #[arg(long)]
    proxy: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Tls {
    Good,
    Expired,
    NotYetValid,
    WrongHost,
    UnknownAuthority,
    HandshakeCut,
    HandshakeStall,
}

impl From<Tls> for TlsFault {
    fn from(tls: Tls) -> Self {
        match tls {
            Tls::Good => Self::None,
            Tls::Expired => Self::Expired,
            Tls::NotYetValid => Self::NotYetValid,
            Tls::WrongHost => Self::WrongHost,
            Tls::UnknownAuthority => Self::UnknownAuthority,
            Tls::HandshakeCut => Self::HandshakeCut(Close::Reset),
            Tls::HandshakeStall => Self::HandshakeStall,
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let server = Server::start_with(Options {
        address: arguments.address,
        port: arguments.port,
        tls: arguments.tls.map(TlsFault::from),
        role: if arguments.proxy { Role::Proxy } else { Role::Origin },
    })?;
    if let Some(path) = &arguments.ca {
        std::fs::write(path, server.ca_pem())?;
    }
    let body = Body::pattern(arguments.seed, arguments.size);
    server.set(&arguments.path, resource(&arguments));
    println!("{}", server.url(&arguments.path));
    // It takes seconds for large files, and requests are printed meanwhile.
    thread::spawn(move || eprintln!("sha256 {}", body.sha256()));
    print_requests(&server)
}

/// Never ends by itself.
fn print_requests(server: &Server) -> Result<(), Box<dyn Error>> {
    const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3600);
    let (mut come, mut ended) = (0, 0);
    loop {
        let requests =
            server.wait_for(|requests| requests.len() > come || requests.get(ended).is_some_and(|request| request.over), FOR_EVER)?;
        for request in &requests[come..] {
            eprintln!("[{}] {} {} {}", request.connection, request.method, request.target, request.range().unwrap_or(""));
        }
        come = requests.len();
        // In order: one that lasts holds back the ends of later ones.
        while let Some(request) = requests.get(ended).filter(|request| request.over) {
            let status = request.status.map_or_else(|| "no status".to_owned(), |status| status.to_string());
            let broken = if request.finished { "" } else { ", broken off" };
            eprintln!("[{}] {} {status}, {} bytes sent{broken}", request.connection, request.target, request.body_sent);
            ended += 1;
        }
    }
}

fn resource(arguments: &Arguments) -> Resource {
    let dress = |body: Body| {
        let mut resource = Resource::new(body);
        if arguments.no_ranges {
            resource = resource.ranges(Ranges::Ignored);
        }
        if arguments.no_head {
            resource = resource.head(Head::Refused(405));
        }
        if arguments.no_etag {
            resource = resource.etag(None);
        }
        if arguments.weak_etag {
            resource = resource.weak_etag();
        }
        if arguments.no_last_modified {
            resource = resource.last_modified(None);
        }
        if arguments.chunked {
            resource = resource.framing(Framing::Chunked);
        }
        if let Some((user, password)) = &arguments.auth {
            resource = resource.basic_auth(user, password);
        }
        if arguments.only_get {
            resource = resource.faults_only_on("GET");
        }
        match arguments.times {
            Some(times) => (0..times).fold(resource, |resource, _| resource.then_all(faults(arguments))),
            None => faults(arguments).into_iter().fold(resource, Resource::always),
        }
    };
    let resource = dress(Body::pattern(arguments.seed, arguments.size));
    match arguments.changes_after {
        Some(requests) => resource.changes_after(requests, dress(Body::pattern(arguments.seed.wrapping_add(1), arguments.size))),
        None => resource,
    }
}

fn faults(arguments: &Arguments) -> Vec<Fault> {
    let retry_after = arguments.retry_after.map(RetryAfter::Seconds);
    [
        arguments.status.map(|code| Fault::Status { code, retry_after, body: format!("status {code}\n").into_bytes() }),
        arguments.redirect.as_ref().map(|location| Fault::redirect(302, location)),
        arguments.cut_after.map(Fault::cut),
        arguments.end_after.map(Fault::end),
        arguments.stall_after.map(Fault::stall),
        arguments.slow.map(Fault::slow),
        arguments.length_too_long.map(Fault::LengthTooLong),
        arguments.body_too_long.map(Fault::BodyTooLong),
        arguments.shifted_range.map(Fault::ContentRangeShifted),
        arguments.no_answer.then_some(Fault::NoAnswer),
        arguments.close.then_some(Fault::CloseBeforeAnswer(Close::Fin)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn size(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.find(|letter: char| !letter.is_ascii_digit()) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let shift = match unit.to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" | "KIB" => 10,
        "M" | "MIB" => 20,
        "G" | "GIB" => 30,
        "T" | "TIB" => 40,
        _ => return Err(format!("unknown unit {unit:?}: K, M, G and T are known")),
    };
    let number: u64 = digits.parse().map_err(|_| "not a size".to_owned())?;
    number.checked_mul(1 << shift).ok_or_else(|| "too large".to_owned())
}

fn rate(text: &str) -> Result<u64, String> {
    size(text.strip_suffix("/s").unwrap_or(text))
}

fn credentials(text: &str) -> Result<(String, String), String> {
    text.split_once(':')
        .map(|(user, password)| (user.to_owned(), password.to_owned()))
        .ok_or_else(|| "USER:PASSWORD is expected".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_sound() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
        assert_eq!(size("100M"), Ok(100 << 20));
        assert_eq!(size("12"), Ok(12));
        assert_eq!(rate("1k/s"), Ok(1024));
        assert!(size("M").is_err() && size("1X").is_err() && size("99999999999T").is_err());
    }
}
