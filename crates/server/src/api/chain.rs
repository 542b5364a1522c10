//! The rows of whole chains: a message with every hop before and after it, stored or still open.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use mailvane_analytics::Within;
use mailvane_model::row::Batch;
use mailvane_model::word::Outcome;
use mailvane_model::{AttemptRow, MessageRow, OutcomeRow};
use mailvane_store::Snapshot;

use super::problem::Problem;
use crate::live::view::View;

/// How often rows name further hops before we stop following.
const ROUNDS_MAX: usize = 8;
/// Messages that are loaded for one answer.
const MESSAGES_MAX: usize = 4_000;

/// Every row of the chains that some messages belong to.
pub(crate) fn gather(view: &View, ids: &[u64]) -> Result<Batch, Problem> {
    Ok(rows_of(&view.snapshot, &view.open, ids)?)
}

/// The same out of a store and what is open.
pub(crate) fn rows_of(snapshot: &Snapshot, open: &Batch, ids: &[u64]) -> mailvane_store::Result<Batch> {
    let mut found = Batch::default();
    let mut known: BTreeSet<u64> = BTreeSet::new();
    let mut wanted: BTreeSet<u64> = ids.iter().copied().filter(|id| *id != 0).collect();
    for _ in 0..ROUNDS_MAX {
        let new: Vec<u64> =
            wanted.iter().copied().filter(|id| !known.contains(id)).take(MESSAGES_MAX.saturating_sub(known.len())).collect();
        if new.is_empty() {
            break;
        }
        known.extend(&new);
        let mut rows = snapshot.life(&new)?;
        add_open(open, &new, &mut rows);
        for row in rows.messages.iter() {
            wanted.extend([row.chain, row.previous_hop, row.next_hop].into_iter().filter(|id| *id != 0));
        }
        for row in rows.outcomes.iter() {
            wanted.extend([row.message, row.last_message].into_iter().filter(|id| *id != 0));
        }
        append(&mut found, &rows);
    }
    Ok(found)
}

/// Adds what is open of some messages.
fn add_open(open: &Batch, ids: &[u64], rows: &mut Batch) {
    let is_wanted = |id: u64| ids.binary_search(&id).is_ok();
    for row in open.messages.iter().filter(|row| is_wanted(row.id) || is_wanted(row.chain)) {
        rows.messages.push(&row);
    }
    for row in open.outcomes.iter().filter(|row| is_wanted(row.message) || is_wanted(row.last_message)) {
        rows.outcomes.push(&row);
    }
    for row in open.attempts.iter().filter(|row| is_wanted(row.message)) {
        rows.attempts.push(&row);
    }
}

fn append(to: &mut Batch, rows: &Batch) {
    for row in rows.messages.iter() {
        to.messages.push(&row);
    }
    for row in rows.attempts.iter() {
        to.attempts.push(&row);
    }
    for row in rows.outcomes.iter() {
        to.outcomes.push(&row);
    }
}

/// One chain.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chain<'b> {
    /// Its hops in order of arrival; the first is the head.
    pub(crate) hops: Vec<MessageRow<'b>>,
    /// The state of each recipient.
    pub(crate) outcomes: Vec<OutcomeRow<'b>>,
    /// Every attempt in order of time.
    pub(crate) attempts: Vec<AttemptRow<'b>>,
    /// Whether recipients were left out that the reader may not see: lines, which name all of them, are not his either.
    pub(crate) is_partial: bool,
}

impl<'b> Chain<'b> {
    /// The first hop.
    pub(crate) fn head(&self) -> Option<&MessageRow<'b>> {
        self.hops.first()
    }

    /// Leaves out the recipients that a reader may not see; `false` when nothing is left for him.
    fn keep_within(&mut self, within: &Within) -> bool {
        if self.hops.iter().any(|hop| within.has_message(hop)) {
            return true;
        }
        let before = self.outcomes.len() + self.attempts.len();
        self.outcomes.retain(|row| within.has_outcome(row));
        self.attempts.retain(|row| within.has_attempt(row));
        let left = self.outcomes.len() + self.attempts.len();
        self.is_partial = left < before;
        left > 0
    }

    /// The last attempt for a recipient that failed.
    pub(crate) fn last_failure(&self, outcome: &OutcomeRow<'_>) -> Option<&AttemptRow<'b>> {
        let of = |row: &&AttemptRow<'b>| row.recipient == outcome.recipient && row.reason.is_some();
        self.attempts.iter().rev().find(of)
    }
}

/// The chains in some rows, each row once in its highest revision, by the id of the head. A reader of some domains gets of each chain
/// what is theirs, and no chain of which nothing is.
pub(crate) fn chains<'b>(rows: &'b Batch, within: Option<&Within>) -> BTreeMap<u64, Chain<'b>> {
    let mut messages: HashMap<u64, MessageRow<'_>> = HashMap::new();
    for row in rows.messages.iter() {
        let best = messages.entry(row.id).or_insert(row);
        if row.rev > best.rev {
            *best = row;
        }
    }
    let head_of = |id: u64| messages.get(&id).map_or(id, |row| if row.chain == 0 { id } else { row.chain });
    let mut outcomes: HashMap<u64, OutcomeRow<'_>> = HashMap::new();
    for row in rows.outcomes.iter() {
        let best = outcomes.entry(row.id).or_insert(row);
        if (row.rev, is_final(&row)) > (best.rev, is_final(best)) {
            *best = row;
        }
    }
    let mut attempts: HashMap<u64, AttemptRow<'_>> = HashMap::new();
    for row in rows.attempts.iter() {
        attempts.insert(row.id, row);
    }
    let mut found: BTreeMap<u64, Chain<'_>> = BTreeMap::new();
    for row in messages.values() {
        found.entry(head_of(row.id)).or_default().hops.push(*row);
    }
    for row in outcomes.into_values() {
        found.entry(head_of(row.message)).or_default().outcomes.push(row);
    }
    for row in attempts.into_values() {
        found.entry(head_of(row.message)).or_default().attempts.push(row);
    }
    for (head, chain) in &mut found {
        chain.hops.sort_by_key(|row| (row.id != *head, row.time, row.id));
        chain.outcomes.sort_by_key(|row| (row.recipient, row.orig_recipient, row.id));
        chain.attempts.sort_by_key(|row| (row.time, row.position.offset, row.id));
    }
    if let Some(within) = within {
        found.retain(|_, chain| chain.keep_within(within));
    }
    found
}

/// What is seen as final wins over an older look at what was open.
fn is_final(row: &OutcomeRow<'_>) -> bool {
    !matches!(row.outcome, Outcome::Queued | Outcome::Held)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailvane_model::{Sink, Time};

    #[test]
    fn hops_of_one_chain_stand_together_in_their_highest_revision() {
        let mut rows = Batch::default();
        rows.message(&MessageRow { id: 2, chain: 1, time: Time(20), ..MessageRow::default() }, None);
        rows.message(&MessageRow { id: 1, chain: 1, time: Time(10), ..MessageRow::default() }, None);
        rows.message(&MessageRow { id: 1, rev: 1, chain: 1, time: Time(10), removed: Some(Time(30)), ..MessageRow::default() }, None);
        rows.message(&MessageRow { id: 9, time: Time(5), ..MessageRow::default() }, None);
        rows.attempt(&AttemptRow { id: 5, message: 2, time: Time(25), ..AttemptRow::default() });
        rows.outcome(&OutcomeRow { id: 7, message: 1, outcome: Outcome::Queued, ..OutcomeRow::default() }, None);
        rows.outcome(&OutcomeRow { id: 7, message: 1, outcome: Outcome::Delivered, ..OutcomeRow::default() }, None);
        let chains = chains(&rows, None);
        assert_eq!(chains.keys().copied().collect::<Vec<_>>(), [1, 9]);
        let chain = &chains[&1];
        assert_eq!(chain.hops.iter().map(|hop| (hop.id, hop.removed)).collect::<Vec<_>>(), [(1, Some(Time(30))), (2, None)]);
        assert_eq!(chain.attempts.len(), 1);
        assert_eq!(chain.outcomes.iter().map(|row| row.outcome).collect::<Vec<_>>(), [Outcome::Delivered]);
    }
}
