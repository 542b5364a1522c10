//! Finding rows in segments by identity: the older revision of a row, the first line of a life.

use std::sync::Arc;

use ahash::AHashMap;

use super::Disk;
use crate::detail::Detail;
use crate::error::Result;
use crate::filter::{self, Probe};
use crate::kind::Kind;
use crate::part::fill::PartReader;
use crate::part::place::Places;
use crate::revise::Unmet;
use crate::segment::Segment;
use crate::snapshot::{StreamState, stream_of};

/// A row in a segment that has the id of a pending one.
struct Found {
    part: u64,
    row: u32,
    rev: u32,
    by: Unmet,
}

/// The segments of each part, newest part first.
pub(crate) fn parts<'a>(segments: &'a [Arc<Segment>]) -> Vec<Vec<&'a Segment>> {
    let mut parts: std::collections::BTreeMap<u64, Vec<&'a Segment>> = std::collections::BTreeMap::new();
    for segment in segments {
        parts.entry(segment.part).or_default().push(segment);
    }
    parts.into_values().rev().collect()
}

/// Works with a reader of a part.
pub(crate) fn with_part<T>(segments: &[&Segment], streams: &[StreamState], work: impl FnOnce(&PartReader<'_>) -> Result<T>) -> Result<T> {
    work(&PartReader { segments, streams: &|key| stream_of(streams, key), detail: Detail::Whole })
}

impl Disk {
    /// Marks the rows in segments that revised rows supersede, or the revised rows where a segment has a higher revision.
    pub(super) fn supersede(&mut self, unmet: &[Unmet]) -> Result<()> {
        let mut found: Vec<Found> = Vec::new();
        let mut sought: Vec<Unmet> = Vec::new();
        for row in unmet {
            match self.recent.get(row.id).filter(|sealed| row.kind == Kind::Messages && self.has_part(sealed.part)) {
                Some(sealed) => found.push(Found { part: sealed.part, row: sealed.row, rev: sealed.rev, by: *row }),
                None => sought.push(*row),
            }
        }
        self.seek(&sought, &mut found)?;
        let (older, newer): (Vec<Found>, Vec<Found>) = found.into_iter().partition(|found| found.rev <= found.by.rev);
        for found in newer {
            self.pending[found.by.batch as usize].kill(found.by.kind, found.by.row);
        }
        let mut older: Vec<(u64, Kind, u32)> = older.into_iter().map(|found| (found.part, found.by.kind, found.row)).collect();
        older.sort_unstable();
        for same in older.chunk_by(|left, right| (left.0, left.1) == (right.0, right.1)) {
            let rows: Vec<u32> = same.iter().map(|row| row.2).collect();
            self.kill(same[0].0, same[0].1, &rows);
        }
        Ok(())
    }

    fn has_part(&self, part: u64) -> bool {
        let at = self.segments.partition_point(|segment| segment.part < part);
        self.segments.get(at).is_some_and(|segment| segment.part == part)
    }

    /// Finds rows by way of the filters.
    fn seek(&self, sought: &[Unmet], found: &mut Vec<Found>) -> Result<()> {
        if sought.is_empty() {
            return Ok(());
        }
        for part in parts(&self.segments) {
            let filter = filter::Open::new(&part[0].filter.path)?;
            let mut here: AHashMap<(Kind, u64), Unmet> = AHashMap::new();
            for row in sought {
                if filter.can_hold(Probe::Life(row.life))? {
                    here.insert((row.kind, row.id), *row);
                }
            }
            if here.is_empty() {
                continue;
            }
            let mut look = |kind: Kind, ids: &[(u64, u32)]| {
                for (row, (id, rev)) in ids.iter().enumerate() {
                    if let Some(by) = here.get(&(kind, *id)) {
                        found.push(Found { part: part[0].part, row: row as u32, rev: *rev, by: *by });
                    }
                }
            };
            with_part(&part, &self.streams, |reader| {
                if sought.iter().any(|row| row.kind == Kind::Messages) {
                    look(Kind::Messages, &reader.message_ids()?);
                }
                if sought.iter().any(|row| row.kind == Kind::Outcomes) {
                    let ids: Vec<(u64, u32)> = reader.outcome_ids()?.into_iter().map(|ids| (ids.id, ids.rev)).collect();
                    look(Kind::Outcomes, &ids);
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Marks rows of a segment as superseded.
    pub(super) fn kill(&mut self, part: u64, kind: Kind, rows: &[u32]) {
        let all = Arc::make_mut(&mut self.segments);
        let Some(segment) = all.iter_mut().find(|segment| segment.part == part && segment.kind == kind) else { return };
        let mut dead = segment.dead.to_vec();
        dead.extend_from_slice(rows);
        dead.sort_unstable();
        dead.dedup();
        if dead.len() == segment.dead.len() {
            return;
        }
        let mut changed = Segment::clone(segment);
        changed.dead = Arc::new(dead);
        self.unsaved_dead.push(changed.id);
        *segment = Arc::new(changed);
    }

    /// The places of lives that the rows to be sealed name, as far as they are remembered. Of the others the ids are kept as they are:
    /// that costs a little room until a merge brings the rows of a life together, and looking for them in every part cost far more.
    pub(super) fn places(&self, lives: Vec<u64>) -> Places {
        lives.into_iter().filter_map(|life| Some((life, self.recent.get(life)?.place))).collect()
    }
}
