//! URLs as they are shown.

use std::fmt;

/// Shows a URL without the password that may stand in it. Everything that prints or logs a URL
/// goes through this type.
#[derive(Clone, Copy)]
pub struct ShownUrl<'a>(pub &'a str);

impl fmt::Display for ShownUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The authority ends at the first '/', '?' or '#'; user information ends at its last '@'.
        let Some((scheme, rest)) = self.0.split_once("://") else {
            return f.write_str(self.0);
        };
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        match authority.rsplit_once('@') {
            Some((user, host)) => match user.split_once(':') {
                Some((name, _)) => write!(f, "{scheme}://{name}:***@{host}{tail}"),
                // A user name alone may be a token.
                None => write!(f, "{scheme}://***@{host}{tail}"),
            },
            None => f.write_str(self.0),
        }
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
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(ShownUrl(url).to_string(), shown);
        }
    }
}
