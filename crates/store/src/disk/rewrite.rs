//! Rewriting: the rows of a part again, in a higher revision, where somebody knows better what they mean (new rules).
//!
//! The part is read, changed and written beside the old one; one transaction puts it in its place and corrects the rollups
//! by minus the old rows and plus the new ones. Snapshots taken before go on reading the old files.

use std::sync::Arc;

use mailvane_model::Batch;
use rusqlite::TransactionBehavior;

use super::Disk;
use super::find::with_part;
use super::manifest;
use super::merge::read_all;
use super::seal::{Deltas, NewPart, PartSpec, add_deltas, lives_elsewhere, sealed_messages, sync_folder, write_part};
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::part::place::Places;
use crate::part::sort;
use crate::rollup::Folded;
use crate::segment::Segment;

/// State that is kept with a rewriting, in the same transaction: a key, and a value or `None` to delete it.
pub type StateChange = (Vec<u8>, Option<Vec<u8>>);

/// What a rewriting did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewritten {
    /// Attempts, outcomes and rejections that were looked at.
    pub rows: u64,
    /// Those that are different now.
    pub changed: u64,
}

impl Disk {
    /// Every part, the oldest day first.
    pub fn part_numbers(&self) -> Vec<u64> {
        let mut parts: Vec<(i64, u64)> = self.segments.iter().map(|segment| (segment.day, segment.part)).collect();
        parts.sort_unstable();
        parts.dedup();
        parts.into_iter().map(|(_, part)| part).collect()
    }

    /// Rewrites a part. `change` gets its rows, superseded ones left out, and may change attempts, outcomes and rejections in
    /// what they mean: not their number, order, ids or times. It returns the state to keep with it. A part that is gone
    /// (merged or too old) is left alone.
    pub fn rewrite(&mut self, part: u64, change: impl FnOnce(&mut Batch) -> Vec<StateChange>) -> Result<Rewritten> {
        let segments: Vec<Arc<Segment>> = self.segments.iter().filter(|segment| segment.part == part).cloned().collect();
        let Some(first) = segments.first() else { return Ok(Rewritten::default()) };
        let spec = PartSpec {
            part: self.next_part,
            day: first.day,
            level: first.level,
            compression: if first.level == 0 { self.options.seal_level } else { self.options.merge_level },
            sync: self.options.sync,
        };
        let (old, mut places) = self.rows_of(&segments)?;
        let mut new = old.clone();
        let state = change(&mut new);
        let (minus, plus) = differences(&old, &mut new)?;
        let counts = Rewritten {
            rows: (old.attempts.len() + old.outcomes.len() + old.rejections.len()) as u64,
            changed: (plus.attempts.len() + plus.outcomes.len() + plus.rejections.len()) as u64,
        };
        if counts.changed == 0 {
            self.keep_state(&state)?;
            return Ok(counts);
        }
        self.next_part += 1;
        places.extend(self.places(lives_elsewhere(&new)));
        let written = write_part(&self.folder, spec, &new, &places)?;
        sync_folder(&self.folder, self.options.sync)?;
        self.put_in_place(part, written, &new, (&minus, &plus), &state)?;
        Ok(counts)
    }

    /// The rows of a part, and where their lives began.
    fn rows_of(&self, segments: &[Arc<Segment>]) -> Result<(Batch, Places)> {
        let mut places = Places::new();
        let borrowed: Vec<&Segment> = segments.iter().map(|segment| &**segment).collect();
        let all = with_part(&borrowed, &self.streams, |reader| read_all(reader, &mut places))?;
        let dead = |kind: Kind| segments.iter().find(|segment| segment.kind == kind).map_or(&[][..], |segment| &segment.dead[..]);
        let mut days = sort::days(&[(&all, &dead)]);
        let rows = days.pop_first().map(|(_, rows)| rows).unwrap_or_default();
        if days.is_empty() { Ok((rows, places)) } else { Err(Error::format("a part with rows of several days")) }
    }

    fn keep_state(&mut self, state: &[StateChange]) -> Result<()> {
        if state.is_empty() {
            return Ok(());
        }
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        manifest::put_state(&transaction, state)?;
        Ok(transaction.commit()?)
    }

    /// One transaction: the new part for the old one, the rollups, the state.
    fn put_in_place(&mut self, old: u64, new: NewPart, rows: &Batch, (minus, plus): (&Batch, &Batch), state: &[StateChange]) -> Result<()> {
        let mut deltas = Deltas::new();
        add_deltas(&mut deltas, &Folded::of(minus), -1);
        add_deltas(&mut deltas, &Folded::of(plus), 1);
        // What retention has dropped does not come back as a difference.
        let mut stored = Deltas::new();
        for (key, mut cells) in deltas {
            cells.retain(|_, cell| !cell.is_empty());
            if !cells.is_empty() && manifest::chunk(&self.connection, key)?.is_some() {
                stored.insert(key, cells);
            }
        }
        let chunks = self.changed_chunks(stored)?;
        let generation = self.generation.0 + 1;
        let next_part = self.next_part;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        manifest::delete_part(&transaction, old)?;
        for segment in &new.segments {
            manifest::put_segment(&transaction, segment)?;
        }
        for (key, cells) in &chunks {
            manifest::put_chunk(&transaction, *key, generation, cells)?;
        }
        manifest::put_state(&transaction, state)?;
        manifest::set_number(&transaction, "generation", generation as i64)?;
        manifest::set_number(&transaction, "part", next_part as i64)?;
        transaction.commit()?;
        self.next_generation(chunks.into_iter().map(|(key, _)| key), generation);
        self.install_rewritten(old, new, rows);
        Ok(())
    }

    /// The manifest names the new part: memory follows.
    fn install_rewritten(&mut self, old: u64, new: NewPart, rows: &Batch) {
        let segments = Arc::make_mut(&mut self.segments);
        segments.retain(|segment| {
            let goes = segment.part == old;
            if goes {
                segment.file.doom();
                segment.filter.doom();
            }
            !goes
        });
        let new = new.keep();
        if let Some(first) = new.first() {
            for (life, sealed) in sealed_messages(rows, first.part) {
                self.recent.moved(life, sealed.part, sealed.row);
            }
        }
        segments.extend(new.into_iter().map(Arc::new));
        segments.sort_by_key(|segment| segment.id);
    }
}

/// The rows that differ, as they were and as they are; a revised outcome gets its higher revision here.
fn differences(old: &Batch, new: &mut Batch) -> Result<(Batch, Batch)> {
    let (mut minus, mut plus) = (Batch::default(), Batch::default());
    macro_rules! kind {
        ($field:ident) => {
            if new.$field.id != old.$field.id || new.$field.time != old.$field.time {
                return Err(Error::format("a rewritten part with other rows"));
            }
            for row in 0..old.$field.len() {
                if old.$field.get(row) != new.$field.get(row) {
                    minus.$field.push(&old.$field.get(row));
                    plus.$field.push(&new.$field.get(row));
                }
            }
        };
    }
    for row in 0..old.outcomes.len().min(new.outcomes.len()) {
        if old.outcomes.get(row) != new.outcomes.get(row) {
            new.outcomes.rev.0[row] = old.outcomes.rev.0[row] + 1;
        }
    }
    kind!(attempts);
    kind!(outcomes);
    kind!(rejections);
    Ok((minus, plus))
}
