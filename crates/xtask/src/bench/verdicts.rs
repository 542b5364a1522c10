//! Verdicts for the failure replies of a simulated log: how fast, and how many no rule names.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};

use super::{Wanted, sample};
use crate::workspace;

/// Runs it.
pub(super) fn run(wanted: &Wanted) -> Result<()> {
    let binary = workspace::build_program("release", wanted.build)?;
    let log = String::from_utf8_lossy(&std::fs::read(sample::log(wanted)?)?).into_owned();
    let replies: Vec<&str> = log.lines().filter_map(reply).collect();
    let start = Instant::now();
    let mut child = Command::new(&binary)
        .args(["explain", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start mailvane")?;
    let mut input = child.stdin.take().context("no standard input")?;
    let text = replies.join("\n") + "\n";
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output()?;
    writer.join().map_err(|_| anyhow::anyhow!("the writer stopped"))??;
    let seconds = start.elapsed().as_secs_f64();
    let answers = String::from_utf8_lossy(&output.stdout);
    let unclassified = answers.lines().filter(|line| line.contains("\"unclassified\"")).count();
    println!(
        "{} replies, {} answers in {seconds:.2} s ({:.0} a second, start included); {unclassified} unclassified ({:.2} %)",
        replies.len(),
        answers.lines().count(),
        replies.len() as f64 / seconds,
        unclassified as f64 * 100.0 / replies.len().max(1) as f64
    );
    Ok(())
}

/// What stands in the parentheses of a failed attempt.
fn reply(line: &str) -> Option<&str> {
    let text = ["status=bounced (", "status=deferred ("].iter().find_map(|mark| line.split_once(mark))?.1;
    text.strip_suffix(')')
}
