//! `org.consign.BackgroundCopyCallback`: the calls on objects of clients, and what their answers
//! mean.

use consign_bits::JobId;
use consign_core::{
    Hresult,
    common::{E_FAIL, S_OK},
};
use consign_transfer::{JobError, Notice, NoticeKind, Told};
use consign_wire::{
    error::{Body, from_wire},
    names,
};
use serde::Serialize;
use zbus::{
    DynamicType, Message, ObjectPath,
    message::{Flags, Type},
};

use super::record;
use crate::face::OWN_NAME;

/// The call that tells `notice` to the object at `path` of this peer.
pub(crate) fn call(peer: &str, path: &ObjectPath<'_>, job: JobId, notice: Notice, error: Option<&JobError>) -> zbus::Result<Message> {
    let job = ObjectPath::try_from(names::job_path(job))?;
    match notice.kind {
        NoticeKind::JobTransferred => write(peer, path, "JobTransferred", None, &(job, notice.id)),
        NoticeKind::JobError => write(peer, path, "JobError", None, &(job, record::error(error), notice.id)),
        NoticeKind::JobModification => write(peer, path, "JobModification", None, &(job, 0_u64)),
        NoticeKind::FileTransferred(file) => write(peer, path, "FileTransferred", None, &(job, file, notice.id)),
    }
}

/// What an object is told that is called no more.
pub(crate) fn displaced(peer: &str, path: &ObjectPath<'_>, job: JobId) -> zbus::Result<Message> {
    let job = ObjectPath::try_from(names::job_path(job))?;
    write(peer, path, "Displaced", Some(Flags::NO_REPLY_EXPECTED), &(job,))
}

/// What an object is told whose job has ended, when all was told of it.
pub(crate) fn released(peer: &str, path: &ObjectPath<'_>, job: JobId) -> zbus::Result<Message> {
    let job = ObjectPath::try_from(names::job_path(job))?;
    write(peer, path, "Released", Some(Flags::NO_REPLY_EXPECTED), &(job,))
}

/// What an answer says. Whatever it is, it is one.
pub(crate) fn told(answer: &Message) -> Told {
    let result = match answer.message_type() {
        Type::MethodReturn => match answer.body().deserialize::<i32>() {
            Ok(result) => Hresult::from_i32(result),
            Err(_) => return Told::Failed(format!("the object answered with \"{}\", not with \"i\"", shown(answer))),
        },
        _ => answer.body().deserialize::<Body>().map_or(E_FAIL, |body| from_wire(body).code),
    };
    if result != S_OK {
        tracing::debug!(%result, "an object answered");
    }
    Told::Answered { result, object: None }
}

/// What a peer sent, short enough for a sentence.
fn shown(answer: &Message) -> String {
    answer.body().signature().to_string().chars().take(64).collect()
}

fn write(
    peer: &str,
    path: &ObjectPath<'_>,
    member: &str,
    flags: Option<Flags>,
    body: &(impl Serialize + DynamicType),
) -> zbus::Result<Message> {
    let mut builder = Message::method_call(path, member);
    if let Some(flags) = flags {
        builder = builder.with_flags(flags);
    }
    builder.interface(names::CALLBACK).sender(OWN_NAME).destination(peer).build(body)
}
