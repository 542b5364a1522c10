//! Live ingest with commits: the program's own bench on a simulated log.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::{Wanted, sample};
use crate::{program, workspace};

/// Lines a second at which it is measured how soon a line can be asked for.
const USUAL_RATE: u64 = 20_000;
/// Open messages of the start that is measured.
const OPEN: u64 = 500_000;

/// Runs it; the program prints its figures.
pub(super) fn run(wanted: &Wanted) -> Result<()> {
    let binary = workspace::build_program("release", workspace::Build::Whole)?;
    let log = sample::log(wanted)?;
    if wanted.rate > 0 {
        return at_rate(&binary, &log, wanted.rate, wanted.seconds);
    }
    println!("as fast as it goes:");
    program::run(Command::new(&binary).arg("bench-ingest").arg(&log).arg("--sizes"))?;
    println!("\n{USUAL_RATE} lines a second:");
    at_rate(&binary, &log, USUAL_RATE, wanted.seconds)?;
    println!("\na start with {OPEN} open messages:");
    program::run(Command::new(&binary).arg("bench-ingest").arg(&log).args(["--open", &OPEN.to_string()]))?;
    compressed(&log)
}

fn at_rate(binary: &Path, log: &Path, rate: u64, seconds: u64) -> Result<()> {
    let (rate, seconds) = (rate.to_string(), seconds.to_string());
    program::run(Command::new(binary).arg("bench-ingest").arg(log).args(["--rate", &rate, "--seconds", &seconds, "--keep-failed-lines"]))
}

/// What `zstd -19` makes of the log, to compare the store with.
fn compressed(log: &Path) -> Result<()> {
    let Some(zstd) = program::find("zstd") else {
        println!("\nzstd is not installed (`sudo apt install zstd`): no figure to compare the size with");
        return Ok(());
    };
    let output = Command::new(zstd).args(["-19", "-T0", "-c", "-q"]).arg(log).output()?;
    let bytes = log.metadata()?.len();
    println!("\nzstd -19  {} bytes, {:.2} % of the log", output.stdout.len(), 100.0 * output.stdout.len() as f64 / bytes.max(1) as f64);
    Ok(())
}
