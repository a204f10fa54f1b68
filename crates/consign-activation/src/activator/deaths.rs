use tokio::sync::mpsc::UnboundedReceiver;

use crate::{names::ClassId, server::Connection};

/// A server is gone: its connection closed, or its process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Died {
    /// Whose server it was.
    pub class: ClassId,
    /// Where it was reached.
    pub connection: Connection,
}

/// The servers that have died since this was made. There is one for every server that had registered.
#[derive(Debug)]
pub struct Deaths(pub(super) UnboundedReceiver<Died>);

impl Deaths {
    /// The next; `None` when the activator is gone. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Died> {
        self.0.recv().await
    }
}
