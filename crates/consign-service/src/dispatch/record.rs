//! From the engine's words to the wire's, and back where peers send records.

use std::{
    ffi::OsString,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use consign_bits::{Failure, FileRange, SIZE_UNKNOWN, describe};
use consign_core::{Timestamp, common};
use consign_transfer::{CommandLine, FileView, JobError, JobView, NewFile, PeerAvailability, Validity};
use consign_wire::{ErrorRecord, FileRecord, JobRecord, NewFileRecord, ProxyRecord, RangeRecord, names};
use zbus::{ObjectPath, OwnedObjectPath};

use super::error::{CallError, invalid};

/// The kernel takes no longer path, in bytes.
const LONGEST_PATH: usize = 4096;

fn object_path(view: &JobView) -> Result<OwnedObjectPath, CallError> {
    Ok(ObjectPath::try_from(names::job_path(view.id))?.into())
}

pub(super) fn job(view: &JobView) -> Result<JobRecord, CallError> {
    Ok(JobRecord {
        path: object_path(view)?,
        id: view.id.to_string(),
        display_name: view.display_name.clone(),
        job_type: view.job_type.number(),
        state: view.state.number(),
        priority: view.priority.number(),
        bytes_total: size(view.progress.bytes_total),
        bytes_transferred: view.progress.bytes_transferred,
        files_total: view.progress.files_total,
        files_transferred: view.progress.files_transferred,
        created: view.created.as_millis(),
        modified: view.modified.as_millis(),
        error: view.error.as_ref().map_or(0, |error| error.failure.code.as_i32()),
        error_sentence: view.error.as_ref().map(|error| error.failure.sentence.clone().into_owned()).unwrap_or_default(),
        waiting_because: view.waiting_because.clone().unwrap_or_default(),
        next_attempt: time(view.next_attempt),
    })
}

/// The record of no error has the context 0 and is empty.
pub(super) fn error(error: Option<&JobError>) -> ErrorRecord {
    let Some(JobError { failure, file, protocol, at }) = error else {
        return ErrorRecord { file: u32::MAX, ..ErrorRecord::default() };
    };
    ErrorRecord {
        context: failure.context.number(),
        code: failure.code.as_i32(),
        symbol: describe(failure.code).symbol.into_owned(),
        sentence: failure.sentence.clone().into_owned(),
        context_sentence: failure.context.sentence().into(),
        file: file.as_ref().map_or(u32::MAX, |(index, _)| *index),
        remote_name: file.as_ref().map(|(_, name)| name.clone()).unwrap_or_default(),
        protocol: protocol.unwrap_or_default().into(),
        at: at.as_millis(),
    }
}

pub(super) fn file(view: FileView) -> FileRecord {
    let bytes = |path: &Path| path.as_os_str().as_bytes().to_vec();
    FileRecord {
        index: view.index,
        remote_name: view.remote_name,
        local_name: bytes(&view.local_name),
        temporary_name: view.temporary_name.as_deref().map(bytes).unwrap_or_default(),
        ranges: view.ranges.iter().map(|range| RangeRecord { initial_offset: range.initial_offset, length: range.length }).collect(),
        checksum: view.checksum.map(|checksum| checksum.to_string()).unwrap_or_default(),
        bytes_total: size(view.bytes_total),
        bytes_transferred: view.bytes_transferred,
        completed: view.completed,
        range_support: view.range_support.number(),
        validation: match view.validity {
            None => 0,
            Some(Validity::Valid) => 1,
            Some(Validity::Invalid) => 2,
        },
        peer_availability: match view.peer_availability {
            PeerAvailability::None => 0,
            PeerAvailability::Validated => 1,
            PeerAvailability::Completed => 2,
        },
    }
}

/// Program and arguments; empty for none.
pub(super) fn command_line(line: Option<&CommandLine>) -> Vec<String> {
    line.map(|line| std::iter::once(&line.program).chain(&line.arguments).cloned().collect()).unwrap_or_default()
}

pub(super) fn proxy(view: &JobView) -> ProxyRecord {
    ProxyRecord {
        usage: view.proxy.usage.number(),
        list: view.proxy.list.clone().unwrap_or_default(),
        bypass: view.proxy.bypass.clone().unwrap_or_default(),
    }
}

/// What a record asks to add.
pub(super) fn new_file(record: NewFileRecord) -> Result<NewFile, CallError> {
    Ok(NewFile {
        remote_name: record.remote_name,
        local_name: local_name(record.local_name)?,
        ranges: record.ranges.iter().map(range).collect(),
        checksum: match record.checksum.as_str() {
            "" => None,
            text => Some(text.parse().map_err(|error: consign_bits::ParseChecksumError| invalid(error.to_string()))?),
        },
    })
}

pub(super) const fn range(record: &RangeRecord) -> FileRange {
    FileRange { initial_offset: record.initial_offset, length: record.length }
}

/// Whether it is absolute, and its folder usable, is for the engine to say.
pub(super) fn local_name(bytes: Vec<u8>) -> Result<PathBuf, CallError> {
    if bytes.is_empty() || bytes.contains(&0) {
        return Err(invalid("the local name is empty or has a NUL in it"));
    }
    if bytes.len() >= LONGEST_PATH {
        return Err(Failure::refused(common::ERROR_FILENAME_EXCED_RANGE, "the local name is longer than the kernel takes").into());
    }
    Ok(PathBuf::from(OsString::from_vec(bytes)))
}

pub(super) fn size(size: Option<u64>) -> u64 {
    size.unwrap_or(SIZE_UNKNOWN)
}

pub(super) fn time(time: Option<Timestamp>) -> i64 {
    time.map_or(0, Timestamp::as_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_bytes_and_are_checked() {
        let record = |local_name: &[u8], checksum: &str| NewFileRecord {
            remote_name: "http://host/a".into(),
            local_name: local_name.to_vec(),
            ranges: vec![RangeRecord { initial_offset: 1, length: 2 }],
            checksum: checksum.into(),
        };
        let file = new_file(record(b"/tmp/\xff", "")).unwrap();
        assert_eq!(file.local_name.as_os_str().as_bytes(), b"/tmp/\xff");
        assert_eq!(file.ranges, [FileRange { initial_offset: 1, length: 2 }]);
        for (name, checksum, code) in [
            (&b"/tmp/\0"[..], "", common::E_INVALIDARG),
            (b"", "", common::E_INVALIDARG),
            (&[b'/'; 4096], "", common::ERROR_FILENAME_EXCED_RANGE),
            (b"/tmp/a", "md5:00", common::E_INVALIDARG),
        ] {
            assert!(matches!(new_file(record(name, checksum)), Err(CallError::Failure(failure)) if failure.code == code));
        }
    }
}
