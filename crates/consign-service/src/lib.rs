//! The background service: the D-Bus face over the engine, and the process around it.
//!
//! It turns messages into calls on the engine, and no more. Reading order:

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;

mod run;

mod receivers;

mod classes;
mod command_lines;
mod queues;

mod dispatch;
mod face;

pub use classes::Classes;
pub use command_lines::CommandRunner;
pub use face::{Face, Facts, Patience, ServeError, StopPolicy};
pub use queues::Queues;
pub use receivers::ClientReceivers;
pub use run::{
    Background, ClassSettings, CommandLineRule, HandStartedRule, LINGER_NOTE, LogTo, PolicySettings, READY, RunOptions, ServiceSettings,
    Settings, SettingsError, StartError, UnitError, Units, main_run, run,
};
