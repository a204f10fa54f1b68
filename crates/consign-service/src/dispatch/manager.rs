//! `org.consign.Manager`: all jobs.

use std::collections::BTreeMap;

use consign_bits::{Failure, JobId, JobType, bits, describe};
use consign_core::{Hresult, common};
use consign_transfer::{Listing, NewJob};
use consign_wire::{JobRecord, names};

use super::{
    call::{Answer, Call},
    change::{self, Options},
    error::{CallError, Mistake, invalid},
    interface::{Interface, Signal, method},
    record, unanswered,
};

pub(super) static INTERFACE: Interface = Interface {
    name: names::MANAGER,
    methods: &[
        method("CreateJob", &[("display_name", "s"), ("type", "u"), ("options", "a{sv}")], &[("job", "o"), ("id", "s")]),
        method("GetJob", &[("id", "s")], &[("job", "o")]),
        method("FindJob", &[("text", "s")], &[("job", "o")]),
        method("EnumJobs", &[("flags", "u")], &[("jobs", "ao")]),
        method("ListJobs", &[("flags", "u"), ("start", "u"), ("count", "u")], &[("jobs", "a(ossuuuttuuxxissx)"), ("total", "u")]),
        method("GetErrorDescription", &[("code", "i")], &[("symbol", "s"), ("sentence", "s")]),
    ],
    properties: &[],
    signals: &[Signal { name: "JobAdded", arguments: &[("job", "o")] }, Signal { name: "JobEnded", arguments: &[("job", "o")] }],
};

/// How many jobs one answer to `ListJobs` holds.
const MOST_JOBS: usize = 4096;

/// The longest text that is looked for, in bytes: a display name in its longest characters.
const LONGEST_TEXT: usize = 4 * consign_bits::limits::DISPLAY_NAME;

pub(super) async fn call(call: &Call<'_>) -> Answer {
    match call.member {
        "CreateJob" => create_job(call).await,
        "GetJob" => get_job(call).await,
        "FindJob" => find_job(call).await,
        "EnumJobs" => enum_jobs(call).await,
        "ListJobs" => list_jobs(call).await,
        "GetErrorDescription" => get_error_description(call),
        _ => Err(unanswered(call)),
    }
}

async fn create_job(call: &Call<'_>) -> Answer {
    let (display_name, job_type, mut options): (String, u32, Options<'_>) = call.arguments()?;
    let job_type = JobType::try_from(job_type).map_err(|error| invalid(error.to_string()))?;
    let proxy_environment: BTreeMap<String, String> = match options.remove("ProxyEnvironment") {
        Some(value) if value.value_signature() == "a{ss}" => value.downcast()?,
        Some(_) => return Err(Mistake::InvalidArgs.because("ProxyEnvironment takes \"a{ss}\"")),
        None => BTreeMap::new(),
    };
    let umask: Option<u32> = match options.remove("Umask") {
        Some(value) if value.value_signature() == "u" => Some(value.downcast()?),
        Some(_) => return Err(Mistake::InvalidArgs.because("Umask takes \"u\"")),
        None => None,
    };
    let changes = change::all(options)?;
    call.shared.receivers.check(&changes).await?;
    // The owner is who the kernel says is calling, whatever the caller says.
    let new = NewJob { display_name, job_type: Some(job_type), owner: call.peer.uid, changes, proxy_environment, umask };
    let job = call.ask(call.shared.engine.create_job(new)).await?;
    call.answer(&(path(job)?, job.to_string()))
}

async fn get_job(call: &Call<'_>) -> Answer {
    let (id,): (&str,) = call.arguments()?;
    let job: JobId = id.parse().map_err(|_| invalid("the id of a job has 32 hexadecimal digits"))?;
    let view = call.shared.engine.job(job).await?;
    if view.state.is_final() {
        return Err(Failure::refused(bits::BG_E_NOT_FOUND, "the job has ended").into());
    }
    call.answer(&(path(job)?,))
}

async fn find_job(call: &Call<'_>) -> Answer {
    let (text,): (&str,) = call.arguments()?;
    if text.len() > LONGEST_TEXT {
        return Err(invalid("no name of a job is that long"));
    }
    call.answer(&(path(call.shared.engine.find(text).await?)?,))
}

async fn enum_jobs(call: &Call<'_>) -> Answer {
    let (flags,): (u32,) = call.arguments()?;
    let jobs = call.shared.engine.job_ids(listing(flags)?).await?;
    call.answer(&(jobs.into_iter().map(path).collect::<Result<Vec<_>, _>>()?,))
}

async fn list_jobs(call: &Call<'_>) -> Answer {
    let (flags, start, count): (u32, u32, u32) = call.arguments()?;
    let (start, count) = (usize::try_from(start).unwrap_or(usize::MAX), usize::try_from(count).unwrap_or(usize::MAX));
    let page = start..start.saturating_add(count.min(MOST_JOBS));
    let (jobs, total) = call.shared.engine.page_of_jobs(listing(flags)?, page).await?;
    let page: Vec<JobRecord> = jobs.iter().map(record::job).collect::<Result<_, _>>()?;
    call.answer(&(page, u32::try_from(total).unwrap_or(u32::MAX)))
}

fn listing(flags: u32) -> Result<Listing, CallError> {
    match flags & !names::ENUM_ALL_USERS {
        0 => Ok(Listing::Live),
        names::ENUM_FINISHED => Ok(Listing::All),
        _ => Err(Failure::refused(common::E_INVALIDARG, "the flags have an unknown bit").into()),
    }
}

fn get_error_description(call: &Call<'_>) -> Answer {
    let (code,): (i32,) = call.arguments()?;
    let description = describe(Hresult::from_i32(code));
    call.answer(&(description.symbol.into_owned(), description.sentence.into_owned()))
}

fn path(job: JobId) -> Result<zbus::OwnedObjectPath, CallError> {
    Ok(zbus::ObjectPath::try_from(names::job_path(job))?.into())
}
