//! What waits at the end of the input, by destination.

use ahash::AHashMap;
use mailvane_model::word::{Outcome, Population, Reason};
use mailvane_model::{OutcomeRow, Time};

use super::report::{Limit, Queue, Waiting};
use crate::template;

/// How many destinations are told apart.
const DOMAINS: usize = 100_000;
/// How many waiting messages are told apart.
const MESSAGES: usize = 2_000_000;
/// A longer reply is cut in a sample.
const SAMPLE_BYTES: usize = 300;

/// What waits.
#[derive(Clone, Debug, Default)]
pub(super) struct QueueFold {
    domains: AHashMap<Box<str>, Destination>,
    /// Waiting recipients by message.
    messages: AHashMap<u64, i64>,
    recipients: i64,
    notifications: i64,
    held: i64,
    dropped: u64,
}

#[derive(Clone, Debug, Default)]
struct Destination {
    provider: Box<str>,
    recipients: i64,
    fresh: i64,
    oldest: Option<Time>,
    reason: Option<Reason>,
    sample: Box<str>,
    last: Time,
}

impl QueueFold {
    /// An outcome that is queued or held; others are passed over. `sign` -1 when a later revision replaces it.
    pub(super) fn outcome(&mut self, row: &OutcomeRow<'_>, sign: i64) {
        match (row.outcome, row.population) {
            (Outcome::Held, _) => self.held += sign,
            (Outcome::Queued, Population::Ordinary) => self.waiting(row, sign),
            (Outcome::Queued, Population::Notification) => self.notifications += sign,
            _ => {}
        }
    }

    fn waiting(&mut self, row: &OutcomeRow<'_>, sign: i64) {
        self.recipients += sign;
        self.count_message(row.message, sign);
        if !self.domains.contains_key(row.recipient.domain) {
            if self.domains.len() >= DOMAINS {
                self.dropped += 1;
                return;
            }
            self.domains.insert(row.recipient.domain.into(), Destination::default());
        }
        let Some(destination) = self.domains.get_mut(row.recipient.domain) else { return };
        destination.recipients += sign;
        destination.fresh += if row.deferrals == 0 { sign } else { 0 };
        if sign > 0 {
            destination.oldest = Some(destination.oldest.map_or(row.arrived, |oldest| oldest.min(row.arrived)));
            if row.time >= destination.last && row.deferrals > 0 {
                destination.last = row.time;
                destination.reason = row.reason;
                destination.provider = row.provider.into();
                destination.sample = template::cut(row.reply_text, SAMPLE_BYTES).into();
            }
        }
    }

    fn count_message(&mut self, message: u64, recipients: i64) {
        if self.messages.len() >= MESSAGES && !self.messages.contains_key(&message) {
            self.dropped += 1;
            return;
        }
        let count = self.messages.entry(message).or_insert(0);
        *count += recipients;
        if *count == 0 {
            self.messages.remove(&message);
        }
    }

    pub(super) fn merge(&mut self, other: &QueueFold) {
        self.recipients += other.recipients;
        self.notifications += other.notifications;
        self.held += other.held;
        self.dropped += other.dropped;
        for (message, recipients) in &other.messages {
            self.count_message(*message, *recipients);
        }
        for (domain, theirs) in &other.domains {
            let mine = self.domains.entry(domain.clone()).or_default();
            mine.recipients += theirs.recipients;
            mine.fresh += theirs.fresh;
            mine.oldest = mine.oldest.into_iter().chain(theirs.oldest).min();
            if theirs.last > mine.last {
                (mine.last, mine.reason) = (theirs.last, theirs.reason);
                (mine.provider, mine.sample) = (theirs.provider.clone(), theirs.sample.clone());
            }
        }
    }

    pub(super) fn limit(&self) -> Option<Limit> {
        (self.dropped > 0).then(|| Limit { table: "queue".into(), limit: DOMAINS as u64, dropped: self.dropped })
    }

    pub(super) fn finish(&self, top: usize) -> Queue {
        let mut all: Vec<(&Box<str>, &Destination)> = self.domains.iter().filter(|entry| entry.1.recipients > 0).collect();
        all.sort_by(|left, right| right.1.recipients.cmp(&left.1.recipients).then_with(|| left.0.cmp(right.0)));
        Queue {
            messages: self.messages.len() as u64,
            recipients: self.recipients.max(0) as u64,
            notifications: self.notifications.max(0) as u64,
            held: self.held.max(0) as u64,
            oldest: all.iter().filter_map(|entry| entry.1.oldest).min(),
            domains: all.iter().take(top).map(|(domain, destination)| waiting(domain, destination)).collect(),
            more: all.len().saturating_sub(top) as u64,
        }
    }
}

fn waiting(domain: &str, destination: &Destination) -> Waiting {
    Waiting {
        domain: domain.into(),
        provider: destination.provider.to_string(),
        recipients: destination.recipients.max(0) as u64,
        fresh: destination.fresh.max(0) as u64,
        oldest: destination.oldest.unwrap_or_default(),
        reason: destination.reason,
        sample: destination.sample.to_string(),
    }
}
