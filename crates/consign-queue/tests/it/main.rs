//! The queue as its callers see it: over stores, under a host that does what it is told, with the
//! time as an argument.

mod bench;

mod admin;
mod contract;
mod engine;
mod failing;
mod intake;
mod property;
mod retries;
mod turns;
