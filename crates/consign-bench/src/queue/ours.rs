//! Consign: the service with a class, its clients, and its queues.

use std::{env, path::Path, time::Duration};

use consign::{Client, Interface};
use consign_wire::{
    names::{MANAGER_PATH, QUEUES},
    queue::QueueRecord,
};
use tokio::time::sleep;

use super::{
    Bench,
    component::{IWork, News},
    crowd::Worker,
};
use crate::{Outcome, service::Service};

/// The class whose objects this program makes.
pub(super) const CLASS: &str = "2f2a51e7-6a0c-4c51-9f0e-9a1a0b1d7c44";

/// The queue of its messages.
pub(super) const QUEUE: &str = "Bench";

/// How often it is looked whether a queue is empty. Looking costs a commit.
const LOOK: Duration = Duration::from_millis(10);

/// What becomes of the component when nobody needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// It stays, so that it is running for whoever comes next.
    Stays,
    /// It ends.
    Ends,
}

/// A service with the class, and a connection for its queues.
pub(super) struct Ours {
    pub(super) service: Service,
    pub(super) client: Client,
    pub(super) news: News,
    manager: zbus::Connection,
}

impl Ours {
    /// A service of its own, whose state is in the folder `name`. Its class is registered, nothing runs yet.
    pub(super) fn start(bench: &Bench, name: &str, rest: Rest) -> Outcome<Self> {
        let folder = bench.folder.path(name);
        let service = Service::start(&bench.runtime, &folder, bench.folder.program(), None)?;
        let client = service.client(&bench.runtime)?;
        bench.runtime.block_on(async {
            let news = News::at(folder.join("news"))?;
            install(&client, news.path(), rest).await?;
            let manager = manage(service.folder()).await?;
            let ours = Self { service, client, news, manager };
            ours.ask::<_, ()>("SetPolicy", &(QUEUE, "{}")).await?;
            Ok(ours)
        })
    }

    pub(super) async fn pause(&self) -> Outcome {
        self.ask("Pause", &(QUEUE,)).await
    }

    pub(super) async fn resume(&self) -> Outcome {
        self.ask("Resume", &(QUEUE,)).await
    }

    pub(super) async fn queue(&self) -> Outcome<QueueRecord> {
        let (queue,): (QueueRecord,) = self.ask("Show", &(QUEUE,)).await?;
        Ok(queue)
    }

    /// Waits until every message was played, and is gone.
    pub(super) async fn drained(&self) -> Outcome {
        loop {
            let queue = self.queue().await?;
            match (queue.ready, queue.waiting + queue.parked + queue.dead) {
                (0, 0) => return Ok(()),
                (_, 0) => sleep(LOOK).await,
                (_, _) => return Err("a message could not be played".into()),
            }
        }
    }

    /// Plays one message, so that the component runs.
    pub(super) async fn warm_up(&self) -> Outcome {
        tell(&self.client, 0).await?;
        self.news.next().await?;
        self.drained().await
    }

    /// So many connections, each of a client of its own, that record messages of so many calls.
    pub(super) async fn recorders(&self, bench: &Bench, count: usize, calls: u64) -> Outcome<Vec<Recording>> {
        let mut recorders = Vec::with_capacity(count);
        for _ in 0..count {
            let client = crate::service::connect(self.service.folder(), bench.folder.program()).await?;
            recorders.push(Recording { client, calls });
        }
        Ok(recorders)
    }

    async fn ask<B, R>(&self, method: &str, body: &B) -> Outcome<R>
    where
        B: serde::Serialize + zbus::DynamicType + Sync,
        R: serde::de::DeserializeOwned + zbus::Type,
    {
        let answer = self.manager.call_method(None::<&str>, MANAGER_PATH, Some(QUEUES), method, body).await?;
        Ok(answer.body().deserialize()?)
    }

    pub(super) fn stop(self, bench: &Bench) -> Outcome {
        let Self { service, client, manager, .. } = self;
        drop((client, manager));
        service.stop(&bench.runtime)
    }
}

/// What an installer does.
pub(super) async fn install(client: &Client, news: &Path, rest: Rest) -> Outcome {
    // Under its own name it is no `consign`.
    let program = env::current_exe()?.display().to_string();
    let news = news.display().to_string();
    let idle = if rest == Rest::Stays { 3600 } else { 0 };
    let class_file =
        format!("clsid = '{CLASS}'\napplication = '{QUEUE}'\nidle_stop = {idle}\nexec = [{program:?}, 'component', '{CLASS}', {news:?}]\n");
    client.register_class(&class_file).await?;
    Ok(client.import_component(CLASS, &[IWork::model()]).await?)
}

async fn manage(folder: &Path) -> Outcome<zbus::Connection> {
    const BUS: &str = "org.freedesktop.DBus";
    let stream = std::os::unix::net::UnixStream::connect(folder.join("run/consign.sock"))?;
    let connection = zbus::connection::Builder::unix_stream(stream).p2p().build().await?;
    connection.call_method(Some(BUS), "/org/freedesktop/DBus", Some(BUS), "Hello", &()).await?;
    Ok(connection)
}

/// Records and commits one call that the component tells of at once.
pub(super) async fn tell(client: &Client, number: u64) -> Outcome {
    let recorder = client.recorder(CLASS)?;
    recorder.interface::<IWork>().tell(number)?;
    recorder.commit().await?.ok_or("nothing was recorded")?;
    Ok(())
}

/// A client that records one message after the other.
pub(super) struct Recording {
    client: Client,
    calls: u64,
}

impl Worker for Recording {
    /// Counts calls.
    async fn step(&mut self) -> Outcome<usize> {
        let recorder = self.client.recorder(CLASS)?;
        let work = recorder.interface::<IWork>();
        for number in 0..self.calls {
            work.count(number)?;
        }
        recorder.commit().await?.ok_or("nothing was recorded")?;
        Ok(usize::try_from(self.calls)?)
    }
}
