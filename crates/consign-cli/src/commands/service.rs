//! `consign service`.
