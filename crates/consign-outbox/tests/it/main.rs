//! Outboxes as applications use them, and the service that carries from them.

mod carrying;
mod crashes;
mod distrust;
mod examples;
mod inbox;
mod recording;
mod setup;
mod undeliverable;
