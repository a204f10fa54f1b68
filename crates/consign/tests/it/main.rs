//! The library against the service.
