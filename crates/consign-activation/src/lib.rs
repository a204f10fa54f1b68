//! Classes, and the server processes that are started for them: the COM activation of Consign.
//!
//! A class is named by its [`ClassId`] and described by a file; its server is a process that is
//! started when somebody wants the class and that registers over a connection. This crate knows
//! nothing of what classes are for, nor of sockets: connections are numbers that its caller gives.

mod failure;
mod names;

pub mod class_file;
pub mod registry;

pub mod environment;
pub mod hook;
pub mod policy;

mod output;
mod process;
mod trusted;

pub mod activator;
pub mod server;

pub use activator::{Activator, ClassStatus, Died, Lease, ServerLink};
pub use class_file::{ClassFile, Host};
pub use environment::Environment;
pub use failure::Failure;
pub use names::{ClassId, InterfaceId, InvalidName, ProgId};
pub use output::OutputLine;
pub use policy::{CommandLines, Policy};
pub use process::Exit;
pub use registry::{Entry, Registry};
