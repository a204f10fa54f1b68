//! The command line: every command and flag, defined once.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use consign::{Checksum, FileRange, JobType, Priority};

use crate::parse::{self, Setting};

/// Hands files to a service that keeps its word: downloads go on when the terminal closes, the
/// network breaks or the machine restarts.
#[derive(Parser)]
#[command(name = "consign", version, max_term_width = 100, after_help = EXIT_STATUS, arg_required_else_help = true, infer_long_args = false)]
pub(crate) struct Arguments {
    /// Print JSON: one document, or one object in each line where output goes on.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_STATUS: &str = "\
Exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted.

The service of this user is started when it is needed. CONSIGN_DIR puts its socket, its state and \
its configuration under one folder.";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Fetch files, and wait for them.
    ///
    /// All URLs become one job that the service completes by itself. Interrupting the command, closing
    /// the terminal or killing the service does not end the job; an error keeps it.
    Get(Get),
    /// Make, change and look at jobs.
    #[command(subcommand)]
    Job(Job),
    /// Run, start, stop and look at the service.
    #[command(subcommand)]
    Service(Service),
    /// Print the completions for a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
}

#[derive(Args)]
pub(crate) struct Get {
    /// What to fetch: http, https or file.
    #[arg(required = true, value_name = "URL")]
    pub(crate) urls: Vec<String>,
    /// Where to: a folder, or, for a single URL, a file. What stands there is replaced.
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
    /// foreground, high, normal or low [default: foreground, with --detach normal].
    #[arg(long, value_name = "PRIORITY", value_parser = parse::priority)]
    pub(crate) priority: Option<Priority>,
    /// Print the id of the job and do not wait.
    #[arg(long)]
    pub(crate) detach: bool,
    /// What the file must hash to, for a single URL: sha256:HEX, sha384:HEX or sha512:HEX.
    #[arg(long, value_name = "CHECKSUM")]
    pub(crate) checksum: Option<Checksum>,
}

/// A job is named by its id, the beginning of its id, or its display name.
#[derive(Subcommand)]
pub(crate) enum Job {
    /// Make an empty job, and print its id.
    Create {
        /// Its display name.
        name: String,
        /// What it does.
        #[arg(long = "type", value_enum, default_value = "download")]
        kind: Kind,
        /// foreground, high, normal or low.
        #[arg(long, value_parser = parse::priority, default_value = "normal")]
        priority: Priority,
    },
    /// Add a file to a job.
    Add(Add),
    /// Let jobs run.
    Resume(Jobs),
    /// Stop jobs until they are resumed.
    Suspend(Jobs),
    /// Give the finished files of jobs their names, and end the jobs.
    Complete(Jobs),
    /// End jobs, and delete what they have fetched.
    Cancel(Jobs),
    /// List the jobs.
    List {
        /// Finished jobs too, as long as they are remembered.
        #[arg(long)]
        all: bool,
    },
    /// Show everything that is known of a job.
    Show(OneJob),
    /// Watch jobs as they change.
    ///
    /// With names: until each of them has ended or waits for its owner (error, or transferred and
    /// not completed). Without: all jobs, until it is interrupted.
    Watch {
        /// Which jobs; all of them by default.
        #[arg(value_name = "JOB")]
        jobs: Vec<String>,
    },
    /// Set properties of a job: all of them or, on any failure, none.
    #[command(after_help = parse::KEYS)]
    Set {
        /// Which job.
        job: String,
        /// What to set.
        #[arg(required = true, value_name = "KEY=VALUE", value_parser = parse::setting)]
        settings: Vec<Setting>,
    },
    /// List the files of a job.
    Files(OneJob),
    /// Show the last error of a job.
    Error(OneJob),
}

#[derive(Args)]
pub(crate) struct Add {
    /// Which job.
    pub(crate) job: String,
    /// What to fetch: http, https or file.
    pub(crate) url: String,
    /// The file to write.
    pub(crate) path: PathBuf,
    /// A part of the file: OFFSET:LENGTH in bytes, or OFFSET:eof. May be repeated.
    #[arg(long = "range", value_name = "RANGE", value_parser = parse::range)]
    pub(crate) ranges: Vec<FileRange>,
    /// What the file must hash to: sha256:HEX, sha384:HEX or sha512:HEX.
    #[arg(long, value_name = "CHECKSUM")]
    pub(crate) checksum: Option<Checksum>,
}

#[derive(Args)]
pub(crate) struct Jobs {
    /// Which jobs.
    #[arg(required = true, value_name = "JOB")]
    pub(crate) jobs: Vec<String>,
}

#[derive(Args)]
pub(crate) struct OneJob {
    /// Which job.
    pub(crate) job: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Kind {
    Download,
    Upload,
    UploadReply,
}

impl From<Kind> for JobType {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Download => Self::Download,
            Kind::Upload => Self::Upload,
            Kind::UploadReply => Self::UploadReply,
        }
    }
}

#[derive(Subcommand)]
pub(crate) enum Service {
    /// Be the service.
    Run {
        /// Leave the terminal and the caller behind; print one line when ready.
        #[arg(long)]
        detach: bool,
    },
    /// Start the service, if it is not running.
    Start,
    /// End the service. Its jobs go on when it is started again.
    Stop,
    /// Show what the service is doing. Does not start it.
    Status,
    /// Install the units of systemd, so that it runs from the log-in on.
    Install,
    /// Remove the units of systemd.
    Uninstall,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definitions_hold_together() {
        Arguments::command().debug_assert();
    }
}
