//! IDL files in, documents and diagnostics out.

mod bombs;
mod classes;
mod diagnostics;
mod interfaces;
mod preprocessor;
mod printing;
mod queueability;
mod sources;
mod support;
mod types;
