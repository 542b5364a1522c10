//! Lives that are cut by the border between imported files and what the store has: the rows of their later part are told again with what
//! the earlier part knows.

use anyhow::Result;
use mailvane_model::word::{Direction, Outcome};
use mailvane_model::{Batch, MessageRow, OutcomeRow, Sink, Time};
use mailvane_store::{Probe, Snapshot};

/// A message goes on within the longest queue lifetime.
const LIFETIME: i64 = 6 * Time::DAY;
/// Messages of one queue id that are looked at.
const HITS_MAX: usize = 16;

/// Tells what was still open at the end of an import: as a revision of the message in the store that it goes on in, or as it is.
/// Returns how many go on.
pub(crate) fn join(open: &Batch, snapshot: &Snapshot, sink: &mut impl Sink) -> Result<u64> {
    let mut joined = 0;
    for message in open.messages.iter() {
        let outcomes: Vec<OutcomeRow<'_>> = open.outcomes.iter().filter(|row| row.last_message == message.id).collect();
        let later = message.time.plus(LIFETIME);
        let hits = snapshot.lives(Probe::QueueId(message.queue_id), message.time, later, HITS_MAX)?;
        let lives: Vec<u64> = hits.iter().map(|hit| hit.life).filter(|life| *life != message.id).collect();
        let stored = if lives.is_empty() { Batch::default() } else { snapshot.life(&lives)? };
        let rest = stored.messages.iter().filter(|row| goes_on(&message, row)).min_by_key(|row| row.time);
        if let Some(rest) = rest {
            joined += 1;
            complete(&message, &outcomes, &rest, &stored, sink);
        } else {
            // What the import told of it before is beside it.
            let told = open.replaced_messages.iter().find(|row| row.id == message.id);
            alone(&message, told.as_ref(), &outcomes, sink);
        }
    }
    Ok(joined)
}

/// Whether a message of the store is the later part: of the same queue id, and begun in its middle.
fn goes_on(message: &MessageRow<'_>, row: &MessageRow<'_>) -> bool {
    let is_cut = row.client_name.is_empty() && row.client_ip.is_empty() && row.service.is_empty() && row.previous_hop == 0;
    let fits = row.message_id.is_empty() || message.message_id.is_empty() || row.message_id == message.message_id;
    row.queue_id == message.queue_id && row.stream.key() == message.stream.key() && row.time >= message.time && is_cut && fits
}

fn complete(message: &MessageRow<'_>, before: &[OutcomeRow<'_>], rest: &MessageRow<'_>, stored: &Batch, sink: &mut impl Sink) {
    let lines: Vec<_> = message.lines.iter().chain(rest.lines).copied().collect();
    let whole = MessageRow {
        rev: rest.rev + 1,
        time: message.time,
        message_id: if rest.message_id.is_empty() { message.message_id } else { rest.message_id },
        sender: if rest.sender.is_unknown() { message.sender } else { rest.sender },
        size: rest.size.or(message.size),
        recipients: rest.recipients.max(message.recipients),
        client_name: message.client_name,
        client_ip: message.client_ip,
        sasl_user: message.sasl_user,
        service: message.service,
        direction: if rest.direction == Direction::Unknown { message.direction } else { rest.direction },
        lines: &lines,
        ..*rest
    };
    sink.message(&whole, Some(rest));
    for row in stored.outcomes.iter().filter(|row| row.last_message == rest.id && row.message == rest.id) {
        let early = before.iter().find(|early| early.recipient == row.recipient);
        let first_attempt = early.and_then(|early| early.first_attempt).or(row.first_attempt);
        let revised = OutcomeRow {
            rev: row.rev + 1,
            arrived: message.time,
            sender: if row.sender.is_unknown() { message.sender } else { row.sender },
            message_id: if row.message_id.is_empty() { message.message_id } else { row.message_id },
            sasl_user: message.sasl_user,
            client_ip: message.client_ip,
            direction: match early {
                Some(early) if row.direction == Direction::Unknown => early.direction,
                _ => row.direction,
            },
            attempts: row.attempts + early.map_or(0, |early| early.attempts),
            deferrals: row.deferrals + early.map_or(0, |early| early.deferrals),
            greylisted: row.greylisted + early.map_or(0, |early| early.greylisted),
            first_attempt,
            size: row.size.or(message.size),
            delay_ms: u64::try_from((row.time.0 - message.time.0) / 1000).ok(),
            ..row
        };
        sink.outcome(&revised, Some(&row));
    }
}

/// A message whose rest is in no log: what was open of it is unknown.
fn alone(message: &MessageRow<'_>, told: Option<&MessageRow<'_>>, outcomes: &[OutcomeRow<'_>], sink: &mut impl Sink) {
    sink.message(message, told);
    for row in outcomes {
        let outcome = if matches!(row.outcome, Outcome::Queued | Outcome::Held) { Outcome::Unknown } else { row.outcome };
        let note = if outcome == row.outcome { row.note } else { "the log ends before its end" };
        sink.outcome(&OutcomeRow { outcome, note, ..*row }, None);
    }
}
