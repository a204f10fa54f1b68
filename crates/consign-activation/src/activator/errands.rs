use std::sync::{Mutex, PoisonError};

use tokio::sync::{mpsc::UnboundedSender, oneshot};

use super::{deaths::Died, lease::Lease, options::ServerLink};
use crate::{failure::Failure, server::Connection};

pub(super) type Answer = Result<Lease, Failure>;

/// What is done when the lock is given back.
#[derive(Default)]
pub(super) struct Errands {
    pub(super) answers: Vec<(oneshot::Sender<Answer>, Answer)>,
    pub(super) ask_to_leave: Vec<Connection>,
    pub(super) close: Vec<Connection>,
    pub(super) died: Vec<Died>,
}

impl Errands {
    pub(super) fn run(self, link: &dyn ServerLink, listeners: &Mutex<Vec<UnboundedSender<Died>>>) {
        for (waiter, answer) in self.answers {
            // Who waits no more gives its lease back by dropping it here.
            drop(waiter.send(answer));
        }
        for connection in self.ask_to_leave {
            link.request_shutdown(connection);
        }
        for connection in self.close {
            link.close(connection);
        }
        if !self.died.is_empty() {
            let mut listeners = listeners.lock().unwrap_or_else(PoisonError::into_inner);
            listeners.retain(|listener| self.died.iter().all(|died| listener.send(*died).is_ok()));
        }
    }
}
