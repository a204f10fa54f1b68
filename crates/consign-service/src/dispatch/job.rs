//! `org.consign.Job`: one job.

use consign_bits::{Failure, FileRange, JobId, bits};
use consign_core::Hresult;
use consign_transfer::{AutoComplete, JobView, NewFile, PlacedFiles, Validity};
use consign_wire::{ErrorRecord, FileRecord, NewFileRecord, RangeRecord, names};
use zbus::{OwnedObjectPath, Variant};

use super::{
    call::{Answer, Call},
    change::{self, Options},
    error::{CallError, Mistake},
    interface::{Interface, constant, method, told, writable},
    record, unanswered,
};

pub(super) static INTERFACE: Interface = Interface {
    name: names::JOB,
    methods: &[
        method("AddFile", &[("remote_name", "s"), ("local_name", "s")], &[]),
        method("AddFileSet", &[("files", "a(ss)")], &[]),
        method("AddFileWithRanges", &[("remote_name", "s"), ("local_name", "s"), ("ranges", "a(tt)")], &[]),
        method("AddFiles", &[("files", "a(saya(tt)s)")], &[]),
        method("Resume", &[], &[("result", "i")]),
        method("Suspend", &[], &[("result", "i")]),
        method("Complete", &[], &[("result", "i")]),
        method("Cancel", &[], &[("result", "i")]),
        method("GetError", &[], &[("error", "(uisssussx)")]),
        method("EnumFiles", &[("start", "u"), ("count", "u")], &[("files", "a(usayaya(tt)sttbuuu)")]),
        method("SetProperties", &[("properties", "a{sv}")], &[]),
        method("SetNotifyInterface", &[("object", "o")], &[]),
        method("SetValidationState", &[("file", "u"), ("valid", "b")], &[("result", "i")]),
    ],
    properties: &[
        constant("Id", "s"),
        constant("Owner", "u"),
        constant("Type", "u"),
        told("State", "u"),
        told("StateName", "s"),
        writable("DisplayName", "s"),
        writable("Description", "s"),
        writable("Priority", "u"),
        told("BytesTotal", "t"),
        told("BytesTransferred", "t"),
        told("FilesTotal", "u"),
        told("FilesTransferred", "u"),
        constant("CreationTime", "x"),
        told("ModificationTime", "x"),
        told("TransferCompletionTime", "x"),
        writable("MinimumRetryDelay", "u"),
        writable("NoProgressTimeout", "u"),
        writable("MaximumDownloadTime", "u"),
        writable("AutoComplete", "b"),
        writable("NotifyFlags", "u"),
        writable("Proxy", "(uss)"),
        writable("SecurityFlags", "u"),
        told("NotifyInterface", "b"),
        writable("NotificationClsid", "s"),
        writable("NotifyCmdLine", "as"),
        writable("MinimumNotificationInterval", "u"),
        told("PendingNotices", "u"),
        told("NotToldBecause", "s"),
        told("NextNotification", "x"),
        told("ErrorCount", "u"),
        told("Error", "(uisssussx)"),
        told("WaitingBecause", "s"),
        told("NextAttempt", "x"),
        told("Remark", "s"),
    ],
    signals: &[],
};

/// How many files one answer holds.
const MOST_FILES: u32 = 512;

pub(super) async fn call(call: &Call<'_>) -> Answer {
    let Some(job) = names::job_of_path(call.path) else {
        return Err(Mistake::UnknownObject.because(format!("there is no object {}", call.path)));
    };
    let engine = &call.shared.engine;
    match call.member {
        "AddFile" => add_file(call, job).await,
        "AddFileSet" => add_file_set(call, job).await,
        "AddFileWithRanges" => add_file_with_ranges(call, job).await,
        "AddFiles" => add_files(call, job).await,
        "Resume" => result(call, call.ask(engine.resume(job)).await),
        "Suspend" => result(call, call.ask(engine.suspend(job)).await),
        "Complete" => result(call, engine.complete(job).await),
        "Cancel" => result(call, engine.cancel(job).await),
        "GetError" => get_error(call, job).await,
        "EnumFiles" => enum_files(call, job).await,
        "SetProperties" => set_properties(call, job).await,
        "SetNotifyInterface" => set_notify_interface(call, job).await,
        "SetValidationState" => set_validation_state(call, job).await,
        _ => Err(unanswered(call)),
    }
}

/// The value of a property.
pub(super) fn value(view: &JobView, property: &str) -> Option<Variant<'static>> {
    Some(match property {
        "Id" => view.id.to_string().into(),
        "Owner" => view.owner.into(),
        "Type" => view.job_type.number().into(),
        "State" => view.state.number().into(),
        "StateName" => view.state.name().into(),
        "DisplayName" => view.display_name.clone().into(),
        "Description" => view.description.clone().into(),
        "Priority" => view.priority.number().into(),
        "BytesTotal" => record::size(view.progress.bytes_total).into(),
        "BytesTransferred" => view.progress.bytes_transferred.into(),
        "FilesTotal" => view.progress.files_total.into(),
        "FilesTransferred" => view.progress.files_transferred.into(),
        "CreationTime" => view.created.as_millis().into(),
        "ModificationTime" => view.modified.as_millis().into(),
        "TransferCompletionTime" => record::time(view.transferred).into(),
        "MinimumRetryDelay" => view.minimum_retry_delay.into(),
        "NoProgressTimeout" => view.no_progress_timeout.into(),
        "MaximumDownloadTime" => view.maximum_download_time.into(),
        "AutoComplete" => (view.auto_complete == AutoComplete::On).into(),
        "NotifyFlags" => view.notify_flags.bits().into(),
        "Proxy" => record::proxy(view).into(),
        "SecurityFlags" => view.security_flags.bits().into(),
        "NotifyInterface" => view.has_object.into(),
        "NotificationClsid" => view.notification_class.map(|class| class.to_string()).unwrap_or_default().into(),
        "NotifyCmdLine" => record::command_line(view.command_line.as_ref()).into(),
        "MinimumNotificationInterval" => view.notification_interval.into(),
        "PendingNotices" => view.notices_pending.into(),
        "NotToldBecause" => view.not_told_because.clone().unwrap_or_default().into(),
        "NextNotification" => record::time(view.next_notification).into(),
        "ErrorCount" => view.error_count.into(),
        "Error" => record::error(view.error.as_ref()).into(),
        "WaitingBecause" => view.waiting_because.clone().unwrap_or_default().into(),
        "NextAttempt" => record::time(view.next_attempt).into(),
        "Remark" => view.remark.clone().unwrap_or_default().into(),
        _ => return None,
    })
}

async fn add_file(call: &Call<'_>, job: JobId) -> Answer {
    let (remote_name, local_name): (String, String) = call.arguments()?;
    add(call, job, vec![named(remote_name, local_name, Vec::new())?]).await
}

async fn add_file_set(call: &Call<'_>, job: JobId) -> Answer {
    let (files,): (Vec<(String, String)>,) = call.arguments()?;
    let files = files.into_iter().map(|(remote_name, local_name)| named(remote_name, local_name, Vec::new()));
    add(call, job, files.collect::<Result<_, _>>()?).await
}

async fn add_file_with_ranges(call: &Call<'_>, job: JobId) -> Answer {
    let (remote_name, local_name, ranges): (String, String, Vec<RangeRecord>) = call.arguments()?;
    add(call, job, vec![named(remote_name, local_name, ranges.iter().map(record::range).collect())?]).await
}

async fn add_files(call: &Call<'_>, job: JobId) -> Answer {
    let (files,): (Vec<NewFileRecord>,) = call.arguments()?;
    add(call, job, files.into_iter().map(record::new_file).collect::<Result<_, _>>()?).await
}

fn named(remote_name: String, local_name: String, ranges: Vec<FileRange>) -> Result<NewFile, CallError> {
    Ok(NewFile { remote_name, local_name: record::local_name(local_name.into_bytes())?, ranges, checksum: None })
}

async fn add(call: &Call<'_>, job: JobId, files: Vec<NewFile>) -> Answer {
    let files = PlacedFiles::look(files).await?;
    call.ask(call.shared.engine.add_placed_files(job, files)).await?;
    call.answer(&())
}

fn result(call: &Call<'_>, result: Result<Hresult, Failure>) -> Answer {
    call.answer(&(result?.as_i32(),))
}

async fn get_error(call: &Call<'_>, job: JobId) -> Answer {
    let view = call.shared.engine.job(job).await?;
    let Some(error) = &view.error else {
        return Err(Failure::refused(bits::BG_E_ERROR_INFORMATION_UNAVAILABLE, "the job has no error").into());
    };
    let error: ErrorRecord = record::error(Some(error));
    call.answer(&(error,))
}

async fn enum_files(call: &Call<'_>, job: JobId) -> Answer {
    let (start, count): (u32, u32) = call.arguments()?;
    let files = call.shared.engine.files(job, start, count.min(MOST_FILES)).await?;
    let files: Vec<FileRecord> = files.into_iter().map(record::file).collect();
    call.answer(&(files,))
}

async fn set_properties(call: &Call<'_>, job: JobId) -> Answer {
    let (properties,): (Options<'_>,) = call.arguments()?;
    let changes = change::all(properties)?;
    call.shared.receivers.check(&changes).await?;
    call.shared.engine.change(job, changes).await?;
    call.answer(&())
}

/// The path `/` stands for no object.
async fn set_notify_interface(call: &Call<'_>, job: JobId) -> Answer {
    let (path,): (OwnedObjectPath,) = call.arguments()?;
    let path = (path.as_str() != "/").then_some(path);
    call.shared.receivers.set(&call.shared.engine, job, call.peer, path).await?;
    call.answer(&())
}

async fn set_validation_state(call: &Call<'_>, job: JobId) -> Answer {
    let (file, valid): (u32, bool) = call.arguments()?;
    let validity = if valid { Validity::Valid } else { Validity::Invalid };
    result(call, call.shared.engine.validate(job, file, validity).await)
}
