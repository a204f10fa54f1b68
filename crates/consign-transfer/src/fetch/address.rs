//! Addresses: what a URL says about where to connect and what to ask there. Pure.

use std::fmt::Write as _;

use consign_bits::{ErrorContext, ShownUrl, wininet};
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use url::Url;

use super::trouble::Trouble;

/// The scheme of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Scheme {
    Http,
    Https,
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    pub(super) scheme: Scheme,
    /// As it stands in the URL: IPv6 addresses in brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

/// What is asked for, and where.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) url: Url,
    pub(super) origin: Origin,
}

impl Scheme {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl Origin {
    /// The host as a resolver wants it: without brackets.
    pub(super) fn bare_host(&self) -> &str {
        bare(&self.host)
    }

    /// `host`, or `host:port` where the port is not the scheme's own: for `Host`.
    pub(super) fn authority(&self) -> String {
        match (self.scheme, self.port) {
            (Scheme::Http, 80) | (Scheme::Https, 443) => self.host.clone(),
            _ => self.host_and_port(),
        }
    }

    /// `host:port`.
    pub(super) fn host_and_port(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// A host without the brackets of IPv6.
pub(super) fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

impl Address {
    /// Reads `url`. `None`: its scheme is not one of servers.
    pub(super) fn of(url: Url) -> Option<Self> {
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return None,
        };
        let origin = Origin { scheme, host: url.host_str()?.to_owned(), port: url.port_or_known_default()? };
        Some(Self { url, origin })
    }

    /// Basic credentials, where the URL holds some.
    pub(super) fn authorization(&self) -> Option<HeaderValue> {
        if self.url.username().is_empty() && self.url.password().is_none() {
            return None;
        }
        basic(self.url.username(), self.url.password().unwrap_or_default())
    }

    /// What is asked for in the first line of a request to the server itself.
    pub(super) fn path_and_query(&self) -> String {
        let mut text = self.url.path().to_owned();
        if let Some(query) = self.url.query() {
            let _ = write!(text, "?{query}");
        }
        text
    }

    /// What is asked for in the first line of a request to a proxy, and in HTTP/2.
    pub(super) fn absolute(&self) -> String {
        format!("{}://{}{}", self.origin.scheme.name(), self.origin.authority(), self.path_and_query())
    }

    /// The URL without credentials: to tell loops.
    pub(super) fn plain(&self) -> String {
        self.absolute()
    }
}

/// `Basic` credentials from the percent-encoded parts of a URL. Marked sensitive: never logged.
pub(super) fn basic(user: &str, password: &str) -> Option<HeaderValue> {
    let mut plain: Vec<u8> = percent_decode_str(user).collect();
    plain.push(b':');
    plain.extend(percent_decode_str(password));
    let mut value = HeaderValue::from_str(&format!("Basic {}", base64(&plain))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Reads the remote name of a file.
pub(super) fn parse(url: &str) -> Result<Url, Trouble> {
    let mut parsed = Url::parse(url).map_err(|error| {
        let sentence = format!("{} is not a valid URL: {error}", ShownUrl(url));
        Trouble::fatal(wininet::WININET_E_INVALID_URL, ErrorContext::RemoteFile, sentence)
    })?;
    parsed.set_fragment(None);
    Ok(parsed)
}

/// RFC 4648, with padding. A crate for twelve lines would be one more to trust.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = (word >> (18 - 6 * place) & 63) as usize;
            text.push(if place <= chunk.len() { char::from(DIGITS[digit]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(url: &str) -> Address {
        Address::of(parse(url).unwrap()).unwrap()
    }

    #[test]
    fn base64_is_right() {
        for (plain, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(plain.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
    }

    #[test]
    fn credentials_are_decoded_and_go_no_further() {
        let address = address("http://a%40b:p%3Aw@Host:8080/x?y=1#z");
        let authorization = address.authorization().unwrap();
        assert!(authorization.is_sensitive());
        assert_eq!(authorization.to_str().unwrap(), format!("Basic {}", base64(b"a@b:p:w")));
        assert_eq!(address.absolute(), "http://host:8080/x?y=1");
        assert_eq!(address.path_and_query(), "/x?y=1");
        assert_eq!(address.origin.authority(), "host:8080");
    }

    #[test]
    fn the_schemes_own_port_is_not_named() {
        assert_eq!(address("https://host:443/").origin.authority(), "host");
        assert_eq!(address("http://[::1]:80/").origin.authority(), "[::1]");
        assert_eq!(address("http://[::1]:81/").origin.host_and_port(), "[::1]:81");
        assert_eq!(address("http://[::1]/").origin.bare_host(), "::1");
        assert_eq!(address("http://host").path_and_query(), "/");
    }

    #[test]
    fn bad_urls_are_told_without_their_password() {
        let trouble = parse("http://me:secret@host:99999/").unwrap_err();
        assert!(!trouble.failure.sentence.contains("secret"), "{}", trouble.failure.sentence);
        assert!(Address::of(parse("file:///x").unwrap()).is_none());
    }
}
