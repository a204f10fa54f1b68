//! The command line.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Measures Consign beside other programs.
#[derive(Parser)]
#[command(name = "consign-bench", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Files: beside curl, wget, wget2 and aria2c, against nginx on this machine.
    Transfer(Transfer),
    /// Callbacks: how soon an owner hears of an event, and how many events are told in a second.
    Callbacks(Callbacks),
    /// Queued calls: beside the disk alone, Redis, PostgreSQL and a job queue on SQLite.
    Queue(Queue),
    /// One of the processes that `queue` has record through an outbox.
    #[command(hide = true)]
    OutboxWriter {
        /// The database.
        database: PathBuf,
        /// For how long, in milliseconds.
        time: u64,
    },
    /// The component on which `queue` plays.
    #[command(hide = true)]
    Component {
        /// Its class.
        class: String,
        /// The socket on which it says what it played.
        news: PathBuf,
    },
    /// The server of the class that `callbacks` starts.
    #[command(hide = true)]
    ClassServer {
        /// Where it writes when it was called.
        answer: PathBuf,
    },
    /// What that server is compared to.
    #[command(hide = true)]
    BareClient,
    /// One HTTP request, read and written 1 MiB at a time: the floor for those that copy.
    #[command(hide = true)]
    BareLoop {
        /// http://ADDRESS:PORT/PATH
        url: String,
        /// Where to.
        output: PathBuf,
    },
}

#[derive(Args)]
pub(crate) struct Callbacks {
    /// Events that a connected client waits for.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(crate) events: usize,
    /// Starts of a class's server.
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) starts: usize,
    /// Jobs that end at once.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) count: usize,
    /// Where to work: a folder on a real disk [default: that of this program].
    #[arg(long, value_name = "FOLDER")]
    pub(crate) folder: Option<PathBuf>,
    /// Write all numbers there too.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Queue {
    /// Less of everything, for a look: the numbers say little.
    #[arg(long)]
    pub(crate) quick: bool,
    /// These rows alone. May be repeated.
    #[arg(long, value_enum, value_name = "ROW")]
    pub(crate) only: Vec<QueueRow>,
    /// How often each contender has its turn [default: 5, with --quick 2].
    #[arg(long, value_name = "N")]
    pub(crate) rounds: Option<usize>,
    /// Messages that wait in the row of many [default: 1000000, with --quick 20000].
    #[arg(long, value_name = "N")]
    pub(crate) messages: Option<usize>,
    /// Where to work: a folder on a real disk [default: that of this program].
    #[arg(long, value_name = "FOLDER")]
    pub(crate) folder: Option<PathBuf>,
    /// The program with the job queue on SQLite [default: where its build leaves it].
    #[arg(long, value_name = "PATH")]
    pub(crate) job_queue: Option<PathBuf>,
    /// Write all numbers there too.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum QueueRow {
    /// One call by one client, answered durable, beside one sync.
    One,
    /// The engine in one process, 64 recorders.
    Embedded,
    /// 64 clients of the service, one call in each message.
    Clients,
    /// Messages of 256 calls, recorded and played.
    Calls,
    /// Playing what 64 clients recorded, on a running component.
    Play,
    /// From the commit to the method's end in a running component.
    Latency,
    /// A message for a class that is not running.
    Start,
    /// Very many messages waiting.
    Waiting,
    /// Eight processes that record through outboxes in one SQLite file.
    Outboxes,
}

#[derive(Args)]
pub(crate) struct Transfer {
    /// Less of everything, for a look: the numbers say little.
    #[arg(long)]
    pub(crate) quick: bool,
    /// These rows alone. May be repeated.
    #[arg(long, value_enum, value_name = "ROW")]
    pub(crate) only: Vec<Row>,
    /// How often each contender has its turn [default: 5, with --quick 2].
    #[arg(long, value_name = "N")]
    pub(crate) rounds: Option<usize>,
    /// The size of the large file in MiB [default: 2048, with --quick 256].
    #[arg(long, value_name = "MIB")]
    pub(crate) size: Option<u64>,
    /// Files in the job of many files, and jobs that are stored [default: 10000, with --quick 1000].
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<usize>,
    /// Where to work: a folder on a real disk [default: that of this program].
    #[arg(long, value_name = "FOLDER")]
    pub(crate) folder: Option<PathBuf>,
    /// Another `consign` to measure than the one that was built with this program.
    #[arg(long, value_name = "PATH")]
    pub(crate) program: Option<PathBuf>,
    /// Do not keep nginx on one processor and the contenders on the others.
    #[arg(long)]
    pub(crate) no_pin: bool,
    /// Write all numbers there too.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Row {
    /// One large file over plain HTTP.
    Plain,
    /// The same over TLS 1.3.
    Tls,
    /// One job of many small files.
    Files,
    /// Many jobs of one small file.
    Jobs,
    /// Many suspended jobs: start, rest, and reading one of them.
    Idle,
}

impl Queue {
    pub(crate) fn wants(&self, row: QueueRow) -> bool {
        self.only.is_empty() || self.only.contains(&row)
    }

    pub(crate) fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 2 } else { 5 }).max(1)
    }

    /// How long a contender works in one turn.
    pub(crate) fn turn(&self) -> Duration {
        Duration::from_millis(if self.quick { 300 } else { 2000 })
    }

    /// How often what is done one at a time is repeated in one turn.
    pub(crate) fn times(&self) -> usize {
        if self.quick { 100 } else { 1000 }
    }

    /// At least as many as are played to compare them.
    pub(crate) fn messages(&self) -> usize {
        self.messages.unwrap_or(if self.quick { 20_000 } else { 1_000_000 }).max(2_000)
    }
}

impl Transfer {
    pub(crate) fn wants(&self, row: Row) -> bool {
        self.only.is_empty() || self.only.contains(&row)
    }

    pub(crate) fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 2 } else { 5 }).max(1)
    }

    /// In bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size.unwrap_or(if self.quick { 256 } else { 2048 }).max(1) << 20
    }

    pub(crate) fn count(&self) -> usize {
        self.count.unwrap_or(if self.quick { 1000 } else { 10_000 }).clamp(10, 99_999)
    }

    /// Jobs of the row that counts jobs in a second.
    pub(crate) fn jobs(&self) -> usize {
        (self.count() / 10).max(10)
    }
}
