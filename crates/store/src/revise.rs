//! Which rows a higher revision has superseded.

use ahash::AHashMap;

use crate::column::Table;
use crate::kind::Kind;
use crate::pending::Pending;

/// Where the highest revision of a row is known to stand, among the pending batches.
#[derive(Clone, Copy, Debug)]
struct Place {
    batch: u32,
    row: u32,
    rev: u32,
}

/// The rows of revised kinds that are pending, by id.
#[derive(Debug, Default)]
pub(crate) struct Revisions {
    messages: AHashMap<u64, Place>,
    outcomes: AHashMap<u64, Place>,
}

/// A row that came with a revision above 0, and whose older one is not pending: it can stand in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unmet {
    pub(crate) kind: Kind,
    pub(crate) id: u64,
    /// The life under which the filters know it.
    pub(crate) life: u64,
    pub(crate) rev: u32,
    /// Where it is pending.
    pub(crate) batch: u32,
    pub(crate) row: u32,
}

impl Revisions {
    /// Takes in the last of the pending batches, and marks what it supersedes (or what in it is superseded).
    pub(crate) fn add_pending(&mut self, pending: &mut [Pending]) -> Vec<Unmet> {
        let mut unmet = Vec::new();
        let Some(last) = pending.last() else { return unmet };
        let rows = last.rows.clone();
        add(&mut self.messages, &rows.messages, &rows.messages.id.0, pending, &mut unmet);
        add(&mut self.outcomes, &rows.outcomes, &rows.outcomes.last_message.0, pending, &mut unmet);
        unmet
    }

    /// Starts anew with batches whose superseded rows are marked already.
    pub(crate) fn rebuild(&mut self, pending: &[Pending]) {
        self.clear();
        for (batch, pending) in pending.iter().enumerate() {
            remember(&mut self.messages, &pending.rows.messages, pending, batch as u32);
            remember(&mut self.outcomes, &pending.rows.outcomes, pending, batch as u32);
        }
    }

    /// Forgets everything: what was pending is sealed.
    pub(crate) fn clear(&mut self) {
        self.messages.clear();
        self.outcomes.clear();
    }
}

fn remember<T: Table>(known: &mut AHashMap<u64, Place>, table: &T, pending: &Pending, batch: u32) {
    let Some(revs) = table.revs() else { return };
    let dead = pending.dead(T::KIND);
    for (row, (id, rev)) in table.ids().iter().zip(revs).enumerate() {
        if dead.binary_search(&(row as u32)).is_err() {
            known.insert(*id, Place { batch, row: row as u32, rev: *rev });
        }
    }
}

fn add<T: Table>(known: &mut AHashMap<u64, Place>, table: &T, lives: &[u64], pending: &mut [Pending], unmet: &mut Vec<Unmet>) {
    let Some(revs) = table.revs() else { return };
    let batch = pending.len() as u32 - 1;
    for (row, (id, rev)) in table.ids().iter().zip(revs).enumerate() {
        let place = Place { batch, row: row as u32, rev: *rev };
        match known.entry(*id) {
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(place);
                if *rev > 0 {
                    unmet.push(Unmet { kind: T::KIND, id: *id, life: lives[row], rev: *rev, batch, row: row as u32 });
                }
            }
            std::collections::hash_map::Entry::Occupied(mut entry) => {
                let older = *entry.get();
                // Of two of the same revision the later one stays: reading something again gives the same row.
                let loser = if older.rev <= *rev { entry.insert(place) } else { place };
                pending[loser.batch as usize].kill(T::KIND, loser.row);
            }
        }
    }
}
