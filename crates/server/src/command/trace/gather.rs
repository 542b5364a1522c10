//! Finding the lives that match, and gathering all rows of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use mailvane_model::row::{AttemptRow, Batch, MessageRow, OutcomeRow, RejectionRow};
use mailvane_model::{Address, Position, Sink, Time};

use super::Wanted;
use crate::pipeline::files::Watcher;
use crate::pipeline::span::Span;

/// What is known of one message while it is looked for.
#[derive(Default)]
struct Candidate {
    chain: u64,
    time: Time,
    by_message: bool,
    by_recipient: bool,
    /// The one word was found somewhere.
    by_word: bool,
}

/// First pass: which chains match.
pub(super) struct Finder {
    wanted: Wanted,
    span: Span,
    messages: HashMap<u64, Candidate>,
    rejections: BTreeSet<(Time, u64)>,
}

fn has(address: Address<'_>, needle: &str) -> bool {
    address.to_string().to_lowercase().contains(needle)
}

impl Finder {
    pub(super) fn new(wanted: Wanted, span: Span) -> Self {
        Finder { wanted, span, messages: HashMap::new(), rejections: BTreeSet::new() }
    }

    /// The chains that match, and the refusals, at most `limit` of each: the newest.
    pub(super) fn found(self, limit: usize) -> (BTreeMap<u64, Time>, BTreeSet<u64>) {
        let mut chains: BTreeMap<u64, (Time, bool, bool, bool)> = BTreeMap::new();
        for (id, message) in &self.messages {
            let chain = if message.chain == 0 { *id } else { message.chain };
            let entry = chains.entry(chain).or_insert((message.time, false, false, self.wanted.word.is_none()));
            entry.0 = entry.0.min(message.time);
            entry.1 |= message.by_message;
            entry.2 |= message.by_recipient;
            entry.3 |= message.by_word;
        }
        let mut matching: Vec<(Time, u64)> = chains
            .into_iter()
            .filter(|(_, (time, message, recipient, word))| *message && *recipient && *word && self.span.contains(*time))
            .map(|(id, found)| (found.0, id))
            .collect();
        matching.sort_unstable();
        let newest = matching.split_off(matching.len().saturating_sub(limit));
        let rejections = self.rejections.iter().rev().take(limit).map(|found| found.1).collect();
        (newest.into_iter().map(|(time, id)| (id, time)).collect(), rejections)
    }

    /// A recipient of a message, before and after expansion.
    fn recipient(&mut self, message: u64, addresses: [Address<'_>; 2]) {
        let found = |needle: &Option<String>| needle.as_ref().is_some_and(|needle| addresses.iter().any(|address| has(*address, needle)));
        let (by_recipient, by_word) = (found(&self.wanted.recipient), found(&self.wanted.word));
        if by_recipient || by_word {
            let candidate = self.messages.entry(message).or_default();
            candidate.by_recipient |= by_recipient;
            candidate.by_word |= by_word;
        }
    }

    fn message_matches(&self, row: &MessageRow<'_>) -> bool {
        let wanted = &self.wanted;
        let client = |needle: &String| row.client_ip == *needle || row.client_name.to_lowercase().contains(needle.as_str());
        wanted.queue_id.as_ref().is_none_or(|id| row.queue_id == id)
            && wanted.message_id.as_ref().is_none_or(|id| row.message_id.contains(id.as_str()))
            && wanted.sender.as_ref().is_none_or(|needle| has(row.sender, needle))
            && wanted.client.as_ref().is_none_or(client)
    }
}

impl Sink for Finder {
    fn message(&mut self, row: &MessageRow<'_>, _replaced: Option<&MessageRow<'_>>) {
        let matches = self.message_matches(row);
        let no_recipient = self.wanted.recipient.is_none();
        let word = self.wanted.word.as_ref().is_some_and(|word| {
            row.queue_id.eq_ignore_ascii_case(word)
                || row.message_id.to_lowercase().contains(word.as_str())
                || has(row.sender, word)
                || row.client_ip == *word
                || row.client_name.to_lowercase().contains(word.as_str())
        });
        let candidate = self.messages.entry(row.id).or_default();
        candidate.chain = row.chain;
        candidate.time = row.time;
        candidate.by_message |= matches;
        candidate.by_recipient |= no_recipient;
        candidate.by_word |= word;
    }

    fn attempt(&mut self, row: &AttemptRow<'_>) {
        self.recipient(row.message, [row.recipient, row.orig_recipient]);
    }

    fn outcome(&mut self, row: &OutcomeRow<'_>, _replaced: Option<&OutcomeRow<'_>>) {
        self.recipient(row.message, [row.recipient, row.orig_recipient]);
    }

    fn rejection(&mut self, row: &RejectionRow<'_>) {
        let wanted = &self.wanted;
        let client = |needle: &String| row.client_ip == *needle || row.client_name.to_lowercase().contains(needle.as_str());
        let matches = wanted.message_id.is_none()
            && wanted.queue_id.as_ref().is_none_or(|id| row.queue_id == id)
            && wanted.sender.as_ref().is_none_or(|needle| has(row.sender, needle))
            && wanted.recipient.as_ref().is_none_or(|needle| has(row.recipient, needle))
            && wanted.client.as_ref().is_none_or(client)
            && wanted.word.as_ref().is_none_or(|word| {
                row.queue_id.eq_ignore_ascii_case(word) || has(row.sender, word) || has(row.recipient, word) || client(word)
            });
        if matches && self.span.contains(row.time) {
            self.rejections.insert((row.time, row.id));
        }
    }
}

impl Watcher for Finder {}

/// Everything of one chain, or one refusal.
#[derive(Default)]
pub(super) struct Life {
    /// When it began.
    pub(super) time: Time,
    /// Its rows: messages (hops) in their highest revision, attempts, outcomes; or the one rejection.
    pub(super) rows: Batch,
}

impl Life {
    /// Whether it is the same life or refusal.
    #[cfg(feature = "daemon")]
    pub(super) fn is_same(&self, other: &Life) -> bool {
        self.time == other.time && self.rows.messages.id == other.rows.messages.id && self.rows.rejections.id == other.rows.rejections.id
    }

    /// Where its lines stand.
    pub(super) fn positions(&self) -> impl Iterator<Item = Position> {
        let of_messages = self.rows.messages.lines.all.iter();
        let of_attempts = self.rows.attempts.position.0.iter();
        of_messages.chain(of_attempts).chain(self.rows.rejections.position.0.iter()).copied()
    }
}

/// Second pass: the rows of the chains that match.
pub(super) struct Gatherer {
    chains: BTreeMap<u64, Life>,
    rejections: BTreeSet<u64>,
    refused: Vec<Life>,
    chain_of: HashMap<u64, u64>,
    /// Rows by id, so that a higher revision takes the place of a lower one.
    messages: BTreeMap<u64, Batch>,
    outcomes: BTreeMap<u64, Batch>,
}

impl Gatherer {
    pub(super) fn new(chains: BTreeMap<u64, Time>, rejections: BTreeSet<u64>) -> Self {
        let chains = chains.into_iter().map(|(id, time)| (id, Life { time, ..Life::default() })).collect();
        Gatherer { chains, rejections, refused: Vec::new(), chain_of: HashMap::new(), messages: BTreeMap::new(), outcomes: BTreeMap::new() }
    }

    /// The lives in the order of their beginnings.
    pub(super) fn lives(mut self) -> Vec<Life> {
        // The chain of an attempt's message can become known after the attempt.
        let mut loose = std::mem::take(&mut self.chains);
        for batch in self.messages.values().chain(self.outcomes.values()) {
            for row in batch.messages.iter() {
                let chain = if row.chain == 0 { row.id } else { row.chain };
                if let Some(life) = loose.get_mut(&chain) {
                    life.rows.messages.push(&row);
                }
            }
            for row in batch.outcomes.iter() {
                let chain = self.chain_of.get(&row.message).copied().unwrap_or(row.message);
                if let Some(life) = loose.get_mut(&chain) {
                    life.rows.outcomes.push(&row);
                }
            }
            for row in batch.attempts.iter() {
                let chain = self.chain_of.get(&row.message).copied().unwrap_or(row.message);
                if let Some(life) = loose.get_mut(&chain) {
                    life.rows.attempts.push(&row);
                }
            }
        }
        let mut lives: Vec<Life> = loose.into_values().chain(self.refused).collect();
        lives.sort_by_key(|life| life.time);
        lives
    }
}

impl Sink for Gatherer {
    fn message(&mut self, row: &MessageRow<'_>, _replaced: Option<&MessageRow<'_>>) {
        self.chain_of.insert(row.id, if row.chain == 0 { row.id } else { row.chain });
        let batch = self.messages.entry(row.id).or_default();
        batch.messages = Default::default();
        batch.messages.push(row);
    }

    fn attempt(&mut self, row: &AttemptRow<'_>) {
        // Kept for every message whose chain may still turn out to be wanted: those of wanted chains, and of later hops.
        let chain = self.chain_of.get(&row.message).copied().unwrap_or(row.message);
        if self.chains.contains_key(&chain) || self.chains.contains_key(&row.message) || chain == row.message {
            self.messages.entry(row.message).or_default().attempts.push(row);
        }
    }

    fn outcome(&mut self, row: &OutcomeRow<'_>, _replaced: Option<&OutcomeRow<'_>>) {
        let chain = self.chain_of.get(&row.message).copied().unwrap_or(row.message);
        if self.chains.contains_key(&chain) || self.chains.contains_key(&row.message) {
            let batch = self.outcomes.entry(row.id).or_default();
            batch.outcomes = Default::default();
            batch.outcomes.push(row);
        }
    }

    fn rejection(&mut self, row: &RejectionRow<'_>) {
        if self.rejections.contains(&row.id) {
            let mut life = Life { time: row.time, ..Life::default() };
            life.rows.rejections.push(row);
            self.refused.push(life);
        }
    }
}

impl Watcher for Gatherer {}
