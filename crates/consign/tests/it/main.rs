//! The library against the face of the service, in one process.

mod blocking;
mod callbacks;
mod calls;
mod classes;
mod connecting;
mod embedded;
mod following;
mod setup;
