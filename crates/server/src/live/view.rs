//! What the API sees: one immutable view after each commit, and the facts that never change while the daemon runs.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use chrono_tz::Tz;
use mailvane_assemble::Statistics;
use mailvane_ingest::SourceInfo;
use mailvane_ingest::feed::FeedCounts;
use mailvane_model::{Batch, FileId, Time};
use mailvane_store::Snapshot;
use tokio::sync::watch;

use crate::pipeline::coverage::Coverage;
use crate::probing::board::Board;
use crate::probing::learning::Learning;

/// For so many seconds a view says how much is read; then that fades by half each second.
const FRESH: f64 = 5.0;

/// What never changes while the daemon runs.
#[derive(Clone, Debug)]
pub(crate) struct About {
    /// When it was started.
    pub(crate) started: Time,
    /// The zone of this machine, for days and sentences.
    pub(crate) zone: Tz,
    /// Where it listens, `127.0.0.1:8624`.
    pub(crate) listen: String,
    /// What runs here: `Postfix 3.7.11 (mail.example.com)`; empty when nothing was found.
    pub(crate) software: Option<String>,
    /// What it says of itself, in sentences: its domains and networks, and how long messages wait.
    pub(crate) facts: Vec<String>,
    /// The patterns of the logs that are followed.
    pub(crate) logs: Vec<String>,
    /// Shown on every page, for example that the data is simulated.
    pub(crate) banner: Option<String>,
    /// Whether the data is simulated.
    pub(crate) demo: bool,
    /// What could not be done at the start, with the command that permits it.
    pub(crate) hints: Vec<String>,
}

/// A gap: bytes gone before they were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    /// The log.
    pub(crate) source: String,
    /// The file.
    pub(crate) file: FileId,
    /// From this offset.
    pub(crate) from: u64,
    /// To this one, if known.
    pub(crate) to: Option<u64>,
    /// Between this time.
    pub(crate) since: Time,
    /// And this one.
    pub(crate) until: Time,
    /// In words.
    pub(crate) text: String,
}

/// The daemon as of one commit.
#[derive(Clone)]
pub(crate) struct View {
    /// Grows with every view.
    pub(crate) revision: u64,
    /// When it was made.
    pub(crate) made: Time,
    /// The store.
    pub(crate) snapshot: Snapshot,
    /// What is open: messages, and one outcome (`queued`, `held`) for each recipient still in a queue. Not in the store.
    pub(crate) open: Arc<Batch>,
    /// When `open` was looked at.
    pub(crate) open_made: Time,
    /// How much was understood since the start of the store.
    pub(crate) coverage: Arc<Coverage>,
    /// How every log stands.
    pub(crate) sources: Arc<Vec<SourceInfo>>,
    /// Paths that cannot be read now, with the reason.
    pub(crate) troubles: Arc<Vec<(String, String)>>,
    /// Files by id, to read lines again.
    pub(crate) files: Arc<HashMap<FileId, PathBuf>>,
    /// Gaps since the start of the store.
    pub(crate) gaps: Arc<Vec<Gap>>,
    /// Counts of assembly.
    pub(crate) statistics: Statistics,
    /// Counts of lines that came twice.
    pub(crate) feeds: FeedCounts,
    /// Whether history is being read for the first time.
    pub(crate) first_read: bool,
    /// Whether everything that was in the logs at the last look was read.
    pub(crate) caught_up: bool,
    /// The log time up to which everything is committed.
    pub(crate) complete_to: Option<Time>,
    /// The earliest log time in the store.
    pub(crate) data_from: Option<Time>,
    /// Lines read a second when it was made.
    pub(crate) lines_per_s: f64,
    /// What stops ingest right now (a full disk), in words.
    pub(crate) stopped: Option<String>,
}

impl View {
    /// Lines read a second as of `now`: where nothing is read no view is made, and what was read once fades.
    pub(crate) fn lines_per_s(&self, now: Time) -> f64 {
        let idle = now.0.saturating_sub(self.made.0) as f64 / Time::SECOND as f64 - FRESH;
        let faded = if idle > 0.0 { self.lines_per_s * 0.5_f64.powf(idle) } else { self.lines_per_s };
        if faded < 0.01 { 0.0 } else { faded }
    }
}

/// What the engine and the API share.
pub(crate) struct Shared {
    /// What never changes.
    pub(crate) about: About,
    /// What the probes found; empty until they begin.
    pub(crate) probes: OnceLock<Arc<Board>>,
    /// What the logs tell of our own servers.
    pub(crate) learning: Arc<Learning>,
    view: RwLock<Option<Arc<View>>>,
    revision: watch::Sender<u64>,
}

impl Shared {
    /// Without a view yet.
    pub(crate) fn new(about: About) -> Self {
        Shared { about, probes: OnceLock::new(), learning: Arc::default(), view: RwLock::new(None), revision: watch::Sender::new(0) }
    }

    /// The latest view; `None` before the first commit.
    pub(crate) fn view(&self) -> Option<Arc<View>> {
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shows a new view.
    pub(crate) fn show(&self, view: View) {
        let revision = view.revision;
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(view));
        self.revision.send_replace(revision);
    }

    /// Tells of every new view.
    pub(crate) fn revisions(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }
}
