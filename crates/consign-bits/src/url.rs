//! URLs as they are shown.

use std::{borrow::Cow, fmt};

/// Shows a URL without the password that may stand in it. Everything that prints or logs a URL
/// goes through this type.
#[derive(Clone, Copy)]
pub struct ShownUrl<'a>(pub &'a str);

impl fmt::Display for ShownUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = as_parsed(self.0);
        let Some((start, ends)) = authority(&text) else { return f.write_str(&text) };
        let (before, rest) = text.split_at(start);
        let mut end = rest.find(ends).unwrap_or(rest.len());
        if !rest[..end].contains('@') && !has_port_or_none(&rest[..end]) {
            // Not a URL, but most likely meant as one, with a password that should have been escaped.
            end = rest.rfind('@').map_or(end, |at| at + 1);
        }
        let (authority, tail) = rest.split_at(end);
        // User information ends at the last '@'.
        match authority.rsplit_once('@') {
            Some((user, host)) => match user.split_once(':') {
                Some((name, _)) => write!(f, "{before}{name}:***@{host}{tail}"),
                // A user name alone may be a token.
                None => write!(f, "{before}***@{host}{tail}"),
            },
            None => f.write_str(&text),
        }
    }
}

/// Without what parsers of URLs leave out before they look for anything.
fn as_parsed(text: &str) -> Cow<'_, str> {
    const LEFT_OUT: [char; 3] = ['\t', '\n', '\r'];
    let text = text.trim_matches(|character| character <= ' ');
    if text.contains(LEFT_OUT) { Cow::Owned(text.replace(LEFT_OUT, "")) } else { Cow::Borrowed(text) }
}

/// Where the authority begins, and what ends it, as parsers have it: they take backslashes for
/// slashes, and of a server's URL any number of them.
fn authority(text: &str) -> Option<(usize, &'static [char])> {
    const LOOSE: &[char] = &['/', '?', '#', '\\'];
    const STRICT: &[char] = &['/', '?', '#'];
    let (scheme, rest) = text.split_once(':')?;
    let begin = scheme.len() + 1;
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" | "ws" | "wss" | "ftp" => {
            let slashes = rest.len() - rest.trim_start_matches(['/', '\\']).len();
            Some((begin + slashes, LOOSE))
        }
        "file" => rest.get(..2)?.bytes().all(|byte| matches!(byte, b'/' | b'\\')).then_some((begin + 2, LOOSE)),
        _ => text.find("://").map(|at| (at + 3, STRICT)),
    }
}

/// Whether what follows a host is a port, or nothing.
fn has_port_or_none(authority: &str) -> bool {
    match authority.rsplit_once(':') {
        Some((_, port)) => port.bytes().all(|byte| byte.is_ascii_digit()) || authority.starts_with('['),
        None => true,
    }
}

impl fmt::Debug for ShownUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::ShownUrl;

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("http://host/a?b=c@d", "http://host/a?b=c@d"),
            ("http://me:secret@host:80/a", "http://me:***@host:80/a"),
            ("https://token@host", "https://***@host"),
            ("http://a:b@c@host/", "http://a:***@host/"),
            ("file:///tmp/a", "file:///tmp/a"),
            ("file:///home/me:x@host", "file:///home/me:x@host"),
            ("nonsense", "nonsense"),
            // What parsers of URLs take all the same.
            ("http:me:secret@host/a", "http:me:***@host/a"),
            ("http:////me:secret@host/a", "http:////me:***@host/a"),
            ("HTTPS:\\\\me:secret@host\\a", "HTTPS:\\\\me:***@host\\a"),
            ("ht\ntp://me:secret@host", "http://me:***@host"),
            ("http:/\t/me:secret@host", "http://me:***@host"),
            (" http://me:secret@host ", "http://me:***@host"),
            // What they do not.
            ("http://me:sec/ret@host/a", "http://me:***@host/a"),
            ("http://me:sec?r#t@host/a@b", "http://me:***@b"),
            ("http://[::1]/a@b", "http://[::1]/a@b"),
            ("http://host:80/a:b@c", "http://host:80/a:b@c"),
        ] {
            assert_eq!(ShownUrl(url).to_string(), shown);
        }
    }
}
