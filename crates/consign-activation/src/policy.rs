//! What may be run: class programs and command lines. Decides, and runs nothing.
//!
//! A program is checked when it is set, so that the user hears of a mistake, and again when it is run:
//! only the second check counts. A program that was replaced in between is *noticed* ([`Identity`]
//! differs, and a log line says so) and judged anew, not refused for being another file: programs are
//! replaced by every update, and where the rules hold only the user and root can have done it.
//!
//! What a script's first line names, and what a program loads, is the program's own matter.

use std::{io, os::fd::AsRawFd, path::PathBuf};

use consign_core::common;
use rustix::fs::{Access, Stat};

use crate::{
    failure::Failure,
    trusted::{self, SharedFolders, TrustedFile},
};

/// The rules for programs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Which programs; the rules about owners and folders hold for all of them.
    pub command_lines: CommandLines,
}

/// `policy.command_lines`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CommandLines {
    /// Every program that follows the rules.
    #[default]
    Allow,
    /// Of those, the ones at exactly these paths.
    Listed(Vec<PathBuf>),
    /// None.
    Deny,
}

/// A program that was checked, and its arguments. Short-lived: it holds the file open, and is run at
/// once or dropped.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<String>,
    checked: TrustedFile,
}

/// Tells one file from another, and from itself after it was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    device: u64,
    inode: u64,
    size: i64,
    modified: (i64, i64),
}

impl Policy {
    /// Checks a command: the program's absolute path, then its arguments. The program is a regular
    /// file that the user may execute; it and all folders above it, through every symbolic link,
    /// belong to the user or to root, and nobody else can write to them. So nothing in `/tmp` is
    /// run. Touches the file system: call it where waiting is allowed.
    ///
    /// # Errors
    /// `E_ACCESSDENIED` when a rule is broken, `E_INVALIDARG` for a relative or empty command,
    /// `ERROR_FILE_NOT_FOUND` and others when the program cannot be reached.
    pub fn check(&self, command: &[String]) -> Result<Program, Failure> {
        let Some((program, arguments)) = command.split_first() else {
            return Err(Failure::new(common::E_INVALIDARG, "the command is empty"));
        };
        if command.iter().any(|argument| argument.contains('\0')) {
            return Err(Failure::new(common::E_INVALIDARG, "an argument holds a NUL character"));
        }
        let path = PathBuf::from(program);
        match &self.command_lines {
            CommandLines::Allow => {}
            CommandLines::Listed(listed) if listed.contains(&path) => {}
            CommandLines::Listed(_) => {
                return Err(Failure::new(common::E_ACCESSDENIED, format!("{program} is not on the list of programs that may be run")));
            }
            CommandLines::Deny => return Err(Failure::new(common::E_ACCESSDENIED, "programs may not be run here")),
        }
        let checked = trusted::open(&path, SharedFolders::Refused)?;
        // The kernel's own answer: also right on a file system mounted `noexec`.
        let by_descriptor = format!("/proc/self/fd/{}", checked.file.as_raw_fd());
        if rustix::fs::access(by_descriptor, Access::EXEC_OK).is_err() {
            return Err(Failure::new(common::E_ACCESSDENIED, format!("{program} is not executable")));
        }
        Ok(Program { path, arguments: arguments.to_vec(), checked })
    }
}

impl Program {
    /// Where it is.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// What follows the program on its command line.
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }

    /// Which file it is. Worth keeping beside a command, to notice a replacement.
    pub fn identity(&self) -> Identity {
        Identity::of(&self.checked.stat)
    }

    /// That the path still leads to the file that was checked. It is run by its path and not by its
    /// descriptor: scripts, and programs that look for their files beside themselves, need the name.
    pub(crate) fn confirm(&self) -> Result<(), Failure> {
        let stat =
            rustix::fs::stat(&self.path).map_err(|error| Failure::system(&self.path.display().to_string(), &io::Error::from(error)))?;
        if Identity::of(&stat) == self.identity() {
            return Ok(());
        }
        Err(Failure::new(common::E_ACCESSDENIED, format!("{} was replaced while it was being started", self.path.display())))
    }
}

impl Identity {
    #[expect(clippy::unnecessary_cast, reason = "the types of these fields differ by machine")]
    fn of(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            size: stat.st_size as i64,
            modified: (stat.st_mtime as i64, stat.st_mtime_nsec as i64),
        }
    }
}
