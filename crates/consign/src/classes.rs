//! The classes that are registered: what the keys `CLSID` and `AppID` are to Windows.

use std::time::Duration;

use consign_bits::Failure;
use consign_core::{Guid, Hresult, Timestamp};
use consign_wire::{ClassRecord, names};

use crate::{Client, Error, Result, snapshot::time};

/// A class file, and what is known of the class's server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// The path of the class file, shown as text.
    pub file: String,
    /// The class, or why the file describes none.
    pub details: Result<ClassDetails, ClassProblem>,
}

/// Why a file describes no class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassProblem {
    /// Which HRESULT.
    pub code: Hresult,
    /// What is wrong, with line and column where that helps.
    pub sentence: String,
}

/// A registered class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassDetails {
    /// Its CLSID.
    pub class: Guid,
    /// Its ProgID.
    pub progid: Option<String>,
    /// What it is, in a few words.
    pub name: Option<String>,
    /// What it belongs to.
    pub application: Option<String>,
    /// Who starts its server.
    pub host: ClassHost,
    /// A server that has not registered by then has failed.
    pub start_timeout: Duration,
    /// A server that nobody used for so long is asked to end; `None` is never.
    pub idle_stop: Option<Duration>,
    /// What its server does.
    pub server: ServerState,
    /// The server's process, where the service has started it.
    pub process: Option<u32>,
    /// When the latest start was begun.
    pub started: Option<Timestamp>,
    /// How often it was started since the service began.
    pub attempts: u64,
    /// How many starts in a row have failed.
    pub failures: u32,
    /// When and why the last one failed.
    pub last_failure: Option<(Timestamp, Failure)>,
}

/// Who starts the server of a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClassHost {
    /// The service: program and arguments.
    Program(Vec<String>),
    /// The user's service manager: a unit.
    SystemdUnit(String),
    /// The session bus: a name.
    BusName(String),
}

/// What the server of a class does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerState {
    /// There is none.
    Absent,
    /// It was started and has not registered yet.
    Starting,
    /// It serves.
    Running {
        /// How many objects of it are in use.
        users: u32,
    },
    /// It was asked to end.
    Stopping,
    /// It failed, and is not started again before this time.
    BackingOff(Timestamp),
}

/// A line that a server wrote to its standard output or its standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputLine {
    /// When.
    pub at: Timestamp,
    /// What; control characters are as they were written.
    pub text: String,
}

/// What to do with a class that jobs use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unregister {
    /// Refuse.
    #[default]
    IfUnused,
    /// Take its registration away. Those jobs go on; their notices wait for the class to be registered
    /// again, or for somebody else to hear them.
    Force,
}

/// All that is known of one class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassReport {
    /// The class.
    pub class: Class,
    /// What its servers wrote last, oldest line first.
    pub output: Vec<OutputLine>,
    /// The jobs that use it, by id and display name.
    pub jobs: Vec<(String, String)>,
}

impl Client {
    /// Registers a class by the text of a class file, replacing an earlier registration; answers its
    /// CLSID and where the file was written. Its program is checked now, and each time it is run.
    ///
    /// # Errors
    /// `REGDB_E_INVALIDVALUE` (the text), `E_ACCESSDENIED` (who may write to the program, or the
    /// policy), `ERROR_FILE_NOT_FOUND` (no such program), `ERROR_ALREADY_EXISTS` (another file has the
    /// class or its ProgID), `CO_E_NOT_SUPPORTED` (embedded).
    pub async fn register_class(&self, class_file: &str) -> Result<(Guid, String)> {
        let (class, path): (String, String) = self.call(names::CLASSES, "Register", &class_file).await?;
        Ok((class.parse().map_err(Error::protocol)?, path))
    }

    /// Takes the registration of a class back, and ends its server. `class` is a CLSID or a ProgID.
    ///
    /// # Errors
    /// `ERROR_BUSY` (jobs use it; the sentence lists them), `REGDB_E_CLASSNOTREG`,
    /// `CO_E_CLASSSTRING`, `E_ACCESSDENIED` (the system's own class).
    pub async fn unregister_class(&self, class: &str, unregister: Unregister) -> Result<()> {
        self.call(names::CLASSES, "Unregister", &(class, unregister == Unregister::Force)).await
    }

    /// Every class file of the user and of the system.
    ///
    /// # Errors
    /// `CO_E_NOT_SUPPORTED` (embedded).
    pub async fn classes(&self) -> Result<Vec<Class>> {
        let records: Vec<ClassRecord> = self.call(names::CLASSES, "List", &()).await?;
        records.into_iter().map(Class::read).collect()
    }

    /// A class, by its CLSID or its ProgID. Corresponds to `CLSIDFromProgID`.
    ///
    /// # Errors
    /// `REGDB_E_CLASSNOTREG`, `CO_E_CLASSSTRING`.
    pub async fn class(&self, class: &str) -> Result<ClassReport> {
        let (record, output, jobs): (ClassRecord, Vec<(i64, String)>, _) = self.call(names::CLASSES, "Show", &class).await?;
        let output = output.into_iter().map(|(at, text)| OutputLine { at: Timestamp::from_millis(at), text }).collect();
        Ok(ClassReport { class: Class::read(record)?, output, jobs })
    }

    /// Starts the server of a class, if it does not run, and waits until it serves. Corresponds to
    /// `CoGetClassObject`.
    ///
    /// # Errors
    /// `CO_E_SERVER_EXEC_FAILURE` (it ended, took too long, or keeps failing; the sentence says
    /// which), `REGDB_E_CLASSNOTREG`, `E_ACCESSDENIED`.
    pub async fn start_class(&self, class: &str) -> Result<()> {
        self.call(names::CLASSES, "Start", &class).await
    }

    /// Ends the server of a class, whoever uses it, and waits until it is gone. It is started again
    /// when it is wanted again.
    ///
    /// # Errors
    /// `CO_E_CLASSSTRING`.
    pub async fn stop_class(&self, class: &str) -> Result<()> {
        self.call(names::CLASSES, "Stop", &class).await
    }
}

impl Class {
    fn read(record: ClassRecord) -> Result<Self> {
        if record.problem != 0 {
            let problem = ClassProblem { code: Hresult::from_i32(record.problem), sentence: record.problem_sentence };
            return Ok(Self { file: record.file, details: Err(problem) });
        }
        let text = |text: String| (!text.is_empty()).then_some(text);
        let mut command = record.command;
        let host = match record.host.as_str() {
            "exec" => ClassHost::Program(command),
            "systemd_unit" => ClassHost::SystemdUnit(command.pop().unwrap_or_default()),
            "dbus_name" => ClassHost::BusName(command.pop().unwrap_or_default()),
            other => return Err(Error::protocol(format!("a server is started by {other}"))),
        };
        let server = match record.state.as_str() {
            "absent" => ServerState::Absent,
            "starting" => ServerState::Starting,
            "running" => ServerState::Running { users: record.users },
            "stopping" => ServerState::Stopping,
            "backing-off" => ServerState::BackingOff(Timestamp::from_millis(record.retry)),
            other => return Err(Error::protocol(format!("a server is {other}"))),
        };
        let failure = Failure::refused(Hresult::from_i32(record.failure), record.failure_sentence);
        let details = ClassDetails {
            class: record.clsid.parse().map_err(Error::protocol)?,
            progid: text(record.progid),
            name: text(record.name),
            application: text(record.application),
            host,
            start_timeout: Duration::from_secs(record.start_timeout.into()),
            idle_stop: u64::try_from(record.idle_stop).ok().map(Duration::from_secs),
            server,
            process: (record.process != 0).then_some(record.process),
            started: time(record.started),
            attempts: record.attempts,
            failures: record.failures,
            last_failure: time(record.failure_at).map(|at| (at, failure)),
        };
        Ok(Self { file: record.file, details: Ok(details) })
    }
}
