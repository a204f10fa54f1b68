//! The service as its clients and its supervisor see it.

mod calls;
mod distrust;
mod process;
mod signals;
mod support;
mod tools;
