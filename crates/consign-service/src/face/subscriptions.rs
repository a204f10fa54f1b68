//! What a peer asked to hear: match rules, as a message bus has them.

use zbus::{
    MatchRule, OwnedMatchRule,
    match_rule::PathSpec,
    message::Type,
    names::{BusName, UniqueName},
};

use super::OWN_NAME;
use consign_wire::names::SERVICE_NAME;

/// How many rules one peer may have.
pub(crate) const MOST_RULES: usize = 1024;

/// The longest rule, in bytes.
pub(crate) const LONGEST_RULE: usize = 4096;

/// A signal, before anything is made of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sketch<'a> {
    pub(crate) path: &'a str,
    pub(crate) interface: &'a str,
    pub(crate) member: &'a str,
    /// The first argument, for rules that look at it.
    pub(crate) first: First<'a>,
}

/// A signal's first argument.
#[derive(Debug, Clone, Copy)]
pub(crate) enum First<'a> {
    Text(&'a str),
    Path(&'a str),
}

/// The rules of one peer.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions(Vec<OwnedMatchRule>);

/// A rule that cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RuleError {
    NotARule,
    TooMany,
}

impl Subscriptions {
    /// `AddMatch`. The same rule may be added twice; it is then taken away twice.
    pub(crate) fn add(&mut self, rule: &str) -> Result<(), RuleError> {
        if self.0.len() >= MOST_RULES {
            return Err(RuleError::TooMany);
        }
        self.0.push(parse(rule)?);
        Ok(())
    }

    /// `RemoveMatch`; whether there was one.
    pub(crate) fn remove(&mut self, rule: &str) -> Result<bool, RuleError> {
        let rule = parse(rule)?;
        let found = self.0.iter().position(|other| *other == rule);
        if let Some(index) = found {
            self.0.swap_remove(index);
        }
        Ok(found.is_some())
    }

    /// Whether any rule asks for this signal.
    pub(crate) fn want(&self, signal: Sketch<'_>) -> bool {
        self.0.iter().any(|rule| matches(rule, signal))
    }
}

fn parse(rule: &str) -> Result<OwnedMatchRule, RuleError> {
    if rule.len() > LONGEST_RULE {
        return Err(RuleError::NotARule);
    }
    MatchRule::try_from(rule).map(Into::into).map_err(|_| RuleError::NotARule)
}

/// `destination` and `eavesdrop` are not looked at: all that is sent here is sent to the peer.
fn matches(rule: &MatchRule<'_>, signal: Sketch<'_>) -> bool {
    let below = |namespace: &str| {
        let rest = if namespace == "/" { Some("") } else { signal.path.strip_prefix(namespace) };
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    rule.msg_type().is_none_or(|kind| kind == Type::Signal)
        && rule.sender().is_none_or(is_this_service)
        && rule.interface().is_none_or(|interface| *interface == signal.interface)
        && rule.member().is_none_or(|member| *member == signal.member)
        && rule.path_spec().is_none_or(|spec| match spec {
            PathSpec::Path(path) => *path == signal.path,
            PathSpec::PathNamespace(namespace) => below(namespace),
        })
        // No signal has text in any other argument, so a rule about another one never matches.
        && rule.args().iter().all(|(index, wanted)| *index == 0 && matches!(signal.first, First::Text(text) if *wanted == text))
        && rule.arg_paths().iter().all(|(index, wanted)| *index == 0 && wanted_path(wanted, signal.first))
        && rule.arg0ns().is_none_or(|namespace| match signal.first {
            First::Text(text) => text.strip_prefix(namespace.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')),
            First::Path(_) => false,
        })
}

/// `arg0path`: equal, or one of the two is a folder, so to speak, above the other. A path that ends
/// with a slash is the root alone.
fn wanted_path(wanted: &str, first: First<'_>) -> bool {
    let (First::Text(given) | First::Path(given)) = first;
    given == wanted || (wanted == "/" && given.starts_with('/')) || (given.ends_with('/') && wanted.starts_with(given))
}

fn is_this_service(name: &BusName<'_>) -> bool {
    match name {
        BusName::Unique(name) => *name == UniqueName::from_static_str_unchecked(OWN_NAME),
        BusName::WellKnown(name) => *name == SERVICE_NAME,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGED: Sketch<'static> = Sketch {
        path: "/org/consign/job/97184d0ff7ef413a8c6dc1745018b2e9",
        interface: "org.freedesktop.DBus.Properties",
        member: "PropertiesChanged",
        first: First::Text("org.consign.Job"),
    };
    const ADDED: Sketch<'static> = Sketch {
        path: "/org/consign/Manager",
        interface: "org.consign.Manager",
        member: "JobAdded",
        first: First::Path("/org/consign/job/1"),
    };

    fn wants(rule: &str, signal: Sketch<'_>) -> bool {
        let mut subscriptions = Subscriptions::default();
        subscriptions.add(rule).unwrap_or_else(|error| panic!("{rule}: {error:?}"));
        subscriptions.want(signal)
    }

    #[test]
    fn every_part_of_a_rule_counts() {
        for (rule, changed, added) in [
            ("", true, true),
            ("type='signal'", true, true),
            ("type='method_call'", false, false),
            ("sender='org.consign'", true, true),
            ("sender=':1.0'", true, true),
            ("sender=':1.7'", false, false),
            ("sender='org.freedesktop.DBus'", false, false),
            ("interface='org.consign.Manager'", false, true),
            ("member='PropertiesChanged'", true, false),
            ("path='/org/consign/Manager'", false, true),
            ("path_namespace='/org/consign/job'", true, false),
            ("path_namespace='/org/consign'", true, true),
            ("path_namespace='/org/cons'", false, false),
            ("path_namespace='/'", true, true),
            ("arg0='org.consign.Job'", true, false),
            ("arg0='org.consign.Service'", false, false),
            ("arg1='x'", false, false),
            ("arg0namespace='org.consign'", true, false),
            ("arg0namespace='org.cons'", false, false),
            ("arg0path='/'", false, true),
            ("arg0path='/org/consign/job'", false, false),
            ("arg0path='/org/consign/job/1'", false, true),
            ("type='signal',interface='org.consign.Manager',member='JobEnded'", false, false),
            ("eavesdrop='true'", true, true),
        ] {
            assert_eq!((wants(rule, CHANGED), wants(rule, ADDED)), (changed, added), "{rule}");
        }
    }

    #[test]
    fn rules_are_taken_away_and_counted() {
        let mut subscriptions = Subscriptions::default();
        assert!(!subscriptions.want(ADDED), "without a rule nothing is wanted");
        for _ in 0..2 {
            subscriptions.add("type='signal'").unwrap();
        }
        assert_eq!(subscriptions.remove("type=signal"), Ok(true));
        assert!(subscriptions.want(ADDED));
        assert_eq!(subscriptions.remove("type='signal'"), Ok(true));
        assert_eq!(subscriptions.remove("type='signal'"), Ok(false));
        assert!(!subscriptions.want(ADDED));
        for rule in ["nonsense", "type='signal", "arg0", &"x".repeat(5000)] {
            assert_eq!(subscriptions.add(rule), Err(RuleError::NotARule), "{rule}");
        }
        for _ in 0..MOST_RULES {
            subscriptions.add("type='signal'").unwrap();
        }
        assert_eq!(subscriptions.add("type='signal'"), Err(RuleError::TooMany));
    }
}
