//! What a call is answered with when it cannot be carried out.

use consign_bits::{ErrorContext, Failure, bits};
use consign_core::{Hresult, common};
use consign_wire::error::{Body, to_wire};

/// A refused call.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// What the engine said, or what is said in its words.
    #[error(transparent)]
    Failure(#[from] Failure),
    /// A mistake in how the service was called.
    #[error("{1}")]
    Mistake(Mistake, String),
    /// What came or goes cannot be written down.
    #[error("the message cannot be read or written: {0}")]
    Wire(#[from] zbus::Error),
}

/// Mistakes that D-Bus has names for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mistake {
    AccessDenied,
    Failed,
    InvalidArgs,
    LimitsExceeded,
    MatchRuleInvalid,
    MatchRuleNotFound,
    NameHasNoOwner,
    PropertyReadOnly,
    ServiceUnknown,
    UnknownInterface,
    UnknownMethod,
    UnknownObject,
    UnknownProperty,
}

impl Mistake {
    /// With a sentence.
    pub(super) fn because(self, sentence: impl Into<String>) -> CallError {
        CallError::Mistake(self, sentence.into())
    }

    const fn name(self) -> &'static str {
        match self {
            Self::AccessDenied => "org.freedesktop.DBus.Error.AccessDenied",
            Self::Failed => "org.freedesktop.DBus.Error.Failed",
            Self::InvalidArgs => "org.freedesktop.DBus.Error.InvalidArgs",
            Self::LimitsExceeded => "org.freedesktop.DBus.Error.LimitsExceeded",
            Self::MatchRuleInvalid => "org.freedesktop.DBus.Error.MatchRuleInvalid",
            Self::MatchRuleNotFound => "org.freedesktop.DBus.Error.MatchRuleNotFound",
            Self::NameHasNoOwner => "org.freedesktop.DBus.Error.NameHasNoOwner",
            Self::PropertyReadOnly => "org.freedesktop.DBus.Error.PropertyReadOnly",
            Self::ServiceUnknown => "org.freedesktop.DBus.Error.ServiceUnknown",
            Self::UnknownInterface => "org.freedesktop.DBus.Error.UnknownInterface",
            Self::UnknownMethod => "org.freedesktop.DBus.Error.UnknownMethod",
            Self::UnknownObject => "org.freedesktop.DBus.Error.UnknownObject",
            Self::UnknownProperty => "org.freedesktop.DBus.Error.UnknownProperty",
        }
    }

    /// The nearest HRESULT, so that every error has the same body.
    const fn code(self) -> Hresult {
        match self {
            Self::AccessDenied | Self::PropertyReadOnly => common::E_ACCESSDENIED,
            Self::InvalidArgs | Self::MatchRuleInvalid => common::E_INVALIDARG,
            Self::LimitsExceeded => common::E_OUTOFMEMORY,
            Self::UnknownInterface => common::E_NOINTERFACE,
            Self::UnknownMethod | Self::UnknownProperty => common::E_NOTIMPL,
            Self::MatchRuleNotFound | Self::NameHasNoOwner | Self::ServiceUnknown | Self::UnknownObject => bits::BG_E_NOT_FOUND,
            Self::Failed => common::E_FAIL,
        }
    }
}

impl CallError {
    /// The name and the body on the wire.
    pub(super) fn to_wire(&self) -> (String, Body) {
        match self {
            Self::Failure(failure) => to_wire(failure),
            Self::Mistake(mistake, sentence) => {
                (mistake.name().into(), (sentence.clone(), mistake.code().as_i32(), ErrorContext::None.number()))
            }
            Self::Wire(_) => {
                (Mistake::InvalidArgs.name().into(), (self.to_string(), Mistake::InvalidArgs.code().as_i32(), ErrorContext::None.number()))
            }
        }
    }
}

/// An argument that the engine was not asked about.
pub(super) fn invalid(sentence: impl Into<String>) -> CallError {
    CallError::Failure(Failure::refused(common::E_INVALIDARG, sentence.into()))
}
