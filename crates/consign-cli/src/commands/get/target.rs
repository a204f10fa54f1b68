//! What is fetched, under which name, to where.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use percent_encoding::percent_decode_str;
use url::Url;

use crate::{
    problem::{Outcome, Problem},
    text::shown,
};

/// One file to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) path: PathBuf,
    pub(crate) name: String,
}

/// The name of a page that has none, as web servers call it.
const NAMELESS: &str = "index.html";
/// File systems have no longer names; the temporary file's has some more letters.
const NAME_LIMIT: usize = 200;

/// What the URLs and `--output` mean.
pub(crate) fn plan(urls: &[String], output: Option<&Path>) -> Outcome<Vec<Target>> {
    let mut targets = Vec::new();
    let mut taken = HashSet::new();
    // Names have no slash: all files go there.
    let folder = match output {
        None => Some(real(Path::new("."))?),
        Some(folder) if folder.is_dir() || ends_with_slash(folder) => Some(real(folder)?),
        Some(_) => None,
    };
    for text in urls {
        let url = checked_url(text)?;
        let name = name_of(&url);
        let path = match (&folder, output) {
            (Some(folder), _) => folder.join(&name),
            (None, Some(file)) if urls.len() == 1 => absolute(file)?,
            (None, other) => {
                let other = other.unwrap_or(Path::new("."));
                let why = format!("{} is not a folder, and there are several URLs", shown(&other.to_string_lossy()));
                return Err(Problem::usage("nothing was fetched", why));
            }
        };
        if !taken.insert(path.clone()) {
            let why = format!("two of the URLs would become {}", shown(&path.to_string_lossy()));
            return Err(Problem::usage("nothing was fetched", why).help("fetch them one by one, each with -o"));
        }
        let name = path.file_name().map_or(name, |name| name.to_string_lossy().into_owned());
        targets.push(Target { url: url.to_string(), path, name });
    }
    Ok(targets)
}

/// A URL with a scheme. Which schemes there are, the service knows.
pub(crate) fn checked_url(text: &str) -> Outcome<Url> {
    let what = || format!("{} was not fetched", shown(&consign::ShownUrl(text).to_string()));
    match Url::parse(text) {
        // `localhost:8000/a` parses, with the scheme `localhost`.
        Ok(url) if text.contains("://") || url.scheme() == "file" => Ok(url),
        Ok(_) | Err(url::ParseError::RelativeUrlWithoutBase) => {
            Err(Problem::usage(what(), "the URL has no scheme").help(format!("did you mean https://{text} ?")))
        }
        Err(error) => Err(Problem::usage(what(), format!("the URL is not valid: {error}"))),
    }
}

/// The path from the root on, with the symbolic links of its folder followed now: the service
/// follows none. The folder need not exist; the service says what is wrong with it.
pub(crate) fn absolute(path: &Path) -> Outcome<PathBuf> {
    let path = from_root(path)?;
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Problem::usage(format!("{} cannot be written", shown(&path.to_string_lossy())), "it is no name of a file"));
    };
    Ok(folder.canonicalize().map_or_else(|_| path.clone(), |folder| folder.join(name)))
}

/// A folder, with the symbolic links on the way to it followed, if it exists.
fn real(folder: &Path) -> Outcome<PathBuf> {
    let folder = from_root(folder)?;
    Ok(folder.canonicalize().unwrap_or(folder))
}

fn from_root(path: &Path) -> Outcome<PathBuf> {
    let failed =
        |error: std::io::Error| Problem::failed(format!("{} cannot be written", shown(&path.to_string_lossy())), error.to_string());
    std::path::absolute(path).map_err(failed)
}

/// The last segment of the path, made harmless.
fn name_of(url: &Url) -> String {
    let segment = url.path_segments().and_then(Iterator::last).unwrap_or_default();
    let decoded = percent_decode_str(segment).decode_utf8_lossy();
    let mut name: String =
        decoded.chars().map(|character| if character == '/' || character.is_control() { '_' } else { character }).collect();
    while name.len() > NAME_LIMIT {
        name.pop();
    }
    // `..` and its like are folders, or hide the file.
    if name.chars().all(|character| character == '.') { NAMELESS.to_owned() } else { name }
}

fn ends_with_slash(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(b"/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn the_name_is_the_last_segment() {
        for (url, name) in [
            ("http://h/a/maps.tar?x=y/z#f", "maps.tar"),
            ("http://h", "index.html"),
            ("http://h/a/", "index.html"),
            ("http://h/%2e%2e%2fetc%2fpasswd", ".._etc_passwd"),
            ("http://h/a%00b%1bc", "a_b_c"),
            ("http://h/...", "index.html"),
            ("http://h/%66%C3%A4n", "fän"),
            ("http://h/%FF", "\u{fffd}"),
            ("file:///tmp/a%20b", "a b"),
        ] {
            assert_eq!(name_of(&Url::parse(url).unwrap()), name, "{url}");
        }
        let long = name_of(&Url::parse(&format!("http://h/{}", "é".repeat(300))).unwrap());
        assert_eq!(long, "é".repeat(100));
    }

    #[test]
    fn a_url_without_a_scheme_is_wrong_usage() {
        for text in ["example.org/a", "localhost:8000/a", "/tmp/a", "", "http//x"] {
            let problem = checked_url(text).unwrap_err();
            assert_eq!(problem.exit(), Exit::Usage, "{text}");
        }
        assert!(checked_url("http://").is_err());
        let told = checked_url("example.org/a").unwrap_err().for_people(str::to_owned).unwrap();
        assert!(told.contains("did you mean https://example.org/a ?"), "{told}");
    }

    #[test]
    fn the_output_is_a_folder_or_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let urls = |urls: &[&str]| urls.iter().map(ToString::to_string).collect::<Vec<_>>();
        let one = urls(&["http://h/a"]);
        assert_eq!(plan(&one, Some(&folder)).unwrap()[0].path, folder.join("a"));
        assert_eq!(plan(&one, Some(&folder.join("b"))).unwrap()[0].path, folder.join("b"));
        assert_eq!(plan(&one, Some(&folder.join("c/"))).unwrap()[0].path, folder.join("c/a"));
        let two = urls(&["http://h/a", "http://h/b"]);
        assert_eq!(plan(&two, Some(&folder)).unwrap()[1].path, folder.join("b"));
        assert_eq!(plan(&two, Some(&folder.join("b"))).unwrap_err().exit(), Exit::Usage);
        assert_eq!(plan(&urls(&["http://h/a", "http://i/a"]), Some(&folder)).unwrap_err().exit(), Exit::Usage);
    }

    #[test]
    fn links_on_the_way_are_followed() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        std::os::unix::fs::symlink(&folder, folder.join("link")).unwrap();
        assert_eq!(absolute(&folder.join("link/x")).unwrap(), folder.join("x"));
        assert!(absolute(Path::new("/")).is_err());
    }
}
