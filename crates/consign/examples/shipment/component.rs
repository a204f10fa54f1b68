//! The part that ships. The service starts it when there is a message, and it ends when there is none.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::PathBuf,
};

use consign::{Component, Error, Playback, Result, Server, common::E_FAIL};

use crate::interface::{CLASS, IShipment, Shipment};

/// A new one for each message.
struct Shipper {
    book: PathBuf,
    playback: Playback,
}

impl Shipment for Shipper {
    async fn ship_order(&self, order_number: u32) -> Result<()> {
        let message = self.playback.message();
        let line = format!("order {order_number}, message {}, attempt {}\n", message.id, message.attempt);
        let write =
            |line: &str| -> io::Result<()> { OpenOptions::new().append(true).create(true).open(&self.book)?.write_all(line.as_bytes()) };
        // A failure sends the whole message back: it is tried again, later.
        write(&line).map_err(|error| Error::failed(E_FAIL, format!("{} cannot be written: {error}", self.book.display())))
    }
}

/// Serves until there is nothing more to do.
pub(crate) async fn serve(book: PathBuf) -> Result<()> {
    let create = move |playback| Ok(Shipper { book: book.clone(), playback });
    let component = Component::new(create).interface::<IShipment>();
    let class = CLASS.parse().map_err(|_| Error::failed(E_FAIL, "the CLSID of the example is none"))?;
    Server::new().component(class, component).run().await
}
