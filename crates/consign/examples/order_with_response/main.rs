//! Orders something and is told later: `order_with_response BOOK ARTICLE QUANTITY` ends at once. The service then
//! starts this program as the component that takes the order, and that answers by a call of its own, which is
//! queued as well: the service starts this program once more, as the one who is told.

mod interfaces;
mod shop;
mod shopper;

use std::{env, path::PathBuf};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args().skip(1);
    let book = PathBuf::from(arguments.next().ok_or("usage: order_with_response BOOK ARTICLE QUANTITY")?);
    match (env::var_os("CONSIGN_ACTIVATION_TOKEN"), arguments.next().as_deref()) {
        (Some(_), Some("shop")) => Ok(shop::serve(book).await?),
        (Some(_), _) => Ok(shopper::serve(book).await?),
        (None, article) => {
            let quantity = arguments.next().map_or(Ok(1), |quantity| quantity.parse())?;
            shopper::install(&book).await?;
            shopper::order(article.unwrap_or("nothing"), quantity).await
        }
    }
}
