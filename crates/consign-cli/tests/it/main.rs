//! The command as its users run it: the real program, a service of its own, a web server that lies.

mod classes;
mod demo;
mod get;
mod help;
mod jobs;
mod kill;
mod messages;
mod notices;
mod outboxes;
mod queue;
mod roles;
mod service;
mod setup;
