//! `mailvane reclassify`: the rules of today applied to what is stored, without reading a log.

use std::io::{IsTerminal, Write};

use anyhow::{Context, Result, bail};
use mailvane_model::word::Reason;
use mailvane_store::{Disk, Error, Options};

use crate::reclassify::{Done, Reclassification};
use crate::{Ending, cli, rules};

/// Runs it.
pub(crate) fn run(arguments: &cli::Reclassify) -> Result<Ending> {
    let config = super::serve::configuration(arguments.store.config.as_deref())?;
    let rules = rules::install(arguments.rules.rules.as_deref().or(config.rules.as_deref()))?;
    let folder = super::serve::data_folder(arguments.store.data_dir.as_deref(), &config);
    if !folder.join("store.db").exists() {
        bail!("there is no store in {}: nothing to judge again (--data-dir says where it is)", folder.display());
    }
    let mut store = match Disk::open(&folder, Options::default()) {
        Ok(store) => store,
        Err(Error::Locked { pid, .. }) => bail!(
            "the store is in use by process {pid}. Restart `serve`: it applies new rules to its history by itself; or stop it, run this, and start it again"
        ),
        Err(error) => return Err(error).with_context(|| format!("cannot open the store in {}", folder.display())),
    };
    let mut work = Reclassification::begin(&mut store, rules)?;
    let shows = std::io::stderr().is_terminal();
    while work.step(&mut store)? {
        if shows {
            let (done, total) = (work.total.saturating_sub(work.left()), work.total);
            // When stderr is gone there is nobody left to tell.
            let _ = write!(std::io::stderr(), "\r{done} of {total} parts, {} rows, {} changed ", work.done.rows, work.done.changed);
        }
    }
    if shows {
        let _ = writeln!(std::io::stderr());
    }
    std::io::stdout().write_all(told(&work.done).as_bytes()).context("cannot write")?;
    Ok(Ending::Fine)
}

/// What was done, in words.
fn told(done: &Done) -> String {
    let mut text = format!("{} rows judged by the rules of now, {} changed\n", done.rows, done.changed);
    if done.left > 0 {
        text.push_str(&format!(
            "{} rows of the last two hours of the log can still change by it; `serve` judges them when the log is past them\n",
            done.left
        ));
    }
    let word = |reason: Option<Reason>| reason.map_or("none", Reason::word);
    for ((from, to), count) in &done.moves {
        text.push_str(&format!("  {count} attempts: {} -> {}\n", word(*from), word(*to)));
    }
    text
}
