//! Checks what callers give, before anything of it becomes part of a job. Pure but for the look at
//! the folders that files go to.

use std::{collections::BTreeMap, sync::Arc};

use consign_bits::{
    Failure, FileRange, JobType, LENGTH_TO_EOF, NotifyFlags, ProxySettings, ProxyUsage, SecurityFlags, ShownUrl, bits, limits,
};
use consign_core::{
    Guid,
    common::{E_INVALIDARG, E_NOTIMPL},
    random::Random,
};
use url::Url;

use super::{
    api::{AutoComplete, Change, NewFile},
    entry::{Core, FileEntry, Stage},
    lazy::Lazy,
    notice::CommandLine,
};
use crate::{
    Settings,
    fetch::ProxyEnvironment,
    files::{Place, temporary_name},
};

/// Longer values of an environment variable are no proxy.
const PROXY_VARIABLE: usize = 4096;

fn invalid(sentence: impl Into<std::borrow::Cow<'static, str>>) -> Failure {
    Failure::refused(E_INVALIDARG, sentence)
}

pub(super) fn display_name(name: &str) -> Result<(), Failure> {
    if name.is_empty() {
        return Err(invalid("a job needs a display name"));
    }
    if name.chars().any(|character| character.is_control() || matches!(character, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')) {
        return Err(invalid("the display name has control characters"));
    }
    text(name, limits::DISPLAY_NAME, "display name")
}

/// Texts are shown in tables and terminals, where a control character could pretend to be more
/// than text.
fn text(text: &str, most: usize, what: &str) -> Result<(), Failure> {
    if text.chars().count() > most {
        return Err(Failure::refused(bits::BG_E_STRING_TOO_LONG, format!("the {what} has more than {most} characters")));
    }
    if text.chars().any(|character| character.is_control() && character != '\n' && character != '\t') {
        return Err(invalid(format!("the {what} has control characters")));
    }
    Ok(())
}

pub(super) fn job_type(job_type: Option<JobType>) -> Result<JobType, Failure> {
    match job_type.unwrap_or(JobType::Download) {
        JobType::Download => Ok(JobType::Download),
        JobType::Upload | JobType::UploadReply => {
            Err(Failure::refused(E_NOTIMPL, "jobs of this service download; uploads are not carried yet"))
        }
    }
}

pub(super) fn proxy_environment(variables: &BTreeMap<String, String>) -> ProxyEnvironment {
    let value = |name: &str| {
        variables
            .get(name)
            .filter(|value| !value.is_empty() && value.len() <= PROXY_VARIABLE && !value.chars().any(char::is_control))
            .cloned()
    };
    ProxyEnvironment { http: value("http_proxy"), https: value("https_proxy"), all: value("all_proxy"), none: value("no_proxy") }
}

/// One new file, ready to be part of a job.
pub(super) fn file(new: NewFile, place: Place, most_ranges: Option<u32>, random: &dyn Random) -> Result<FileEntry, Failure> {
    url(&new.remote_name)?;
    ranges(&new.ranges, most_ranges)?;
    if !new.ranges.is_empty() && new.remote_name.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:")) {
        return Err(invalid("ranges are for http and https alone"));
    }
    Ok(FileEntry {
        url: new.remote_name.into(),
        place,
        // Chosen now, so that it is stored before the file is made.
        temporary_name: temporary_name(random.bytes()).into(),
        ranges: new.ranges.into(),
        checksum: new.checksum.map(Box::new),
        checkpoint: Lazy::default(),
        stage: Stage::Waiting,
        validity: None,
        answered: None,
        meter: None,
    })
}

pub(super) fn url(text: &str) -> Result<(), Failure> {
    if text.chars().count() > limits::URL {
        return Err(invalid(format!("the URL has more than {} characters", limits::URL)));
    }
    if text.is_empty() || text.chars().any(|character| character.is_control() || character == ' ') {
        return Err(invalid("the URL is empty, or has blanks or control characters: they must be written as %20 and the like"));
    }
    let url = Url::parse(text).map_err(|error| invalid(format!("{} is no URL: {error}", ShownUrl(text))))?;
    // Browsers forgive `http:/host`; here a password could hide in such a text from whoever shows it.
    let after_scheme = text.get(url.scheme().len()..).unwrap_or_default();
    if url.scheme() != "file" && (!after_scheme.starts_with("://") || after_scheme[3..].starts_with(['/', '\\'])) {
        return Err(invalid("after the scheme a URL goes on with :// and the name of the server"));
    }
    match url.scheme() {
        "http" | "https" if url.host_str().is_some_and(|host| !host.is_empty()) => Ok(()),
        "http" | "https" => Err(invalid(format!("{} names no server", ShownUrl(text)))),
        "file" if matches!(url.host_str(), None | Some("" | "localhost")) => Ok(()),
        "file" => Err(invalid("a file: URL can only name a file of this machine")),
        scheme => Err(invalid(format!("the scheme {scheme} is not one of http, https and file"))),
    }
}

pub(super) fn ranges(ranges: &[FileRange], most: Option<u32>) -> Result<(), Failure> {
    if let Some(most) = most.filter(|most| ranges.len() > *most as usize) {
        return Err(Failure::refused(bits::BG_E_TOO_MANY_RANGES_IN_FILE, format!("a file may have {most} ranges")));
    }
    let mut sorted: Vec<(u64, u64)> = Vec::with_capacity(ranges.len());
    for range in ranges {
        let end = match range.length {
            0 => return Err(Failure::refused(bits::BG_E_INVALID_RANGE, "a range is empty")),
            LENGTH_TO_EOF => u64::MAX,
            length => range
                .initial_offset
                .checked_add(length)
                .ok_or_else(|| Failure::refused(bits::BG_E_INVALID_RANGE, "a range ends after the largest possible offset"))?,
        };
        sorted.push((range.initial_offset, end));
    }
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair[1].0 < pair[0].1) {
        return Err(Failure::of(bits::BG_E_OVERLAPPING_RANGES, consign_bits::ErrorContext::None));
    }
    Ok(())
}

/// Sets one property. What the machine decides upon goes through `choices`.
pub(super) fn change(core: &mut Core, change: Change, settings: &Settings) -> Result<(), Failure> {
    let seconds = |seconds: u32| std::time::Duration::from_secs(seconds.into());
    let choices = &mut core.machine.choices;
    match change {
        Change::DisplayName(name) => {
            display_name(&name)?;
            core.display_name = name.into();
        }
        Change::Description(description) => {
            text(&description, limits::DESCRIPTION, "description")?;
            core.description = description.into();
        }
        Change::Priority(priority) => core.priority = priority,
        Change::MinimumRetryDelay(delay) => choices.minimum_retry_delay = seconds(delay.max(settings.jobs.minimum_retry_delay_floor)),
        Change::NoProgressTimeout(timeout) => choices.no_progress_timeout = seconds(timeout),
        Change::MaximumDownloadTime(time) => choices.maximum_download_time = seconds(time),
        Change::AutoComplete(auto_complete) => choices.auto_complete = auto_complete == AutoComplete::On,
        Change::NotifyFlags(flags) => {
            if flags.bits() & !NotifyFlags::all().bits() != 0 {
                return Err(Failure::refused(E_NOTIMPL, "a notification flag is unknown"));
            }
            core.notify_flags = flags;
        }
        Change::Proxy(proxy) => Arc::make_mut(&mut core.context).proxy = checked_proxy(proxy)?,
        Change::SecurityFlags(flags) => {
            if flags.bits() & !SecurityFlags::all().bits() != 0 {
                return Err(Failure::refused(E_NOTIMPL, "a security flag is unknown, or would make TLS less strict"));
            }
            if flags.contains(SecurityFlags::REDIRECT_ALLOW_REPORT | SecurityFlags::REDIRECT_DISALLOW) {
                return Err(invalid("redirects cannot be both reported and disallowed"));
            }
            Arc::make_mut(&mut core.context).security = flags;
        }
        Change::NotificationClass(class) => core.rare.notification_class = Some(class).filter(|class| *class != Guid::NULL),
        Change::CommandLine(line) => {
            if let Some(line) = &line {
                checked_command_line(line)?;
            }
            core.rare.command_line = line;
        }
        Change::NotificationInterval(interval) => core.notification_interval = interval,
    }
    Ok(())
}

fn checked_command_line(line: &CommandLine) -> Result<(), Failure> {
    let length: usize = line.arguments.iter().map(|argument| argument.chars().count() + 1).sum();
    if line.program.chars().count() > limits::PROGRAM || length > limits::PARAMETERS {
        let sentence = format!("a program has at most {} characters, its arguments {}", limits::PROGRAM, limits::PARAMETERS);
        return Err(Failure::refused(bits::BG_E_STRING_TOO_LONG, sentence));
    }
    if !line.program.starts_with('/') || line.arguments.iter().any(|argument| argument.contains('\0')) || line.program.contains('\0') {
        return Err(invalid("a program is named by its absolute path, and no argument holds NUL"));
    }
    Ok(())
}

fn checked_proxy(proxy: ProxySettings) -> Result<ProxySettings, Failure> {
    let too_long = |text: &Option<String>| text.as_ref().is_some_and(|text| text.chars().count() > limits::PROXY_LIST);
    match proxy.usage {
        ProxyUsage::Autodetect => return Err(Failure::refused(E_NOTIMPL, "proxies are not discovered; give a list instead")),
        ProxyUsage::Override if proxy.list.as_deref().unwrap_or_default().trim().is_empty() => {
            return Err(invalid("a list of proxies is needed"));
        }
        ProxyUsage::Preconfig | ProxyUsage::NoProxy if proxy.list.is_some() || proxy.bypass.is_some() => {
            return Err(invalid("a list of proxies goes with the usage `override` alone"));
        }
        _ => {}
    }
    if too_long(&proxy.list) {
        return Err(Failure::of(bits::BG_E_PROXY_LIST_TOO_LARGE, consign_bits::ErrorContext::None));
    }
    if too_long(&proxy.bypass) {
        return Err(Failure::of(bits::BG_E_PROXY_BYPASS_LIST_TOO_LARGE, consign_bits::ErrorContext::None));
    }
    Ok(proxy)
}
