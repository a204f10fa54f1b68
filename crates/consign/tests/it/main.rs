//! The library against the face of the service, in one process.

mod blocking;
mod callbacks;
mod calls;
mod classes;
mod connecting;
mod embedded;
mod examples;
mod following;
mod queues;
mod setup;
