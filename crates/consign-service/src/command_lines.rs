//! Command lines: the last that is started to hear a notice.

use std::{fmt, sync::Arc, time::Duration};

use consign_activation::{
    Environment, OutputLine, Policy,
    hook::{self, End},
};
use consign_bits::{ErrorContext, Failure, JobId};
use consign_core::{Clock, common};
use consign_transfer::{CommandLine, Telling, Told};
use tokio::task::spawn_blocking;

/// Runs command lines.
#[derive(Clone)]
pub struct CommandRunner {
    policy: Policy,
    environment: Environment,
    deadline: Duration,
    clock: Arc<dyn Clock>,
}

impl CommandRunner {
    /// Programs that `policy` allows, in what `environment` holds and `CONSIGN_JOB_ID`, killed at the
    /// deadline.
    pub fn new(policy: Policy, environment: Environment, deadline: Duration, clock: Arc<dyn Clock>) -> Self {
        Self { policy, environment, deadline, clock }
    }

    /// In the environment of this process, as far as it is kept.
    pub fn of_this_process(policy: Policy, deadline: Duration, clock: Arc<dyn Clock>) -> Self {
        Self::new(policy, environment_of_this_process(), deadline, clock)
    }

    /// Whether a job may name this program. May block: it looks at files.
    ///
    /// # Errors
    /// `E_ACCESSDENIED` where a rule forbids it, and what the system says of the file.
    pub fn check(&self, line: &CommandLine) -> Result<(), Failure> {
        match self.policy.check(&command(line, None)) {
            Ok(_) => Ok(()),
            Err(failure) => Err(Failure::new(failure.code, ErrorContext::None, failure.sentence)),
        }
    }

    /// Runs the program to its end.
    pub fn run(&self, job: JobId, line: CommandLine) -> Telling {
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
                    End::Exited(exit) => Told::Failed(format!("it ended with {exit}{}", last_words(&outcome.output))),
                    End::TimedOut => Told::Failed(format!("it was killed after {} s{}", deadline.as_secs(), last_words(&outcome.output))),
                },
                Err(failure) => Told::Failed(failure.sentence.into_owned()),
            }
        })
    }
}

impl fmt::Debug for CommandRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandRunner").field("policy", &self.policy).finish_non_exhaustive()
    }
}

/// The last line that a program wrote, short enough for a sentence.
fn last_words(output: &[OutputLine]) -> String {
    let words: Option<String> = output.last().map(|line| line.text.chars().filter(|character| !character.is_control()).take(200).collect());
    words.map(|words| format!("; it wrote last: {words}")).unwrap_or_default()
}

/// What is kept of this process's environment for what it starts.
pub(crate) fn environment_of_this_process() -> Environment {
    let environment = Environment::from_variables(std::env::vars_os());
    // So that a program that asks the service asks this one.
    match std::env::var_os("CONSIGN_DIR") {
        Some(folder) => environment.with("CONSIGN_DIR", folder),
        None => environment,
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

#[cfg(test)]
mod tests {
    use consign_activation::CommandLines;
    use consign_core::{Hresult, SystemClock};

    use super::*;

    fn line(program: &str, arguments: &[&str]) -> CommandLine {
        CommandLine { program: program.into(), arguments: arguments.iter().map(ToString::to_string).collect() }
    }

    fn runner(command_lines: CommandLines) -> CommandRunner {
        CommandRunner::new(Policy { command_lines }, Environment::default(), Duration::from_secs(30), Arc::new(SystemClock))
    }

    fn check(command_lines: CommandLines, program: &str) -> Result<(), Hresult> {
        runner(command_lines).check(&line(program, &[])).map_err(|failure| failure.code)
    }

    #[test]
    fn the_policy_decides_what_may_be_run() {
        assert_eq!(check(CommandLines::Allow, "/bin/sh"), Ok(()));
        assert_eq!(check(CommandLines::Listed(vec!["/bin/sh".into()]), "/bin/sh"), Ok(()));
        assert_eq!(check(CommandLines::Listed(vec![]), "/bin/sh"), Err(common::E_ACCESSDENIED));
        assert_eq!(check(CommandLines::Deny, "/bin/sh"), Err(common::E_ACCESSDENIED));
        assert_eq!(check(CommandLines::Allow, "sh"), Err(common::E_INVALIDARG));
        assert_eq!(check(CommandLines::Allow, "/no/such/program"), Err(common::ERROR_FILE_NOT_FOUND));
    }

    #[test]
    fn success_is_the_exit_status_0() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let job: JobId = "97184d0f-f7ef-413a-8c6d-c1745018b2e9".parse().unwrap();
        let run = |policy, script: &str| {
            let telling = runner(policy).run(job, line("/bin/sh", &["-c", script, "sh", "{job}"]));
            runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), telling).await.expect("the test takes too long") })
        };
        let success = Told::Answered { result: common::S_OK, object: None };
        assert_eq!(run(CommandLines::Allow, "test $1 = $CONSIGN_JOB_ID"), success);
        assert!(matches!(run(CommandLines::Allow, "exit 3"), Told::Failed(why) if why.contains('3')));
        assert!(matches!(run(CommandLines::Deny, "true"), Told::Failed(_)), "checked again when it is run");
    }
}
