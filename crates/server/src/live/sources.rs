//! Sources that cannot be read again, each with its spool: opened once the store is ours, told to stop with everything else.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result};
use mailvane_ingest::intake::journal::{self, Journal};
use mailvane_ingest::intake::listen::{Address, listen};
use mailvane_ingest::intake::tls::Pair;
use mailvane_ingest::intake::{Committed, Intake, Loss, Spool};
use mailvane_ingest::{FileState, Spec};
use mailvane_model::{Time, hash};

/// The folder of the spools, in the data folder.
const SPOOLS: &str = "spool";
/// The name of a spool's files.
const NAME: &str = "lines";

/// What is received.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// The systemd journal.
    Journal(Journal),
    /// A syslog socket.
    Syslog(Address, Option<Pair>),
    /// What is written to standard input.
    Input,
}

/// One source to open.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// In words: `journald`, `udp://127.0.0.1:5514`, `standard input`.
    pub(crate) name: String,
    /// What it is.
    pub(crate) kind: Kind,
    /// Whose lines these are.
    pub(crate) origin: String,
}

impl Plan {
    /// The pattern by which its spool is followed, in a data folder.
    pub(crate) fn pattern(&self, data: &Path) -> String {
        Spool::pattern(&self.folder(data), NAME)
    }

    /// A folder for each source, named after it as far as names of files go.
    fn folder(&self, data: &Path) -> std::path::PathBuf {
        let plain: String = self.name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
        data.join(SPOOLS).join(format!("{plain}-{:08x}", hash::bytes(self.name.as_bytes()) as u32))
    }
}

/// The sources that are open.
pub(crate) struct Sources {
    committed: Arc<Committed>,
    open: Vec<Arc<Intake>>,
}

impl Sources {
    /// Opens all, and begins to receive. `known` is how far the files of the store are committed. Gives what is to be followed.
    pub(crate) fn open(plans: &[Plan], data: &Path, limit: u64, known: &[FileState], stop: &Arc<AtomicBool>) -> Result<(Self, Vec<Spec>)> {
        let mut sources = Sources { committed: Arc::default(), open: Vec::new() };
        sources.note(known);
        let mut specs = Vec::new();
        for plan in plans {
            let (folder, committed) = (plan.folder(data), Arc::clone(&sources.committed));
            let intake = Intake::open(&plan.name, &folder, NAME, limit, committed, Arc::clone(stop))?;
            sources.open.push(Arc::clone(&intake));
            specs.push(Spec { pattern: plan.pattern(data), origin: plan.origin.clone(), history: i64::MAX / 4 });
            // The threads end when everything stops; what they brought to disk by then is read, or read after the next start.
            match &plan.kind {
                Kind::Journal(journal) => drop(journal::follow(journal.clone(), intake)?),
                Kind::Syslog(address, pair) => {
                    let listening = listen(address, pair.as_ref(), intake)?;
                    if let Some(local) = listening.local {
                        tracing::info!("listening for syslog on {local}");
                    }
                }
                Kind::Input => read_input(intake)?,
            }
        }
        Ok((sources, specs))
    }

    /// These files are committed so far.
    pub(crate) fn note(&self, states: &[FileState]) {
        self.committed.note(states);
    }

    /// What was lost since the last call.
    pub(crate) fn take_losses(&self) -> Vec<Loss> {
        for intake in &self.open {
            if let Some(complaint) = intake.take_complaint() {
                tracing::warn!("{}: {complaint}; trying again", intake.source);
            }
        }
        self.open.iter().flat_map(|intake| intake.take_losses()).collect()
    }
}

fn read_input(intake: Arc<Intake>) -> Result<()> {
    let work = move || match intake.feed_from(std::io::stdin()) {
        Ok(true) => tracing::info!("standard input ended; everything of it is kept"),
        Ok(false) => {}
        Err(error) => tracing::error!("standard input cannot be read any more: {error}"),
    };
    std::thread::Builder::new().name("input".to_owned()).spawn(work).context("cannot start the thread that reads standard input")?;
    Ok(())
}

/// A journal, read from so far back.
pub(crate) fn journal(program: Option<&Path>, history: i64, now: Time) -> Kind {
    let mut journal = Journal { since: now.0.saturating_sub(history).max(0), ..Journal::default() };
    if let Some(program) = program {
        journal.program = program.into();
    }
    Kind::Journal(journal)
}
