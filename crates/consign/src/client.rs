//! The client: what `IBackgroundCopyManager` is to BITS.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock, Weak},
};

use consign_bits::{JobId, JobType};
use consign_core::{Hresult, Paths};
use consign_wire::{JobRecord, names};
use serde::{Serialize, de::DeserializeOwned};
use zbus::{DynamicType, OwnedObjectPath, OwnedVariant, Type, Variant};

use crate::{
    Change, Error, Events, Interest, Job, JobSummary, Result, ServiceStatus,
    callbacks::{self, Callbacks},
    connection::{Connection, PROPERTIES},
    start,
};

/// Jobs asked for at once: an answer stays far below the limit of a message.
const PAGE: u32 = 500;

/// A connection to the service of this user. Clones share it.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    origin: Origin,
    connection: RwLock<Arc<Connection>>,
    callbacks: Arc<Callbacks>,
    /// One reconnects, the others wait and find it done.
    reconnecting: tokio::sync::Mutex<()>,
}

/// Where another connection comes from.
enum Origin {
    Service(Box<(Paths, ConnectOptions)>),
    /// Of a server that the service started: with the service, its work ends.
    Socket(PathBuf),
    #[cfg(feature = "embedded")]
    Embedded(Arc<crate::embedded::Host>),
}

/// How to reach the service.
#[derive(Clone, Debug, Default)]
pub struct ConnectOptions {
    /// The folders of the service; by default those that the environment names.
    pub paths: Option<Paths>,
    /// Whether to start the service when it is not running.
    pub start: StartPolicy,
    /// The `consign` program. By default `CONSIGN_PROGRAM`, the running program if it is
    /// `consign`, `consign` beside it, `consign` in `PATH`.
    pub program: Option<PathBuf>,
}

/// What to do when the service is not running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartPolicy {
    /// Start it and wait until it answers.
    #[default]
    OnDemand,
    /// Fail with [`Error::NotRunning`].
    Never,
}

/// What a new job begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobOptions {
    /// Properties to begin with. All of them hold, or no job is made.
    pub changes: Vec<Change>,
    /// What [`ProxyUsage::Preconfig`](crate::ProxyUsage::Preconfig) will mean for this job.
    pub proxy_environment: ProxyEnvironment,
}

/// The proxy variables that a job takes along: the service has an environment of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ProxyEnvironment {
    /// `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` of this process, the last three in
    /// capitals too.
    #[default]
    OfThisProcess,
    /// These, by lower-case name.
    Given(BTreeMap<String, String>),
}

/// Which jobs to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listing {
    /// Jobs that are not final: what `EnumJobs` lists.
    #[default]
    Live,
    /// Those, and the finished ones that are still remembered.
    All,
}

impl Client {
    /// Connects to the service of this user, and starts it if it is not running. In a server that a service
    /// has started it is that service: the one at `CONSIGN_SOCKET`.
    ///
    /// # Errors
    /// [`Error::NotStarted`], [`Error::NoFolder`], [`Error::ForeignService`], [`Error::Socket`],
    /// [`Error::Protocol`].
    pub async fn connect() -> Result<Self> {
        match std::env::var_os(names::SOCKET_VARIABLE) {
            Some(socket) => Self::of_socket(PathBuf::from(socket)).await,
            None => Self::connect_with(ConnectOptions::default()).await,
        }
    }

    /// Connects as `options` say.
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect), and [`Error::NotRunning`] with [`StartPolicy::Never`].
    pub async fn connect_with(options: ConnectOptions) -> Result<Self> {
        let paths = match &options.paths {
            Some(paths) => paths.clone(),
            None => Paths::from_environment(|name| std::env::var_os(name))?,
        };
        let origin = Origin::Service(Box::new((paths, options)));
        let connection = origin.connect().await?;
        Ok(Self::new(origin, connection))
    }

    fn new(origin: Origin, connection: Connection) -> Self {
        let callbacks = Arc::<Callbacks>::default();
        connection.serve(Arc::clone(&callbacks));
        let connection = RwLock::new(Arc::new(connection));
        Self(Arc::new(Inner { origin, connection, callbacks, reconnecting: tokio::sync::Mutex::default() }))
    }

    pub(crate) async fn of_socket(socket: PathBuf) -> Result<Self> {
        let origin = Origin::Socket(socket);
        let connection = origin.connect().await?;
        Ok(Self::new(origin, connection))
    }

    #[cfg(feature = "embedded")]
    pub(crate) async fn of_host(host: Arc<crate::embedded::Host>) -> Result<Self> {
        let origin = Origin::Embedded(host);
        let connection = origin.connect().await?;
        Ok(Self::new(origin, connection))
    }

    /// Connects again if the connection was closed, by the same rules as the first time. Jobs of
    /// this client work again afterwards, and its callback objects are registered again; streams of
    /// changes and events end, see [`Job::follow`].
    ///
    /// # Errors
    /// Those of [`connect_with`](Self::connect_with).
    pub async fn reconnect(&self) -> Result<()> {
        let _one_at_a_time = self.0.reconnecting.lock().await;
        if self.connection().is_closed() {
            let connection = Arc::new(self.0.origin.connect().await?);
            connection.serve(Arc::clone(&self.0.callbacks));
            *self.0.connection.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&connection);
            for (number, job) in self.0.callbacks.all() {
                match register(&connection, job, Some(number)).await {
                    // The job is gone, and with it what could be told.
                    Err(Error::Refused(_)) => self.0.callbacks.remove(number),
                    registered => registered?,
                }
            }
        }
        Ok(())
    }

    /// Waits until the connection is closed: the service ended or was killed.
    pub async fn closed(&self) {
        self.connection().closed().await;
    }

    /// `IBackgroundCopyManager::CreateJob`: an empty job in SUSPENDED. Names need not be unique.
    /// It takes along the proxy variables of this process, and its umask for the mode of finished
    /// files.
    ///
    /// # Errors
    /// `E_INVALIDARG` (name empty, over 256 characters, or with control characters), `E_NOTIMPL`
    /// (uploads), `BG_E_TOO_MANY_JOBS_PER_USER`, `BG_E_TOO_MANY_JOBS_PER_MACHINE`.
    pub async fn create_job(&self, display_name: &str, job_type: JobType) -> Result<Job> {
        self.create_job_with(display_name, job_type, JobOptions::default()).await
    }

    /// `IBackgroundCopyManager::CreateJob`, and the setters of `options` in the same step.
    ///
    /// # Errors
    /// Those of [`create_job`](Self::create_job) and of [`Job::set`].
    pub async fn create_job_with(&self, display_name: &str, job_type: JobType, options: JobOptions) -> Result<Job> {
        let mut values: HashMap<&str, Variant<'_>> = options.changes.iter().map(Change::to_wire).collect();
        let variables = match options.proxy_environment {
            ProxyEnvironment::OfThisProcess => proxy_variables(|name| std::env::var(name).ok()),
            ProxyEnvironment::Given(variables) => variables,
        };
        values.insert("ProxyEnvironment", variables.into());
        if let Some(umask) = umask() {
            values.insert("Umask", umask.into());
        }
        let body = (display_name, job_type.number(), values);
        let (_, id): (OwnedObjectPath, String) = self.call(names::MANAGER, "CreateJob", &body).await?;
        Ok(self.job(id.parse().map_err(Error::protocol)?))
    }

    /// The handle of a job, without asking whether there is one: what `GetJob` is for, calls tell.
    pub fn job(&self, id: JobId) -> Job {
        Job::new(self.clone(), id)
    }

    /// The job with this id, with an id that begins so, or with this display name; live jobs come
    /// before finished ones.
    ///
    /// # Errors
    /// `BG_E_NOT_FOUND`; `E_INVALIDARG` where several fit (the sentence lists them).
    pub async fn find(&self, text: &str) -> Result<Job> {
        let path: OwnedObjectPath = self.call(names::MANAGER, "FindJob", &text).await?;
        let id = names::job_of_path(path.as_str()).ok_or_else(|| Error::protocol(format!("{} is no job", path.as_str())))?;
        Ok(self.job(id))
    }

    /// `IBackgroundCopyManager::EnumJobs`, with what a list shows of each, in the order in which
    /// they were made.
    ///
    /// # Errors
    /// Only when the connection or the service fails.
    pub async fn jobs(&self, listing: Listing) -> Result<Vec<JobSummary>> {
        let flags = match listing {
            Listing::Live => 0,
            Listing::All => names::ENUM_FINISHED,
        };
        let mut jobs = Vec::new();
        loop {
            let start = u32::try_from(jobs.len()).unwrap_or(u32::MAX);
            let (page, total): (Vec<JobRecord>, u32) = self.call(names::MANAGER, "ListJobs", &(flags, start, PAGE)).await?;
            let ended = page.is_empty();
            for record in page {
                jobs.push(JobSummary::read(record)?);
            }
            if ended || jobs.len() >= total as usize {
                return Ok(jobs);
            }
        }
    }

    /// `IBackgroundCopyManager::GetErrorDescription`: the symbol of a code, and what it means.
    ///
    /// # Errors
    /// Only when the connection or the service fails.
    pub async fn error_description(&self, code: Hresult) -> Result<(String, String)> {
        self.call(names::MANAGER, "GetErrorDescription", &code.as_i32()).await
    }

    /// What the service is doing.
    ///
    /// # Errors
    /// Only when the connection or the service fails.
    pub async fn status(&self) -> Result<ServiceStatus> {
        let connection = self.connection();
        let all: HashMap<String, OwnedVariant> = connection.call(names::MANAGER_PATH, PROPERTIES, "GetAll", &names::SERVICE).await?;
        ServiceStatus::read(all)
    }

    /// Asks the service to end in order; jobs go on when it is started again.
    /// [`closed`](Self::closed) tells when it has ended.
    ///
    /// # Errors
    /// Only when the connection or the service fails.
    pub async fn stop(&self) -> Result<()> {
        self.call(names::SERVICE, "Stop", &()).await
    }

    /// What happens from now on.
    ///
    /// # Errors
    /// Only when the connection or the service fails.
    pub async fn events(&self, interest: Interest) -> Result<Events> {
        Events::open(self.connection(), interest).await
    }

    pub(crate) async fn call<B, R>(&self, interface: &str, method: &str, body: &B) -> Result<R>
    where
        B: Serialize + DynamicType + Sync,
        R: DeserializeOwned + Type,
    {
        self.connection().call(names::MANAGER_PATH, interface, method, body).await
    }

    pub(crate) fn callbacks(&self) -> &Callbacks {
        &self.0.callbacks
    }

    pub(crate) fn downgrade(&self) -> WeakClient {
        WeakClient(Arc::downgrade(&self.0))
    }

    pub(crate) fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.0.connection.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A client that is there as long as somebody else has it.
#[derive(Clone)]
pub(crate) struct WeakClient(Weak<Inner>);

impl WeakClient {
    pub(crate) fn upgrade(&self) -> Option<Client> {
        self.0.upgrade().map(Client)
    }
}

/// `SetNotifyInterface` with the object of this number, or none.
pub(crate) async fn register(connection: &Connection, job: JobId, object: Option<u64>) -> Result<()> {
    let path = object.map_or_else(|| "/".to_owned(), callbacks::path);
    let path = zbus::ObjectPath::try_from(path).map_err(Error::protocol)?;
    connection.call(&names::job_path(job), names::JOB, "SetNotifyInterface", &path).await
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("closed", &self.connection().is_closed()).finish_non_exhaustive()
    }
}

impl Origin {
    async fn connect(&self) -> Result<Connection> {
        match self {
            Self::Service(service) => {
                let (paths, options) = &**service;
                match (Connection::dial(&paths.socket()).await?, options.start) {
                    (Some(connection), _) => Ok(connection),
                    (None, StartPolicy::Never) => Err(Error::NotRunning),
                    (None, StartPolicy::OnDemand) => start::on_demand(paths, options.program.as_deref()).await,
                }
            }
            Self::Socket(socket) => Connection::dial(socket).await?.ok_or(Error::NotRunning),
            #[cfg(feature = "embedded")]
            Self::Embedded(host) => host.connect().await,
        }
    }
}

/// `HTTP_PROXY` in capitals is absent on purpose: in a CGI program it is a header of the request.
fn proxy_variables(variable: impl Fn(&str) -> Option<String>) -> BTreeMap<String, String> {
    let names =
        [("http_proxy", None), ("https_proxy", Some("HTTPS_PROXY")), ("all_proxy", Some("ALL_PROXY")), ("no_proxy", Some("NO_PROXY"))];
    let value = |lower: &str, upper: Option<&str>| variable(lower).or_else(|| upper.and_then(&variable)).filter(|value| !value.is_empty());
    names.into_iter().filter_map(|(lower, upper)| Some((lower.to_owned(), value(lower, upper)?))).collect()
}

/// The umask of this process. Read from `/proc`, because `umask(2)` can only be asked by setting
/// it, and other threads would make files meanwhile.
fn umask() -> Option<u32> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let digits = status.lines().find_map(|line| line.strip_prefix("Umask:"))?;
    u32::from_str_radix(digits.trim(), 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxy_variables_are_taken_by_lower_case_name() {
        let environment =
            HashMap::from([("http_proxy", "a"), ("HTTP_PROXY", "forged"), ("HTTPS_PROXY", "b"), ("no_proxy", "c"), ("NO_PROXY", "d")]);
        let variables = proxy_variables(|name| environment.get(name).map(ToString::to_string));
        let expected = [("http_proxy", "a"), ("https_proxy", "b"), ("no_proxy", "c")];
        assert_eq!(variables, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert!(proxy_variables(|name| (name == "HTTP_PROXY").then(|| "forged".into())).is_empty());
    }
}
