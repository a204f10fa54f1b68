//! One large file.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::{
    MEMORY,
    contest::{Contender, hold, ratio},
};
use crate::{
    Outcome,
    contender::plain as without_environment,
    ground::{Ground, progress, same, write_file},
    measure::{self, Turn},
    report::{Row, Score},
    service::Service,
};

/// No turn takes longer.
const LIMIT: Duration = Duration::from_secs(300);

/// The file that is fetched.
pub(super) struct File {
    bytes: u64,
    path: PathBuf,
}

impl File {
    pub(super) fn make(ground: &Ground, bytes: u64) -> Outcome<Self> {
        progress("the large file is made");
        let path = ground.served().join("large");
        write_file(&path, bytes)?;
        fs::File::open(&path)?.sync_all()?;
        Ok(Self { bytes, path })
    }

    fn title(&self, how: &str) -> String {
        format!("one file of {} MiB, {how}", self.bytes >> 20)
    }

    /// Looks into every byte the first time, at the size later.
    fn check(&self, fetched: &Path, round: usize) -> Outcome {
        let good = if round == 0 { same(&self.path, fetched)? } else { fetched.metadata()?.len() == self.bytes };
        if good { Ok(()) } else { Err("what was fetched is not what was served".into()) }
    }
}

pub(super) fn plain(ground: &Ground, file: &File) -> Outcome<Row> {
    let url = ground.nginx.url("/large");
    let target = ground.fetched().join("file");
    let bare = {
        let (url, target) = (url.clone(), target.clone());
        Contender::new("bare loop of 1 MiB", move || {
            let mut command = Command::new(env::current_exe()?);
            without_environment(&mut command);
            measure::run(command.arg("bare-loop").arg(&url).arg(&target), LIMIT)
        })
    };
    let title = file.title("plain HTTP");
    let (mut row, scores) = contest(ground, file, &title, "plain", &url, None, vec![bare])?;
    row.at_most("wall / curl, the sync included", 0.65, ratio(&scores, "curl", Score::wall), "");
    row.at_most("wall / the fastest other program", 1.0, to_fastest(&scores), "");
    row.at_most("CPU / curl", 0.45, ratio(&scores, "curl", Score::cpu), "");
    row.at_most("CPU / aria2c", 0.4, ratio(&scores, "aria2c", Score::cpu), "");
    row.at_most("CPU / bare loop", 1.3, ratio(&scores, "bare loop of 1 MiB", Score::cpu), "");
    row.at_most("memory of the service", MEMORY, scores[0].peak(), " MiB");
    Ok(row)
}

pub(super) fn tls(ground: &Ground, file: &File) -> Outcome<Row> {
    let url = ground.nginx.tls_url("/large");
    let (mut row, scores) = contest(ground, file, &file.title("TLS 1.3"), "tls", &url, Some(&ground.authority()), Vec::new())?;
    row.at_most("CPU / curl", 0.65, ratio(&scores, "curl", Score::cpu), "");
    row.at_most("wall / the fastest other program", 1.0, to_fastest(&scores), "");
    row.at_most("memory of the service", MEMORY, scores[0].peak(), " MiB");
    Ok(row)
}

fn contest<'a>(
    ground: &'a Ground,
    file: &File,
    title: &str,
    name: &str,
    url: &'a str,
    authority: Option<&'a Path>,
    more: Vec<Contender<'a>>,
) -> Outcome<(Row, Vec<Score>)> {
    let service = ground.service(name)?;
    let target = ground.fetched().join("file");
    let mut contenders = vec![Contender::new("consign", || get(ground, &service, url, &target))];
    for tool in &ground.tools {
        let target = target.clone();
        contenders.push(Contender::new(tool.tool.name(), move || measure::run(&mut tool.one_file(url, &target, authority), LIMIT)));
    }
    contenders.extend(more);
    let (scores, remarks) = hold(ground, title, file.bytes, contenders, |round| file.check(&target, round))?;
    service.stop(&ground.runtime)?;
    let mut row = Row::of_scores(title.to_owned(), &scores);
    row.remarks = remarks;
    row.remarks.push("consign: client and service, synced; nobody else syncs".into());
    Ok((row, scores))
}

fn get(ground: &Ground, service: &Service, url: &str, target: &Path) -> Outcome<Turn> {
    let before = service.cpu()?;
    measure::reset_peak(service.process());
    let client = measure::run(ground.consign(service).args(["get", url, "-o"]).arg(target), LIMIT)?;
    Ok(Turn { cpu: client.cpu + service.cpu()?.saturating_sub(before), peak: service.peak(), ..client })
}

/// Our wall time to that of the fastest program that people use. The bare loop is none.
fn to_fastest(scores: &[Score]) -> f64 {
    let others = scores.iter().skip(1).filter(|score| !score.name.starts_with("bare"));
    let fastest = others.map(Score::wall).fold(f64::INFINITY, f64::min);
    scores.first().map_or(f64::NAN, |ours| if fastest.is_finite() { ours.wall() / fastest } else { f64::NAN })
}
