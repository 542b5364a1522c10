//! A segment: one immutable Parquet file with rows of one kind and day.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mailvane_model::Time;

use crate::kind::Kind;

/// One Parquet file. It stays on the disk for as long as anything holds this.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its number; unique in the store and never used again.
    pub id: u64,
    /// The part it belongs to: the segments of one part were written together and may leave out what another one holds.
    pub part: u64,
    /// The kind of its rows.
    pub kind: Kind,
    /// The day of its rows: days since 1970-01-01, UTC.
    pub day: i64,
    /// How often its rows were merged.
    pub level: u32,
    /// How many rows it has, superseded ones included.
    pub rows: u64,
    /// Bytes on the disk.
    pub bytes: u64,
    /// The earliest time of its rows.
    pub time_min: Time,
    /// The latest time of its rows.
    pub time_max: Time,
    /// Row numbers, ascending, that a higher revision elsewhere has superseded: skip them.
    pub dead: Arc<Vec<u32>>,
    pub(crate) file: Arc<SegmentFile>,
    /// The filter of the part.
    pub(crate) filter: Arc<SegmentFile>,
}

impl Segment {
    /// The Parquet file.
    pub fn path(&self) -> &Path {
        &self.file.path
    }

    /// Whether some of its rows can be of a time between `from` and `until` (not included).
    pub fn overlaps(&self, from: Time, until: Time) -> bool {
        self.time_min < until && self.time_max >= from
    }

    /// Whether the row of a number is superseded.
    pub fn is_dead(&self, row: u32) -> bool {
        self.dead.binary_search(&row).is_ok()
    }
}

/// A file that goes when it is doomed and nobody holds it any more.
#[derive(Debug)]
pub(crate) struct SegmentFile {
    pub(crate) path: PathBuf,
    doomed: AtomicBool,
}

impl SegmentFile {
    pub(crate) fn new(path: PathBuf) -> Arc<Self> {
        Arc::new(SegmentFile { path, doomed: AtomicBool::new(false) })
    }

    /// The manifest no longer names it.
    pub(crate) fn doom(&self) {
        self.doomed.store(true, Ordering::Release);
    }
}

impl Drop for SegmentFile {
    fn drop(&mut self) {
        if self.doomed.load(Ordering::Acquire) {
            // When this fails the next start finds an orphan and removes it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
