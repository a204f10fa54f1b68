//! What can be queued. A queued call is a call that is written down: it has no answer, so nothing may
//! come back, and everything that goes must be something that can be written down.

use std::{collections::HashSet, fmt};

use super::{Direction, IID_IUNKNOWN, Interface, MethodKind, StringForm, Type};

/// One reason why an interface cannot be queued, and where it stands. One is enough for the whole
/// interface, as in COM+: it is queueable or it is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The method, as an index; `None` when it is the interface itself.
    pub method: Option<usize>,
    /// The parameter of the method, as an index; `None` when it is the method itself.
    pub parameter: Option<usize>,
    /// What is in the way.
    pub reason: Reason,
}

/// What is in the way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Not `IUnknown` at the end of its bases.
    #[error("it is no COM interface: it does not derive from IUnknown")]
    NotCom,
    /// `local`.
    #[error("it is `local`: no call on it leaves its process")]
    Local,
    /// There is nothing to call.
    #[error("it has no methods of its own")]
    NoMethods,
    /// `out`, or a reference through which the method could write.
    #[error("it is [out]: a queued call has no answer, so nothing can come back")]
    Out,
    /// `in, out`.
    #[error("it is [in, out]: a queued call has no answer, so nothing can come back")]
    InOut,
    /// `retval`.
    #[error("it is [retval]: a queued call has no answer, so nothing can come back")]
    Retval,
    /// `propget`.
    #[error("it reads a property: a queued call has no answer, so nothing can come back")]
    PropertyGet,
    /// Something else than `HRESULT`.
    #[error("it returns {0}: a queued call returns an HRESULT, which says only whether it was recorded")]
    Returns(String),
    /// The type has no row in the table of types.
    #[error("`{name}` cannot be written down: {why}")]
    NoForm {
        /// The type.
        name: String,
        /// Why not.
        why: String,
    },
    /// Types within types.
    #[error("its types are nested too deeply: at most 16 levels can be written down")]
    TooDeep,
    /// The signature of a method has at most 255 characters.
    #[error("it is too large to be written down: its signature would have more than 255 characters")]
    TooLarge,
    /// A call carries the name.
    #[error("the interface has another method of this name")]
    SameName,
    /// A call carries the name, and D-Bus members are letters, digits and underscores.
    #[error("its name is none that a call can carry: letters, digits and underscores, at most 255, no digit first")]
    BadName,
}

/// What Consign queues, and COM+ would not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The method, as an index.
    pub method: usize,
    /// The parameter, as an index.
    pub parameter: usize,
    /// What COM+ does not take, as a sentence.
    pub sentence: String,
}

impl Reason {
    /// What to do about it, as a sentence for people.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::NotCom => "derive it from IUnknown or IDispatch",
            Self::Local => "take the attribute away, or queue another interface",
            Self::NoMethods => "give it a method",
            Self::Out | Self::InOut | Self::Retval | Self::PropertyGet => {
                "let the component answer by a call of its own: pass it a recorder"
            }
            Self::Returns(_) => "return HRESULT, and let the component answer by a call of its own: pass it a recorder",
            Self::NoForm { .. } => "pass what it stands for: a number, a string, a structure, or an object with IPersistStream",
            Self::TooDeep | Self::TooLarge => "pass fewer things at once, or an object with IPersistStream",
            Self::SameName | Self::BadName => "rename it",
        }
    }
}

impl Interface {
    /// Every reason why calls on it cannot be queued, in the order of the methods; none when they can.
    pub fn obstacles(&self) -> Vec<Obstacle> {
        let mut obstacles = Vec::new();
        let mut itself = |reason| obstacles.push(Obstacle { method: None, parameter: None, reason });
        if self.bases.last().is_none_or(|base| base.iid != IID_IUNKNOWN) {
            itself(Reason::NotCom);
        }
        if self.attributes.local {
            itself(Reason::Local);
        }
        if self.methods.is_empty() {
            itself(Reason::NoMethods);
        }
        let mut names = HashSet::new();
        for (index, method) in self.methods.iter().enumerate() {
            let mut at = |parameter, reason| obstacles.push(Obstacle { method: Some(index), parameter, reason });
            if !names.insert(&method.name) {
                at(None, Reason::SameName);
            }
            if !is_member_name(&method.name) {
                at(None, Reason::BadName);
            }
            if method.kind == MethodKind::PropertyGet {
                at(None, Reason::PropertyGet);
            }
            if method.returns != Type::Hresult {
                at(None, Reason::Returns(method.returns.to_string()));
            }
            let mut each_has_a_form = true;
            for (place, parameter) in method.parameters.iter().enumerate() {
                match parameter.direction {
                    // What a property's reading gives was told with the property.
                    Direction::Out if method.kind == MethodKind::PropertyGet => {}
                    Direction::Out | Direction::InOut if parameter.retval => at(Some(place), Reason::Retval),
                    Direction::Out => at(Some(place), Reason::Out),
                    Direction::InOut => at(Some(place), Reason::InOut),
                    Direction::In => {
                        if let Err(reason) = parameter.kind.signature() {
                            each_has_a_form = false;
                            at(Some(place), reason);
                        }
                    }
                }
            }
            let nothing_comes_back = method.parameters.iter().all(|parameter| parameter.direction == Direction::In);
            if each_has_a_form
                && nothing_comes_back
                && let Err(reason) = method.signature()
            {
                at(None, reason);
            }
        }
        obstacles
    }

    /// `QueueingSupported`: whether calls on it can be queued.
    pub fn supports_queueing(&self) -> bool {
        self.obstacles().is_empty()
    }

    /// What Consign queues and COM+ refuses: types that are not OLE Automation's.
    pub fn com_warnings(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        for (method, declared) in self.methods.iter().enumerate() {
            for (parameter, given) in declared.parameters.iter().enumerate() {
                if let Some(what) = beyond_automation(&given.kind) {
                    let sentence = format!("COM+ would refuse it: {what} is no type of OLE Automation");
                    warnings.push(Warning { method, parameter, sentence });
                }
            }
        }
        warnings
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

fn beyond_automation(kind: &Type) -> Option<String> {
    match kind {
        Type::Struct { name, uuid: None, .. } => Some(format!("the structure {name}, which has no uuid,")),
        Type::Struct { fields, .. } => fields.iter().find_map(|field| beyond_automation(&field.kind)),
        Type::String(StringForm::Wide | StringForm::Narrow) => Some(format!("{kind}")),
        Type::Array(_) => Some("an array with `size_is`".to_owned()),
        Type::SafeArray(inner) | Type::Optional(inner) | Type::Reference(inner) => beyond_automation(inner),
        _ => None,
    }
}

fn is_member_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    matches!(name.len(), 1..=255) && name.bytes().all(allowed) && !name.starts_with(|first: char| first.is_ascii_digit())
}
