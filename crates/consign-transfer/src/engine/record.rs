//! Jobs and files as they are stored. The only place that knows the columns.

use std::{
    cmp::Ordering,
    collections::HashSet,
    ffi::{OsStr, OsString},
    num::NonZeroI32,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use consign_bits::{
    ErrorContext, Failure, FileRange, JobId, JobState, JobType, NotifyFlags, Priority, ProxySettings, ProxyUsage, RangeSupport,
    SecurityFlags,
};
use consign_core::{Guid, Hresult, Now, Timestamp, clock::Monotonic};
use consign_store::Schema;
use rusqlite::{Connection, Row, RowIndex, params};

use super::{
    entry::{Core, Entry, FileEntry, Rare, Stage},
    lazy::Lazy,
    notice::{CommandLine, Notice, NoticeKind},
    notify::Validity,
};
use crate::{
    fetch::{Checkpoint, FileFacts, JobContext, ProxyEnvironment, Validator},
    files::Place,
    machine::{self, Attempt, Choices, State, Wake},
};

/// `transfer.db`. A migration that was released is never changed.
pub(super) const SCHEMA: Schema = Schema {
    // "Cxfr"
    application_id: NonZeroI32::new(0x4378_6672).expect("not zero"),
    migrations: &[include_str!("schema_1.sql")],
};

/// `State::Completing` has no number in BITS. Stored beside the nine, far from them.
const COMPLETING: u32 = 101;
const COMPLETING_BY_ITSELF: u32 = 102;

/// One change of the store. Made from what is in memory, so that it can be handed to the store's
/// thread whole.
#[derive(Debug)]
pub(super) enum Change {
    PutJob(Box<Core>),
    PutFile(JobId, u32, Arc<FileEntry>),
    NameFiles(JobId, Vec<u32>),
    RemoveJob(JobId),
    PutNotice(JobId, Notice),
    RemoveNotice(u64),
    /// These are the temporary files that a lost database left behind.
    PutOrphans(Vec<PathBuf>),
}

pub(super) fn apply(connection: &Connection, changes: &[Change]) -> rusqlite::Result<()> {
    for change in changes {
        match change {
            Change::PutJob(core) => put_job(connection, core)?,
            Change::PutFile(job, index, file) => put_file(connection, *job, *index, file)?,
            Change::NameFiles(job, files) => {
                let mut statement = connection.prepare_cached("UPDATE files SET stage = ?4 WHERE job = ?1 AND number BETWEEN ?2 AND ?3")?;
                for run in files.chunk_by(|one, next| one.checked_add(1) == Some(*next)) {
                    let (first, last) = (run.first(), run.last());
                    statement.execute(params![job.guid().as_bytes().as_slice(), first, last, stored_stage(Stage::Named)])?;
                }
            }
            Change::RemoveJob(job) => {
                for table in ["DELETE FROM notices WHERE job = ?1", "DELETE FROM files WHERE job = ?1", "DELETE FROM jobs WHERE id = ?1"] {
                    connection.prepare_cached(table)?.execute([job.guid().as_bytes().as_slice()])?;
                }
            }
            Change::PutNotice(job, notice) => {
                let (kind, file) = stored_kind(notice.kind);
                let mut statement = connection.prepare_cached("INSERT INTO notices (id, job, kind, file) VALUES (?1, ?2, ?3, ?4)")?;
                statement.execute(params![notice.id.cast_signed(), job.guid().as_bytes().as_slice(), kind, file])?;
            }
            Change::RemoveNotice(id) => {
                connection.prepare_cached("DELETE FROM notices WHERE id = ?1")?.execute([id.cast_signed()])?;
            }
            Change::PutOrphans(paths) => {
                connection.execute("DELETE FROM orphans", [])?;
                for path in paths {
                    let mut statement = connection.prepare_cached("INSERT OR IGNORE INTO orphans (path) VALUES (?1)")?;
                    statement.execute([path.as_os_str().as_bytes()])?;
                }
                connection.execute("INSERT OR IGNORE INTO searched (once) VALUES (1)", [])?;
            }
        }
    }
    Ok(())
}

fn put_job(connection: &Connection, core: &Core) -> rusqlite::Result<()> {
    let machine = &core.machine;
    let retry_at = match machine.state {
        State::TransientError { wake: Wake::At(at) } => Some(at.wall.as_millis()),
        _ => None,
    };
    let error = machine.error.as_deref();
    let context = &core.context;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO jobs (id, sequence, owner, type, display_name, description, priority, state, files_total,
                files_transferred, notify_flags, proxy_usage, proxy_list, proxy_bypass, proxy_http, proxy_https, proxy_all, proxy_none,
                security_flags, created, modified, transferred, ended, minimum_retry_delay, no_progress_timeout, maximum_download_time,
                auto_complete, error_count, error_code, error_context, error_sentence, error_file, error_at, retry_at,
                no_progress_since, active_before, cleanup_pending, umask, notification_class,
                command_program, command_arguments, notification_interval)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25,
                ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37, ?38, ?39, ?40, ?41, ?42)",
        )?
        .execute(params![
            core.id.guid().as_bytes().as_slice(),
            core.sequence,
            core.owner,
            machine.job_type.number(),
            core.display_name,
            core.description,
            core.priority.number(),
            stored_state(machine),
            machine.files_total,
            machine.files_transferred,
            core.notify_flags.bits(),
            context.proxy.usage.number(),
            context.proxy.list,
            context.proxy.bypass,
            context.proxy_environment.http,
            context.proxy_environment.https,
            context.proxy_environment.all,
            context.proxy_environment.none,
            context.security.bits(),
            core.created.as_millis(),
            core.modified.as_millis(),
            machine.transferred_at.map(Timestamp::as_millis),
            core.rare.ended.map(Timestamp::as_millis),
            millis(machine.choices.minimum_retry_delay),
            millis(machine.choices.no_progress_timeout),
            millis(machine.choices.maximum_download_time),
            machine.choices.auto_complete,
            machine.error_count,
            error.map(|failure| failure.code.as_i32()),
            error.map(|failure| failure.context.number()),
            error.map(|failure| failure.sentence.as_ref()),
            core.rare.error_file,
            core.rare.error_at.as_millis(),
            retry_at,
            machine.no_progress_since.map(|since| since.wall.as_millis()),
            millis(machine.active_before),
            core.cleanup_pending,
            core.umask,
            core.rare.notification_class.map(|class| *class.as_bytes()),
            core.rare.command_line.as_ref().map(|line| line.program.as_str()),
            core.rare.command_line.as_ref().map(|line| line.arguments.join("\0")),
            core.notification_interval,
        ])?;
    Ok(())
}

fn put_file(connection: &Connection, job: JobId, index: u32, file: &FileEntry) -> rusqlite::Result<()> {
    let ranges: Vec<u8> =
        file.ranges.iter().flat_map(|range| [range.initial_offset.to_le_bytes(), range.length.to_le_bytes()]).flatten().collect();
    let facts = &file.checkpoint.facts;
    connection
        .prepare_cached(
            // What a file is never changes once it is there, but for its URL.
            "INSERT INTO files (job, number, url, folder, name, temporary_name, ranges, checksum, stage, synced, size, etag,
                last_modified, range_support, validity)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
             ON CONFLICT DO UPDATE SET url = ?3, stage = ?9, synced = ?10, size = ?11, etag = ?12, last_modified = ?13,
                range_support = ?14, validity = ?15",
        )?
        .execute(params![
            job.guid().as_bytes().as_slice(),
            index,
            file.url,
            file.place.folder.as_os_str().as_bytes(),
            file.place.name.as_bytes(),
            file.temporary_name.as_bytes(),
            ranges,
            file.checksum.as_ref().map(ToString::to_string),
            stored_stage(file.stage),
            file.checkpoint.synced.cast_signed(),
            facts.size.map(u64::cast_signed),
            facts.validator.etag,
            facts.validator.last_modified,
            facts.ranges.number(),
            file.validity.map(|validity| validity == Validity::Valid),
        ])?;
    Ok(())
}

/// The part of a job's state that outlives the process: an attempt does not.
pub(super) fn stored_state(machine: &machine::Job) -> u32 {
    match machine.state {
        State::Connecting { .. } | State::Transferring { .. } => JobState::Queued.number(),
        State::Completing { by_itself: false } => COMPLETING,
        State::Completing { by_itself: true } => COMPLETING_BY_ITSELF,
        _ => machine.shown_state().number(),
    }
}

const fn stored_stage(stage: Stage) -> u32 {
    match stage {
        Stage::Waiting => 0,
        Stage::Begun => 1,
        Stage::Transferred => 2,
        Stage::Named => 3,
    }
}

const JOB_COLUMNS: [&str; 42] = [
    "id",
    "sequence",
    "owner",
    "type",
    "display_name",
    "description",
    "priority",
    "state",
    "files_total",
    "files_transferred",
    "notify_flags",
    "proxy_usage",
    "proxy_list",
    "proxy_bypass",
    "proxy_http",
    "proxy_https",
    "proxy_all",
    "proxy_none",
    "security_flags",
    "created",
    "modified",
    "transferred",
    "ended",
    "minimum_retry_delay",
    "no_progress_timeout",
    "maximum_download_time",
    "auto_complete",
    "error_count",
    "error_code",
    "error_context",
    "error_sentence",
    "error_file",
    "error_at",
    "retry_at",
    "no_progress_since",
    "active_before",
    "cleanup_pending",
    "umask",
    "notification_class",
    "command_program",
    "command_arguments",
    "notification_interval",
];

const FILE_COLUMNS: [&str; 15] = [
    "job",
    "number",
    "url",
    "folder",
    "name",
    "temporary_name",
    "ranges",
    "checksum",
    "stage",
    "synced",
    "size",
    "etag",
    "last_modified",
    "range_support",
    "validity",
];

/// Where a column stands among those that are read. Found when this is compiled: looking for each
/// name in each row took most of the time of a start.
const fn position(columns: &[&str], name: &str) -> usize {
    let mut index = 0;
    while !equal(columns[index].as_bytes(), name.as_bytes()) {
        index += 1;
    }
    index
}

const fn equal(one: &[u8], other: &[u8]) -> bool {
    let mut index = 0;
    while index < one.len() && index < other.len() && one[index] == other[index] {
        index += 1;
    }
    index == one.len() && index == other.len()
}

macro_rules! of_job {
    ($name:literal) => {
        const { position(&JOB_COLUMNS, $name) }
    };
}

macro_rules! of_file {
    ($name:literal) => {
        const { position(&FILE_COLUMNS, $name) }
    };
}

/// Everything that is stored.
#[derive(Debug, Default)]
pub(super) struct Stored {
    /// In the order in which they were made.
    #[expect(clippy::vec_box, reason = "they move into a map of boxes; unboxed, many would be in memory twice")]
    pub(super) jobs: Vec<Box<Entry>>,
    /// Those of all files.
    pub(super) folders: HashSet<Arc<Path>>,
    pub(super) orphans: Vec<PathBuf>,
    /// The id of the next notice.
    pub(super) next_notice: u64,
    /// Whether this database has looked for what one before it left behind.
    pub(super) searched: bool,
}

pub(super) fn load(connection: &Connection) -> rusqlite::Result<Stored> {
    let mut stored = Stored::default();
    let mut shared = Shared::default();
    // Both tables are kept in the order of the jobs' ids, and read side by side.
    let mut jobs = connection.prepare(&format!("SELECT {} FROM jobs ORDER BY id", JOB_COLUMNS.join(", ")))?;
    let mut files = connection.prepare(&format!("SELECT {} FROM files ORDER BY job, number", FILE_COLUMNS.join(", ")))?;
    let (mut jobs, mut files) = (jobs.query([])?, files.query([])?);
    let mut file = files.next()?;
    while let Some(row) = jobs.next()? {
        let core = job_of(row, &mut shared)?;
        let mut own = Vec::new();
        while let Some(row) = file {
            match id_of(row, of_file!("job"))?.guid().as_bytes().cmp(core.id.guid().as_bytes()) {
                // Of no job that is there.
                Ordering::Less => {}
                Ordering::Equal => own.push(Arc::new(file_of(row, &mut shared)?)),
                Ordering::Greater => break,
            }
            file = files.next()?;
        }
        own.shrink_to_fit();
        let mut entry = Box::new(Entry::at_rest(core, own));
        entry.put_away();
        stored.jobs.push(entry);
    }
    stored.folders = shared.folders;
    let mut notices = connection.prepare("SELECT * FROM notices ORDER BY id")?;
    let mut rows = notices.query([])?;
    while let Some(row) = rows.next()? {
        let job = id_of(row, "job")?;
        if let Ok(index) = stored.jobs.binary_search_by(|entry| entry.core.id.guid().as_bytes().cmp(job.guid().as_bytes())) {
            stored.jobs[index].notices.push_back(notice_of(row)?);
        }
    }
    stored.jobs.sort_unstable_by_key(|entry| entry.core.sequence);
    // An id is never used again, also when its row is gone.
    let last: Option<i64> = connection.query_row("SELECT max(seq) FROM sqlite_sequence WHERE name = 'notices'", [], |row| row.get(0))?;
    stored.next_notice = last.unwrap_or(0).cast_unsigned() + 1;
    let mut orphans = connection.prepare("SELECT path FROM orphans ORDER BY path")?;
    let mut rows = orphans.query([])?;
    while let Some(row) = rows.next()? {
        stored.orphans.push(OsString::from_vec(row.get(0)?).into());
    }
    stored.searched = connection.query_row("SELECT EXISTS (SELECT 1 FROM searched)", [], |row| row.get(0))?;
    Ok(stored)
}

/// What many jobs and files have in common, and share one copy of.
#[derive(Default)]
struct Shared {
    contexts: HashSet<Arc<JobContext>>,
    folders: HashSet<Arc<Path>>,
}

impl Shared {
    fn context(&mut self, context: JobContext) -> Arc<JobContext> {
        if let Some(known) = self.contexts.get(&context) {
            return Arc::clone(known);
        }
        let context = Arc::new(context);
        self.contexts.insert(Arc::clone(&context));
        context
    }

    fn folder(&mut self, path: &Path) -> Arc<Path> {
        if let Some(known) = self.folders.get(path) {
            return Arc::clone(known);
        }
        let path = Arc::<Path>::from(path);
        self.folders.insert(Arc::clone(&path));
        path
    }
}

fn job_of(row: &Row<'_>, shared: &mut Shared) -> rusqlite::Result<Core> {
    let code: Option<i32> = row.get(of_job!("error_code"))?;
    let error = match code {
        None => None,
        Some(code) => {
            let context: u32 = row.get(of_job!("error_context"))?;
            let sentence: String = row.get(of_job!("error_sentence"))?;
            Some(Failure::new(Hresult::from_i32(code), ErrorContext::try_from(context).unwrap_or(ErrorContext::Unknown), sentence))
        }
    };
    let files_total: u32 = row.get(of_job!("files_total"))?;
    let machine = machine::Job {
        job_type: number(row, of_job!("type"), JobType::Download)?,
        state: state_of(row)?,
        files_total,
        files_transferred: row.get::<_, u32>(of_job!("files_transferred"))?.min(files_total),
        error: error.map(Box::new),
        error_count: row.get(of_job!("error_count"))?,
        no_progress_since: row.get::<_, Option<i64>>(of_job!("no_progress_since"))?.map(on_the_calendar),
        active_before: duration(row, of_job!("active_before"))?,
        attempt: Attempt(0),
        transferred_at: row.get::<_, Option<i64>>(of_job!("transferred"))?.map(Timestamp::from_millis),
        choices: Choices {
            minimum_retry_delay: duration(row, of_job!("minimum_retry_delay"))?,
            no_progress_timeout: duration(row, of_job!("no_progress_timeout"))?,
            maximum_download_time: duration(row, of_job!("maximum_download_time"))?,
            auto_complete: row.get(of_job!("auto_complete"))?,
        },
    };
    Ok(Core {
        id: id_of(row, of_job!("id"))?,
        sequence: row.get(of_job!("sequence"))?,
        owner: row.get(of_job!("owner"))?,
        display_name: row.get(of_job!("display_name"))?,
        description: row.get(of_job!("description"))?,
        priority: number(row, of_job!("priority"), Priority::Normal)?,
        notify_flags: NotifyFlags::from_bits_retain(row.get(of_job!("notify_flags"))?),
        context: shared.context(JobContext {
            proxy: ProxySettings {
                usage: number(row, of_job!("proxy_usage"), ProxyUsage::Preconfig)?,
                list: row.get(of_job!("proxy_list"))?,
                bypass: row.get(of_job!("proxy_bypass"))?,
            },
            proxy_environment: ProxyEnvironment {
                http: row.get(of_job!("proxy_http"))?,
                https: row.get(of_job!("proxy_https"))?,
                all: row.get(of_job!("proxy_all"))?,
                none: row.get(of_job!("proxy_none"))?,
            },
            security: SecurityFlags::from_bits_retain(row.get(of_job!("security_flags"))?),
        }),
        created: Timestamp::from_millis(row.get(of_job!("created"))?),
        modified: Timestamp::from_millis(row.get(of_job!("modified"))?),
        active: Monotonic::default(),
        cleanup_pending: row.get(of_job!("cleanup_pending"))?,
        umask: row.get(of_job!("umask"))?,
        notification_interval: row.get(of_job!("notification_interval"))?,
        machine,
        turn: 0,
        rare: Lazy::from(Rare {
            ended: row.get::<_, Option<i64>>(of_job!("ended"))?.map(Timestamp::from_millis),
            error_file: row.get(of_job!("error_file"))?,
            error_at: Timestamp::from_millis(row.get(of_job!("error_at"))?),
            notification_class: row.get::<_, Option<[u8; 16]>>(of_job!("notification_class"))?.map(Guid::from_bytes),
            command_line: command_line_of(row)?,
            ..Rare::default()
        }),
    })
}

/// At most `count` files of a job, with their numbers, from the `start`-th on.
pub(super) fn files(connection: &Connection, job: JobId, start: u32, count: u32) -> rusqlite::Result<Vec<(u32, FileEntry)>> {
    let mut shared = Shared::default();
    let columns = FILE_COLUMNS.join(", ");
    let mut statement =
        connection.prepare_cached(&format!("SELECT {columns} FROM files WHERE job = ?1 AND number >= ?2 ORDER BY number LIMIT ?3"))?;
    let mut rows = statement.query(params![job.guid().as_bytes().as_slice(), start, count])?;
    let mut files = Vec::new();
    while let Some(row) = rows.next()? {
        files.push((row.get(of_file!("number"))?, file_of(row, &mut shared)?));
    }
    Ok(files)
}

fn command_line_of(row: &Row<'_>) -> rusqlite::Result<Option<CommandLine>> {
    let (program, arguments): (Option<String>, Option<String>) =
        (row.get(of_job!("command_program"))?, row.get(of_job!("command_arguments"))?);
    Ok(program.map(|program| {
        let arguments = arguments.filter(|arguments| !arguments.is_empty());
        let arguments = arguments.map(|arguments| arguments.split('\0').map(str::to_owned).collect());
        CommandLine { program, arguments: arguments.unwrap_or_default() }
    }))
}

const fn stored_kind(kind: NoticeKind) -> (u32, Option<u32>) {
    match kind {
        NoticeKind::JobTransferred => (1, None),
        NoticeKind::JobError => (2, None),
        NoticeKind::JobModification => (3, None),
        NoticeKind::FileTransferred(file) => (4, Some(file)),
    }
}

fn notice_of(row: &Row<'_>) -> rusqlite::Result<Notice> {
    let kind = match (row.get::<_, u32>("kind")?, row.get::<_, Option<u32>>("file")?) {
        (1, _) => NoticeKind::JobTransferred,
        (2, _) => NoticeKind::JobError,
        (4, Some(file)) => NoticeKind::FileTransferred(file),
        _ => NoticeKind::JobModification,
    };
    Ok(Notice { id: row.get::<_, i64>("id")?.cast_unsigned(), kind })
}

fn state_of(row: &Row<'_>) -> rusqlite::Result<State> {
    let number: u32 = row.get(of_job!("state"))?;
    let retry_at: Option<i64> = row.get(of_job!("retry_at"))?;
    Ok(match number {
        COMPLETING => State::Completing { by_itself: false },
        COMPLETING_BY_ITSELF => State::Completing { by_itself: true },
        _ => match JobState::try_from(number) {
            Ok(JobState::Queued | JobState::Connecting | JobState::Transferring) => State::Queued,
            Ok(JobState::Error) => State::Error,
            Ok(JobState::TransientError) => {
                State::TransientError { wake: retry_at.map_or(Wake::NetworkReturns, |at| Wake::At(on_the_calendar(at))) }
            }
            Ok(JobState::Transferred) => State::Transferred,
            Ok(JobState::Acknowledged) => State::Acknowledged,
            Ok(JobState::Cancelled) => State::Cancelled,
            // Whatever it was, its owner decides what becomes of it.
            Ok(JobState::Suspended) | Err(_) => State::Suspended,
        },
    })
}

fn file_of(row: &Row<'_>, shared: &mut Shared) -> rusqlite::Result<FileEntry> {
    let bytes = |column: usize| Ok::<_, rusqlite::Error>(row.get_ref(column)?.as_bytes()?);
    let (pairs, _) = bytes(of_file!("ranges"))?.as_chunks::<16>();
    let checksum: Option<String> = row.get(of_file!("checksum"))?;
    Ok(FileEntry {
        url: row.get(of_file!("url"))?,
        place: Place {
            folder: shared.folder(Path::new(OsStr::from_bytes(bytes(of_file!("folder"))?))),
            name: OsStr::from_bytes(bytes(of_file!("name"))?).into(),
        },
        temporary_name: OsStr::from_bytes(bytes(of_file!("temporary_name"))?).into(),
        ranges: pairs.iter().map(range_of).collect(),
        checksum: checksum.and_then(|text| text.parse().ok()).map(Box::new),
        checkpoint: Lazy::from(Checkpoint {
            synced: row.get::<_, i64>(of_file!("synced"))?.cast_unsigned(),
            facts: FileFacts {
                size: row.get::<_, Option<i64>>(of_file!("size"))?.map(i64::cast_unsigned),
                validator: Validator { etag: row.get(of_file!("etag"))?, last_modified: row.get(of_file!("last_modified"))? },
                ranges: number(row, of_file!("range_support"), RangeSupport::Unknown)?,
                final_url: None,
            },
        }),
        stage: match row.get::<_, u32>(of_file!("stage"))? {
            0 => Stage::Waiting,
            2 => Stage::Transferred,
            3 => Stage::Named,
            _ => Stage::Begun,
        },
        validity: row.get::<_, Option<bool>>(of_file!("validity"))?.map(|valid| if valid { Validity::Valid } else { Validity::Invalid }),
        answered: None,
        meter: None,
    })
}

fn range_of(bytes: &[u8; 16]) -> FileRange {
    let both = u128::from_le_bytes(*bytes);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
    FileRange { initial_offset: both as u64, length: (both >> 64) as u64 }
}

fn id_of(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<JobId> {
    row.get::<_, [u8; 16]>(column).map(|bytes| JobId::new(Guid::from_bytes(bytes)))
}

fn number<T: TryFrom<u32>>(row: &Row<'_>, column: usize, otherwise: T) -> rusqlite::Result<T> {
    Ok(T::try_from(row.get(column)?).unwrap_or(otherwise))
}

fn duration(row: &Row<'_>, column: usize) -> rusqlite::Result<Duration> {
    Ok(Duration::from_millis(row.get::<_, i64>(column)?.cast_unsigned()))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The monotonic part is put right by `Event::ServiceStarted`.
fn on_the_calendar(millis: i64) -> Now {
    Now { wall: Timestamp::from_millis(millis), ..Now::default() }
}
