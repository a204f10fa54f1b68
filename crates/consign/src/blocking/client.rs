//! [`crate::Client`] without async.

use consign_bits::{JobId, JobType};
use consign_core::{Guid, Hresult};

use super::{Job, Runtime};
use crate::{
    Class, ClassReport, ClientEvent, ConnectOptions, Interest, JobOptions, JobSummary, Listing, Result, ServiceStatus, Unregister,
};

/// As [`crate::Client`].
#[derive(Clone)]
pub struct Client {
    pub(super) runtime: Runtime,
    pub(super) client: crate::Client,
}

impl Client {
    /// As [`crate::Client::connect`].
    ///
    /// # Errors
    /// As there.
    pub fn connect() -> Result<Self> {
        Self::connect_with(ConnectOptions::default())
    }

    /// As [`crate::Client::connect_with`].
    ///
    /// # Errors
    /// As there.
    pub fn connect_with(options: ConnectOptions) -> Result<Self> {
        let runtime = Runtime::new()?;
        let client = runtime.run(crate::Client::connect_with(options))?;
        Ok(Self { runtime, client })
    }

    /// As [`crate::Client::reconnect`].
    ///
    /// # Errors
    /// As there.
    pub fn reconnect(&self) -> Result<()> {
        self.runtime.run(self.client.reconnect())
    }

    /// As [`crate::Client::create_job`].
    ///
    /// # Errors
    /// As there.
    pub fn create_job(&self, display_name: &str, job_type: JobType) -> Result<Job> {
        self.create_job_with(display_name, job_type, JobOptions::default())
    }

    /// As [`crate::Client::create_job_with`].
    ///
    /// # Errors
    /// As there.
    pub fn create_job_with(&self, display_name: &str, job_type: JobType, options: JobOptions) -> Result<Job> {
        let job = self.runtime.run(self.client.create_job_with(display_name, job_type, options))?;
        Ok(Job::new(self.runtime.clone(), job))
    }

    /// As [`crate::Client::job`].
    pub fn job(&self, id: JobId) -> Job {
        Job::new(self.runtime.clone(), self.client.job(id))
    }

    /// As [`crate::Client::find`].
    ///
    /// # Errors
    /// As there.
    pub fn find(&self, text: &str) -> Result<Job> {
        Ok(Job::new(self.runtime.clone(), self.runtime.run(self.client.find(text))?))
    }

    /// As [`crate::Client::jobs`].
    ///
    /// # Errors
    /// As there.
    pub fn jobs(&self, listing: Listing) -> Result<Vec<JobSummary>> {
        self.runtime.run(self.client.jobs(listing))
    }

    /// As [`crate::Client::error_description`].
    ///
    /// # Errors
    /// As there.
    pub fn error_description(&self, code: Hresult) -> Result<(String, String)> {
        self.runtime.run(self.client.error_description(code))
    }

    /// As [`crate::Client::status`].
    ///
    /// # Errors
    /// As there.
    pub fn status(&self) -> Result<ServiceStatus> {
        self.runtime.run(self.client.status())
    }

    /// As [`crate::Client::stop`].
    ///
    /// # Errors
    /// As there.
    pub fn stop(&self) -> Result<()> {
        self.runtime.run(self.client.stop())
    }

    /// As [`crate::Client::register_class`].
    ///
    /// # Errors
    /// As there.
    pub fn register_class(&self, class_file: &str) -> Result<(Guid, String)> {
        self.runtime.run(self.client.register_class(class_file))
    }

    /// As [`crate::Client::unregister_class`].
    ///
    /// # Errors
    /// As there.
    pub fn unregister_class(&self, class: &str, unregister: Unregister) -> Result<()> {
        self.runtime.run(self.client.unregister_class(class, unregister))
    }

    /// As [`crate::Client::classes`].
    ///
    /// # Errors
    /// As there.
    pub fn classes(&self) -> Result<Vec<Class>> {
        self.runtime.run(self.client.classes())
    }

    /// As [`crate::Client::class`].
    ///
    /// # Errors
    /// As there.
    pub fn class(&self, class: &str) -> Result<ClassReport> {
        self.runtime.run(self.client.class(class))
    }

    /// As [`crate::Client::start_class`].
    ///
    /// # Errors
    /// As there.
    pub fn start_class(&self, class: &str) -> Result<()> {
        self.runtime.run(self.client.start_class(class))
    }

    /// As [`crate::Client::stop_class`].
    ///
    /// # Errors
    /// As there.
    pub fn stop_class(&self, class: &str) -> Result<()> {
        self.runtime.run(self.client.stop_class(class))
    }

    /// As [`crate::Client::events`].
    ///
    /// # Errors
    /// As there.
    pub fn events(&self, interest: Interest) -> Result<Events> {
        Ok(Events { events: self.runtime.run(self.client.events(interest))?, runtime: self.runtime.clone() })
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.client.fmt(f)
    }
}

/// As [`crate::Events`]: each step waits for the next event.
pub struct Events {
    events: crate::Events,
    runtime: Runtime,
}

impl Iterator for Events {
    type Item = Result<ClientEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        self.runtime.run(async { self.events.next().await.transpose() }).transpose()
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.events.fmt(f)
    }
}
