//! Traits that are no interfaces.

#[consign::interface(uuid = "97184d0f-f7ef-413a-8c6d-c1745018b2e9")]
pub trait IShipment {
    fn ship(&self) -> consign::Result<()>;
}

#[consign::interface(uuid = "97184d0f-f7ef-413a-8c6d-c1745018b2e9")]
pub trait Generic<T>: Send
where
    T: Copy,
{
    const MOST: u32;
    type Order;
    fn ship(&self) -> consign::Result<()>;
}

#[consign::interface(uuid = "97184d0f-f7ef-413a-8c6d-c1745018b2e9")]
pub unsafe trait Dangerous {
    fn ship(&self) -> consign::Result<()>;
}

#[consign::interface(uuid = "97184d0f-f7ef-413a-8c6d-c1745018b2e9")]
pub trait Empty {}

#[consign::interface(uuid = "97184d0f-f7ef-413a-8c6d-c1745018b2e9")]
pub struct Structure;

fn main() {}
