//! Which objects there are.

use consign_bits::JobId;
use consign_wire::names;

use super::{
    activation, bus, classes, components, interface::Interface, introspect, job, manager, outboxes, peer, properties, queues,
    service_object,
};

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Object {
    /// A place on the way to an object, with the names below it.
    Node(&'static [&'static str]),
    /// The place above the jobs.
    Jobs,
    /// The service.
    Manager,
    /// A job, which need not exist: the engine is asked when it matters.
    Job(JobId),
    /// What stands in for a message bus.
    Bus,
}

impl Object {
    /// The object at `path`, if there can be one.
    pub(super) fn at(path: &str) -> Option<Self> {
        match path {
            "/" => Some(Self::Node(&["org"])),
            "/org" => Some(Self::Node(&["consign", "freedesktop"])),
            "/org/consign" => Some(Self::Node(&["Manager", "job"])),
            "/org/consign/job" => Some(Self::Jobs),
            "/org/freedesktop" => Some(Self::Node(&["DBus"])),
            names::MANAGER_PATH => Some(Self::Manager),
            bus::PATH => Some(Self::Bus),
            _ => names::job_of_path(path).map(Self::Job),
        }
    }

    /// Its interfaces, its own ones first.
    pub(super) fn interfaces(self) -> &'static [&'static Interface] {
        match self {
            Self::Node(_) | Self::Jobs => NODE,
            Self::Manager => MANAGER,
            Self::Job(_) => JOB,
            Self::Bus => BUS,
        }
    }
}

static NODE: &[&Interface] = &[&peer::INTERFACE, &introspect::INTERFACE, &properties::INTERFACE];
static MANAGER: &[&Interface] = &[
    &manager::INTERFACE,
    &classes::INTERFACE,
    &activation::INTERFACE,
    &queues::INTERFACE,
    &components::INTERFACE,
    &outboxes::INTERFACE,
    &service_object::INTERFACE,
    &peer::INTERFACE,
    &introspect::INTERFACE,
    &properties::INTERFACE,
];
static JOB: &[&Interface] = &[&job::INTERFACE, &peer::INTERFACE, &introspect::INTERFACE, &properties::INTERFACE];
static BUS: &[&Interface] = &[&bus::INTERFACE, &peer::INTERFACE, &introspect::INTERFACE, &properties::INTERFACE];
