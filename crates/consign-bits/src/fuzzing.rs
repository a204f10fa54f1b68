//! What fuzzers feed with foreign bytes, and what must hold of every answer. The corpus in `fuzz/` is
//! replayed by the tests.

use std::{fmt::Display, str::FromStr};

use consign_core::Guid;

use crate::{Checksum, JobId, JobState, JobType, Priority, ProxyUsage, RangeSupport, ShownUrl};

/// Identifiers, checksums and names: what is read is printed as what is read again.
pub fn values(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    round_trip::<Guid>(text);
    round_trip::<JobId>(text);
    round_trip::<JobState>(text);
    round_trip::<JobType>(text);
    round_trip::<Priority>(text);
    round_trip::<ProxyUsage>(text);
    round_trip::<RangeSupport>(text);
    round_trip::<Checksum>(text);
    if let Ok(checksum) = text.parse::<Checksum>() {
        assert_eq!(checksum.digest.len(), checksum.algorithm.digest_length());
    }
    if let Ok(guid) = text.parse::<Guid>() {
        let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
        assert_eq!(guid.simple(), digits.to_ascii_lowercase());
        assert_eq!(guid.simple().parse(), Ok(guid));
    }
    password(text);
}

fn round_trip<T: FromStr + Display + PartialEq>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let again = value.to_string().parse::<T>();
        assert!(again.is_ok_and(|again| again == value), "{text:?} is printed as {value}, which is another value");
    }
}

/// Nothing that stands where a password stands is shown.
fn password(text: &str) {
    const PASSWORD: &str = "hunter2hunter2";
    let (user, host) = text.split_once('@').unwrap_or((text, ""));
    // These end the authority: what follows them is no password. Characters that are left out could
    // make one of them the first.
    if text.contains("hunter2") || user.contains(['/', '\\', '?', '#']) {
        return;
    }
    for scheme in ["http", "https", "HTTP", "ftp", "proxy"] {
        let url = format!("{scheme}://{user}:{PASSWORD}@{host}");
        let shown = ShownUrl(&url).to_string();
        assert!(!shown.contains(PASSWORD), "{url:?} is shown as {shown:?}");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_corpus_is_survived() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/values");
        let inputs: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
        assert!(!inputs.is_empty());
        inputs.iter().for_each(|input| super::values(input));
    }
}
