//! Which interfaces there are, and on which of a class's interfaces calls are queued: what COM+ keeps
//! in its catalogue. Stored by the engine as text; kept here ready for use.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::{Duration, Instant},
};

use consign_activation::{ClassFile, ClassId, Registry};
use consign_bits::Failure;
use consign_core::{Calls, Guid, Interface, common};
use consign_queue::{Component, Listener};
use serde::{Deserialize, Serialize};

use crate::classes::refused;

/// A class file that somebody changed by hand counts after this time; one that was registered counts at once.
const FRESH: Duration = Duration::from_secs(1);

/// What a key of the catalogue begins with.
const INTERFACE: &str = "interface/";
const COMPONENT: &str = "component/";

pub(crate) struct Catalogue {
    registry: Arc<Registry>,
    classes: RwLock<Classes>,
    contents: RwLock<Contents>,
}

/// Class files, as they were read last.
#[derive(Default)]
struct Classes {
    read: Option<Instant>,
    known: HashMap<Guid, Arc<ClassFile>>,
    named: HashMap<String, Guid>,
}

#[derive(Default)]
struct Contents {
    interfaces: HashMap<Guid, Arc<Interface>>,
    components: BTreeMap<Guid, Arc<ComponentEntry>>,
}

/// A component, with what makes checking a call quick.
struct ComponentEntry {
    stored: StoredComponent,
    /// The signature of each method of its queued interfaces.
    methods: HashMap<Guid, HashMap<String, String>>,
}

/// A component as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredComponent {
    pub(crate) interfaces: Vec<StoredInterface>,
}

/// An interface of a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredInterface {
    pub(crate) iid: Guid,
    /// `QueuingEnabled`.
    pub(crate) queued: bool,
}

/// An entry to be stored.
pub(crate) type Entry = (String, Option<String>);

impl Catalogue {
    pub(crate) fn new(registry: Arc<Registry>) -> Self {
        Self { registry, classes: RwLock::default(), contents: RwLock::default() }
    }

    /// Takes up what is stored. An entry that cannot be read is left out, and said.
    pub(crate) fn load(&self, entries: Vec<(String, String)>) {
        let mut contents = Contents::default();
        let mut components = Vec::new();
        for (key, text) in entries {
            let read = if key.starts_with(INTERFACE) {
                serde_json::from_str::<Interface>(&text).map(|model| drop(contents.interfaces.insert(model.iid, Arc::new(model))))
            } else {
                serde_json::from_str::<StoredComponent>(&text).map(|component| components.push((key.clone(), component)))
            };
            if let Err(error) = read {
                tracing::error!(key, %error, "an entry of the catalogue cannot be read");
            }
        }
        for (key, stored) in components {
            if let Some(Ok(class)) = key.strip_prefix(COMPONENT).map(str::parse::<Guid>) {
                let entry = ComponentEntry::new(stored, &contents.interfaces);
                contents.components.insert(class, Arc::new(entry));
            }
        }
        *self.contents.write().unwrap_or_else(PoisonError::into_inner) = contents;
    }

    /// What `name` means: a CLSID, or the ProgID of a registered class.
    pub(crate) fn resolve(&self, name: &str) -> Result<Guid, Failure> {
        if let Ok(class) = name.parse() {
            return Ok(class);
        }
        let folded = name.to_ascii_lowercase();
        if let Some(class) = self.classes().named.get(&folded) {
            return Ok(*class);
        }
        // It says what is wrong with it.
        self.registry.resolve(name).map(ClassId::guid).map_err(refused)
    }

    /// Whether the calls can be queued for the class; answers the queue.
    pub(crate) fn check(&self, class: Guid, calls: &Calls) -> Result<String, Failure> {
        let file = self.file(class).ok_or_else(|| {
            Failure::refused(common::REGDB_E_CLASSNOTREG, format!("no class {class} is registered; `consign class register` does that"))
        })?;
        let component = self.contents().components.get(&class).cloned();
        let shown = || file.progid.as_ref().map_or_else(|| class.to_string(), ToString::to_string);
        let component = component.filter(|component| !component.methods.is_empty()).ok_or_else(|| {
            let sentence = format!(
                "{0} has no interface on which calls are queued; `consign component import FILE.idl --class {0}` gives it one",
                shown()
            );
            Failure::refused(common::COMQC_E_NO_QUEUEABLE_INTERFACES, sentence)
        })?;
        for method in calls.methods() {
            let Some(methods) = component.methods.get(&method.iid) else {
                let sentence = format!("calls on the interface {} of {} are not queued", self.interface_name(method.iid), shown());
                return Err(Failure::refused(common::E_NOINTERFACE, sentence));
            };
            match methods.get(method.name) {
                Some(signature) if signature == method.signature => {}
                Some(signature) => {
                    let sentence = format!("{} takes \"{signature}\", not \"{}\"", method.name, method.signature);
                    return Err(Failure::refused(common::DISP_E_TYPEMISMATCH, sentence));
                }
                None => {
                    let sentence = format!("{} has no method {}", self.interface_name(method.iid), method.name);
                    return Err(Failure::refused(common::DISP_E_MEMBERNOTFOUND, sentence));
                }
            }
        }
        Ok(queue_of(&file))
    }

    /// The interfaces of a class on which calls are queued.
    ///
    /// # Errors
    /// `REGDB_E_CLASSNOTREG`, `COMQC_E_NO_QUEUEABLE_INTERFACES`.
    pub(crate) fn queued_interfaces(&self, class: Guid) -> Result<Vec<Arc<Interface>>, Failure> {
        if self.file(class).is_none() {
            return Err(Failure::refused(common::REGDB_E_CLASSNOTREG, format!("no class {class} is registered")));
        }
        let contents = self.contents();
        let stored = contents.components.get(&class).map(|component| component.stored.interfaces.as_slice()).unwrap_or_default();
        let queued = stored.iter().filter(|interface| interface.queued);
        let interfaces: Vec<_> = queued.filter_map(|interface| contents.interfaces.get(&interface.iid).cloned()).collect();
        if interfaces.is_empty() {
            let sentence = format!("the class {class} has no interface on which calls are queued");
            return Err(Failure::refused(common::COMQC_E_NO_QUEUEABLE_INTERFACES, sentence));
        }
        Ok(interfaces)
    }

    /// What the engine wants to know of a class.
    pub(crate) fn component(&self, class: Guid) -> Option<Component> {
        let file = self.file(class)?;
        Some(Component {
            listener: if file.component.listener == Some(false) { Listener::Off } else { Listener::On },
            max_players: file.component.max_players,
            exception_class: file.component.exception_class.map(ClassId::guid),
        })
    }

    pub(crate) fn file(&self, class: Guid) -> Option<Arc<ClassFile>> {
        self.classes().known.get(&class).cloned()
    }

    /// The class files are to be read again.
    pub(crate) fn forget_classes(&self) {
        self.classes.write().unwrap_or_else(PoisonError::into_inner).read = None;
    }

    /// An interface.
    pub(crate) fn interface(&self, iid: Guid) -> Option<Arc<Interface>> {
        self.contents().interfaces.get(&iid).cloned()
    }

    /// What is stored of a component.
    pub(crate) fn stored(&self, class: Guid) -> Option<StoredComponent> {
        self.contents().components.get(&class).map(|component| component.stored.clone())
    }

    /// The classes that are components, and those whose components have an interface.
    pub(crate) fn components(&self) -> Vec<Guid> {
        self.contents().components.keys().copied().collect()
    }

    /// The components with an interface.
    pub(crate) fn having(&self, iid: Guid) -> Vec<Guid> {
        let contents = self.contents();
        let has = |component: &ComponentEntry| component.stored.interfaces.iter().any(|interface| interface.iid == iid);
        contents.components.iter().filter(|(_, component)| has(component)).map(|(class, _)| *class).collect()
    }

    /// The entry that stores an interface.
    pub(crate) fn interface_entry(interface: &Interface) -> Result<Entry, Failure> {
        Ok((format!("{INTERFACE}{}", interface.iid), Some(text(interface)?)))
    }

    /// The entry that stores a component.
    pub(crate) fn component_entry(class: Guid, component: &StoredComponent) -> Result<Entry, Failure> {
        Ok((format!("{COMPONENT}{class}"), Some(text(component)?)))
    }

    /// Uses what was stored.
    pub(crate) fn put(&self, interfaces: Vec<Interface>, class: Guid, stored: StoredComponent) {
        let mut contents = self.contents_mut();
        for interface in interfaces {
            contents.interfaces.insert(interface.iid, Arc::new(interface));
        }
        let entry = ComponentEntry::new(stored, &contents.interfaces);
        contents.components.insert(class, Arc::new(entry));
        // Others may have an interface that was replaced.
        let Contents { interfaces, components } = &mut *contents;
        for component in components.values_mut() {
            *component = Arc::new(ComponentEntry::new(component.stored.clone(), interfaces));
        }
    }

    fn interface_name(&self, iid: Guid) -> String {
        self.interface(iid).map_or_else(|| iid.to_string(), |interface| interface.name.clone())
    }

    fn contents(&self) -> RwLockReadGuard<'_, Contents> {
        self.contents.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn contents_mut(&self) -> RwLockWriteGuard<'_, Contents> {
        self.contents.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn classes(&self) -> RwLockReadGuard<'_, Classes> {
        let is_fresh = |classes: &Classes| classes.read.is_some_and(|read| read.elapsed() < FRESH);
        let classes = self.classes.read().unwrap_or_else(PoisonError::into_inner);
        if is_fresh(&classes) {
            return classes;
        }
        drop(classes);
        let entries = self.registry.entries();
        let mut fresh = Classes { read: Some(Instant::now()), ..Classes::default() };
        for file in entries.into_iter().filter_map(|entry| entry.class.ok()) {
            if let Some(progid) = &file.progid {
                fresh.named.entry(progid.to_string().to_ascii_lowercase()).or_insert(file.class.guid());
            }
            fresh.known.entry(file.class.guid()).or_insert_with(|| Arc::new(file));
        }
        *self.classes.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        self.classes.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ComponentEntry {
    fn new(stored: StoredComponent, interfaces: &HashMap<Guid, Arc<Interface>>) -> Self {
        let queued = stored.interfaces.iter().filter(|interface| interface.queued);
        let methods = queued.filter_map(|interface| {
            // One that cannot be queued any more is not, whatever its switch says.
            let model = interfaces.get(&interface.iid).filter(|model| model.supports_queueing())?;
            let methods = model.methods.iter().filter_map(|method| Some((method.name.clone(), method.signature().ok()?)));
            Some((interface.iid, methods.collect()))
        });
        Self { methods: methods.collect(), stored }
    }
}

/// The queue of a class: its own, its application's, else one by its name.
pub(crate) fn queue_of(file: &ClassFile) -> String {
    let named = file.component.queue.clone().or_else(|| file.application.clone());
    named.or_else(|| file.progid.as_ref().map(ToString::to_string)).unwrap_or_else(|| file.class.to_string())
}

fn text<T: Serialize>(value: &T) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::refused(common::E_UNEXPECTED, error.to_string()))
}
