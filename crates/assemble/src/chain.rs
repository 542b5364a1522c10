//! Hops joined into chains: by the queue id that the next hop gave, by XFORWARD, by requeueing.

use ahash::AHashMap;

use mailvane_model::{Sink, Time, hash};

use crate::assembler::Assembler;
use crate::config;
use crate::life::{Flags, LifeRef, QueueKey, State};
use crate::outcome::MOST_HOPS;
use crate::relay;
use crate::timer::Alarm;

/// Deliveries that wait for a life of a queue id that has not been seen yet, and what may be joined by message-id.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    by_queue_id: AHashMap<Box<str>, Vec<(LifeRef, u32)>>,
    /// Deliveries to filters that named no queue id, by machine and message-id.
    nameless: AHashMap<u64, Vec<(LifeRef, u32)>>,
    /// Messages that may have come back from such a filter, by machine and message-id.
    entries: AHashMap<u64, LifeRef>,
}

impl Waiting {
    /// Whether nobody waits.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.by_queue_id.is_empty()
    }

    /// A recipient waits for a queue id.
    pub(crate) fn add(&mut self, queue_id: &str, at: LifeRef, place: usize) {
        self.by_queue_id.entry(queue_id.into()).or_default().push((at, place as u32));
    }

    /// Who waits for a queue id.
    fn of(&self, queue_id: &str) -> Option<&[(LifeRef, u32)]> {
        self.by_queue_id.get(queue_id).map(Vec::as_slice)
    }

    /// Nobody waits for it any more.
    fn remove(&mut self, queue_id: &str, at: LifeRef, place: u32) {
        if let Some(list) = self.by_queue_id.get_mut(queue_id) {
            list.retain(|each| *each != (at, place));
            if list.is_empty() {
                self.by_queue_id.remove(queue_id);
            }
        }
    }

    /// Forgets those whose life has ended.
    pub(crate) fn sweep(&mut self, is_open: impl Fn(LifeRef) -> bool) {
        self.by_queue_id.retain(|_, list| {
            list.retain(|(at, _)| is_open(*at));
            !list.is_empty()
        });
        self.nameless.retain(|_, list| {
            list.retain(|(at, _)| is_open(*at));
            !list.is_empty()
        });
        self.entries.retain(|_, at| is_open(*at));
    }

    /// How many queue ids are waited for.
    pub(crate) fn len(&self) -> usize {
        self.by_queue_id.len() + self.nameless.len() + self.entries.len()
    }
}

impl Assembler {
    /// A delivery was a hop: its next life is looked for, now and when it appears.
    pub(crate) fn seek_next(&mut self, at: LifeRef, place: usize, sink: &mut impl Sink) {
        let Some(life) = self.lives.get(at) else { return };
        let recipient = &life.recipients[place];
        let (filter, time) = (recipient.last.as_ref().is_some_and(|last| last.filter), recipient.ended);
        let queue_id = recipient.last.as_ref().map_or("", |last| last.next_queue_id());
        let (child, probable) = match (queue_id.is_empty(), life.child) {
            (true, None) => (self.probable(at, time), true),
            (true, child) => (child, false),
            (false, _) => (self.next_by_id(at, queue_id, time), false),
        };
        if let Some(child) = child {
            self.counts.probable_links += u64::from(probable);
            self.bind(at, place, child, sink);
            return;
        }
        let Some(life) = self.lives.get(at) else { return };
        let queue_id = life.recipients[place].last.as_ref().map_or("", |last| last.next_queue_id());
        if !queue_id.is_empty() {
            self.waiting.add(queue_id, at, place);
        } else if let Some(key) = self.message_key(at) {
            self.waiting.nameless.entry(key).or_default().push((at, place as u32));
        }
        self.timers.set(if filter { Alarm::Filter } else { Alarm::Hop }, time, at);
    }

    /// The life that a reply names, among the streams where it can be.
    fn next_by_id(&self, at: LifeRef, queue_id: &str, time: Time) -> Option<LifeRef> {
        let stream = self.lives.get(at)?.stream;
        let own = self.candidate(at, stream, queue_id, time);
        own.or_else(|| (0..self.streams.len()).filter(|each| *each != stream).find_map(|each| self.candidate(at, each, queue_id, time)))
    }

    fn candidate(&self, at: LifeRef, stream: u32, queue_id: &str, time: Time) -> Option<LifeRef> {
        let next = self.lives.by_key(&QueueKey::of(stream, queue_id.as_bytes()))?;
        self.fits(at, next, time).then_some(next)
    }

    /// The machine and the message-id of a life; `None` without a message-id.
    fn message_key(&self, at: LifeRef) -> Option<u64> {
        let life = self.lives.get(at).filter(|life| !life.message_id.is_empty())?;
        let machine = self.streams.get(life.stream).machine;
        Some(hash::words(&[u64::from(machine), hash::bytes(life.texts.get(life.message_id).as_bytes())]))
    }

    /// The message that came back from a filter which named no queue id: the last resort is the same message-id and sender on the
    /// same machine, not smaller, within the time a filter has.
    fn probable(&self, at: LifeRef, time: Time) -> Option<LifeRef> {
        let key = self.message_key(at)?;
        let next = *self.waiting.entries.get(&key)?;
        self.resembles(at, next, time).then_some(next)
    }

    fn resembles(&self, at: LifeRef, next: LifeRef, time: Time) -> bool {
        let (Some(life), Some(child)) = (self.lives.get(at), self.lives.get(next)) else { return false };
        let near = child.opened >= life.opened && child.opened.0 - time.0 <= config::FILTER_WAIT;
        let open = child.previous.is_none() || child.previous == Some(at);
        at != next && open && near && child.sender() == life.sender() && child.size >= life.size && !self.is_before(next, at)
    }

    /// Puts a restored life where it is found by its message-id.
    pub(crate) fn remember(&mut self, at: LifeRef) {
        let Some(life) = self.lives.get(at) else { return };
        let is_entry = life.flags.has(Flags::ENTERED);
        let is_requeued = life.flags.has(Flags::REQUEUED);
        let is_nameless = |place: &u32| {
            let recipient = &life.recipients[*place as usize];
            let nameless = recipient.last.as_ref().is_some_and(|last| last.next_queue_id().is_empty());
            recipient.state == State::Hop && recipient.next.is_none() && nameless && !is_requeued
        };
        let places: Vec<u32> = (0..life.recipients.len() as u32).filter(is_nameless).collect();
        if !is_entry && places.is_empty() {
            return;
        }
        let Some(key) = self.message_key(at) else { return };
        if is_entry {
            self.waiting.entries.insert(key, at);
        }
        if !places.is_empty() {
            self.waiting.nameless.entry(key).or_default().extend(places.into_iter().map(|place| (at, place)));
        }
    }

    /// A message that may have come back from a filter has its sender and size now.
    pub(crate) fn entered(&mut self, next: LifeRef, sink: &mut impl Sink) {
        let Some(key) = self.message_key(next) else { return };
        self.waiting.entries.insert(key, next);
        if let Some(life) = self.lives.get_mut(next) {
            life.flags.set(Flags::ENTERED);
        }
        let Some(list) = self.waiting.nameless.remove(&key) else { return };
        let mut rest = Vec::new();
        for (at, place) in list {
            let waits = self
                .lives
                .get(at)
                .and_then(|life| life.recipients.get(place as usize))
                .filter(|each| each.state == State::Hop && each.next.is_none());
            let Some(time) = waits.map(|recipient| recipient.ended) else { continue };
            if self.resembles(at, next, time) {
                self.counts.probable_links += 1;
                self.bind(at, place as usize, next, sink);
            } else {
                rest.push((at, place));
            }
        }
        if !rest.is_empty() {
            self.waiting.nameless.insert(key, rest);
        }
    }

    /// Whether a reply names a life of this stream that came from a host of ours, or from the relay itself: the relay was a hop,
    /// whatever its address.
    pub(crate) fn is_named_child(&mut self, at: LifeRef, relay_ip: &str, text: &str, time: Time) -> bool {
        let queue_id = relay::next_queue_id(text);
        let Some(life) = self.lives.get(at).filter(|_| !queue_id.is_empty()) else { return false };
        let stream = life.stream;
        let message_id = life.texts.get(life.message_id);
        let found = self.candidate(at, stream, queue_id, time).and_then(|next| self.lives.get(next));
        let Some(next) = found.filter(|next| next.texts.get(next.message_id) == message_id) else { return false };
        let came_back = next.texts.get(next.client_ip) == relay_ip;
        let is_hop = next.flags.has(Flags::UNCERTAIN) || came_back && !message_id.is_empty();
        if is_hop && came_back {
            self.streams.get_mut(stream).learned.address(relay_ip);
        }
        is_hop
    }

    /// Whether one life can have brought the other: not itself, no circle, near in time, no other message-id, and
    /// on another machine the same message-id for certain.
    fn fits(&self, at: LifeRef, next: LifeRef, time: Time) -> bool {
        let (Some(life), Some(child)) = (self.lives.get(at), self.lives.get(next)) else { return false };
        if at == next || child.previous.is_some_and(|previous| previous != at) || (child.opened.0 - time.0).abs() > config::LINK_WAIT {
            // A message that waited long in the filter's queue is older than the reply by that time.
            let waited = child.opened < time && child.opened >= life.opened;
            if at == next || child.previous.is_some_and(|previous| previous != at) || !waited {
                return false;
            }
        }
        let (mine, theirs) = (life.texts.get(life.message_id), child.texts.get(child.message_id));
        let same_machine = self.streams.get(life.stream).machine == self.streams.get(child.stream).machine;
        let conflict = !mine.is_empty() && !theirs.is_empty() && mine != theirs;
        let certain = same_machine || !mine.is_empty() && mine == theirs;
        !conflict && certain && !self.is_before(next, at)
    }

    /// Whether `first` is among the hops before `later`.
    fn is_before(&self, first: LifeRef, later: LifeRef) -> bool {
        let mut at = Some(later);
        for _ in 0..MOST_HOPS {
            match at {
                Some(here) if here == first => return true,
                Some(here) => at = self.lives.get(here).and_then(|life| life.previous),
                None => return false,
            }
        }
        true
    }

    /// A life appeared (or its message-id did): whoever waited for its queue id is joined to it.
    pub(crate) fn appeared(&mut self, next: LifeRef, sink: &mut impl Sink) {
        if self.waiting.is_empty() {
            return;
        }
        let Some(life) = self.lives.get(next) else { return };
        let queue_id = life.texts.get(life.queue_id).to_owned();
        let Some(list) = self.waiting.of(&queue_id).map(<[_]>::to_vec) else { return };
        for (at, place) in list {
            let time = self.lives.get(at).and_then(|life| life.recipients.get(place as usize)).map(|recipient| recipient.ended);
            let Some(time) = time else {
                self.waiting.remove(&queue_id, at, place);
                continue;
            };
            if self.fits(at, next, time) {
                self.waiting.remove(&queue_id, at, place);
                self.bind(at, place as usize, next, sink);
            }
        }
    }

    /// Joins two lives: `next` came from `at`.
    pub(crate) fn link(&mut self, at: LifeRef, next: LifeRef) -> bool {
        let Some(child) = self.lives.get(next) else { return false };
        if child.previous == Some(at) {
            return true;
        }
        if child.previous.is_some() || self.is_before(next, at) {
            return false;
        }
        let child_id = child.id;
        let Some(life) = self.lives.get_mut(at) else { return false };
        life.held_by += 1;
        if life.child_id == 0 {
            (life.child, life.child_id) = (Some(next), child_id);
        }
        life.flags.set(Flags::RETELL);
        let life_id = life.id;
        if let Some(child) = self.lives.get_mut(next) {
            child.previous = Some(at);
            child.previous_id = life_id;
            child.flags.set(Flags::RETELL);
        }
        self.lives.touch(at);
        self.lives.touch(next);
        self.counts.links += 1;
        true
    }

    /// A recipient's delivery brought the life `next`: its outcome is told there.
    pub(crate) fn bind(&mut self, at: LifeRef, place: usize, next: LifeRef, sink: &mut impl Sink) {
        if !self.link(at, next) {
            return;
        }
        let Some(life) = self.lives.get_mut(at) else { return };
        life.recipients[place].next = Some(next);
        life.mark(place);
        // As long as deliveries of the former hop are missing, only those recipients are told whose delivery is known.
        let few = (life.recipients.len() as u64) < u64::from(life.expected.unwrap_or(0));
        if few || life.open > 0 && !life.flags.has(Flags::CLOSED) {
            self.tell_brought(at, place, next, sink);
        } else {
            self.settled_origin(next, sink);
        }
        self.try_end(at, false, sink);
    }

    /// Tells the recipients of a later hop whose delivery by the former one is this.
    fn tell_brought(&mut self, at: LifeRef, place: usize, next: LifeRef, sink: &mut impl Sink) {
        /// With more recipients than this an alias expanded on the way waits until all deliveries are known.
        const FEW: usize = 64;
        let (Some(parent), Some(life)) = (self.lives.get(at), self.lives.get(next)) else { return };
        let address = parent.address(&parent.recipients[place]);
        let ready = |place: &usize| {
            let recipient = &life.recipients[*place];
            recipient.state == State::Final
                && !recipient.chained
                && (life.address(recipient) == address || life.original(recipient) == address)
        };
        let places: Vec<usize> = if life.recipients.len() <= FEW {
            (0..life.recipients.len()).filter(ready).collect()
        } else {
            life.find(address).filter(ready).into_iter().collect()
        };
        for place in places {
            self.tell_or_revise(next, place, sink);
        }
    }

    fn tell_or_revise(&mut self, at: LifeRef, place: usize, sink: &mut impl Sink) {
        let Some(life) = self.lives.get(at) else { return };
        let recipient = &life.recipients[place];
        match (life.flags.has(Flags::PROBE), recipient.told > 0) {
            (true, _) => {}
            (false, true) if recipient.chained || recipient.forgotten => {}
            (false, true) => self.revise(at, place, sink),
            (false, false) => self.tell(at, place, sink),
        }
    }

    /// It is known now where a life came from: what waited for that is told, what was told already is told anew.
    pub(crate) fn settled_origin(&mut self, at: LifeRef, sink: &mut impl Sink) {
        let Some(life) = self.lives.get_mut(at) else { return };
        life.flags.clear(Flags::UNCERTAIN | Flags::LINKABLE);
        let linked = life.previous.is_some();
        let places: Vec<usize> = (0..life.recipients.len())
            .filter(|place| life.recipients[*place].state == State::Final && (linked || life.recipients[*place].told == 0))
            .collect();
        self.lives.touch(at);
        for place in places {
            self.tell_or_revise(at, place, sink);
        }
        if self.lives.get(at).is_some_and(|life| life.flags.has(Flags::CLOSED) && self.is_telling(life)) {
            self.tell_message(at, sink);
        }
        self.try_end(at, false, sink);
    }
}
