//! One call on its way through the interfaces.

use std::{
    future::poll_fn,
    pin::pin,
    task::Poll::{self, Ready},
};

use serde::Serialize;
use zbus::{
    DynamicType, Message, Type,
    message::{Body, Header},
};

use super::error::CallError;
use crate::face::{OWN_NAME, Peer, Shared, Turn};

/// A call: what came, from whom, and what it may reach.
pub(super) struct Call<'a> {
    pub(super) shared: &'a Shared,
    pub(super) peer: &'a Peer,
    pub(super) turn: &'a Turn,
    pub(super) path: &'a str,
    pub(super) member: &'a str,
    pub(super) header: &'a Header<'a>,
    pub(super) body: &'a Body,
}

/// The answer to a call, or why there is none.
pub(super) type Answer = Result<Message, CallError>;

impl Call<'_> {
    /// The arguments. Their signature has been checked already.
    pub(super) fn arguments<'m, T>(&'m self) -> Result<T, CallError>
    where
        T: serde::Deserialize<'m> + Type,
    {
        Ok(self.body.deserialize()?)
    }

    /// Asks the engine, and lets the next call of this peer begin once the engine has this one. For
    /// questions that reach the engine when they are first polled, and whose answer tells no more than that what
    /// they changed is stored: who asks without waiting sees no difference then.
    pub(super) async fn ask<T>(&self, question: impl Future<Output = T>) -> T {
        let mut question = pin!(question);
        let asked: Poll<T> = poll_fn(|context| Ready(question.as_mut().poll(context))).await;
        self.turn.pass();
        match asked {
            Ready(answer) => answer,
            Poll::Pending => question.await,
        }
    }

    /// The answer with these values.
    pub(super) fn answer(&self, values: &(impl Serialize + DynamicType)) -> Answer {
        let builder = Message::method_return(self.header).sender(OWN_NAME).destination(self.peer.unique_name());
        Ok(builder.build(values)?)
    }

    /// The error that is the answer.
    pub(super) fn refuse(&self, error: &CallError) -> zbus::Result<Message> {
        let (name, body) = error.to_wire();
        Message::error(self.header, name).sender(OWN_NAME).destination(self.peer.unique_name()).build(&body)
    }
}
