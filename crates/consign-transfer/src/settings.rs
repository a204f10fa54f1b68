//! Settings of the engine, with the defaults of BITS where BITS has one.

use std::path::PathBuf;

use consign_bits::limits;
use serde::Deserialize;

/// Everything about the engine that a user may choose. The sections of `consign.toml` that
/// belong to files.
#[derive(Clone, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What BITS limits by policy.
    pub limits: Limits,
    /// Times and turns of jobs.
    pub jobs: JobSettings,
    /// How files are fetched.
    pub fetch: FetchSettings,
}

/// BITS's limits, and who is exempt.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Jobs that are not final, of one user.
    pub jobs_per_user: u32,
    /// Jobs that are not final, of all users.
    pub jobs_per_machine: u32,
    /// Files of one job.
    pub files_per_job: u32,
    /// Ranges of one file.
    pub ranges_per_file: u32,
    /// Whether root has no limits, as administrators have none on Windows.
    pub exempt_root: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            jobs_per_user: limits::JOBS_PER_USER,
            jobs_per_machine: limits::JOBS_PER_MACHINE,
            files_per_job: limits::FILES_PER_JOB,
            ranges_per_file: limits::RANGES_PER_FILE,
            exempt_root: true,
        }
    }
}

/// Times and turns of jobs. All times in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JobSettings {
    /// The least retry delay: lower values are raised to it.
    pub minimum_retry_delay_floor: u32,
    /// The maximum download time of a job that sets none.
    pub maximum_download_time: u32,
    /// A job without activity for so long is cancelled.
    pub inactivity_timeout: u32,
    /// How long a background job may run while equal ones wait.
    pub time_slice: u32,
    /// How many owners are called at the same time.
    pub callbacks_at_once: u32,
    /// How long an owner may take to answer a call.
    pub callback_timeout: u32,
    /// How long a finished job can still be read by its id.
    pub history: u32,
    /// How many finished jobs can still be read by their id.
    pub history_length: u32,
}

impl Default for JobSettings {
    fn default() -> Self {
        Self {
            minimum_retry_delay_floor: limits::MINIMUM_RETRY_DELAY_FLOOR,
            maximum_download_time: limits::MAXIMUM_DOWNLOAD_TIME,
            inactivity_timeout: limits::JOB_INACTIVITY_TIMEOUT,
            // BITS documents no number; five minutes let a job get somewhere.
            time_slice: 300,
            callbacks_at_once: 4,
            // BITS names none; a minute is longer than a handler that keeps to BITS's advice needs.
            callback_timeout: 60,
            history: 7 * 86_400,
            history_length: 1000,
        }
    }
}

/// How files are fetched. All times in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FetchSettings {
    /// Files of one job that are fetched at the same time.
    pub files_at_once: u32,
    /// Files of all jobs that are fetched at the same time.
    pub at_once: u32,
    /// How long a connection may take to be set up, name and TLS included.
    pub connect_timeout: u32,
    /// How long a server may send nothing.
    pub stall_timeout: u32,
    /// How many redirects are followed for one request.
    pub redirects: u32,
    /// Whether HTTP/2 is offered to servers. One connection then carries all files of a server, and
    /// large files cost half as much processor time again: small frames, and one more window.
    pub http2: bool,
    /// Authorities trusted besides those of the system: a file of PEM certificates.
    pub ca_file: Option<PathBuf>,
    /// What servers are told of who asks.
    pub user_agent: String,
}

impl Default for FetchSettings {
    fn default() -> Self {
        Self {
            files_at_once: 8,
            // Each needs two descriptors, and a process has 1024 unless somebody raised that.
            at_once: 128,
            connect_timeout: 30,
            stall_timeout: 60,
            // As browsers do.
            redirects: 20,
            http2: false,
            ca_file: None,
            user_agent: concat!("Consign/", env!("CARGO_PKG_VERSION")).into(),
        }
    }
}
