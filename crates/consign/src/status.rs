//! What the service says of itself.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
};

use consign_bits::JobState;
use consign_core::Timestamp;
use zbus::OwnedVariant;

use crate::{Error, Result};

/// What the service is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceStatus {
    /// Its version.
    pub version: String,
    /// Its process.
    pub process_id: u32,
    /// Where its databases are.
    pub state_folder: PathBuf,
    /// When it was started.
    pub started: Timestamp,
    /// How many clients are connected, the asking one included.
    pub connections: u32,
    /// How many jobs are in each state, final ones left out.
    pub jobs_by_state: BTreeMap<JobState, u32>,
    /// Temporary files that a lost database left behind.
    pub orphans: Vec<PathBuf>,
    /// Where an unreadable database was put at this start.
    pub set_aside: Option<PathBuf>,
}

impl ServiceStatus {
    pub(crate) fn read(mut properties: HashMap<String, OwnedVariant>) -> Result<Self> {
        let jobs: HashMap<String, u32> = take(&mut properties, "JobsByState")?;
        let orphans: Vec<String> = take(&mut properties, "Orphans")?;
        let set_aside: String = take(&mut properties, "SetAside")?;
        Ok(Self {
            version: take(&mut properties, "Version")?,
            process_id: take(&mut properties, "ProcessId")?,
            state_folder: PathBuf::from(take::<String>(&mut properties, "StateFolder")?),
            started: Timestamp::from_millis(take(&mut properties, "Started")?),
            connections: take(&mut properties, "Connections")?,
            // A state that only a newer service knows is left out.
            jobs_by_state: jobs.into_iter().filter_map(|(name, count)| Some((name.parse().ok()?, count))).collect(),
            orphans: orphans.into_iter().map(PathBuf::from).collect(),
            set_aside: (!set_aside.is_empty()).then(|| PathBuf::from(set_aside)),
        })
    }
}

fn take<T: TryFrom<OwnedVariant>>(properties: &mut HashMap<String, OwnedVariant>, name: &str) -> Result<T> {
    let value = properties.remove(name).and_then(|value| T::try_from(value).ok());
    value.ok_or_else(|| Error::protocol(format!("no usable property {name}")))
}
