//! The service without the command line around it: what the tests name by `CONSIGN_PROGRAM`.

use std::process::ExitCode;

use consign_service::{Background, main_run};

fn main() -> ExitCode {
    let background = if std::env::args().any(|argument| argument == "--detach") { Background::Detach } else { Background::Stay };
    match main_run(background) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("consign: {}", error.chain());
            ExitCode::FAILURE
        }
    }
}
