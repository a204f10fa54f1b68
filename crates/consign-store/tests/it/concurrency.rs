//! Many who write at once.

use std::{collections::BTreeSet, thread};

use crate::support::{Folder, insert, numbers};

#[test]
fn everybody_is_answered_once_and_everything_is_there_afterwards() {
    const PRODUCERS: i64 = 16;
    const EACH: i64 = 200;
    let folder = Folder::new();
    let (store, _) = folder.open();
    let answered: Vec<i64> = thread::scope(|scope| {
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|producer| {
                let store = store.clone();
                scope.spawn(move || {
                    let numbers = (0..EACH).map(|index| producer * EACH + index);
                    numbers.inspect(|number| insert(&store, *number).wait().unwrap()).collect::<Vec<_>>()
                })
            })
            .collect();
        producers.into_iter().flat_map(|producer| producer.join().unwrap()).collect()
    });
    assert_eq!(answered.len(), usize::try_from(PRODUCERS * EACH).unwrap());
    store.close().wait().unwrap();
    let stored: BTreeSet<i64> = numbers(&folder.open().0).into_iter().collect();
    assert_eq!(stored, (0..PRODUCERS * EACH).collect());
}

#[test]
fn the_log_does_not_grow_for_ever() {
    let folder = Folder::new();
    let (store, _) = folder.open();
    let mut longest = 0;
    for number in 0..300 {
        // Each takes some 25 pages: all of them together would be 30 MB.
        crate::support::insert_text(&store, number, "x".repeat(100_000)).wait().unwrap();
        longest = longest.max(std::fs::metadata(folder.path().join("x.db-wal")).unwrap().len());
    }
    assert!(longest < 8 << 20, "{longest}");
}
