//! Notices when the machine gets a way into the network: the kernel tells of new addresses and
//! routes. Nothing polls; without the kernel's word only the retry delay ends a wait.

use std::{os::fd::OwnedFd, time::Duration};

use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, netlink};
use tokio::{io::unix::AsyncFd, sync::mpsc::UnboundedSender, time::sleep};

use super::report::Report;

/// New IPv4 and IPv6 addresses and routes: `RTMGRP_IPV4_IFADDR`, `RTMGRP_IPV4_ROUTE`,
/// `RTMGRP_IPV6_IFADDR`, `RTMGRP_IPV6_ROUTE`.
const GROUPS: u32 = 0x10 | 0x40 | 0x100 | 0x400;

/// `RTM_NEWADDR` and `RTM_NEWROUTE`.
const NEW: [u16; 2] = [20, 24];

/// An interface that comes up tells of several addresses and routes; one try is enough.
const SETTLE: Duration = Duration::from_millis(300);

/// Tells of every change that may let a waiting job go on. Ends only with its task.
pub(super) async fn watch(reports: UnboundedSender<Report>) {
    #[expect(deprecated, reason = "the sound constructor is unsafe to call; an owned descriptor cannot change under it")]
    let socket = match open().and_then(AsyncFd::new) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::warn!(%error, "changes of the network cannot be noticed");
            return;
        }
    };
    loop {
        let Ok(mut ready) = socket.readable().await else { return };
        let mut news = false;
        let mut buffer = [0_u8; 8192];
        loop {
            match rustix::net::recv(socket.get_ref(), &mut buffer, RecvFlags::DONTWAIT) {
                Ok((_, length)) => news |= tells_of_new(&buffer[..length.min(buffer.len())]),
                // So much happened that the kernel gave up telling.
                Err(rustix::io::Errno::NOBUFS) => news = true,
                Err(_) => break,
            }
        }
        ready.clear_ready();
        if news {
            sleep(SETTLE).await;
            if reports.send(Report::NetworkReturned).is_err() {
                return;
            }
        }
    }
}

fn open() -> std::io::Result<OwnedFd> {
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        // NETLINK_ROUTE is protocol 0, the default of the family.
        None,
    )?;
    rustix::net::bind(&socket, &netlink::SocketAddrNetlink::new(0, GROUPS))?;
    Ok(socket)
}

/// Whether one of the messages in `bytes` (`struct nlmsghdr`: length, type, …) is of [`NEW`].
fn tells_of_new(mut bytes: &[u8]) -> bool {
    while let Some((head, _)) = bytes.split_at_checked(16) {
        let length = u32::from_ne_bytes([head[0], head[1], head[2], head[3]]) as usize;
        if NEW.contains(&u16::from_ne_bytes([head[4], head[5]])) {
            return true;
        }
        // Messages begin at multiples of four.
        match bytes.get(length.next_multiple_of(4).max(16)..) {
            Some(rest) => bytes = rest,
            None => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, length: u32) -> Vec<u8> {
        let mut bytes = vec![0; length.next_multiple_of(4).max(16) as usize];
        bytes[..4].copy_from_slice(&length.to_ne_bytes());
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes
    }

    #[test]
    fn new_addresses_and_routes_are_news() {
        assert!(tells_of_new(&message(24, 20)));
        assert!(tells_of_new(&[message(21, 30), message(20, 40)].concat()));
        assert!(!tells_of_new(&[message(21, 30), message(25, 40)].concat()));
    }

    #[test]
    fn nonsense_is_no_news_and_no_harm() {
        let mut overlong = message(21, 16);
        overlong[..4].copy_from_slice(&(u32::MAX - 8).to_ne_bytes());
        for bytes in [vec![], vec![0; 15], message(21, 0), overlong] {
            assert!(!tells_of_new(&bytes));
        }
    }
}
