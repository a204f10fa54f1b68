//! What peers are told: `JobAdded`, `JobEnded`, and the properties of a job that changed.

use std::collections::BTreeMap;

use consign_bits::JobId;
use consign_wire::names;
use zbus::Message;

use super::{error::CallError, interface::Changes, job, properties};
use crate::face::{News, OWN_NAME, Shared};

/// The signals that tell this news, with the values of this moment.
pub(crate) async fn signals(shared: &Shared, id: JobId, news: News) -> Vec<Message> {
    let mut signals = Vec::new();
    let mut push = |signal: Result<Message, CallError>| match signal {
        Ok(signal) => signals.push(signal),
        Err(error) => tracing::error!(job = %id, %error, "a signal could not be written"),
    };
    let path = names::job_path(id);
    if news.added {
        push(of_manager("JobAdded", &path));
    }
    // A job that is no longer remembered has no values to tell.
    if news.changed
        && let Ok(view) = shared.engine.job(id).await
    {
        push(properties_changed(&path, &view));
    }
    if news.ended {
        push(of_manager("JobEnded", &path));
    }
    signals
}

fn of_manager(member: &str, job_path: &str) -> Result<Message, CallError> {
    let signal = Message::signal(names::MANAGER_PATH, names::MANAGER, member).sender(OWN_NAME);
    Ok(signal.build(&(zbus::ObjectPath::try_from(job_path)?,))?)
}

/// All properties that ever change, not those that differ from the last signal: changes are merged
/// while a peer is slow, so what it read in between may be newer than what it was last told, and a
/// difference from the latter would hide the way back.
fn properties_changed(path: &str, view: &consign_transfer::JobView) -> Result<Message, CallError> {
    let told = job::INTERFACE.properties.iter().filter(|property| property.changes == Changes::Told);
    let values: BTreeMap<_, _> = told.filter_map(|property| Some((property.name, job::value(view, property.name)?))).collect();
    let signal = Message::signal(path, properties::NAME, "PropertiesChanged").sender(OWN_NAME);
    Ok(signal.build(&(names::JOB, values, Vec::<&str>::new()))?)
}
