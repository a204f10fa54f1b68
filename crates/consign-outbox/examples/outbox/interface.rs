//! What till and component agree on. In a real application this is a small crate of its own.

/// `CLSID_Shipment`: made once with `uuidgen`, and never changed.
pub(crate) const CLASS: &str = "0f5d7f0a-6d0e-4c7e-9a35-0a8d3e5f7c22";

/// `CLSID_Complaint`: the exception class, which hears of what was not shipped.
pub(crate) const EXCEPTION_CLASS: &str = "0f5d7f0a-6d0e-4c7e-9a35-0a8d3e5f7c23";

/// Ships what was sold.
#[consign::interface(uuid = "97184d0f-f7ef-413a-8c6d-c1745018b2e9", dual, queueable)]
pub(crate) trait Shipment {
    /// Ships one sale.
    async fn ship_order(&self, order_number: u32) -> consign::Result<()>;
}
