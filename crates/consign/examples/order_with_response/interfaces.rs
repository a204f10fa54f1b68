//! What shop and shopper agree on.

use consign::{Object, Queueable};

/// `CLSID_Shop`.
pub(crate) const SHOP: &str = "7d0e5a10-0a52-4c39-93f1-58c2f7b6d101";
/// `CLSID_OrderStatus`.
pub(crate) const STATUS: &str = "7d0e5a10-0a52-4c39-93f1-58c2f7b6d102";

/// Travels by value.
#[derive(Queueable)]
pub(crate) struct Order {
    pub(crate) article: String,
    pub(crate) quantity: u32,
}

/// Takes orders.
#[consign::interface(uuid = "7d0e5a10-0a52-4c39-93f1-58c2f7b6d103", queueable)]
pub(crate) trait Shop {
    /// Takes one order. A queued call has no answer, so `status` is a recorder, on which the shop answers by a
    /// call of its own.
    async fn place_order(&self, order: Order, status: Object) -> consign::Result<()>;
}

/// Is told what became of orders.
#[consign::interface(uuid = "7d0e5a10-0a52-4c39-93f1-58c2f7b6d104", queueable)]
pub(crate) trait OrderStatus {
    /// An order was shipped.
    async fn shipped(&self, article: &str, quantity: u32) -> consign::Result<()>;
}
