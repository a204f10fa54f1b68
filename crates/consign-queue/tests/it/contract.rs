use consign_core::random::SeededRandom;
use consign_queue::{
    SqliteStore,
    contract::{self, Disk},
};

#[test]
fn the_store_in_memory_keeps_the_contract() {
    contract::run(Disk::default, Disk::open);
}

#[test]
fn sqlite_keeps_the_contract() {
    let open = |folder: &tempfile::TempDir| {
        let (store, _) = SqliteStore::open(&folder.path().join("queue.db"), &SeededRandom::new(7)).unwrap();
        store
    };
    contract::run(|| tempfile::tempdir().unwrap(), open);
}
