//! The text that names where calls go: `queue:Priority=5/new:Contoso.Shipment`, as `CoGetObject` takes it.
//!
//! Only the text and what it says. Whether there is such a class, who binds to it knows.

use std::{fmt, str::FromStr};

use crate::{
    Guid, Hresult,
    common::{CO_E_CLASSSTRING, E_INVALIDARG, MK_E_SYNTAX, MQ_ERROR_LABEL_TOO_LONG},
};

/// `queue:[keyword=value[,keyword=value…]]/new:class`: a class, and the properties of the message that is
/// recorded for it.
///
/// Keywords are the same in upper and lower case, and stand once each. A value can stand in double quotes,
/// in which a double quote is written twice; it must, if it has a comma, a slash, or spaces around it.
/// (What Windows does with such values is not documented.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moniker {
    /// `Label`: what people see in the queue. At most [`LONGEST_LABEL`] characters; empty for none.
    pub label: String,
    /// `Priority`.
    pub priority: MessagePriority,
    /// `MaxTimeToReachQueue`: how long the message may be on its way to the queue.
    pub time_to_reach_queue: TimeLimit,
    /// `MaxTimeToReceive`: how long the message may be on its way to the component.
    pub time_to_receive: TimeLimit,
    /// `AppSpecific`: a number that the component gets to see.
    pub app_specific: u32,
    /// `new`: the class whose object the calls are played on.
    pub target: ClassName,
}

/// A class, by its CLSID or its ProgID.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ClassName {
    /// A CLSID; `GUID_NULL` is none.
    ClassId(Guid),
    /// A ProgID: letters, digits and periods, at most 39, no digit first, no empty part.
    ProgId(String),
}

/// The priority of a message, 0 to 7; higher is played first. 3 where nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessagePriority(u8);

/// How long a message may wait for something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TimeLimit {
    /// `INFINITE`.
    #[default]
    Infinite,
    /// `LONG_LIVED`: [`LONG_LIVED_SECONDS`].
    LongLived,
    /// So many seconds.
    Seconds(u32),
}

/// `MQ_MAX_MSG_LABEL_LEN` without the NUL: the most characters of a label, counted in UTF-16 units.
pub const LONGEST_LABEL: usize = 249;

/// `LONG_LIVED`: four days.
pub const LONG_LIVED_SECONDS: u32 = 4 * 24 * 60 * 60;

/// The text is no moniker that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}, at character {} of the moniker", at + 1)]
pub struct BadMoniker {
    /// Which HRESULT: `MK_E_SYNTAX` (how it is written), `E_INVALIDARG` (what it says),
    /// `CO_E_CLASSSTRING` (the class), `MQ_ERROR_LABEL_TOO_LONG`.
    pub code: Hresult,
    /// Where, in characters from 0.
    pub at: usize,
    /// What is wrong.
    pub sentence: String,
}

/// The text names no class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no class is named so: expected a CLSID, or a ProgID of letters, digits and periods, at most 39, no digit first")]
pub struct BadClassName;

impl Moniker {
    /// Of a class, with the properties that a message has when nothing is said.
    pub fn new(target: ClassName) -> Self {
        Self {
            label: String::new(),
            priority: MessagePriority::default(),
            time_to_reach_queue: TimeLimit::Infinite,
            time_to_receive: TimeLimit::Infinite,
            app_specific: 0,
            target,
        }
    }

    fn set(&mut self, keyword: &str, value: &str) -> Result<(), (Hresult, String)> {
        let refuse = |expected: &str| Err((E_INVALIDARG, format!("{keyword} is `{value}`, not {expected}")));
        match keyword.to_ascii_lowercase().as_str() {
            "label" => {
                check_label(value)?;
                value.clone_into(&mut self.label);
            }
            "priority" => match priority(value) {
                Some(priority) => self.priority = priority,
                None => return refuse("a number from 0 to 7"),
            },
            "maxtimetoreachqueue" => match time_limit(value) {
                Some(limit) => self.time_to_reach_queue = limit,
                None => return refuse("INFINITE, LONG_LIVED or a number of seconds"),
            },
            "maxtimetoreceive" => match time_limit(value) {
                Some(limit) => self.time_to_receive = limit,
                None => return refuse("INFINITE, LONG_LIVED or a number of seconds"),
            },
            "appspecific" => match value.parse() {
                Ok(number) => self.app_specific = number,
                Err(_) => return refuse("a number from 0 to 4294967295"),
            },
            known => {
                return Err((
                    E_INVALIDARG,
                    match refused(known) {
                        Some(why) => format!("{keyword} is not supported: {why}"),
                        None => format!("there is no keyword `{keyword}`"),
                    },
                ));
            }
        }
        Ok(())
    }
}

/// Why a keyword of Windows is refused rather than ignored: who writes it relies on it.
fn refused(keyword: &str) -> Option<&'static str> {
    Some(match keyword {
        "computername" => "messages stay on this machine",
        "queuename" | "pathname" | "formatname" => "each application has one queue, which the class tells",
        "authlevel" => "the service says who the caller is, always",
        "delivery" => "every message is kept on disk, always",
        "encryptalgorithm" | "privlevel" => "messages are not encrypted: they never leave this user's folder",
        "hashalgorithm" => "messages are not signed: the service says who the caller is",
        "journal" => "a message that cannot be played always goes to the dead queue, and there is no other journal",
        "trace" => "there is no route to report: messages stay on this machine",
        _ => return None,
    })
}

/// Refuses a label that no message can have.
///
/// # Errors
/// `MQ_ERROR_LABEL_TOO_LONG`, `E_INVALIDARG` (it holds a NUL), with a sentence.
pub fn check_label(label: &str) -> Result<(), (Hresult, String)> {
    let length = label.encode_utf16().count();
    if length > LONGEST_LABEL {
        return Err((MQ_ERROR_LABEL_TOO_LONG, format!("the label has {length} characters, and may have {LONGEST_LABEL}")));
    }
    if label.contains('\0') {
        return Err((E_INVALIDARG, "the label holds a NUL".to_owned()));
    }
    Ok(())
}

fn priority(value: &str) -> Option<MessagePriority> {
    match value.to_ascii_uppercase().as_str() {
        "MQ_MIN_PRIORITY" => Some(MessagePriority::LOWEST),
        "MQ_MAX_PRIORITY" => Some(MessagePriority::HIGHEST),
        "MQ_DEFAULT_PRIORITY" => Some(MessagePriority::default()),
        number => number.parse().ok().and_then(MessagePriority::new),
    }
}

fn time_limit(value: &str) -> Option<TimeLimit> {
    match value.to_ascii_uppercase().as_str() {
        "INFINITE" => Some(TimeLimit::Infinite),
        "LONG_LIVED" => Some(TimeLimit::LongLived),
        number => number.parse().ok().map(TimeLimit::from_number),
    }
}

impl MessagePriority {
    /// `MQ_MIN_PRIORITY`.
    pub const LOWEST: Self = Self(0);
    /// `MQ_MAX_PRIORITY`.
    pub const HIGHEST: Self = Self(7);

    /// Of a number; `None` above 7.
    pub const fn new(number: u8) -> Option<Self> {
        if number <= Self::HIGHEST.0 { Some(Self(number)) } else { None }
    }

    /// The number.
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl Default for MessagePriority {
    /// `MQ_DEFAULT_PRIORITY`.
    fn default() -> Self {
        Self(3)
    }
}

impl fmt::Display for MessagePriority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TimeLimit {
    /// Of the number that MSMQ has for it: the two largest are `INFINITE` and `LONG_LIVED`.
    pub const fn from_number(number: u32) -> Self {
        match number {
            u32::MAX => Self::Infinite,
            0xffff_fffe => Self::LongLived,
            seconds => Self::Seconds(seconds),
        }
    }

    /// In seconds; `None` is for ever.
    pub const fn seconds(self) -> Option<u32> {
        match self {
            Self::Infinite => None,
            Self::LongLived => Some(LONG_LIVED_SECONDS),
            Self::Seconds(seconds) => Some(seconds),
        }
    }
}

impl fmt::Display for TimeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Infinite => f.write_str("INFINITE"),
            Self::LongLived => f.write_str("LONG_LIVED"),
            Self::Seconds(seconds) => seconds.fmt(f),
        }
    }
}

impl fmt::Display for ClassName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClassId(class) => class.fmt(f),
            Self::ProgId(name) => f.write_str(name),
        }
    }
}

impl From<Guid> for ClassName {
    fn from(class: Guid) -> Self {
        Self::ClassId(class)
    }
}

impl FromStr for ClassName {
    type Err = BadClassName;

    fn from_str(text: &str) -> Result<Self, BadClassName> {
        if let Ok(class) = text.parse() {
            return if class == Guid::NULL { Err(BadClassName) } else { Ok(Self::ClassId(class)) };
        }
        let letters = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
        let digit_first = text.starts_with(|first: char| first.is_ascii_digit());
        if text.len() <= 39 && letters && !digit_first && !text.split('.').any(str::is_empty) {
            Ok(Self::ProgId(text.to_owned()))
        } else {
            Err(BadClassName)
        }
    }
}

impl fmt::Display for Moniker {
    /// As it is read again. What is as it is when nothing is said is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = Self::new(self.target.clone());
        let mut separator = "";
        let mut property = |f: &mut fmt::Formatter<'_>, keyword: &str, value: &dyn fmt::Display| {
            let result = write!(f, "{separator}{keyword}={value}");
            separator = ",";
            result
        };
        f.write_str("queue:")?;
        if self.label != plain.label {
            property(f, "Label", &Quoted(&self.label))?;
        }
        if self.priority != plain.priority {
            property(f, "Priority", &self.priority)?;
        }
        if self.time_to_reach_queue != plain.time_to_reach_queue {
            property(f, "MaxTimeToReachQueue", &self.time_to_reach_queue)?;
        }
        if self.time_to_receive != plain.time_to_receive {
            property(f, "MaxTimeToReceive", &self.time_to_receive)?;
        }
        if self.app_specific != plain.app_specific {
            property(f, "AppSpecific", &self.app_specific)?;
        }
        write!(f, "/new:{}", self.target)
    }
}

/// A value, in quotes if it needs them.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.contains([',', '/', '"']) || self.0.trim() != self.0 {
            write!(f, "\"{}\"", self.0.replace('"', "\"\""))
        } else {
            f.write_str(self.0)
        }
    }
}

impl FromStr for Moniker {
    type Err = BadMoniker;

    fn from_str(text: &str) -> Result<Self, BadMoniker> {
        let mut text = Text { whole: text, rest: text };
        if !text.skip("queue:") {
            let sentence = match text.rest.get(..4) {
                Some(new) if new.eq_ignore_ascii_case("new:") => "`new:` alone makes no recorder: put `queue:/` before it",
                _ => "a moniker begins with `queue:`",
            };
            return text.fail(MK_E_SYNTAX, sentence);
        }
        let mut moniker = Self::new(ClassName::ClassId(Guid::NULL));
        let mut seen = Vec::new();
        text.skip_spaces();
        while !text.rest.is_empty() && !text.rest.starts_with('/') {
            let start = text.clone();
            let keyword = text.until(&['=', ',', '/', '"']).trim_end();
            if !text.skip("=") {
                return start.fail(MK_E_SYNTAX, "expected `keyword=value`, or `/new:` and a class");
            }
            let value = text.value()?;
            if let Err((code, sentence)) = moniker.set(keyword, &value) {
                return start.fail(code, sentence);
            }
            if seen.iter().any(|seen: &&str| seen.eq_ignore_ascii_case(keyword)) {
                return start.fail(E_INVALIDARG, format!("{keyword} stands twice"));
            }
            seen.push(keyword);
            if text.skip(",") {
                text.skip_spaces();
                if text.rest.is_empty() || text.rest.starts_with('/') {
                    return text.fail(MK_E_SYNTAX, "expected another `keyword=value` after the comma");
                }
            }
        }
        if !text.skip("/new:") {
            return text.fail(MK_E_SYNTAX, "expected `/new:` and a class");
        }
        // COM+ writes `queue:/new:/{clsid}` itself, in its subscriptions.
        text.skip("/");
        match text.rest.trim().parse() {
            Ok(target) => moniker.target = target,
            Err(error) => return text.fail(CO_E_CLASSSTRING, error.to_string()),
        }
        Ok(moniker)
    }
}

/// A text that is read from its beginning.
#[derive(Clone)]
struct Text<'a> {
    whole: &'a str,
    rest: &'a str,
}

impl<'a> Text<'a> {
    /// Refuses what comes next.
    fn fail<T>(&self, code: Hresult, sentence: impl Into<String>) -> Result<T, BadMoniker> {
        let at = self.whole.chars().count() - self.rest.chars().count();
        Err(BadMoniker { code, at, sentence: sentence.into() })
    }

    /// Skips these characters, in upper or lower case, if they come next.
    fn skip(&mut self, expected: &str) -> bool {
        match self.rest.split_at_checked(expected.len()) {
            Some((first, rest)) if first.eq_ignore_ascii_case(expected) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn until(&mut self, ends: &[char]) -> &'a str {
        let (taken, rest) = self.rest.split_at(self.rest.find(ends).unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }

    fn value(&mut self) -> Result<String, BadMoniker> {
        self.skip_spaces();
        let start = self.clone();
        if !self.skip("\"") {
            return Ok(self.until(&[',', '/']).trim_end().to_owned());
        }
        let mut value = String::new();
        loop {
            value.push_str(self.until(&['"']));
            if !self.skip("\"") {
                return start.fail(MK_E_SYNTAX, "a double quote is not closed");
            }
            if !self.skip("\"") {
                break;
            }
            value.push('"');
        }
        self.skip_spaces();
        if self.rest.is_empty() || self.rest.starts_with([',', '/']) {
            Ok(value)
        } else {
            self.fail(MK_E_SYNTAX, "expected a comma, or `/new:` and a class")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CLASS: &str = "97184d0f-f7ef-413a-8c6d-c1745018b2e9";

    fn refused(text: &str) -> (Hresult, usize, String) {
        let error = text.parse::<Moniker>().unwrap_err();
        (error.code, error.at, error.sentence)
    }

    #[test]
    fn every_keyword_is_read_in_any_case() {
        let moniker: Moniker =
            "QUEUE:label=Orders of today,PRIORITY=5,MaxTimeToReachQueue=60,maxtimetoreceive=long_lived,AppSpecific=7/NEW:Contoso.Shipment"
                .parse()
                .unwrap();
        assert_eq!(moniker.label, "Orders of today");
        assert_eq!(moniker.priority.number(), 5);
        assert_eq!(moniker.time_to_reach_queue, TimeLimit::Seconds(60));
        assert_eq!(moniker.time_to_receive.seconds(), Some(345_600));
        assert_eq!(moniker.app_specific, 7);
        assert_eq!(moniker.target, ClassName::ProgId("Contoso.Shipment".into()));
        assert_eq!(
            moniker.to_string(),
            "queue:Label=Orders of today,Priority=5,MaxTimeToReachQueue=60,MaxTimeToReceive=LONG_LIVED,AppSpecific=7/new:Contoso.Shipment"
        );
    }

    #[test]
    fn a_class_is_named_in_every_way() {
        let class = ClassName::ClassId(CLASS.parse().unwrap());
        for text in [format!("queue:/new:{CLASS}"), format!("queue:/new:{{{CLASS}}}"), format!("queue:/new:/{{{CLASS}}}")] {
            assert_eq!(text.parse(), Ok(Moniker::new(class.clone())), "{text}");
        }
    }

    #[test]
    fn constants_of_the_headers_are_values() {
        for (text, number) in [("MQ_MIN_PRIORITY", 0), ("mq_max_priority", 7), ("MQ_DEFAULT_PRIORITY", 3), ("0", 0)] {
            assert_eq!(format!("queue:Priority={text}/new:A").parse::<Moniker>().unwrap().priority.number(), number);
        }
        let forever: Moniker = "queue:MaxTimeToReceive=INFINITE,MaxTimeToReachQueue=4294967295/new:A".parse().unwrap();
        assert_eq!((forever.time_to_receive.seconds(), forever.time_to_reach_queue), (None, TimeLimit::Infinite));
    }

    #[test]
    fn what_windows_knows_and_we_do_not_is_refused_by_name_with_the_reason() {
        for keyword in [
            "ComputerName",
            "QueueName",
            "PathName",
            "FormatName",
            "AuthLevel",
            "Delivery",
            "EncryptAlgorithm",
            "HashAlgorithm",
            "Journal",
            "PrivLevel",
            "Trace",
        ] {
            let (code, at, sentence) = refused(&format!("queue:{keyword}=x/new:A"));
            assert_eq!((code, at), (E_INVALIDARG, 6));
            assert!(sentence.starts_with(&format!("{keyword} is not supported: ")), "{sentence}");
        }
        assert_eq!(refused("queue:Colour=red/new:A"), (E_INVALIDARG, 6, "there is no keyword `Colour`".into()));
    }

    #[test]
    fn an_error_says_where_and_what() {
        for (text, code, at) in [
            ("", MK_E_SYNTAX, 0),
            ("new:A", MK_E_SYNTAX, 0),
            ("queue:", MK_E_SYNTAX, 6),
            ("queue:/old:A", MK_E_SYNTAX, 6),
            ("queue:Label/new:A", MK_E_SYNTAX, 6),
            ("queue:=/new:A", E_INVALIDARG, 6),
            ("queue:Label=é,Priority=8/new:A", E_INVALIDARG, 14),
            ("queue:Label=x,label=y/new:A", E_INVALIDARG, 14),
            ("queue:Label=x,/new:A", MK_E_SYNTAX, 14),
            ("queue:Label=x,,Priority=1/new:A", MK_E_SYNTAX, 14),
            ("queue:Label=\"x/new:A", MK_E_SYNTAX, 12),
            ("queue:Label=\"x\"y/new:A", MK_E_SYNTAX, 15),
            ("queue:AppSpecific=-1/new:A", E_INVALIDARG, 6),
            ("queue:MaxTimeToReceive=soon/new:A", E_INVALIDARG, 6),
            ("queue:/new:", CO_E_CLASSSTRING, 11),
            ("queue:/new:1A", CO_E_CLASSSTRING, 11),
            ("queue:/new:A/new:B", CO_E_CLASSSTRING, 11),
            ("queue:/new:00000000-0000-0000-0000-000000000000", CO_E_CLASSSTRING, 11),
        ] {
            let (found, place, sentence) = refused(text);
            assert_eq!((found, place), (code, at), "{text}: {sentence}");
        }
        let long = "ö".repeat(LONGEST_LABEL);
        assert!(format!("queue:Label={long}/new:A").parse::<Moniker>().is_ok());
        assert_eq!(refused(&format!("queue:Label={long}x/new:A")).0, MQ_ERROR_LABEL_TOO_LONG);
        assert_eq!(refused("queue:Label=a\0b/new:A").0, E_INVALIDARG);
    }

    fn monikers() -> impl Strategy<Value = Moniker> {
        let limit = || prop_oneof![Just(TimeLimit::Infinite), Just(TimeLimit::LongLived), (0..u32::MAX - 1).prop_map(TimeLimit::Seconds)];
        let target = prop_oneof![
            any::<[u8; 16]>().prop_filter("names a class", |bytes| *bytes != [0; 16]).prop_map(|bytes| Guid::from_bytes(bytes).into()),
            "[A-Za-z][A-Za-z0-9]{0,10}(\\.[A-Za-z0-9]{1,8}){0,2}".prop_map(ClassName::ProgId),
        ];
        ("[^\0]{0,60}", 0..=7_u8, limit(), limit(), any::<u32>(), target).prop_map(
            |(label, priority, time_to_reach_queue, time_to_receive, app_specific, target)| Moniker {
                label,
                priority: MessagePriority::new(priority).unwrap(),
                time_to_reach_queue,
                time_to_receive,
                app_specific,
                target,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_again(moniker in monikers()) {
            prop_assert_eq!(moniker.to_string().parse(), Ok(moniker));
        }

        #[test]
        fn no_text_is_too_strange(text in "(?i:queue:)?.{0,60}(/new:)?.{0,10}") {
            if let Ok(moniker) = text.parse::<Moniker>() {
                prop_assert_eq!(moniker.to_string().parse(), Ok(moniker));
            }
        }
    }
}
