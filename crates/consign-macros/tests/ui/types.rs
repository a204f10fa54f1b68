//! What only the types together show.

use consign::{Component, Playback};

pub struct Order {
    pub number: u32,
}

#[consign::interface(uuid = "97184d0f-f7ef-413a-8c6d-c1745018b2e9", queueable)]
pub trait Shipment {
    fn ship(&self, order: Order) -> consign::Result<()>;
}

#[consign::interface(uuid = "97184d0f-f7ef-413a-8c6d-c1745018b2e9", queueable)]
pub trait Storage {
    fn store(&self, when: Vec<std::time::SystemTime>) -> consign::Result<()>;
}

#[consign::interface(uuid = "97184d0f-f7ef-413a-8c6d-c1745018b2e9", queueable)]
pub trait Foreign {
    fn store(&self) -> std::io::Result<()>;
}

#[consign::interface(uuid = "97184d0f-f7ef-413a-8c6d-c1745018b2e9", queueable)]
pub trait Plain {
    fn store(&self, number: u32) -> consign::Result<()>;
}

struct NotPlain;

fn main() {
    let _ = Component::new(|_: Playback| Ok(NotPlain)).interface::<IPlain>();
}
