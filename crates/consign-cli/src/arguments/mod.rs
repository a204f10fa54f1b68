//! The command line: every command and flag, defined once.

mod queued;

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use consign::{Checksum, FileRange, Guid, JobType, NotifyFlags, Priority, Validity};

pub(crate) use queued::{Call, Check, Component, Idl, Import, Outbox, Peek, Queue, Standings};

use crate::parse::{self, ClassName, NewClass, Setting};

/// Hands files and method calls to a service that keeps its word: downloads go on, and calls are made,
/// when the terminal closes, the network breaks or the machine restarts.
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
    /// Register, start, stop and look at classes.
    ///
    /// A class is a program that the service starts when it has something to tell it: that a job is
    /// done, for example (`consign job notify JOB --class CLASS`).
    #[command(subcommand)]
    Class(Class),
    /// Import and look at components: classes on which calls can be queued.
    ///
    /// A call is queued when it is recorded as a message, stored, and played on an object of the class when that
    /// can be: calls survive the caller, the component's absence and restarts.
    #[command(subcommand)]
    Component(Component),
    /// Record a call on a component, and print the id of the message.
    ///
    /// It answers when the message is stored. The component need not run: it is started to play the message, and
    /// what fails is tried again as the queue's policy says. `consign queue` shows what becomes of it.
    #[command(after_help = queued::CALL)]
    Call(Call),
    /// Look at queues of recorded calls, and manage them.
    ///
    /// A message is named by its number or its id. Where all messages of a queue are meant, --ready, --waiting,
    /// --parked and --dead choose among them.
    #[command(subcommand)]
    Queue(Queue),
    /// Read IDL files.
    #[command(subcommand)]
    Idl(Idl),
    /// Name the databases from which recorded calls are carried to their queues.
    ///
    /// An application records calls in its own SQLite database, in the transactions that change its data.
    #[command(subcommand)]
    Outbox(Outbox),
    /// Run, start, stop and look at the service.
    #[command(subcommand)]
    Service(Service),
    /// Tell the whole story on this machine, offline, in ten seconds.
    ///
    /// A download whose service is killed half-way; an object that is called when it is done; a class
    /// whose server is started by its event. With a web server, a service and a folder of its own, which
    /// are removed at the end; your own service and jobs are left alone.
    Demo,
    /// Print the completions for a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// Serve the class of the demonstration. The service starts it; people do not.
    #[command(hide = true)]
    DemoServer(DemoServer),
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
    /// Set who is told what happens to a job.
    ///
    /// Objects that applications registered are called first. Where there is none, the class is
    /// activated; where no object answers success, the command is run, for transferred and error
    /// alone. If that fails too, it is all tried again after the retry delay.
    Notify(Notify),
    /// Say whether a transferred file is what it should be.
    ///
    /// An invalid one stops the job with BG_E_VALIDATION_FAILED, and is fetched again when it is
    /// resumed. Completing a job counts as finding its files valid.
    Validate {
        /// Which job.
        job: String,
        /// Which file: its number in `consign job files`.
        file: u32,
        /// What was found.
        judgement: Judgement,
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

#[derive(Args, Clone, Debug)]
pub(crate) struct Notify {
    /// Which job.
    pub(crate) job: String,
    /// What is told: transferred, error, modification, file, ranges, or disable for nothing.
    #[arg(long, value_name = "EVENTS", value_parser = parse::notify_flags, required_unless_present_any = ["class", "command", "interval"])]
    pub(crate) on: Option<NotifyFlags>,
    /// The class to activate, by its CLSID or its ProgID, which must be registered; or none.
    #[arg(long, value_name = "CLASS|none", value_parser = parse::class)]
    pub(crate) class: Option<ClassName>,
    /// The program to run, by its absolute path, and its arguments, to the end of the line; or none.
    ///
    /// No shell is used. {job} in an argument, and CONSIGN_JOB_ID in the environment, is the id of
    /// the job. The program and the folders above it must be writable by nobody but you and root, and
    /// allowed by policy.command_lines in the settings.
    #[arg(long, value_name = "PROGRAM [ARGUMENT]...|none", num_args = 1.., allow_hyphen_values = true)]
    pub(crate) command: Vec<String>,
    /// The time between two modifications that are told, in milliseconds.
    #[arg(long, value_name = "MILLISECONDS")]
    pub(crate) interval: Option<u32>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Judgement {
    Valid,
    Invalid,
}

impl From<Judgement> for Validity {
    fn from(judgement: Judgement) -> Self {
        match judgement {
            Judgement::Valid => Self::Valid,
            Judgement::Invalid => Self::Invalid,
        }
    }
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

/// A class is named by its CLSID or its ProgID.
#[derive(Subcommand)]
pub(crate) enum Class {
    /// Register a class, and print its CLSID.
    ///
    /// By a class file, or by what would stand in it. An earlier registration of the class is replaced.
    /// The program and the folders above it must be writable by nobody but you and root.
    Register(Register),
    /// List the classes that are registered.
    List,
    /// Show everything that is known of a class, and what its server wrote last.
    Show {
        /// Which class.
        class: String,
    },
    /// Take the registration of classes back, and end their servers.
    Unregister {
        #[command(flatten)]
        classes: Classes,
        /// Also where jobs use a class: what they have to tell waits for somebody else to hear it.
        #[arg(long)]
        force: bool,
    },
    /// Start the servers of classes, and wait until they serve.
    Start(Classes),
    /// End the servers of classes, whoever uses them.
    ///
    /// They are started again when they are wanted again.
    Stop(Classes),
}

#[derive(Args)]
#[command(group = ArgGroup::new("host").args(["exec", "systemd_unit", "dbus_name"]))]
pub(crate) struct Register {
    /// The class file.
    #[arg(value_name = "FILE", required_unless_present = "clsid", conflicts_with_all = ["clsid", "host"])]
    pub(crate) file: Option<PathBuf>,
    /// The id of the class, or new for one that was never used before.
    #[arg(long, value_name = "CLSID|new", value_parser = parse::new_class, requires = "host")]
    pub(crate) clsid: Option<NewClass>,
    /// Its name for people and programs, such as Vendor.Component.1.
    #[arg(long, requires = "clsid")]
    pub(crate) progid: Option<String>,
    /// What it is, in a few words.
    #[arg(long, requires = "clsid")]
    pub(crate) name: Option<String>,
    /// What it belongs to.
    #[arg(long, requires = "clsid")]
    pub(crate) application: Option<String>,
    /// How long a server that nobody uses is kept: 0 is not at all [default: as long as the service].
    #[arg(long, value_name = "TIME", value_parser = parse::seconds, requires = "clsid")]
    pub(crate) idle_stop: Option<u32>,
    /// How long its server may take to register [default: 60s].
    #[arg(long, value_name = "TIME", value_parser = parse::seconds, requires = "clsid")]
    pub(crate) start_timeout: Option<u32>,
    /// The server's program, by its absolute path, and its arguments, to the end of the line.
    #[arg(long, value_name = "PROGRAM [ARGUMENT]...", num_args = 1.., allow_hyphen_values = true, requires = "clsid")]
    pub(crate) exec: Vec<String>,
    /// The systemd unit of the user that is the server.
    #[arg(long, value_name = "UNIT", requires = "clsid")]
    pub(crate) systemd_unit: Option<String>,
    /// The name on the session bus that is the server.
    #[arg(long, value_name = "NAME", requires = "clsid")]
    pub(crate) dbus_name: Option<String>,
}

#[derive(Args)]
pub(crate) struct Classes {
    /// Which classes.
    #[arg(required = true, value_name = "CLASS")]
    pub(crate) classes: Vec<String>,
}

/// What the service starts for the demonstration.
#[derive(Args)]
pub(crate) struct DemoServer {
    /// The class that it serves.
    pub(crate) class: Guid,
    /// Where it writes what it hears, a line for each event.
    pub(crate) file: PathBuf,
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
