//! Notices when the machine gets a way into the network: the kernel tells of addresses and routes.
//! Nothing polls. Where the kernel cannot be heard the engine is told so, and lets time end waits.

use std::{collections::HashSet, os::fd::OwnedFd, time::Duration};

use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, netlink};
use tokio::{io::unix::AsyncFd, sync::mpsc::UnboundedSender, time::sleep};

use super::report::Report;

/// IPv4 and IPv6 addresses and routes: `RTMGRP_IPV4_IFADDR`, `RTMGRP_IPV4_ROUTE`,
/// `RTMGRP_IPV6_IFADDR`, `RTMGRP_IPV6_ROUTE`.
const GROUPS: u32 = 0x10 | 0x40 | 0x100 | 0x400;

const NEW_ADDRESS: u16 = 20;
const DELETED_ADDRESS: u16 = 21;
const NEW_ROUTE: u16 = 24;
const DELETED_ROUTE: u16 = 25;

/// An interface that comes up tells of several addresses and routes; one try is enough.
const SETTLE: Duration = Duration::from_millis(300);

/// So many addresses and routes are told apart. Beyond, everything counts as new.
const MOST_KNOWN: usize = 4096;

/// Tells of every change that may let a waiting job go on. Ends only with its task.
pub(super) async fn watch(reports: UnboundedSender<Report>) {
    #[expect(deprecated, reason = "the sound constructor is unsafe to call; an owned descriptor cannot change under it")]
    let socket = match open().and_then(AsyncFd::new) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::warn!(%error, "changes of the network cannot be noticed");
            let _ = reports.send(Report::NetworkUnwatched);
            return;
        }
    };
    let mut known = Known::default();
    loop {
        let Ok(mut ready) = socket.readable().await else { return };
        let mut news = false;
        let mut buffer = [0_u8; 8192];
        loop {
            match rustix::net::recv(socket.get_ref(), &mut buffer, RecvFlags::DONTWAIT) {
                Ok((_, length)) => news |= known.learn(&buffer[..length.min(buffer.len())]),
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
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    // NETLINK_ROUTE is protocol 0, the default of the family.
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
    rustix::net::bind(&socket, &netlink::SocketAddrNetlink::new(0, GROUPS))?;
    Ok(socket)
}

/// The addresses and routes that were told of. The kernel also tells when one is merely renewed,
/// as IPv6 routers ask for every few minutes: that is no news.
#[derive(Debug, Default)]
struct Known(HashSet<Vec<u8>>);

impl Known {
    /// Whether `bytes`, messages as they come from the kernel, tell of something new.
    fn learn(&mut self, bytes: &[u8]) -> bool {
        let mut news = false;
        for (kind, body) in messages(bytes) {
            match (kind, identity(kind, body)) {
                (NEW_ADDRESS | NEW_ROUTE, Some(identity)) => {
                    news |= !self.0.contains(&identity);
                    if self.0.len() < MOST_KNOWN {
                        self.0.insert(identity);
                    }
                }
                (DELETED_ADDRESS | DELETED_ROUTE, Some(identity)) => {
                    self.0.remove(&identity);
                }
                _ => {}
            }
        }
        news
    }
}

/// The messages in `bytes`: `struct nlmsghdr` (length, type, flags, sequence, sender), then a body.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (head, _) = bytes.split_at_checked(16)?;
        let length = u32::from_ne_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let body = bytes.get(16..length)?;
        // Messages begin at multiples of four.
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_ne_bytes([head[4], head[5]]), body))
    })
}

/// What makes an address or route itself, without its lifetime: `struct ifaddrmsg` or `struct
/// rtmsg`, and of the attributes those that name a destination, an interface or a gateway.
fn identity(kind: u16, body: &[u8]) -> Option<Vec<u8>> {
    let (fixed, attributes): (usize, &[u16]) = match kind {
        // IFA_ADDRESS, IFA_LOCAL. The third byte of the head holds flags that change.
        NEW_ADDRESS | DELETED_ADDRESS => (8, &[1, 2]),
        // RTA_DST, RTA_OIF, RTA_GATEWAY.
        NEW_ROUTE | DELETED_ROUTE => (12, &[1, 4, 5]),
        _ => return None,
    };
    let (head, mut rest) = body.split_at_checked(fixed)?;
    let is_address = fixed == 8;
    let mut identity = vec![u8::from(is_address)];
    identity.extend(head.iter().enumerate().filter(|(index, _)| !(is_address && *index == 2)).map(|(_, byte)| *byte));
    if !is_address {
        // The flags of a route, its last four bytes, say whether its interface is up.
        identity.truncate(1 + 8);
    }
    // `struct rtattr`: length, type, then the value; each at a multiple of four.
    while let Some((attribute, _)) = rest.split_at_checked(4) {
        let length = usize::from(u16::from_ne_bytes([attribute[0], attribute[1]]));
        let Some(whole) = rest.get(..length).filter(|_| length >= 4) else { break };
        if attributes.contains(&u16::from_ne_bytes([attribute[2], attribute[3]])) {
            identity.extend_from_slice(whole);
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(16 + body.len()).unwrap();
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend(body);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(4 + value.len()).unwrap();
        let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn address(last: u8, lifetime: u8) -> Vec<u8> {
        [vec![2, 24, lifetime, 0, 3, 0, 0, 0], attribute(1, &[192, 0, 2, last]), attribute(6, &[lifetime; 16])].concat()
    }

    #[test]
    fn an_address_is_news_once_until_it_goes() {
        let mut known = Known::default();
        assert!(known.learn(&message(NEW_ADDRESS, &address(1, 1))));
        assert!(!known.learn(&message(NEW_ADDRESS, &address(1, 9))), "renewed is not new");
        assert!(known.learn(&[message(DELETED_ADDRESS, &address(7, 1)), message(NEW_ADDRESS, &address(2, 1))].concat()));
        assert!(!known.learn(&message(DELETED_ADDRESS, &address(1, 9))));
        assert!(known.learn(&message(NEW_ADDRESS, &address(1, 1))));
    }

    #[test]
    fn a_route_is_news_once() {
        let route = [vec![2, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0], attribute(5, &[192, 0, 2, 1]), attribute(4, &[3, 0, 0, 0])].concat();
        let mut known = Known::default();
        assert!(known.learn(&message(NEW_ROUTE, &route)));
        assert!(!known.learn(&message(NEW_ROUTE, &route)));
    }

    #[test]
    fn nonsense_is_no_news_and_no_harm() {
        let mut overlong = message(NEW_ADDRESS, &[]);
        overlong[..4].copy_from_slice(&u32::MAX.to_ne_bytes());
        let mut empty = message(NEW_ADDRESS, &[]);
        empty[..4].copy_from_slice(&0_u32.to_ne_bytes());
        let broken_attribute = message(99, &[0; 40]);
        for bytes in [vec![], vec![0; 15], overlong, empty, broken_attribute, message(NEW_ADDRESS, &[1, 2, 3])] {
            assert!(!Known::default().learn(&bytes), "{bytes:?}");
        }
        Known::default().learn(&message(NEW_ROUTE, &[255; 60]));
    }
}
