//! What went wrong, as it is told at the edge: what failed, why, what to do.

use std::io;

use consign::{ErrorContext, Failure, Hresult, describe};
use serde::Serialize;

use crate::{exit::Exit, text::shown};

/// What every command returns.
pub(crate) type Outcome<T = Exit> = Result<T, Problem>;

/// Something to tell and an exit status.
#[derive(Debug)]
pub(crate) enum Problem {
    /// To be told.
    Told(Box<Told>),
    /// Whoever read our output has gone. Nobody is left to tell.
    BrokenPipe,
}

/// What failed, why, what to do.
#[derive(Debug)]
pub(crate) struct Told {
    exit: Exit,
    what: String,
    why: String,
    cause: Option<(Hresult, ErrorContext)>,
    help: Option<String>,
}

#[derive(Serialize)]
struct Document<'a> {
    what: &'a str,
    code: Option<String>,
    symbol: Option<String>,
    sentence: &'a str,
    context: &'static str,
    help: Option<&'a str>,
}

impl Problem {
    /// The command line asks for something that cannot be meant.
    pub(crate) fn usage(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Told(Box::new(Told { exit: Exit::Usage, what: what.into(), why: why.into(), cause: None, help: None }))
    }

    /// `what` was not done because of `why`.
    pub(crate) fn failed(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Told(Box::new(Told { exit: Exit::Failed, what: what.into(), why: why.into(), cause: None, help: None }))
    }

    /// `what` was not done, for a reason of the library.
    pub(crate) fn of(what: impl Into<String>, error: &consign::Error) -> Self {
        let mut why = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            why = format!("{why}: {cause}");
            source = cause.source();
        }
        let told = Told {
            exit: Exit::Failed,
            what: what.into(),
            why,
            cause: Some((error.code(), error.context())),
            help: help_for(error).map(str::to_owned),
        };
        Self::Told(Box::new(told))
    }

    /// A job failed.
    pub(crate) fn of_failure(what: impl Into<String>, failure: &Failure) -> Self {
        let told = Told {
            exit: Exit::Failed,
            what: what.into(),
            why: failure.sentence.to_string(),
            cause: Some((failure.code, failure.context)),
            help: None,
        };
        Self::Told(Box::new(told))
    }

    /// Of a line of input, counted from 1.
    pub(crate) fn at_line(mut self, line: u64) -> Self {
        if let Self::Told(told) = &mut self {
            told.what = format!("line {line}: {}", told.what);
        }
        self
    }

    /// With the reason in other words.
    pub(crate) fn because(mut self, why: impl Into<String>) -> Self {
        if let Self::Told(told) = &mut self {
            told.why = why.into();
        }
        self
    }

    /// With a word on what to do.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        if let Self::Told(told) = &mut self {
            told.help = Some(help.into());
        }
        self
    }

    /// How the command ends because of it.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Told(told) => told.exit,
            Self::BrokenPipe => Exit::Done,
        }
    }

    /// The lines for stderr; none where nobody is to be told.
    pub(crate) fn for_people(&self, label: impl Fn(&str) -> String) -> Option<String> {
        let Self::Told(told) = self else { return None };
        let code = told.cause.map(|(code, _)| {
            let symbol = describe(code).symbol;
            // A code without a symbol is its own symbol.
            if symbol.starts_with("0x") { format!(" ({symbol})") } else { format!(" ({symbol} {code})") }
        });
        let mut text = format!("{} {}: {}{}\n", label("error:"), shown(&told.what), shown(&told.why), code.unwrap_or_default());
        if let Some((_, context)) = told.cause
            && context != ErrorContext::None
        {
            text += &format!("{} {}\n", label("where:"), context.sentence());
        }
        if let Some(help) = &told.help {
            text += &format!("{} {}\n", label("help:"), shown(help));
        }
        Some(text)
    }

    /// The line for stderr with `--json`.
    pub(crate) fn for_programs(&self) -> Option<String> {
        let Self::Told(told) = self else { return None };
        let document = Document {
            what: &told.what,
            code: told.cause.map(|(code, _)| code.to_string()),
            symbol: told.cause.map(|(code, _)| describe(code).symbol.into_owned()),
            sentence: &told.why,
            context: told.cause.map_or(ErrorContext::None, |(_, context)| context).name(),
            help: told.help.as_deref(),
        };
        serde_json::to_string(&document).ok().map(|line| line + "\n")
    }
}

impl From<io::Error> for Problem {
    /// Errors of our own output: whatever else we read or write has words of its own.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::BrokenPipe
        } else {
            Self::failed("the output could not be written", error.to_string())
        }
    }
}

fn help_for(error: &consign::Error) -> Option<&'static str> {
    use consign::{Error, bits, common};
    match error {
        Error::NotRunning => Some("`consign service start` starts it"),
        Error::NotStarted { .. } => Some("`consign service run` in a terminal shows what it says"),
        Error::Disconnected => Some("jobs go on when the service runs again: `consign service start`"),
        Error::Refused(failure) => match failure.code {
            bits::BG_E_NOT_FOUND => Some("`consign job list --all` lists the jobs"),
            bits::BG_E_EMPTY => Some("`consign job add JOB URL PATH` adds a file"),
            bits::BG_E_INVALID_STATE => Some("`consign job show JOB` tells its state"),
            bits::BG_E_TOO_MANY_JOBS_PER_USER => Some("`consign job cancel JOB` or `consign job complete JOB` ends one"),
            common::REGDB_E_CLASSNOTREG | common::CO_E_CLASSSTRING => Some("`consign class list` lists the classes"),
            common::MQ_ERROR_QUEUE_NOT_FOUND => Some("`consign queue list` lists the queues"),
            common::MQ_ERROR_MESSAGE_NOT_FOUND => Some("`consign queue peek QUEUE` shows the messages of a queue"),
            common::REGDB_E_IIDNOTREG => Some("`consign component show CLASS` lists the interfaces of a component"),
            common::CO_E_SERVER_EXEC_FAILURE => Some("`consign class show CLASS` shows what its server wrote"),
            common::ERROR_PATH_NOT_FOUND => Some("make the folder first"),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consign::bits;

    fn not_found() -> Problem {
        let failure = Failure::of(bits::http_error(404), ErrorContext::RemoteFile);
        Problem::of_failure("a\x1b[31m was not fetched", &failure).help("try again")
    }

    #[test]
    fn people_read_what_why_and_what_to_do() {
        assert_eq!(
            not_found().for_people(str::to_owned).unwrap(),
            "error: a\\u{1b}[31m was not fetched: the server has no such file (BG_E_HTTP_ERROR_404 0x80190194)\n\
             where: the error occurred while the remote file was being processed\n\
             help: try again\n"
        );
    }

    #[test]
    fn programs_read_one_object() {
        let line = not_found().for_programs().unwrap();
        let document: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(document["code"], "0x80190194");
        assert_eq!(document["symbol"], "BG_E_HTTP_ERROR_404");
        assert_eq!(document["context"], "remote-file");
        assert_eq!(document["sentence"], "the server has no such file");
    }

    #[test]
    fn a_reader_that_left_is_told_nothing() {
        let problem = Problem::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((problem.exit(), problem.for_people(str::to_owned)), (Exit::Done, None));
    }
}
