//! What the tests share: a small schema, a store in a temporary folder, and the test binary run
//! again as another process.

use std::{
    num::NonZeroI32,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use consign_store::{Answer, Opening, Schema, Store, StoreError, rusqlite};

/// `CnTs`
pub(crate) const APPLICATION_ID: NonZeroI32 = NonZeroI32::new(0x436e_5473).unwrap();

pub(crate) const SCHEMA: Schema =
    Schema { application_id: APPLICATION_ID, migrations: &["CREATE TABLE entry (number INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT"] };

pub(crate) struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("x.db")
    }

    pub(crate) fn open(&self) -> (Store, Opening) {
        Store::open(&self.database(), &SCHEMA).unwrap()
    }

    /// The names in the folder, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        names(self.path())
    }
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub(crate) fn insert(store: &Store, number: i64) -> Answer<()> {
    insert_text(store, number, "text")
}

pub(crate) fn insert_text(store: &Store, number: i64, text: impl Into<String>) -> Answer<()> {
    let text = text.into();
    store.write(move |savepoint| savepoint.execute("INSERT INTO entry VALUES (?1, ?2)", (number, text)).map(drop))
}

pub(crate) fn numbers(store: &Store) -> Vec<i64> {
    store.read(select_numbers).wait().unwrap()
}

pub(crate) fn select_numbers(connection: &rusqlite::Connection) -> rusqlite::Result<Vec<i64>> {
    connection.prepare("SELECT number FROM entry ORDER BY number")?.query_map([], |row| row.get(0))?.collect()
}

/// Holds up the store's thread, so that what is asked for meanwhile waits together.
pub(crate) fn hold(store: &Store) -> (std::sync::mpsc::Sender<()>, Answer<()>) {
    let (release, released) = std::sync::mpsc::channel();
    let (entered, has_entered) = std::sync::mpsc::channel();
    let held = store.read(move |_| {
        entered.send(()).unwrap();
        // Also ends when the sender is dropped, so that a failing test does not hang.
        let _ = released.recv();
        Ok(())
    });
    has_entered.recv_timeout(std::time::Duration::from_secs(60)).unwrap();
    (release, held)
}

/// How many transactions a log holds: the frames that say how large the database is after them.
pub(crate) fn commits_in_log(database: &Path) -> usize {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    let log = std::fs::read(name).unwrap();
    let page = usize::try_from(u32::from_be_bytes(log[8..12].try_into().unwrap())).unwrap();
    let salts = &log[16..24];
    log[32..]
        .chunks_exact(24 + page)
        // What an earlier round of the log left behind has other salts.
        .take_while(|frame| &frame[8..16] == salts)
        .filter(|frame| frame[4..8] != [0; 4])
        .count()
}

pub(crate) fn is_failed(outcome: &Result<(), StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Failed(_)))
}

/// Set in the other process to what it works on.
const CHILD: &str = "CONSIGN_STORE_TEST_CHILD";

/// In the other process, the path that it was given.
pub(crate) fn child() -> Option<PathBuf> {
    std::env::var_os(CHILD).map(PathBuf::from)
}

/// The test `name` again, in a process that is started by `launcher` and works on `path`.
pub(crate) fn again(launcher: &[&str], name: &str, path: &Path) -> Command {
    let binary = std::env::current_exe().unwrap();
    let mut command = match launcher.split_first() {
        None => Command::new(&binary),
        Some((program, _)) => Command::new(program),
    };
    if !launcher.is_empty() {
        command.args(&launcher[1..]).arg(&binary);
    }
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(CHILD, path);
    command
}

/// Runs it to its end, and fails with what it said unless it ran the test and passed.
pub(crate) fn passes(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{}\n{said}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    output
}

/// A way to start a process that may mount, or none with the reason printed.
pub(crate) fn mounting() -> Option<&'static [&'static str]> {
    let ways: [&[&str]; 2] = [&["unshare", "-m"], &["unshare", "-U", "-r", "-m"]];
    let probe = |way: &&&[&str]| {
        Command::new(way[0])
            .args(&way[1..])
            .args(["sh", "-c", "mount -t tmpfs none /mnt"])
            .output()
            .is_ok_and(|output| output.status.success())
    };
    let found = ways.iter().find(probe).copied();
    if found.is_none() {
        println!("skipped: neither the user nor a user namespace may mount a file system here");
    }
    found
}

pub(crate) fn mount(options: &str, at: &Path) {
    let status = Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(at).status().unwrap();
    assert!(status.success());
}
