//! The shop: takes an order, and records its answer.

use std::path::PathBuf;

use consign::{
    Client, Component, Error, Interface, Object, RecorderMoniker, Result, Server,
    common::{E_FAIL, E_INVALIDARG},
};

use crate::{
    interfaces::{IOrderStatus, IShop, Order, SHOP, Shop},
    shopper::write,
};

/// A new one for each message.
struct Counter {
    book: PathBuf,
    client: Client,
}

impl Shop for Counter {
    async fn place_order(&self, order: Order, status: Object) -> Result<()> {
        write(&self.book, &format!("ordered: {} x {}", order.quantity, order.article))?;
        let Object::Recorder(RecorderMoniker { moniker, iid }) = status else { return Ok(()) };
        if iid != IOrderStatus::IID {
            return Err(Error::failed(E_INVALIDARG, format!("the recorder is for {iid}, and orders are answered on IOrderStatus")));
        }
        let answer = self.client.recorder(&moniker)?;
        answer.interface::<IOrderStatus>().shipped(&order.article, order.quantity)?;
        answer.commit().await.map(drop)
    }
}

/// Serves until there is nothing more to do.
pub(crate) async fn serve(book: PathBuf) -> Result<()> {
    let client = Client::connect().await?;
    let create = move |_| Ok(Counter { book: book.clone(), client: client.clone() });
    let class = SHOP.parse().map_err(|_| Error::failed(E_FAIL, "the CLSID of the example is none"))?;
    Server::new().component(class, Component::new(create).interface::<IShop>()).run().await
}
