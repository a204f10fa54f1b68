//! The library against the face of the service, in one process.

mod blocking;
mod calls;
mod connecting;
mod embedded;
mod following;
mod setup;
