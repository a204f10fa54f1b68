//! [`crate::Server`] without async.

use std::sync::Arc;

use consign_core::Guid;

use super::{BackgroundCopyCallback, Runtime, callback::Threads, component::OnThreads};
use crate::{Player, Result};

/// As [`crate::Server`]. Each call runs on a thread of its own.
#[derive(Default)]
pub struct Server {
    classes: Vec<(Guid, Create)>,
}

/// What makes the objects of a class, given what they run on.
type Create = Box<dyn FnOnce(crate::Server, Guid, &Runtime) -> crate::Server>;

impl Server {
    /// A server without classes.
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`crate::Server::class`].
    #[must_use]
    pub fn class<T: BackgroundCopyCallback + Default>(self, class: Guid) -> Self {
        self.class_with(class, T::default)
    }

    /// As [`crate::Server::class_with`].
    #[must_use]
    pub fn class_with<T: BackgroundCopyCallback>(mut self, class: Guid, create: impl Fn() -> T + Send + Sync + 'static) -> Self {
        let create = move |server: crate::Server, class, runtime: &Runtime| {
            let runtime = Arc::downgrade(&runtime.0);
            server.add(class, move || Arc::new(Threads::of(runtime.clone(), create())))
        };
        self.classes.push((class, Box::new(create)));
        self
    }

    /// As [`crate::Server::component`]. Each message is played on a thread of its own, on which all calls of
    /// this module may be made; there is no async runtime on it.
    #[must_use]
    pub fn component(mut self, class: Guid, component: impl Player) -> Self {
        self.classes.push((class, Box::new(|server, class, _| server.component(class, OnThreads(Arc::new(component))))));
        self
    }

    /// As [`crate::Server::run`].
    ///
    /// # Errors
    /// As there.
    pub fn run(self) -> Result<()> {
        let runtime = Runtime::new()?;
        let add = |server, (class, create): (Guid, Create)| create(server, class, &runtime);
        let server = self.classes.into_iter().fold(crate::Server::new(), add);
        runtime.run(server.run())
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.classes.iter().map(|(class, _)| class)).finish()
    }
}
