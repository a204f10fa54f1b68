//! Queued calls: what an interface is to a Rust program, how calls on it are recorded, and how they are
//! played on a component.
//!
//! What is recorded goes out in `commit`, and messages come in in `server`; the rest talks to nobody.

mod commit;
mod component;
mod described;
mod interface;
mod playback;
mod playback_control;
mod recorder;
mod server;

pub(crate) use described::levels;
pub(crate) use server::play as answer_play;

pub use component::{Component, PlayFailure, Played, Player};
pub use described::{Arguments, Described, answered, not_a_member, play};
pub use interface::{Dispatch, Interface};
pub use playback::{Playback, PlayedMessage};
pub use playback_control::{FinalRetry, IID_IPLAYBACKCONTROL, PlaybackControl};
pub use recorder::Recorder;

#[cfg(test)]
mod tests;
