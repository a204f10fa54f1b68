//! Where IDL files come from, and what is asked of them: a source finds and reads files, and nothing
//! else here touches the file system.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read,
    path::{Component, Path, PathBuf},
};

/// Finds and reads files.
pub trait Source {
    /// Reads the file called `name`; `from` is the identity of the file that asks for it, and `None`
    /// for the first one.
    ///
    /// # Errors
    /// When there is none, or it has more than `limit` bytes, or it cannot be read.
    fn load(&self, name: &str, from: Option<&str>, limit: u64) -> Result<Loaded, LoadError>;
}

/// What a [`Source`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Its identity, and what diagnostics call it: two names of one file have one identity.
    pub identity: String,
    /// What stands in it.
    pub bytes: Vec<u8>,
}

/// Why a file was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// It is in none of the folders.
    #[error("there is no such file in the folder of the file that asks for it, nor in the include folders")]
    NotFound,
    /// It leads out of the folders that files may come from.
    #[error("it leads out of the folders that files may come from")]
    Outside,
    /// It is larger than a file may be.
    #[error("it has more than {0} bytes")]
    TooLarge(u64),
    /// It is there, and could not be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

/// Files on disk: those in the folder of the file that asks, then those in the include folders. Names
/// may have backslashes and another case than the file, as on Windows. A name does not lead out of
/// these folders and that of the first file; a symbolic link may.
#[derive(Clone, Debug, Default)]
pub struct Folders {
    root: PathBuf,
    include: Vec<PathBuf>,
}

impl Folders {
    /// For the file `root`, with these include folders.
    pub fn new(root: &Path, include: Vec<PathBuf>) -> Self {
        Self { root: folder_of(root), include: include.iter().map(|folder| lexically(folder)).collect() }
    }

    fn allows(&self, path: &Path) -> bool {
        // The empty path is the current folder, and the start of every other.
        let within = |folder: &PathBuf| {
            let rest = path.strip_prefix(folder);
            rest.is_ok_and(|rest| matches!(rest.components().next(), Some(Component::Normal(_))))
        };
        within(&self.root) || self.include.iter().any(within)
    }
}

impl Source for Folders {
    fn load(&self, name: &str, from: Option<&str>, limit: u64) -> Result<Loaded, LoadError> {
        let Some(from) = from else { return read(&lexically(Path::new(name)), limit).unwrap_or(Err(LoadError::NotFound)) };
        let name = name.replace('\\', "/");
        if Path::new(&name).is_absolute() {
            return Err(LoadError::Outside);
        }
        let beside = folder_of(Path::new(from));
        let mut outside = false;
        for folder in std::iter::once(&beside).chain(&self.include) {
            let path = lexically(&folder.join(&name));
            if !self.allows(&path) {
                outside = true;
            } else if let Some(found) = read(&path, limit).or_else(|| read(&in_another_case(&path)?, limit)) {
                return found;
            }
        }
        Err(if outside { LoadError::Outside } else { LoadError::NotFound })
    }
}

/// Files in memory, by name.
#[derive(Clone, Debug, Default)]
pub struct InMemory(BTreeMap<String, Vec<u8>>);

impl InMemory {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }

    /// One file more.
    #[must_use]
    pub fn with(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.0.insert(name.to_owned(), bytes.into());
        self
    }
}

impl Source for InMemory {
    fn load(&self, name: &str, _from: Option<&str>, limit: u64) -> Result<Loaded, LoadError> {
        let bytes = self.0.get(name).ok_or(LoadError::NotFound)?;
        if bytes.len() as u64 > limit {
            return Err(LoadError::TooLarge(limit));
        }
        Ok(Loaded { identity: name.to_owned(), bytes: bytes.clone() })
    }
}

/// `None` when there is no such file. What is no regular file could block, or never end.
fn read(path: &Path, limit: u64) -> Option<Result<Loaded, LoadError>> {
    let metadata = fs::metadata(path).ok()?;
    if metadata.is_dir() {
        return None;
    }
    if !metadata.is_file() {
        return Some(Err(LoadError::Unreadable("it is no regular file".to_owned())));
    }
    let mut bytes = Vec::new();
    // It may grow between the two calls.
    let taken = File::open(path).and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut bytes));
    Some(match taken {
        Err(error) => Err(LoadError::Unreadable(error.to_string())),
        Ok(_) if bytes.len() as u64 > limit => Err(LoadError::TooLarge(limit)),
        Ok(_) => Ok(Loaded { identity: path.to_string_lossy().into_owned(), bytes }),
    })
}

fn in_another_case(path: &Path) -> Option<PathBuf> {
    const MOST_ENTRIES: usize = 10_000;
    let wanted = path.file_name()?.to_str()?;
    let entries = fs::read_dir(path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))).ok()?;
    let mut names = entries.take(MOST_ENTRIES).filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let found = names.find(|name| name.eq_ignore_ascii_case(wanted))?;
    Some(path.with_file_name(found))
}

fn folder_of(path: &Path) -> PathBuf {
    lexically(path).parent().map(Path::to_owned).unwrap_or_default()
}

/// Without `.` and, where something stands before it, `..`. Links are not followed: a name is judged as
/// it is written.
fn lexically(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(plain.components().next_back(), Some(Component::Normal(_))) => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}
