//! Interfaces of components come into the catalogue, are shown, and are switched.

use consign_bits::Failure;
use consign_core::{Guid, Interface, common};
use consign_wire::queue::{ComponentRecord, InterfaceRecord};

use super::{
    Queues,
    catalogue::{Catalogue, Entry, StoredComponent, StoredInterface, queue_of},
    refused,
};

/// A longer description of an interface is none, in bytes.
const LONGEST: usize = 1 << 20;

/// The most interfaces of one component.
const MOST: usize = 256;

/// What is shown of a component.
pub(crate) struct Imported {
    pub(crate) record: ComponentRecord,
    /// Its interfaces, as JSON.
    pub(crate) interfaces: Vec<String>,
}

impl Queues {
    /// Adds interfaces to a component. Calls on one that says QUEUEABLE are queued from now on, if they
    /// can be.
    ///
    /// # Errors
    /// `REGDB_E_CLASSNOTREG`; `E_INVALIDARG` (no interface model); `ERROR_BUSY` (the IID is known with
    /// other methods, and messages wait that were recorded with those).
    pub(crate) async fn import(&self, class: &str, interfaces: Vec<String>) -> Result<Imported, Failure> {
        let _changing = self.changing.lock().await;
        let class = self.catalogue.resolve(class)?;
        self.registered(class)?;
        let interfaces = interfaces.iter().map(|text| read(text)).collect::<Result<Vec<_>, _>>()?;
        let mut component = self.catalogue.stored(class).unwrap_or_default();
        let mut entries = Vec::new();
        for interface in &interfaces {
            self.may_replace(interface).await?;
            entries.push(Catalogue::interface_entry(interface)?);
            let queued = interface.attributes.queueable && interface.supports_queueing();
            match component.interfaces.iter_mut().find(|known| known.iid == interface.iid) {
                Some(known) => known.queued = queued || (known.queued && interface.supports_queueing()),
                None => component.interfaces.push(StoredInterface { iid: interface.iid, queued }),
            }
        }
        if component.interfaces.len() > MOST {
            return Err(Failure::refused(common::E_INVALIDARG, format!("a component has at most {MOST} interfaces")));
        }
        self.keep(class, interfaces, component, entries).await?;
        self.show_component(class)
    }

    /// `QueuingEnabled` of an interface, which is named by its IID or its name.
    ///
    /// # Errors
    /// `REGDB_E_CLASSNOTREG`, `REGDB_E_IIDNOTREG`, `COMQC_E_NO_QUEUEABLE_INTERFACES` (calls on it cannot be queued; the sentence says why).
    pub(crate) async fn set_queued(&self, class: &str, interface: &str, on: bool) -> Result<(), Failure> {
        let _changing = self.changing.lock().await;
        let class = self.catalogue.resolve(class)?;
        let unknown = || Failure::refused(common::REGDB_E_IIDNOTREG, format!("the component has no interface {interface}"));
        let mut component = self.catalogue.stored(class).ok_or_else(unknown)?;
        let is_it = |known: &Interface| known.name == interface || interface.parse() == Ok(known.iid);
        let models = component.interfaces.iter_mut().filter_map(|stored| Some((self.catalogue.interface(stored.iid)?, stored)));
        let (model, stored) = models.into_iter().find(|(model, _)| is_it(model)).ok_or_else(unknown)?;
        if on && let Some(obstacle) = obstacles(&model).first() {
            let sentence = format!("calls on {} cannot be queued: {obstacle}", model.name);
            return Err(Failure::refused(common::COMQC_E_NO_QUEUEABLE_INTERFACES, sentence));
        }
        stored.queued = on;
        let entry = Catalogue::component_entry(class, &component)?;
        self.keep(class, Vec::new(), component, vec![entry]).await
    }

    pub(crate) fn show_components(&self) -> Vec<ComponentRecord> {
        self.catalogue.components().into_iter().filter_map(|class| Some(self.show_component(class).ok()?.record)).collect()
    }

    /// # Errors
    /// `REGDB_E_CLASSNOTREG`: neither a class nor a component.
    pub(crate) fn show_named(&self, class: &str) -> Result<Imported, Failure> {
        let class = self.catalogue.resolve(class)?;
        if self.catalogue.stored(class).is_none() {
            self.registered(class)?;
        }
        self.show_component(class)
    }

    /// An interface as JSON.
    ///
    /// # Errors
    /// `REGDB_E_IIDNOTREG`.
    pub(crate) fn model(&self, iid: &str) -> Result<String, Failure> {
        let unknown = || Failure::refused(common::REGDB_E_IIDNOTREG, format!("no interface {iid} was imported"));
        let model = iid.parse().ok().and_then(|iid| self.catalogue.interface(iid)).ok_or_else(unknown)?;
        json(&model)
    }

    fn show_component(&self, class: Guid) -> Result<Imported, Failure> {
        let file = self.catalogue.file(class);
        let component = self.catalogue.stored(class).unwrap_or_default();
        let mut texts = Vec::new();
        let mut interfaces = Vec::new();
        for stored in &component.interfaces {
            let Some(model) = self.catalogue.interface(stored.iid) else { continue };
            let obstacles = obstacles(&model);
            interfaces.push(InterfaceRecord {
                iid: model.iid.to_string(),
                name: model.name.clone(),
                queueing_supported: obstacles.is_empty(),
                queuing_enabled: stored.queued,
                methods: model.methods.iter().map(|method| method.name.clone()).collect(),
                obstacles,
            });
            texts.push(json(&model)?);
        }
        let of_file = |get: &dyn Fn(&consign_activation::ClassFile) -> String| file.as_deref().map(get).unwrap_or_default();
        let record = ComponentRecord {
            class: class.to_string(),
            progid: of_file(&|file| file.progid.as_ref().map(ToString::to_string).unwrap_or_default()),
            name: of_file(&|file| file.name.clone().unwrap_or_default()),
            application: of_file(&|file| file.application.clone().unwrap_or_default()),
            queue: of_file(&queue_of),
            registered: file.is_some(),
            listener: file.as_ref().is_some_and(|file| file.component.listener != Some(false)),
            max_players: file.as_ref().and_then(|file| file.component.max_players).unwrap_or(0),
            exception_class: of_file(&|file| file.component.exception_class.map(|class| class.to_string()).unwrap_or_default()),
            interfaces,
        };
        Ok(Imported { record, interfaces: texts })
    }

    fn registered(&self, class: Guid) -> Result<(), Failure> {
        let sentence = || format!("no class {class} is registered; `consign class register` does that");
        self.catalogue.file(class).map(drop).ok_or_else(|| Failure::refused(common::REGDB_E_CLASSNOTREG, sentence()))
    }

    /// An IID is a contract: another list of methods under it would play recorded calls as something else.
    async fn may_replace(&self, interface: &Interface) -> Result<(), Failure> {
        let Some(known) = self.catalogue.interface(interface.iid) else { return Ok(()) };
        let Some(method) = known.first_difference(interface) else { return Ok(()) };
        let mut waiting = Vec::new();
        for class in self.catalogue.having(interface.iid) {
            waiting.extend(self.engine.using(class).await.map_err(refused)?);
        }
        if waiting.is_empty() {
            return Ok(());
        }
        let listed: Vec<String> =
            waiting.iter().take(5).map(|message| format!("{} in {}", message.number, message.place.queue_name(&message.queue))).collect();
        let more = if waiting.len() > listed.len() { format!(" and {} more", waiting.len() - listed.len()) } else { String::new() };
        let sentence = format!(
            "{} ({}) is known with another {method}, and messages wait that may have been recorded with it: {}{more}; \
             an interface that changes needs a new IID",
            known.name,
            known.iid,
            listed.join(", ")
        );
        Err(Failure::refused(common::ERROR_BUSY, sentence))
    }

    async fn keep(
        &self,
        class: Guid,
        interfaces: Vec<Interface>,
        component: StoredComponent,
        mut entries: Vec<Entry>,
    ) -> Result<(), Failure> {
        entries.push(Catalogue::component_entry(class, &component)?);
        for (key, text) in entries {
            self.engine.set_catalogue(key, text).await.map_err(refused)?;
        }
        self.catalogue.put(interfaces, class, component);
        // What nobody understood may be understood now.
        self.engine.component_changed(class);
        Ok(())
    }
}

fn read(text: &str) -> Result<Interface, Failure> {
    let invalid = |sentence: String| Failure::refused(common::E_INVALIDARG, sentence);
    if text.len() > LONGEST {
        return Err(invalid("the description of an interface is longer than 1 MiB".to_owned()));
    }
    let interface: Interface = serde_json::from_str(text).map_err(|error| invalid(format!("this describes no interface: {error}")))?;
    if interface.iid == Guid::NULL || interface.name.is_empty() || interface.name.len() > 200 || interface.methods.len() > 1024 {
        return Err(invalid("an interface has an IID, a name of at most 200 bytes, and at most 1024 methods".to_owned()));
    }
    Ok(interface)
}

/// Each reason as a sentence that says where.
fn obstacles(interface: &Interface) -> Vec<String> {
    let place = |obstacle: &consign_core::interface::Obstacle| {
        let method = obstacle.method.and_then(|index| interface.methods.get(index));
        let parameter = method.zip(obstacle.parameter).and_then(|(method, index)| method.parameters.get(index));
        match (method, parameter) {
            (Some(method), Some(parameter)) => format!("{}, parameter {}: ", method.name, parameter.name),
            (Some(method), None) => format!("{}: ", method.name),
            _ => String::new(),
        }
    };
    interface.obstacles().iter().map(|obstacle| format!("{}{}; {}", place(obstacle), obstacle.reason, obstacle.reason.advice())).collect()
}

fn json(interface: &Interface) -> Result<String, Failure> {
    serde_json::to_string(interface).map_err(|error| Failure::refused(common::E_UNEXPECTED, error.to_string()))
}
