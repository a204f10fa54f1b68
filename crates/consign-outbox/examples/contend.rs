//! How fairly processes write to one database: `contend DATABASE SECONDS PROCESSES`. With no PROCESSES it is one
//! of them.

use std::{env, path::PathBuf, process::Command, time::Duration};

use consign_outbox::measure::{contend, write_when_told};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = env::args_os().skip(1);
    let database = PathBuf::from(arguments.next().ok_or("usage: contend DATABASE SECONDS [PROCESSES]")?);
    let seconds = arguments.next().ok_or("how many seconds?")?;
    let Some(processes) = arguments.next() else {
        return write_when_told(&database, Duration::from_secs_f64(seconds.to_string_lossy().parse()?));
    };
    let program = env::current_exe()?;
    let writer = || {
        let mut command = Command::new(&program);
        command.args([database.as_os_str(), &seconds]);
        command
    };
    let found = contend(writer, processes.to_string_lossy().parse()?)?;
    println!(
        "{} transactions; slowest to fastest {:.2}; longest wait {:.1} ms",
        found.transactions(),
        found.slowest_to_fastest(),
        found.longest().as_secs_f64() * 1e3
    );
    Ok(())
}
