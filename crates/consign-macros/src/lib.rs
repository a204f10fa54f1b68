//! `#[consign::interface]` and `#[derive(consign::Queueable)]`: what a Rust program writes to say which
//! calls it queues.
//!
//! Checks what can be seen in the source, every fault of it in one run, and emits descriptions. What
//! describes itself is judged, recorded and played by the library: nothing here knows how a call is kept.

use proc_macro::TokenStream;

mod errors;
mod guid;
mod interface;
mod names;
mod queueable;

/// Describes a queued interface. See `consign::interface`.
#[proc_macro_attribute]
pub fn interface(keys: TokenStream, item: TokenStream) -> TokenStream {
    interface::expand(keys.into(), item.into()).into()
}

/// Lets a structure or an enumeration be an argument of a queued call. See `consign::Queueable`.
#[proc_macro_derive(Queueable, attributes(queueable))]
pub fn queueable(item: TokenStream) -> TokenStream {
    queueable::expand(item.into()).into()
}
