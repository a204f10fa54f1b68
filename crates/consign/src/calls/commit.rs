//! A recorder of a connected client, and its end: the message is stored, or there is none.

use consign_core::{Calls, Guid, Interface as InterfaceModel, Moniker, moniker::TimeLimit};
use consign_wire::{
    names,
    queue::{ComponentRecord, to_wire},
};

use super::Recorder;
use crate::{Client, Error, Result};

impl Client {
    /// A recorder for a class: by its CLSID, its ProgID, or a moniker (`queue:Label=x,Priority=5/new:Contoso.Shipment`).
    /// Corresponds to `CoGetObject`. Nobody is asked: the class, and whether calls on its interfaces are
    /// queued, is looked at when the recorder is committed.
    ///
    /// # Errors
    /// `MK_E_SYNTAX`, `E_INVALIDARG`, `CO_E_CLASSSTRING`, `MQ_ERROR_LABEL_TOO_LONG`: the text.
    pub fn recorder(&self, target: &str) -> Result<Recorder> {
        Ok(Recorder::detached(target)?.with_client(self.clone()))
    }

    /// Stores calls as one message, played on `target`; answers its id. For who has calls that no
    /// [`Recorder`] recorded.
    ///
    /// # Errors
    /// As [`Recorder::commit`].
    pub async fn record(&self, target: &Moniker, calls: &Calls) -> Result<Guid> {
        let time_to_receive = match target.time_to_receive {
            TimeLimit::Infinite => names::INFINITE,
            TimeLimit::LongLived => consign_core::moniker::LONG_LIVED_SECONDS,
            TimeLimit::Seconds(seconds) => seconds,
        };
        let (endian, methods, calls) = to_wire(calls);
        let class = target.target.to_string();
        let body = (class, &target.label, target.priority.number(), target.app_specific, time_to_receive, endian, methods, calls);
        let id: String = self.call(names::QUEUES, "Record", &body).await?;
        id.parse().map_err(Error::protocol)
    }

    /// Adds interfaces to a component, so that calls on them can be queued: on those that say `queueable`,
    /// and can be, they are from now on. An installer does this once; `consign component import` does it
    /// from an IDL file. Corresponds to `ICOMAdminCatalog::InstallComponent`.
    ///
    /// # Errors
    /// `REGDB_E_CLASSNOTREG`; `ERROR_BUSY` (the IID is known with other methods, and messages wait that were
    /// recorded with those); `E_INVALIDARG`; `CO_E_NOT_SUPPORTED` (embedded).
    pub async fn import_component(&self, class: &str, interfaces: &[&InterfaceModel]) -> Result<()> {
        let models = interfaces.iter().map(|model| serde_json::to_string(model).map_err(Error::protocol)).collect::<Result<Vec<_>>>()?;
        let (_imported,): (ComponentRecord,) = self.call(names::COMPONENTS, "Import", &(class, models)).await?;
        Ok(())
    }
}

impl Recorder {
    /// Stores the message: everything that was recorded, or nothing. When this answers, the message is
    /// durable and will be played. `None` where nothing was recorded: then there is no message.
    ///
    /// After [`Error::Disconnected`] nobody can say whether it was stored: look at the queue, or let the
    /// component find out by an id of your own among the arguments.
    ///
    /// # Errors
    /// `REGDB_E_CLASSNOTREG`, `CO_E_CLASSSTRING`, `COMQC_E_NO_QUEUEABLE_INTERFACES`, `E_NOINTERFACE` (calls on
    /// the interface are not queued), `DISP_E_MEMBERNOTFOUND`, `DISP_E_TYPEMISMATCH` (the interface was
    /// imported with other methods), `MQ_ERROR_INSUFFICIENT_RESOURCES` (the queue is full), and those of the disk.
    pub async fn commit(mut self) -> Result<Option<Guid>> {
        let Some(client) = self.take_client() else { return Err(Error::NotRunning) };
        let target = self.moniker().clone();
        match self.into_calls() {
            Some(calls) => client.record(&target, &calls).await.map(Some),
            None => Ok(None),
        }
    }

    /// Forgets what was recorded, as dropping does.
    pub fn abort(self) {
        drop(self);
    }
}
