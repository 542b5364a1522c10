//! A message (its whole chain) or a refusal as one entry of a list.

use chrono_tz::Tz;
use mailvane_model::word::{HandedTo, Outcome};
use mailvane_model::{Address, OutcomeRow, RejectionRow, Time};
use mailvane_render::sentence::{self, Clock};
use mailvane_reply::provider::Providers;
use serde_json::{Value, json};

use super::chain::Chain;
use super::health::grouped;
use super::json::{address, id, moment, nonzero, seconds, text};

/// Recipients that an entry names.
const RECIPIENTS_SHOWN: usize = 5;

/// How sentences are written.
#[derive(Clone, Debug)]
pub(crate) struct Speech {
    /// In whose time.
    pub(crate) clock: Clock<Tz>,
    /// Names of providers.
    pub(crate) providers: Providers,
}

impl Speech {
    /// In a zone, now.
    pub(crate) fn new(zone: Tz, now: Time) -> Self {
        Speech { clock: Clock { zone, today: now }, providers: crate::rules::current().providers.clone() }
    }

    /// What became of a recipient.
    pub(crate) fn outcome(&self, row: &OutcomeRow<'_>) -> String {
        sentence::outcome(row, self.providers.name(row.provider), &self.clock)
    }
}

/// The status of a recipient.
pub(crate) fn status(row: &OutcomeRow<'_>) -> &'static str {
    match row.outcome {
        Outcome::Queued if row.deferrals > 0 => "deferred",
        Outcome::Delivered if row.handed_to == HandedTo::Smarthost => "relayed",
        outcome => outcome.word(),
    }
}

/// How much a state needs to be seen: the worst speaks for a message.
fn gravity(row: &OutcomeRow<'_>) -> u8 {
    match row.outcome {
        Outcome::Bounced => 8,
        Outcome::Expired => 7,
        Outcome::Rejected => 6,
        Outcome::Held => 5,
        Outcome::Queued => 4,
        Outcome::Unknown => 3,
        Outcome::Deleted => 2,
        Outcome::Discarded => 1,
        Outcome::Delivered => 0,
    }
}

/// The recipient that speaks for a chain.
fn leading<'c, 'b>(chain: &'c Chain<'b>) -> Option<&'c OutcomeRow<'b>> {
    chain.outcomes.iter().max_by_key(|row| (gravity(row), row.time))
}

/// The status of a chain: that of its recipients, `mixed` when they differ.
pub(crate) fn chain_status(chain: &Chain<'_>) -> &'static str {
    let mut states = chain.outcomes.iter().map(status);
    let Some(first) = states.next() else {
        // No recipient is known yet, or none of it is in the log.
        return if chain.hops.iter().any(|hop| hop.removed.is_none()) { "queued" } else { "unknown" };
    };
    if states.all(|state| state == first) { first } else { "mixed" }
}

/// The sentence of a chain.
pub(crate) fn chain_sentence(chain: &Chain<'_>, speech: &Speech) -> String {
    match (leading(chain), chain.outcomes.len()) {
        (None, _) => match chain_status(chain) {
            "queued" => "in the queue; nothing about its recipients is in the log yet".to_owned(),
            _ => "what became of it is not in the log that was read".to_owned(),
        },
        (Some(row), 1) => speech.outcome(row),
        (Some(row), recipients) => {
            let mut counts: Vec<(&str, u64)> = Vec::new();
            for state in chain.outcomes.iter().map(status) {
                match counts.iter_mut().find(|known| known.0 == state) {
                    Some(known) => known.1 += 1,
                    None => counts.push((state, 1)),
                }
            }
            let counts: Vec<String> = counts.iter().map(|(state, count)| format!("{} {state}", grouped(*count))).collect();
            format!("{} recipients, {}; {}: {}", grouped(recipients as u64), counts.join(", "), row.recipient, speech.outcome(row))
        }
    }
}

/// When something last happened to a chain.
fn last_time(chain: &Chain<'_>) -> Option<Time> {
    let hops = chain.hops.iter().flat_map(|hop| [Some(hop.time), hop.removed]).flatten();
    let outcomes = chain.outcomes.iter().map(|row| row.last_attempt.unwrap_or(row.time));
    let attempts = chain.attempts.iter().map(|row| row.time);
    hops.chain(outcomes).chain(attempts).max()
}

/// A chain as an entry; `None` when nothing of the message itself is kept.
pub(crate) fn of_chain(chain: &Chain<'_>, speech: &Speech) -> Option<Value> {
    let head = chain.head()?;
    let lead = leading(chain);
    let mut recipients: Vec<Address<'_>> = Vec::new();
    for row in &chain.outcomes {
        let named = if row.orig_recipient.is_unknown() { row.recipient } else { row.orig_recipient };
        if !recipients.contains(&named) {
            recipients.push(named);
        }
    }
    let announced = head.recipients.filter(|_| !chain.is_partial).unwrap_or(0);
    let count = recipients.len().max(announced as usize);
    let is_done = chain.outcomes.iter().all(|row| !matches!(row.outcome, Outcome::Queued | Outcome::Held));
    let delay = chain.outcomes.iter().filter_map(|row| row.delay_ms).max().filter(|_| is_done);
    let failed = lead.filter(|row| row.reason.is_some());
    Some(json!({
        "id": id(head.id),
        "kind": "message",
        "time": moment(head.time),
        "last_time": moment(last_time(chain).unwrap_or(head.time)),
        "status": chain_status(chain),
        "sentence": chain_sentence(chain, speech),
        "host": head.stream.host,
        "instance": head.stream.instance,
        "queue_id": text(head.queue_id),
        "message_id": text(head.message_id),
        "sender": address(head.sender),
        "recipients": recipients.iter().take(RECIPIENTS_SHOWN).map(|named| address(*named)).collect::<Vec<_>>(),
        "recipient_count": count,
        "client_name": text(head.client_name),
        "client_ip": text(head.client_ip),
        "sasl_user": text(head.sasl_user),
        "size": head.size,
        "direction": head.direction.word(),
        "population": head.population.word(),
        "provider": lead.map_or(Value::Null, |row| text(row.provider)),
        "reason": failed.and_then(|row| row.reason).map(|reason| reason.word()),
        "reply_code": lead.map_or(Value::Null, |row| nonzero(row.reply_code)),
        "enhanced_code": lead.map_or(Value::Null, |row| text(row.enhanced_code)),
        "reply_text": lead.map_or(Value::Null, |row| text(row.reply_text)),
        "attempts": chain.outcomes.iter().map(|row| u64::from(row.attempts)).sum::<u64>(),
        "delay_s": seconds(delay),
    }))
}

/// A refusal as an entry.
pub(crate) fn of_rejection(row: &RejectionRow<'_>, speech: &Speech) -> Value {
    let recipients: Vec<Value> = if row.recipient.is_unknown() { Vec::new() } else { vec![address(row.recipient)] };
    json!({
        "id": id(row.id),
        "kind": "rejection",
        "time": moment(row.time),
        "last_time": moment(row.time),
        "status": "refused",
        "sentence": sentence::rejection(row, &speech.clock),
        "host": row.stream.host,
        "instance": row.stream.instance,
        "queue_id": text(row.queue_id),
        "message_id": null,
        "sender": address(row.sender),
        "recipient_count": recipients.len(),
        "recipients": recipients,
        "client_name": text(row.client_name),
        "client_ip": text(row.client_ip),
        "sasl_user": text(row.sasl_user),
        "size": null,
        "direction": "inbound",
        "population": "ordinary",
        "provider": null,
        "reason": row.reason.word(),
        "reply_code": nonzero(row.reply_code),
        "enhanced_code": text(row.enhanced_code),
        "reply_text": text(row.reply_text),
        "attempts": 0,
        "delay_s": null,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailvane_model::MessageRow;
    use mailvane_model::word::Reason;

    fn chain<'b>(outcomes: Vec<OutcomeRow<'b>>) -> Chain<'b> {
        Chain { hops: vec![MessageRow { id: 1, time: Time(0), ..MessageRow::default() }], outcomes, ..Chain::default() }
    }

    #[test]
    fn recipients_that_differ_are_mixed_and_the_worst_speaks() {
        let speech = Speech::new(Tz::UTC, Time(0));
        let delivered =
            OutcomeRow { outcome: Outcome::Delivered, recipient: Address { local: "a", domain: "example.net" }, ..OutcomeRow::default() };
        let bounced = OutcomeRow {
            outcome: Outcome::Bounced,
            reason: Some(Reason::UnknownRecipient),
            recipient: Address { local: "b", domain: "example.net" },
            ..OutcomeRow::default()
        };
        let mixed = chain(vec![delivered, bounced]);
        assert_eq!(chain_status(&mixed), "mixed");
        let said = chain_sentence(&mixed, &speech);
        assert!(said.starts_with("2 recipients, 1 delivered, 1 bounced; b@example.net: "), "{said}");
        assert_eq!(chain_status(&chain(vec![OutcomeRow { deferrals: 1, ..OutcomeRow::default() }])), "deferred");
        let relayed = OutcomeRow { outcome: Outcome::Delivered, handed_to: HandedTo::Smarthost, ..OutcomeRow::default() };
        assert_eq!(chain_status(&chain(vec![relayed])), "relayed");
    }
}
