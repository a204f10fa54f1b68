//! What fuzzers feed with foreign bytes, and what must hold of every answer. The corpus in `fuzz/` is
//! replayed by the tests.

use std::time::Duration;

use crate::{Settings, SettingsError};
pub use crate::{
    dispatch::fuzzing::records,
    face::fuzzing::{handshake, match_rules, stream},
};

/// `consign.toml`: what is taken lies within bounds, and what is not is told with its place.
pub fn settings(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    match Settings::parse(text, "consign.toml".into()) {
        Ok(settings) => {
            let year = Duration::from_secs(31_536_000);
            assert!(settings.service.idle_exit <= year && settings.service.stop_grace <= year);
            let _ = settings.engine();
        }
        Err(SettingsError::Invalid { line, column, message, .. }) => {
            assert!(!message.is_empty() && !message.contains('\n'));
            let lines = text.matches('\n').count() + 1;
            assert!((1..=lines).contains(&line), "line {line} of {lines}");
            let length = text.split('\n').nth(line - 1).map_or(0, |line| line.chars().count());
            assert!((1..=length + 1).contains(&column), "column {column} of {length}");
        }
        Err(error) => panic!("nothing was read from a file: {error}"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_corpora_are_survived() {
        for (name, target) in [
            ("handshake", super::handshake as fn(&[u8])),
            ("match_rules", super::match_rules),
            ("records", super::records),
            ("settings", super::settings),
            ("stream", super::stream),
        ] {
            let folder = format!("{}/../../fuzz/corpus/{name}", env!("CARGO_MANIFEST_DIR"));
            let inputs: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
            assert!(!inputs.is_empty(), "{name}");
            inputs.iter().for_each(|input| target(input));
        }
    }
}
