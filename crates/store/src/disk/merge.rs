//! Merging: several parts of a day become one, without the rows that are superseded.
//!
//! A merge is planned by the store, run by whoever likes (it only reads segments that it holds, and writes new files), and
//! finished by the store in one transaction. In between the store goes on committing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use ahash::AHashSet;
use mailvane_model::{Batch, Time};
use rusqlite::TransactionBehavior;

use super::find::with_part;
use super::manifest;
use super::seal::{NewPart, PartSpec, sync_folder, write_part};
use super::{Disk, Options};
use crate::error::Result;
use crate::kind::Kind;
use crate::part::fill::PartReader;
use crate::part::place::Places;
use crate::part::sort;
use crate::segment::Segment;
use crate::snapshot::StreamState;

/// A merge that can be run, in any thread.
pub struct Merge {
    folder: PathBuf,
    spec: PartSpec,
    sources: Vec<Vec<Arc<Segment>>>,
    streams: Arc<Vec<StreamState>>,
    token: Arc<()>,
}

/// A merge that was run: its files are on the disk and nothing names them yet.
pub struct Merged {
    new: NewPart,
    /// The ids of its messages and outcomes, by row.
    messages: Vec<u64>,
    outcomes: Vec<u64>,
    sources: Vec<Vec<Arc<Segment>>>,
    _token: Arc<()>,
}

impl std::fmt::Debug for Merge {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Merge({} parts of day {})", self.sources.len(), self.spec.day)
    }
}

impl Merge {
    /// Bytes that it reads.
    pub fn bytes(&self) -> u64 {
        self.sources.iter().flatten().map(|segment| segment.bytes).sum()
    }

    /// Reads the parts and writes the new one. This takes seconds, and memory for all rows.
    pub fn run(self) -> Result<Merged> {
        let mut places = Places::new();
        let mut batches = Vec::new();
        for source in &self.sources {
            let segments: Vec<&Segment> = source.iter().map(|segment| &**segment).collect();
            batches.push(with_part(&segments, &self.streams, |reader| read_all(reader, &mut places))?);
        }
        let dead: Vec<_> = self
            .sources
            .iter()
            .map(|source| move |kind: Kind| source.iter().find(|segment| segment.kind == kind).map_or(&[][..], |segment| &segment.dead[..]))
            .collect();
        let sources: Vec<(&Batch, sort::Dead<'_>)> =
            batches.iter().zip(&dead).map(|(batch, dead)| (batch, dead as sort::Dead<'_>)).collect();
        let rows = sort::days(&sources).remove(&self.spec.day).unwrap_or_default();
        drop(sources);
        drop(batches);
        let new = write_part(&self.folder, self.spec, &rows, &places)?;
        sync_folder(&self.folder, self.spec.sync)?;
        Ok(Merged { new, messages: rows.messages.id.0, outcomes: rows.outcomes.id.0, sources: self.sources, _token: self.token })
    }
}

/// Every row of a part.
pub(crate) fn read_all(reader: &PartReader<'_>, places: &mut Places) -> Result<Batch> {
    let (attempts, begun) = reader.attempts(None)?;
    places.extend(begun.into_iter().map(|place| (place.id(), place)));
    let (outcomes, begun) = reader.outcomes(None)?;
    places.extend(begun.into_iter().map(|place| (place.id(), place)));
    Ok(Batch {
        messages: reader.messages(None)?,
        attempts,
        outcomes,
        rejections: reader.rejections(None)?,
        auths: reader.auths(None)?,
        sessions: reader.sessions(None)?,
        notices: reader.notices(None)?,
        ..Batch::default()
    })
}

/// What is known of a part when merges are chosen.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    part: u64,
    level: u32,
    rows: u64,
    bytes: u64,
}

/// The level of a part that a closing merge made: it is only merged again with many newer rows.
const CLOSED: u32 = 1000;
/// A day is closed when it ended this long ago.
const CLOSE_AFTER: i64 = Time::HOUR;

/// The parts to merge next, and the level of what they become.
fn choose(days: &BTreeMap<i64, Vec<Candidate>>, options: &Options, now: Time, quiet: &dyn Fn(i64) -> bool) -> Option<(i64, Vec<u64>, u32)> {
    for (day, parts) in days.iter().rev() {
        let mut levels: Vec<u32> = parts.iter().map(|part| part.level).filter(|level| *level < CLOSED).collect();
        levels.sort_unstable();
        levels.dedup();
        for level in levels {
            let same = parts.iter().filter(|part| part.level == level);
            let chosen = fill_up(same, options);
            if chosen.len() >= options.merge_parts {
                return Some((*day, chosen, level + 1));
            }
        }
        let ended = Time((day + 1) * Time::DAY).plus(CLOSE_AFTER) <= now;
        if ended && parts.len() > 1 && quiet(*day) {
            let mut smallest_first: Vec<Candidate> = parts.clone();
            smallest_first.sort_by_key(|part| part.rows);
            let chosen = fill_up(smallest_first.iter(), options);
            let closed = |part: &&Candidate| chosen.contains(&part.part) && part.level >= CLOSED;
            let old: u64 = parts.iter().filter(closed).map(|part| part.rows).sum();
            let all: u64 = parts.iter().filter(|part| chosen.contains(&part.part)).map(|part| part.rows).sum();
            // What is nearly full stays as it is; a large closed part is not written again for a few late rows.
            if chosen.len() > 1 && (all - old) * 8 >= old {
                return Some((*day, chosen, CLOSED));
            }
        }
    }
    None
}

/// As many parts, from the first, as one merge may take in.
fn fill_up<'a>(parts: impl Iterator<Item = &'a Candidate>, options: &Options) -> Vec<u64> {
    let mut rows = 0;
    let mut chosen = Vec::new();
    for part in parts {
        if rows + part.rows <= options.merge_rows_max && chosen.len() < 4 * options.merge_parts {
            rows += part.rows;
            chosen.push(part.part);
        }
    }
    chosen
}

impl Disk {
    /// The merge that is due, if there is one, the budget allows it, and none is under way. Run it, then hand it to
    /// [`Disk::finish_merge`]; a merge that is dropped is planned anew.
    pub fn next_merge(&mut self, now: Time) -> Option<Merge> {
        if self.upkeep.merging.upgrade().is_some() {
            return None;
        }
        let mut days: BTreeMap<i64, Vec<Candidate>> = BTreeMap::new();
        for segment in self.segments.iter() {
            let parts = days.entry(segment.day).or_default();
            match parts.iter_mut().find(|part| part.part == segment.part) {
                Some(part) => {
                    part.rows += segment.rows;
                    part.bytes += segment.bytes;
                }
                None => parts.push(Candidate { part: segment.part, level: segment.level, rows: segment.rows, bytes: segment.bytes }),
            }
        }
        let (day, chosen, level) = choose(&days, &self.options, now, &|day| self.upkeep.is_quiet(day, now))?;
        let bytes: u64 = days.get(&day)?.iter().filter(|part| chosen.contains(&part.part)).map(|part| part.bytes).sum();
        if !self.upkeep.afford(bytes, now, self.options.merge_bytes_per_second) {
            return None;
        }
        let of = |part: &u64| self.segments.iter().filter(|segment| segment.part == *part).cloned().collect();
        let token = Arc::new(());
        self.upkeep.merging = Arc::downgrade(&token);
        let spec = PartSpec { part: self.next_part, day, level, compression: self.options.merge_level, sync: self.options.sync };
        self.next_part += 1;
        Some(Merge {
            folder: self.folder.clone(),
            spec,
            sources: chosen.iter().map(of).collect(),
            streams: Arc::clone(&self.streams),
            token,
        })
    }

    /// Puts a merged part in the place of its sources. Snapshots taken before go on reading the old files.
    pub fn finish_merge(&mut self, merged: Merged) -> Result<()> {
        self.upkeep.merging = Weak::new();
        let parts: AHashSet<u64> = merged.sources.iter().flatten().map(|segment| segment.part).collect();
        let present = self.segments.iter().filter(|segment| parts.contains(&segment.part)).count();
        if present != merged.sources.iter().map(Vec::len).sum::<usize>() {
            // Retention took one of them away: the new files go with `merged`.
            return Ok(());
        }
        let mut merged = merged;
        self.carry_dead(&mut merged)?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for part in &parts {
            manifest::delete_part(&transaction, *part)?;
        }
        for segment in &merged.new.segments {
            manifest::put_segment(&transaction, segment)?;
        }
        manifest::set_number(&transaction, "part", self.next_part as i64)?;
        transaction.commit()?;
        let segments = Arc::make_mut(&mut self.segments);
        segments.retain(|segment| {
            let goes = parts.contains(&segment.part);
            if goes {
                segment.file.doom();
                segment.filter.doom();
            }
            !goes
        });
        let new = merged.new.keep();
        if let Some(first) = new.first() {
            for (row, life) in merged.messages.iter().enumerate() {
                self.recent.moved(*life, first.part, row as u32);
            }
        }
        segments.extend(new.into_iter().map(Arc::new));
        segments.sort_by_key(|segment| segment.id);
        Ok(())
    }

    /// Rows that were superseded while the merge ran are superseded in the new part.
    fn carry_dead(&self, merged: &mut Merged) -> Result<()> {
        for kind in [Kind::Messages, Kind::Outcomes] {
            let mut ids: AHashSet<u64> = AHashSet::new();
            for source in &merged.sources {
                let Some(before) = source.iter().find(|segment| segment.kind == kind) else { continue };
                let Some(now) = self.segments.iter().find(|segment| segment.id == before.id) else { continue };
                let new: Vec<u32> = now.dead.iter().copied().filter(|row| !before.is_dead(*row)).collect();
                if new.is_empty() {
                    continue;
                }
                let segments: Vec<&Segment> = source.iter().map(|segment| &**segment).collect();
                let all = with_part(&segments, &self.streams, |reader| match kind {
                    Kind::Messages => Ok(reader.message_ids()?.into_iter().map(|ids| ids.0).collect::<Vec<u64>>()),
                    _ => Ok(reader.outcome_ids()?.into_iter().map(|ids| ids.id).collect()),
                })?;
                ids.extend(new.iter().filter_map(|row| all.get(*row as usize)));
            }
            if ids.is_empty() {
                continue;
            }
            let rows = if kind == Kind::Messages { &merged.messages } else { &merged.outcomes };
            let dead: Vec<u32> = (0..rows.len() as u32).filter(|row| ids.contains(&rows[*row as usize])).collect();
            if let Some(segment) = merged.new.segments.iter_mut().find(|segment| segment.kind == kind) {
                segment.dead = Arc::new(dead);
            }
        }
        Ok(())
    }
}
