//! The numbers of BITS, as its documentation gives them. Those that a user may change are
//! defaults of settings; these are where the defaults come from.

/// Characters of a display name.
pub const DISPLAY_NAME: usize = 256;
/// Characters of a description.
pub const DESCRIPTION: usize = 1024;
/// Characters of a URL.
pub const URL: usize = 2200;
/// Characters of the list of proxies, and of the list of hosts that need none.
pub const PROXY_LIST: usize = 32_000;
/// Jobs of one user that are not final.
pub const JOBS_PER_USER: u32 = 60;
/// Jobs of all users that are not final.
pub const JOBS_PER_MACHINE: u32 = 300;
/// Files of one job.
pub const FILES_PER_JOB: u32 = 200;
/// Ranges of one file.
pub const RANGES_PER_FILE: u32 = 500;
/// Seconds in TRANSIENT_ERROR before the next attempt.
pub const MINIMUM_RETRY_DELAY: u32 = 600;
/// The least value of the retry delay, in seconds: lower ones are raised to it.
pub const MINIMUM_RETRY_DELAY_FLOOR: u32 = 5;
/// Seconds without progress after which a transient error becomes an error: 14 days.
pub const NO_PROGRESS_TIMEOUT: u32 = 1_209_600;
/// Seconds of CONNECTING and TRANSFERRING that a job may take: 90 days.
pub const MAXIMUM_DOWNLOAD_TIME: u32 = 7_776_000;
/// Seconds without activity after which a job is cancelled: 90 days.
pub const JOB_INACTIVITY_TIMEOUT: u32 = 7_776_000;
/// Characters of the program of a notification command line. BITS has `MAX_PATH`, 260; paths are
/// longer here.
pub const PROGRAM: usize = 4095;
/// Characters of the arguments of a notification command line.
pub const PARAMETERS: usize = 4000;
