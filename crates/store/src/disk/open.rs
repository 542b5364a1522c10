//! Opening a store: what the manifest names exists, everything else goes.

use std::path::Path;
use std::sync::Arc;

use ahash::{AHashMap, AHashSet};

use super::lock::Lock;
use super::reader::Reader;
use super::{Disk, Options, filter_file, manifest, segment_file, tick};
use crate::commit::{CommitNumber, Store};
use crate::error::{Error, Result};
use crate::recent::Recent;
use crate::revise::Revisions;
use crate::segment::{Segment, SegmentFile};
use crate::snapshot::{Generation, Snapshot};
use crate::{pending, private};

impl Disk {
    /// Opens the store in `folder`, and makes it when there is none. Fails when another process has it open.
    pub fn open(folder: &Path, options: Options) -> Result<Self> {
        let segment_folder = folder.join("segments");
        private::folder(folder)?;
        private::own_folder(&segment_folder)?;
        let lock = Lock::take(folder)?;
        let path = folder.join("store.db");
        private::make(folder, &path)?;
        let connection = manifest::open(&path, options.sync)?;
        manifest::delete_replaced_chunks(&connection)?;
        let segments = named_segments(folder, &connection)?;
        let seen = remove_orphans(&segment_folder, &segments)?;
        let mut disk = Disk::load(folder, connection, segments, options, Some(lock))?;
        disk.next_part = disk.next_part.max(seen + 1);
        Ok(disk)
    }

    /// The rows of the store in `folder` as of its latest commit, for a process that does not own it. The owner goes on, and removes what it
    /// has merged: when a segment is gone while it is read, look again. Rollups, lines and state are those of the owner's latest commit.
    pub fn look(folder: &Path) -> Result<Snapshot> {
        let connection = manifest::open_reader(&folder.join("store.db"))?;
        let found = manifest::format(&connection)?;
        if found != manifest::FORMAT {
            return Err(Error::Version { found, known: manifest::FORMAT });
        }
        // Everything is read as of one commit.
        connection.execute_batch("BEGIN DEFERRED")?;
        let segments = named_segments(folder, &connection)?;
        Disk::load(folder, connection, segments, Options::default(), None)?.snapshot()
    }

    fn load(
        folder: &Path,
        connection: rusqlite::Connection,
        segments: Vec<Arc<Segment>>,
        options: Options,
        lock: Option<Lock>,
    ) -> Result<Self> {
        let mut disk = Disk {
            folder: folder.to_path_buf(),
            options,
            number: CommitNumber(manifest::number(&connection, "commit")? as u64),
            next_part: manifest::number(&connection, "part")? as u64,
            reader: Arc::new(Reader::new(folder.join("store.db"))),
            pending: Vec::new(),
            revisions: Revisions::default(),
            recent: Recent::default(),
            segments: Arc::new(segments),
            unsaved_dead: Vec::new(),
            streams: Arc::new(manifest::streams(&connection)?),
            generation: Arc::new(Generation(manifest::number(&connection, "generation")? as u64)),
            generations: Vec::new(),
            replaced_chunks: Vec::new(),
            upkeep: tick::Upkeep::default(),
            connection,
            _lock: lock,
        };
        for (number, packed) in manifest::pending(&disk.connection)? {
            disk.add_pending(number, Arc::new(pending::unpack(&packed)?))?;
        }
        Ok(disk)
    }
}

fn named_segments(folder: &Path, connection: &rusqlite::Connection) -> Result<Vec<Arc<Segment>>> {
    let mut filters: AHashMap<u64, Arc<SegmentFile>> = AHashMap::new();
    let mut all = Vec::new();
    for record in manifest::segments(connection)? {
        let filter = filters.entry(record.part).or_insert_with(|| filter_file(folder, record.part));
        all.push(Arc::new(Segment {
            id: record.id,
            part: record.part,
            kind: record.kind,
            day: record.day,
            level: record.level,
            rows: record.rows,
            bytes: record.bytes,
            time_min: record.time_min,
            time_max: record.time_max,
            dead: Arc::new(record.dead),
            file: segment_file(folder, record.part, record.kind),
            filter: Arc::clone(filter),
        }));
    }
    Ok(all)
}

/// Removes files that the manifest does not name: of a commit that never came to be, or replaced before a crash.
/// Returns the highest part number that a file name has.
fn remove_orphans(folder: &Path, segments: &[Arc<Segment>]) -> Result<u64> {
    let named: AHashSet<&Path> = segments.iter().flat_map(|segment| [segment.file.path.as_path(), segment.filter.path.as_path()]).collect();
    let mut highest = 0;
    for entry in std::fs::read_dir(folder).map_err(|error| Error::io(folder, error))? {
        let path = entry.map_err(|error| Error::io(folder, error))?.path();
        let digits = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.get(..8));
        highest = highest.max(digits.and_then(|digits| digits.parse().ok()).unwrap_or(0));
        if !named.contains(path.as_path()) {
            std::fs::remove_file(&path).map_err(|error| Error::io(&path, error))?;
        }
    }
    Ok(highest)
}
