//! The part that ships. The service starts it when there is a message, and it ends when there is none.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::{Path, PathBuf},
};

use consign::{Component, Error, PlaybackControl, Result, Server, common::E_FAIL};

use crate::interface::{CLASS, EXCEPTION_CLASS, IShipment, Shipment};

struct Shipper {
    book: PathBuf,
}

impl Shipment for Shipper {
    async fn ship_order(&self, order_number: u32) -> Result<()> {
        note(&self.book, &format!("shipped {order_number}\n"))
    }
}

/// The exception class: has the same interface, and is called when a message was given up.
struct Complaint {
    book: PathBuf,
}

impl Shipment for Complaint {
    async fn ship_order(&self, order_number: u32) -> Result<()> {
        note(&self.book, &format!("not shipped {order_number}\n"))
    }
}

impl PlaybackControl for Complaint {
    async fn final_server_retry(&self) -> Result<()> {
        note(&self.book, "tried in vain: ")
    }

    async fn final_client_retry(&self) -> Result<()> {
        note(&self.book, "never delivered: ")
    }
}

fn note(book: &Path, text: &str) -> Result<()> {
    let write = || -> io::Result<()> { OpenOptions::new().append(true).create(true).open(book)?.write_all(text.as_bytes()) };
    write().map_err(|error| Error::failed(E_FAIL, format!("{} cannot be written: {error}", book.display())))
}

/// Serves until there is nothing more to do: the class that it was started for.
pub(crate) async fn serve(book: PathBuf) -> Result<()> {
    let class = |text: &str| text.parse().map_err(|_| Error::failed(E_FAIL, "the CLSID of the example is none"));
    let complaints = book.clone();
    let complaint = Component::new(move |_| Ok(Complaint { book: complaints.clone() })).interface::<IShipment>().playback_control();
    let shipper = Component::new(move |_| Ok(Shipper { book: book.clone() })).interface::<IShipment>();
    Server::new().component(class(CLASS)?, shipper).component(class(EXCEPTION_CLASS)?, complaint).run().await
}
