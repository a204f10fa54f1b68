//! What callers give, as bytes.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::Path};

use consign_bits::{FileRange, LENGTH_TO_EOF};
use url::Url;

use super::intake;
use crate::files::Place;

/// A URL, then a local name, then ranges as pairs of 64-bit numbers, each after a line end.
pub fn new_file(bytes: &[u8]) {
    let mut parts = bytes.splitn(3, |byte| *byte == b'\n');
    if let Some(Ok(text)) = parts.next().map(str::from_utf8) {
        remote_name(text);
    }
    if let Some(path) = parts.next() {
        local_name(Path::new(OsStr::from_bytes(path)));
    }
    if let Some(numbers) = parts.next() {
        ranges(numbers);
    }
}

fn remote_name(text: &str) {
    if intake::url(text).is_err() {
        return;
    }
    let url = Url::parse(text).expect("what is taken is a URL");
    assert!(matches!(url.scheme(), "http" | "https" | "file"), "{text:?}");
    assert!(url.scheme() == "file" || url.host_str().is_some_and(|host| !host.is_empty()), "{text:?}");
    assert!(!text.contains(char::is_control));
}

fn local_name(path: &Path) {
    if let Ok(place) = Place::check(path) {
        let real = place.path();
        assert!(path.is_absolute() && real.is_absolute(), "{path:?}");
        assert_eq!(place.folder.canonicalize().ok().as_deref(), Some(&*place.folder), "{path:?}");
        assert!(real.file_name().is_some_and(|name| name != ".." && name != "."), "{path:?}");
    }
}

fn ranges(bytes: &[u8]) {
    let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let ranges: Vec<_> =
        bytes.chunks_exact(16).map(|pair| FileRange { initial_offset: number(&pair[..8]), length: number(&pair[8..]) }).collect();
    let taken = intake::ranges(&ranges, Some(10)).is_ok();
    let end = |range: &FileRange| match range.length {
        LENGTH_TO_EOF => u128::from(u64::MAX),
        length => u128::from(range.initial_offset) + u128::from(length),
    };
    // The same, said slowly.
    let fit = ranges.iter().all(|range| range.length > 0 && end(range) <= u128::from(u64::MAX));
    let apart = ranges.iter().enumerate().all(|(index, range)| {
        ranges[..index].iter().all(|other| u128::from(range.initial_offset) >= end(other) || u128::from(other.initial_offset) >= end(range))
    });
    assert_eq!(taken, ranges.len() <= 10 && fit && apart, "{ranges:?}");
}
