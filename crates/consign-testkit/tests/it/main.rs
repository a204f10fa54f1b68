//! Whether the faults really occur on the wire.

mod client;
mod faults;
mod nginx;
mod proxy;
mod ranges;
mod tls;
