//! Where things live: the XDG folders, or all of it under `CONSIGN_DIR`.

use std::{
    ffi::OsString,
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The folders of one instance. Made from the environment once, then passed on: nothing else in
/// the project reads these variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// Holds the socket; 0700.
    pub runtime: PathBuf,
    /// Holds the databases, the lock and the log; 0700.
    pub state: PathBuf,
    /// Holds `consign.toml`.
    pub config: PathBuf,
    /// Holds `classes/`.
    pub data: PathBuf,
}

/// The environment names no usable folder.
#[derive(Debug, thiserror::Error)]
#[error("no folder for the state: set HOME, XDG_STATE_HOME or CONSIGN_DIR to an absolute path")]
pub struct NoHome;

impl Paths {
    /// By `CONSIGN_DIR`, else by the XDG variables, else by `HOME`; relative values are ignored,
    /// as the XDG specification asks.
    ///
    /// # Errors
    /// When neither `CONSIGN_DIR`, nor what is needed of the XDG variables, nor `HOME` is set.
    pub fn from_environment(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, NoHome> {
        let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        if let Some(all) = absolute("CONSIGN_DIR") {
            return Ok(Self::under(&all));
        }
        let home = absolute("HOME");
        let place = |name: &str, below_home: &str| {
            absolute(name).or_else(|| home.as_ref().map(|home| home.join(below_home))).map(|folder| folder.join("consign")).ok_or(NoHome)
        };
        let state = place("XDG_STATE_HOME", ".local/state")?;
        Ok(Self {
            // Without a runtime folder (cron, containers) the socket lives with the state.
            runtime: absolute("XDG_RUNTIME_DIR").map_or_else(|| state.clone(), |folder| folder.join("consign")),
            config: place("XDG_CONFIG_HOME", ".config")?,
            data: place("XDG_DATA_HOME", ".local/share")?,
            state,
        })
    }

    /// Everything under one folder, as `CONSIGN_DIR` does.
    pub fn under(folder: &Path) -> Self {
        Self { runtime: folder.join("run"), state: folder.join("state"), config: folder.join("config"), data: folder.join("data") }
    }

    /// The socket of the service.
    pub fn socket(&self) -> PathBuf {
        self.runtime.join("consign.sock")
    }

    /// Where outboxes tell the service that there is something to carry: a datagram wakes it.
    pub fn wake_socket(&self) -> PathBuf {
        self.runtime.join("consign-wake.sock")
    }

    /// The queues: recorded calls, and the catalogue of components.
    pub fn queue_database(&self) -> PathBuf {
        self.state.join("queue.db")
    }

    /// The jobs.
    pub fn transfer_database(&self) -> PathBuf {
        self.state.join("transfer.db")
    }

    /// Held by the one instance that owns the state folder.
    pub fn lock(&self) -> PathBuf {
        self.state.join("consign.lock")
    }

    /// What the service had to say.
    pub fn log(&self) -> PathBuf {
        self.state.join("consign.log")
    }

    /// Where class files lie: the user's folder, then the system's.
    pub fn classes(&self) -> [PathBuf; 2] {
        [self.data.join("classes"), PathBuf::from("/usr/share/consign/classes")]
    }

    /// Settings and policies.
    pub fn settings(&self) -> PathBuf {
        self.config.join("consign.toml")
    }
}

/// Makes `folder` and the folders above it where they are missing, the last one for the user
/// alone.
///
/// # Errors
/// When it cannot be made, is not a folder, belongs to somebody else, or cannot be closed to
/// others.
pub fn private_folder(folder: &Path) -> io::Result<()> {
    if let Some(above) = folder.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(above)?;
    }
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let metadata = std::fs::symlink_metadata(folder)?;
    if !metadata.is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotADirectory, format!("{} is not a folder", folder.display())));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("{} belongs to another user", folder.display())));
    }
    if metadata.mode() & 0o077 != 0 {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(variables: &[(&str, &str)]) -> Result<Paths, NoHome> {
        Paths::from_environment(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn one_folder_holds_everything() {
        let paths = paths(&[("CONSIGN_DIR", "/tmp/x"), ("HOME", "/home/a"), ("XDG_RUNTIME_DIR", "/run/user/1")]).unwrap();
        assert_eq!(paths.socket(), Path::new("/tmp/x/run/consign.sock"));
        assert_eq!(paths.transfer_database(), Path::new("/tmp/x/state/transfer.db"));
    }

    #[test]
    fn the_xdg_folders_come_first_and_home_second() {
        let of_home = paths(&[("HOME", "/home/a")]).unwrap();
        assert_eq!(of_home.state, Path::new("/home/a/.local/state/consign"));
        assert_eq!(of_home.socket(), Path::new("/home/a/.local/state/consign/consign.sock"), "no runtime folder");
        let of_xdg =
            paths(&[("HOME", "/home/a"), ("XDG_STATE_HOME", "/s"), ("XDG_RUNTIME_DIR", "/run/user/1"), ("XDG_CONFIG_HOME", "relative")])
                .unwrap();
        assert_eq!(of_xdg.state, Path::new("/s/consign"));
        assert_eq!(of_xdg.socket(), Path::new("/run/user/1/consign/consign.sock"));
        assert_eq!(of_xdg.settings(), Path::new("/home/a/.config/consign/consign.toml"));
    }

    #[test]
    fn without_any_folder_it_says_so() {
        assert!(paths(&[]).is_err());
        assert!(paths(&[("CONSIGN_DIR", "relative")]).is_err());
    }
}
