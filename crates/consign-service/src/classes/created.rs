use std::sync::Arc;

use consign_activation::Lease;
use zbus::OwnedObjectPath;

use super::servers::Server;
use crate::{dispatch::class_factory, face::Outbound};

/// An object that a server made for the service. Dropped, the server is told, and is in use no more.
pub(crate) struct Created {
    server: Server,
    path: OwnedObjectPath,
    lease: Lease,
}

impl Created {
    pub(super) fn new(server: Server, path: OwnedObjectPath, lease: Lease) -> Self {
        Self { server, path, lease }
    }

    /// The connection of its server.
    pub(crate) fn peer(&self) -> u64 {
        self.lease.connection().0
    }

    pub(crate) fn peer_name(&self) -> &str {
        &self.server.peer_name
    }

    pub(crate) fn path(&self) -> &OwnedObjectPath {
        &self.path
    }

    pub(crate) fn outbound(&self) -> &Arc<Outbound> {
        &self.server.outbound
    }
}

impl Drop for Created {
    fn drop(&mut self) {
        match class_factory::release(&self.server.peer_name, &self.server.factory, &self.path) {
            Ok(call) => self.server.outbound.tell(call),
            Err(error) => tracing::error!(%error, "a call could not be written"),
        }
    }
}
