//! The writable properties of a job.

use consign_bits::{NotifyFlags, Priority, ProxySettings, SecurityFlags};
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
        }
    }
}

fn proxy(settings: &ProxySettings) -> ProxyRecord {
    ProxyRecord {
        usage: settings.usage.number(),
        list: settings.list.clone().unwrap_or_default(),
        bypass: settings.bypass.clone().unwrap_or_default(),
    }
}
