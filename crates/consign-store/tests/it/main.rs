//! The storage rules, each with a test.

mod concurrency;
mod disk;
mod kill;
mod opening;
mod requests;
mod support;
