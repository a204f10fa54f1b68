//! The part that sells. Once installed it needs neither the component nor the service.

use std::path::Path;

use consign::{Client, Interface, Recorder};
use consign_outbox::{Outbox, rusqlite::Connection};

use crate::interface::{CLASS, EXCEPTION_CLASS, IShipment};

/// What an installer does: registers the classes, which interfaces are queued, and the outbox.
pub(crate) async fn install(database: &Path, book: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let program = std::env::current_exe()?;
    let client = Client::connect().await?;
    let rest = format!("application = \"Till\"\nexec = [{program:?}, {book:?}]\nidle_stop = 0\n");
    let shipment = format!("clsid = \"{CLASS}\"\nprogid = \"Contoso.TillShipment\"\nexception_class = \"{EXCEPTION_CLASS}\"\n{rest}");
    let complaint = format!("clsid = \"{EXCEPTION_CLASS}\"\nprogid = \"Contoso.TillComplaint\"\n{rest}");
    client.register_class(&shipment).await?;
    client.register_class(&complaint).await?;
    client.import_component(CLASS, &[IShipment::model()]).await?;
    let connection = Connection::open(database)?;
    Outbox::open(&connection)?;
    connection.execute("CREATE TABLE IF NOT EXISTS sale (number INTEGER PRIMARY KEY)", [])?;
    let path = database.to_str().ok_or("the path of the database is not text")?;
    if !client.outboxes().await?.iter().any(|outbox| outbox.path == path) {
        client.add_outbox(path).await?;
    }
    Ok(())
}

/// Sells. A sale that is refused, as one that was made before, is not shipped either.
pub(crate) fn sell(database: &Path, sales: &[u32]) -> Result<(), Box<dyn std::error::Error>> {
    let mut connection = Connection::open(database)?;
    let outbox = Outbox::open(&connection)?;
    for sale in sales {
        let sold = outbox.transaction(&mut connection, |transaction| {
            let recorder = Recorder::detached("queue:Label=sale/new:Contoso.TillShipment")?;
            recorder.interface::<IShipment>().ship_order(*sale)?;
            transaction.record(recorder)?;
            transaction.execute("INSERT INTO sale (number) VALUES (?1)", [sale])?;
            Ok::<_, Box<dyn std::error::Error>>(())
        });
        match sold {
            Ok(()) => println!("sold {sale}"),
            Err(error) => println!("not sold {sale}: {error}"),
        }
    }
    Ok(())
}
