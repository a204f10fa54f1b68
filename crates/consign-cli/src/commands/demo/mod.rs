//! `consign demo`: the whole story on this machine, offline, in ten seconds.
//!
//! Everything in it is real: the service, its state, the kill, the server that is started. It owns a
//! folder, a service and a web server, and takes all of them away however it ends. It must not touch
//! the service and the jobs of the user.

mod origin;
mod receivers;
mod stage;
mod story;
mod teller;

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::{
    stage::Stage,
    teller::{Kept, Teller},
};
use crate::{
    console::{Console, Form},
    exit::Exit,
    problem::{Outcome, Problem},
    text,
};

pub(super) use receivers::serve;

/// A disk so slow that it takes longer makes no story.
const LIMIT: Duration = Duration::from_secs(180);
const WHAT: &str = "the demonstration was broken off";

pub(super) async fn run(console: &Console) -> Outcome {
    let mut interruption = Interruption::listen()?;
    let began = Instant::now();
    let mut teller = Teller::new(console);
    let stage = Stage::build()?;
    // From here on nothing may return before the stage is cleared.
    let told = tokio::select! {
        told = tokio::time::timeout(LIMIT, story::tell(&stage, &mut teller)) => Some(told.unwrap_or_else(|_| {
            Err(Problem::failed(WHAT, format!("it did not come to its end within {}", text::duration(LIMIT))))
        })),
        () = interruption.comes() => None,
    };
    let settled = teller.settle();
    let cleared = stage.clear().await;
    match told {
        Some(Ok(())) => {
            settled?;
            report(&mut teller, cleared, &stage, began)
        }
        Some(Err(problem)) => {
            console.tell(cleared.err());
            Err(problem)
        }
        None => {
            cleared?;
            if console.form == Form::People {
                if console.stdout.is_terminal {
                    // The terminal has echoed the interrupt: what follows begins on a line of its own.
                    console.line("")?;
                }
                console.remark("interrupted; nothing of it is left");
            }
            Ok(Exit::Interrupted)
        }
    }
}

fn report(teller: &mut Teller<'_>, cleared: Outcome<()>, stage: &Stage, began: Instant) -> Outcome {
    teller.chapter("Nothing is left of it")?;
    let kept = Kept::when(cleared.is_ok());
    teller.promise("cleared", "the service has ended, and its folder is removed", kept, json!({ "folder": stage.folder() }))?;
    let broken = teller.broken();
    teller.end(began.elapsed())?;
    cleared?;
    match broken.as_slice() {
        [] => Ok(Exit::Done),
        broken => Err(Problem::failed("not every promise was kept", broken.join("; "))),
    }
}

/// What asks us to end. Listened to before there is anything to leave behind.
struct Interruption([Signal; 3]);

impl Interruption {
    fn listen() -> Outcome<Self> {
        let listen = |kind| signal(kind).map_err(|error| Problem::failed(WHAT, format!("signals cannot be received: {error}")));
        Ok(Self([listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?]))
    }

    async fn comes(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
