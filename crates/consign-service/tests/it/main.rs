//! The service as its clients and its supervisor see it.

mod calls;
mod distrust;
mod examples;
mod limits;
mod process;
mod queues;
mod signals;
mod support;
mod tools;
