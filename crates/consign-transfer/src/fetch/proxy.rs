//! Which way leads to a server: directly, or through which proxies. Pure.

use std::net::IpAddr;

use consign_bits::{ErrorContext, ProxySettings, ProxyUsage, bits};
use http::HeaderValue;
use url::Url;

use super::{
    address::{Origin, Scheme, bare, basic},
    task::{JobContext, ProxyEnvironment},
    trouble::Trouble,
};

/// A way to a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Route {
    /// To the server itself.
    Direct,
    /// Through this proxy.
    Through(Proxy),
}

/// A proxy that speaks HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Proxy {
    /// Where it is. With [`Scheme::Https`] the connection to it is encrypted, too.
    pub(super) origin: Origin,
    /// For `Proxy-Authorization`.
    pub(super) authorization: Option<HeaderValue>,
}

/// The ways to `target`, in the order in which they are to be tried. Never empty.
pub(super) fn routes(target: &Origin, context: &JobContext) -> Result<Vec<Route>, Trouble> {
    match context.proxy.usage {
        ProxyUsage::NoProxy => Ok(vec![Route::Direct]),
        ProxyUsage::Preconfig => from_environment(target, &context.proxy_environment),
        ProxyUsage::Override => from_list(target, &context.proxy),
        // The setter refuses it; a job that has it all the same is told so.
        ProxyUsage::Autodetect => Err(invalid("proxies are not discovered automatically; set one, or none")),
    }
}

/// As curl does it: the variable of the scheme, then the one for all; `no_proxy` over both.
fn from_environment(target: &Origin, environment: &ProxyEnvironment) -> Result<Vec<Route>, Trouble> {
    if environment.none.as_deref().is_some_and(|list| is_exempt(target.bare_host(), list)) {
        return Ok(vec![Route::Direct]);
    }
    let own = match target.scheme {
        Scheme::Http => &environment.http,
        Scheme::Https => &environment.https,
    };
    // A variable that is set to nothing means: no proxy.
    match own.as_deref().or(environment.all.as_deref()).map(str::trim) {
        None | Some("") => Ok(vec![Route::Direct]),
        // 1080 is curl's default port.
        Some(text) => Ok(vec![Route::Through(parse(text, 1080)?)]),
    }
}

/// `[proto=][proto://]server[:port]`, separated by blanks (or semicolons, as WinHTTP allows).
fn from_list(target: &Origin, settings: &ProxySettings) -> Result<Vec<Route>, Trouble> {
    let list = settings.list.as_deref().unwrap_or_default();
    let bypass = settings.bypass.as_deref().unwrap_or_default();
    if is_bypassed(target, bypass)? {
        return Ok(vec![Route::Direct]);
    }
    let mut routes = Vec::new();
    let mut is_empty = true;
    for entry in list.split(is_separator).filter(|entry| !entry.is_empty()) {
        is_empty = false;
        let (scheme, text) = match entry.split_once('=') {
            // An equals sign may also stand in a password.
            Some((scheme, text)) if !scheme.contains([':', '/', '@']) => (Some(scheme), text),
            _ => (None, entry),
        };
        if let Some(scheme) = scheme
            && !["http", "https", "ftp"].iter().any(|known| known.eq_ignore_ascii_case(scheme))
        {
            return Err(invalid(format!("the list of proxies names the scheme {scheme:?}; http and https are known")));
        }
        let proxy = parse(text, 80)?;
        if scheme.is_none_or(|scheme| scheme.eq_ignore_ascii_case(target.scheme.name())) {
            routes.push(Route::Through(proxy));
        }
    }
    if is_empty {
        return Err(invalid("the list of proxies is empty"));
    }
    if routes.is_empty() {
        routes.push(Route::Direct);
    }
    Ok(routes)
}

fn parse(text: &str, default_port: u16) -> Result<Proxy, Trouble> {
    let bad = || invalid("a proxy setting is not valid; expected [http://]server[:port]");
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other if other.starts_with("socks") => {
            return Err(invalid("SOCKS proxies are not supported; give the address of an HTTP proxy"));
        }
        _ => return Err(bad()),
    };
    // Parsed under a scheme without a default port of its own, so that a stated :80 is told from none.
    let url = Url::parse(&format!("proxy://{rest}")).map_err(|_| bad())?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(bad)?;
    // Names are taken as in http URLs: lower case, checked, encoded.
    let host = Url::parse(&format!("http://{host}")).ok().and_then(|url| url.host_str().map(str::to_owned)).ok_or_else(bad)?;
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(bad());
    }
    let default_port = if scheme == Scheme::Https { 443 } else { default_port };
    let port = url.port().unwrap_or(default_port);
    let has_user = !url.username().is_empty() || url.password().is_some();
    let authorization = if has_user { basic(url.username(), url.password().unwrap_or_default()) } else { None };
    Ok(Proxy { origin: Origin { scheme, host, port }, authorization })
}

fn invalid(sentence: impl Into<consign_bits::Sentence>) -> Trouble {
    Trouble::fatal(bits::BG_E_INVALID_PROXY_INFO, ErrorContext::GeneralTransport, sentence)
}

fn is_separator(character: char) -> bool {
    character.is_whitespace() || character == ';'
}

/// The bypass list of a job: `<local>`, names, and names with `*` leftmost.
fn is_bypassed(target: &Origin, list: &str) -> Result<bool, Trouble> {
    let host = target.bare_host().to_ascii_lowercase();
    let with_port = format!("{host}:{}", target.port);
    for entry in list.split(is_separator).filter(|entry| !entry.is_empty()) {
        let entry = entry.to_ascii_lowercase();
        if entry.rfind('*').is_some_and(|at| at > 0) {
            return Err(invalid("in the list of hosts without proxy, * may only stand leftmost"));
        }
        let is_match = if entry == "<local>" {
            !host.contains('.') && !host.contains(':')
        } else if let Some(suffix) = entry.strip_prefix('*') {
            host.ends_with(suffix) || with_port.ends_with(suffix)
        } else {
            bare(&entry) == host || entry == with_port
        };
        if is_match {
            return Ok(true);
        }
    }
    Ok(false)
}

/// curl's `no_proxy`: `*`, domains with everything below them, addresses, networks.
fn is_exempt(host: &str, list: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    list.split([',', ' ', '\t']).map(|entry| entry.trim().to_ascii_lowercase()).filter(|entry| !entry.is_empty()).any(|entry| {
        if entry == "*" {
            return true;
        }
        let entry = bare(entry.trim_end_matches('.'));
        if let Some(address) = address {
            return match entry.split_once('/') {
                Some((network, length)) => is_in_network(address, network, length),
                None => entry.parse() == Ok(address),
            };
        }
        let domain = entry.trim_start_matches('.');
        host == domain || host.strip_suffix(domain).is_some_and(|rest| !domain.is_empty() && rest.ends_with('.'))
    })
}

fn is_in_network(address: IpAddr, network: &str, length: &str) -> bool {
    let (Ok(network), Ok(length)) = (network.parse::<IpAddr>(), length.parse::<u32>()) else { return false };
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) if length <= 32 => {
            (address.to_bits() ^ network.to_bits()).checked_shr(32 - length).unwrap_or(0) == 0
        }
        (IpAddr::V6(address), IpAddr::V6(network)) if length <= 128 => {
            (address.to_bits() ^ network.to_bits()).checked_shr(128 - length).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
#[path = "tests/proxy.rs"]
mod tests;
