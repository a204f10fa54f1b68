//! Gives the files of completed jobs their names. Jobs whose files go into the same folder share its
//! sync; a folder that does not answer holds up those alone whose files go there.

use std::{
    collections::{HashMap, hash_map::Entry as Slot},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use consign_bits::JobId;
use tokio::{runtime::Handle, sync::mpsc::UnboundedSender};

use super::{
    entry::FileEntry,
    handling::{self, Turn},
    report::{Handled, Report},
};
use crate::files::FileMode;

/// One job to be completed.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) job: JobId,
    pub(super) files: Vec<Arc<FileEntry>>,
    pub(super) mode: FileMode,
    pub(super) turn: Turn,
}

/// What waits, by the folder of the first file. A folder that is there is being worked in.
#[derive(Clone, Debug, Default)]
pub(super) struct Naming(Arc<Mutex<HashMap<Arc<Path>, Vec<Order>>>>);

impl Naming {
    /// Names the files of a job, and reports.
    pub(super) fn carry_out(&self, runtime: &Handle, reports: &UnboundedSender<Report>, order: Order) {
        let Some(folder) = order.files.first().map(|file| Arc::clone(&file.place.folder)) else {
            return report(reports, vec![order]);
        };
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(Arc::clone(&folder)) {
            // Whoever works there takes it next.
            Slot::Occupied(mut waiting) => waiting.get_mut().push(order),
            Slot::Vacant(slot) => {
                slot.insert(Vec::new());
                let (naming, reports) = (self.clone(), reports.clone());
                runtime.spawn_blocking(move || {
                    let mut orders = vec![order];
                    while !orders.is_empty() {
                        report(&reports, orders);
                        orders = naming.next(&folder);
                    }
                });
            }
        }
    }

    /// What came for the folder meanwhile; with nothing, nobody works there any more.
    fn next(&self, folder: &Path) -> Vec<Order> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get_mut(folder) {
            Some(waiting) if !waiting.is_empty() => std::mem::take(waiting),
            _ => {
                all.remove(folder);
                Vec::new()
            }
        }
    }
}

fn report(reports: &UnboundedSender<Report>, orders: Vec<Order>) {
    let jobs: Vec<JobId> = orders.iter().map(|order| order.job).collect();
    let handled: Vec<Handled> = handling::commit(&orders);
    // Before the engine changes the files, so that it need not copy them.
    drop(orders);
    for (job, handled) in jobs.into_iter().zip(handled) {
        // The engine has ended: nobody needs to hear.
        let _ = reports.send(Report::Handled { job, handled });
    }
}
