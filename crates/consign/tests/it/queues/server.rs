//! What the test program does when the service starts it as a component's server.

use std::{
    env,
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
};

use consign::{Component, Failure, Guid, Playback, PlaybackControl, Result, Server, blocking, common};

/// The order that is never shipped.
pub(super) const REFUSED: u32 = 13;
/// The order on which the component votes to abort.
pub(super) const VOTES: u32 = 14;
/// The order that takes for ever.
pub(super) const HANGS: u32 = 15;

#[consign::interface(uuid = "6f7c1d8e-2b0a-4a55-9d3b-0c6a1e5f4d01", queueable)]
pub(super) trait Shipment {
    /// Ships an order.
    async fn ship_order(&self, number: u32) -> Result<()>;
}

struct Shipper(PathBuf, Playback);

/// Writes down what it is told.
struct Exceptional(PathBuf);

impl Shipment for Shipper {
    async fn ship_order(&self, number: u32) -> Result<()> {
        if number == REFUSED {
            return Err(Failure::refused(common::E_INVALIDARG, "no such order").into());
        }
        match number {
            VOTES => self.1.set_abort(),
            HANGS => std::future::pending().await,
            _ => {}
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
        write(&self.0, &number.to_string());
        Ok(())
    }
}

impl Shipment for Exceptional {
    async fn ship_order(&self, number: u32) -> Result<()> {
        write(&self.0, &format!("exception {number}"));
        Ok(())
    }
}

impl PlaybackControl for Exceptional {
    async fn final_server_retry(&self) -> Result<()> {
        write(&self.0, "FinalServerRetry");
        Ok(())
    }

    async fn final_client_retry(&self) -> Result<()> {
        write(&self.0, "FinalClientRetry");
        Ok(())
    }
}

fn write(folder: &Path, line: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(folder.join("shipped")).unwrap();
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// Does nothing unless the service started it.
#[test]
fn plays_its_role() {
    let (Ok(class), Some(folder)) = (env::var("TEST_COMPONENT"), env::var_os("TEST_FOLDER")) else { return };
    let class: Guid = class.parse().unwrap();
    let folder = PathBuf::from(folder);
    let component = Component::new({
        let folder = folder.clone();
        move |playback: Playback| Ok(Shipper(folder.clone(), playback))
    })
    .interface::<IShipment>();
    if env::var("TEST_ROLE").unwrap() == "exception" {
        let exception = Component::new(move |_: Playback| Ok(Exceptional(folder.clone()))).interface::<IShipment>().playback_control();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(Server::new().component(class, exception).run()).unwrap();
    } else if env::var("TEST_ROLE").unwrap() == "blocking" {
        blocking::Server::new().component(class, component).run().unwrap();
    } else {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(Server::new().component(class, component).run()).unwrap();
    }
}
