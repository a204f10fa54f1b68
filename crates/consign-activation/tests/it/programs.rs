use std::{fs, os::unix::fs::symlink, path::Path};

use consign_activation::{ClassFile, CommandLines, Failure, Host, Policy};
use consign_core::common;

use crate::bench::{Bench, folder, id, script, set_mode};

fn judge(path: &Path) -> Result<(), Failure> {
    Policy::default().check(&[path.to_str().unwrap().to_owned()]).map(drop)
}

/// Refused, and the sentence says why.
fn check(path: &Path, words: &str) {
    let failure = judge(path).unwrap_err();
    assert_eq!(failure.code, common::E_ACCESSDENIED, "{failure}");
    assert!(failure.sentence.contains(words), "{failure}");
}

#[test]
fn only_what_nobody_else_can_change_is_run() {
    let root = folder();
    let path = |name: &str| root.path().join(name);
    script(&path("good"), "exit 0");
    judge(&path("good")).unwrap();
    check(root.path(), "is a folder");
    check(Path::new("/dev/null"), "not a regular file");

    script(&path("bad"), "exit 0");
    for (mode, words) in [(0o775, "changed by other users"), (0o757, "changed by other users"), (0o644, "not executable")] {
        set_mode(&path("bad"), mode);
        check(&path("bad"), words);
    }

    fs::create_dir_all(path("open/closed")).unwrap();
    script(&path("open/closed/program"), "exit 0");
    judge(&path("open/closed/program")).unwrap();
    for mode in [0o775, 0o777, 0o1777] {
        set_mode(&path("open"), mode);
        check(&path("open/closed/program"), "the folder");
    }

    symlink("good", path("link")).unwrap();
    judge(&path("link")).unwrap();
    symlink(path("open/closed/program"), path("link-through")).unwrap();
    check(&path("link-through"), "the folder");
    symlink(path("open/closed/../../good"), path("link-around")).unwrap();
    check(&path("link-around"), "the folder");
    symlink("bad", path("link-to-bad")).unwrap();
    check(&path("link-to-bad"), "not executable");
    symlink("loop", path("loop")).unwrap();
    assert!(judge(&path("loop")).is_err());

    assert_eq!(judge(&path("missing")).unwrap_err().code, common::ERROR_FILE_NOT_FOUND);
    assert_eq!(judge(&path("good/below")).unwrap_err().code, common::ERROR_DIRECTORY);
    assert_eq!(judge(Path::new("bin/sh")).unwrap_err().code, common::E_INVALIDARG);
    assert_eq!(Policy::default().check(&[]).unwrap_err().code, common::E_INVALIDARG);
}

#[test]
fn nothing_in_a_folder_for_everybody_is_run() {
    let root = tempfile::tempdir_in("/tmp").unwrap();
    script(&root.path().join("program"), "exit 0");
    check(&root.path().join("program"), "/tmp");
}

#[test]
fn the_list_is_the_administrators() {
    let command = ["/bin/sh".to_owned()];
    let policy = |command_lines| Policy { command_lines };
    policy(CommandLines::Listed(vec!["/bin/sh".into()])).check(&command).unwrap();
    for refusing in [CommandLines::Listed(vec!["/bin/true".into()]), CommandLines::Listed(Vec::new()), CommandLines::Deny] {
        assert_eq!(policy(refusing).check(&command).unwrap_err().code, common::E_ACCESSDENIED);
    }
}

#[tokio::test]
async fn a_program_is_judged_when_it_is_set_and_when_it_is_run() {
    let bench = Bench::new();
    let path = bench.path("server");
    let class = ClassFile::new(id(1), Host::Program(vec![path.to_str().unwrap().to_owned()]));
    script(&path, "exit 1");
    set_mode(&path, 0o644);
    assert_eq!(bench.activator().register(&class).unwrap_err().code, common::E_ACCESSDENIED);
    assert!(bench.activator().registry().entries().is_empty());

    set_mode(&path, 0o755);
    bench.activator().register(&class).unwrap();
    // Replaced by one that others can write.
    script(&bench.path("other"), &format!("echo $CONSIGN_ACTIVATION_TOKEN $$ > {}", bench.path("ran").display()));
    set_mode(&bench.path("other"), 0o777);
    fs::rename(bench.path("other"), &path).unwrap();
    let failure = bench.again(id(1)).answer().await.unwrap_err();
    assert_eq!(failure.code, common::E_ACCESSDENIED, "{failure}");
    assert!(!bench.path("ran").exists() && bench.status().process.is_none());
}

#[tokio::test]
async fn a_program_that_an_update_replaced_is_run() {
    let bench = Bench::new();
    let path = bench.path("server");
    script(&path, "exit 1");
    let class = ClassFile::new(id(1), Host::Program(vec![path.to_str().unwrap().to_owned()]));
    bench.activator().register(&class).unwrap();
    let before = Policy::default().check(&[path.to_str().unwrap().to_owned()]).unwrap().identity();
    script(&bench.path("new"), "echo the new one; exit 1");
    fs::rename(bench.path("new"), &path).unwrap();
    let after = Policy::default().check(&[path.to_str().unwrap().to_owned()]).unwrap().identity();
    assert_ne!(before, after, "the replacement can be noticed");
    let failure = bench.again(id(1)).answer().await.unwrap_err();
    assert!(failure.sentence.ends_with("the new one"), "{failure}");
}
