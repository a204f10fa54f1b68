//! The shopper: orders, ends, and is started again to hear what became of it.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::{Path, PathBuf},
};

use consign::{Client, Component, Error, Interface, Result, Server, common::E_FAIL};

use crate::interfaces::{IOrderStatus, IShop, Order, OrderStatus, SHOP, STATUS};

/// What an installer does: both classes, and their interfaces.
pub(crate) async fn install(book: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let (program, book) = (std::env::current_exe()?, std::path::absolute(book)?);
    let client = Client::connect().await?;
    let classes = [(SHOP, "Contoso.Shop", "shop", IShop::model()), (STATUS, "Contoso.OrderStatus", "shopper", IOrderStatus::model())];
    for (class, progid, role, interface) in classes {
        let class_file = format!("clsid = \"{class}\"\nprogid = \"{progid}\"\nexec = [{program:?}, {book:?}, {role:?}]\nidle_stop = 0\n");
        client.register_class(&class_file).await?;
        client.import_component(class, &[interface]).await?;
    }
    Ok(())
}

/// Orders, and says where to answer: a recorder travels as its moniker.
pub(crate) async fn order(article: &str, quantity: u32) -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::connect().await?;
    let status = client.recorder(&format!("queue:Label=\"your {article}\"/new:Contoso.OrderStatus"))?;
    let recorder = client.recorder("Contoso.Shop")?;
    recorder.interface::<IShop>().place_order(Order { article: article.to_owned(), quantity }, status.object::<IOrderStatus>())?;
    recorder.commit().await?;
    println!("ordered");
    Ok(())
}

struct Listener {
    book: PathBuf,
}

impl OrderStatus for Listener {
    async fn shipped(&self, article: &str, quantity: u32) -> Result<()> {
        write(&self.book, &format!("shipped: {quantity} x {article}"))
    }
}

/// Serves until there is nothing more to do.
pub(crate) async fn serve(book: PathBuf) -> Result<()> {
    let create = move |_| Ok(Listener { book: book.clone() });
    let class = STATUS.parse().map_err(|_| Error::failed(E_FAIL, "the CLSID of the example is none"))?;
    Server::new().component(class, Component::new(create).interface::<IOrderStatus>()).run().await
}

/// A line of the book.
pub(crate) fn write(book: &Path, line: &str) -> Result<()> {
    let written =
        || -> io::Result<()> { OpenOptions::new().append(true).create(true).open(book)?.write_all(format!("{line}\n").as_bytes()) };
    written().map_err(|error| Error::failed(E_FAIL, format!("{} cannot be written: {error}", book.display())))
}
