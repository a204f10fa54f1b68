//! Ships orders while nobody is there to ship them: `shipment BOOK ORDER...` records the orders and ends. The
//! service then starts this program again as the component, which writes what it ships into BOOK.

mod client;
mod component;
mod interface;

use std::{env, path::PathBuf};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args_os().skip(1);
    let book = PathBuf::from(arguments.next().ok_or("usage: shipment BOOK ORDER...")?);
    if env::var_os("CONSIGN_ACTIVATION_TOKEN").is_some() {
        return Ok(component::serve(book).await?);
    }
    let orders = arguments.map(|order| order.to_string_lossy().parse()).collect::<Result<Vec<u32>, _>>()?;
    client::install(&book).await?;
    client::order(&orders).await
}
