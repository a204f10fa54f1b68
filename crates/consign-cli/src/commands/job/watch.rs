//! `consign job watch`: all jobs, or some, as they change.

use std::{
    collections::{HashMap, HashSet},
    io::{self, Stdout},
    time::{Duration, Instant},
};

use consign::{AutoComplete, Client, ClientEvent, Events, Interest, JobId, JobState, JobSummary, Listing};

use crate::{
    console::{Console, Form},
    document,
    exit::Exit,
    problem::{Outcome, Problem},
    rate::Rate,
    screen::Screen,
    text::{cut, now, shown},
    view::{Line, Sparse, plain},
    wording,
};

/// The list is read at most this often, however much happens.
const PAUSE: Duration = Duration::from_millis(250);
/// How often the terminal is drawn again while nothing happens.
const TICK: Duration = Duration::from_secs(1);
/// How long an ended job stays on the screen.
const AFTERGLOW: Duration = Duration::from_secs(60);
/// A service that dies this often without a quiet moment is given up.
const RECONNECTS: u32 = 6;

pub(super) async fn run(client: &Client, names: &[String], console: &Console) -> Outcome {
    let mut wanted = HashSet::new();
    for name in names {
        wanted.insert(super::find(client, name).await?.id());
    }
    let mut watch = Watch { client, console, wanted, view: View::new(console) };
    let result = tokio::select! {
        result = watch.until_the_end() => result,
        _ = tokio::signal::ctrl_c() => Ok(Exit::Interrupted),
    };
    watch.view.screen.keep();
    if matches!(result, Ok(Exit::Interrupted)) && console.stdout.is_terminal {
        // The terminal has echoed the interrupt: what follows begins on a line of its own.
        console.line("")?;
    }
    result
}

struct Watch<'a> {
    client: &'a Client,
    console: &'a Console,
    /// Empty for all.
    wanted: HashSet<JobId>,
    view: View<'a>,
}

impl Watch<'_> {
    async fn until_the_end(&mut self) -> Outcome {
        let (mut deaths, mut since) = (0, Instant::now());
        loop {
            let error = match self.one_connection().await {
                Ok(Some(exit)) => return Ok(exit),
                Ok(None) => consign::Error::Disconnected,
                Err(Stop::Library(error)) => error,
                Err(Stop::Output(problem)) => return Err(problem),
            };
            if since.elapsed() > Duration::from_secs(10) {
                deaths = 0;
            }
            if !error.is_worth_retrying() || deaths >= RECONNECTS {
                return Err(Problem::of("the jobs could not be watched any longer", &error));
            }
            tokio::time::sleep(PAUSE * deaths * deaths).await;
            (deaths, since) = (deaths + 1, Instant::now());
            self.client.reconnect().await.map_err(|error| Problem::of("the service was not reached again", &error))?;
        }
    }

    /// `None` when the connection has ended.
    async fn one_connection(&mut self) -> Result<Option<Exit>, Stop> {
        // Subscribed before the list is read, so that nothing falls between the two.
        let mut events = self.client.events(Interest::Everything).await?;
        loop {
            let began = Instant::now();
            let jobs = self.jobs().await?;
            self.view.show(&jobs)?;
            if let Some(exit) = self.ended(&jobs).await? {
                return Ok(Some(exit));
            }
            if !self.something_new(&mut events).await? {
                return Ok(None);
            }
            // What happens in this pause is read with the next list.
            tokio::time::sleep(PAUSE.saturating_sub(began.elapsed())).await;
        }
    }

    /// The jobs to show. Those that have just ended are no longer listed, and are asked for once
    /// more, so that their end is seen.
    async fn jobs(&self) -> consign::Result<Vec<JobSummary>> {
        if !self.wanted.is_empty() {
            let mut jobs = self.client.jobs(Listing::All).await?;
            jobs.retain(|job| self.wanted.contains(&job.id));
            return Ok(jobs);
        }
        let live = self.client.jobs(Listing::Live).await?;
        let listed: HashSet<JobId> = live.iter().map(|job| job.id).collect();
        let gone: HashSet<JobId> = self.view.known.keys().filter(|id| !listed.contains(id)).copied().collect();
        let is_over = |id: &JobId| self.view.known.get(id).is_some_and(|known| known.over.is_some());
        let mut jobs = if gone.iter().all(is_over) { live } else { self.client.jobs(Listing::All).await? };
        jobs.retain(|job| !job.state.is_final() || gone.contains(&job.id));
        let told: HashSet<JobId> = jobs.iter().map(|job| job.id).collect();
        jobs.extend(self.view.recently_over().filter(|job| !told.contains(&job.id)).cloned());
        jobs.sort_by_key(|job| (job.created, job.id));
        Ok(jobs)
    }

    /// Whether all that were named have ended, or wait for their owner.
    async fn ended(&self, jobs: &[JobSummary]) -> consign::Result<Option<Exit>> {
        if self.wanted.is_empty() {
            return Ok(None);
        }
        let mut exit = if jobs.len() < self.wanted.len() { Exit::Failed } else { Exit::Done };
        for job in jobs {
            match job.state {
                JobState::Acknowledged => {}
                JobState::Error | JobState::Cancelled => exit = Exit::Failed,
                JobState::Transferred if self.client.job(job.id).snapshot().await?.auto_complete == AutoComplete::Off => {}
                _ => return Ok(None),
            }
        }
        Ok(Some(exit))
    }

    /// Waits until something happened to what is shown; `false` when the connection has ended.
    async fn something_new(&mut self, events: &mut Events) -> Result<bool, Stop> {
        let mut tick = tokio::time::interval(TICK);
        tick.tick().await;
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(Ok(ClientEvent::JobAdded(_))) if !self.wanted.is_empty() => {}
                    Some(Ok(ClientEvent::JobChanged(id) | ClientEvent::JobEnded(id))) if !self.wanted.is_empty() && !self.wanted.contains(&id) => {}
                    Some(Ok(_)) => return Ok(true),
                    Some(Err(_)) | None => return Ok(false),
                },
                _ = tick.tick(), if self.console.form == Form::People && self.console.stdout.is_terminal => self.view.redraw()?,
            }
        }
    }
}

/// Why watching stops.
enum Stop {
    Library(consign::Error),
    Output(Problem),
}

impl From<consign::Error> for Stop {
    fn from(error: consign::Error) -> Self {
        Self::Library(error)
    }
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Output(problem)
    }
}

/// What is known of a job beyond its latest summary.
#[derive(Debug)]
struct Known {
    rate: Rate,
    sparse: Sparse,
    summary: JobSummary,
    /// When its end was shown.
    over: Option<Instant>,
}

struct View<'a> {
    console: &'a Console,
    screen: Screen<Stdout>,
    known: HashMap<JobId, Known>,
    /// In the order of the list.
    order: Vec<JobId>,
}

impl<'a> View<'a> {
    fn new(console: &'a Console) -> Self {
        Self { console, screen: Screen::new(io::stdout()), known: HashMap::new(), order: Vec::new() }
    }

    /// Ended jobs stay on the screen for a while.
    fn recently_over(&self) -> impl Iterator<Item = &JobSummary> {
        self.known.values().filter(|known| known.over.is_some_and(|then| then.elapsed() < AFTERGLOW)).map(|known| &known.summary)
    }

    fn show(&mut self, jobs: &[JobSummary]) -> Outcome<()> {
        let at = Instant::now();
        self.order = jobs.iter().map(|job| job.id).collect();
        let listed: HashSet<JobId> = self.order.iter().copied().collect();
        self.known.retain(|id, _| listed.contains(id));
        for job in jobs {
            let known = self.known.entry(job.id).or_insert_with(|| Known {
                rate: Rate::default(),
                sparse: Sparse::new(),
                summary: job.clone(),
                over: None,
            });
            let changed = known.summary != *job || known.sparse.is_new();
            known.summary = job.clone();
            if job.state == JobState::Transferring {
                known.rate.add(at, job.progress.bytes_transferred);
            } else {
                known.rate.rest();
            }
            let line = Line::of_summary(job, &known.rate, &self.console.calendar, now());
            let worth = known.sparse.is_worth(&line, at);
            match self.console.form {
                Form::Programs if changed && known.over.is_none() => {
                    let event = if job.state.is_final() { "ended" } else { "changed" };
                    self.console.record(&document::Event::new(event, now(), document::Summary::from(job)))?;
                }
                Form::People if !self.console.stdout.is_terminal && worth && known.over.is_none() => {
                    let time = self.console.calendar.short(now(), now());
                    self.console.line(format!("{time} {} {}", wording::short(job.id), plain(&line)))?;
                }
                _ => {}
            }
            known.over = known.over.or(job.state.is_final().then_some(at));
        }
        if self.console.form == Form::People && self.console.stdout.is_terminal { self.redraw() } else { Ok(()) }
    }

    fn redraw(&mut self) -> Outcome<()> {
        let (columns, rows) = self.console.size();
        let digits = wording::id_length(self.order.iter().copied());
        let known: Vec<&Known> = self.order.iter().filter_map(|id| self.known.get(id)).collect();
        let mut lines = frame(&known, columns, digits, self.console);
        // The last row belongs to the cursor.
        let room = rows.saturating_sub(1).max(1);
        if lines.len() > room {
            let hidden = lines.len() - (room - 1);
            lines.truncate(room - 1);
            lines.push(cut(&format!("… and {hidden} more"), columns));
        }
        Ok(self.screen.draw(&lines)?)
    }
}

fn frame(jobs: &[&Known], columns: usize, digits: usize, console: &Console) -> Vec<String> {
    if jobs.is_empty() {
        return vec![cut("no jobs; interrupt to leave", columns)];
    }
    let lines: Vec<(String, Line)> = jobs
        .iter()
        .map(|known| {
            let id = shown(&known.summary.id.to_string()).chars().take(digits).collect();
            (id, Line::of_summary(&known.summary, &known.rate, &console.calendar, now()))
        })
        .collect();
    let names = lines.iter().map(|(_, line)| line.name_width()).max().unwrap_or(0);
    lines
        .into_iter()
        .map(|(id, line)| {
            // The colour is put on after the line was cut: it takes no columns.
            let text = cut(&format!("{id}  {}", line.fit(columns.saturating_sub(digits + 2), names)), columns);
            match line.state {
                JobState::Transferring | JobState::Connecting => text,
                state => console.stdout.paint(wording::colour(state), &text),
            }
        })
        .collect()
}
