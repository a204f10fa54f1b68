//! The part that takes orders. It needs the service, and nothing else.

use std::path::Path;

use consign::{Client, Interface};

use crate::interface::{CLASS, IShipment};

/// What an installer does: registers the class, and which interfaces of it are queued.
pub(crate) async fn install(book: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let (program, book) = (std::env::current_exe()?, std::path::absolute(book)?);
    let client = Client::connect().await?;
    let class_file = format!(
        "clsid = \"{CLASS}\"\nprogid = \"Contoso.Shipment\"\nname = \"Shipment example\"\napplication = \"Shipping\"\n\
         exec = [{program:?}, {book:?}]\nidle_stop = 0\n"
    );
    client.register_class(&class_file).await?;
    Ok(client.import_component(CLASS, &[IShipment::model()]).await?)
}

/// Records all orders as one message: all of them are shipped, in this order, or none.
pub(crate) async fn order(orders: &[u32]) -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::connect().await?;
    let recorder = client.recorder("queue:Label=orders/new:Contoso.Shipment")?;
    let shipment = recorder.interface::<IShipment>();
    for order in orders {
        shipment.ship_order(*order)?;
    }
    match recorder.commit().await? {
        Some(message) => println!("{message}"),
        None => println!("nothing was ordered"),
    }
    Ok(())
}
