//! `org.freedesktop.DBus.Introspectable`, on every object.

use std::fmt::Write as _;

use consign_transfer::Listing;

use super::{
    call::{Answer, Call},
    error::{CallError, Mistake},
    interface::{Access, Argument, Changes, Interface, method},
    object::Object,
    unanswered,
};

pub(super) const NAME: &str = "org.freedesktop.DBus.Introspectable";

pub(super) static INTERFACE: Interface =
    Interface { name: NAME, methods: &[method("Introspect", &[], &[("xml_data", "s")])], properties: &[], signals: &[] };

/// How many jobs the place above them lists; `ListJobs` is for the rest.
const MOST_CHILDREN: usize = 1000;

const DOCTYPE: &str = "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n \
                       \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n";

pub(super) async fn call(call: &Call<'_>) -> Answer {
    match call.member {
        "Introspect" => {
            let Some(object) = Object::at(call.path) else {
                return Err(Mistake::UnknownObject.because(format!("there is no object {}", call.path)));
            };
            call.answer(&(document(object.interfaces(), &children(call, object).await?),))
        }
        _ => Err(unanswered(call)),
    }
}

async fn children(call: &Call<'_>, object: Object) -> Result<Vec<String>, CallError> {
    let engine = &call.shared.engine;
    match object {
        Object::Node(names) => Ok(names.iter().map(|name| (*name).to_owned()).collect()),
        Object::Jobs => {
            let (jobs, _) = engine.page_of_jobs(Listing::Live, 0..MOST_CHILDREN).await?;
            Ok(jobs.iter().map(|view| view.id.guid().simple()).collect())
        }
        // A job that does not exist is not described.
        Object::Job(job) => engine.job(job).await.map(|_| Vec::new()).map_err(Into::into),
        Object::Manager | Object::Bus => Ok(Vec::new()),
    }
}

/// Every name in here is declared in this crate or made of digits: nothing needs escaping.
pub(super) fn document(interfaces: &[&Interface], children: &[String]) -> String {
    let mut text = format!("{DOCTYPE}<node>\n");
    for interface in interfaces {
        write_interface(&mut text, interface);
    }
    for child in children {
        line(&mut text, format_args!(" <node name=\"{child}\"/>"));
    }
    text.push_str("</node>\n");
    text
}

fn write_interface(text: &mut String, interface: &Interface) {
    line(text, format_args!(" <interface name=\"{}\">", interface.name));
    for method in interface.methods {
        line(text, format_args!("  <method name=\"{}\">", method.name));
        arguments(text, method.inputs, " direction=\"in\"");
        arguments(text, method.outputs, " direction=\"out\"");
        line(text, format_args!("  </method>"));
    }
    for signal in interface.signals {
        line(text, format_args!("  <signal name=\"{}\">", signal.name));
        arguments(text, signal.arguments, "");
        line(text, format_args!("  </signal>"));
    }
    for property in interface.properties {
        let access = match property.access {
            Access::Read => "read",
            Access::ReadWrite => "readwrite",
        };
        let changes = match property.changes {
            Changes::Never => "const",
            Changes::Told => "true",
            Changes::NotTold => "false",
        };
        line(text, format_args!("  <property name=\"{}\" type=\"{}\" access=\"{access}\">", property.name, property.signature));
        line(text, format_args!("   <annotation name=\"org.freedesktop.DBus.Property.EmitsChangedSignal\" value=\"{changes}\"/>"));
        line(text, format_args!("  </property>"));
    }
    line(text, format_args!(" </interface>"));
}

fn arguments(text: &mut String, arguments: &[Argument], direction: &str) {
    for (name, signature) in arguments {
        line(text, format_args!("   <arg name=\"{name}\" type=\"{signature}\"{direction}/>"));
    }
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}
