//! What people type: durations, ranges, properties.

use consign::{AutoComplete, Change, FileRange, Guid, LENGTH_TO_EOF, NotifyFlags, Priority, ProxySettings, ProxyUsage, SecurityFlags};

/// `90`, `90s`, `10m`, `2h`, `14d`: seconds.
pub(crate) fn seconds(text: &str) -> Result<u32, String> {
    let wrong = || format!("`{text}` is no duration: expected for example 90, 90s, 10m, 2h or 14d");
    let (digits, unit) = match text.find(|character: char| !character.is_ascii_digit()) {
        Some(end) => text.split_at(end),
        None => (text, "s"),
    };
    let factor = match unit {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let count: u32 = digits.parse().map_err(|_| wrong())?;
    count.checked_mul(factor).ok_or_else(|| format!("`{text}` is too long"))
}

/// `OFFSET:LENGTH` in bytes, `OFFSET:eof` for all the rest.
pub(crate) fn range(text: &str) -> Result<FileRange, String> {
    let wrong = || format!("`{text}` is no range: expected OFFSET:LENGTH in bytes, or OFFSET:eof");
    let (offset, length) = text.split_once(':').ok_or_else(wrong)?;
    let length = match length {
        "eof" => LENGTH_TO_EOF,
        digits => digits.parse().ok().filter(|length| *length > 0).ok_or_else(wrong)?,
    };
    Ok(FileRange { initial_offset: offset.parse().map_err(|_| wrong())?, length })
}

/// A property as `job set` takes it. Some properties of the service are made of several of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    /// One property, whole.
    Whole(Change),
    /// The proxies; the bypass list stands apart.
    Proxy(ProxyUsage, Option<String>),
    /// Hosts without proxy.
    ProxyBypass(String),
    /// What becomes of redirects: the bits, of which at most one is set.
    Redirect(SecurityFlags),
    /// Whether a redirect may lead from https to http.
    HttpsToHttp(AutoSwitch),
}

/// On or off, for a part of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AutoSwitch {
    /// It is allowed.
    On,
    /// It is not.
    Off,
}

/// The keys of `job set`, as its help lists them.
pub(crate) const KEYS: &str = "\
Keys:
  name=TEXT                   the display name
  description=TEXT
  priority=foreground|high|normal|low
  retry-delay=TIME            the pause after a transient error (600 s at first)
  no-progress-timeout=TIME    how long transient errors may go on (14d at first)
  max-download-time=TIME      how long it may transfer in all (90d at first)
  auto-complete=on|off        whether the service completes the job
  notify-flags=FLAGS          a number, or names such as transferred,error
  proxy=preconfig|no-proxy|LIST
  proxy-bypass=LIST           hosts without proxy, for proxy=LIST
  redirect=silent|report|disallow
  allow-https-to-http=on|off  whether a redirect may do that

Times are 90, 90s, 10m, 2h or 14d.";

/// `KEY=VALUE`.
pub(crate) fn setting(text: &str) -> Result<Setting, String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not KEY=VALUE"))?;
    let whole = |change| Ok(Setting::Whole(change));
    match key {
        "name" => whole(Change::DisplayName(value.to_owned())),
        "description" => whole(Change::Description(value.to_owned())),
        "priority" => whole(Change::Priority(priority(value)?)),
        "retry-delay" => whole(Change::MinimumRetryDelay(seconds(value)?)),
        "no-progress-timeout" => whole(Change::NoProgressTimeout(seconds(value)?)),
        "max-download-time" => whole(Change::MaximumDownloadTime(seconds(value)?)),
        "auto-complete" => whole(Change::AutoComplete(if switch(value)? == AutoSwitch::On { AutoComplete::On } else { AutoComplete::Off })),
        "notify-flags" => whole(Change::NotifyFlags(notify_flags(value)?)),
        "proxy" => Ok(match value {
            "preconfig" => Setting::Proxy(ProxyUsage::Preconfig, None),
            "no-proxy" | "" => Setting::Proxy(ProxyUsage::NoProxy, None),
            list => Setting::Proxy(ProxyUsage::Override, Some(list.replace(',', " "))),
        }),
        "proxy-bypass" => Ok(Setting::ProxyBypass(value.replace(',', " "))),
        "redirect" => match value {
            "silent" => Ok(Setting::Redirect(SecurityFlags::empty())),
            "report" => Ok(Setting::Redirect(SecurityFlags::REDIRECT_ALLOW_REPORT)),
            "disallow" => Ok(Setting::Redirect(SecurityFlags::REDIRECT_DISALLOW)),
            _ => Err(format!("`{value}` is no redirect policy: expected silent, report or disallow")),
        },
        "allow-https-to-http" => Ok(Setting::HttpsToHttp(switch(value)?)),
        _ => Err(format!("there is no property `{key}`")),
    }
}

/// The changes that these settings make of what the job has now. A later setting wins.
pub(crate) fn changes(settings: Vec<Setting>, proxy: &ProxySettings, security: SecurityFlags) -> Vec<Change> {
    let policy = SecurityFlags::REDIRECT_ALLOW_REPORT | SecurityFlags::REDIRECT_DISALLOW;
    let mut changes = Vec::new();
    let (mut new_proxy, mut new_security) = (proxy.clone(), security);
    for setting in settings {
        match setting {
            Setting::Whole(change) => changes.push(change),
            Setting::Proxy(usage, list) => {
                let bypass = new_proxy.bypass.take().filter(|_| usage == ProxyUsage::Override);
                new_proxy = ProxySettings { usage, list, bypass };
            }
            Setting::ProxyBypass(list) => new_proxy.bypass = (!list.is_empty()).then_some(list),
            Setting::Redirect(bits) => new_security = (new_security - policy) | bits,
            Setting::HttpsToHttp(on) => new_security.set(SecurityFlags::REDIRECT_ALLOW_HTTPS_TO_HTTP, on == AutoSwitch::On),
        }
    }
    if new_proxy != *proxy {
        changes.push(Change::Proxy(new_proxy));
    }
    if new_security != security {
        changes.push(Change::SecurityFlags(new_security));
    }
    changes
}

/// A priority by name.
pub(crate) fn priority(text: &str) -> Result<Priority, String> {
    text.parse().map_err(|_| format!("`{text}` is no priority: expected foreground, high, normal or low"))
}

pub(crate) fn switch(text: &str) -> Result<AutoSwitch, String> {
    match text {
        "on" | "true" | "yes" => Ok(AutoSwitch::On),
        "off" | "false" | "no" => Ok(AutoSwitch::Off),
        _ => Err(format!("`{text}` is neither on nor off")),
    }
}

/// What stands for no class and no command.
pub(crate) const NONE: &str = "none";

/// How a class is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClassName {
    /// By its CLSID; [`Guid::NULL`] is none.
    Id(Guid),
    /// By what may be a ProgID. Which class that is, the service knows.
    ProgId(String),
}

/// A class, or none.
pub(crate) fn class(text: &str) -> Result<ClassName, String> {
    if text == NONE {
        return Ok(ClassName::Id(Guid::NULL));
    }
    let name = || text.starts_with(|first: char| first.is_ascii_alphabetic()).then(|| ClassName::ProgId(text.to_owned()));
    text.parse().map(ClassName::Id).ok().or_else(name).ok_or_else(|| format!("`{text}` is neither a CLSID nor a ProgID"))
}

/// Which CLSID a class gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NewClass {
    /// One that was never used before.
    Random,
    /// This one.
    Given(Guid),
}

/// A CLSID, or `new`.
pub(crate) fn new_class(text: &str) -> Result<NewClass, String> {
    if text == "new" { Ok(NewClass::Random) } else { text.parse().map(NewClass::Given).map_err(|error| format!("{error}; or `new`")) }
}

/// A number, or names with commas between them.
pub(crate) fn notify_flags(text: &str) -> Result<NotifyFlags, String> {
    if let Ok(number) = text.parse() {
        return NotifyFlags::from_bits(number).ok_or_else(|| format!("{number} has bits that are no notify flags"));
    }
    let flag = |name: &str| match name.trim() {
        "transferred" => Ok(NotifyFlags::JOB_TRANSFERRED),
        "error" => Ok(NotifyFlags::JOB_ERROR),
        "disable" => Ok(NotifyFlags::DISABLE),
        "modification" => Ok(NotifyFlags::JOB_MODIFICATION),
        "file" => Ok(NotifyFlags::FILE_TRANSFERRED),
        "ranges" => Ok(NotifyFlags::FILE_RANGES_TRANSFERRED),
        name => Err(format!("`{name}` is no notify flag: expected transferred, error, disable, modification, file or ranges")),
    };
    text.split(',').map(flag).try_fold(NotifyFlags::empty(), |all, flag| Ok(all | flag?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, expected) in [("90", 90), ("90s", 90), ("10m", 600), ("2h", 7200), ("14d", 1_209_600), ("0", 0)] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for text in ["", "s", "1w", "-1", "1.5h", "99999999999", "4294967295d", "1 h"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn classes_have_ids_and_names() {
        let id: Guid = "97184d0f-f7ef-413a-8c6d-c1745018b2e9".parse().unwrap();
        assert_eq!(class("none"), Ok(ClassName::Id(Guid::NULL)));
        assert_eq!(class("{97184d0f-f7ef-413a-8c6d-c1745018b2e9}"), Ok(ClassName::Id(id)));
        assert_eq!(class("Vendor.Thing.1"), Ok(ClassName::ProgId("Vendor.Thing.1".into())));
        assert!(class("").is_err() && class("{97184d0f}").is_err());
        assert_eq!((new_class("new"), new_class("97184d0ff7ef413a8c6dc1745018b2e9")), (Ok(NewClass::Random), Ok(NewClass::Given(id))));
        assert!(new_class("none").is_err());
    }

    #[test]
    fn ranges_are_offset_and_length() {
        assert_eq!(range("5:10"), Ok(FileRange { initial_offset: 5, length: 10 }));
        assert_eq!(range("0:eof"), Ok(FileRange { initial_offset: 0, length: LENGTH_TO_EOF }));
        for text in ["", "5", "5-10", ":", "5:", ":5", "5:0", "-1:5", "a:b"] {
            assert!(range(text).is_err(), "{text}");
        }
    }

    #[test]
    fn settings_have_keys() {
        assert_eq!(setting("priority=HIGH"), Ok(Setting::Whole(Change::Priority(Priority::High))));
        assert_eq!(setting("name=a=b"), Ok(Setting::Whole(Change::DisplayName("a=b".into()))));
        assert_eq!(
            setting("notify-flags=transferred,file"),
            Ok(Setting::Whole(Change::NotifyFlags(NotifyFlags::from_bits_truncate(0x11))))
        );
        assert_eq!(setting("proxy=http://a:1,b"), Ok(Setting::Proxy(ProxyUsage::Override, Some("http://a:1 b".into()))));
        for text in
            ["", "name", "colour=red", "priority=urgent", "auto-complete=maybe", "notify-flags=64", "redirect=x", "retry-delay=soon"]
        {
            assert!(setting(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_key_of_the_help_is_known() {
        for line in KEYS.lines().filter(|line| line.starts_with("  ")) {
            let key = line.trim().split(['=', ' ']).next().unwrap();
            assert!(
                setting(&format!("{key}=?")).is_ok_and(|_| true) || !setting(&format!("{key}=?")).unwrap_err().contains("no property"),
                "{key}"
            );
        }
    }

    #[test]
    fn parts_of_a_property_keep_its_other_parts() {
        let proxy = ProxySettings { usage: ProxyUsage::Override, list: Some("a".into()), bypass: Some("b".into()) };
        let set =
            |texts: &[&str]| changes(texts.iter().map(|text| setting(text).unwrap()).collect(), &proxy, SecurityFlags::REDIRECT_DISALLOW);
        assert_eq!(set(&["proxy=c"]), [Change::Proxy(ProxySettings { list: Some("c".into()), ..proxy.clone() })]);
        assert_eq!(set(&["proxy=no-proxy"]), [Change::Proxy(ProxySettings { usage: ProxyUsage::NoProxy, list: None, bypass: None })]);
        let both = SecurityFlags::REDIRECT_DISALLOW | SecurityFlags::REDIRECT_ALLOW_HTTPS_TO_HTTP;
        assert_eq!(set(&["allow-https-to-http=on"]), [Change::SecurityFlags(both)]);
        assert_eq!(set(&["redirect=silent"]), [Change::SecurityFlags(SecurityFlags::empty())]);
        assert_eq!(set(&["redirect=disallow"]), []);
    }
}
