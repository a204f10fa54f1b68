//! Names of objects, interfaces, methods and properties.

use consign_bits::JobId;
use consign_core::Guid;

/// The one well-known name, for clients that ask who owns it.
pub const SERVICE_NAME: &str = "org.consign";

/// The object with the interfaces [`MANAGER`] and [`SERVICE`].
pub const MANAGER_PATH: &str = "/org/consign/Manager";

/// What stands before the 32 digits of a job's id.
pub const JOB_PATH_PREFIX: &str = "/org/consign/job/";

/// What stands before the number of a recorder.
pub const RECORDER_PATH_PREFIX: &str = "/org/consign/recorder/";

/// `IBackgroundCopyManager`.
///
/// | member | in | out | |
/// | --- | --- | --- | --- |
/// | `CreateJob` | `s` display name, `u` type, `a{sv}` options | `o`, `s` id | options: the writable properties of a job, `ProxyEnvironment` `a{ss}`, and `Umask` `u` for the mode of finished files |
/// | `GetJob` | `s` id | `o` | live jobs only, as BITS has it |
/// | `FindJob` | `s` id, beginning of an id, or display name | `o` | finished jobs too |
/// | `EnumJobs` | `u` [`ENUM_ALL_USERS`], [`ENUM_FINISHED`] | `ao` | |
/// | `ListJobs` | `u` flags, `u` start, `u` count | `a` [`JobRecord`](crate::JobRecord), `u` total | |
/// | `GetErrorDescription` | `i` code | `s` symbol, `s` sentence | |
/// | signal `JobAdded` | | `o` | |
/// | signal `JobEnded` | | `o` | ACKNOWLEDGED or CANCELLED |
///
/// `ListJobs` may answer fewer than were asked for (at most 4096); the total says whether there are
/// more.
pub const MANAGER: &str = "org.consign.Manager";

/// The service itself, at [`MANAGER_PATH`].
///
/// | member | type | |
/// | --- | --- | --- |
/// | `Stop` | → | ends the service in order, and answers before; `CO_E_NOT_SUPPORTED` where the engine is embedded |
/// | property `Version` | `s` | |
/// | property `ProcessId` | `u` | |
/// | property `StateFolder` | `s` | |
/// | property `Started` | `x` | |
/// | property `Connections` | `u` | the asking one included |
/// | property `JobsByState` | `a{su}` | by [`JobState::name`](consign_bits::JobState::name) |
/// | property `Orphans` | `as` | temporary files that a lost database left behind |
/// | property `SetAside` | `s` | where an unreadable database was put at this start |
pub const SERVICE: &str = "org.consign.Service";

/// `IBackgroundCopyJob` to `Job5`, as far as they are about files.
///
/// Methods: `AddFile(ss)`, `AddFileSet(a(ss))`, `AddFileWithRanges(ssa(tt))`,
/// `AddFiles(a` [`NewFileRecord`](crate::NewFileRecord) `)`, `Resume() → i`, `Suspend() → i`,
/// `Complete() → i`, `Cancel() → i`, `GetError() →` [`ErrorRecord`](crate::ErrorRecord),
/// `EnumFiles(u start, u count) → a` [`FileRecord`](crate::FileRecord), `SetProperties(a{sv})`
/// (all or none), `SetNotifyInterface(o)` (an object of the caller with [`CALLBACK`]; `/` for none),
/// `SetValidationState(u file, b valid) → i`. `EnumFiles` may answer fewer than were asked for (at most 512); an empty answer is
/// the end. `GetError` of a job without error is `BG_E_ERROR_INFORMATION_UNAVAILABLE`.
///
/// Properties, writable ones marked *: `Id s`, `Owner u`, `Type u`, `State u`, `StateName s`,
/// `DisplayName s`*, `Description s`*, `Priority u`*, `BytesTotal t`, `BytesTransferred t`,
/// `FilesTotal u`, `FilesTransferred u`, `CreationTime x`, `ModificationTime x`,
/// `TransferCompletionTime x`, `MinimumRetryDelay u`*, `NoProgressTimeout u`*,
/// `MaximumDownloadTime u`*, `AutoComplete b`*, `NotifyFlags u`*, `Proxy (uss)`*,
/// `SecurityFlags u`*, `NotifyInterface b` (whether an object is registered), `NotificationClsid s`*
/// (empty: none), `NotifyCmdLine as`* (program and arguments; empty: none),
/// `MinimumNotificationInterval u`* (milliseconds), `PendingNotices u` (events that nobody has heard yet),
/// `NotToldBecause s`, `NextNotification x`, `ErrorCount u`, `Error` [`ErrorRecord`](crate::ErrorRecord) (context 0:
/// none), `WaitingBecause s`, `NextAttempt x`, `Remark s`.
///
/// Changes are told by `org.freedesktop.DBus.Properties.PropertiesChanged`, with the new values. Each
/// holds all properties that can change, not only those that did: changes are merged while a client
/// is slow, and a difference from what it was last told could be wrong against what it read since.
/// `Id`, `Owner`, `Type` and `CreationTime` are never in it. The last one of a job comes just before
/// its `JobEnded`.
pub const JOB: &str = "org.consign.Job";

/// `IBackgroundCopyCallback` to `IBackgroundCopyCallback3`: what a client implements on an object
/// of its own, names by `SetNotifyInterface` of a job, and is called on over its own connection.
/// Every method answers with an HRESULT `i`; the event id `t` rises, and is the same when an event is
/// told again.
///
/// | member | in | |
/// | --- | --- | --- |
/// | `JobTransferred` | `o` job, `t` event | |
/// | `JobError` | `o` job, [`ErrorRecord`](crate::ErrorRecord), `t` event | |
/// | `JobModification` | `o` job, `t` 0 | |
/// | `FileTransferred` | `o` job, `u` file, `t` event | |
/// | `FileRangesTransferred` | `o` job, `u` file, `a(tt)` ranges | of on-demand jobs, which there are none of yet |
/// | `Displaced` | `o` job | another object was set for the job; no answer is waited for |
/// | `Released` | `o` job | the job has ended and all was told of it; no answer is waited for |
pub const CALLBACK: &str = "org.consign.BackgroundCopyCallback";

/// The classes that are registered, and their servers, at [`MANAGER_PATH`]. A class is named by its
/// CLSID or its ProgID.
///
/// | member | in | out | |
/// | --- | --- | --- | --- |
/// | `Register` | `s` class file | `s` CLSID, `s` path | the text of a class file; replaces an earlier registration |
/// | `Unregister` | `s` class, `b` force | | `ERROR_BUSY` while jobs use it, without force |
/// | `List` | | `a` [`ClassRecord`](crate::ClassRecord) | every class file, the bad ones with their reason |
/// | `Show` | `s` class | [`ClassRecord`](crate::ClassRecord), `a(xs)` output, `a(ss)` jobs | time and line of what its server wrote; id and name of the jobs that use it |
/// | `Start` | `s` class | | starts its server, and answers when it has registered |
/// | `Stop` | `s` class | | asks its server to end, and waits for it |
pub const CLASSES: &str = "org.consign.Classes";

/// What a server calls that serves classes, at [`MANAGER_PATH`].
///
/// | member | in | out | |
/// | --- | --- | --- | --- |
/// | `RegisterClass` | `s` token, `s` CLSID, `o` factory, `u` flags | `u` cookie | `CoRegisterClassObject`; the token of `CONSIGN_ACTIVATION_TOKEN`, empty where there is none; an object of the caller with [`CLASS_FACTORY`]; [`REGCLS_MULTIPLEUSE`], [`REGCLS_SUSPENDED`] |
/// | `ResumeClasses` | | | `CoResumeClassObjects`: the suspended ones serve from now on |
/// | `RevokeClass` | `u` cookie | | `CoRevokeClassObject`: no further object is asked for; the server has `classes.stop_grace` to end what it has in hand |
///
/// A server is started for one class and serves that. It registers every class that it has with
/// `REGCLS_SUSPENDED`, then calls `ResumeClasses`: the one that it was started for serves, the others
/// are let go. A server that has one class needs no `REGCLS_SUSPENDED`.
pub const ACTIVATION: &str = "org.consign.Activation";

/// `IClassFactory`: what a server implements on an object of its own, names by `RegisterClass`, and
/// is called on over its own connection.
///
/// | member | in | out | |
/// | --- | --- | --- | --- |
/// | `CreateInstance` | `s` CLSID, `s` IID | `o` | an object of the class, in the same server |
/// | `Release` | `o` | | the service calls that object no more; no answer is waited for |
/// | `Shutdown` | | | the server is to end what it has in hand, close the connection, and end; no answer is waited for |
pub const CLASS_FACTORY: &str = "org.consign.ClassFactory";

/// The queues, at [`MANAGER_PATH`]: recorded calls, and what becomes of them.
///
/// | member | in | out | |
/// | --- | --- | --- | --- |
/// | `Record` | `s` class, `s` label, `y` priority, `u` app specific, `u` time to receive, `y` order of bytes, `a` [`MethodRecord`](crate::queue::MethodRecord), `a` [`CallRecord`](crate::queue::CallRecord) | `s` message | stores a message; durable when it answers. The class is a CLSID or ProgID, the time in seconds or [`INFINITE`], the order of bytes in the arguments `l` or `B`; each call is the place of its method and its arguments, marshalled one after the other |
/// | `CreateRecorder` | `s` moniker | `o` recorder | an object with [`RECORDER`] and the component's own interfaces, for clients without a library of ours; a CLSID or a ProgID does, too |
/// | `List` | | `a` [`QueueRecord`](crate::queue::QueueRecord) | |
/// | `Show` | `s` queue | [`QueueRecord`](crate::queue::QueueRecord) | |
/// | `Messages` | `s` queue, `u` standing, `b` after, `y` priority, `t` position, `u` count | `a` [`MessageRecord`](crate::queue::MessageRecord) | after the turn of another one, where that is wanted; at most 256; an empty answer is the end |
/// | `Message` | `s` message | [`MessageRecord`](crate::queue::MessageRecord), `a` [`AttemptRecord`](crate::queue::AttemptRecord), `y` order of bytes, `a` [`MethodRecord`](crate::queue::MethodRecord), `a` [`CallRecord`](crate::queue::CallRecord) | a message is named by its id or its number |
/// | `Retry`, `Drop` | `s` queue, `u` standing, `s` message | `t` how many | one message, or where that is empty all of the queue that stand so |
/// | `Move` | `s` queue, `u` standing, `s` message, `s` to | `t` how many | `IMessageMover` |
/// | `Pause`, `Resume` | `s` queue | | |
/// | `SetPolicy` | `s` queue, `s` policy | | JSON, see [`QueueRecord`](crate::queue::QueueRecord); makes the queue if there is none |
/// | `Remove` | `s` queue | | which is empty |
/// | signal `QCRecord`, `QCReceive`, `QCMoveToDeadQueue` | | `s` queue, `s` message | as `IComQCEvents` has them |
/// | signal `QCQueueOpen` | | `s` queue, `i` HRESULT | |
/// | signal `QCMoveToReTryQueue` | | `s` queue, `s` message, `u` retry queue | counted from 0 |
/// | signal `QCPlayback` | | `s` queue, `s` message, `i` HRESULT | |
pub const QUEUES: &str = "org.consign.Queues";

/// A recorder, at the path that `CreateRecorder` answered, for the connection that made it. Beside this
/// interface it has the interfaces of the component on which calls are queued, named
/// `org.consign.i.` and their names, with their own methods: each call is recorded and answered with
/// nothing. Where a method takes a `BSTR` or the like, a string does, too.
///
/// | member | out | |
/// | --- | --- | --- |
/// | `Commit` | `s` message | stores everything as one message; durable when it answers; empty where nothing was recorded. The object is gone, unless it is refused |
/// | `Abort` | | forgets everything. The object is gone, as it is when the connection ends |
pub const RECORDER: &str = "org.consign.Recorder";

/// The catalogue of components, at [`MANAGER_PATH`]: what Component Services Explorer shows.
///
/// | member | in | out | |
/// | --- | --- | --- | --- |
/// | `Import` | `s` class, `as` interfaces | [`ComponentRecord`](crate::queue::ComponentRecord) | each the interface model as JSON; queuing is switched on where the interface says QUEUEABLE and can be queued |
/// | `List` | | `a` [`ComponentRecord`](crate::queue::ComponentRecord) | |
/// | `Show` | `s` class | [`ComponentRecord`](crate::queue::ComponentRecord), `as` interfaces | |
/// | `SetQueued` | `s` class, `s` interface, `b` on | | by IID or name; `QueuingEnabled` |
/// | `Model` | `s` IID | `s` interface | |
pub const COMPONENTS: &str = "org.consign.Components";

/// The outboxes, at [`MANAGER_PATH`]: databases of applications in which calls are recorded, and from which
/// the service carries them to their queues.
///
/// | member | in | out | |
/// | --- | --- | --- | --- |
/// | `Add` | `s` path | | the database, by its absolute path; it has the tables of an outbox already. `ERROR_ALREADY_EXISTS` |
/// | `List` | | `a` [`OutboxRecord`](crate::queue::OutboxRecord) | |
/// | `Remove` | `s` path | | what was recorded there stays there |
pub const OUTBOXES: &str = "org.consign.Outboxes";

/// An outbox in which nothing waits.
pub const OUTBOX_IDLE: u32 = 0;
/// Messages are being carried to their queues.
pub const OUTBOX_CARRYING: u32 = 1;
/// Something is in the way that may pass; it is tried again by itself.
pub const OUTBOX_WAITING: u32 = 2;
/// The database cannot be used; it is tried again when it changes.
pub const OUTBOX_UNUSABLE: u32 = 3;

/// How a component's server plays messages: what it implements on the object that is its factory.
///
/// | member | in | out | |
/// | --- | --- | --- | --- |
/// | `Play` | `s` CLSID, `t` attempt, `s` message, `u` number, `u` stage, `s` queue, `s` label, `y` priority, `u` app specific, `u` caller, `y` order of bytes, `a` [`MethodRecord`](crate::queue::MethodRecord), `a` [`CallRecord`](crate::queue::CallRecord) | `i` HRESULT, `i` call, `s` sentence | makes a new object, calls it in order, and lets it go; the first failure ends it. The call that failed, or -1. Stage [`PLAY`], [`FINAL_SERVER_RETRY`], [`FINAL_CLIENT_RETRY`]: `IPlaybackControl` before the calls |
///
/// The attempt names this attempt; the message stays the same however often it is played.
pub const PLAYER: &str = "org.consign.Player";

/// A message that is played as soon as there is a player.
pub const READY: u32 = 0;
/// A message that waits for a time.
pub const WAITING: u32 = 1;
/// A message that no component understands.
pub const PARKED: u32 = 2;
/// A message in the dead queue.
pub const DEAD: u32 = 3;

/// Nothing but the calls.
pub const PLAY: u32 = 0;
/// `FinalServerRetry` first.
pub const FINAL_SERVER_RETRY: u32 = 1;
/// `FinalClientRetry` first.
pub const FINAL_CLIENT_RETRY: u32 = 2;

/// No limit of time.
pub const INFINITE: u32 = u32::MAX;

/// Whoever wants an object of the class gets it from this server.
pub const REGCLS_MULTIPLEUSE: u32 = 1;
/// Nobody does before `ResumeClasses`.
pub const REGCLS_SUSPENDED: u32 = 4;

/// `IID_IBackgroundCopyCallback`: what objects of notification classes are asked for. Their methods
/// are those of [`CALLBACK`].
pub const IID_BACKGROUND_COPY_CALLBACK: Guid =
    Guid::from_bytes([0x97, 0xea, 0x99, 0xc7, 0x01, 0x86, 0x4a, 0xd4, 0x8d, 0xf9, 0xc5, 0xb4, 0xe0, 0xed, 0x6b, 0x22]);

/// What a started server finds the socket by.
pub const SOCKET_VARIABLE: &str = "CONSIGN_SOCKET";
/// What a started server shows when it registers.
pub const TOKEN_VARIABLE: &str = "CONSIGN_ACTIVATION_TOKEN";

/// `BG_JOB_ENUM_ALL_USERS`. The service is one user's own, so it changes nothing.
pub const ENUM_ALL_USERS: u32 = 0x0001;
/// Finished jobs too, as long as they are remembered.
pub const ENUM_FINISHED: u32 = 0x0001_0000;

/// The path of a recorder.
pub fn recorder_path(number: u64) -> String {
    format!("{RECORDER_PATH_PREFIX}{number}")
}

/// The recorder at a path, if the path is a recorder's.
pub fn recorder_of_path(path: &str) -> Option<u64> {
    let digits = path.strip_prefix(RECORDER_PATH_PREFIX)?;
    // One recorder, one path.
    digits.parse().ok().filter(|number: &u64| number.to_string() == digits)
}

/// The path of a job.
pub fn job_path(id: JobId) -> String {
    format!("{JOB_PATH_PREFIX}{}", id.guid().simple())
}

/// The job at a path, if the path is a job's.
pub fn job_of_path(path: &str) -> Option<JobId> {
    let digits = path.strip_prefix(JOB_PATH_PREFIX)?;
    let guid: Guid = digits.parse().ok().filter(|_| digits.len() == 32)?;
    // One job, one path: other spellings of the digits name nothing.
    (guid.simple() == digits).then(|| JobId::new(guid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_its_job_and_nothing_else_does() {
        let id: JobId = "97184d0f-f7ef-413a-8c6d-c1745018b2e9".parse().unwrap();
        assert_eq!(job_of_path(&job_path(id)), Some(id));
        for path in ["/", "/org/consign/job/", "/org/consign/job/97184D0FF7EF413A8C6DC1745018B2E9", "/org/consign/Manager"] {
            assert_eq!(job_of_path(path), None, "{path}");
        }
    }
}
