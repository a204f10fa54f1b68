//! Properties to set: from a name and a value to what the engine takes.

use std::collections::BTreeMap;

use consign_bits::{Failure, NotifyFlags, Priority, ProxySettings, ProxyUsage, SecurityFlags};
use consign_core::{Guid, common};
use consign_transfer::{AutoComplete, Change, CommandLine};
use consign_wire::ProxyRecord;
use zbus::Variant;

use super::{
    error::{CallError, Mistake, invalid},
    interface::{Access, Property},
    job,
};

/// Values by the names of properties, as they come.
pub(super) type Options<'a> = BTreeMap<String, Variant<'a>>;

/// All of them, or the first mistake.
pub(super) fn all(options: Options<'_>) -> Result<Vec<Change>, CallError> {
    options
        .into_iter()
        .map(|(name, value)| {
            let property = job::INTERFACE
                .property(&name)
                .ok_or_else(|| Mistake::UnknownProperty.because(format!("a job has no property {}", shown(&name))))?;
            one(property, value)
        })
        .collect()
}

/// One property of a job.
pub(super) fn one(property: &'static Property, value: Variant<'_>) -> Result<Change, CallError> {
    let name = property.name;
    if property.access == Access::Read {
        return Err(Mistake::PropertyReadOnly.because(format!("{name} cannot be set")));
    }
    let given = value.value_signature().to_string();
    if given != property.signature {
        return Err(Mistake::InvalidArgs.because(format!("{name} takes \"{}\", not \"{}\"", property.signature, shown(&given))));
    }
    Ok(match name {
        "DisplayName" => Change::DisplayName(value.downcast()?),
        "Description" => Change::Description(value.downcast()?),
        "Priority" => Change::Priority(Priority::try_from(value.downcast::<u32>()?).map_err(|_| unknown(name))?),
        "MinimumRetryDelay" => Change::MinimumRetryDelay(value.downcast()?),
        "NoProgressTimeout" => Change::NoProgressTimeout(value.downcast()?),
        "MaximumDownloadTime" => Change::MaximumDownloadTime(value.downcast()?),
        "AutoComplete" => Change::AutoComplete(if value.downcast()? { AutoComplete::On } else { AutoComplete::Off }),
        "NotifyFlags" => Change::NotifyFlags(NotifyFlags::from_bits(value.downcast()?).ok_or_else(|| unknown(name))?),
        "Proxy" => Change::Proxy(proxy(value.try_into_owned()?.try_into()?).ok_or_else(|| unknown(name))?),
        "SecurityFlags" => Change::SecurityFlags(SecurityFlags::from_bits(value.downcast()?).ok_or_else(|| unknown(name))?),
        "NotificationClsid" => Change::NotificationClass(class(value.downcast()?)?),
        "NotifyCmdLine" => Change::CommandLine(command_line(value.try_into_owned()?.try_into()?)),
        "MinimumNotificationInterval" => Change::NotificationInterval(value.downcast()?),
        _ => return Err(Mistake::PropertyReadOnly.because(format!("{name} cannot be set"))),
    })
}

/// Empty text clears, as `GUID_NULL` does.
fn class(text: String) -> Result<Guid, CallError> {
    if text.is_empty() {
        return Ok(Guid::NULL);
    }
    text.parse().map_err(|error: consign_core::guid::ParseGuidError| invalid(error.to_string()))
}

fn command_line(words: Vec<String>) -> Option<CommandLine> {
    let mut words = words.into_iter();
    Some(CommandLine { program: words.next()?, arguments: words.collect() })
}

fn proxy(record: ProxyRecord) -> Option<ProxySettings> {
    let text = |text: String| (!text.is_empty()).then_some(text);
    Some(ProxySettings { usage: ProxyUsage::try_from(record.usage).ok()?, list: text(record.list), bypass: text(record.bypass) })
}

fn unknown(name: &str) -> CallError {
    Failure::refused(common::E_NOTIMPL, format!("{name} has no such value")).into()
}

/// What a peer sent, short enough for a sentence.
fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(name: &str, value: impl Into<Variant<'static>>) -> Result<Change, CallError> {
        let options = Options::from([(name.to_owned(), value.into())]);
        all(options).map(|mut changes| changes.remove(0))
    }

    #[test]
    fn every_writable_property_can_be_set() {
        for property in job::INTERFACE.properties {
            let value = match property.signature {
                "s" if property.name == "NotificationClsid" => Variant::from("{97184d0f-f7ef-413a-8c6d-c1745018b2e9}"),
                "s" => Variant::from("x"),
                "as" => Variant::from(vec!["/bin/true"]),
                "u" => Variant::from(0_u32),
                "b" => Variant::from(true),
                "(uss)" => Variant::from(ProxyRecord { usage: 2, list: "http://proxy:1".into(), bypass: String::new() }),
                _ => Variant::from(0_u64),
            };
            let result = change(property.name, value);
            match property.access {
                Access::ReadWrite => assert!(result.is_ok(), "{}: {result:?}", property.name),
                Access::Read => {
                    assert!(matches!(result, Err(CallError::Mistake(Mistake::PropertyReadOnly, _))), "{}: {result:?}", property.name);
                }
            }
        }
    }

    #[test]
    fn values_are_checked() {
        assert!(matches!(change("AutoComplete", true), Ok(Change::AutoComplete(AutoComplete::On))));
        assert!(matches!(change("AutoComplete", 1_u32), Err(CallError::Mistake(Mistake::InvalidArgs, _))));
        assert!(matches!(change("Colour", 1_u32), Err(CallError::Mistake(Mistake::UnknownProperty, _))));
        for (name, value) in [("Priority", 4_u32), ("NotifyFlags", 0x40), ("SecurityFlags", 1)] {
            assert!(matches!(change(name, value), Err(CallError::Failure(failure)) if failure.code == common::E_NOTIMPL), "{name}");
        }
        let proxy = ProxyRecord { usage: 9, ..ProxyRecord::default() };
        assert!(matches!(change("Proxy", proxy), Err(CallError::Failure(failure)) if failure.code == common::E_NOTIMPL));
    }
}
