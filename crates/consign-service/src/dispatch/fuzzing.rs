//! The bodies of calls and errors, as bytes.

use std::{collections::BTreeMap, os::unix::ffi::OsStrExt};

use consign_wire::{ErrorRecord, FileRecord, JobRecord, NewFileRecord, ProxyRecord, RangeRecord, error, names};
use serde::{Serialize, de::DeserializeOwned};
use zbus::{
    OwnedVariant, Type, Variant,
    wire::{
        Endian,
        serialized::{Context, Data},
        to_bytes,
    },
};

use super::{change, record};

/// The first byte says what the others are to be, and in which byte order.
pub fn records(bytes: &[u8]) {
    let Some((first, body)) = bytes.split_first() else { return };
    let endian = if first & 1 == 0 { Endian::Little } else { Endian::Big };
    let data = Data::new(body.to_vec(), Context::new(endian, 0));
    match first >> 1 {
        0 => new_files(&data),
        1 => properties(&data),
        2 => drop(decode::<(String, String, Vec<RangeRecord>)>(&data)),
        3 => drop(decode::<Vec<JobRecord>>(&data)),
        4 => drop(decode::<Vec<FileRecord>>(&data)),
        5 => drop(decode::<ErrorRecord>(&data)),
        6 => drop(decode::<ProxyRecord>(&data)),
        7 => errors(&data),
        _ => paths(body),
    }
}

/// What is read is written as what is read again.
fn decode<T: DeserializeOwned + Serialize + Type + PartialEq + std::fmt::Debug>(data: &Data<'_, '_>) -> Option<T> {
    // The length that is told with it may be one too much: the NUL after the last text is not looked for.
    let (value, _) = data.deserialize::<T>().ok()?;
    let written = to_bytes(data.context(), &value).expect("what was read can be written");
    let (again, _) = written.deserialize::<T>().expect("what was written can be read");
    assert_eq!(again, value);
    Some(value)
}

fn new_files(data: &Data<'_, '_>) {
    for file in decode::<Vec<NewFileRecord>>(data).unwrap_or_default() {
        if let Ok(file) = record::new_file(file) {
            let name = file.local_name.as_os_str().as_bytes();
            assert!(!name.is_empty() && !name.contains(&0) && name.len() < 4096);
        }
    }
}

fn properties(data: &Data<'_, '_>) {
    if let Ok((options, _)) = data.deserialize::<change::Options<'_>>() {
        let count = options.len();
        if let Ok(changes) = change::all(options) {
            assert_eq!(changes.len(), count);
        }
    }
    // As clients read them.
    if let Ok((values, _)) = data.deserialize::<BTreeMap<String, OwnedVariant>>() {
        for value in values.into_values() {
            let _ = ErrorRecord::try_from(value);
        }
    }
    if let Ok((value, _)) = data.deserialize::<Variant<'_>>() {
        let _ = value.value_signature().to_string();
    }
}

fn errors(data: &Data<'_, '_>) {
    if let Some(body) = decode::<error::Body>(data) {
        let failure = error::from_wire(body);
        let (name, _) = error::to_wire(&failure);
        assert!(zbus::names::ErrorName::try_from(name.as_str()).is_ok(), "{name:?}");
    }
}

fn paths(body: &[u8]) {
    if let Some(job) = str::from_utf8(body).ok().and_then(names::job_of_path) {
        assert_eq!(names::job_path(job).as_bytes(), body, "one job, one path");
    }
}
