//! One line of a list: a message with all its hops, or a refusal, and what became of it in one sentence.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use mailvane_model::row::Batch;
use mailvane_model::word::{HandedTo, Outcome};
use mailvane_model::{MessageRow, OutcomeRow, RejectionRow, Time};
use mailvane_render::sentence::{self, Clock};
use mailvane_reply::provider::Providers;
use serde_json::{Value, json};

use super::problem::Problem;
use super::window::{text, time};
use crate::live::view::View;

/// Recipients that are named.
const RECIPIENTS: usize = 5;

/// How items are written.
pub(super) struct Writer<'a> {
    /// Display names.
    pub(super) providers: &'a Providers,
    /// The reader's zone.
    pub(super) zone: Tz,
    /// The time it is.
    pub(super) now: Time,
}

/// All rows of one chain.
#[derive(Default)]
pub(super) struct Chain {
    /// The id of the first hop.
    pub(super) id: u64,
    /// Its rows: every hop, attempt and recipient.
    pub(super) rows: Batch,
}

/// The chains of some messages, whichever hop is named: rows of the store, and what is open now.
pub(super) fn chains(view: &View, ids: &[u64]) -> Result<Vec<Chain>, Problem> {
    let mut wanted: Vec<u64> = ids.to_vec();
    let mut found: BTreeMap<u64, Chain> = BTreeMap::new();
    // A later hop names the first one, and hops name each other: a few rounds find the whole chain.
    for _ in 0..4 {
        let stored = view.snapshot.life(&wanted).map_err(|error| Problem::internal(&error))?;
        let before = wanted.len();
        found.clear();
        let mut messages: BTreeMap<u64, MessageRow<'_>> = BTreeMap::new();
        for row in
            stored.messages.iter().chain(view.open.messages.iter().filter(|row| wanted.contains(&row.id) || wanted.contains(&row.chain)))
        {
            if messages.get(&row.id).is_none_or(|known| known.rev <= row.rev) {
                messages.insert(row.id, row);
            }
        }
        let chain_of = |id: u64| messages.get(&id).map_or(id, |row| if row.chain == 0 { row.id } else { row.chain });
        for row in messages.values() {
            let chain = chain_of(row.id);
            let entry = found.entry(chain).or_insert_with(|| Chain { id: chain, ..Chain::default() });
            entry.rows.messages.push(row);
            wanted.extend([chain, row.previous_hop, row.next_hop].into_iter().filter(|id| *id != 0));
        }
        for row in stored.attempts.iter() {
            let chain = chain_of(row.message);
            found.entry(chain).or_insert_with(|| Chain { id: chain, ..Chain::default() }).rows.attempts.push(&row);
        }
        let mut last = Vec::new();
        let open = view.open.outcomes.iter().filter(|row| wanted.contains(&row.message) || wanted.contains(&row.last_message));
        for row in stored.outcomes.iter().chain(open) {
            last.push(row.last_message);
            found.entry(row.message).or_insert_with(|| Chain { id: row.message, ..Chain::default() }).rows.outcomes.push(&row);
        }
        wanted.append(&mut last);
        wanted.retain(|id| *id != 0);
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.len() == before {
            break;
        }
    }
    Ok(found.into_values().collect())
}

/// The word for one recipient's state in lists.
fn status(row: &OutcomeRow<'_>) -> &'static str {
    match row.outcome {
        Outcome::Delivered if row.handed_to == HandedTo::Smarthost => "relayed",
        Outcome::Queued if row.deferrals > 0 => "deferred",
        outcome => outcome.word(),
    }
}

impl Writer<'_> {
    fn clock(&self) -> Clock<Tz> {
        Clock { zone: self.zone, today: self.now }
    }

    /// The sentence for one recipient.
    pub(super) fn sentence(&self, row: &OutcomeRow<'_>) -> String {
        sentence::outcome(row, self.providers.name(row.provider), &self.clock())
    }

    /// The sentence for a refusal.
    pub(super) fn refused(&self, row: &RejectionRow<'_>) -> String {
        sentence::rejection(row, &self.clock())
    }

    /// The state of a whole chain.
    pub(super) fn status(&self, chain: &Chain) -> &'static str {
        let mut states: Vec<&'static str> = chain.rows.outcomes.iter().map(|row| status(&row)).collect();
        states.sort_unstable();
        states.dedup();
        match states.as_slice() {
            [] => "unknown",
            [one] => one,
            _ => "mixed",
        }
    }

    /// A message with all its hops.
    pub(super) fn message(&self, chain: &Chain) -> Value {
        let first = chain.rows.messages.iter().min_by_key(|row| (row.id != chain.id, row.time)).unwrap_or_default();
        let outcomes: Vec<OutcomeRow<'_>> = chain.rows.outcomes.iter().collect();
        // The one that tells most: a failure before what waits before a success.
        let told = outcomes
            .iter()
            .max_by_key(|row| (row.reason.is_some(), row.outcome != Outcome::Delivered, row.time))
            .copied()
            .unwrap_or_default();
        let last = outcomes.iter().map(|row| row.time).chain(chain.rows.attempts.time.0.iter().copied()).max().unwrap_or(first.time);
        let known = !first.queue_id.is_empty();
        let sender = if known { first.sender } else { told.sender };
        let recipients: Vec<String> = outcomes.iter().take(RECIPIENTS).map(|row| row.recipient.to_string()).collect();
        let sentence = match outcomes.len() {
            0 => "what became of it is not in the log that was read".to_owned(),
            1 => self.sentence(&told),
            many => format!("{} of {many} recipients: {}", told.recipient, self.sentence(&told)),
        };
        let stream = if known { first.stream } else { told.stream };
        let attempts: u32 = outcomes.iter().map(|row| row.attempts).sum();
        json!({
            "id": format!("{:016x}", chain.id),
            "kind": "message",
            "time": time(if known { first.time } else { told.arrived }),
            "last_time": time(last),
            "status": self.status(chain),
            "sentence": sentence,
            "host": stream.host,
            "instance": stream.instance,
            "queue_id": text(if known { first.queue_id } else { told.queue_id }),
            "message_id": text(if known { first.message_id } else { told.message_id }),
            "sender": text(&sender.to_string()),
            "recipients": recipients,
            "recipient_count": outcomes.len(),
            "client_name": text(first.client_name),
            "client_ip": text(first.client_ip),
            "sasl_user": text(first.sasl_user),
            "size": first.size.or(told.size),
            "direction": if known { first.direction.word() } else { told.direction.word() },
            "population": if known { first.population.word() } else { told.population.word() },
            "provider": text(told.provider),
            "reason": told.reason.map(|reason| reason.word()),
            "reply_code": (told.reply_code > 0).then_some(told.reply_code),
            "enhanced_code": text(told.enhanced_code),
            "reply_text": text(told.reply_text),
            "attempts": attempts,
            "delay_s": told.delay_ms.map(|delay| delay as f64 / 1000.0),
        })
    }

    /// A refusal.
    pub(super) fn rejection(&self, row: &RejectionRow<'_>) -> Value {
        let recipient = row.recipient.to_string();
        json!({
            "id": format!("{:016x}", row.id),
            "kind": "rejection",
            "time": time(row.time),
            "last_time": time(row.time),
            "status": "refused",
            "sentence": self.refused(row),
            "host": row.stream.host,
            "instance": row.stream.instance,
            "queue_id": text(row.queue_id),
            "message_id": null,
            "sender": text(&row.sender.to_string()),
            "recipients": if recipient.is_empty() { Vec::new() } else { vec![recipient] },
            "recipient_count": u32::from(!row.recipient.is_unknown()),
            "client_name": text(row.client_name),
            "client_ip": text(row.client_ip),
            "sasl_user": text(row.sasl_user),
            "size": null,
            "direction": "inbound",
            "population": "ordinary",
            "provider": null,
            "reason": row.reason.word(),
            "reply_code": (row.reply_code > 0).then_some(row.reply_code),
            "enhanced_code": text(row.enhanced_code),
            "reply_text": text(row.reply_text),
            "attempts": 0,
            "delay_s": null,
        })
    }
}
