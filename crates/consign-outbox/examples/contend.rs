//! How fairly processes write to one database: `contend DATABASE SECONDS PROCESSES`. With no PROCESSES it is one
//! of them: it waits for a line, writes, and prints what it did.

use std::{
    env,
    io::{Read, Write},
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use consign_outbox::measure::{Measured, record_for};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args_os().skip(1);
    let database = PathBuf::from(arguments.next().ok_or("usage: contend DATABASE SECONDS [PROCESSES]")?);
    let seconds = arguments.next().ok_or("how many seconds?")?;
    let Some(processes) = arguments.next() else {
        std::io::stdin().read_line(&mut String::new())?;
        let time = Duration::from_secs_f64(seconds.to_string_lossy().parse()?);
        print!("{}", record_for(&database, time)?);
        return Ok(());
    };
    let mut children = Vec::new();
    for _ in 0..processes.to_string_lossy().parse::<u32>()? {
        let mut command = Command::new(env::current_exe()?);
        children.push(command.args([database.as_os_str(), &seconds]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?);
    }
    for child in &mut children {
        child.stdin.take().ok_or("no stdin")?.write_all(b"go\n")?;
    }
    let mut all = Vec::new();
    for mut child in children {
        let mut text = String::new();
        child.stdout.take().ok_or("no stdout")?.read_to_string(&mut text)?;
        child.wait()?;
        all.push(text.parse::<Measured>()?);
    }
    let counts = || all.iter().map(|measured| measured.transactions);
    let (least, most, sum) = (counts().min().unwrap_or(0), counts().max().unwrap_or(0), counts().sum::<u64>());
    let longest = all.iter().map(|measured| measured.longest).max().unwrap_or_default();
    println!("{sum} transactions; least {least}, most {most}; longest wait {longest:?}");
    Ok(())
}
