//! `mailvane report` beside pflogsumm, or with `--exim` beside eximstats, on the same file, in turns, so that both meet the same machine.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::measure::{self, Run};
use super::{Wanted, sample};
use crate::{guided, program, workspace};

/// The other program is slow and steady: it takes part in this many of the rounds.
const OTHER_RUNS: usize = 2;

/// Measures and prints.
pub(super) fn run(wanted: &Wanted) -> Result<()> {
    let binary = match wanted.guided.then(guided::tool).flatten() {
        Some(tool) => guided::build_program(&tool, "release", wanted.build)?,
        None => workspace::build_program("release", wanted.build)?,
    };
    let log = sample::log(wanted)?;
    let bytes = log.metadata()?.len();
    let lines = count_lines(&log)?;
    let (name, package) = if wanted.exim { ("eximstats", "exim4-base") } else { ("pflogsumm", "pflogsumm") };
    let is_wanted = wanted.exim || wanted.pflogsumm;
    let other = program::find(name).filter(|_| is_wanted);
    if is_wanted && other.is_none() {
        println!("{name} is not installed (`sudo apt install {package}`): no figure to compare with");
    }
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    for round in 0..wanted.runs {
        ours.push(measure::once(Command::new(&binary).arg("report").arg(&log))?);
        if let Some(other) = other.as_ref().filter(|_| round < OTHER_RUNS) {
            theirs.push(measure::once(Command::new(other).arg(&log))?);
        }
    }
    println!("{}: {:.0} MB, {lines} lines, {} runs, start included", log.display(), bytes as f64 / 1e6, wanted.runs);
    let mailvane = show("mailvane report", &ours, bytes, lines);
    if !theirs.is_empty() {
        let other = show(name, &theirs, bytes, lines);
        println!("mailvane report is {:.1} times as fast", other / mailvane);
    }
    println!("\nwhere the time goes (mailvane report --timing):");
    let output = Command::new(&binary).arg("report").arg("--timing").arg(&log).output().context("cannot start mailvane")?;
    println!("{}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}

fn show(name: &str, runs: &[Run], bytes: u64, lines: u64) -> f64 {
    let seconds = measure::median(runs.iter().map(|run| run.seconds).collect());
    let peak = runs.iter().map(|run| run.peak).max().unwrap_or_default();
    let all: Vec<String> = runs.iter().map(|run| format!("{:.2}", run.seconds)).collect();
    println!(
        "{name:16} median {seconds:8.2} s  {:8.1} MB/s  {:10.0} lines/s  peak {:6.1} MB  (runs: {})",
        bytes as f64 / 1e6 / seconds,
        lines as f64 / seconds,
        peak as f64 / 1e6,
        all.join(" ")
    );
    seconds
}

fn count_lines(path: &Path) -> Result<u64> {
    use std::io::Read;
    let mut file = std::fs::File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    let mut lines = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(lines);
        }
        lines += buffer[..read].iter().filter(|byte| **byte == b'\n').count() as u64;
    }
}
