//! The embedded store: a folder with a manifest (SQLite) and segments (Parquet). One writer.

mod decoded;
mod find;
mod lock;
mod manifest;
mod merge;
mod open;
mod options;
mod reader;
mod rewrite;
mod seal;
mod tick;
mod upgrade;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use mailvane_model::Batch;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::commit::{Commit, CommitNumber, StatePairs, Store, streams_of};
use crate::error::Result;
use crate::pending::{self, Pending};
use crate::recent::Recent;
use crate::revise::Revisions;
use crate::segment::{Segment, SegmentFile};
use crate::snapshot::{Backing, Generation, Inner, Snapshot, StreamState};
use lock::Lock;
use manifest::ChunkKey;
pub use merge::{Merge, Merged};
pub use options::{MINUTES_KEEP, Options};
use reader::Reader;
pub use rewrite::{Rewritten, StateChange};
pub use tick::Ticked;

/// The segments, in the order of their ids.
type Segments = Arc<Vec<Arc<Segment>>>;

/// The store in a folder.
pub struct Disk {
    folder: PathBuf,
    options: Options,
    connection: Connection,
    reader: Arc<Reader>,
    number: CommitNumber,
    next_part: u64,
    pending: Vec<Pending>,
    revisions: Revisions,
    recent: Recent,
    segments: Segments,
    /// Segments whose superseded rows are known here and not yet in the manifest.
    unsaved_dead: Vec<u64>,
    streams: Arc<Vec<StreamState>>,
    generation: Arc<Generation>,
    /// The generations that snapshots can hold, oldest first.
    generations: Vec<Weak<Generation>>,
    /// Chunks with older generations, and the generation from which on nobody needs those.
    replaced_chunks: Vec<(ChunkKey, u64)>,
    upkeep: tick::Upkeep,
    /// `None`: another process owns the store, and this only looks.
    _lock: Option<Lock>,
}

/// What is put back when a commit fails.
struct Before {
    pending: Vec<Pending>,
    segments: Segments,
    unsaved_dead: Vec<u64>,
}

impl Disk {
    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How many rows are pending.
    pub fn pending_rows(&self) -> usize {
        self.pending.iter().map(|pending| pending.rows.len()).sum()
    }

    fn before(&self) -> Before {
        Before { pending: self.pending.clone(), segments: Arc::clone(&self.segments), unsaved_dead: self.unsaved_dead.clone() }
    }

    fn put_back(&mut self, before: Before) {
        self.pending = before.pending;
        self.segments = before.segments;
        self.unsaved_dead = before.unsaved_dead;
        self.revisions.rebuild(&self.pending);
    }

    /// Takes rows in, in memory, and marks what they supersede.
    fn add_pending(&mut self, number: CommitNumber, rows: Arc<Batch>) -> Result<()> {
        self.pending.push(Pending::new(number, rows));
        let unmet = self.revisions.add_pending(&mut self.pending);
        self.supersede(&unmet)
    }

    fn knows(&self, stream: &mailvane_model::Stream) -> bool {
        self.streams.binary_search_by_key(&stream.key(), |state| state.key).is_ok()
    }

    fn commit_step(&mut self, commit: &Commit, number: CommitNumber) -> Result<()> {
        let has_rows = !commit.rows.has_nothing();
        if has_rows {
            self.add_pending(number, Arc::clone(&commit.rows))?;
        }
        let seals = has_rows && (commit.bulk || self.pending_rows() >= self.options.seal_rows);
        let sealed = if seals { Some(self.prepare_seal()?) } else { None };
        let packed = if has_rows && !seals { Some(pending::pack(&commit.rows)?) } else { None };
        let named: Vec<_> = commit.streams.iter().chain(streams_of(&commit.rows)).collect();
        let streams_change = !commit.watermarks.is_empty() || named.iter().any(|stream| !self.knows(stream));
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        match (&packed, &sealed) {
            (Some(packed), _) => manifest::put_pending(&transaction, number, packed)?,
            (None, Some(sealed)) => seal::keep(&transaction, sealed)?,
            (None, None) => {}
        }
        manifest::put_state(&transaction, &commit.state)?;
        manifest::put_streams(&transaction, named.iter().copied())?;
        manifest::put_watermarks(&transaction, &commit.watermarks)?;
        put_lines(&transaction, commit)?;
        manifest::set_number(&transaction, "commit", number.0 as i64)?;
        let streams = if streams_change { Some(manifest::streams(&transaction)?) } else { None };
        transaction.commit()?;
        self.number = number;
        if let Some(streams) = streams {
            self.streams = Arc::new(streams);
        }
        if let Some(sealed) = sealed {
            self.install_seal(sealed);
        }
        Ok(())
    }
}

fn put_lines(transaction: &Transaction<'_>, commit: &Commit) -> Result<()> {
    if commit.lines.is_empty() { Ok(()) } else { crate::line::put(transaction, &commit.lines) }
}

impl Store for Disk {
    fn commit(&mut self, commit: &Commit) -> Result<CommitNumber> {
        let before = self.before();
        let number = CommitNumber(self.number.0 + 1);
        match self.commit_step(commit, number) {
            Ok(()) => Ok(number),
            Err(error) => {
                self.put_back(before);
                Err(error)
            }
        }
    }

    fn snapshot(&self) -> Result<Snapshot> {
        let inner = Inner {
            number: self.number,
            pending: self.pending.clone(),
            segments: Arc::clone(&self.segments),
            streams: Arc::clone(&self.streams),
            generation: Arc::clone(&self.generation),
            backing: Arc::clone(&self.reader) as Arc<dyn Backing>,
        };
        Ok(Snapshot { inner: Arc::new(inner) })
    }

    fn state(&self, prefix: &[u8]) -> Result<StatePairs> {
        manifest::state(&self.connection, prefix)
    }
}

/// The file of a segment.
fn segment_file(folder: &Path, part: u64, kind: crate::kind::Kind) -> Arc<SegmentFile> {
    SegmentFile::new(folder.join("segments").join(format!("{part:08}-{}.parquet", kind.word())))
}

/// The filter of a part.
fn filter_file(folder: &Path, part: u64) -> Arc<SegmentFile> {
    SegmentFile::new(folder.join("segments").join(format!("{part:08}.filter")))
}
