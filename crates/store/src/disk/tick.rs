//! Housekeeping by the clock that it is given: sealing what has waited, merging, and dropping what is too old.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use mailvane_metric::Width;
use mailvane_model::Time;
use rusqlite::TransactionBehavior;

use super::Disk;
use super::manifest;
use super::seal;
use crate::chunk;
use crate::error::Result;
use crate::segment::Segment;

/// A day is quiet when no part was added to it for this long: only then is it worth closing.
const QUIET_AFTER: i64 = 10 * Time::MINUTE;
/// Retention is looked at this often.
const RETENTION_EVERY: i64 = 5 * Time::MINUTE;
/// Merging may save up this many seconds of its budget.
const BUDGET_SECONDS_MAX: i64 = 60;

/// What housekeeping remembers.
#[derive(Default)]
pub(crate) struct Upkeep {
    /// When the pending rows were first seen.
    pending_since: Option<Time>,
    /// When a part was last seen to be added, by day.
    added: BTreeMap<i64, (u64, Time)>,
    /// Bytes that merging may read now, and when that was worked out.
    budget: Option<(u64, Time)>,
    retention: Option<Time>,
    pub(super) merging: Weak<()>,
}

impl Upkeep {
    pub(super) fn sealed(&mut self) {
        self.pending_since = None;
    }

    pub(super) fn is_quiet(&self, day: i64, now: Time) -> bool {
        self.added.get(&day).is_none_or(|(_, added)| added.plus(QUIET_AFTER) <= now)
    }

    /// Takes `bytes` from the budget if there is any left; a large merge leaves a debt.
    pub(super) fn afford(&mut self, bytes: u64, now: Time, per_second: u64) -> bool {
        let most = per_second.saturating_mul(BUDGET_SECONDS_MAX as u64);
        let (left, then) = self.budget.unwrap_or((most, now));
        let seconds = ((now.0 - then.0) / Time::SECOND).clamp(0, 100_000) as u64;
        let left = if seconds > 0 { left.saturating_add(seconds * per_second) } else { left };
        let then = if seconds > 0 { now } else { then };
        // `most` stands for an empty budget, so that a debt has room below it.
        let full = most.saturating_mul(2).max(most.saturating_add(1));
        let left = left.min(full);
        if left < most {
            self.budget = Some((left, then));
            return false;
        }
        self.budget = Some((left.saturating_sub(bytes), then));
        true
    }

    /// Sees which days got new parts.
    fn look(&mut self, segments: &[Arc<Segment>], now: Time) {
        for segment in segments.iter().filter(|segment| segment.level == 0) {
            let entry = self.added.entry(segment.day).or_insert((segment.part, now));
            if segment.part > entry.0 {
                *entry = (segment.part, now);
            }
        }
    }
}

/// What a tick did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticked {
    /// Rows that were sealed.
    pub sealed_rows: usize,
    /// Merges that were done.
    pub merges: usize,
    /// Segments that were dropped by retention.
    pub dropped_segments: usize,
}

impl Disk {
    /// Does what is due: seals, runs at most one merge, drops what is too old. Call it every second or so.
    /// Who wants merges in another thread calls [`Disk::tick_without_merging`] and [`Disk::next_merge`].
    pub fn tick(&mut self, now: Time) -> Result<Ticked> {
        let mut ticked = self.tick_without_merging(now)?;
        if let Some(merge) = self.next_merge(now) {
            let merged = merge.run()?;
            self.finish_merge(merged)?;
            ticked.merges = 1;
        }
        Ok(ticked)
    }

    /// As [`Disk::tick`], but merges are left to the caller.
    pub fn tick_without_merging(&mut self, now: Time) -> Result<Ticked> {
        let mut ticked = Ticked::default();
        if self.pending.is_empty() {
            self.upkeep.pending_since = None;
        } else {
            let since = *self.upkeep.pending_since.get_or_insert(now);
            if since.plus(self.options.seal_after) <= now {
                ticked.sealed_rows = self.seal()?;
            }
        }
        self.upkeep.look(&self.segments, now);
        if self.upkeep.retention.is_none_or(|then| then.plus(RETENTION_EVERY) <= now) {
            self.upkeep.retention = Some(now);
            ticked.dropped_segments = self.retain(now)?;
        }
        self.forget_replaced_chunks()?;
        Ok(ticked)
    }

    /// Seals everything pending now. Returns the rows.
    pub fn seal(&mut self) -> Result<usize> {
        if self.pending.is_empty() {
            return Ok(0);
        }
        let rows = self.pending_rows();
        let sealed = self.prepare_seal()?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        seal::keep(&transaction, &sealed)?;
        transaction.commit()?;
        self.install_seal(sealed);
        Ok(rows)
    }

    /// Deletes the generations of chunks that no snapshot can ask for.
    fn forget_replaced_chunks(&mut self) -> Result<()> {
        self.generations.retain(|generation| generation.strong_count() > 0);
        let oldest = self.generations.iter().filter_map(Weak::upgrade).map(|generation| generation.0).min();
        let oldest = oldest.unwrap_or(self.generation.0);
        if self.replaced_chunks.iter().all(|(_, newer)| *newer > oldest) {
            return Ok(());
        }
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (key, newer) in self.replaced_chunks.iter().filter(|(_, newer)| *newer <= oldest) {
            manifest::delete_chunks_before(&transaction, *key, *newer)?;
        }
        transaction.commit()?;
        self.replaced_chunks.retain(|(_, newer)| *newer > oldest);
        Ok(())
    }

    /// Drops rows, rollups and kept lines that are too old, and rows beyond the size that is set.
    fn retain(&mut self, now: Time) -> Result<usize> {
        let mut parts: Vec<u64> = Vec::new();
        if let Some(keep) = self.options.rows_keep {
            let old = |segment: &&Arc<Segment>| Time((segment.day + 1) * Time::DAY).plus(keep) <= now;
            parts.extend(self.segments.iter().filter(old).map(|segment| segment.part));
        }
        parts.extend(self.parts_beyond_size(&parts));
        parts.sort_unstable();
        parts.dedup();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for part in &parts {
            manifest::delete_part(&transaction, *part)?;
        }
        for width in Width::ALL {
            let keep = if *width == Width::Minute { self.options.minutes_keep } else { self.options.rollups_keep };
            manifest::delete_rollups_before(&transaction, *width, now.plus(-keep - chunk::span(*width)))?;
        }
        crate::line::delete_before(&transaction, now.plus(-self.options.lines_keep))?;
        transaction.commit()?;
        let before = self.segments.len();
        Arc::make_mut(&mut self.segments).retain(|segment| {
            let goes = parts.binary_search(&segment.part).is_ok();
            if goes {
                segment.file.doom();
                segment.filter.doom();
            }
            !goes
        });
        // Gives a part of the free pages back to the disk.
        self.connection.pragma_update(None, "incremental_vacuum", 2000)?;
        Ok(before - self.segments.len())
    }

    /// The oldest parts that must go so that the others fit into the size that is set.
    fn parts_beyond_size(&self, gone: &[u64]) -> Vec<u64> {
        let Some(most) = self.options.rows_bytes else { return Vec::new() };
        let mut sizes: BTreeMap<(i64, u64), u64> = BTreeMap::new();
        for segment in self.segments.iter().filter(|segment| !gone.contains(&segment.part)) {
            let filter = || std::fs::metadata(&segment.filter.path).map_or(0, |filter| filter.len());
            *sizes.entry((segment.day, segment.part)).or_insert_with(filter) += segment.bytes;
        }
        let mut total: u64 = sizes.values().sum();
        let mut parts = Vec::new();
        for ((_, part), bytes) in sizes {
            if total <= most {
                break;
            }
            total -= bytes;
            parts.push(part);
        }
        parts
    }
}
