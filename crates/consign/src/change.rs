//! The writable properties of a job.

use consign_bits::{NotifyFlags, Priority, ProxySettings, SecurityFlags};
use consign_core::Guid;
use consign_wire::ProxyRecord;
use zbus::Variant;

/// A property to set, with [`Job::set`](crate::Job::set) or at creation. Allowed in every state
/// that is not final.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// `IBackgroundCopyJob::SetDisplayName`: at most 256 characters.
    DisplayName(String),
    /// `IBackgroundCopyJob::SetDescription`: at most 1024 characters.
    Description(String),
    /// `IBackgroundCopyJob::SetPriority`: takes effect at once.
    Priority(Priority),
    /// `IBackgroundCopyJob::SetMinimumRetryDelay`, in seconds; values under the floor (5) are
    /// raised to it.
    MinimumRetryDelay(u32),
    /// `IBackgroundCopyJob::SetNoProgressTimeout`, in seconds; 0 makes every error fatal.
    NoProgressTimeout(u32),
    /// `IBackgroundCopyJob4::SetMaximumDownloadTime`, in seconds.
    MaximumDownloadTime(u32),
    /// Who completes the job. BITS has no such call; its users write it in every callback.
    AutoComplete(AutoComplete),
    /// `IBackgroundCopyJob::SetNotifyFlags`.
    NotifyFlags(NotifyFlags),
    /// `IBackgroundCopyJob::SetProxySettings`.
    Proxy(ProxySettings),
    /// `IBackgroundCopyJobHttpOptions::SetSecurityFlags`.
    SecurityFlags(SecurityFlags),
    /// `BITS_JOB_PROPERTY_NOTIFICATION_CLSID`: the class that is activated where no object is
    /// registered; [`Guid::NULL`] clears.
    NotificationClass(Guid),
    /// `IBackgroundCopyJob2::SetNotifyCmdLine`: what is run where no callback answered success;
    /// `None` clears.
    CommandLine(Option<CommandLine>),
    /// `BITS_JOB_PROPERTY_MINIMUM_NOTIFICATION_INTERVAL_MS`: between two calls of
    /// `JobModification`, in milliseconds.
    MinimumNotificationInterval(u32),
}

/// A program and its arguments, run without a shell, with `CONSIGN_JOB_ID` in its environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// The absolute path of the program.
    pub program: String,
    /// Its arguments. `{job}` in one of them becomes the id of the job.
    pub arguments: Vec<String>,
}

/// Who completes a transferred job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AutoComplete {
    /// Its owner, by [`Job::complete`](crate::Job::complete).
    #[default]
    Off,
    /// The service, at once.
    On,
}

impl Change {
    /// The property's name on the wire, and its value.
    pub(crate) fn to_wire(&self) -> (&'static str, Variant<'static>) {
        match self {
            Self::DisplayName(text) => ("DisplayName", text.clone().into()),
            Self::Description(text) => ("Description", text.clone().into()),
            Self::Priority(priority) => ("Priority", priority.number().into()),
            Self::MinimumRetryDelay(seconds) => ("MinimumRetryDelay", (*seconds).into()),
            Self::NoProgressTimeout(seconds) => ("NoProgressTimeout", (*seconds).into()),
            Self::MaximumDownloadTime(seconds) => ("MaximumDownloadTime", (*seconds).into()),
            Self::AutoComplete(who) => ("AutoComplete", (*who == AutoComplete::On).into()),
            Self::NotifyFlags(flags) => ("NotifyFlags", flags.bits().into()),
            Self::Proxy(settings) => ("Proxy", proxy(settings).into()),
            Self::SecurityFlags(flags) => ("SecurityFlags", flags.bits().into()),
            Self::NotificationClass(class) => ("NotificationClsid", class.to_string().into()),
            Self::CommandLine(line) => ("NotifyCmdLine", words(line.as_ref()).into()),
            Self::MinimumNotificationInterval(milliseconds) => ("MinimumNotificationInterval", (*milliseconds).into()),
        }
    }
}

fn words(line: Option<&CommandLine>) -> Vec<String> {
    line.map(|line| std::iter::once(&line.program).chain(&line.arguments).cloned().collect()).unwrap_or_default()
}

fn proxy(settings: &ProxySettings) -> ProxyRecord {
    ProxyRecord {
        usage: settings.usage.number(),
        list: settings.list.clone().unwrap_or_default(),
        bypass: settings.bypass.clone().unwrap_or_default(),
    }
}
