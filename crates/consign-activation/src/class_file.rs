//! The file that describes a class: its text, its rules, nothing of where it lies.

use std::{path::Path, time::Duration};

use serde::{Deserialize, Serialize};

use crate::names::{ClassId, InterfaceId, ProgId};

/// A longer file is refused before it is read whole.
pub const LONGEST_FILE: u64 = 64 * 1024;

/// What is known of a class. Corresponds to the keys `CLSID` and `AppID` of the Windows registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassFile {
    /// `clsid`: the name of the class.
    pub class: ClassId,
    /// `progid`: its name for people.
    pub progid: Option<ProgId>,
    /// `name`: what it is, in a few words.
    pub name: Option<String>,
    /// `application`: what it belongs to; the unit of queueing.
    pub application: Option<String>,
    /// `exec`, `systemd_unit` or `dbus_name`: who starts its server.
    pub host: Host,
    /// `start_timeout`, in whole seconds, 1 to 3600: a server that has not registered by then has
    /// failed. 60 s where the file says nothing.
    pub start_timeout: Duration,
    /// `idle_stop`, in whole seconds: a server that nobody used for so long is asked to end. 0 is as
    /// soon as nobody uses it, `None` is never.
    pub idle_stop: Option<Duration>,
    /// What is kept for queued calls.
    pub component: Component,
}

/// Who starts the server of a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// `exec`: the service itself. The program's absolute path, then its arguments.
    Program(Vec<String>),
    /// `systemd_unit`: the user's service manager, which puts the variables of
    /// `$XDG_RUNTIME_DIR/consign/activation/UNIT.env` into the server's environment
    /// (`EnvironmentFile=` in the unit).
    SystemdUnit(String),
    /// `dbus_name`: the session bus, by the service file of that name. Such a server gets no token and
    /// registers without.
    BusName(String),
}

/// The keys for queued calls: read, checked and written, and not used here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Component {
    /// `interfaces`: what its objects can be called by.
    pub interfaces: Vec<InterfaceId>,
    /// `queue`: the name of the queue, where it is not the application's.
    pub queue: Option<String>,
    /// `listener`: whether its queue is served.
    pub listener: Option<bool>,
    /// `max_players`: how many messages are played at once, 1 or more.
    pub max_players: Option<u32>,
    /// `exception_class`: who is told of a message that could not be played.
    pub exception_class: Option<ClassId>,
}

/// A text is not a class file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ClassFileError {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
}

impl ClassFile {
    /// A class that says no more than it must.
    pub fn new(class: ClassId, host: Host) -> Self {
        Self {
            class,
            progid: None,
            name: None,
            application: None,
            host,
            start_timeout: START_TIMEOUT,
            idle_stop: None,
            component: Component::default(),
        }
    }

    /// Reads the text of a class file.
    ///
    /// # Errors
    /// When it is not TOML, has a key that no class has, or a value that its key cannot have.
    pub fn from_toml(text: &str) -> Result<Self, ClassFileError> {
        let at = |offset: usize, message: String| {
            let before = text.get(..offset).unwrap_or(text);
            let line_start = before.rfind('\n').map_or(0, |end| end + 1);
            ClassFileError {
                line: before.matches('\n').count() + 1,
                column: before[line_start..].chars().count() + 1,
                message: message.trim_end().replace('\n', ", "),
            }
        };
        let written: Written =
            toml::from_str(text).map_err(|error| at(error.span().map_or(0, |span| span.start), error.message().to_owned()))?;
        Self::try_from(written).map_err(|(key, message)| {
            // Where the key stands; a key that is missing stands nowhere.
            let offset = key.and_then(|key| {
                let mut start = 0;
                text.split_inclusive('\n').find_map(|line| {
                    let here = start;
                    start += line.len();
                    line.trim_start().strip_prefix(key)?.trim_start().starts_with('=').then_some(here)
                })
            });
            at(offset.unwrap_or(0), message)
        })
    }

    /// The text that [`ClassFile::from_toml`] reads as this class.
    ///
    /// # Errors
    /// When a value is one that a class file cannot have; the line and column mean nothing then.
    pub fn to_toml(&self) -> Result<String, ClassFileError> {
        let nowhere = |message| ClassFileError { line: 1, column: 1, message };
        let written = Written::from(self);
        let text = toml::to_string(&written).map_err(|error| nowhere(error.to_string()))?;
        // What cannot be read again must not be written.
        if Self::try_from(written).map_err(|(_, message)| nowhere(message))? != *self {
            return Err(nowhere("times are whole seconds".to_owned()));
        }
        Ok(text)
    }

    /// The name of the file that [`crate::Registry::register`] writes.
    pub fn file_name(class: ClassId) -> String {
        format!("{class}.toml")
    }
}

const START_TIMEOUT: Duration = Duration::from_secs(60);

/// The keys as they stand in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    clsid: ClassId,
    progid: Option<ProgId>,
    name: Option<String>,
    application: Option<String>,
    exec: Option<Vec<String>>,
    systemd_unit: Option<String>,
    dbus_name: Option<String>,
    start_timeout: Option<u32>,
    idle_stop: Option<u32>,
    interfaces: Option<Vec<InterfaceId>>,
    queue: Option<String>,
    listener: Option<bool>,
    max_players: Option<u32>,
    exception_class: Option<ClassId>,
}

impl From<&ClassFile> for Written {
    fn from(class: &ClassFile) -> Self {
        let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        let (mut exec, mut systemd_unit, mut dbus_name) = (None, None, None);
        match class.host.clone() {
            Host::Program(command) => exec = Some(command),
            Host::SystemdUnit(unit) => systemd_unit = Some(unit),
            Host::BusName(name) => dbus_name = Some(name),
        }
        let component = class.component.clone();
        Self {
            clsid: class.class,
            progid: class.progid.clone(),
            name: class.name.clone(),
            application: class.application.clone(),
            exec,
            systemd_unit,
            dbus_name,
            start_timeout: (class.start_timeout != START_TIMEOUT).then(|| seconds(class.start_timeout)),
            idle_stop: class.idle_stop.map(seconds),
            interfaces: (!component.interfaces.is_empty()).then_some(component.interfaces),
            queue: component.queue,
            listener: component.listener,
            max_players: component.max_players,
            exception_class: component.exception_class,
        }
    }
}

/// The key that is at fault, if one is, and what is wrong with it.
type Fault = (Option<&'static str>, String);

impl TryFrom<Written> for ClassFile {
    type Error = Fault;

    fn try_from(written: Written) -> Result<Self, Fault> {
        let host = match (written.exec, written.systemd_unit, written.dbus_name) {
            (Some(command), None, None) => Host::Program(check_command(command)?),
            (None, Some(unit), None) => Host::SystemdUnit(check("systemd_unit", is_unit, unit, "the name of a systemd service unit")?),
            (None, None, Some(name)) => Host::BusName(check("dbus_name", is_bus_name, name, "a well-known D-Bus name")?),
            _ => return Err((None, "one of `exec`, `systemd_unit` and `dbus_name` says how the server is started".to_owned())),
        };
        let text = |key, text: Option<String>| text.map(|text| check(key, is_words, text, "1 to 256 characters of one line")).transpose();
        let queue = |key, text: Option<String>| text.map(|text| check(key, is_queue, text, "1 to 124 bytes of one line")).transpose();
        let start_timeout = match written.start_timeout {
            None => START_TIMEOUT,
            Some(seconds @ 1..=3600) => Duration::from_secs(seconds.into()),
            Some(_) => return Err((Some("start_timeout"), "`start_timeout` is 1 to 3600 seconds".to_owned())),
        };
        if written.max_players == Some(0) {
            return Err((Some("max_players"), "`max_players` is 1 or more".to_owned()));
        }
        Ok(Self {
            class: written.clsid,
            progid: written.progid,
            name: text("name", written.name)?,
            application: queue("application", written.application)?,
            host,
            start_timeout,
            idle_stop: written.idle_stop.map(|seconds| Duration::from_secs(seconds.into())),
            component: Component {
                interfaces: written.interfaces.unwrap_or_default(),
                queue: queue("queue", written.queue)?,
                listener: written.listener,
                max_players: written.max_players,
                exception_class: written.exception_class,
            },
        })
    }
}

fn check(key: &'static str, rule: impl Fn(&str) -> bool, value: String, what: &str) -> Result<String, Fault> {
    if rule(&value) { Ok(value) } else { Err((Some(key), format!("`{key}` is {what}"))) }
}

fn check_command(command: Vec<String>) -> Result<Vec<String>, Fault> {
    let fault = |message: &str| Err((Some("exec"), message.to_owned()));
    match command.first() {
        Some(program) if Path::new(program).is_absolute() => {}
        Some(_) => return fault("the program in `exec` has an absolute path"),
        None => return fault("`exec` is a list: the program, then its arguments"),
    }
    if command.iter().any(|argument| argument.contains('\0')) {
        return fault("an argument cannot hold a NUL character");
    }
    Ok(command)
}

fn is_words(text: &str) -> bool {
    (1..=256).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// What a queue can be named after.
fn is_queue(text: &str) -> bool {
    is_words(text) && text.len() <= 124
}

/// The rules of `systemd.unit(5)`. No slash: the name is used as that of a file.
fn is_unit(name: &str) -> bool {
    name.len() <= 255
        && name.strip_suffix(".service").is_some_and(|stem| !stem.is_empty() && !stem.starts_with(['-', '.']) && !stem.ends_with('@'))
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte))
}

/// The rules of the D-Bus specification.
fn is_bus_name(name: &str) -> bool {
    let is_element = |element: &str| {
        !element.is_empty()
            && !element.starts_with(|first: char| first.is_ascii_digit())
            && element.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    };
    name.len() <= 255 && name.contains('.') && name.split('.').all(is_element)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CLASS: &str = "clsid = \"97184d0f-f7ef-413a-8c6d-c1745018b2e9\"\n";

    fn read(rest: &str) -> Result<ClassFile, ClassFileError> {
        ClassFile::from_toml(&format!("{CLASS}{rest}"))
    }

    #[test]
    fn a_short_file_has_the_defaults() {
        let class = read("exec = [\"/usr/bin/server\", \"--flag\"]").unwrap();
        assert_eq!(class.host, Host::Program(vec!["/usr/bin/server".to_owned(), "--flag".to_owned()]));
        assert_eq!((class.start_timeout, class.idle_stop), (Duration::from_secs(60), None));
        assert_eq!(class.component, Component::default());
    }

    #[test]
    fn every_key_is_read_and_written_again() {
        let class = read(
            "progid = 'Vendor.Thing.1'\nname = 'A thing'\napplication = 'Things'\nsystemd_unit = 'thing@1.service'\nstart_timeout = 5\n\
             idle_stop = 0\ninterfaces = ['{97184d0f-f7ef-413a-8c6d-c1745018b2e8}']\nqueue = 'q'\nlistener = true\nmax_players = 4\n\
             exception_class = '97184d0f-f7ef-413a-8c6d-c1745018b2e7'",
        )
        .unwrap();
        assert_eq!(class.idle_stop, Some(Duration::ZERO));
        assert_eq!((class.component.interfaces.len(), class.component.max_players), (1, Some(4)));
        assert_eq!(ClassFile::from_toml(&class.to_toml().unwrap()), Ok(class));
    }

    #[test]
    fn a_fault_is_shown_where_it_stands() {
        for (rest, line, column, words) in [
            ("exec = ['/a']\nexce = 1", 3, 1, "exce"),
            ("exec = '/a'", 2, 8, "expected a sequence"),
            ("exec = ['a']", 2, 1, "absolute"),
            ("exec = []", 2, 1, "list"),
            ("exec = ['/a', 'b\\0']", 2, 1, ""),
            ("exec = ['/a']\nprogid = '1A'", 3, 10, "digit"),
            ("exec = ['/a']\n  start_timeout = 0", 3, 1, "3600"),
            ("exec = ['/a']\nidle_stop = -1", 3, 13, ""),
            ("exec = ['/a']\nmax_players = 0", 3, 1, "1 or more"),
            ("exec = ['/a']\nname = ''", 3, 1, "256"),
            ("exec = ['/a']\ndbus_name = 'a.b'", 1, 1, "one of"),
            ("name = 'x'", 1, 1, "one of"),
            ("dbus_name = 'nodot'", 2, 1, "D-Bus"),
            ("systemd_unit = '../x.service'", 2, 1, "systemd"),
            ("exec = [", 2, 9, ""),
        ] {
            let error =
                if rest.contains("\\0") { read(&rest.replace('\'', "\"").replace("\\0", "\\u0000")) } else { read(rest) }.unwrap_err();
            assert_eq!((error.line, error.column), (line, column), "{rest}: {error}");
            assert!(error.message.contains(words), "{rest}: {error}");
        }
        assert!(ClassFile::from_toml("exec = ['/a']").unwrap_err().message.contains("clsid"));
    }

    #[test]
    fn what_cannot_be_read_again_is_not_written() {
        let class = read("exec = ['/a']").unwrap();
        for bad in [
            ClassFile { start_timeout: Duration::from_millis(1500), ..class.clone() },
            ClassFile { name: Some("two\nlines".to_owned()), ..class.clone() },
            ClassFile { host: Host::Program(vec!["relative".to_owned()]), ..class.clone() },
        ] {
            assert!(bad.to_toml().is_err());
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*(\n\\PC*){0,4}") {
            let _ = ClassFile::from_toml(&text);
        }

        #[test]
        fn any_command_survives(arguments in proptest::collection::vec("[^\0]*", 0..5)) {
            let command = std::iter::once("/a".to_owned()).chain(arguments).collect();
            let class = ClassFile::new(CLASS[9..45].parse().unwrap(), Host::Program(command));
            prop_assert_eq!(ClassFile::from_toml(&class.to_toml().unwrap()), Ok(class));
        }
    }
}
