//! Rows of messages and outcomes out of the open state.

use mailvane_model::word::{Direction, Outcome, Population};
use mailvane_model::{Address, MessageRow, OutcomeRow, Time, id};

use crate::config::Config;
use crate::life::{Flags, LastView, Life, LifeRef, Place, Recipient, State};
use crate::lives::Lives;
use crate::ours;
use crate::streams::Streams;

/// The kind of an outcome in its id ([`id::derived`]).
const OUTCOME: u32 = 1;

/// Hops that are followed. A longer chain is a loop that should have ended.
pub(crate) const MOST_HOPS: usize = 32;

/// Recipients past this number are looked for by their address alone, not by that before expansion.
const FEW: usize = 64;

/// Words beside an outcome, by number.
pub(crate) mod note {
    /// None.
    pub(crate) const NONE: u8 = 0;
    /// A filter took it and it did not come back.
    pub(crate) const FILTER: u8 = 1;
    /// It left the queue and the line of its last attempt is missing.
    pub(crate) const LOST_LINE: u8 = 2;
    /// A new message took its queue id.
    pub(crate) const LOST_END: u8 = 3;
    /// No line for longer than the longest queue lifetime.
    pub(crate) const STALE: u8 = 4;
    /// Too many messages were open.
    pub(crate) const LIMIT: u8 = 5;
    /// The next hop ended without a word of this recipient.
    pub(crate) const NEXT_HOP: u8 = 6;

    /// In words.
    pub(crate) const fn text(note: u8) -> &'static str {
        match note {
            FILTER => "left our sight at the filter",
            LOST_LINE => "the line of its last attempt is missing",
            LOST_END => "its queue id was used again before its end was seen",
            STALE => "no line for longer than the queue lifetime",
            LIMIT => "too many messages were open at once",
            NEXT_HOP => "its next hop ended without naming it",
            _ => "",
        }
    }
}

/// Where a message came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Ours,
    Outside,
    Unknown,
}

/// What rows are made from.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) config: &'a Config,
    pub(crate) streams: &'a Streams,
    pub(crate) lives: &'a Lives,
}

impl<'a> View<'a> {
    /// The hop before this one.
    fn previous(&self, life: &Life) -> Option<&'a Life> {
        life.previous.and_then(|at| self.lives.get(at))
    }

    /// The first hop.
    pub(crate) fn root(&self, life: &'a Life) -> &'a Life {
        let mut root = life;
        for _ in 0..MOST_HOPS {
            let Some(previous) = self.previous(root) else { break };
            root = previous;
        }
        root
    }

    /// The first hop on the same stream: what an attempt may know, since it is told at once and never again.
    fn root_on_stream(&self, life: &'a Life) -> &'a Life {
        let mut root = life;
        for _ in 0..MOST_HOPS {
            let Some(previous) = self.previous(root).filter(|previous| previous.stream == life.stream) else { break };
            root = previous;
        }
        root
    }

    /// The recipient of the former hop whose delivery brought this one.
    pub(crate) fn upstream(&self, life: &'a Life, address: Address<'_>, original: Address<'_>) -> Option<(&'a Life, &'a Recipient)> {
        let previous = self.previous(life)?;
        let brought =
            |recipient: &&Recipient| recipient.next.is_some_and(|next| self.lives.get(next).is_some_and(|next| next.id == life.id));
        for there in [address, original] {
            if !there.is_unknown()
                && let Some(place) = previous.find(there)
                && brought(&&previous.recipients[place])
            {
                return Some((previous, &previous.recipients[place]));
            }
        }
        let named = |recipient: &&Recipient| {
            let there = previous.address(recipient);
            there == address || there == original
        };
        let by_name = previous.recipients.iter().take(FEW).filter(brought).find(named);
        by_name.or_else(|| previous.recipients.iter().find(brought)).map(|recipient| (previous, recipient))
    }

    /// Whether the delivery of the former hop that brought this recipient is known by its address.
    pub(crate) fn is_brought(&self, life: &'a Life, place: usize) -> bool {
        let recipient = &life.recipients[place];
        let (address, original) = (life.address(recipient), life.original(recipient));
        self.upstream(life, address, original).is_some_and(|(former, brought)| {
            let there = former.address(brought);
            there == address || there == original
        })
    }

    fn source(&self, root: &Life) -> Source {
        if root.flags.has(Flags::SUBMITTED | Flags::PICKED_UP | Flags::NOTIFICATION) {
            return Source::Ours;
        }
        if !root.flags.has(Flags::OUTSIDE) {
            return Source::Unknown;
        }
        let learned = &self.streams.get(root.stream).learned;
        let (name, ip) = (root.texts.get(root.client_name), root.texts.get(root.client_ip));
        if ours::is_client(self.config, learned, name, ip) { Source::Ours } else { Source::Outside }
    }

    /// The direction of a recipient of this hop, as far as its own stream says.
    pub(crate) fn attempt_direction(&self, life: &'a Life, place: Place, address: Address<'_>, original: Address<'_>) -> Direction {
        let root = self.root_on_stream(life);
        let chained = life.previous.and_then(|at| self.lives.get(at)).is_some_and(|previous| previous.stream == life.stream);
        self.direction_from(life, root, chained, place, address, original)
    }

    /// The direction of a recipient of this hop.
    pub(crate) fn direction(&self, life: &'a Life, chained: bool, place: Place, address: Address<'_>, original: Address<'_>) -> Direction {
        let root = if chained { self.root(life) } else { life };
        self.direction_from(life, root, chained, place, address, original)
    }

    fn direction_from(
        &self,
        life: &'a Life,
        root: &Life,
        chained: bool,
        place: Place,
        address: Address<'_>,
        original: Address<'_>,
    ) -> Direction {
        let learned = &self.streams.get(life.stream).learned;
        let here = place == Place::Here || ours::is_domain(self.config, learned, address.domain);
        if !here && place == Place::Unknown {
            return Direction::Unknown;
        }
        match (self.source(root), here) {
            (Source::Ours, true) => Direction::Local,
            (Source::Ours, false) => Direction::Outbound,
            (Source::Outside, true) => Direction::Inbound,
            (Source::Outside, false) => {
                let aliased = !original.is_unknown() && original.domain != address.domain;
                let forwarded = chained
                    && self.upstream(life, address, original).is_some_and(|(former, recipient)| {
                        let first = former.address(recipient);
                        first.domain != address.domain && recipient.place == Place::Here
                    });
                if aliased || forwarded { Direction::Forwarded } else { Direction::Unknown }
            }
            (Source::Unknown, _) => Direction::Unknown,
        }
    }

    /// Which mail it is.
    pub(crate) fn population(&self, life: &Life) -> Population {
        if life.flags.has(Flags::PROBE) {
            return Population::Probe;
        }
        let sender = life.sender();
        if sender.is_null() || sender.local == "double-bounce" || life.flags.has(Flags::NOTIFICATION) {
            return Population::Notification;
        }
        let own = |each: &String| each.split_once('@').is_some_and(|(local, domain)| local == sender.local && domain == sender.domain);
        if !self.config.own_senders.is_empty() && self.config.own_senders.iter().any(own) { Population::Own } else { Population::Ordinary }
    }

    /// The row of a message.
    pub(crate) fn message(&self, life: &'a Life) -> MessageRow<'a> {
        let root = self.root(life);
        MessageRow {
            id: life.id,
            rev: life.told.rev,
            time: life.opened,
            stream: &self.streams.get(life.stream).stream,
            queue_id: life.texts.get(life.queue_id),
            message_id: life.texts.get(life.message_id),
            sender: life.sender(),
            size: life.size,
            recipients: life.expected,
            client_name: life.texts.get(life.client_name),
            client_ip: life.texts.get(life.client_ip),
            sasl_user: life.texts.get(life.sasl_user),
            service: life.texts.get(life.service),
            direction: self.message_direction(life),
            population: self.population(life),
            removed: life.removed,
            chain: root.id,
            previous_hop: life.previous_id,
            next_hop: life.child_id,
            bounce_of: life.bounce_of,
            lines: &life.lines,
        }
    }

    /// The row of a message as it was told last, `row` being the one that replaces it.
    pub(crate) fn told_message<'b>(&self, life: &'b Life, row: &MessageRow<'b>) -> Option<MessageRow<'b>> {
        (life.told.rev > 0).then(|| life.told.row(life, row))
    }

    /// The direction of a message: of its recipients, or of those of the hop that they went to.
    pub(crate) fn message_direction(&self, life: &Life) -> Direction {
        let mut life = life;
        for _ in 0..MOST_HOPS {
            let direction = life.direction();
            if direction != Direction::Unknown {
                return direction;
            }
            let Some(next) = life.child.and_then(|at| self.lives.get(at)) else { break };
            life = next;
        }
        Direction::Unknown
    }

    /// The row of an outcome. `chained` says whether the hops before are taken in, or this one stands alone.
    pub(crate) fn outcome(
        &self,
        life: &'a Life,
        place: usize,
        last: LastView<'a>,
        chained: bool,
        state: (Outcome, Time),
    ) -> OutcomeRow<'a> {
        let recipient = &life.recipients[place];
        let root = if chained { self.root(life) } else { life };
        let (address, original) = (life.address(recipient), life.original(recipient));
        let mut sums = Sums::of(recipient);
        let mut first_address = original;
        let mut at = life;
        let (mut known, mut known_before) = (address, original);
        for _ in 0..if chained { MOST_HOPS } else { 0 } {
            let Some((former, brought)) = self.upstream(at, known, known_before) else { break };
            sums.add(brought);
            (known, known_before) = (former.address(brought), former.original(brought));
            if !known_before.is_unknown() {
                first_address = known_before;
            } else if known != address {
                first_address = known;
            }
            at = former;
        }
        let (outcome, time) = state;
        // Of a message with one hop the attempt that ended it knows the delay better than two times of whole seconds.
        let exact = last.delay_ms.filter(|_| root.id == life.id && recipient.latest == Some(time)).map(u64::from);
        let delay = exact.or_else(|| u64::try_from((time.0 - root.opened.0) / 1000).ok());
        let message_id = if root.message_id.is_empty() { life.texts.get(life.message_id) } else { root.texts.get(root.message_id) };
        OutcomeRow {
            id: id::derived(life.id, OUTCOME, place as u32),
            rev: recipient.told,
            time,
            arrived: root.opened,
            stream: &self.streams.get(root.stream).stream,
            message: root.id,
            last_message: life.id,
            queue_id: root.texts.get(root.queue_id),
            last_queue_id: life.texts.get(life.queue_id),
            message_id,
            sender: root.sender(),
            recipient: address,
            orig_recipient: if first_address == address { Address::default() } else { first_address },
            sasl_user: root.texts.get(root.sasl_user),
            client_ip: root.texts.get(root.client_ip),
            direction: self.direction(life, chained, recipient.place, address, original),
            population: self.population(root),
            handed_to: recipient.handed_to,
            outcome,
            attempts: sums.attempts,
            deferrals: sums.deferrals,
            greylisted: sums.greylisted,
            first_attempt: sums.first,
            last_attempt: recipient.latest.or(sums.latest),
            reply_code: last.reply_code,
            enhanced_code: last.enhanced,
            reply_text: last.text,
            relay_host: last.relay_host,
            relay_ip: last.relay_ip,
            provider: last.provider,
            reason: last.reason,
            scope: last.scope,
            fault: last.fault,
            permanent: last.permanent,
            size: life.size.or(root.size),
            delay_ms: delay,
            note: note::text(recipient.note),
        }
    }

    /// The state of a recipient if the input ended here; `None` when its outcome is that of the next hop, or was told.
    pub(crate) fn open_state(&self, life: &Life, place: usize) -> Option<(Outcome, u8)> {
        let recipient = &life.recipients[place];
        let closed = life.flags.has(Flags::CLOSED);
        match recipient.state {
            State::Final => (recipient.told == 0).then_some((recipient.outcome, recipient.note)),
            State::Hop => match recipient.next {
                Some(next) if self.covers(next, life, place) => None,
                Some(_) => Some((Outcome::Queued, note::NONE)),
                None if recipient.last.as_ref().is_some_and(|last| last.filter) => Some((Outcome::Unknown, note::FILTER)),
                None => Some((recipient.outcome, note::NONE)),
            },
            State::Deferred | State::Waiting if closed => Some((Outcome::Unknown, note::LOST_LINE)),
            State::Deferred | State::Waiting if life.flags.has(Flags::HELD) => Some((Outcome::Held, note::NONE)),
            State::Deferred | State::Waiting => Some((Outcome::Queued, note::NONE)),
        }
    }

    /// Whether the next hop speaks of this recipient itself.
    pub(crate) fn covers(&self, next: LifeRef, life: &Life, place: usize) -> bool {
        let Some(next) = self.lives.get(next) else { return true };
        let address = life.address(&life.recipients[place]);
        if next.find(address).is_some() || next.recipients.len() >= life.recipients.len() {
            return true;
        }
        if next.recipients.iter().take(FEW).any(|each| next.address(each) == address || next.original(each) == address) {
            return true;
        }
        // Rewritten on the way: as many recipients there as were sent, so one of them is this one.
        let is_next = |at: LifeRef| self.lives.get(at).is_some_and(|each| each.id == next.id);
        let sent = life.recipients.iter().filter(|each| each.next.is_some_and(is_next)).count();
        next.recipients.len() >= sent.max(1)
    }
}

/// Attempts of a recipient over its hops. Being handed on inside is no attempt at a destination, so it is left out.
struct Sums {
    attempts: u32,
    deferrals: u32,
    greylisted: u32,
    first: Option<Time>,
    latest: Option<Time>,
}

impl Sums {
    fn of(recipient: &Recipient) -> Self {
        Sums {
            attempts: recipient.attempts,
            deferrals: recipient.deferrals,
            greylisted: recipient.greylisted,
            first: recipient.first,
            latest: recipient.latest,
        }
    }

    /// A hop before: its tries that failed count, the one that handed the mail on does not.
    fn add(&mut self, former: &Recipient) {
        let failed = former.deferrals;
        self.attempts = self.attempts.saturating_add(failed);
        self.deferrals = self.deferrals.saturating_add(former.deferrals);
        self.greylisted = self.greylisted.saturating_add(former.greylisted);
        if failed > 0 || self.first.is_none() {
            self.first = match (self.first, former.first) {
                (Some(here), Some(there)) => Some(here.min(there)),
                (here, there) => here.or(there),
            };
        }
        self.latest = self.latest.max(former.latest);
    }
}
