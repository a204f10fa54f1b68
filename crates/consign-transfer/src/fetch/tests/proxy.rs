use consign_bits::ProxyUsage;

use super::*;

fn target(url: &str) -> Origin {
    crate::fetch::address::Address::of(Url::parse(url).unwrap()).unwrap().origin
}

fn shown(routes: Result<Vec<Route>, Trouble>) -> Vec<String> {
    let show = |route| match route {
        Route::Direct => "direct".to_owned(),
        Route::Through(proxy) => format!("{}://{}", proxy.origin.scheme.name(), proxy.origin.host_and_port()),
    };
    routes.map_or_else(|trouble| vec![format!("{:?}", trouble.failure.code)], |routes| routes.into_iter().map(show).collect())
}

fn listed(url: &str, list: &str, bypass: &str) -> Vec<String> {
    let proxy = ProxySettings { usage: ProxyUsage::Override, list: Some(list.into()), bypass: Some(bypass.into()) };
    shown(routes(&target(url), &JobContext { proxy, ..JobContext::default() }))
}

#[test]
fn the_list_of_a_job_is_tried_in_order() {
    assert_eq!(listed("http://a.b/", "one two:81 http=three;https=four", ""), ["http://one:80", "http://two:81", "http://three:80"]);
    assert_eq!(listed("https://a.b/", "http=one https=https://two", ""), ["https://two:443"]);
    assert_eq!(listed("http://a.b/", "https=one", ""), ["direct"]);
    assert_eq!(listed("http://a.b/", "http://u:p=q@one:80/", ""), ["http://one:80"]);
    assert_eq!(listed("http://a.b/", "[::1]:3128", ""), ["http://[::1]:3128"]);
    for bad in ["", " ", "socks=x", "socks5://x", "one:99999", "http://", "http://x/path", "gopher=x", "ws://x"] {
        assert_eq!(listed("http://a.b/", bad, ""), ["Hresult(0x8020003F)"], "{bad}");
    }
}

#[test]
fn the_bypass_list_of_a_job_holds() {
    for (url, bypass, is_direct) in [
        ("http://host/", "<local>", true),
        ("http://a.host/", "<local>", false),
        ("http://[::1]/", "<local>", false),
        ("http://a.example.com/", "x *.example.com", true),
        ("http://example.com/", "*.example.com", false),
        ("http://Example.com/", "EXAMPLE.COM", true),
        ("http://example.com:81/", "example.com:81", true),
        ("http://example.com/", "*", true),
        ("http://example.com/", "", false),
    ] {
        assert_eq!(listed(url, "proxy", bypass) == ["direct"], is_direct, "{url} {bypass}");
    }
    assert_eq!(listed("http://a/", "proxy", "a*b"), ["Hresult(0x8020003F)"]);
}

fn environment(url: &str, http: Option<&str>, https: Option<&str>, all: Option<&str>, none: Option<&str>) -> Vec<String> {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let proxy_environment = ProxyEnvironment { http: owned(http), https: owned(https), all: owned(all), none: owned(none) };
    shown(routes(&target(url), &JobContext { proxy_environment, ..JobContext::default() }))
}

#[test]
fn the_environment_counts_as_for_curl() {
    assert_eq!(environment("http://a/", None, None, None, None), ["direct"]);
    assert_eq!(environment("http://a/", Some("p:1"), Some("q:2"), Some("r"), None), ["http://p:1"]);
    assert_eq!(environment("https://a/", Some("p:1"), Some("q:2"), Some("r"), None), ["http://q:2"]);
    assert_eq!(environment("https://a/", Some("p:1"), None, Some("r"), None), ["http://r:1080"]);
    assert_eq!(environment("http://a/", Some(""), None, Some("r"), None), ["direct"]);
    assert_eq!(environment("http://a/", Some("socks5h://p"), None, None, None), ["Hresult(0x8020003F)"]);
    assert_eq!(environment("http://a/", Some("https://p"), None, None, None), ["https://p:443"]);
}

#[test]
fn no_proxy_counts_as_for_curl() {
    for (host, list, is_exempt) in [
        ("a.example.com", "example.com", true),
        ("example.com", ".example.com", true),
        ("notexample.com", "example.com", false),
        ("EXAMPLE.com.", "x, example.COM", true),
        ("anything", "*", true),
        ("a", "", false),
        ("10.1.2.3", "10.0.0.0/8", true),
        ("11.1.2.3", "10.0.0.0/8", false),
        ("11.1.2.3", "0.0.0.0/0", true),
        ("10.1.2.3", "10.1.2.3", true),
        ("10.1.2.3", "1.2.3", false),
        ("::1", "[::1]", true),
        ("fd00::5", "fd00::/8", true),
        ("fe00::5", "fd00::/8", false),
        ("10.1.2.3", "10.0.0.0/99", false),
    ] {
        assert_eq!(super::is_exempt(host, list), is_exempt, "{host} {list}");
    }
}

#[test]
fn credentials_of_a_proxy_are_kept_apart() {
    let proxy = parse("http://user:p%40ss@host:8080", 80).unwrap();
    assert_eq!(proxy.authorization.unwrap().to_str().unwrap(), "Basic dXNlcjpwQHNz");
    assert_eq!(proxy.origin.host, "host");
    let trouble = parse("http://user:secret@", 80).unwrap_err();
    assert!(!trouble.failure.sentence.contains("secret"));
}
