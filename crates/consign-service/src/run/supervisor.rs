//! What the service tells systemd, in the words of `sd_notify(3)`.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
};

/// Who wants to be told; nobody, without `NOTIFY_SOCKET`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Supervisor(Option<OsString>);

impl Supervisor {
    pub(crate) const fn new(notify_socket: Option<OsString>) -> Self {
        Self(notify_socket)
    }

    /// It listens now.
    pub(crate) fn ready(&self) {
        self.tell("READY=1");
    }

    /// It is about to end.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    fn tell(&self, what: &str) {
        if let Some(name) = &self.0
            && let Err(error) = send(name, what)
        {
            tracing::warn!(%error, "the supervisor cannot be told {what}");
        }
    }
}

fn send(name: &OsStr, what: &str) -> io::Result<()> {
    let address = match name.as_bytes().split_first() {
        // The abstract name space.
        Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    UnixDatagram::unbound()?.send_to_addr(what.as_bytes(), &address).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(receiver: &UnixDatagram, name: &OsStr) {
        receiver.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
        let supervisor = Supervisor::new(Some(name.to_owned()));
        supervisor.ready();
        supervisor.stopping();
        for expected in ["READY=1", "STOPPING=1"] {
            let mut buffer = [0; 64];
            let length = receiver.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], expected.as_bytes());
        }
    }

    #[test]
    fn both_kinds_of_names_are_reached() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        check(&UnixDatagram::bind(&path).unwrap(), path.as_os_str());
        let name = format!("consign-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        check(&UnixDatagram::bind_addr(&address).unwrap(), OsStr::new(&format!("@{name}")));
    }

    #[test]
    fn without_anybody_nothing_happens() {
        Supervisor::new(None).ready();
        Supervisor::new(Some("/does/not/exist".into())).ready();
    }
}
