//! The programs that people use.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    Curl,
    Wget,
    Wget2,
    Aria2,
}

/// A tool that is installed.
#[derive(Clone, Debug)]
pub(crate) struct Installed {
    pub(crate) tool: Tool,
    program: PathBuf,
    pub(crate) version: String,
}

impl Tool {
    pub(crate) const ALL: [Self; 4] = [Self::Curl, Self::Wget, Self::Wget2, Self::Aria2];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Curl => "curl",
            Self::Wget => "wget",
            Self::Wget2 => "wget2",
            Self::Aria2 => "aria2c",
        }
    }

    /// Where it is, or why not.
    pub(crate) fn find(self) -> Result<Installed, String> {
        let path = env::var_os("PATH").unwrap_or_default();
        let found = env::split_paths(&path).map(|folder| folder.join(self.name())).find(|program| program.is_file());
        let program = found.ok_or_else(|| format!("{} is left out: it is not installed (not in PATH)", self.name()))?;
        let output = Command::new(&program).arg("--version").stdin(Stdio::null()).output();
        let output = output.map_err(|error| format!("{} is left out: it does not run: {error}", self.name()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let first = text.lines().next().unwrap_or_default();
        let version = first.split_whitespace().find(|word| word.starts_with(|digit: char| digit.is_ascii_digit()));
        Ok(Installed { tool: self, program, version: version.unwrap_or("of unknown version").to_owned() })
    }
}

impl Installed {
    /// Gets one URL into one file, as people would: without any option that changes how.
    pub(crate) fn one_file(&self, url: &str, output: &Path, authority: Option<&Path>) -> Command {
        let mut command = self.quiet();
        let (folder, name) = (output.parent().unwrap_or(Path::new("/")), output.file_name().unwrap_or_default());
        match self.tool {
            Tool::Curl => command.arg("-o").arg(output),
            Tool::Wget | Tool::Wget2 => command.arg("-O").arg(output),
            Tool::Aria2 => command.arg("-d").arg(folder).arg("-o").arg(name),
        };
        if let Some(authority) = authority {
            match self.tool {
                Tool::Curl => command.arg("--cacert").arg(authority),
                Tool::Wget | Tool::Wget2 | Tool::Aria2 => {
                    let mut option = OsString::from("--ca-certificate=");
                    option.push(authority);
                    command.arg(option)
                }
            };
        }
        command.arg(url);
        command
    }

    /// Gets what `list` names, a URL in each line, into `folder`, many at a time where it can.
    /// For curl the list is one of its configurations, see [`curl_list`].
    pub(crate) fn many_files(&self, list: &Path, folder: &Path) -> Command {
        let mut command = self.quiet();
        match self.tool {
            Tool::Curl => command.args(["--parallel", "-K"]).arg(list).current_dir(folder),
            Tool::Wget => command.arg("-i").arg(list).arg("-P").arg(folder),
            Tool::Wget2 => command.arg("--max-threads=16").arg("-i").arg(list).arg("-P").arg(folder),
            Tool::Aria2 => command.arg("-j16").arg("-i").arg(list).arg("-d").arg(folder),
        };
        command
    }

    fn quiet(&self) -> Command {
        let mut command = Command::new(&self.program);
        match self.tool {
            Tool::Curl => command.args(["-q", "-s", "-S", "-f"]),
            Tool::Wget => command.args(["--no-config", "-q"]),
            Tool::Wget2 => command.args(["--no-config", "-q"]),
            Tool::Aria2 => command.args(["--no-conf=true", "-q"]),
        };
        plain(&mut command);
        command
    }
}

/// Takes away what a terminal, a proxy or the user's settings would change.
pub(crate) fn plain(command: &mut Command) {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    for name in ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY", "CONSIGN_PROGRAM"] {
        command.env_remove(name);
    }
}

/// What curl reads to get these URLs, each into a file of the same name.
pub(crate) fn curl_list(urls: &[String]) -> String {
    urls.iter().map(|url| format!("url = \"{url}\"\nremote-name\n")).collect()
}
