//! The command, run as a user would run it.

mod kill;
