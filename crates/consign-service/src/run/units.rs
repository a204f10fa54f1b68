//! The units of the systemd user manager.

use std::{
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// Stands first in each file that is ours to replace and to remove.
const MARK: &str = "# Written by `consign service install`; `consign service uninstall` removes it.";

/// What `loginctl enable-linger` is for.
pub const LINGER_NOTE: &str = "Without lingering, the service of a user ends when the user logs out, and starts again at the next \
    login. To let it work on from boot on, before anybody logs in, run: loginctl enable-linger";

/// The two units, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Units {
    /// `consign.service`.
    pub service: String,
    /// `consign.socket`.
    pub socket: String,
}

/// The units cannot be written or removed.
#[derive(Debug, thiserror::Error)]
pub enum UnitError {
    /// systemd takes absolute paths without control characters, as text.
    #[error("{} cannot stand in a unit: an absolute path in UTF-8 is needed", .0.display())]
    Path(PathBuf),
    /// Somebody else wrote it.
    #[error("{} was not written by consign and is left alone", .0.display())]
    Foreign(PathBuf),
    /// A file.
    #[error("{} cannot be written or removed", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Units {
    /// What the CLI is to run after [`Units::install`].
    pub const AFTER_INSTALL: &[&[&str]] = &[
        &["systemctl", "--user", "daemon-reload"],
        &["systemctl", "--user", "enable", "--now", "consign.socket"],
        // At login too, for jobs that were left; it ends again if there are none.
        &["systemctl", "--user", "enable", "consign.service"],
    ];

    /// What the CLI is to run before [`Units::uninstall`].
    pub const BEFORE_UNINSTALL: &[&[&str]] = &[&["systemctl", "--user", "disable", "--now", "consign.socket", "consign.service"]];

    /// Units that run `program`; `instance` is the value of `CONSIGN_DIR`, if it is set.
    ///
    /// # Errors
    /// When a path cannot stand in a unit.
    pub fn new(program: &Path, instance: Option<&Path>) -> Result<Self, UnitError> {
        let program = quoted(program)?.replace('$', "$$");
        let (socket, environment) = match instance {
            None => ("%t/consign/consign.sock".into(), String::new()),
            Some(folder) => (
                checked(&consign_core::Paths::under(folder).socket())?.replace('%', "%%"),
                format!("Environment={}\n", quoted(folder)?.replacen('"', "\"CONSIGN_DIR=", 1)),
            ),
        };
        Ok(Self {
            service: format!(
                "{MARK}\n\
                 [Unit]\n\
                 Description=Consign, background transfers\n\
                 Requires=consign.socket\n\
                 After=consign.socket\n\
                 \n\
                 [Service]\n\
                 Type=notify\n\
                 ExecStart={program} service run\n\
                 {environment}\
                 Restart=on-failure\n\
                 RestartSec=1\n\
                 # The service lets transfers come to a point from which they go on.\n\
                 TimeoutStopSec=20\n\
                 KillMode=mixed\n\
                 UMask=0022\n\
                 # Only what also suits the programs that jobs may run: they inherit all of it.\n\
                 NoNewPrivileges=yes\n\
                 LockPersonality=yes\n\
                 RestrictRealtime=yes\n\
                 RestrictSUIDSGID=yes\n\
                 SystemCallArchitectures=native\n\
                 \n\
                 [Install]\n\
                 Also=consign.socket\n\
                 WantedBy=default.target\n"
            ),
            socket: format!(
                "{MARK}\n\
                 [Unit]\n\
                 Description=Consign, background transfers: socket\n\
                 \n\
                 [Socket]\n\
                 ListenStream={socket}\n\
                 SocketMode=0600\n\
                 DirectoryMode=0700\n\
                 RemoveOnStop=yes\n\
                 \n\
                 [Install]\n\
                 WantedBy=sockets.target\n"
            ),
        })
    }

    /// Writes both into `folder` (`~/.config/systemd/user`), and says which files.
    ///
    /// # Errors
    /// When a unit of that name is somebody else's, or cannot be written.
    pub fn install(&self, folder: &Path) -> Result<Vec<PathBuf>, UnitError> {
        let files = files(folder);
        for path in &files {
            is_ours(path)?;
        }
        fs::create_dir_all(folder).map_err(failed(folder))?;
        for (path, text) in files.iter().zip([&self.service, &self.socket]) {
            let temporary = path.with_extension("new");
            fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, path)).map_err(failed(path))?;
        }
        Ok(files.into())
    }

    /// Removes both from `folder`, and says which were there.
    ///
    /// # Errors
    /// When a unit of that name is somebody else's, or cannot be removed.
    pub fn uninstall(folder: &Path) -> Result<Vec<PathBuf>, UnitError> {
        let mut removed = Vec::new();
        for path in files(folder) {
            if is_ours(&path)? {
                fs::remove_file(&path).map_err(failed(&path))?;
                removed.push(path);
            }
        }
        Ok(removed)
    }
}

fn files(folder: &Path) -> [PathBuf; 2] {
    [folder.join("consign.service"), folder.join("consign.socket")]
}

/// Whether the file is there; one that is not ours is an error.
fn is_ours(path: &Path) -> Result<bool, UnitError> {
    match fs::read(path) {
        Ok(text) if text.starts_with(MARK.as_bytes()) => Ok(true),
        Ok(_) => Err(UnitError::Foreign(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(UnitError::File { path: path.to_owned(), source }),
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> UnitError {
    let path = path.to_owned();
    move |source| UnitError::File { path, source }
}

fn checked(path: &Path) -> Result<String, UnitError> {
    match std::str::from_utf8(path.as_os_str().as_bytes()) {
        Ok(text) if path.is_absolute() && !text.contains(char::is_control) => Ok(text.to_owned()),
        _ => Err(UnitError::Path(path.to_owned())),
    }
}

/// In the quotes of `systemd.syntax(7)`.
fn quoted(path: &Path) -> Result<String, UnitError> {
    Ok(format!("\"{}\"", checked(path)?.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_for_systemd() {
        let units = Units::new(Path::new("/opt/a b/100%/$x/consign"), None).unwrap();
        assert!(units.service.contains("ExecStart=\"/opt/a b/100%%/$$x/consign\" service run\n"), "{}", units.service);
        assert!(units.socket.contains("ListenStream=%t/consign/consign.sock\n"));
        let units = Units::new(Path::new("/usr/bin/consign"), Some(Path::new("/srv/x"))).unwrap();
        assert!(units.service.contains("Environment=\"CONSIGN_DIR=/srv/x\"\n"), "{}", units.service);
        assert!(units.socket.contains("ListenStream=/srv/x/run/consign.sock\n"));
        for bad in ["consign", "/a\nb"] {
            assert!(matches!(Units::new(Path::new(bad), None), Err(UnitError::Path(_))));
        }
    }

    #[test]
    fn what_is_installed_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("systemd/user");
        let units = Units::new(Path::new("/usr/bin/consign"), None).unwrap();
        assert_eq!(units.install(&place).unwrap().len(), 2);
        assert_eq!(units.install(&place).unwrap().len(), 2, "again");
        assert_eq!(fs::read_to_string(place.join("consign.socket")).unwrap(), units.socket);
        assert_eq!(Units::uninstall(&place).unwrap().len(), 2);
        assert_eq!(Units::uninstall(&place).unwrap().len(), 0);
        fs::write(place.join("consign.service"), "[Unit]\n").unwrap();
        assert!(matches!(units.install(&place), Err(UnitError::Foreign(_))));
        assert!(matches!(Units::uninstall(&place), Err(UnitError::Foreign(_))));
    }
}
