//! What client and component agree on. In a real application this is a small crate of its own.

/// `CLSID_Shipment`: made once with `uuidgen`, and never changed.
pub(crate) const CLASS: &str = "0f5d7f0a-6d0e-4c7e-9a35-0a8d3e5f7c21";

/// Ships what was ordered.
#[consign::interface(uuid = "97184d0f-f7ef-413a-8c6d-c1745018b2e9", dual, queueable)]
pub trait Shipment {
    /// Ships one order.
    async fn ship_order(&self, order_number: u32) -> consign::Result<()>;
}
