//! What is committed, and the trait of everything that can keep it.

use std::sync::Arc;

use mailvane_model::{Batch, Position, Stream, Time};

use crate::error::Result;
use crate::snapshot::Snapshot;

/// The number of a commit, from 1; 0 is the empty store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CommitNumber(pub u64);

/// One atomic step: everything in it is kept, or nothing.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The new rows. `replaced_messages` and `replaced_outcomes` correct the rollups and are not kept themselves.
    pub rows: Arc<Batch>,
    /// State by namespaced key (assembly pieces, file offsets, calendars, settings): a value to keep, or `None` to delete.
    /// Of several entries of one key the last one counts.
    pub state: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// Streams met, with or without rows. Those of the rows need not be named.
    pub streams: Vec<Stream>,
    /// By stream key the log time up to which it is now committed. A watermark never goes back.
    pub watermarks: Vec<(u64, Time)>,
    /// Raw lines to keep, compressed, for as long as [`crate::Options::lines_days`] says.
    pub lines: Vec<KeptLine>,
    /// History or an import: rows go to segments at once, whatever their number.
    pub bulk: bool,
}

impl Commit {
    /// A commit of a copy of these rows alone.
    pub fn of(rows: &Batch) -> Self {
        Commit {
            rows: Arc::new(rows.clone()),
            state: Vec::new(),
            streams: Vec::new(),
            watermarks: Vec::new(),
            lines: Vec::new(),
            bulk: false,
        }
    }
}

/// A raw line to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptLine {
    /// Where it stood.
    pub position: Position,
    /// Its time, for retention.
    pub time: Time,
    /// Its bytes without the newline.
    pub text: Vec<u8>,
}

/// State by key.
pub type StatePairs = Vec<(Vec<u8>, Vec<u8>)>;

/// What keeps commits. One writer; snapshots are for any number of readers.
pub trait Store {
    /// Keeps a commit: on return it survives a crash. On an error nothing of it is kept and it may be tried again.
    fn commit(&mut self, commit: &Commit) -> Result<CommitNumber>;

    /// The store as of the last commit.
    fn snapshot(&self) -> Result<Snapshot>;

    /// State whose key begins with `prefix`, in key order, as of the last commit.
    fn state(&self, prefix: &[u8]) -> Result<StatePairs>;
}

/// Every stream that rows of a batch name.
pub(crate) fn streams_of(batch: &Batch) -> impl Iterator<Item = &Stream> {
    [
        &batch.messages.stream,
        &batch.attempts.stream,
        &batch.outcomes.stream,
        &batch.rejections.stream,
        &batch.auths.stream,
        &batch.sessions.stream,
        &batch.notices.stream,
    ]
    .into_iter()
    .flat_map(|column| column.table.iter())
}
