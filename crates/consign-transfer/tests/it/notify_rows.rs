//! What BITS's documentation says of notifications in single sentences, each by what it is about. The
//! rules that tie them together are in [`crate::notify`].

use consign_bits::{JobState, NotifyFlags, bits};
use consign_core::{
    Guid,
    common::{E_FAIL, E_NOTIMPL, S_FALSE, S_OK},
};
use consign_testkit::Resource;
use consign_transfer::{AutoComplete, Change, NoticeKind, ObjectId, Told};

use crate::{
    bench::{check, check_told, settings},
    notify::{Answer, CLASS, OBJECT, all_heard, answered, kinds, line, rungs, told_job},
};

const ALL_METHODS: NotifyFlags = NotifyFlags::DISABLE.complement();

#[test]
fn set_notify_flags_default_is_transferred_and_error() {
    check(async |bench| {
        let job = bench.job("a", vec![]).await;
        assert_eq!(bench.engine.job(job).await.unwrap().notify_flags.bits(), 3);
    });
}

#[test]
fn set_notify_flags_unknown_bit_is_not_implemented() {
    check(async |bench| {
        let job = bench.job("a", vec![]).await;
        for bit in 6..32 {
            let flags = Change::NotifyFlags(NotifyFlags::from_bits_retain(1 << bit));
            assert_eq!(bench.engine.change(job, vec![flags]).await.unwrap_err().code, E_NOTIMPL, "bit {bit}");
        }
        bench.engine.change(job, vec![Change::NotifyFlags(NotifyFlags::all())]).await.unwrap();
    });
}

#[test]
fn set_notify_flags_ranges_are_accepted_and_never_told_of_a_job_that_is_not_on_demand() {
    check_told(settings(), async |bench, fake| {
        let flags = NotifyFlags::default() | NotifyFlags::FILE_RANGES_TRANSFERRED;
        let job = told_job(&bench, "a", Resource::new("x"), vec![Change::NotifyFlags(flags)]).await;
        bench.wait(job, JobState::Transferred).await;
        all_heard(&bench, job).await;
        assert_eq!(kinds(&fake.heard()), [NoticeKind::JobTransferred]);
    });
}

#[test]
fn set_notify_flags_after_the_end_is_an_invalid_state() {
    check(async |bench| {
        let job = bench.job("a", vec![]).await;
        bench.engine.cancel(job).await.unwrap();
        let flags = Change::NotifyFlags(NotifyFlags::JOB_ERROR);
        assert_eq!(bench.engine.change(job, vec![flags]).await.unwrap_err().code, bits::BG_E_INVALID_STATE);
        assert_eq!(bench.engine.set_notify_interface(job, Some(OBJECT)).await.unwrap_err().code, bits::BG_E_INVALID_STATE);
    });
}

#[test]
fn set_notify_flags_persistence() {
    check(async |mut bench| {
        let changes = vec![Change::NotifyFlags(NotifyFlags::JOB_ERROR | NotifyFlags::DISABLE), Change::CommandLine(line())];
        let job = bench.job("a", changes).await;
        bench.restart().await;
        let view = bench.engine.job(job).await.unwrap();
        assert_eq!((view.notify_flags, view.command_line), (NotifyFlags::JOB_ERROR | NotifyFlags::DISABLE, line()));
    });
}

#[test]
fn set_notify_interface_without_object_leaves_the_class_and_the_command() {
    check_told(settings(), async |bench, fake| {
        let job = bench.job_with("a", Resource::new("x"), vec![Change::NotificationClass(CLASS)]).await;
        bench.engine.set_notify_interface(job, Some(OBJECT)).await.unwrap();
        assert_eq!(bench.engine.job(job).await.unwrap().notification_class, Some(CLASS), "it is stored as a fallback");
        bench.engine.set_notify_interface(job, None).await.unwrap();
        bench.engine.resume(job).await.unwrap();
        assert_eq!(rungs(&fake.wait_for(1).await), ["class"]);
    });
}

#[test]
fn set_notify_interface_registered_anew_hears_again_what_the_old_object_did_not_answer() {
    check_told(settings(), async |bench, fake| {
        fake.script("object 1", [Answer::Now(Told::Disconnected)]);
        let job = told_job(&bench, "a", Resource::new("x"), vec![]).await;
        fake.wait_for(1).await;
        bench.engine.set_notify_interface(job, Some(ObjectId(2))).await.unwrap();
        let heard = fake.wait_for(2).await;
        assert_eq!((rungs(&heard)[1].as_str(), heard[0].notice), ("object 2", heard[1].notice));
    });
}

#[test]
fn notification_clsid_the_last_one_set_is_made_and_no_other() {
    check_told(settings(), async |bench, fake| {
        let other = Guid::from_bytes([8; 16]);
        let job = bench.job_with("a", Resource::new("x"), vec![Change::NotificationClass(other)]).await;
        bench.engine.change(job, vec![Change::NotificationClass(CLASS)]).await.unwrap();
        bench.engine.resume(job).await.unwrap();
        assert_eq!(fake.wait_for(1).await[0].receiver, consign_transfer::Receiver::Class(CLASS));
        all_heard(&bench, job).await;
        assert_eq!(fake.heard().len(), 1);
    });
}

#[test]
fn set_notify_cmd_line_after_the_job_is_transferred_is_run_at_once() {
    check_told(settings(), async |bench, fake| {
        let job = bench.job_with("a", Resource::new("x"), vec![]).await;
        bench.engine.resume(job).await.unwrap();
        bench.wait(job, JobState::Transferred).await;
        assert!(fake.heard().is_empty());
        bench.engine.change(job, vec![Change::CommandLine(line())]).await.unwrap();
        assert_eq!(rungs(&fake.wait_for(1).await), ["command line"]);
    });
}

#[test]
fn set_notify_cmd_line_is_not_run_when_a_callback_answered_success() {
    check_told(settings(), async |bench, fake| {
        let job = told_job(&bench, "a", Resource::new("x"), vec![Change::CommandLine(line())]).await;
        bench.wait(job, JobState::Transferred).await;
        all_heard(&bench, job).await;
        assert_eq!(rungs(&fake.heard()), ["object 1"]);
    });
}

#[test]
fn set_notify_cmd_line_ignores_what_is_not_transferred_or_error() {
    check_told(settings(), async |bench, fake| {
        let changes = vec![Change::CommandLine(line()), Change::NotifyFlags(ALL_METHODS), Change::AutoComplete(AutoComplete::On)];
        let job = bench.job_with("a", Resource::new("x"), changes).await;
        bench.engine.resume(job).await.unwrap();
        assert_eq!(kinds(&fake.wait_for(1).await), [NoticeKind::JobTransferred]);
        bench.wait(job, JobState::Acknowledged).await;
        assert_eq!(rungs(&fake.heard()), ["command line"]);
    });
}

#[test]
fn set_notify_cmd_line_exit_status_0_is_heard_although_the_job_is_not_completed() {
    check_told(settings(), async |bench, fake| {
        let job = bench.job_with("a", Resource::new("x"), vec![Change::CommandLine(line()), Change::MinimumRetryDelay(0)]).await;
        bench.engine.resume(job).await.unwrap();
        fake.wait_for(1).await;
        all_heard(&bench, job).await;
        assert_eq!((bench.engine.job(job).await.unwrap().state, fake.heard().len()), (JobState::Transferred, 1));
    });
}

#[test]
fn delivery_that_failed_does_not_change_the_state_of_the_job() {
    check_told(settings(), async |bench, fake| {
        fake.script("object 1", [answered(E_FAIL)]);
        let job = told_job(&bench, "a", Resource::status(404), vec![Change::MinimumRetryDelay(3600)]).await;
        fake.wait_for(1).await;
        let view = bench.wait_until(job, |view| view.next_notification.is_some()).await;
        assert_eq!((view.state, view.error_count), (JobState::Error, 1));
        assert_eq!(view.error.unwrap().failure.code, bits::http_error(404), "the error of the job, not that of the call");
    });
}

#[test]
fn file_transferred_is_serial_and_repeated_on_failure_codes_alone() {
    check_told(settings(), async |bench, fake| {
        fake.script("object 1", [answered(E_FAIL), answered(S_FALSE)]);
        let flags = NotifyFlags::FILE_TRANSFERRED | NotifyFlags::JOB_TRANSFERRED;
        let job = bench.job_with("a", Resource::new("x"), vec![Change::NotifyFlags(flags), Change::MinimumRetryDelay(0)]).await;
        bench.server.set("/b", Resource::new("y"));
        bench.add(job, "b").await.unwrap();
        bench.engine.set_notify_interface(job, Some(OBJECT)).await.unwrap();
        bench.engine.resume(job).await.unwrap();
        let heard = fake.wait_for(4).await;
        let (first, last) = (heard[0].notice, heard[3].notice.kind);
        assert_eq!(heard[1].notice, first, "a failure: the same again, before any other");
        assert!(matches!(heard[2].notice.kind, NoticeKind::FileTransferred(_)) && heard[2].notice != first, "S_FALSE was enough");
        assert_eq!(last, NoticeKind::JobTransferred);
    });
}

#[test]
fn a_callback_may_find_the_job_in_another_state_than_the_one_it_is_told_of() {
    check_told(settings(), async |bench, fake| {
        let said = std::sync::Arc::new(tokio::sync::Notify::new());
        fake.script("object 1", [Answer::When(said.clone(), Told::Answered { result: S_OK, object: None })]);
        let job = told_job(&bench, "a", Resource::new("x"), vec![]).await;
        fake.wait_for(1).await;
        bench.engine.complete(job).await.unwrap();
        assert_eq!(bench.engine.job(job).await.unwrap().state, JobState::Acknowledged, "the call holds no lock");
        said.notify_one();
        all_heard(&bench, job).await;
    });
}
