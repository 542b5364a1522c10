//! Messages that are cut by the border between imported files and what the store has: what is open at the end of the files is joined to
//! the rows of its later part, so that it is told once and counts once.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use mailvane_assemble::{Handed, Leftover};
use mailvane_model::word::{Direction, Outcome};
use mailvane_model::{Batch, MessageRow, OutcomeRow, Sink, Time};
use mailvane_store::{Probe, Snapshot};

/// A message goes on within the longest queue lifetime.
const LIFETIME: i64 = 6 * Time::DAY;
/// A next hop begins this near to the reply that names it.
const NEXT_HOP: i64 = 10 * Time::MINUTE;
/// A chain is not told anew by whoever reads it this long after its last message left the queue.
const SETTLED: i64 = 2 * Time::HOUR;
/// Messages of one queue id that are looked at.
const HITS_MAX: usize = 64;
/// How often rows of a chain name further hops before they are followed no more.
const ROUNDS_MAX: usize = 8;

/// Tells what was open at the end of an import: joined to the messages of the store that it goes on in, or as it is. `open` holds its
/// outcomes as they would be if nothing followed. Returns how many messages go on.
pub(crate) fn join<'a>(
    leftovers: impl Iterator<Item = Leftover<'a>>,
    open: &Batch,
    snapshot: &Snapshot,
    sink: &mut impl Sink,
) -> Result<u64> {
    let mut leftovers: Vec<Leftover<'_>> = leftovers.collect();
    // Later hops first: what they go on in can say which chain those before them belong to.
    leftovers.sort_by_key(|left| (std::cmp::Reverse(left.message.time), left.message.id));
    let mut border = Border { snapshot, sink, open: HashMap::new(), taken: HashSet::new(), beside: HashMap::new() };
    let next: HashMap<(u64, _), u64> = leftovers
        .iter()
        .flat_map(|left| left.handed.iter().map(|handed| ((left.message.id, handed.recipient), handed.next)))
        .filter(|(_, next)| *next != 0)
        .collect();
    for row in open.outcomes.iter() {
        // What the next hop did not speak of yet is told with it.
        let of = next.get(&(row.last_message, row.recipient)).copied().unwrap_or(row.last_message);
        border.open.entry(of).or_default().push(row);
    }
    let mut joined = 0;
    for left in &leftovers {
        joined += u64::from(border.tell(left)?);
    }
    let mut rest: Vec<OutcomeRow<'_>> = border.open.drain().flat_map(|(_, rows)| rows).collect();
    rest.sort_unstable_by_key(|row| row.id);
    border.alone(&rest);
    Ok(joined)
}

struct Border<'a, S> {
    snapshot: &'a Snapshot,
    sink: &'a mut S,
    /// The outcomes of what is open, by the last message that it is known to have come to.
    open: HashMap<u64, Vec<OutcomeRow<'a>>>,
    /// Messages of the store that something was joined to.
    taken: HashSet<u64>,
    /// Chains of the files that belong to a chain of the store, which begins them.
    beside: HashMap<u64, u64>,
}

/// Where a message goes on in the store.
struct Rest {
    /// The message: its later part, or its next hop.
    id: u64,
    /// The rows of the chain from there on.
    chain: Batch,
}

impl Rest {
    fn first(&self) -> Option<MessageRow<'_>> {
        self.chain.messages.iter().find(|row| row.id == self.id)
    }

    /// What is told of the chain as long as nothing is known before it.
    fn outcomes(&self) -> impl Iterator<Item = OutcomeRow<'_>> {
        self.chain.outcomes.iter().filter(|row| row.message == self.id)
    }

    fn speaks_of(&self, early: &OutcomeRow<'_>) -> bool {
        self.outcomes().any(|row| is_of(&row, early))
    }
}

impl<S: Sink> Border<'_, S> {
    /// Tells one message; whether it goes on.
    fn tell(&mut self, left: &Leftover<'_>) -> Result<bool> {
        let mut early = self.open.remove(&left.message.id).unwrap_or_default();
        if left.message.removed.is_none()
            && let Some(rest) = self.later_part(&left.message)?
        {
            self.goes_on(left, &early, &rest);
            return Ok(true);
        }
        let mut hops = Vec::new();
        for handed in distinct(&left.handed) {
            if let Some(rest) = self.next_hop(&left.message, handed)? {
                let is_brought = |row: &OutcomeRow<'_>| {
                    left.handed.iter().any(|each| each.queue_id == handed.queue_id && each.recipient == row.recipient)
                };
                let (brought, others) = early.into_iter().partition::<Vec<_>, _>(is_brought);
                hops.push((rest, brought));
                early = others;
            }
        }
        self.message(left, hops.first().and_then(|(rest, _)| rest.first()).as_ref());
        self.alone(&early);
        for (rest, brought) in &hops {
            self.root(rest, &left.first, Some(&left.message), brought);
        }
        Ok(!hops.is_empty())
    }

    /// The message of the store that is the later part of one: of the same queue id, and begun in its middle.
    fn later_part(&mut self, message: &MessageRow<'_>) -> Result<Option<Rest>> {
        let later = message.time.plus(LIFETIME);
        self.nearest(message, (message.queue_id, message.time, later), message.time, |row| {
            let is_cut = row.client_name.is_empty() && row.client_ip.is_empty() && row.service.is_empty();
            row.stream.key() == message.stream.key() && row.time >= message.time && is_cut
        })
    }

    /// The message of the store that a delivery brought.
    fn next_hop(&mut self, message: &MessageRow<'_>, handed: Handed<'_>) -> Result<Option<Rest>> {
        let (from, until) = (message.time.plus(-NEXT_HOP), handed.time.plus(NEXT_HOP));
        self.nearest(message, (handed.queue_id, from, until), handed.time, |row| {
            let same_machine = row.stream.origin == message.stream.origin && row.stream.host == message.stream.host;
            let is_near = (row.time.0 - handed.time.0).abs() <= NEXT_HOP || row.time >= message.time && row.time < handed.time;
            let is_known = !row.message_id.is_empty() && row.message_id == message.message_id;
            row.previous_hop == 0 && is_near && (same_machine || is_known)
        })
    }

    /// Of the messages of a queue id and a span of time that fit the one whose beginning was read, the nearest to a time.
    fn nearest(
        &mut self,
        message: &MessageRow<'_>,
        (queue_id, from, until): (&str, Time, Time),
        near: Time,
        fits: impl Fn(&MessageRow<'_>) -> bool,
    ) -> Result<Option<Rest>> {
        let hits = self.snapshot.lives(Probe::QueueId(queue_id), from, until, HITS_MAX)?;
        let lives: Vec<u64> = hits.iter().map(|hit| hit.life).filter(|life| *life != message.id && !self.taken.contains(life)).collect();
        if lives.is_empty() {
            return Ok(None);
        }
        let found = self.snapshot.life(&lives)?;
        let is_it = |row: &MessageRow<'_>| {
            let conflict = !row.message_id.is_empty() && !message.message_id.is_empty() && row.message_id != message.message_id;
            row.queue_id == queue_id && !conflict && fits(row)
        };
        let rest = found.messages.iter().filter(|row| lives.contains(&row.id) && is_it(row)).min_by_key(|row| (row.time.0 - near.0).abs());
        let Some(id) = rest.map(|row| row.id) else { return Ok(None) };
        self.taken.insert(id);
        Ok(Some(Rest { id, chain: self.chain(id)? }))
    }

    /// The rows of a message and of the hops after it.
    fn chain(&self, id: u64) -> Result<Batch> {
        let mut known = vec![id];
        let mut chain = self.snapshot.life(&known)?;
        for _ in 0..ROUNDS_MAX {
            let next = chain.messages.iter().map(|row| row.next_hop).chain(chain.outcomes.iter().map(|row| row.last_message));
            let mut new: Vec<u64> = next.filter(|id| *id != 0 && !known.contains(id)).collect();
            if new.is_empty() {
                break;
            }
            new.sort_unstable();
            new.dedup();
            known.extend(new);
            chain = self.snapshot.life(&known)?;
        }
        Ok(chain)
    }

    /// Whether nobody tells a chain anew who does not know what was joined to it.
    fn is_settled(&self, rest: &Rest) -> bool {
        rest.chain.messages.iter().all(|row| {
            let mark = self.snapshot.stream(row.stream.key()).and_then(|stream| stream.watermark);
            let settled = row.removed.map_or(row.time.plus(LIFETIME + Time::DAY), |removed| removed.plus(SETTLED));
            // What was imported has no watermark: nobody reads on there.
            mark.is_none_or(|mark| settled < mark)
        })
    }

    /// A message whose later part is in the store.
    fn goes_on(&mut self, left: &Leftover<'_>, early: &[OutcomeRow<'_>], rest: &Rest) {
        let Some(part) = rest.first() else { return };
        let message = &left.message;
        let is_named = left.told.is_some() || left.is_tried || message.previous_hop != 0 || message.next_hop != 0;
        if part.previous_hop != 0 || !self.is_settled(rest) {
            // The later part is told by whoever reads it, who cannot know what was before: the earlier one is put beside it.
            if is_named {
                // With hops before it on both sides, those are joined.
                if part.previous_hop == 0 || message.previous_hop == 0 {
                    self.beside.insert(message.chain, part.chain);
                }
                self.message(left, Some(&part));
            }
        } else if is_named {
            self.message(left, Some(&part));
            let lost: Vec<OutcomeRow<'_>> = early.iter().filter(|row| !rest.speaks_of(row)).copied().collect();
            self.alone(&lost);
            self.root(rest, &left.first, Some(message), early);
        } else {
            // No row names it: the later part takes its place.
            self.root(rest, &MessageRow { id: part.id, ..*message }, None, early);
        }
    }

    /// A message as the files have it, and what comes after it.
    fn message(&mut self, left: &Leftover<'_>, next: Option<&MessageRow<'_>>) {
        let message = &left.message;
        let beside = self.beside.get(&message.chain).copied();
        let row = MessageRow { chain: beside.unwrap_or(message.chain), ..*message };
        match next {
            Some(next) => {
                let row = MessageRow {
                    next_hop: if message.next_hop == 0 { next.id } else { message.next_hop },
                    removed: message.removed.or(next.removed),
                    direction: if message.direction == Direction::Unknown { next.direction } else { message.direction },
                    ..row
                };
                self.sink.message(&row, left.told.as_ref());
            }
            None if left.is_news || beside.is_some() => self.sink.message(&row, left.told.as_ref()),
            None => {}
        }
    }

    /// Outcomes of a message whose rest is in no log: what was open is unknown.
    fn alone(&mut self, outcomes: &[OutcomeRow<'_>]) {
        for row in outcomes {
            let outcome = if matches!(row.outcome, Outcome::Queued | Outcome::Held) { Outcome::Unknown } else { row.outcome };
            let note = if outcome == row.outcome { row.note } else { "the log ends before its end" };
            self.sink.outcome(&OutcomeRow { outcome, note, ..*row }, None);
        }
    }

    /// Tells a chain of the store anew: it begins with `head`, and `before` is the hop before it. Without one, its first message is `head`.
    fn root(&mut self, rest: &Rest, head: &MessageRow<'_>, before: Option<&MessageRow<'_>>, early: &[OutcomeRow<'_>]) {
        for row in rest.chain.messages.iter() {
            let later = MessageRow { rev: row.rev + 1, chain: head.id, ..row };
            match before {
                Some(before) if row.id == rest.id => {
                    let whole = MessageRow { previous_hop: before.id, ..completed(&later, before) };
                    self.sink.message(&whole, Some(&row));
                }
                None if row.id == rest.id => {
                    let lines: Vec<_> = head.lines.iter().chain(row.lines).copied().collect();
                    let known = completed(&later, head);
                    self.sink.message(&MessageRow { lines: &lines, ..begun(&known, head) }, Some(&row));
                }
                Some(_) if row.chain == rest.id => self.sink.message(&later, Some(&row)),
                _ => {}
            }
        }
        for row in rest.outcomes() {
            let early = early.iter().find(|early| is_of(&row, early));
            self.sink.outcome(&rooted(&row, head, early), Some(&row));
        }
    }
}

/// One of each queue id of messages that were not seen.
fn distinct<'a>(handed: &'a [Handed<'a>]) -> impl Iterator<Item = Handed<'a>> {
    let mut seen = HashSet::new();
    handed.iter().copied().filter(move |each| each.next == 0 && !each.queue_id.is_empty() && seen.insert(each.queue_id))
}

/// Whether two outcomes are of one recipient.
fn is_of(row: &OutcomeRow<'_>, early: &OutcomeRow<'_>) -> bool {
    let known = |address: &mailvane_model::Address<'_>| !address.is_unknown();
    let here = [row.recipient, row.orig_recipient];
    [early.recipient, early.orig_recipient].iter().any(|address| known(address) && here.contains(address))
}

/// A message with what its earlier part, or the hop before it, knows of the envelope.
fn completed<'a>(row: &'a MessageRow<'_>, known: &'a MessageRow<'_>) -> MessageRow<'a> {
    MessageRow {
        message_id: if row.message_id.is_empty() { known.message_id } else { row.message_id },
        sender: if row.sender.is_unknown() { known.sender } else { row.sender },
        population: if row.sender.is_unknown() { known.population } else { row.population },
        size: row.size.or(known.size),
        direction: if row.direction == Direction::Unknown { known.direction } else { row.direction },
        ..*row
    }
}

/// A message with what its earlier part knows of its beginning.
fn begun<'a>(row: &'a MessageRow<'_>, head: &'a MessageRow<'_>) -> MessageRow<'a> {
    MessageRow {
        time: head.time,
        recipients: row.recipients.max(head.recipients),
        client_name: head.client_name,
        client_ip: head.client_ip,
        sasl_user: head.sasl_user,
        service: head.service,
        bounce_of: if row.bounce_of == 0 { head.bounce_of } else { row.bounce_of },
        ..*row
    }
}

/// An outcome of a chain that begins with `head`, where `early` is what was known of the recipient before.
fn rooted<'a>(row: &'a OutcomeRow<'_>, head: &'a MessageRow<'_>, early: Option<&'a OutcomeRow<'_>>) -> OutcomeRow<'a> {
    let before = early.map(|early| if early.orig_recipient.is_unknown() { early.recipient } else { early.orig_recipient });
    let tries = early.map_or(0, |early| early.deferrals);
    OutcomeRow {
        rev: row.rev + 1,
        message: head.id,
        arrived: head.time,
        queue_id: head.queue_id,
        sender: if head.sender.is_unknown() { row.sender } else { head.sender },
        message_id: if head.message_id.is_empty() { row.message_id } else { head.message_id },
        sasl_user: head.sasl_user,
        client_ip: head.client_ip,
        population: if head.sender.is_unknown() { row.population } else { head.population },
        orig_recipient: match before {
            Some(before) if before == row.recipient => row.orig_recipient,
            Some(before) => before,
            None => row.orig_recipient,
        },
        direction: match early {
            Some(early) if row.direction == Direction::Unknown => early.direction,
            _ => row.direction,
        },
        attempts: row.attempts + tries,
        deferrals: row.deferrals + tries,
        greylisted: row.greylisted + early.map_or(0, |early| early.greylisted),
        first_attempt: if tries > 0 { early.and_then(|early| early.first_attempt).or(row.first_attempt) } else { row.first_attempt },
        size: row.size.or(head.size),
        delay_ms: u64::try_from((row.time.0 - head.time.0) / 1000).ok(),
        ..*row
    }
}
