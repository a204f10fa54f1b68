//! The catalogue of components: what Component Services Explorer shows.

use consign_core::{Guid, Interface as InterfaceModel};
use consign_wire::{
    names,
    queue::{ComponentRecord, InterfaceRecord},
};

use crate::{Client, Error, Result};

/// A component: a class with interfaces on which calls can be queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentSummary {
    /// The CLSID.
    pub class: Guid,
    /// The ProgID.
    pub progid: Option<String>,
    /// What it is, in a few words.
    pub name: Option<String>,
    /// The application, which is the unit of queueing.
    pub application: Option<String>,
    /// The queue of its messages; empty where the class is not registered.
    pub queue: String,
    /// Whether the class is registered. One that is not keeps its interfaces, and its messages wait.
    pub registered: bool,
    /// `QueueListenerEnabled`.
    pub listener: ListenerState,
    /// `QCListenerMaxThreads`: how many of its messages are played at once; `None`: as many as its queue allows.
    pub max_players: Option<u32>,
    /// `ExceptionClass`: who is told of a message that could not be played.
    pub exception_class: Option<Guid>,
    /// Its interfaces, in the order in which they were imported.
    pub interfaces: Vec<ComponentInterface>,
}

/// Whether messages of a component are played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerState {
    /// They are.
    On,
    /// They wait in their queue.
    Off,
}

/// An interface of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentInterface {
    /// The IID.
    pub iid: Guid,
    /// The name.
    pub name: String,
    /// `QueueingSupported`: whether calls on it can be queued.
    pub queueing_supported: bool,
    /// `QueuingEnabled`: whether they are.
    pub queuing_enabled: bool,
    /// The names of its methods, as calls carry them.
    pub methods: Vec<String>,
    /// Why calls on it cannot be queued, each a sentence with what to do about it.
    pub obstacles: Vec<String>,
}

/// All that is known of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentDetails {
    /// What lists show.
    pub summary: ComponentSummary,
    /// The models of its interfaces, in the same order.
    pub models: Vec<InterfaceModel>,
}

/// `QueuingEnabled` of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queuing {
    /// Calls on it are queued.
    Enabled,
    /// They are refused.
    Disabled,
}

impl Client {
    /// Every component.
    ///
    /// # Errors
    /// `CO_E_NOT_SUPPORTED` (embedded), as in all that follow.
    pub async fn components(&self) -> Result<Vec<ComponentSummary>> {
        let records: Vec<ComponentRecord> = self.call(names::COMPONENTS, "List", &()).await?;
        records.into_iter().map(ComponentSummary::read).collect()
    }

    /// A component, by its CLSID or its ProgID; a registered class without interfaces is one with none.
    ///
    /// # Errors
    /// `REGDB_E_CLASSNOTREG`, `CO_E_CLASSSTRING`.
    pub async fn component(&self, class: &str) -> Result<ComponentDetails> {
        let (record, models): (ComponentRecord, Vec<String>) = self.call(names::COMPONENTS, "Show", &class).await?;
        let models = models.iter().map(|text| serde_json::from_str(text).map_err(Error::protocol)).collect::<Result<_>>()?;
        Ok(ComponentDetails { summary: ComponentSummary::read(record)?, models })
    }

    /// Switches queuing of an interface, which is named by its IID or its name, on or off. Messages that were
    /// recorded before stay and are played.
    ///
    /// # Errors
    /// `REGDB_E_CLASSNOTREG`, `CO_E_CLASSSTRING`, `REGDB_E_IIDNOTREG` (the component has no such interface),
    /// `COMQC_E_NO_QUEUEABLE_INTERFACES` (calls on it cannot be queued; the sentence says why).
    pub async fn set_queuing_enabled(&self, class: &str, interface: &str, queuing: Queuing) -> Result<()> {
        self.call(names::COMPONENTS, "SetQueued", &(class, interface, queuing == Queuing::Enabled)).await
    }

    /// An interface that was imported for whichever component.
    ///
    /// # Errors
    /// `REGDB_E_IIDNOTREG`.
    pub async fn interface_model(&self, iid: Guid) -> Result<InterfaceModel> {
        let text: String = self.call(names::COMPONENTS, "Model", &iid.to_string()).await?;
        serde_json::from_str(&text).map_err(Error::protocol)
    }
}

impl ComponentSummary {
    fn read(record: ComponentRecord) -> Result<Self> {
        let text = |text: String| (!text.is_empty()).then_some(text);
        let exception_class = text(record.exception_class).map(|class| class.parse().map_err(Error::protocol)).transpose()?;
        Ok(Self {
            class: record.class.parse().map_err(Error::protocol)?,
            progid: text(record.progid),
            name: text(record.name),
            application: text(record.application),
            queue: record.queue,
            registered: record.registered,
            listener: if record.listener { ListenerState::On } else { ListenerState::Off },
            max_players: (record.max_players > 0).then_some(record.max_players),
            exception_class,
            interfaces: record.interfaces.into_iter().map(ComponentInterface::read).collect::<Result<_>>()?,
        })
    }
}

impl ComponentInterface {
    fn read(record: InterfaceRecord) -> Result<Self> {
        Ok(Self {
            iid: record.iid.parse().map_err(Error::protocol)?,
            name: record.name,
            queueing_supported: record.queueing_supported,
            queuing_enabled: record.queuing_enabled,
            methods: record.methods,
            obstacles: record.obstacles,
        })
    }
}
