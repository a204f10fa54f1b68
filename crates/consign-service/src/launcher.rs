//! What is started to hear a notice: command lines.
//!
//! Classes are refused: whoever has a registry of them implements [`Launcher`] and says otherwise.

use std::{fmt, sync::Arc, time::Duration};

use consign_activation::{
    Environment, Policy,
    hook::{self, End},
};
use consign_bits::{ErrorContext, Failure, JobId};
use consign_core::{Clock, Guid, common};
use consign_transfer::{CommandLine, Notice, Telling, Told};
use tokio::task::spawn_blocking;

/// Starts what is not running.
pub trait Launcher: Send + Sync + 'static {
    /// Whether a job may name this class.
    ///
    /// # Errors
    /// `REGDB_E_CLASSNOTREG` where it is not registered as an out-of-process server.
    fn check_class(&self, class: Guid) -> Result<(), Failure>;

    /// Whether a job may name this program. May block: it looks at files.
    ///
    /// # Errors
    /// `E_ACCESSDENIED` where a rule forbids it, and what the system says of the file.
    fn check_command_line(&self, line: &CommandLine) -> Result<(), Failure>;

    /// Makes an object of the class and tells that.
    fn activate(&self, job: JobId, notice: Notice, class: Guid) -> Telling;

    /// Runs the program to its end.
    fn run(&self, job: JobId, line: CommandLine) -> Telling;
}

/// Runs command lines; has no classes.
pub struct CommandLauncher {
    policy: Policy,
    environment: Environment,
    deadline: Duration,
    clock: Arc<dyn Clock>,
}

impl CommandLauncher {
    /// Programs that `policy` allows, in what `environment` holds and `CONSIGN_JOB_ID`, killed at the
    /// deadline.
    pub fn new(policy: Policy, environment: Environment, deadline: Duration, clock: Arc<dyn Clock>) -> Self {
        Self { policy, environment, deadline, clock }
    }

    /// In the environment of this process, as far as it is kept.
    pub fn of_this_process(policy: Policy, deadline: Duration, clock: Arc<dyn Clock>) -> Self {
        let environment = Environment::from_variables(std::env::vars_os());
        // So that a program that asks the service asks this one.
        let environment = match std::env::var_os("CONSIGN_DIR") {
            Some(folder) => environment.with("CONSIGN_DIR", folder),
            None => environment,
        };
        Self::new(policy, environment, deadline, clock)
    }
}

impl Launcher for CommandLauncher {
    fn check_class(&self, class: Guid) -> Result<(), Failure> {
        Err(Failure::refused(common::REGDB_E_CLASSNOTREG, format!("the class {class} is not registered")))
    }

    fn check_command_line(&self, line: &CommandLine) -> Result<(), Failure> {
        match self.policy.check(&command(line, None)) {
            Ok(_) => Ok(()),
            Err(failure) => Err(Failure::new(failure.code, ErrorContext::None, failure.sentence)),
        }
    }

    fn activate(&self, _: JobId, _: Notice, class: Guid) -> Telling {
        Box::pin(async move { Told::Failed(format!("the class {class} is not registered")) })
    }

    fn run(&self, job: JobId, line: CommandLine) -> Telling {
        let (policy, deadline, clock) = (self.policy.clone(), self.deadline, Arc::clone(&self.clock));
        let environment = self.environment.clone().with("CONSIGN_JOB_ID", job.to_string());
        Box::pin(async move {
            let checked = spawn_blocking(move || policy.check(&command(&line, Some(job)))).await;
            let program = match checked {
                Ok(Ok(program)) => program,
                Ok(Err(failure)) => return Told::Failed(failure.sentence.into_owned()),
                Err(_) => return Told::Failed("the program could not be looked at".into()),
            };
            match hook::run(program, environment, deadline, &*clock).await {
                Ok(outcome) => match outcome.end {
                    End::Exited(exit) if exit.is_success() => Told::Answered { result: common::S_OK, object: None },
                    End::Exited(exit) => Told::Failed(format!("the command ended with {exit}")),
                    End::TimedOut => Told::Failed(format!("the command was killed after {} s", deadline.as_secs())),
                },
                Err(failure) => Told::Failed(failure.sentence.into_owned()),
            }
        })
    }
}

impl fmt::Debug for CommandLauncher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandLauncher").field("policy", &self.policy).finish_non_exhaustive()
    }
}

/// Program and arguments, with the job's id where an argument asks for it.
fn command(line: &CommandLine, job: Option<JobId>) -> Vec<String> {
    let argument = |argument: &String| match job {
        Some(job) => argument.replace("{job}", &job.to_string()),
        None => argument.clone(),
    };
    std::iter::once(line.program.clone()).chain(line.arguments.iter().map(argument)).collect()
}
