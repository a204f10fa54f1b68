//! What the test program does when the service starts it as the component's server.

use std::{env, fs::OpenOptions, io::Write, path::PathBuf};

use consign::{Component, Failure, Playback, Result, Server, common};

/// The order that is never shipped.
pub(super) const REFUSED: u32 = 13;

#[consign::interface(uuid = "97184d0f-f7ef-413a-8c6d-c1745018b201", dual, queueable)]
trait Shipment {
    async fn ship_order(&self, order_number: u32) -> Result<()>;
}

struct Shipper(PathBuf);

impl Shipment for Shipper {
    async fn ship_order(&self, order_number: u32) -> Result<()> {
        if order_number == REFUSED {
            return Err(Failure::refused(common::E_INVALIDARG, "no such \x1border").into());
        }
        let mut book = OpenOptions::new().append(true).create(true).open(self.0.join("book")).unwrap();
        // One write: a line is there whole or not at all.
        book.write_all(format!("{order_number}\n").as_bytes()).unwrap();
        Ok(())
    }
}

/// Does nothing unless the service started it.
#[test]
fn plays_its_role() {
    let (Some(folder), Ok(_)) = (env::var_os("TEST_FOLDER"), env::var("CONSIGN_ACTIVATION_TOKEN")) else { return };
    let folder = PathBuf::from(folder);
    let component = Component::new(move |_: Playback| Ok(Shipper(folder.clone()))).interface::<IShipment>();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(Server::new().component(super::CLASS.parse().unwrap(), component).run()).unwrap();
}
