//! One message while it is open: its envelope, its recipients, and what ties it to other hops.

use ahash::AHashMap;

use mailvane_model::word::{Direction, Fault, HandedTo, Outcome, Reason, Scope};
use mailvane_model::{Address, Position, Time, hash};

use crate::text::{Short, Span, Texts};
use crate::told::Told;
use crate::tried::Failed;

/// A queue id in one stream, of fixed size so that looking it up follows no pointer: the stream (four bytes), the length (one),
/// and the id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct QueueKey([u64; 3]);

impl std::hash::Hash for QueueKey {
    #[inline]
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        for word in self.0 {
            state.write_u64(word);
        }
    }
}

impl QueueKey {
    /// The key of a queue id. An id longer than any MTA writes is folded to its hash.
    #[inline]
    pub(crate) fn of(stream: u32, queue_id: &[u8]) -> Self {
        const HEAD: usize = 5;
        let mut bytes = [0; 24];
        bytes[..4].copy_from_slice(&stream.to_le_bytes());
        bytes[4] = u8::try_from(queue_id.len()).unwrap_or(u8::MAX);
        if let Some(place) = bytes.get_mut(HEAD..HEAD + queue_id.len()) {
            place.copy_from_slice(queue_id);
        } else {
            bytes[HEAD..HEAD + 8].copy_from_slice(&hash::bytes(queue_id).to_le_bytes());
            bytes[HEAD + 8..].copy_from_slice(&queue_id[..11]);
        }
        let (words, _) = bytes.as_chunks::<8>();
        QueueKey([0, 1, 2].map(|at| u64::from_le_bytes(words[at])))
    }
}

/// Points to a life; a pointer to a life that has ended finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LifeRef {
    /// Where it is kept.
    pub(crate) slot: u32,
    /// How often the slot had been used.
    pub(crate) generation: u32,
}

/// What is known of a message beside its texts, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags(pub(crate) u32);

impl Flags {
    /// The line that opened it was seen (`client=`, `uid=`).
    pub(crate) const OPENED: u32 = 1;
    /// The queue manager took it up: sender, size and recipient count are known.
    pub(crate) const ACTIVE: u32 = 1 << 1;
    /// It left the queue.
    pub(crate) const CLOSED: u32 = 1 << 2;
    /// It is on hold.
    pub(crate) const HELD: u32 = 1 << 3;
    /// It is an address verification probe.
    pub(crate) const PROBE: u32 = 1 << 4;
    /// It may be a later hop whose former hop is not known yet: its outcomes wait.
    pub(crate) const UNCERTAIN: u32 = 1 << 5;
    /// It was thrown away whole.
    pub(crate) const DISCARDED: u32 = 1 << 6;
    /// It was refused whole after it had a queue id.
    pub(crate) const REJECTED: u32 = 1 << 7;
    /// It was submitted by a local program.
    pub(crate) const PICKED_UP: u32 = 1 << 8;
    /// It is a delivery notification that a daemon of ours made.
    pub(crate) const NOTIFICATION: u32 = 1 << 9;
    /// Its sender is known (the null sender included).
    pub(crate) const SENDER: u32 = 1 << 10;
    /// It changed since the last call of `take_changes`.
    pub(crate) const DIRTY: u32 = 1 << 11;
    /// It stands in the stored state.
    pub(crate) const STORED: u32 = 1 << 12;
    /// A new life took its queue id before its end was seen.
    pub(crate) const LOST_END: u32 = 1 << 13;
    /// It could still be found to be a later hop, also after its outcomes were told.
    pub(crate) const LINKABLE: u32 = 1 << 14;
    /// A recipient was deferred on this hop.
    pub(crate) const DEFERRED: u32 = 1 << 15;
    /// The client, or the program, is known to be ours by the way it came in.
    pub(crate) const SUBMITTED: u32 = 1 << 16;
    /// The message row told last is out of date.
    pub(crate) const RETELL: u32 = 1 << 17;
    /// The administrator deleted it.
    pub(crate) const DELETED: u32 = 1 << 18;
    /// The queue manager gave it up.
    pub(crate) const EXPIRED: u32 = 1 << 19;
    /// It was put back into the queue under a new id.
    pub(crate) const REQUEUED: u32 = 1 << 20;
    /// The client comes from outside.
    pub(crate) const OUTSIDE: u32 = 1 << 21;
    /// The client gave the transaction up.
    pub(crate) const CANCELED: u32 = 1 << 22;
    /// A recipient bounced, and the notification was not seen yet.
    pub(crate) const BOUNCED: u32 = 1 << 23;
    /// It is found by its message-id, as one that may have come back from a filter.
    pub(crate) const ENTERED: u32 = 1 << 24;

    /// Whether any of the bits is set.
    #[inline]
    pub(crate) fn has(self, bits: u32) -> bool {
        self.0 & bits != 0
    }

    /// Sets bits.
    #[inline]
    pub(crate) fn set(&mut self, bits: u32) {
        self.0 |= bits;
    }

    /// Clears bits.
    #[inline]
    pub(crate) fn clear(&mut self, bits: u32) {
        self.0 &= !bits;
    }
}

/// How far a recipient has come on this hop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// Known, not tried yet.
    #[default]
    Waiting = 0,
    /// Tried and deferred.
    Deferred = 1,
    /// Handed to a filter or another host of ours: the outcome is that of the next hop.
    Hop = 2,
    /// Final on this hop.
    Final = 3,
}

impl State {
    /// The state of its number.
    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => State::Waiting,
            1 => State::Deferred,
            2 => State::Hop,
            3 => State::Final,
            _ => return None,
        })
    }
}

/// Where a recipient's mail goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Place {
    /// Not known yet.
    #[default]
    Unknown = 0,
    /// To a mailbox, program or file here.
    Here = 1,
    /// To another system.
    Remote = 2,
}

impl Place {
    /// The place of its number.
    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Place::Unknown,
            1 => Place::Here,
            2 => Place::Remote,
            _ => return None,
        })
    }
}

/// What the last attempt said, kept while the outcome is still to be told (or told again). Its strings stand in one buffer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Last {
    pub(crate) reply_code: u16,
    pub(crate) enhanced: Short,
    /// Relay host, relay address, provider, next queue id, text, end to end.
    texts: Box<str>,
    /// Where the first four of them end.
    ends: [u32; 4],
    pub(crate) reason: Option<Reason>,
    pub(crate) scope: Scope,
    pub(crate) fault: Fault,
    pub(crate) permanent: bool,
    /// Whether the next hop is a filter.
    pub(crate) filter: bool,
    /// Milliseconds from the arrival on this hop to the end of the attempt, as the line says.
    pub(crate) delay_ms: Option<u32>,
}

/// [`Last`], borrowed: from the line while it is read, from the recipient later.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LastView<'a> {
    pub(crate) reply_code: u16,
    pub(crate) enhanced: &'a str,
    pub(crate) text: &'a str,
    pub(crate) relay_host: &'a str,
    pub(crate) relay_ip: &'a str,
    pub(crate) provider: &'a str,
    pub(crate) reason: Option<Reason>,
    pub(crate) scope: Scope,
    pub(crate) fault: Fault,
    pub(crate) permanent: bool,
    pub(crate) next_queue_id: &'a str,
    pub(crate) filter: bool,
    pub(crate) delay_ms: Option<u32>,
}

impl Last {
    fn part(&self, from: usize, to: usize) -> &str {
        let start = if from == 0 { 0 } else { self.ends[from - 1] as usize };
        let end = self.ends.get(to).map_or(self.texts.len(), |end| *end as usize);
        self.texts.get(start..end).unwrap_or("")
    }

    /// The queue id that the next hop gave, where the reply names one.
    pub(crate) fn next_queue_id(&self) -> &str {
        self.part(3, 3)
    }

    /// Borrowed.
    pub(crate) fn view(&self) -> LastView<'_> {
        LastView {
            reply_code: self.reply_code,
            enhanced: self.enhanced.get(),
            text: self.part(4, 4),
            relay_host: self.part(0, 0),
            relay_ip: self.part(1, 1),
            provider: self.part(2, 2),
            reason: self.reason,
            scope: self.scope,
            fault: self.fault,
            permanent: self.permanent,
            next_queue_id: self.next_queue_id(),
            filter: self.filter,
            delay_ms: self.delay_ms,
        }
    }
}

impl LastView<'_> {
    /// Kept: behind a pointer, because most recipients never need it.
    #[allow(clippy::unnecessary_box_returns)]
    pub(crate) fn keep(&self) -> Box<Last> {
        let parts = [self.relay_host, self.relay_ip, self.provider, self.next_queue_id, self.text];
        let mut texts = String::with_capacity(parts.iter().map(|part| part.len()).sum());
        let mut ends = [0; 4];
        for (place, part) in parts.iter().enumerate() {
            texts.push_str(part);
            if let Some(end) = ends.get_mut(place) {
                *end = texts.len() as u32;
            }
        }
        Box::new(Last {
            reply_code: self.reply_code,
            enhanced: Short::of(self.enhanced),
            texts: texts.into_boxed_str(),
            ends,
            reason: self.reason,
            scope: self.scope,
            fault: self.fault,
            permanent: self.permanent,
            filter: self.filter,
            delay_ms: self.delay_ms,
        })
    }
}

/// One recipient of one hop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recipient {
    pub(crate) local: Span,
    pub(crate) domain: Span,
    pub(crate) original_local: Span,
    pub(crate) original_domain: Span,
    pub(crate) state: State,
    pub(crate) place: Place,
    pub(crate) outcome: Outcome,
    pub(crate) handed_to: HandedTo,
    /// A word beside the outcome, by number (see [`crate::outcome::note`]).
    pub(crate) note: u8,
    pub(crate) attempts: u32,
    pub(crate) deferrals: u32,
    pub(crate) greylisted: u32,
    pub(crate) first: Option<Time>,
    pub(crate) latest: Option<Time>,
    /// When it became final.
    pub(crate) ended: Time,
    /// How many revisions of its outcome were told.
    pub(crate) told: u32,
    /// Whether what was told last takes the hops before in.
    pub(crate) chained: bool,
    /// Whether what was told last cannot be worked out again, so that it is not revised.
    pub(crate) forgotten: bool,
    /// The direction told last.
    pub(crate) told_direction: Direction,
    pub(crate) next: Option<LifeRef>,
    pub(crate) last: Option<Box<Last>>,
}

/// One message on one stream, from its first line until nothing more can be said of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Life {
    pub(crate) id: u64,
    pub(crate) generation: u32,
    pub(crate) stream: u32,
    pub(crate) key: QueueKey,
    pub(crate) flags: Flags,
    pub(crate) texts: Texts,
    pub(crate) queue_id: Span,
    pub(crate) message_id: Span,
    pub(crate) sender_local: Span,
    pub(crate) sender_domain: Span,
    pub(crate) client_name: Span,
    pub(crate) client_ip: Span,
    pub(crate) sasl_user: Span,
    pub(crate) service: Span,
    pub(crate) opened: Time,
    pub(crate) seen: Time,
    pub(crate) removed: Option<Time>,
    /// Until when lines that come late are waited for.
    pub(crate) late: Option<Time>,
    /// Until when a former hop is waited for.
    pub(crate) link: Option<Time>,
    pub(crate) size: Option<u64>,
    pub(crate) expected: Option<u32>,
    pub(crate) lines: Vec<Position>,
    pub(crate) recipients: Vec<Recipient>,
    index: Option<Box<AHashMap<u64, u32>>>,
    pub(crate) previous: Option<LifeRef>,
    pub(crate) previous_id: u64,
    /// The first later hop, and its id, which stays when it has ended.
    pub(crate) child: Option<LifeRef>,
    pub(crate) child_id: u64,
    /// How many open later hops need it.
    pub(crate) held_by: u32,
    pub(crate) bounce_of: u64,
    /// The host that failed last, where a line of its own says so.
    pub(crate) failed: Option<Box<Failed>>,
    /// What was told of it.
    pub(crate) told: Told,
    /// The directions of its recipients, a bit for each code.
    pub(crate) directions: u8,
    /// The recipients that changed since the changes were taken: from the first to before the second.
    pub(crate) marked: (u32, u32),
    /// How many recipients wait or are deferred.
    pub(crate) open: u32,
    /// How many were handed to a next hop.
    pub(crate) hops: u32,
    /// How many are final.
    ended: u32,
}

/// Recipients past this number are found by a map.
const INDEX_FROM: usize = 24;

impl Life {
    /// The life as it is when its slot is used anew; buffers keep their room.
    pub(crate) fn renew(&mut self) {
        const KEEP: usize = 32;
        let mut lines = std::mem::take(&mut self.lines);
        let mut recipients = std::mem::take(&mut self.recipients);
        let mut texts = std::mem::take(&mut self.texts);
        lines.clear();
        recipients.clear();
        texts.clear();
        if recipients.capacity() > KEEP {
            recipients = Vec::new();
        }
        if lines.capacity() > KEEP * 8 {
            lines = Vec::new();
        }
        *self = Life { generation: self.generation, lines, recipients, texts, marked: (u32::MAX, 0), ..Life::default() };
    }

    /// The envelope sender.
    pub(crate) fn sender(&self) -> Address<'_> {
        Address { local: self.texts.get(self.sender_local), domain: self.texts.get(self.sender_domain) }
    }

    /// The recipient's address.
    pub(crate) fn address(&self, recipient: &Recipient) -> Address<'_> {
        Address { local: self.texts.get(recipient.local), domain: self.texts.get(recipient.domain) }
    }

    /// The recipient's address before expansion; unknown where it is the same.
    pub(crate) fn original(&self, recipient: &Recipient) -> Address<'_> {
        Address { local: self.texts.get(recipient.original_local), domain: self.texts.get(recipient.original_domain) }
    }

    /// The place of a recipient in the list. An address reached by two aliases is one recipient: it has one outcome.
    #[inline]
    pub(crate) fn find(&self, address: Address<'_>) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(&address_hash(address)).map(|place| *place as usize),
            None => self.recipients.iter().position(|recipient| self.address(recipient) == address),
        }
    }

    /// Adds a recipient and gives its place.
    pub(crate) fn add(&mut self, address: Address<'_>, original: Address<'_>) -> usize {
        let recipient = Recipient {
            local: self.texts.add(address.local),
            domain: self.texts.add(address.domain),
            original_local: self.texts.add(original.local),
            original_domain: self.texts.add(original.domain),
            ..Recipient::default()
        };
        self.push(recipient)
    }

    /// A recipient that only a policy line had named was expanded: it becomes the address that is tried.
    pub(crate) fn expand(&mut self, address: Address<'_>, original: Address<'_>) -> Option<usize> {
        if original.is_unknown() || self.index.is_some() {
            return None;
        }
        let named = |each: &Recipient| {
            each.state == State::Waiting && each.attempts == 0 && self.address(each) == original && each.original_local.is_empty()
        };
        let place = self.recipients.iter().position(named)?;
        let (local, domain) = (self.texts.add(address.local), self.texts.add(address.domain));
        let recipient = &mut self.recipients[place];
        (recipient.original_local, recipient.original_domain) = (recipient.local, recipient.domain);
        (recipient.local, recipient.domain) = (local, domain);
        Some(place)
    }

    /// A recipient that is known by the address that is tried gets the one that was given.
    pub(crate) fn name_original(&mut self, place: usize, original: Address<'_>) {
        let recipient = &self.recipients[place];
        let is_known = !recipient.original_local.is_empty() || recipient.told > 0;
        if is_known || original.is_unknown() || self.address(recipient) == original {
            return;
        }
        let (local, domain) = (self.texts.add(original.local), self.texts.add(original.domain));
        let recipient = &mut self.recipients[place];
        (recipient.original_local, recipient.original_domain) = (local, domain);
        self.mark(place);
    }

    /// A recipient that waits, or could not be routed, turned out to be an alias: from now on it is the address that is tried.
    pub(crate) fn unalias(&mut self, address: Address<'_>, original: Address<'_>) {
        if original.is_unknown() || original == address || self.index.is_some() || self.find(address).is_some() {
            return;
        }
        let Some(place) = self.find(original) else { return };
        let recipient = &self.recipients[place];
        let open = recipient.state == State::Waiting || recipient.state == State::Deferred && recipient.place != Place::Here;
        if !open || !recipient.original_local.is_empty() {
            return;
        }
        let (local, domain) = (self.texts.add(address.local), self.texts.add(address.domain));
        let recipient = &mut self.recipients[place];
        (recipient.original_local, recipient.original_domain) = (recipient.local, recipient.domain);
        (recipient.local, recipient.domain) = (local, domain);
        self.mark(place);
    }

    /// Adds a recipient whose texts are already here.
    pub(crate) fn push(&mut self, recipient: Recipient) -> usize {
        let place = self.recipients.len();
        *self.count(recipient.state) += 1;
        self.recipients.push(recipient);
        self.mark(place);
        if place + 1 == INDEX_FROM {
            let all = (0_u32..).zip(&self.recipients);
            self.index = Some(Box::new(all.map(|(place, each)| (address_hash(self.address(each)), place)).collect()));
        } else if place >= INDEX_FROM {
            let each = &self.recipients[place];
            let key = address_hash(self.address(each));
            if let Some(index) = &mut self.index {
                index.insert(key, place as u32);
            }
        }
        place
    }

    /// Something changes that outcomes which were told already hold: they stay as they were told.
    pub(crate) fn forget_told(&mut self) {
        if self.ended == 0 {
            return;
        }
        for place in 0..self.recipients.len() {
            if self.recipients[place].told > 0 && !self.recipients[place].forgotten {
                self.recipients[place].forgotten = true;
                self.mark(place);
            }
        }
    }

    /// Notes that a recipient changed.
    #[inline]
    pub(crate) fn mark(&mut self, place: usize) {
        self.marked = (self.marked.0.min(place as u32), self.marked.1.max(place as u32 + 1));
    }

    /// Changes the state of a recipient, and the count of those unsettled with it.
    #[inline]
    pub(crate) fn settle(&mut self, place: usize, state: State) {
        self.mark(place);
        let former = std::mem::replace(&mut self.recipients[place].state, state);
        let count = self.count(former);
        *count = count.saturating_sub(1);
        *self.count(state) += 1;
    }

    fn count(&mut self, state: State) -> &mut u32 {
        match state {
            State::Waiting | State::Deferred => &mut self.open,
            State::Hop => &mut self.hops,
            State::Final => &mut self.ended,
        }
    }

    /// Notes the direction of one of its recipients.
    #[inline]
    pub(crate) fn direct(&mut self, direction: Direction) {
        self.directions |= 1 << direction.code();
    }

    /// The direction of its recipients together.
    pub(crate) fn direction(&self) -> Direction {
        // What is not known of one recipient does not make the others' direction mixed.
        let known = self.directions & !1;
        match known.count_ones() {
            0 => Direction::Unknown,
            1 => Direction::from_code(known.trailing_zeros() as u8).unwrap_or_default(),
            _ => Direction::Mixed,
        }
    }
}

fn address_hash(address: Address<'_>) -> u64 {
    hash::words(&[hash::bytes(address.local.as_bytes()), hash::bytes(address.domain.as_bytes())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_are_found_before_and_after_the_index_is_built() {
        let mut life = Life::default();
        let names: Vec<String> = (0..100).map(|number| format!("user{number}")).collect();
        for name in &names {
            let address = Address { local: name, domain: "example.com" };
            assert_eq!(life.find(address), None);
            let place = life.add(address, Address::default());
            assert_eq!(life.find(address), Some(place));
        }
        assert_eq!(life.find(Address { local: "user0", domain: "example.com" }), Some(0));
        assert_eq!(life.open, 100);
        life.settle(3, State::Final);
        life.settle(4, State::Hop);
        assert_eq!((life.open, life.hops), (98, 1));
    }

    #[test]
    fn what_is_kept_of_an_attempt_is_what_it_said() {
        let view = LastView {
            reply_code: 550,
            enhanced: "5.1.1",
            text: "no",
            relay_host: "mx",
            relay_ip: "192.0.2.1",
            next_queue_id: "4A",
            ..LastView::default()
        };
        assert_eq!(format!("{:?}", view.keep().view()), format!("{view:?}"));
    }

    #[test]
    fn directions_add_up() {
        let mut life = Life::default();
        assert_eq!(life.direction(), Direction::Unknown);
        life.direct(Direction::Outbound);
        life.direct(Direction::Unknown);
        assert_eq!(life.direction(), Direction::Outbound);
        life.direct(Direction::Local);
        assert_eq!(life.direction(), Direction::Mixed);
    }
}
