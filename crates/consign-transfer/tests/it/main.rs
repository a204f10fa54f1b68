//! The engine as its callers see it, against a web server that lies on command.

mod bench;

mod ending;
mod errors;
mod full;
mod hardship;
mod intake;
mod life;
mod namespace;
mod network;
mod notify;
mod notify_rows;
mod restart;
mod turns;
