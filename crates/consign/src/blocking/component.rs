//! Components whose methods block.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use consign_core::{
    Calls, Interface as InterfaceModel,
    common::{E_OUTOFMEMORY, RPC_E_SERVERFAULT},
};
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use crate::{FinalRetry, PlayFailure, Playback, Played, Player};

/// Plays each message on a thread of its own.
pub(super) struct OnThreads<P>(pub(super) Arc<P>);

impl<P: Player> OnThreads<P> {
    fn start<'a>(&'a self, retry: Option<FinalRetry>, playback: Playback, calls: &'a Calls) -> BoxFuture<'a, Played> {
        let (player, calls) = (Arc::clone(&self.0), calls.clone());
        Box::pin(async move {
            let (sender, answer) = oneshot::channel();
            let thread = thread::Builder::new().name("consign-component".to_owned());
            let started = thread.spawn(move || {
                let played = match retry {
                    Some(retry) => wait(player.play_finally(retry, playback, &calls)),
                    None => wait(player.play(playback, &calls)),
                };
                // Where nobody waits any more, the attempt was given up.
                let _ = sender.send(played);
            });
            let failed = |code, sentence: String| Played::Failed(PlayFailure { call: None, code, sentence });
            match started {
                // A thread that panicked sends nothing.
                Ok(_) => answer.await.unwrap_or_else(|_| failed(RPC_E_SERVERFAULT, "the component panicked".to_owned())),
                Err(error) => failed(E_OUTOFMEMORY, format!("no thread could be started: {error}")),
            }
        })
    }
}

impl<P: Player> Player for OnThreads<P> {
    fn interfaces(&self) -> Vec<&'static InterfaceModel> {
        self.0.interfaces()
    }

    fn has_playback_control(&self) -> bool {
        self.0.has_playback_control()
    }

    fn play<'a>(&'a self, playback: Playback, calls: &'a Calls) -> BoxFuture<'a, Played> {
        self.start(None, playback, calls)
    }

    fn play_finally<'a>(&'a self, retry: FinalRetry, playback: Playback, calls: &'a Calls) -> BoxFuture<'a, Played> {
        self.start(Some(retry), playback, calls)
    }
}

/// Runs a future to its end on this thread, without a runtime: with one, blocking calls would be refused.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_future_that_is_woken_from_elsewhere_comes_to_its_end() {
        let (sender, answer) = oneshot::channel();
        let other = thread::spawn(move || sender.send(7).unwrap());
        assert_eq!(wait(answer), Ok(7));
        other.join().unwrap();
    }
}
