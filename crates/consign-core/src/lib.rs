//! What the two engines, the service and the library have in common: result codes, identifiers,
//! time, and the places where things live. Nothing in here knows of files or of calls.

mod hresult;

pub mod clock;
pub mod filesystem;
pub mod guid;
pub mod paths;
pub mod random;

pub use clock::{Clock, Now, SystemClock, Timestamp};
pub use guid::Guid;
pub use hresult::{Hresult, HresultEntry, common};
pub use paths::Paths;
