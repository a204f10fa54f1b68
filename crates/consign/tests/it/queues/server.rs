//! What the test program does when the service starts it as a component's server.

use std::{env, fs::OpenOptions, io::Write, path::PathBuf};

use consign::{Component, Failure, Guid, Playback, Result, Server, blocking, common};

/// The order that is never shipped.
pub(super) const REFUSED: u32 = 13;

#[consign::interface(uuid = "6f7c1d8e-2b0a-4a55-9d3b-0c6a1e5f4d01", queueable)]
pub(super) trait Shipment {
    /// Ships an order.
    async fn ship_order(&self, number: u32) -> Result<()>;
}

struct Shipper(PathBuf);

impl Shipment for Shipper {
    async fn ship_order(&self, number: u32) -> Result<()> {
        if number == REFUSED {
            return Err(Failure::refused(common::E_INVALIDARG, "no such order").into());
        }
        if env::var("TEST_ROLE").is_ok_and(|role| role == "blocking") {
            // Refused on a thread of a runtime.
            blocking::Client::connect_with(consign::ConnectOptions {
                paths: Some(consign::Paths::under(&self.0)),
                start: consign::StartPolicy::Never,
                program: None,
            })?
            .queues()?;
        }
        let mut file = OpenOptions::new().append(true).create(true).open(self.0.join("shipped")).unwrap();
        writeln!(file, "{number}").unwrap();
        Ok(())
    }
}

/// Does nothing unless the service started it.
#[test]
fn plays_its_role() {
    let (Ok(class), Some(folder)) = (env::var("TEST_COMPONENT"), env::var_os("TEST_FOLDER")) else { return };
    let class: Guid = class.parse().unwrap();
    let folder = PathBuf::from(folder);
    let component = Component::new(move |_: Playback| Ok(Shipper(folder.clone()))).interface::<IShipment>();
    if env::var("TEST_ROLE").unwrap() == "blocking" {
        blocking::Server::new().component(class, component).run().unwrap();
    } else {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(Server::new().component(class, component).run()).unwrap();
    }
}
