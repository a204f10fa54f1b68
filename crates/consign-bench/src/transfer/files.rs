//! One job of many small files.

use std::{fs, path::Path, time::Duration};

use super::{
    MEMORY,
    contest::{Contender, hold, ratio},
};
use crate::{
    Outcome,
    contender::{Tool, curl_list},
    ground::{Ground, progress, write_file},
    measure::{self, Turn},
    report::{Row, Score},
};

/// In bytes.
const SIZE: u64 = 4096;
const LIMIT: Duration = Duration::from_secs(300);

pub(super) fn row(ground: &Ground, count: usize) -> Outcome<Row> {
    progress("the small files are made");
    let served = ground.served().join("small");
    fs::create_dir_all(&served)?;
    let names: Vec<String> = (0..count).map(|number| format!("file{number:05}")).collect();
    for name in &names {
        write_file(&served.join(name), SIZE)?;
    }
    let urls: Vec<String> = names.iter().map(|name| ground.nginx.url(&format!("/small/{name}"))).collect();
    let (list, for_curl) = (ground.path("list"), ground.path("list.curl"));
    fs::write(&list, urls.join("\n") + "\n")?;
    fs::write(&for_curl, curl_list(&urls))?;

    let title = format!("one job of {count} files of 4 KiB, each durable before it is reported");
    let service = ground.service("files")?;
    let target = ground.fetched();
    let mut contenders = vec![Contender::new("consign", || {
        let before = service.cpu()?;
        measure::reset_peak(service.process());
        let client = measure::run(ground.consign(&service).arg("get").args(&urls).arg("-o").arg(&target), LIMIT)?;
        Ok(Turn { cpu: client.cpu + service.cpu()?.saturating_sub(before), peak: service.peak(), ..client })
    })];
    for tool in &ground.tools {
        let list = if tool.tool == Tool::Curl { &for_curl } else { &list };
        let target = &target;
        let name = match tool.tool {
            Tool::Curl => "curl --parallel",
            Tool::Wget => "wget",
            Tool::Wget2 => "wget2 --max-threads=16",
            Tool::Aria2 => "aria2c -j16",
        };
        contenders.push(Contender::new(name, move || measure::run(&mut tool.many_files(list, target), LIMIT)));
    }
    let (scores, remarks) = hold(ground, &title, 256 << 20, contenders, |_| check(&target, &names))?;
    service.stop(&ground.runtime)?;
    let mut row = Row::of_scores(title, &scores);
    row.remarks = remarks;
    row.remarks.push("consign: client and service, every file synced and renamed; nobody else syncs".into());
    row.at_most("time / aria2c -j16", 0.7, ratio(&scores, "aria2c -j16", Score::wall), "");
    row.at_most("time / curl --parallel", 1.5, ratio(&scores, "curl --parallel", Score::wall), "");
    row.at_most("memory of the service", MEMORY, scores[0].peak(), " MiB");
    Ok(row)
}

fn check(folder: &Path, names: &[String]) -> Outcome {
    let bad = names.iter().find(|name| folder.join(name).metadata().map_or(0, |metadata| metadata.len()) != SIZE);
    bad.map_or(Ok(()), |name| Err(format!("{name} is not what was served").into()))
}
