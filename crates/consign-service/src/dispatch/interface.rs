//! The form in which interfaces are declared. One declaration serves both the check of what comes
//! in and the introspection, so the two cannot disagree.

/// One interface. Its members are declared in the module that answers them.
#[derive(Debug)]
pub(super) struct Interface {
    pub(super) name: &'static str,
    pub(super) methods: &'static [Method],
    pub(super) properties: &'static [Property],
    pub(super) signals: &'static [Signal],
}

/// A method: name, arguments in, arguments out.
#[derive(Debug)]
pub(super) struct Method {
    pub(super) name: &'static str,
    pub(super) inputs: &'static [Argument],
    pub(super) outputs: &'static [Argument],
}

/// A name and a signature.
pub(super) type Argument = (&'static str, &'static str);

/// A property.
#[derive(Debug)]
pub(super) struct Property {
    pub(super) name: &'static str,
    pub(super) signature: &'static str,
    pub(super) access: Access,
    pub(super) changes: Changes,
}

/// Whether peers may set a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    ReadWrite,
}

/// How peers hear of a property's changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Changes {
    /// It never does.
    Never,
    /// By `PropertiesChanged`, with the new value.
    Told,
    /// It does, and is not told: who wants to know asks.
    NotTold,
}

/// A signal.
#[derive(Debug)]
pub(super) struct Signal {
    pub(super) name: &'static str,
    pub(super) arguments: &'static [Argument],
}

impl Interface {
    pub(super) fn method(&self, name: &str) -> Option<&'static Method> {
        self.methods.iter().find(|method| method.name == name)
    }

    pub(super) fn property(&self, name: &str) -> Option<&'static Property> {
        self.properties.iter().find(|property| property.name == name)
    }
}

/// The signatures of `arguments`, one after the other.
pub(super) fn signature(arguments: &[Argument]) -> String {
    arguments.iter().map(|(_, signature)| *signature).collect()
}

pub(super) const fn method(name: &'static str, inputs: &'static [Argument], outputs: &'static [Argument]) -> Method {
    Method { name, inputs, outputs }
}

pub(super) const fn constant(name: &'static str, signature: &'static str) -> Property {
    Property { name, signature, access: Access::Read, changes: Changes::Never }
}

pub(super) const fn reading(name: &'static str, signature: &'static str) -> Property {
    Property { name, signature, access: Access::Read, changes: Changes::NotTold }
}

pub(super) const fn told(name: &'static str, signature: &'static str) -> Property {
    Property { name, signature, access: Access::Read, changes: Changes::Told }
}

pub(super) const fn writable(name: &'static str, signature: &'static str) -> Property {
    Property { name, signature, access: Access::ReadWrite, changes: Changes::Told }
}
