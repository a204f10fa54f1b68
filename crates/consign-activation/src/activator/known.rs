use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{names::ClassId, policy::Identity};

/// What is remembered of classes beside their servers, and which of them are to be forgotten: classes
/// come and go, and the memory of those that went must not grow. Its lock is taken last.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<Classes>);

#[derive(Debug, Default)]
struct Classes {
    /// Which file the class's program was.
    programs: HashMap<ClassId, Identity>,
    /// No longer registered; forgotten when their servers are.
    gone: HashSet<ClassId>,
}

impl Known {
    /// Notes which file a class's program is; says so when it was another before.
    pub(super) fn note_program(&self, class: ClassId, identity: Identity) {
        let before = self.lock().programs.insert(class, identity);
        if before.is_some_and(|before| before != identity) {
            tracing::info!(%class, "the program of the class was replaced since it was last looked at");
        }
    }

    /// The class is not registered any more.
    pub(super) fn gone(&self, class: ClassId) {
        self.lock().gone.insert(class);
    }

    /// The class is registered.
    pub(super) fn here(&self, class: ClassId) {
        self.lock().gone.remove(&class);
    }

    /// Forgets the classes that are gone, but for those that `keep` wants.
    pub(super) fn forget_gone(&self, mut keep: impl FnMut(ClassId) -> bool) {
        let Classes { programs, gone } = &mut *self.lock();
        gone.retain(|class| {
            let kept = keep(*class);
            if !kept {
                programs.remove(class);
            }
            kept
        });
    }

    fn lock(&self) -> MutexGuard<'_, Classes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn counted(&self) -> usize {
        let classes = self.lock();
        classes.programs.len() + classes.gone.len()
    }
}
