//! `consign.toml`.

use std::{fs, io, path::PathBuf, sync::Arc, time::Duration};

use consign_activation::{
    CommandLines, Policy, Registry,
    activator::{HandStarted, Options},
    server::Backoff,
};
use consign_core::{Paths, SystemClock};
use consign_transfer::{FetchSettings, JobSettings, Limits};
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::{
    classes::Classes,
    command_lines::{CommandRunner, environment_of_this_process},
    receivers::ClientReceivers,
};

/// The longest settings file that is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// Everything that a user may choose. Unknown names are refused: a mistyped one would be a setting
/// that silently does nothing.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The service itself.
    pub service: ServiceSettings,
    /// What BITS limits by policy.
    pub limits: Limits,
    /// Times and turns of jobs.
    pub jobs: JobSettings,
    /// How files are fetched.
    pub fetch: FetchSettings,
    /// The servers of classes.
    pub classes: ClassSettings,
    /// Queues of calls.
    pub queue: QueueSettings,
    /// What may be run.
    pub policy: PolicySettings,
}

/// The section `[queue]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueueSettings {
    /// How many messages of a queue are played at once where the queue does not say so itself; 0: 16 for each processor.
    pub players: u32,
}

/// The section `[classes]`. Times in seconds, with fractions.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClassSettings {
    /// How long a server that has failed is not started again; doubled after each further failure.
    #[serde(deserialize_with = "seconds")]
    pub restart_delay: Duration,
    /// The longest that this becomes.
    #[serde(deserialize_with = "seconds")]
    pub restart_delay_longest: Duration,
    /// How long a server has to end after it was asked, and again after SIGTERM.
    #[serde(deserialize_with = "seconds")]
    pub stop_grace: Duration,
}

impl Default for ClassSettings {
    fn default() -> Self {
        let backoff = Backoff::default();
        Self { restart_delay: backoff.shortest, restart_delay_longest: backoff.longest, stop_grace: Duration::from_secs(5) }
    }
}

impl PolicySettings {
    fn programs(&self) -> Policy {
        let command_lines = match self.command_lines {
            CommandLineRule::Allow => CommandLines::Allow,
            CommandLineRule::Listed => CommandLines::Listed(self.listed.clone()),
            CommandLineRule::Deny => CommandLines::Deny,
        };
        Policy { command_lines }
    }
}

/// The section `[policy]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicySettings {
    /// Which programs may be run: the command lines of jobs and the programs of classes.
    pub command_lines: CommandLineRule,
    /// The absolute paths that `listed` means.
    pub listed: Vec<PathBuf>,
    /// Whether servers that the service did not start may serve classes.
    pub hand_started_servers: HandStartedRule,
}

/// What is thought of a server that somebody started by hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HandStartedRule {
    /// It serves a class that has no server.
    Allow,
    /// It is refused.
    #[default]
    Deny,
}

/// Which programs may be run. Rules about who owns them hold for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CommandLineRule {
    /// All.
    #[default]
    Allow,
    /// Those that are listed.
    Listed,
    /// None.
    Deny,
}

/// The section `[service]`. Times in seconds, with fractions.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServiceSettings {
    /// The service ends when for so long no client is connected and nothing can become due without
    /// one. 0: never.
    #[serde(deserialize_with = "seconds")]
    pub idle_exit: Duration,
    /// How long calls in hand are waited for when the service is to end.
    #[serde(deserialize_with = "seconds")]
    pub stop_grace: Duration,
    /// Clients at the same time.
    pub connections: u32,
}

impl Default for ServiceSettings {
    fn default() -> Self {
        Self {
            // Long enough that a script of several commands starts one service, not several.
            idle_exit: Duration::from_secs(30),
            stop_grace: Duration::from_millis(1500),
            connections: 256,
        }
    }
}

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file is there and cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What stands in it is no setting.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// In characters, counted from 1.
        column: usize,
        /// What is wrong there.
        message: String,
    },
}

impl Settings {
    /// What stands in `path`, and the defaults for the rest; without a file, the defaults.
    ///
    /// # Errors
    /// When the file cannot be read, is not TOML, or has a name or a value that is unknown.
    pub fn read(path: PathBuf) -> Result<Self, SettingsError> {
        let text = match read_bounded(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(SettingsError::Unreadable { path, source }),
        };
        Self::parse(&text, path)
    }

    /// `path` is only for the error.
    pub(crate) fn parse(text: &str, path: PathBuf) -> Result<Self, SettingsError> {
        toml::from_str(text).map_err(|error| {
            let (line, column) = position(text, error.span().map_or(0, |span| span.start));
            SettingsError::Invalid { path, line, column, message: error.message().trim().replace('\n', ", ") }
        })
    }

    /// Receivers that run what the policy allows, and have these classes.
    pub fn receivers(&self, classes: Option<Arc<Classes>>) -> Arc<ClientReceivers> {
        let deadline = Duration::from_secs(self.jobs.callback_timeout.max(1).into());
        let commands = CommandRunner::of_this_process(self.policy.programs(), deadline, Arc::new(SystemClock));
        ClientReceivers::new(commands, classes, deadline)
    }

    /// The classes of the user and of the system, whose servers find the service by its socket. To be
    /// called inside a runtime.
    pub fn classes(&self, paths: &Paths) -> Arc<Classes> {
        let [user, system] = paths.classes();
        let registry = Arc::new(Registry::new(user, [system]));
        Classes::new(|link| Options {
            policy: self.policy.programs(),
            hand_started: match self.policy.hand_started_servers {
                HandStartedRule::Allow => HandStarted::Accepted,
                HandStartedRule::Deny => HandStarted::Refused,
            },
            grace: self.classes.stop_grace,
            backoff: Backoff { shortest: self.classes.restart_delay, longest: self.classes.restart_delay_longest, ..Backoff::default() },
            ..Options::new(registry, link, paths.socket(), paths.runtime.clone(), environment_of_this_process())
        })
    }

    /// The part that is the engine's.
    pub fn engine(&self) -> consign_transfer::Settings {
        consign_transfer::Settings { limits: self.limits.clone(), jobs: self.jobs.clone(), fetch: self.fetch.clone() }
    }
}

fn read_bounded(path: &std::path::Path) -> io::Result<String> {
    let mut text = String::new();
    let read = io::Read::read_to_string(&mut io::Read::take(fs::File::open(path)?, LONGEST + 1), &mut text)?;
    if read as u64 > LONGEST { Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is no settings file")) } else { Ok(text) }
}

fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    // A year is longer than anybody means, and a number of seconds that surely fits everywhere.
    if !(0.0..=31_536_000.0).contains(&seconds) {
        return Err(D::Error::custom("a time in seconds, 0 to 31536000, is expected"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<Settings, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("consign.toml");
        fs::write(&path, text).unwrap();
        Settings::read(path.clone()).map_err(|error| error.to_string().replace(path.to_str().unwrap(), "consign.toml"))
    }

    #[test]
    fn without_a_file_there_are_defaults() {
        assert_eq!(Settings::read("/does/not/exist".into()).unwrap(), Settings::default());
        assert_eq!(check("").unwrap(), Settings::default());
    }

    #[test]
    fn each_section_is_read() {
        let settings = check(
            "[service]\nidle_exit = 0\nstop_grace = 0.5\nconnections = 9\n[limits]\njobs_per_user = 1\n[jobs]\ntime_slice = 2\n[fetch]\nredirects = 3\n",
        )
        .unwrap();
        assert_eq!(settings.service.idle_exit, Duration::ZERO);
        assert_eq!(settings.service.stop_grace, Duration::from_millis(500));
        assert_eq!(settings.service.connections, 9);
        let engine = settings.engine();
        assert_eq!((engine.limits.jobs_per_user, engine.jobs.time_slice, engine.fetch.redirects), (1, 2, 3));
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        for (text, place, word) in [
            ("[service]\nidle_exit = 30\nidel_exit = 1\n", "consign.toml:3:1:", "idel_exit"),
            ("[jobs]\n\n[colours]\n", "consign.toml:3:2:", "colours"),
            ("[service]\nconnections = \"many\"\n", "consign.toml:2:15:", "string"),
            ("[service]\nstop_grace = -1\n", "consign.toml:2:14:", "seconds"),
            ("[service]\nstop_grace = nan\n", "consign.toml:2:14:", "seconds"),
            ("[service\n", "consign.toml:1:9:", "]"),
        ] {
            let error = check(text).unwrap_err();
            assert!(error.starts_with(place) && error.contains(word), "{text:?}: {error}");
        }
    }

    const DOCUMENTED: &str = include_str!("../../../../docs/settings.md");

    /// The names that are known below `section`, as they are told to who mistypes one.
    fn known(section: &str) -> Vec<String> {
        let error = check(&format!("{section}\nmistyped = 1\n")).unwrap_err();
        let (_, expected) = error.split_once("expected").unwrap_or_else(|| panic!("{error}"));
        expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn the_documentation_has_each_key_and_no_other() {
        let mut keys: Vec<String> = known("")
            .iter()
            .flat_map(|section| known(&format!("[{section}]")).into_iter().map(move |key| format!("{section}.{key}")))
            .collect();
        let table = DOCUMENTED.split("\n## ").next().unwrap();
        let mut documented: Vec<_> =
            table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).map(str::to_owned).collect();
        assert!(keys.len() > 20, "{keys:?}");
        keys.sort();
        documented.sort();
        assert_eq!(documented, keys);
    }

    #[test]
    fn the_documented_file_holds_the_defaults() {
        let file = DOCUMENTED.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
        assert_eq!(check(file).unwrap(), Settings::default());
        for key in known("").iter().flat_map(|section| known(&format!("[{section}]"))) {
            let is_there = |line: &str| line.trim_start_matches("# ").starts_with(&format!("{key} = "));
            assert!(file.lines().any(is_there), "{key}");
        }
        // The table says the same in its third column.
        for line in DOCUMENTED.lines().filter(|line| line.starts_with("| `") && line.contains('.')) {
            let columns: Vec<_> = line.split('|').map(str::trim).collect();
            let Some((_, key)) = columns[1].trim_matches('`').split_once('.') else { continue };
            let default = columns[3].split(' ').next().unwrap();
            if !matches!(key, "ca_file" | "user_agent") {
                assert!(file.contains(&format!("\n{key} = {default}\n")), "{key}: {default}");
            }
        }
    }
}
