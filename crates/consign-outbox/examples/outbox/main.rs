//! A till that sells while nobody is there to ship: `outbox TILL_DB BOOK SALE...` writes each sale and the order
//! to ship it in one transaction, and ends. The service then starts this program again as the component, which
//! writes what it ships into BOOK.

mod component;
mod interface;
mod till;

use std::{env, path::PathBuf};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args_os().skip(1);
    let usage = "usage: outbox TILL_DB BOOK SALE...";
    if env::var_os("CONSIGN_ACTIVATION_TOKEN").is_some() {
        return Ok(component::serve(PathBuf::from(arguments.next().ok_or(usage)?)).await?);
    }
    let database = std::path::absolute(arguments.next().ok_or(usage)?)?;
    let book = std::path::absolute(arguments.next().ok_or(usage)?)?;
    let sales = arguments.map(|sale| sale.to_string_lossy().parse()).collect::<Result<Vec<u32>, _>>()?;
    till::install(&database, &book).await?;
    till::sell(&database, &sales)
}
