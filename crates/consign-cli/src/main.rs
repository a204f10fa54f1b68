//! The consign command. What it does is in the library beside it.

fn main() -> std::process::ExitCode {
    consign_cli::run(std::env::args_os())
}
