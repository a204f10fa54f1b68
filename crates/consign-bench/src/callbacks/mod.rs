//! Callbacks: how soon an application hears of an event, how soon it is started for one, and how many
//! events are told in a second.

mod origin;
mod server;

use std::{
    env,
    fs::{self, File},
    io::Write,
    process::Command,
    sync::Arc,
    time::Duration,
};

use consign::{
    BackgroundCopyCallback, Change, Client, EventId, Guid, Hresult, Job, JobError, JobOptions, JobType, NotifyFlags, Validity, common::S_OK,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::{sync::mpsc, time::timeout};

use crate::{
    Outcome,
    arguments::Callbacks,
    ground::{Folder, progress},
    measure::{median, now},
    report::{Line, Report, Row},
    service::Service,
};
use origin::Origin;

pub(crate) use server::{be_bare, be_server};

/// Nothing takes longer.
const LIMIT: Duration = Duration::from_secs(120);

/// Clients that call at the same time.
const CALLS: usize = 64;

/// The size of the file whose last byte is waited for.
const SIZE: usize = 64 << 10;

/// The class whose server is this program.
const CLASS: &str = "f1c9d6a7-0b53-4a0e-9f43-5b9b7a5a7a11";

pub(crate) fn run(options: &Callbacks) -> Outcome {
    let folder = Folder::new(options.folder.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let service = Service::start(&runtime, &folder.path("state"), folder.program(), None)?;
    let client = service.client(&runtime)?;
    let origin = Origin::start(SIZE)?;
    let bench = Bench { folder, client, origin, events: options.events.max(1), starts: options.starts.max(1) };
    let mut report = Report::default();
    let syncs = bench.syncs()?;
    let rows = runtime.block_on(async {
        timeout(LIMIT * 5, async {
            let (row, soonest) = bench.object(syncs).await?;
            row.print();
            let started = bench.class(&service, soonest).await?;
            started.print();
            let many = bench.many(&service, options.count.max(1)).await?;
            many.print();
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>([row, started, many])
        })
        .await
    })??;
    report.rows.extend(rows);
    service.stop(&runtime)?;
    drop(bench);
    match &options.json {
        Some(path) => Ok(report.write(path)?),
        None => Ok(()),
    }
}

struct Bench {
    folder: Folder,
    client: Client,
    origin: Origin,
    events: usize,
    starts: usize,
}

/// Says when it was called.
struct Clock(mpsc::UnboundedSender<f64>);

impl BackgroundCopyCallback for Clock {
    async fn job_transferred(&self, _: Job, _: EventId) -> Hresult {
        self.called()
    }

    async fn job_error(&self, _: Job, _: JobError, _: EventId) -> Hresult {
        self.called()
    }
}

impl Clock {
    fn called(&self) -> Hresult {
        // The row may have been given up.
        let _ = self.0.send(now());
        S_OK
    }
}

impl Bench {
    async fn job(&self, name: &str, changes: Vec<Change>) -> Outcome<Job> {
        let job = self.client.create_job_with(name, JobType::Download, JobOptions { changes, ..JobOptions::default() }).await?;
        job.add_file(self.origin.url(), self.folder.path("fetched").join(name)).await?;
        Ok(job)
    }

    /// What the disk takes for what has to be durable before an owner is told: the file, its name, and
    /// the change of state with the notice. In milliseconds.
    fn syncs(&self) -> Outcome<f64> {
        let folder = self.folder.path("syncs");
        fs::create_dir(&folder)?;
        let mut log = File::create(folder.join("log"))?;
        let content = vec![7; SIZE];
        let times = (0..self.events).map(|number| -> Outcome<f64> {
            let mut file = File::create(folder.join(number.to_string()))?;
            file.write_all(&content)?;
            let began = now();
            file.sync_data()?;
            File::open(&folder)?.sync_all()?;
            log.write_all(&content[..16 << 10])?;
            log.sync_data()?;
            Ok(now() - began)
        });
        Ok(median(times.collect::<Outcome<Vec<_>>>()?))
    }

    /// From the last byte to `JobTransferred` in a connected client.
    async fn object(&self, syncs: f64) -> Outcome<(Row, f64)> {
        let mut times = Vec::new();
        for number in 0..self.events {
            progress(&format!("objects: event {} of {}", number + 1, self.events));
            let (sender, mut called) = mpsc::unbounded_channel();
            let job = self.job(&format!("object{number}"), vec![]).await?;
            job.set_notify_interface(Clock(sender)).await?;
            job.resume().await?;
            let called = called.recv().await.ok_or("the object was let go")?;
            times.push(called - self.origin.last_byte());
            job.complete().await?;
        }
        let middle = median(times.iter().copied());
        let mut row = Row {
            title: format!("from the last byte to JobTransferred in a connected client, {} jobs of {} KiB", self.events, SIZE >> 10),
            columns: vec!["median ms", "p95 ms"],
            ..Row::default()
        };
        row.lines.push(line("last byte to JobTransferred", &times));
        row.lines.push(Line { name: "the same syncs alone".into(), cells: vec![format!("{syncs:.2}"), String::new()] });
        row.remarks.push("the syncs: the file, its folder, and the store's log; nothing is told before they are done".into());
        row.at_most("median beyond the syncs", 2.0, middle - syncs, " ms");
        Ok((row, middle))
    }

    /// From the last byte to the method in a server that has to be started.
    async fn class(&self, service: &Service, object: f64) -> Outcome<Row> {
        let class: Guid = CLASS.parse()?;
        // Under its own name it is no `consign`.
        let program = env::current_exe()?.display().to_string();
        let answer = self.folder.path("answer");
        let class_file = format!("clsid = '{CLASS}'\nidle_stop = 0\nexec = [{program:?}, 'class-server', '{}']\n", answer.display());
        self.client.register_class(&class_file).await?;
        let (mut started, mut bare) = (Vec::new(), Vec::new());
        for number in 0..self.starts {
            progress(&format!("classes: start {} of {}", number + 1, self.starts));
            let job = self.job(&format!("class{number}"), vec![Change::NotificationClass(class)]).await?;
            job.resume().await?;
            job.wait(|snapshot| snapshot.state.is_final()).await?;
            started.push(fs::read_to_string(&answer)?.trim().parse::<f64>()? - self.origin.last_byte());
            while self.client.class(CLASS).await?.class.details.is_ok_and(|class| class.process.is_some()) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            // The same program does nothing but to connect.
            let began = now();
            let mut command = Command::new(env::current_exe()?);
            command.arg("bare-client").env("CONSIGN_SOCKET", service.folder().join("run/consign.sock"));
            let output = tokio::task::spawn_blocking(move || command.output()).await??;
            bare.push(String::from_utf8(output.stdout)?.trim().parse::<f64>()? - began);
        }
        let beyond = median(started.iter().copied()) - object - median(bare.iter().copied());
        let mut row = Row {
            title: format!("starting a class's server for an event, {} times", self.starts),
            columns: vec!["median ms", "p95 ms"],
            ..Row::default()
        };
        row.lines.push(line("last byte to the server's method", &started));
        row.lines.push(line("the process alone: start, connect", &bare));
        row.remarks.push("beyond: without the process alone, and without what a connected client waits for, too".into());
        row.at_most("method entered, beyond start and connect", 5.0, beyond, " ms");
        Ok(row)
    }

    /// Many jobs that come to an error at once: that needs no network.
    async fn many(&self, service: &Service, count: usize) -> Outcome<Row> {
        progress(&format!("{count} jobs are made"));
        let make = |number: usize| async move {
            let flags = Change::NotifyFlags(NotifyFlags::JOB_ERROR);
            let priority = Change::Priority(consign::Priority::Foreground);
            let job = self.job(&format!("many{number}"), vec![flags, priority]).await?;
            job.resume().await?;
            job.wait_until_ended_or_error().await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(job)
        };
        let jobs: Vec<Job> = stream::iter(0..count).map(make).buffer_unordered(16).try_collect().await?;
        let (sender, mut called) = mpsc::unbounded_channel();
        let clock = Arc::new(Clock(sender));
        for job in &jobs {
            job.set_notify_interface(Arc::clone(&clock)).await?;
        }
        progress(&format!("{count} jobs end"));
        // The calls of one connection are carried out one after the other.
        let mut enders = Vec::new();
        for _ in 0..CALLS {
            enders.push(crate::service::connect(service.folder(), self.folder.program()).await?);
        }
        let began = now();
        let end = async {
            let end = |(number, job): (usize, &Job)| {
                let job = enders[number % CALLS].job(job.id());
                async move { job.file(0).set_validation_state(Validity::Invalid).await.map(drop) }
            };
            stream::iter(jobs.iter().enumerate()).map(end).buffer_unordered(CALLS).try_collect::<()>().await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(now() - began)
        };
        let hear = async {
            for _ in 0..count {
                called.recv().await.ok_or("an object was let go")?;
            }
            Ok(now() - began)
        };
        let (ended, heard) = tokio::try_join!(end, hear)?;
        // The last ones may still be recorded as heard.
        for job in &jobs {
            job.wait(|snapshot| snapshot.notices_pending == 0).await?;
        }
        let rate = |time: f64| count as f64 / time * 1e3;
        let mut row = Row {
            title: format!("{count} jobs that come to an error at once, each told to an object"),
            columns: vec!["ms", "per second"],
            ..Row::default()
        };
        for (name, time) in [("calls that end them", ended), ("all told", heard)] {
            row.lines.push(Line { name: name.into(), cells: vec![format!("{time:.0}"), format!("{:.0}", rate(time))] });
        }
        row.remarks.push("each event is stored before it is told, and its row taken away after it was answered".into());
        row.at_least("notifications per second", 2000.0, rate(heard), "");
        Ok(row)
    }
}

fn line(name: &str, times: &[f64]) -> Line {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let p95 = sorted.get(sorted.len() * 95 / 100).or(sorted.last()).copied().unwrap_or(f64::NAN);
    Line { name: name.into(), cells: vec![format!("{:.2}", median(times.iter().copied())), format!("{p95:.2}")] }
}
