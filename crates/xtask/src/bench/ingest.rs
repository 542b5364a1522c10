//! Live ingest with commits: the program's own bench on a simulated log.

use std::process::Command;

use anyhow::Result;

use super::{Wanted, sample};
use crate::{program, workspace};

/// Runs it; the program prints its figures.
pub(super) fn run(wanted: &Wanted) -> Result<()> {
    let binary = workspace::build_program("release", workspace::Build::Whole)?;
    let log = sample::log(wanted)?;
    let (rate, seconds) = (wanted.rate.to_string(), wanted.seconds.to_string());
    program::run(Command::new(&binary).arg("bench-ingest").arg(&log).args(["--rate", &rate, "--seconds", &seconds]))
}
