//! The part that ships. The service starts it when there is a message, and it ends when there is none.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::PathBuf,
};

use consign::{Component, Error, Result, Server, common::E_FAIL};

use crate::interface::{CLASS, IShipment, Shipment};

struct Shipper {
    book: PathBuf,
}

impl Shipment for Shipper {
    async fn ship_order(&self, order_number: u32) -> Result<()> {
        let line = format!("shipped {order_number}\n");
        let write =
            |line: &str| -> io::Result<()> { OpenOptions::new().append(true).create(true).open(&self.book)?.write_all(line.as_bytes()) };
        write(&line).map_err(|error| Error::failed(E_FAIL, format!("{} cannot be written: {error}", self.book.display())))
    }
}

/// Serves until there is nothing more to do.
pub(crate) async fn serve(book: PathBuf) -> Result<()> {
    let component = Component::new(move |_| Ok(Shipper { book: book.clone() })).interface::<IShipment>();
    let class = CLASS.parse().map_err(|_| Error::failed(E_FAIL, "the CLSID of the example is none"))?;
    Server::new().component(class, component).run().await
}
