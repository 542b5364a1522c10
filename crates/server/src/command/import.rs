//! `mailvane import`: older log files into the store, by the running `serve` when there is one.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use mailvane_model::Time;
use mailvane_store::{Disk, Options};
use serde_json::Value;

use super::serve::data_folder;
use crate::config::Config;
use crate::live::import::{Imported, import};
use crate::pipeline::files::Job;
use crate::socket::{self, Question};
use crate::{Ending, cli};

/// Runs it.
pub(crate) fn run(arguments: &cli::Import, now: Time) -> Result<Ending> {
    let config = match &arguments.config {
        Some(path) => Config::load(path)?,
        None => Config::default(),
    };
    let folder = data_folder(arguments.data_dir.as_deref(), &config);
    let files: Vec<PathBuf> = arguments.files.iter().map(|path| absolute(path)).collect::<Result<_>>()?;
    let mut progress = Said::default();
    let answer = match Disk::open(&folder, Options::default()) {
        Ok(mut store) => {
            crate::reclassify::begin_new(&mut store, crate::rules::current())?;
            let job = Job::of(&files, &arguments.clock, now)?;
            let mut assembly = super::assembly(&arguments.clock);
            assembly.ours.domains.extend(config.domains.ours.iter().map(|domain| domain.to_lowercase()));
            let done = import(&job, &assembly, arguments.commit_rows, &mut store, &mut |words| {
                progress.say(words);
                Ok(())
            })?;
            serde_json::to_value(done)?
        }
        Err(mailvane_store::Error::Locked { .. }) if socket::is_there(&folder) => {
            let question = Question::Import { files, clock: arguments.clock.clone() };
            socket::ask(&folder, &question, |words| progress.say(words))?
        }
        Err(error) => return Err(error).with_context(|| format!("cannot open the store in {}", folder.display())),
    };
    drop(progress);
    told(answer)
}

/// Files are named for a process that may stand elsewhere.
fn absolute(path: &std::path::Path) -> Result<PathBuf> {
    std::fs::canonicalize(path).with_context(|| format!("cannot read {}", path.display()))
}

fn told(answer: Value) -> Result<Ending> {
    let done: Imported = serde_json::from_value(answer).context("the running `mailvane serve` is of another version")?;
    let mut out = std::io::stdout().lock();
    for path in &done.known {
        writeln!(out, "{}: read before, left out", path.display())?;
    }
    for path in &done.files {
        writeln!(out, "{}: read", path.display())?;
    }
    writeln!(out, "{} lines, {} rows added, {} messages completed that the store had the end of", done.lines, done.rows, done.joined)?;
    for warning in &done.warnings {
        writeln!(std::io::stderr(), "mailvane: {warning}")?;
    }
    Ok(if done.warnings.is_empty() { Ending::Fine } else { Ending::Problems })
}

/// Progress on a terminal, in one line.
#[derive(Default)]
struct Said(bool);

impl Said {
    fn say(&mut self, words: &str) {
        if std::io::stderr().is_terminal() {
            self.0 = true;
            // Progress is a courtesy: when stderr cannot be written, the work goes on.
            let _ = write!(std::io::stderr(), "\r\x1b[K{words}");
        }
    }
}

impl Drop for Said {
    fn drop(&mut self) {
        if self.0 {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
