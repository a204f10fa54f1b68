//! What was reported stored is stored, whenever the process is killed.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    process::Stdio,
};

use consign_core::random::{Random, SystemRandom};
use consign_store::{Opening, Store};

use crate::support::{self, Folder, SCHEMA, insert, numbers};

const PRODUCERS: i64 = 4;
/// Far more than a producer writes in a test.
const SPAN: i64 = 1_000_000_000;

#[test]
fn what_was_acknowledged_survives_sigkill() {
    if let Some(database) = support::child() {
        return write_for_ever(&Store::open(&database, &SCHEMA).unwrap().0);
    }
    let folder = Folder::new();
    let mut known: BTreeMap<i64, i64> = BTreeMap::new();
    for round in 0..10 {
        let mut child = support::again(&[], "kill::what_was_acknowledged_survives_sigkill", &folder.database())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // From its first write to long after the log was carried over once.
        let random = SystemRandom.bytes();
        let patience = 1 + u32::from(u16::from_le_bytes([random[0], random[1]])) % if round % 2 == 0 { 50 } else { 4000 };
        let mut seen = 0;
        let mut note = |line: &str| {
            // The last line may have been cut off; then its number was not said, only a part of it.
            let Some(number) = line.strip_prefix("stored ").and_then(|rest| rest.strip_suffix('.')) else { return false };
            let number: i64 = number.parse().unwrap();
            known.insert(number / SPAN, number % SPAN);
            true
        };
        while seen < patience {
            let line = lines.next().expect("the child ended by itself").unwrap();
            seen += u32::from(note(&line));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines {
            note(&line.unwrap());
        }

        let (store, opening) = folder.open();
        assert_eq!(opening, Opening::Opened, "round {round}");
        let stored = numbers(&store);
        for producer in 0..PRODUCERS {
            let of_producer: Vec<i64> = stored.iter().filter(|number| **number / SPAN == producer).map(|number| number % SPAN).collect();
            let count = i64::try_from(of_producer.len()).unwrap();
            assert_eq!(of_producer, (0..count).collect::<Vec<_>>(), "round {round}: no gaps");
            if let Some(last) = known.get(&producer) {
                assert!(count > *last, "round {round}: {last} was acknowledged, {count} are stored");
            }
        }
        store.close().wait().unwrap();
    }
}

fn write_for_ever(store: &Store) {
    let stored = numbers(store);
    // The harness has begun a line.
    println!();
    std::thread::scope(|scope| {
        for producer in 0..PRODUCERS {
            let begin = stored.iter().filter(|number| **number / SPAN == producer).count();
            scope.spawn(move || {
                for number in producer * SPAN + i64::try_from(begin).unwrap().. {
                    insert(store, number).wait().unwrap();
                    // Past the capture of the test harness, and in one piece.
                    std::io::stdout().write_all(format!("stored {number}.\n").as_bytes()).unwrap();
                }
            });
        }
    });
}
