//! Properties of queues and components, as they are typed: `KEY=VALUE`. Hyphens and underscores are the
//! same in keys: class files and JSON have underscores.

mod component;
mod queue;

pub(crate) use component::{COMPONENT_KEYS, ClassChange, ComponentSetting, component};
pub(crate) use queue::{QUEUE_KEYS, QueueSetting, changed, queue};

use crate::nearest::nearest;

/// The key, with hyphens, and the value.
fn split(text: &str) -> Result<(String, &str), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not KEY=VALUE"))?;
    Ok((key.replace('_', "-"), value))
}

fn unknown(key: &str, keys: &[&str]) -> String {
    let meant = nearest(key, keys.iter().copied()).map(|known| format!("; did you mean {known}?")).unwrap_or_default();
    format!("there is no property `{key}`: expected {}{meant}", keys.join(", "))
}

/// A number, or `none`.
fn count<T: std::str::FromStr + PartialOrd + Default>(value: &str) -> Result<Option<T>, String> {
    match value {
        "none" => Ok(None),
        digits => match digits.parse() {
            Ok(number) if number > T::default() => Ok(Some(number)),
            _ => Err(format!("`{value}` is neither a number from 1 nor none")),
        },
    }
}
