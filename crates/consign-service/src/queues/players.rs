//! Plays messages: has the component's server started, asks its factory to play, and says what came
//! of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use consign_activation::{ClassId, Failure};
use consign_core::{Calls, Guid, Hresult, common};
use consign_queue::{Component, Host, Outcome, Play, Report, machine};
use tokio::{runtime::Handle, task::AbortHandle, time::sleep};

use super::catalogue::Catalogue;
use crate::{classes::Classes, dispatch::player, face::NoAnswer};

/// A server may end, in order, between the moment when it is found and the one when it is asked: so often.
const MOST_VANISHED: u32 = 3;

/// How long an attempt waits until a server that has failed is started again.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

pub(super) struct Players {
    classes: Arc<Classes>,
    catalogue: Arc<Catalogue>,
    runtime: Handle,
    under_way: Arc<Mutex<HashMap<u64, AbortHandle>>>,
}

impl Players {
    pub(super) fn new(classes: Arc<Classes>, catalogue: Arc<Catalogue>, runtime: Handle) -> Self {
        Self { classes, catalogue, runtime, under_way: Arc::default() }
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<u64, AbortHandle>> {
        lock(&self.under_way)
    }
}

impl Host for Players {
    fn component(&self, class: Guid) -> Option<Component> {
        self.catalogue.component(class)
    }

    fn play(&self, play: Play, report: Report) {
        let (classes, all, attempt) = (Arc::clone(&self.classes), Arc::clone(&self.under_way), play.attempt);
        // Held until the attempt is entered, so that its end does not come first.
        let mut under_way = self.under_way();
        let task = self.runtime.spawn(async move {
            let outcome = carry_out(&classes, play).await;
            lock(&all).remove(&attempt);
            report.send(outcome);
        });
        under_way.insert(attempt, task.abort_handle());
    }

    fn give_up(&self, attempt: u64) {
        if let Some(task) = self.under_way().remove(&attempt) {
            task.abort();
        }
    }
}

async fn carry_out(classes: &Classes, play: Play) -> Outcome {
    let Ok(class) = ClassId::try_from(play.class) else {
        return Outcome::NotUnderstood { code: common::REGDB_E_CLASSNOTREG, sentence: "GUID_NULL is no class".to_owned() };
    };
    let calls = match Calls::from_bytes(play.calls.to_vec()) {
        Ok(calls) => calls,
        Err(error) => {
            let sentence = format!("the message is damaged: {error}");
            return Outcome::Failed { code: common::COMQC_E_BAD_MESSAGE, sentence, call: None };
        }
    };
    let mut vanished = 0;
    while vanished < MOST_VANISHED {
        let lease = match classes.activate(class).await {
            Ok(lease) => lease,
            Err(failure) if failure.code == common::ERROR_SHUTDOWN_IN_PROGRESS => return Outcome::CutOff,
            // An attempt is a start, not the refusal of one: what waits for a server waits for it here.
            Err(Failure { retry_after: Some(wait), .. }) if wait <= LONGEST_WAIT => {
                sleep(wait).await;
                continue;
            }
            Err(failure) => return failed(failure.code, failure.sentence.into_owned(), None),
        };
        let Some(server) = classes.player(&lease) else {
            vanished += 1;
            continue;
        };
        let call = match player::play(&server, class, &play, &calls) {
            Ok(call) => call,
            Err(error) => {
                let sentence = format!("the message could not be written: {error}");
                return Outcome::Failed { code: common::E_UNEXPECTED, sentence, call: None };
            }
        };
        return match server.outbound.call(call).await {
            Ok(answer) => match player::played(&answer) {
                Ok((code, _, _)) if code.is_success() => Outcome::Played,
                Ok((code, call, sentence)) => failed(code, sentence, call),
                Err(failure) => failed(failure.code, failure.sentence.into_owned(), None),
            },
            Err(NoAnswer::Disconnected) if server.is_dismissed() => Outcome::CutOff,
            Err(NoAnswer::Disconnected) => Outcome::Died { sentence: "its connection closed".to_owned() },
            Err(NoAnswer::TooMany) => {
                Outcome::Failed { code: common::E_FAIL, sentence: "the server does not read what it is told".to_owned(), call: None }
            }
        };
    }
    failed(common::CO_E_SERVER_EXEC_FAILURE, "the component's server ends each time it is to play".to_owned(), None)
}

fn failed(code: Hresult, sentence: String, call: Option<u32>) -> Outcome {
    if machine::is_not_understood(code) && call.is_none() {
        Outcome::NotUnderstood { code, sentence }
    } else {
        Outcome::Failed { code, sentence, call }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
