use std::{fs, path::Path};

use consign_idl::{Folders, Limits, Options, Outcome, parse, render_plain};

fn read(folder: &Path, include: &[&str]) -> Outcome {
    let root = folder.join("main/main.idl");
    let source = Folders::new(&root, include.iter().map(|name| folder.join(name)).collect());
    parse(root.to_str().unwrap(), &source, &Options::default())
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

#[track_caller]
fn complaint(outcome: &Outcome) -> String {
    assert_eq!(outcome.diagnostics.len(), 1, "{:?}", outcome.diagnostics);
    render_plain(&outcome.diagnostics[0])
}

#[test]
fn files_are_found_beside_the_asking_one_then_in_the_include_folders() {
    let folder = folder(&[
        ("main/main.idl", "#include \"sub\\one.h\"\n#include <two.h>\nconst long x = ONE + TWO;"),
        ("main/sub/one.h", "#include \"beside.h\"\n"),
        ("main/sub/beside.h", "#define ONE 1\n"),
        ("include/two.h", "#define TWO 2\n"),
    ]);
    let outcome = read(folder.path(), &["include"]);
    assert!(outcome.diagnostics.is_empty(), "{:?}", outcome.diagnostics);
    assert_eq!(outcome.document.constants.len(), 1);
}

#[test]
fn names_have_no_case() {
    let folder = folder(&[("main/main.idl", "import \"OTHER.IDL\"; const Number x = 1;"), ("main/Other.idl", "typedef long Number;")]);
    assert!(read(folder.path(), &[]).diagnostics.is_empty());
}

#[test]
fn a_name_does_not_lead_out_of_the_folders() {
    let folder = folder(&[("main/main.idl", "#include \"../secret.h\"\n"), ("secret.h", "secret")]);
    assert!(complaint(&read(folder.path(), &[])).contains("it leads out of the folders"));
    assert!(complaint(&read(folder.path(), &["include"])).contains("it leads out of the folders"));
    fs::write(folder.path().join("main/main.idl"), "#include \"/etc/passwd\"\n").unwrap();
    assert!(complaint(&read(folder.path(), &[])).contains("it leads out of the folders"));
}

#[test]
fn a_name_may_lead_from_one_folder_to_another() {
    let folder = folder(&[("main/main.idl", "#include \"../include/two.h\"\nconst long x = TWO;"), ("include/two.h", "#define TWO 2\n")]);
    assert!(read(folder.path(), &["include"]).diagnostics.is_empty());
}

#[test]
fn a_symbolic_link_may_lead_anywhere() {
    let folder = folder(&[("main/main.idl", "#include \"link.h\"\nconst long x = TWO;"), ("other/two.h", "#define TWO 2\n")]);
    std::os::unix::fs::symlink(folder.path().join("other/two.h"), folder.path().join("main/link.h")).unwrap();
    assert!(read(folder.path(), &[]).diagnostics.is_empty());
}

#[test]
fn what_is_no_file_is_not_read() {
    let folder = folder(&[("main/main.idl", "#include \"zero\"\n")]);
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("main/zero")).unwrap();
    assert!(complaint(&read(folder.path(), &[])).contains("it is no regular file"));
}

#[test]
fn a_file_on_disk_has_a_greatest_size() {
    let folder = folder(&[("main/main.idl", "                ")]);
    let root = folder.path().join("main/main.idl");
    let options = Options { limits: Limits { file_bytes: 10, ..Limits::default() }, ..Options::default() };
    let outcome = parse(root.to_str().unwrap(), &Folders::new(&root, Vec::new()), &options);
    assert!(complaint(&outcome).contains("it has more than 10 bytes"));
}

#[test]
fn a_missing_root_is_told_without_a_place() {
    let outcome = parse("/no/such.idl", &Folders::new(Path::new("/no/such.idl"), Vec::new()), &Options::default());
    assert!(complaint(&outcome).starts_with("error[idl::file]: `/no/such.idl` was not read"));
    assert_eq!(outcome.diagnostics[0].record().line, None);
}
