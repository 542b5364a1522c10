//! How often verdicts are right: precision and recall per reason on the labelled replies, verdicts a second, and the same on the
//! bounce mails of another project when a folder of them is given.

mod mail;
mod sisimai;

use std::fmt::Write as _;

use anyhow::Result;
use mailvane_reply::bench;
use mailvane_reply::judge::Judge;

use super::Wanted;
use crate::{program, workspace};

/// Runs it.
pub(super) fn run(wanted: &Wanted) -> Result<()> {
    let judge = Judge::embedded();
    println!("{} rules, version {:08x}; the labelled replies:\n", judge.rules().len(), judge.version());
    print!("{}", bench::table(&judge));
    print!("{}", wrong(&judge));
    println!();
    rate()?;
    if let Some(folder) = &wanted.sisimai {
        println!();
        print!("{}", sisimai::run(std::path::Path::new(folder), &judge)?);
    }
    Ok(())
}

/// Each labelled reply that is judged otherwise.
fn wrong(judge: &Judge) -> String {
    let mut out = String::new();
    for (row, verdict) in &bench::score(judge).wrong {
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "\nlabelled {} ({}), judged {} ({}) by {}{}: {}",
            row.reason,
            row.scope,
            verdict.reason.unwrap_or_default(),
            verdict.scope,
            verdict.rule,
            if row.held_out { ", held out" } else { "" },
            row.failure.text
        );
    }
    out
}

/// Verdicts a second, by an optimised build of the example that measures them: this tool itself is a debug build.
fn rate() -> Result<()> {
    program::run(&mut workspace::cargo(&["run", "--quiet", "--release", "--package", "mailvane-reply", "--example", "verdict_rate"]))
}
