//! Redirects: which are followed, and what goes along.

use consign_bits::{ErrorContext, SecurityFlags, bits, wininet};
use consign_testkit::{Body, Fault, Resource, Server, server::TlsFault};

use super::{Bench, apart};

fn body() -> Body {
    Body::pattern(8, 100_000)
}

#[tokio::test]
async fn redirects_are_followed() {
    for code in [301, 302, 303, 307, 308] {
        let bench = Bench::new(Resource::redirect(code, "sub/../there?x=1#fragment"));
        bench.server.set("/there", Resource::new(body()).then(Fault::end(1000)));
        let checkpoint = bench.done(&body()).await;
        assert_eq!(checkpoint.facts.final_url, Some(bench.server.url("/there?x=1")));
        assert_eq!(bench.server.requests_for("/file").len(), 2, "what goes on asks the first address again");
        assert_eq!(bench.server.requests_for("/there").len(), 2);
    }
}

#[tokio::test]
async fn a_forbidden_redirect_tells_where_it_leads() {
    let mut bench = Bench::new(Resource::redirect(302, "/there"));
    bench.context.security = SecurityFlags::REDIRECT_DISALLOW;
    let failure = bench.fails_for_ever(bits::http_error(302), ErrorContext::RemoteFile).await;
    assert_eq!(failure.redirect, Some(bench.server.url("/there")));
    assert_eq!(bench.server.requests().len(), 1);
}

#[tokio::test]
async fn circles_and_long_ways_end() {
    let bench = Bench::new(Resource::redirect(302, "/file"));
    bench.fails_for_ever(wininet::WININET_E_REDIRECT_FAILED, ErrorContext::RemoteFile).await;
    let bench = Bench::new(Resource::redirect(302, "/file"));
    bench.server.set("/end", Resource::new(body()));
    bench.server.set_redirects("/file", 20, 302, "/end");
    bench.done(&body()).await;
    let bench = Bench::new(Resource::redirect(302, "/file"));
    bench.server.set("/end", Resource::new(body()));
    bench.server.set_redirects("/file", 21, 302, "/end");
    bench.fails_for_ever(wininet::WININET_E_REDIRECT_FAILED, ErrorContext::RemoteFile).await;
}

#[tokio::test]
async fn only_servers_are_redirected_to() {
    for target in ["file:///etc/passwd", "ftp://host/x", "data:,x", "javascript:1"] {
        let bench = Bench::new(Resource::redirect(302, target));
        bench.fails_for_ever(wininet::WININET_E_HTTPS_HTTP_SUBMIT_REDIR, ErrorContext::RemoteFile).await;
    }
    let bench = Bench::new(Resource::redirect(302, "http://["));
    bench.fails_for_ever(wininet::WININET_E_REDIRECT_FAILED, ErrorContext::RemoteFile).await;
    let bench = Bench::new(Resource::new("").always(Fault::Redirect { code: 301, location: None }));
    bench.fails_for_ever(bits::http_error(301), ErrorContext::RemoteFile).await;
}

#[tokio::test]
async fn from_https_to_http_only_if_allowed() {
    let plain = apart(Server::start);
    plain.set("/there", Resource::new(body()));
    let mut bench = Bench::tls(TlsFault::None, Resource::redirect(302, plain.url("/there")));
    bench.fails_for_ever(wininet::WININET_E_REDIRECT_SCHEME_CHANGE, ErrorContext::RemoteFile).await;
    assert_eq!(plain.requests().len(), 0);
    bench.context.security = SecurityFlags::REDIRECT_ALLOW_HTTPS_TO_HTTP;
    bench.done(&body()).await;

    let mut bench = Bench::new(Resource::new(""));
    let secure = apart(|| Server::start_tls(TlsFault::None));
    secure.set("/there", Resource::new(body()));
    bench.trust(&secure.ca_pem());
    bench.server.set("/file", Resource::redirect(302, secure.url("/there")));
    bench.done(&body()).await;
}

#[tokio::test]
async fn credentials_stay_with_their_server() {
    let other = apart(Server::start);
    other.set("/there", Resource::new(body()));
    let mut bench = Bench::new(Resource::redirect(302, "/here").basic_auth("me", "secret"));
    bench.server.set("/here", Resource::redirect(302, other.url("/there")));
    bench.task.url = bench.server.url("/file").replace("://", "://me:secret@");
    bench.done(&body()).await;
    assert!(bench.server.requests().iter().all(consign_testkit::server::Request::has_authorization));
    assert!(!other.requests()[0].has_authorization());

    // And they do not come back from there either.
    other.set("/there", Resource::redirect(302, bench.server.url("/back")));
    bench.server.set("/back", Resource::new(body()));
    std::fs::remove_file(bench.temporary()).unwrap();
    bench.done(&body()).await;
    assert!(!bench.server.requests_for("/back")[0].has_authorization());
}
