//! The classes that are registered: reads the folders of class files and writes the user's. Starts
//! nothing. All calls touch the file system: call them where waiting is allowed.

use std::{
    fs, io,
    io::{Read, Write},
    os::{
        fd::AsRawFd,
        unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use consign_core::{
    Guid, common,
    random::{Random, SystemRandom},
};

use crate::{
    class_file::{ClassFile, LONGEST_FILE},
    failure::Failure,
    names::{ClassId, ProgId},
    trusted::{self, SharedFolders},
};

/// The classes of the user's folder, then those of the system's. A class that stands in several is
/// taken from the first. Nothing watches the folders: each call looks whether they have changed.
#[derive(Debug)]
pub struct Registry {
    /// The first is the user's.
    folders: Vec<PathBuf>,
    read: Mutex<Contents>,
}

/// A class file, readable or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it lies.
    pub path: PathBuf,
    /// The class, or why the file describes none.
    pub class: Result<ClassFile, Failure>,
}

/// More files of one folder are not read.
const MOST_FILES: usize = 4096;

/// Within this time a second change may leave the same time of change behind: the folder is read
/// again then.
const COARSEST_CLOCK: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
struct Contents {
    entries: Vec<Entry>,
    /// What was seen of each folder and file, and whether that proves that nothing has changed.
    seen: Vec<(PathBuf, Option<Stamp>)>,
    proves: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    mode: u32,
    changed: (i64, i64),
}

impl Registry {
    /// The registry of a user: `user` is `$XDG_DATA_HOME/consign/classes`, `system` what comes after
    /// it, `/usr/share/consign/classes`. Folders need not exist.
    pub fn new(user: PathBuf, system: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { folders: std::iter::once(user).chain(system).collect(), read: Mutex::default() }
    }

    /// Every class file, the bad ones with their reason: the user's first, by the names of the files.
    pub fn entries(&self) -> Vec<Entry> {
        self.contents().entries.clone()
    }

    /// The class of this id.
    ///
    /// # Errors
    /// `REGDB_E_CLASSNOTREG` when there is none, `REGDB_E_INVALIDVALUE` when the file that is named
    /// after it cannot be used.
    pub fn find(&self, class: ClassId) -> Result<ClassFile, Failure> {
        find(&self.contents().entries, class)
    }

    /// What `name` means: a CLSID in any form, or the ProgID of a registered class. Corresponds to
    /// `CLSIDFromString` and `CLSIDFromProgID`.
    ///
    /// # Errors
    /// `CO_E_CLASSSTRING` when it is neither.
    pub fn resolve(&self, name: &str) -> Result<ClassId, Failure> {
        if let Ok(guid) = name.parse::<Guid>() {
            return guid.try_into().map_err(|error| Failure::new(common::CO_E_CLASSSTRING, format!("{error}")));
        }
        let progid: ProgId = name
            .parse()
            .map_err(|error| Failure::new(common::CO_E_CLASSSTRING, format!("neither a class id nor the name of a class: {error}")))?;
        let contents = self.contents();
        let mut classes = contents.entries.iter().filter_map(|entry| entry.class.as_ref().ok());
        let found = classes.find(|class| class.progid.as_ref() == Some(&progid));
        found.map(|class| class.class).ok_or_else(|| Failure::new(common::CO_E_CLASSSTRING, format!("no class is registered as {progid}")))
    }

    /// Writes the class's file into the user's folder, whole or not at all; a file of an earlier
    /// registration is replaced.
    ///
    /// # Errors
    /// `E_INVALIDARG` when a value is one that a class cannot have, `ERROR_ALREADY_EXISTS` when
    /// another file of the user's has this class, or another class this ProgID; what the disk says.
    pub fn register(&self, class: &ClassFile) -> Result<PathBuf, Failure> {
        let text = class.to_toml().map_err(|error| Failure::new(common::E_INVALIDARG, error.message))?;
        if text.len() as u64 > LONGEST_FILE {
            return Err(Failure::new(common::E_INVALIDARG, format!("a class file has at most {LONGEST_FILE} bytes")));
        }
        let user = self.user_folder()?;
        let path = user.join(ClassFile::file_name(class.class));
        let mut contents = self.contents();
        for entry in &contents.entries {
            let Ok(other) = &entry.class else { continue };
            let same_class = other.class == class.class && entry.path != path && entry.path.parent() == Some(user);
            let same_name = other.class != class.class && other.progid.is_some() && other.progid == class.progid;
            if same_class || same_name {
                let what = if same_class { "class" } else { "ProgID" };
                return Err(Failure::new(common::ERROR_ALREADY_EXISTS, format!("the {what} is registered by {}", entry.path.display())));
            }
        }
        write(user, &path, text.as_bytes()).map_err(|error| Failure::system(&format!("writing {}", path.display()), &error))?;
        *contents = self.look();
        Ok(path)
    }

    /// Takes the class's file out of the user's folder; a bad file that is named after the class, too.
    ///
    /// # Errors
    /// `REGDB_E_CLASSNOTREG` when it is not registered, `E_ACCESSDENIED` when only the system's
    /// folders have it; what the disk says.
    pub fn unregister(&self, class: ClassId) -> Result<(), Failure> {
        let user = self.user_folder()?;
        let mut contents = self.contents();
        let of_class = |entry: &&Entry| match &entry.class {
            Ok(file) => file.class == class,
            Err(_) => is_named_after(&entry.path, class),
        };
        let Some(entry) = contents.entries.iter().filter(|entry| entry.path.parent() == Some(user)).find(of_class) else {
            return Err(match contents.entries.iter().find(of_class) {
                Some(entry) => Failure::new(common::E_ACCESSDENIED, format!("the class is the system's own: {}", entry.path.display())),
                None => Failure::of(common::REGDB_E_CLASSNOTREG),
            });
        };
        let removed = fs::remove_file(&entry.path).and_then(|()| fs::File::open(user)?.sync_all());
        removed.map_err(|error| Failure::system(&format!("removing {}", entry.path.display()), &error))?;
        *contents = self.look();
        Ok(())
    }

    /// Reads the folders again, whatever they look like.
    pub fn refresh(&self) {
        let mut contents = self.lock();
        *contents = self.look();
    }

    fn user_folder(&self) -> Result<&PathBuf, Failure> {
        self.folders.first().ok_or_else(|| Failure::of(common::E_UNEXPECTED))
    }

    /// What is in the folders now.
    fn contents(&self) -> MutexGuard<'_, Contents> {
        let mut contents = self.lock();
        if !contents.proves || contents.seen.iter().any(|(path, stamp)| self::stamp(path) != *stamp) {
            *contents = self.look();
        }
        contents
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self) -> Contents {
        let now = SystemTime::now();
        let mut contents = Contents { proves: true, ..Contents::default() };
        for folder in &self.folders {
            contents.seen.push((folder.clone(), stamp(folder)));
            for path in files(folder) {
                let seen = stamp(&path);
                contents.entries.push(Entry { class: read(&path, &contents.entries), path: path.clone() });
                contents.seen.push((path, seen));
            }
        }
        let recent = now.checked_sub(COARSEST_CLOCK).and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        let recent = recent.and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or(i64::MIN);
        contents.proves = contents.seen.iter().filter_map(|(_, stamp)| *stamp).all(|stamp| stamp.changed.0 < recent);
        contents
    }
}

/// Bad files have a class only by their name, so that what is wrong with one is said to who asks for
/// its class.
fn find(entries: &[Entry], class: ClassId) -> Result<ClassFile, Failure> {
    let good = entries.iter().find_map(|entry| entry.class.as_ref().ok().filter(|file| file.class == class));
    if let Some(file) = good {
        return Ok(file.clone());
    }
    let bad = entries.iter().find(|entry| is_named_after(&entry.path, class));
    Err(match bad.and_then(|entry| Some((entry, entry.class.as_ref().err()?))) {
        Some((entry, failure)) => Failure::new(common::REGDB_E_INVALIDVALUE, format!("{}: {}", entry.path.display(), failure.sentence)),
        None => Failure::of(common::REGDB_E_CLASSNOTREG),
    })
}

fn is_named_after(path: &Path, class: ClassId) -> bool {
    path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok()) == Some(class)
}

/// The class files of a folder, by name; no more than are read.
fn files(folder: &Path) -> Vec<PathBuf> {
    let listing = match fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            tracing::warn!(folder = %folder.display(), %error, "the folder of classes cannot be read");
            return Vec::new();
        }
    };
    let is_class_file = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "toml") && !path.as_os_str().as_encoded_bytes().ends_with(b"/.toml")
    };
    let mut paths: Vec<_> = listing.filter_map(|file| Some(file.ok()?.path())).filter(is_class_file).take(MOST_FILES + 1).collect();
    if paths.len() > MOST_FILES {
        tracing::warn!(folder = %folder.display(), most = MOST_FILES, "too many class files: not all are read");
        paths.truncate(MOST_FILES);
    }
    paths.sort();
    paths
}

/// A class file says what is run: the rules for programs hold for it, but for `/tmp` and its like,
/// where a whole instance may live (`CONSIGN_DIR`).
fn read(path: &Path, earlier: &[Entry]) -> Result<ClassFile, Failure> {
    let trusted = trusted::open(path, SharedFolders::Accepted)?;
    let failed = |error: io::Error| Failure::system("reading it", &error);
    let file = fs::File::open(format!("/proc/self/fd/{}", trusted.file.as_raw_fd())).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(LONGEST_FILE + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LONGEST_FILE {
        return Err(Failure::new(common::REGDB_E_INVALIDVALUE, format!("a class file has at most {LONGEST_FILE} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|_| Failure::new(common::REGDB_E_INVALIDVALUE, "it is not UTF-8"))?;
    let class = ClassFile::from_toml(&text).map_err(|error| Failure::new(common::REGDB_E_INVALIDVALUE, error.to_string()))?;
    let twice = earlier.iter().find(|entry| entry.class.as_ref().is_ok_and(|other| other.class == class.class));
    match twice {
        Some(entry) => {
            Err(Failure::new(common::ERROR_ALREADY_EXISTS, format!("the class stands in {}, which comes first", entry.path.display())))
        }
        None => Ok(class),
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    // The time of the last change of the file or of its owner and mode: a file that is closed to others
    // becomes a good one.
    Some(Stamp { inode: metadata.ino(), size: metadata.len(), mode: metadata.mode(), changed: (metadata.ctime(), metadata.ctime_nsec()) })
}

fn write(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let temporary = folder.join(format!(".{}.tmp", Guid::from_random_bytes(SystemRandom.bytes())));
    let written = (|| {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o644).open(&temporary)?;
        file.write_all(bytes)?;
        file.set_permissions(fs::Permissions::from_mode(0o644))?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        fs::File::open(folder)?.sync_all()
    })();
    if written.is_err() {
        // It may not exist; the failure that is told is the first one.
        let _ = fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;
    use crate::class_file::Host;

    struct Bench {
        root: TempDir,
        registry: Registry,
    }

    fn bench() -> Bench {
        let root = tempfile::tempdir().unwrap();
        let registry = Registry::new(root.path().join("user/classes"), [root.path().join("system")]);
        fs::create_dir(root.path().join("system")).unwrap();
        Bench { root, registry }
    }

    impl Bench {
        fn write(&self, name: &str, text: &str) -> PathBuf {
            let path = self.root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            path
        }
    }

    fn id(number: u8) -> ClassId {
        Guid::from_bytes([number; 16]).try_into().unwrap()
    }

    fn class(number: u8, progid: &str) -> ClassFile {
        let progid = Some(progid.parse().unwrap());
        ClassFile { progid, ..ClassFile::new(id(number), Host::Program(vec!["/usr/bin/true".to_owned()])) }
    }

    #[test]
    fn what_is_registered_is_found_until_it_is_unregistered() {
        let Bench { registry, .. } = bench();
        assert_eq!(registry.find(id(1)).unwrap_err().code, common::REGDB_E_CLASSNOTREG);
        let path = registry.register(&class(1, "A.B")).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o644);
        assert_eq!(path.file_name().unwrap().to_str().unwrap(), format!("{}.toml", id(1)));
        assert_eq!(registry.find(id(1)), Ok(class(1, "A.B")));
        assert_eq!(registry.resolve("a.b"), Ok(id(1)));
        assert_eq!(registry.resolve(&format!("{{{}}}", id(9))), Ok(id(9)), "a class id needs no registration to be one");
        registry.register(&class(1, "C.D")).unwrap();
        assert_eq!(registry.resolve("A.B").unwrap_err().code, common::CO_E_CLASSSTRING);
        registry.unregister(id(1)).unwrap();
        assert_eq!(registry.unregister(id(1)).unwrap_err().code, common::REGDB_E_CLASSNOTREG);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0, "nothing is left behind");
    }

    #[test]
    fn what_is_no_name_of_a_class_is_refused() {
        let Bench { registry, .. } = bench();
        for name in ["", "A_B", "Not.Registered", "00000000-0000-0000-0000-000000000000", "../x"] {
            assert_eq!(registry.resolve(name).unwrap_err().code, common::CO_E_CLASSSTRING, "{name}");
        }
    }

    #[test]
    fn a_name_is_not_taken_twice() {
        let bench = bench();
        bench.registry.register(&class(1, "A.B")).unwrap();
        assert_eq!(bench.registry.register(&class(2, "a.b")).unwrap_err().code, common::ERROR_ALREADY_EXISTS);
        bench.write("user/classes/mine.toml", &class(3, "E.F").to_toml().unwrap());
        assert_eq!(bench.registry.register(&class(3, "E.G")).unwrap_err().code, common::ERROR_ALREADY_EXISTS);
        let bad = ClassFile { start_timeout: Duration::ZERO, ..class(4, "G.H") };
        assert_eq!(bench.registry.register(&bad).unwrap_err().code, common::E_INVALIDARG);
    }

    #[test]
    fn the_users_folder_comes_first() {
        let bench = bench();
        bench.write("system/z.toml", &class(1, "System.One").to_toml().unwrap());
        bench.write("system/y.toml", &class(2, "System.Two").to_toml().unwrap());
        assert_eq!(bench.registry.unregister(id(1)).unwrap_err().code, common::E_ACCESSDENIED);
        bench.registry.register(&class(1, "User.One")).unwrap();
        assert_eq!(bench.registry.find(id(1)), Ok(class(1, "User.One")));
        assert_eq!(bench.registry.find(id(2)), Ok(class(2, "System.Two")));
        assert_eq!(bench.registry.entries().len(), 3);
        bench.registry.unregister(id(1)).unwrap();
        assert_eq!(bench.registry.find(id(1)), Ok(class(1, "System.One")));
    }

    #[test]
    fn a_bad_file_is_listed_and_harms_no_other() {
        let bench = bench();
        bench.registry.register(&class(1, "A.B")).unwrap();
        bench.write("user/classes/a.toml", "nonsense");
        bench.write("user/classes/b.toml", &"#".repeat(70_000));
        bench.write("user/classes/c.txt", "not looked at");
        let named = bench.write(&format!("user/classes/{}.toml", id(2)), "clsid = 1");
        fs::create_dir(bench.root.path().join("user/classes/d.toml")).unwrap();
        fs::write(bench.root.path().join("user/classes/e.toml"), [0xff]).unwrap();
        symlink("nowhere", bench.root.path().join("user/classes/f.toml")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, bench.root.path().join("user/classes/g.toml"), rustix::fs::Mode::RUSR).unwrap();
        let entries = bench.registry.entries();
        assert_eq!(entries.iter().filter(|entry| entry.class.is_err()).count(), 7, "{entries:?}");
        assert!(bench.registry.find(id(1)).is_ok());
        let failure = bench.registry.find(id(2)).unwrap_err();
        assert_eq!(failure.code, common::REGDB_E_INVALIDVALUE);
        assert!(failure.sentence.contains("line 1, column 9") && failure.sentence.contains(named.to_str().unwrap()), "{failure}");
        bench.registry.unregister(id(2)).unwrap();
        assert!(!named.exists());
    }

    #[test]
    fn a_file_that_others_can_write_describes_no_class() {
        let bench = bench();
        let path = bench.registry.register(&class(1, "A.B")).unwrap();
        for (mode, found) in [(0o664, false), (0o644, true), (0o646, false), (0o600, true)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(bench.registry.find(id(1)).is_ok(), found, "{mode:o}");
        }
        fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(0o777)).unwrap();
        bench.registry.refresh();
        assert_eq!(bench.registry.entries()[0].class.as_ref().unwrap_err().code, common::E_ACCESSDENIED);
    }

    #[test]
    fn changes_are_seen() {
        let bench = bench();
        bench.registry.register(&class(1, "A.B")).unwrap();
        for number in 2..40 {
            let path = bench.write("user/classes/x.toml", &class(number, "X.Y").to_toml().unwrap());
            assert!(bench.registry.find(id(number)).is_ok(), "written over in place");
            assert!(bench.registry.find(id(number - 1)).is_err() || number == 2);
            fs::remove_file(path).unwrap();
            assert!(bench.registry.find(id(number)).is_err());
        }
    }
}
