//! The store as of one commit, for readers.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use mailvane_metric::{Cell, Cube, Width};
use mailvane_model::{Position, Stream, Time};

use crate::commit::{CommitNumber, StatePairs};
use crate::error::Result;
use crate::kind::Kind;
use crate::pending::Pending;
use crate::rollup::{Cells, Folded, Range, Rolled};
use crate::segment::Segment;

/// A stream and how far it is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamState {
    /// [`Stream::key`].
    pub key: u64,
    /// The stream.
    pub stream: Stream,
    /// The log time up to which it is committed; `None` before it is known.
    pub watermark: Option<Time>,
}

/// Takes one cell of a rollup: time, stream, key.
pub(crate) type See<'a> = dyn FnMut(Time, u64, &str, &Cell) + 'a;

/// Where a snapshot finds what is not in memory.
pub(crate) trait Backing: Send + Sync {
    /// State by prefix, as of the latest commit.
    fn state(&self, prefix: &[u8]) -> Result<StatePairs>;
    /// Hands out the stored cells of a generation, each place once.
    fn rollups(&self, generation: u64, width: Width, cube: Cube, range: &Range<'_>, see: &mut See<'_>) -> Result<()>;
    /// The kept line of each position.
    fn lines(&self, positions: &[Position]) -> Result<Vec<Option<Vec<u8>>>>;
    /// Bytes by table.
    fn table_sizes(&self) -> Result<BTreeMap<String, u64>> {
        Ok(BTreeMap::new())
    }
}

/// The store as of one commit. Cheap to clone; everything it names stays readable while it is held.
#[derive(Clone)]
pub struct Snapshot {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) number: CommitNumber,
    pub(crate) pending: Vec<Pending>,
    pub(crate) segments: Arc<Vec<Arc<Segment>>>,
    pub(crate) streams: Arc<Vec<StreamState>>,
    pub(crate) generation: Arc<Generation>,
    pub(crate) backing: Arc<dyn Backing>,
}

/// The stored rollups as of one sealing. Cells that were replaced since stay while this is held.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Generation(pub(crate) u64);

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let inner = &self.inner;
        write!(formatter, "Snapshot({}, {} pending, {} segments)", inner.number.0, inner.pending.len(), inner.segments.len())
    }
}

impl Snapshot {
    /// The commit.
    pub fn number(&self) -> CommitNumber {
        self.inner.number
    }

    /// Rows that are not yet in segments, oldest commit first. Heed [`Pending::dead`].
    pub fn pending(&self) -> &[Pending] {
        &self.inner.pending
    }

    /// The segments of a kind with rows that can be of a time between `from` and `until` (not included), oldest first.
    /// Heed [`Segment::dead`].
    pub fn segments(&self, kind: Kind, from: Time, until: Time) -> Vec<Arc<Segment>> {
        let wanted = self.inner.segments.iter().filter(|segment| segment.kind == kind && segment.overlaps(from, until));
        let mut found: Vec<_> = wanted.cloned().collect();
        found.sort_by_key(|segment| (segment.time_min, segment.id));
        found
    }

    /// Every segment of every kind.
    pub fn all_segments(&self) -> &[Arc<Segment>] {
        &self.inner.segments
    }

    /// The times of the earliest and the latest row; `None` when there is none.
    pub fn span(&self) -> Option<(Time, Time)> {
        let sealed = self.inner.segments.iter().flat_map(|segment| [segment.time_min, segment.time_max]);
        let pending = self.inner.pending.iter().flat_map(|pending| {
            let rows = &pending.rows;
            let times = [
                &rows.messages.time,
                &rows.attempts.time,
                &rows.outcomes.time,
                &rows.rejections.time,
                &rows.auths.time,
                &rows.sessions.time,
                &rows.notices.time,
            ];
            times.into_iter().flat_map(|times| times.0.iter().copied())
        });
        sealed.chain(pending).fold(None, |span, time| {
            let (first, last) = span.unwrap_or((time, time));
            Some((time.min(first), time.max(last)))
        })
    }

    /// Every stream, by key.
    pub fn streams(&self) -> &[StreamState] {
        &self.inner.streams
    }

    /// The stream of a key.
    pub fn stream(&self, key: u64) -> Option<&StreamState> {
        let streams = &self.inner.streams;
        streams.binary_search_by_key(&key, |state| state.key).ok().map(|at| &streams[at])
    }

    /// State whose key begins with `prefix`, in key order. Unlike everything else here it is that of the latest commit.
    pub fn state(&self, prefix: &[u8]) -> Result<StatePairs> {
        self.inner.backing.state(prefix)
    }

    /// The kept line of each position, where there is one.
    pub fn lines(&self, positions: &[Position]) -> Result<Vec<Option<Vec<u8>>>> {
        self.inner.backing.lines(positions)
    }

    /// The cells of a cube whose step begins between `from` and `until` (not included), sorted by time, stream and key,
    /// pending rows included. `streams` are stream keys; `None` means all.
    pub fn rollups(&self, width: Width, cube: Cube, from: Time, until: Time, streams: Option<&[u64]>) -> Result<Vec<Rolled>> {
        let mut cells = Cells::new();
        self.each_rollup(width, cube, (from, until), streams, None, &mut |time, stream, key, cell| {
            cells.insert((time, stream, key.to_owned()), cell.clone());
        })?;
        Ok(cells.into_iter().map(|((time, stream, key), cell)| Rolled { time, stream, key, cell }).collect())
    }

    /// Hands out the same cells as [`Snapshot::rollups`], in no order and without a copy of them; of some `keys`, or of all.
    pub fn each_rollup(
        &self,
        width: Width,
        cube: Cube,
        (from, until): (Time, Time),
        streams: Option<&[u64]>,
        keys: Option<&[&str]>,
        see: &mut dyn FnMut(Time, u64, &str, &Cell),
    ) -> Result<()> {
        let range = Range { from, until, streams, keys };
        let mut pending = Cells::new();
        for batch in &self.inner.pending {
            batch.folded().add_to(&mut pending, width, cube, &range);
        }
        self.inner.backing.rollups(self.inner.generation.0, width, cube, &range, &mut |time, stream, key, cell| {
            // What is pending is mostly later than what is stored.
            let has_pending = pending.first_key_value().is_some_and(|(place, _)| place.0 <= time);
            let delta = if has_pending { pending.remove(&(time, stream, key.to_owned())) } else { None };
            let whole = delta.map(|delta| {
                let mut whole = cell.clone();
                whole.merge(&delta);
                whole
            });
            let cell = whole.as_ref().unwrap_or(cell);
            if !cell.is_empty() {
                see(time, stream, key, cell);
            }
        })?;
        for ((time, stream, key), cell) in pending.iter().filter(|(_, cell)| !cell.is_empty()) {
            see(*time, *stream, key, cell);
        }
        Ok(())
    }
}

/// A fold that is made when it is first asked for.
pub(crate) type LazyFold = Arc<OnceLock<Folded>>;

/// The stream of a key; the default for one that is not known.
pub(crate) fn stream_of(streams: &[StreamState], key: u64) -> Stream {
    streams.binary_search_by_key(&key, |state| state.key).map_or_else(|_| Stream::default(), |at| streams[at].stream.clone())
}
