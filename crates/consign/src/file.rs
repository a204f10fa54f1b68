//! One file of a job: what `IBackgroundCopyFile3` is to BITS.

use consign_bits::{Failure, bits};
use consign_core::Hresult;

use crate::{FileSnapshot, Job, Result};

/// A handle of one file of a job. Made by [`Job::file`].
#[derive(Clone, Debug)]
pub struct JobFile {
    job: Job,
    index: u32,
}

/// What the owner of a file found when it looked at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// It is what it should be, and could be given to peers.
    Valid,
    /// It is not: the job stops with `BG_E_VALIDATION_FAILED`, and fetches it again when resumed.
    Invalid,
}

/// Whether a file could be given to peers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PeerAvailability {
    /// No: it is not whole, nobody judged it, or it was found invalid.
    #[default]
    None,
    /// Its owner found it valid.
    Validated,
    /// The job was completed, which counts as valid.
    Completed,
}

impl JobFile {
    pub(crate) fn new(job: Job, index: u32) -> Self {
        Self { job, index }
    }

    /// Its number, counted from 0 in the order in which files were added.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// All getters at once.
    ///
    /// # Errors
    /// `BG_E_FILE_NOT_FOUND`, `BG_E_NOT_FOUND`.
    pub async fn snapshot(&self) -> Result<FileSnapshot> {
        let found = self.job.files_from(self.index, 1).await?.into_iter().next();
        let none = || Failure::refused(bits::BG_E_FILE_NOT_FOUND, format!("the job has no file {}", self.index));
        Ok(found.ok_or_else(none)?)
    }

    /// `IBackgroundCopyFile3::SetValidationState`, from the moment on when the file is transferred
    /// until its job is completed.
    ///
    /// # Errors
    /// `E_PENDING` (not transferred yet), `BG_E_FILE_NOT_FOUND`, `BG_E_INVALID_STATE`.
    pub async fn set_validation_state(&self, validity: Validity) -> Result<Hresult> {
        self.job.validate(self.index, validity).await
    }
}
