//! `consign service run`.

use consign_service::{Background, main_run};

use crate::{
    exit::Exit,
    problem::{Outcome, Problem},
};

pub(super) fn run(detach: bool) -> Outcome {
    let background = if detach { Background::Detach } else { Background::Stay };
    main_run(background).map_err(|error| Problem::of_failure("the service was not started", &error.to_failure()))?;
    Ok(Exit::Done)
}
