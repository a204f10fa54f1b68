//! One peer, from its handshake to its end: its calls and their answers in order, and beside them the
//! signals it asked for and the calls on its objects.

use std::{
    io::ErrorKind,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::{StreamExt, stream::FuturesOrdered};
use tokio::{
    net::UnixStream,
    sync::{Notify, Semaphore, watch},
    time::timeout,
};
use zbus::{Message, message::Type};

use super::{
    Next, Shared,
    handshake::Handshake,
    mailbox::Mailbox,
    outbound::Outbound,
    stream::{Ended, Incoming, Outgoing},
    subscriptions::Subscriptions,
    turn::Turn,
};
use crate::dispatch;

/// Calls of one peer that wait for what they changed to be stored.
const MOST_IN_HAND: usize = 16;

/// Who is at the other end.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Counted from 1.
    pub(crate) number: u64,
    /// As the kernel has it.
    pub(crate) uid: u32,
    /// As the kernel has it; another process may hold the socket by now.
    pub(crate) pid: Option<u32>,
    said_hello: AtomicBool,
    mailbox: Arc<Mailbox>,
    outbound: Arc<Outbound>,
    cut: Arc<Notify>,
}

impl Peer {
    pub(super) fn new(number: u64, uid: u32, pid: Option<u32>) -> Self {
        Self {
            number,
            uid,
            pid,
            said_hello: AtomicBool::new(false),
            mailbox: Arc::default(),
            outbound: Arc::default(),
            cut: Arc::default(),
        }
    }

    /// The name that a message bus would have given it.
    pub(crate) fn unique_name(&self) -> String {
        format!(":1.{}", self.number)
    }

    /// `Hello`; whether it was the first.
    pub(crate) fn hello(&self) -> bool {
        !self.said_hello.swap(true, Ordering::Relaxed)
    }

    /// The calls on its objects.
    pub(crate) fn outbound(&self) -> Arc<Outbound> {
        Arc::clone(&self.outbound)
    }

    /// Told, it ends the connection.
    pub(crate) fn cut(&self) -> Arc<Notify> {
        Arc::clone(&self.cut)
    }

    /// Changes its match rules.
    pub(crate) fn subscriptions<T>(&self, act: impl FnOnce(&mut Subscriptions) -> T) -> T {
        self.mailbox.subscriptions(act)
    }
}

/// Serves the peer until it leaves, breaks the rules, or the face is closed.
pub(super) async fn serve(shared: &Shared, peer: Peer, stream: UnixStream) {
    let (read, mut write) = stream.into_split();
    let mut incoming = Incoming::new(read, Arc::clone(&shared.room), shared.patience.read);
    let mut closing = shared.closing.subscribe();
    let handshake = incoming.handshake(Handshake::new(peer.uid, shared.guid.clone()), &mut write);
    let shaken = tokio::select! {
        shaken = timeout(shared.patience.handshake, handshake) => shaken.unwrap_or(Err(Ended::HandshakeTooLong)),
        () = closed(&mut closing) => return,
    };
    let ended = match shaken {
        Ok(()) => {
            let outgoing = Outgoing::new(write, shared.patience.write);
            let registered = Registered::new(shared, &peer);
            // Whichever ends first ends all: a peer that does not read its signals is gone, and
            // one that has left needs none.
            let ended = tokio::select! {
                ended = calls(shared, &peer, &mut incoming, &outgoing) => ended,
                ended = signals(shared, &peer, &outgoing) => ended,
                ended = callbacks(&peer, &outgoing) => ended,
                () = peer.cut.notified() => Ok(()),
            };
            drop(registered);
            if let Some(classes) = shared.receivers.classes() {
                classes.peer_gone(peer.number);
            }
            if let Some(queues) = &shared.queues {
                queues.peer_gone(peer.number);
            }
            let gone = shared.receivers.peer_gone(peer.number);
            if !gone.is_empty() {
                // An engine that has ended calls nobody.
                let _ = shared.engine.objects_gone(gone).await;
            }
            ended
        }
        Err(ended) => Err(ended),
    };
    match ended {
        Ok(()) => tracing::debug!(peer = peer.number, "the peer has left"),
        // While something was being told to it, or before it read everything: that is its right.
        Err(Ended::Socket(error)) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
            tracing::debug!(peer = peer.number, "the peer has left");
        }
        Err(reason) => tracing::info!(peer = peer.number, pid = peer.pid, %reason, "the connection was ended"),
    }
}

async fn calls(shared: &Shared, peer: &Peer, incoming: &mut Incoming, outgoing: &Outgoing) -> Result<(), Ended> {
    let mut closing = shared.closing.subscribe();
    let turns = Arc::new(Semaphore::new(1));
    let mut in_hand = FuturesOrdered::new();
    loop {
        let next = async {
            let turn = Turn::take(&turns).await;
            incoming.begins().await.map(|begins| begins.then_some(turn))
        };
        let turn = tokio::select! {
            biased;
            () = closed(&mut closing) => break,
            Some(answered) = in_hand.next() => {
                send(outgoing, answered).await?;
                continue;
            }
            turn = next, if in_hand.len() < MOST_IN_HAND => turn?,
        };
        let Some(turn) = turn else { break };
        let mut message = pin!(incoming.message());
        // It may have to wait for room that those in hand have.
        let received = loop {
            tokio::select! {
                received = &mut message => break received?,
                Some(answered) = in_hand.next() => send(outgoing, answered).await?,
            }
        };
        match received.message.message_type() {
            Type::MethodCall => in_hand.push_back(async move {
                let answer = dispatch::answer(shared, peer, &received.message, &turn).await;
                (answer, turn)
            }),
            Type::MethodReturn | Type::Error => peer.outbound.answered(received.message),
            // Signals have no hearer here.
            Type::Signal => {}
        }
    }
    while let Some(answered) = in_hand.next().await {
        send(outgoing, answered).await?;
    }
    Ok(())
}

/// Waits until the face takes no more calls.
async fn closed(closing: &mut watch::Receiver<bool>) {
    // Without its sender the face has ended, too.
    let _ = closing.wait_for(|closing| *closing).await;
}

/// Sends an answer. A call that did not pass its turn on does so only now: so there are never many
/// long answers of one peer.
async fn send(outgoing: &Outgoing, (answer, _turn): (Option<Message>, Turn)) -> Result<(), Ended> {
    match answer {
        Some(answer) => outgoing.send(&answer).await,
        None => Ok(()),
    }
}

async fn signals(shared: &Shared, peer: &Peer, outgoing: &Outgoing) -> Result<(), Ended> {
    loop {
        match peer.mailbox.next().await? {
            Next::Job(job, news) => {
                for signal in dispatch::signals(shared, job, news).await {
                    outgoing.send(&signal).await?;
                }
            }
            Next::Signal(signal) => outgoing.send(&signal).await?,
        }
    }
}

async fn callbacks(peer: &Peer, outgoing: &Outgoing) -> Result<(), Ended> {
    while let Some(call) = peer.outbound.next().await {
        outgoing.send(&call).await?;
    }
    Ok(())
}

/// The peer's mailbox, where the hub finds it, and the calls on it, which end with it.
struct Registered<'a>(&'a Shared, &'a Peer);

impl<'a> Registered<'a> {
    fn new(shared: &'a Shared, peer: &'a Peer) -> Self {
        shared.mailboxes.add(peer.number, Arc::clone(&peer.mailbox));
        Self(shared, peer)
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.0.mailboxes.remove(self.1.number);
        self.1.outbound.end();
    }
}
