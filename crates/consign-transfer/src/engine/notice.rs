//! What the owner of a job is told, and on which rung of the ladder: pure decisions.
//!
//! For each notice the callback object is tried first; if there is none, or it is gone, the class
//! is activated, and its object serves this and later notices; if no callback answered success the
//! command line is run, for transferred and error alone. If that fails too, the whole ladder is
//! climbed again after the retry delay. With nobody to tell, a notice waits for whoever registers.

use consign_bits::NotifyFlags;
use consign_core::{Guid, Hresult, common::S_OK};

/// One notice. Its id never changes and is never used again: a receiver that is told twice can
/// know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Rises from notice to notice, over all jobs.
    pub id: u64,
    /// What is told.
    pub kind: NoticeKind,
}

/// The methods of `IBackgroundCopyCallback` and `IBackgroundCopyCallback2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// `JobTransferred`.
    JobTransferred,
    /// `JobError`.
    JobError,
    /// `JobModification`: merged, not stored, not repeated.
    JobModification,
    /// `FileTransferred`, of the file with this number.
    FileTransferred(u32),
}

/// A callback object in a connected client: a name that the one who carries calls gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(pub u64);

/// `SetNotifyCmdLine`: a program, without a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// The absolute path of the program.
    pub program: String,
    /// Its arguments. `{job}` in one of them becomes the id of the job.
    pub arguments: Vec<String>,
}

/// Whom to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receiver {
    /// Call this object.
    Object(ObjectId),
    /// Make an object of this class, starting its server if need be, and call that.
    Class(Guid),
    /// Run this.
    CommandLine(CommandLine),
}

/// What came of telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// The method returned. For a command line `S_OK` stands for exit status 0.
    Answered {
        /// What it returned.
        result: Hresult,
        /// The object that was made of a class, to be called from now on.
        object: Option<ObjectId>,
    },
    /// The object is gone, or went in the middle of the call.
    Disconnected,
    /// There is no object of the class to be had now, or the program could not be run, or no
    /// answer came before the deadline.
    Failed(String),
    /// The same, and it is not worth trying before this time has passed, but worth it then.
    NotYet(String, std::time::Duration),
}

/// Who can be told of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ladder {
    pub(super) object: Option<ObjectId>,
    pub(super) class: Option<Guid>,
    pub(super) command_line: Option<CommandLine>,
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Try this.
    Try(Receiver),
    /// Somebody has heard it: it is over.
    Over,
    /// The whole ladder again, after the retry delay.
    Later,
    /// Nobody can be told. It waits until somebody registers.
    Wait,
}

impl Ladder {
    /// The first rung for a notice.
    pub(super) fn first(&self, kind: NoticeKind) -> Next {
        match (self.object, self.class) {
            (Some(object), _) => Next::Try(Receiver::Object(object)),
            (None, Some(class)) => Next::Try(Receiver::Class(class)),
            (None, None) => self.last(kind, Next::Wait),
        }
    }

    /// What follows after `tried` ended so. The object is still in the ladder if it is alive.
    pub(super) fn after(&self, kind: NoticeKind, tried: &Receiver, told: &Told) -> Next {
        match (tried, told) {
            (_, Told::Answered { result, .. }) if is_success(kind, *result) => Next::Over,
            (Receiver::Object(_), Told::Disconnected) => match self.class {
                Some(class) => Next::Try(Receiver::Class(class)),
                None => self.last(kind, Next::Wait),
            },
            (Receiver::Object(_) | Receiver::Class(_), _) => self.last(kind, Next::Later),
            (Receiver::CommandLine(_), _) => Next::Later,
        }
    }

    /// The command line, for those notices that it is for.
    fn last(&self, kind: NoticeKind, otherwise: Next) -> Next {
        match (&self.command_line, kind) {
            // Never repeated.
            (_, NoticeKind::JobModification) => Next::Over,
            (Some(line), NoticeKind::JobTransferred | NoticeKind::JobError) => Next::Try(Receiver::CommandLine(line.clone())),
            _ => otherwise,
        }
    }
}

/// Exactly `S_OK` for the two that matter most; any success code for a file; nothing is made of
/// what a modification's receiver says.
fn is_success(kind: NoticeKind, result: Hresult) -> bool {
    match kind {
        NoticeKind::JobTransferred | NoticeKind::JobError => result == S_OK,
        NoticeKind::FileTransferred(_) => result.is_success(),
        NoticeKind::JobModification => true,
    }
}

impl NoticeKind {
    /// Whether the owner wants to hear of it.
    pub(super) fn is_wanted(self, flags: NotifyFlags) -> bool {
        let flag = match self {
            Self::JobTransferred => NotifyFlags::JOB_TRANSFERRED,
            Self::JobError => NotifyFlags::JOB_ERROR,
            Self::JobModification => NotifyFlags::JOB_MODIFICATION,
            Self::FileTransferred(_) => NotifyFlags::FILE_TRANSFERRED,
        };
        flags.contains(flag) && !flags.contains(NotifyFlags::DISABLE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consign_core::common::{E_FAIL, S_FALSE};

    const OBJECT: ObjectId = ObjectId(7);
    const CLASS: Guid = Guid::from_bytes([1; 16]);

    fn line() -> CommandLine {
        CommandLine { program: "/bin/true".into(), arguments: vec![] }
    }

    fn all() -> Ladder {
        Ladder { object: Some(OBJECT), class: Some(CLASS), command_line: Some(line()) }
    }

    fn answered(result: Hresult) -> Told {
        Told::Answered { result, object: None }
    }

    #[test]
    fn rule_3_the_object_comes_first_then_the_class_then_the_command_line() {
        let kind = NoticeKind::JobTransferred;
        assert_eq!(all().first(kind), Next::Try(Receiver::Object(OBJECT)));
        assert_eq!(Ladder { object: None, ..all() }.first(kind), Next::Try(Receiver::Class(CLASS)));
        assert_eq!(Ladder { object: None, class: None, ..all() }.first(kind), Next::Try(Receiver::CommandLine(line())));
        assert_eq!(Ladder::default().first(kind), Next::Wait);
        let object = Receiver::Object(OBJECT);
        assert_eq!(all().after(kind, &object, &Told::Disconnected), Next::Try(Receiver::Class(CLASS)));
        assert_eq!(
            all().after(kind, &object, &answered(E_FAIL)),
            Next::Try(Receiver::CommandLine(line())),
            "it answered: the class is not asked"
        );
        assert_eq!(all().after(kind, &Receiver::Class(CLASS), &Told::Failed("no".into())), Next::Try(Receiver::CommandLine(line())));
        assert_eq!(all().after(kind, &Receiver::CommandLine(line()), &answered(E_FAIL)), Next::Later);
        assert_eq!(Ladder { command_line: None, ..all() }.after(kind, &object, &answered(E_FAIL)), Next::Later);
        let alone = Ladder { class: None, command_line: None, ..all() };
        assert_eq!(alone.after(kind, &object, &Told::Disconnected), Next::Wait, "until somebody registers");
    }

    #[test]
    fn rule_3_the_command_line_is_for_transferred_and_error_alone() {
        let ladder = Ladder { object: None, class: None, ..all() };
        assert_eq!(ladder.first(NoticeKind::JobError), Next::Try(Receiver::CommandLine(line())));
        assert_eq!(ladder.first(NoticeKind::FileTransferred(0)), Next::Wait);
        assert_eq!(ladder.first(NoticeKind::JobModification), Next::Over);
    }

    #[test]
    fn rule_4_flags_decide_and_disable_silences_everything() {
        let default = NotifyFlags::default();
        assert!(NoticeKind::JobTransferred.is_wanted(default) && NoticeKind::JobError.is_wanted(default));
        assert!(!NoticeKind::JobModification.is_wanted(default) && !NoticeKind::FileTransferred(0).is_wanted(default));
        assert!(!NoticeKind::JobError.is_wanted(NotifyFlags::all()), "DISABLE is among all");
    }

    #[test]
    fn rule_5_success_is_s_ok_for_jobs_and_any_success_for_files() {
        let object = Receiver::Object(OBJECT);
        let ladder = Ladder { class: None, command_line: None, ..all() };
        for kind in [NoticeKind::JobTransferred, NoticeKind::JobError] {
            assert_eq!(ladder.after(kind, &object, &answered(S_OK)), Next::Over);
            assert_eq!(ladder.after(kind, &object, &answered(S_FALSE)), Next::Later);
        }
        assert_eq!(ladder.after(NoticeKind::FileTransferred(3), &object, &answered(S_FALSE)), Next::Over);
        assert_eq!(ladder.after(NoticeKind::FileTransferred(3), &object, &answered(E_FAIL)), Next::Later);
        assert_eq!(ladder.after(NoticeKind::JobModification, &object, &answered(E_FAIL)), Next::Over, "never repeated");
    }
}
