//! Sealing: pending batches become parts, and what they add to the rollups is added.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use mailvane_model::{Batch, Time};
use rusqlite::Transaction;

use super::manifest::{self, ChunkKey};
use super::{Disk, filter_file, segment_file};
use crate::chunk;
use crate::column::Table;
use crate::column::arrow::Arrays;
use crate::error::{Error, Result};
use crate::filter;
use crate::kind::Kind;
use crate::part::place::Places;
use crate::part::slim::{self, Context};
use crate::part::{file, sort};
use crate::recent::Sealed as SealedMessage;
use crate::rollup::{Cells, Folded, Range, add};
use crate::segment::{Segment, SegmentFile};
use crate::snapshot::Generation;

/// The effort of compression of stored rollups.
const CHUNK_LEVEL: i32 = 3;
/// Up to so many times the rows of an ordinary sealing its two halves run at the same time.
const TOGETHER: usize = 3;

/// A part on the disk that no manifest names yet. Its files go when it is dropped before [`NewPart::keep`].
pub(crate) struct NewPart {
    pub(crate) segments: Vec<Segment>,
    filter: Arc<SegmentFile>,
    kept: bool,
}

impl NewPart {
    /// The manifest names it now.
    pub(crate) fn keep(mut self) -> Vec<Segment> {
        self.kept = true;
        std::mem::take(&mut self.segments)
    }
}

impl Drop for NewPart {
    fn drop(&mut self) {
        if !self.kept {
            self.filter.doom();
            for segment in &self.segments {
                segment.file.doom();
            }
        }
    }
}

/// What a part is written as.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PartSpec {
    pub(crate) part: u64,
    pub(crate) day: i64,
    pub(crate) level: u32,
    pub(crate) compression: i32,
    pub(crate) sync: bool,
}

/// Writes the rows of one day as a part: sorted, each once. Returns when all of it is on the disk, but for the folder.
pub(crate) fn write_part(folder: &Path, spec: PartSpec, rows: &Batch, places: &Places) -> Result<NewPart> {
    let filter = filter_file(folder, spec.part);
    let mut new = NewPart { segments: Vec::new(), filter: Arc::clone(&filter), kept: false };
    let context = Context::new(&rows.messages, places);
    macro_rules! kind {
        ($field:ident, $arrays:expr) => {
            if !rows.$field.is_empty() {
                write_segment(folder, spec, &rows.$field, $arrays, &mut new)?;
            }
        };
    }
    kind!(messages, slim::messages(&rows.messages));
    kind!(attempts, slim::attempts(&rows.attempts, &context));
    kind!(outcomes, slim::outcomes(&rows.outcomes, &rows.attempts, &context));
    kind!(rejections, slim::by_line(&rows.rejections, &rows.rejections.position.0));
    kind!(auths, slim::by_line(&rows.auths, &rows.auths.position.0));
    kind!(sessions, slim::by_line(&rows.sessions, &rows.sessions.position.0));
    kind!(notices, slim::by_line(&rows.notices, &rows.notices.position.0));
    write_filter(&filter.path, &filter::build(rows), spec.sync)?;
    Ok(new)
}

fn write_segment<T: Table>(folder: &Path, spec: PartSpec, table: &T, columns: Arrays, new: &mut NewPart) -> Result<()> {
    let file = segment_file(folder, spec.part, T::KIND);
    let times = table.times();
    let (first, last) = (times.first().copied().unwrap_or_default(), times.last().copied().unwrap_or_default());
    // Named before it is written, so that a half-written file goes too.
    new.segments.push(Segment {
        id: spec.part << 3 | u64::from(T::KIND.code()),
        part: spec.part,
        kind: T::KIND,
        day: spec.day,
        level: spec.level,
        rows: table.rows() as u64,
        bytes: 0,
        time_min: first,
        time_max: last,
        dead: Arc::default(),
        file: Arc::clone(&file),
        filter: Arc::clone(&new.filter),
    });
    let bytes = file::write(&file.path, columns, spec.compression, spec.sync)?;
    if let Some(segment) = new.segments.last_mut() {
        segment.bytes = bytes;
    }
    Ok(())
}

fn write_filter(path: &Path, bytes: &[u8], sync: bool) -> Result<()> {
    use std::io::Write;
    let written = std::fs::File::create(path).and_then(|mut file| {
        file.write_all(bytes)?;
        if sync { file.sync_all() } else { Ok(()) }
    });
    written.map_err(|error| Error::io(path, error))
}

/// Waits until the names of new files are on the disk.
pub(crate) fn sync_folder(folder: &Path, sync: bool) -> Result<()> {
    if !sync {
        return Ok(());
    }
    let path = folder.join("segments");
    std::fs::File::open(&path).and_then(|folder| folder.sync_all()).map_err(|error| Error::io(&path, error))
}

/// A part that is written, and where its messages are found.
type Sealed = (NewPart, Vec<(u64, SealedMessage)>);

/// Writes the rows of several days.
fn write_parts(folder: &Path, planned: Vec<(PartSpec, Batch, Places)>) -> Result<Vec<Sealed>> {
    let write = |(spec, rows, places): (PartSpec, Batch, Places)| {
        let part = write_part(folder, spec, &rows, &places)?;
        Ok((part, sealed_messages(&rows, spec.part)))
    };
    planned.into_iter().map(write).collect()
}

/// A sealing that is on the disk, for the manifest to name.
pub(crate) struct Seal {
    parts: Vec<Sealed>,
    chunks: Vec<(ChunkKey, Vec<u8>)>,
    generation: u64,
    next_part: u64,
    dead: Vec<(u64, Arc<Vec<u32>>)>,
}

impl Disk {
    /// Writes everything pending as parts, and works out the rollups.
    pub(super) fn prepare_seal(&mut self) -> Result<Seal> {
        let mut planned = Vec::new();
        for (day, rows) in self.pending_days() {
            let spec = PartSpec { part: self.next_part, day, level: 0, compression: self.options.seal_level, sync: self.options.sync };
            // A number is never used again, even when this fails: a file of it may be left.
            self.next_part += 1;
            let places = self.places(lives_elsewhere(&rows));
            planned.push((spec, rows, places));
        }
        let folder: &Path = &self.folder;
        let (parts, chunks) = if self.pending_rows() > TOGETHER * self.options.seal_rows {
            // Of an import both at once would be much memory.
            (write_parts(folder, planned)?, self.new_chunks()?)
        } else {
            // Rows become files on a thread beside while the rollups are worked out here: each takes about as long as the other, and
            // what is committed meanwhile waits.
            let (parts, chunks) = std::thread::scope(|scope| {
                let writing = scope.spawn(move || write_parts(folder, planned));
                let chunks = self.new_chunks();
                (writing.join(), chunks)
            });
            (parts.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?, chunks?)
        };
        sync_folder(&self.folder, self.options.sync)?;
        let unsaved = |id: &u64| self.segments.iter().find(|segment| segment.id == *id).map(|segment| (*id, Arc::clone(&segment.dead)));
        Ok(Seal {
            parts,
            chunks,
            generation: self.generation.0 + 1,
            next_part: self.next_part,
            dead: self.unsaved_dead.iter().filter_map(unsaved).collect(),
        })
    }

    /// The rows of each day of everything pending.
    fn pending_days(&self) -> BTreeMap<i64, Batch> {
        let dead: Vec<_> = self.pending.iter().map(|pending| move |kind: Kind| pending.dead(kind)).collect();
        let sources: Vec<(&Batch, sort::Dead<'_>)> =
            self.pending.iter().zip(&dead).map(|(pending, dead)| (&*pending.rows, dead as sort::Dead<'_>)).collect();
        sort::days(&sources)
    }

    /// The chunks that the pending batches change, as they will be.
    fn new_chunks(&self) -> Result<Vec<(ChunkKey, Vec<u8>)>> {
        let mut deltas = Deltas::new();
        for pending in &self.pending {
            add_deltas(&mut deltas, pending.folded(), 1);
        }
        self.changed_chunks(deltas)
    }

    /// The chunks with deltas added, as they will be.
    pub(super) fn changed_chunks(&self, deltas: Deltas) -> Result<Vec<(ChunkKey, Vec<u8>)>> {
        let mut chunks = Vec::with_capacity(deltas.len());
        for (key, deltas) in deltas {
            let mut cells = Cells::new();
            if let Some(stored) = manifest::chunk(&self.connection, key)? {
                chunk::decode(&stored, &Range { from: Time(i64::MIN), until: Time(i64::MAX), streams: None, keys: None }, &mut cells)?;
            }
            chunk::merge(&mut cells, deltas, chunk::keys_max(key.width));
            chunks.push((key, chunk::encode(&cells, CHUNK_LEVEL)?));
        }
        Ok(chunks)
    }

    /// Snapshots from now on read the new generation of these chunks; those held go on with the old one.
    pub(super) fn next_generation(&mut self, chunks: impl Iterator<Item = ChunkKey>, generation: u64) {
        self.replaced_chunks.extend(chunks.map(|key| (key, generation)));
        self.generations.push(Arc::downgrade(&self.generation));
        self.generation = Arc::new(Generation(generation));
    }

    /// The manifest names the parts now: memory follows.
    pub(super) fn install_seal(&mut self, seal: Seal) {
        let segments = Arc::make_mut(&mut self.segments);
        for (part, messages) in seal.parts {
            segments.extend(part.keep().into_iter().map(Arc::new));
            for (life, sealed) in messages {
                self.recent.put(life, sealed);
            }
        }
        self.pending.clear();
        self.revisions.clear();
        self.unsaved_dead.clear();
        self.next_generation(seal.chunks.into_iter().map(|(key, _)| key), seal.generation);
        self.upkeep.sealed();
    }
}

/// Names a sealing in the manifest, in the place of the pending batches.
pub(super) fn keep(transaction: &Transaction<'_>, seal: &Seal) -> Result<()> {
    for (part, _) in &seal.parts {
        for segment in &part.segments {
            manifest::put_segment(transaction, segment)?;
        }
    }
    for (segment, dead) in &seal.dead {
        manifest::put_dead(transaction, *segment, dead)?;
    }
    for (key, cells) in &seal.chunks {
        manifest::put_chunk(transaction, *key, seal.generation, cells)?;
    }
    transaction.execute("DELETE FROM pending", [])?;
    manifest::set_number(transaction, "generation", seal.generation as i64)?;
    manifest::set_number(transaction, "part", seal.next_part as i64)
}

/// What is added to the cells of each chunk.
pub(super) type Deltas = BTreeMap<ChunkKey, Cells>;

/// Adds what a batch folds to, times `sign` (1 or -1).
pub(super) fn add_deltas(deltas: &mut Deltas, folded: &Folded, sign: i8) {
    for ((width, cube), all) in &folded.cubes {
        for rolled in all {
            let key = ChunkKey { width: *width, cube: *cube, span: rolled.time.floor(chunk::span(*width)) };
            let place = (rolled.time, rolled.stream, rolled.key.clone());
            let cells = deltas.entry(key).or_default();
            if sign >= 0 {
                add(cells, place, &rolled.cell);
            } else {
                cells.entry(place).or_default().subtract(&rolled.cell);
            }
        }
    }
}

/// The lives that attempts and outcomes name, without those whose message is among the rows.
pub(super) fn lives_elsewhere(rows: &Batch) -> Vec<u64> {
    let here: ahash::AHashSet<u64> = rows.messages.id.0.iter().copied().collect();
    let named = rows.attempts.message.0.iter().chain(&rows.outcomes.message.0);
    named.copied().filter(|life| !here.contains(life)).collect()
}

pub(super) fn sealed_messages(rows: &Batch, part: u64) -> Vec<(u64, SealedMessage)> {
    let rev = &rows.messages.rev.0;
    slim::places(rows).map(|(row, life, place)| (life, SealedMessage { place, part, row, rev: rev[row as usize] })).collect()
}
