//! Networks, proxies and TLS that fail, and those that do not.

use std::sync::{Arc, Mutex};

use consign_bits::{ErrorContext, ProxySettings, ProxyUsage, bits, wininet};
use consign_testkit::{
    Body, Close, Fault, Resource, Server,
    server::{Accepting, Options, Role, TlsFault},
};
use tokio_util::sync::CancellationToken;

use super::{Bench, LIMIT, apart};
use crate::fetch::{Outcome, Retry};

fn body() -> Body {
    Body::pattern(4, 300_000)
}

fn resource() -> Resource {
    Resource::new(body())
}

#[tokio::test]
async fn a_refused_connection_passes() {
    let mut bench = Bench::new(resource());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    bench.task.url = format!("http://{}/file", taken.local_addr().unwrap());
    drop(taken);
    let failure = bench.fails_for_now(bits::BG_E_CONNECT_FAILURE).await;
    assert_eq!(failure.failure.context, ErrorContext::GeneralTransport);
}

#[tokio::test]
async fn a_closed_connection_passes() {
    let bench = Bench::new(resource());
    bench.server.set_accepting(Accepting::None);
    bench.fails_for_now(bits::BG_E_CONNECTION_CLOSED).await;
    for how in [Close::Fin, Close::Reset] {
        let bench = Bench::new(resource().always(Fault::CloseBeforeAnswer(how)));
        bench.fails_for_now(bits::BG_E_CONNECTION_CLOSED).await;
    }
}

#[tokio::test]
async fn an_unknown_name_passes() {
    let mut bench = Bench::new(resource());
    bench.task.url = "http://nowhere.invalid/file".into();
    let failure = bench.failed().await;
    // A machine without any route is told apart: there the name is not to blame.
    assert!(
        matches!(
            (failure.failure.code, failure.retry),
            (wininet::WININET_E_NAME_NOT_RESOLVED, Retry::After(None)) | (bits::BG_E_NETWORK_DISCONNECTED, Retry::WhenNetworkReturns)
        ),
        "{failure:?}"
    );
    assert!(failure.failure.sentence.contains("nowhere.invalid"));
}

#[tokio::test]
async fn silence_is_noticed() {
    let mut bench = Bench::new(resource().always(Fault::NoAnswer));
    bench.settings.stall_timeout = 1;
    bench.fails_for_now(wininet::WININET_E_TIMEOUT).await;
    let mut bench = Bench::new(resource().always(Fault::stall(0)));
    bench.settings.stall_timeout = 1;
    bench.fails_for_now(bits::BG_E_NO_PROGRESS).await;
}

#[tokio::test]
async fn a_stall_in_the_middle_is_gone_round() {
    let mut bench = Bench::new(resource().then(Fault::stall(100_000)));
    bench.settings.stall_timeout = 1;
    bench.done(&body()).await;
    assert_eq!(bench.ranges()[1].as_deref(), Some("bytes=100000-"));
}

#[tokio::test]
async fn https_works_with_an_authority_that_is_trusted() {
    let bench = Bench::tls(TlsFault::None, resource().then(Fault::end(100_000)));
    bench.done(&body()).await;
    assert_eq!(bench.server.requests().len(), 2);
}

#[tokio::test]
async fn bad_certificates_are_fatal() {
    for (fault, code) in [
        (TlsFault::Expired, wininet::WININET_E_SEC_CERT_DATE_INVALID),
        (TlsFault::NotYetValid, wininet::WININET_E_SEC_CERT_DATE_INVALID),
        (TlsFault::WrongHost, wininet::WININET_E_SEC_CERT_CN_INVALID),
        (TlsFault::UnknownAuthority, wininet::WININET_E_INVALID_CA),
    ] {
        let bench = Bench::tls(fault, resource());
        bench.fails_for_ever(code, ErrorContext::GeneralTransport).await;
        assert_eq!(bench.server.requests().len(), 0, "{fault:?}");
    }
}

#[tokio::test]
async fn a_broken_handshake_passes() {
    for how in [Close::Fin, Close::Reset] {
        let bench = Bench::tls(TlsFault::HandshakeCut(how), resource());
        bench.fails_for_now(wininet::WININET_E_SECURITY_CHANNEL_ERROR).await;
    }
    let mut bench = Bench::tls(TlsFault::HandshakeStall, resource());
    bench.settings.connect_timeout = 1;
    bench.fails_for_now(wininet::WININET_E_TIMEOUT).await;
}

fn through(bench: &mut Bench, list: &str) {
    bench.context.proxy = ProxySettings { usage: ProxyUsage::Override, list: Some(list.into()), bypass: None };
}

#[tokio::test]
async fn a_proxy_is_asked_for_http_and_makes_tunnels_for_https() {
    let proxy = apart(Server::start_proxy);
    let mut bench = Bench::new(resource().then(Fault::end(1000)));
    proxy.map_host("elsewhere.test", bench.server.address());
    bench.task.url = "http://me:secret@elsewhere.test/file".into();
    through(&mut bench, &proxy.address().to_string());
    bench.done(&body()).await;
    assert_eq!(proxy.requests()[0].target, "http://elsewhere.test/file");
    assert_eq!(bench.server.requests()[0].header("host"), Some("elsewhere.test"));

    let mut bench = Bench::tls(TlsFault::None, resource());
    bench.context.proxy_environment.https = Some(format!("http://{}", proxy.address()));
    bench.task.url = bench.server.url_on("localhost", "/file");
    bench.done(&body()).await;
    let tunnel = proxy.requests().last().unwrap().clone();
    assert_eq!((tunnel.method.as_str(), tunnel.target), ("CONNECT", format!("localhost:{}", bench.server.port())));
}

#[tokio::test]
async fn credentials_of_a_proxy_go_to_the_proxy_alone() {
    let proxy = apart(Server::start_proxy);
    proxy.set_proxy_credentials("user", "p:w");
    for (server, wanted) in [("http", false), ("https", true)] {
        let mut bench = if wanted { Bench::tls(TlsFault::None, resource()) } else { Bench::new(resource()) };
        through(&mut bench, &proxy.address().to_string());
        bench.fails_for_ever(bits::http_error(407), if wanted { ErrorContext::GeneralTransport } else { ErrorContext::RemoteFile }).await;
        through(&mut bench, &format!("http://user:p%3Aw@{}", proxy.address()));
        bench.done(&body()).await;
        assert_eq!(bench.server.requests()[0].header("proxy-authorization"), None, "{server}");
    }
}

#[tokio::test]
async fn a_proxy_that_is_away_is_passed_over() {
    let proxy = apart(Server::start_proxy);
    let mut bench = Bench::new(resource());
    through(&mut bench, &format!("127.0.0.1:1 https=127.0.0.1:2 {}", proxy.address()));
    bench.done(&body()).await;
    assert_eq!(proxy.requests().len(), 1);
    through(&mut bench, "127.0.0.1:1");
    bench.fails_for_now(bits::BG_E_CONNECT_FAILURE).await;
}

#[tokio::test]
async fn bad_proxy_settings_are_fatal() {
    for list in ["socks5://127.0.0.1:1080", "http://", "http://a b:x", "ws://host"] {
        let mut bench = Bench::new(resource());
        through(&mut bench, list);
        bench.fails_for_ever(bits::BG_E_INVALID_PROXY_INFO, ErrorContext::GeneralTransport).await;
        assert_eq!(bench.server.requests().len(), 0);
    }
}

#[tokio::test]
async fn idle_connections_end_with_the_fetcher() {
    let bench = Bench::new(resource());
    let fetcher = bench.fetcher();
    bench.fetch_by(&fetcher).await;
    assert_eq!(bench.server.open_connections(), 1);
    drop(fetcher);
    tokio::task::spawn_blocking(move || bench.server.wait_open_at_most(0, LIMIT).unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_proxy_can_be_reached_by_tls() {
    let options = Options { tls: Some(TlsFault::None), role: Role::Proxy, ..Options::default() };
    let proxy = apart(|| Server::start_with(options));
    let mut plain = Bench::new(resource());
    plain.trust(&proxy.ca_pem());
    let mut secure = Bench::tls(TlsFault::None, resource());
    for bench in [&mut plain, &mut secure] {
        through(bench, &format!("https://{}", proxy.address()));
        bench.done(&body()).await;
    }
    assert_eq!(proxy.requests().len(), 2);
}

#[tokio::test]
async fn many_small_files_share_few_connections() {
    const AT_ONCE: usize = 8;
    let bench = Bench::new(resource());
    let fetcher = bench.fetcher();
    let queue = Arc::new(Mutex::new((0..300_u64).collect::<Vec<_>>()));
    for index in 0..300 {
        bench.server.set(&format!("/{index}"), Resource::new(Body::pattern(index, 4096)));
    }
    let mut workers = Vec::new();
    for _ in 0..AT_ONCE {
        let (fetcher, queue, server) = (fetcher.clone(), Arc::clone(&queue), bench.server.url(""));
        let (task, observer) = (bench.task.clone(), Arc::clone(&bench.heard));
        workers.push(tokio::spawn(async move {
            loop {
                let Some(index) = queue.lock().unwrap().pop() else { return };
                let mut task = task.clone();
                task.url = format!("{server}/{index}");
                task.temporary_name = format!(".BIT{index:016x}.tmp").into();
                let path = task.place.folder.join(&task.temporary_name);
                let outcome = fetcher.fetch(task, Arc::default(), Arc::clone(&observer) as _, CancellationToken::new()).await;
                assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
                Body::pattern(index, 4096).check_file(&path).unwrap();
            }
        }));
    }
    for worker in workers {
        tokio::time::timeout(LIMIT, worker).await.unwrap().unwrap();
    }
    assert!(bench.server.connections() <= AT_ONCE as u64, "{}", bench.server.connections());
}
