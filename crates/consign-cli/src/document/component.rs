//! Components.

use consign::{ComponentSummary, InterfaceModel, ListenerState};
use serde::Serialize;

/// A component, as `component list` and `component show` print it.
#[derive(Serialize)]
pub(crate) struct Component {
    clsid: String,
    progid: Option<String>,
    name: Option<String>,
    application: Option<String>,
    queue: String,
    registered: bool,
    listener: bool,
    max_players: Option<u32>,
    exception_class: Option<String>,
    interfaces: Vec<Interface>,
}

#[derive(Serialize)]
struct Interface {
    iid: String,
    name: String,
    queueing_supported: bool,
    queuing_enabled: bool,
    methods: Vec<String>,
    /// Why calls on it cannot be queued.
    obstacles: Vec<String>,
    /// The model, which `component import` takes; `component list` leaves it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<InterfaceModel>,
}

impl Component {
    pub(crate) fn new(component: &ComponentSummary, models: &[InterfaceModel]) -> Self {
        let interfaces = component.interfaces.iter().map(|interface| Interface {
            iid: interface.iid.to_string(),
            name: interface.name.clone(),
            queueing_supported: interface.queueing_supported,
            queuing_enabled: interface.queuing_enabled,
            methods: interface.methods.clone(),
            obstacles: interface.obstacles.clone(),
            model: models.iter().find(|model| model.iid == interface.iid).cloned(),
        });
        Self {
            clsid: component.class.to_string(),
            progid: component.progid.clone(),
            name: component.name.clone(),
            application: component.application.clone(),
            queue: component.queue.clone(),
            registered: component.registered,
            listener: component.listener == ListenerState::On,
            max_players: component.max_players,
            exception_class: component.exception_class.map(|class| class.to_string()),
            interfaces: interfaces.collect(),
        }
    }
}
