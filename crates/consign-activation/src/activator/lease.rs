use std::sync::Weak;

use super::desk::Desk;
use crate::{
    names::ClassId,
    server::{Attempt, Connection},
};

/// The use of a server. While one exists, the server is not stopped for being idle; dropped, it gives
/// the use back. It does not keep a dead server alive: hear of that by [`super::Deaths`].
#[derive(Debug)]
pub struct Lease {
    pub(super) desk: Weak<Desk>,
    pub(super) class: ClassId,
    pub(super) attempt: Attempt,
    pub(super) connection: Connection,
}

impl Lease {
    /// Where the server is reached.
    pub const fn connection(&self) -> Connection {
        self.connection
    }

    /// Its class.
    pub const fn class(&self) -> ClassId {
        self.class
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(desk) = Weak::upgrade(&self.desk) {
            desk.released(self.class, self.attempt);
        }
    }
}
