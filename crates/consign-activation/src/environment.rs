//! The environment of what is started: stated, never inherited.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt,
};

/// Names and values. Kept of the service's own: `PATH`, `HOME`, `LANG`, `XDG_*` and where the session
/// bus is; everything else is put in by name.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<OsString, OsString>);

/// Where the service has no `PATH`.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

impl Environment {
    /// What is kept of `variables`, for example `std::env::vars_os()`.
    pub fn from_variables(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let kept = |name: &OsStr| {
            matches!(name.as_encoded_bytes(), b"PATH" | b"HOME" | b"LANG" | b"DBUS_SESSION_BUS_ADDRESS")
                || name.as_encoded_bytes().starts_with(b"XDG_")
        };
        let mut environment: BTreeMap<_, _> = variables.into_iter().filter(|(name, _)| kept(name)).collect();
        environment.entry("PATH".into()).or_insert_with(|| PATH.into());
        Self(environment)
    }

    /// The same with one more, which replaces one of the same name.
    #[must_use]
    pub fn with(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    pub(crate) fn variables(&self) -> impl Iterator<Item = (&OsString, &OsString)> {
        self.0.iter()
    }
}

/// Names alone: tokens are among the values.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_is_kept() {
        let all = [("HOME", "/h"), ("XDG_RUNTIME_DIR", "/r"), ("LD_PRELOAD", "/evil"), ("LANGUAGE", "x"), ("XDG", "x")];
        let environment = Environment::from_variables(all.map(|(name, value)| (name.into(), value.into()))).with("TOKEN", "secret");
        let names: Vec<_> = environment.variables().map(|(name, _)| name.to_str().unwrap()).collect();
        assert_eq!(names, ["HOME", "PATH", "TOKEN", "XDG_RUNTIME_DIR"]);
        assert!(!format!("{environment:?}").contains("secret"));
    }
}
