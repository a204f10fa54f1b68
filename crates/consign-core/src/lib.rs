//! What the two engines, the service and the library have in common: result codes, identifiers,
//! time, the places where things live; and what a call is: the interface model, and the format in which
//! calls are kept. Nothing in here knows of files, queues or connections.

mod hresult;

pub mod automation;
pub mod calls;
pub mod clock;
pub mod filesystem;
pub mod guid;
pub mod interface;
pub mod marshal;
pub mod moniker;
pub mod objects;
pub mod paths;
pub mod queueable;
pub mod random;

pub use calls::Calls;
pub use clock::{Clock, Now, SystemClock, Timestamp};
pub use guid::Guid;
pub use hresult::{Hresult, HresultEntry, common};
pub use interface::Interface;
pub use moniker::Moniker;
pub use objects::{Object, PersistError, PersistStream, Persisted, RecorderMoniker};
pub use paths::Paths;
pub use queueable::{Playable, Queueable};
