//! How lives end, and how messages and outcomes are told.

use mailvane_model::word::{Direction, Outcome};
use mailvane_model::{Sink, Time};

use crate::assembler::Assembler;
use crate::life::{Flags, Last, LastView, Life, LifeRef, State};
use crate::outcome::note;
use crate::timer::Alarm;
use crate::told::Told;

/// Whether a life is a message that was accepted: it reached the queue, or somebody spoke of its recipients.
pub(crate) fn is_message(life: &Life) -> bool {
    !life.flags.has(Flags::REJECTED)
        && (life.flags.has(Flags::ACTIVE | Flags::HELD | Flags::DISCARDED | Flags::NOTIFICATION) || !life.recipients.is_empty())
}

impl Assembler {
    /// A timer rang that was set to `due`.
    pub(crate) fn ring(&mut self, alarm: Alarm, due: Time, at: LifeRef, sink: &mut impl Sink) {
        let Some(life) = self.lives.get_mut(at) else { return };
        match alarm {
            Alarm::Quiet if may_be_over(life) => {
                let seen = life.seen;
                if seen.plus(alarm.wait()) <= due {
                    self.close(at, seen, sink);
                } else {
                    self.timers.set(Alarm::Quiet, seen, at);
                }
            }
            Alarm::Announce if life.opened.plus(alarm.wait()) == due => self.announce(at, sink),
            Alarm::Late if life.late == Some(due) => {
                life.late = None;
                if is_abandoned(life) && (life.message_id.is_empty() || life.flags.has(Flags::CANCELED)) {
                    self.drop_life(at);
                } else {
                    self.try_end(at, true, sink);
                }
                self.lives.touch(at);
            }
            Alarm::Link if life.link == Some(due) => {
                life.link = None;
                life.flags.clear(Flags::LINKABLE);
                self.lives.touch(at);
                self.try_end(at, true, sink);
            }
            Alarm::Hop | Alarm::Filter => self.resolve_hops(at, alarm, due, sink),
            Alarm::Abandon if is_abandoned(life) => self.drop_life(at),
            _ => {}
        }
    }

    /// A message was opened a while ago.
    fn announce(&mut self, at: LifeRef, sink: &mut impl Sink) {
        let Some(life) = self.lives.get_mut(at) else { return };
        let (flags, opened) = (life.flags, life.opened);
        life.flags.clear(Flags::UNCERTAIN);
        if !flags.has(Flags::ACTIVE | Flags::CLOSED) {
            self.timers.set(Alarm::Abandon, opened, at);
        }
        if flags.has(Flags::UNCERTAIN) {
            self.lives.touch(at);
            self.tell_waiting(at, sink);
        }
        if self.lives.get(at).is_some_and(|life| self.is_telling(life)) {
            self.tell_message(at, sink);
        }
        self.try_end(at, false, sink);
    }

    /// Hops that waited long enough for their next one are final.
    fn resolve_hops(&mut self, at: LifeRef, alarm: Alarm, due: Time, sink: &mut impl Sink) {
        let filter = alarm == Alarm::Filter;
        let Some(life) = self.lives.get(at) else { return };
        let waited = |place: &usize| {
            let recipient = &life.recipients[*place];
            recipient.state == State::Hop
                && recipient.next.is_none()
                && recipient.last.as_ref().is_some_and(|last| last.filter) == filter
                && recipient.ended.plus(alarm.wait()) <= due
        };
        let places: Vec<usize> = (0..life.recipients.len()).filter(waited).collect();
        if places.is_empty() {
            return;
        }
        for place in places {
            let Some(life) = self.lives.get_mut(at) else { return };
            life.settle(place, State::Final);
            let recipient = &mut life.recipients[place];
            if filter {
                (recipient.outcome, recipient.note) = (Outcome::Unknown, note::FILTER);
            }
            self.lives.touch(at);
            self.tell(at, place, sink);
        }
        self.try_end(at, true, sink);
    }

    /// The message left the queue.
    pub(crate) fn close(&mut self, at: LifeRef, time: Time, sink: &mut impl Sink) {
        let Some(life) = self.lives.get_mut(at) else { return };
        if life.flags.has(Flags::CLOSED) {
            return;
        }
        life.flags.set(Flags::CLOSED | Flags::RETELL);
        life.flags.clear(Flags::HELD);
        life.removed = Some(time);
        let waits = is_incomplete(life);
        // What was handed to a next hop has the direction that is found there.
        let wait_for_next = life.child.is_some() || life.hops > 0;
        let uncertain = wait_for_next || life.flags.has(Flags::UNCERTAIN);
        if waits {
            self.await_late(at, time);
        }
        if !uncertain && self.lives.get(at).is_some_and(is_message) {
            self.tell_message(at, sink);
        }
        self.try_end(at, false, sink);
    }

    /// Ends a life that left the queue, if nothing more can be said of it. `late`: lines out of order cannot come any more.
    pub(crate) fn try_end(&mut self, at: LifeRef, late: bool, sink: &mut impl Sink) {
        let Some(life) = self.lives.get(at) else { return };
        let flags = life.flags;
        if !flags.has(Flags::CLOSED) || flags.has(Flags::UNCERTAIN | Flags::LINKABLE) || life.held_by > 0 {
            return;
        }
        if !late && is_incomplete(life) {
            return;
        }
        if life.open + life.hops > 0 {
            if life.hops > 0 && life.recipients.iter().any(|recipient| recipient.state == State::Hop && recipient.next.is_none()) {
                return;
            }
            let note = if flags.has(Flags::LOST_END) { note::LOST_END } else { note::LOST_LINE };
            self.settle_lost(at, note, sink);
        }
        self.settle_unnamed(at, sink);
        self.end(at, sink);
    }

    /// Recipients whose last line is missing are unknown.
    fn settle_lost(&mut self, at: LifeRef, note: u8, sink: &mut impl Sink) {
        let Some(life) = self.lives.get(at) else { return };
        let open = |place: &usize| matches!(life.recipients[*place].state, State::Waiting | State::Deferred);
        let places: Vec<usize> = (0..life.recipients.len()).filter(open).collect();
        for place in places {
            let Some(life) = self.lives.get_mut(at) else { return };
            life.settle(place, State::Final);
            let ended = life.removed.unwrap_or(life.seen);
            let recipient = &mut life.recipients[place];
            (recipient.outcome, recipient.note, recipient.ended) = (Outcome::Unknown, note, ended);
            self.lives.touch(at);
            self.tell(at, place, sink);
        }
    }

    /// Recipients of whom no line ever spoke are unknown, with an unknown address: the queue manager counted them.
    fn settle_unnamed(&mut self, at: LifeRef, sink: &mut impl Sink) {
        let most = self.config.limits.recipients;
        let Some(life) = self.lives.get_mut(at) else { return };
        let unnamed = unnamed(life).min(most);
        for _ in 0..unnamed {
            let Some(life) = self.lives.get_mut(at) else { return };
            let place = life.add(Default::default(), Default::default());
            life.settle(place, State::Final);
            let ended = life.removed.unwrap_or(life.seen);
            let recipient = &mut life.recipients[place];
            (recipient.outcome, recipient.note, recipient.ended) = (Outcome::Unknown, note::LOST_LINE, ended);
            self.lives.touch(at);
            self.tell(at, place, sink);
        }
    }

    /// Gives a life up: whatever is open of it is unknown.
    pub(crate) fn give_up(&mut self, at: LifeRef, note: u8, sink: &mut impl Sink) {
        let Some(life) = self.lives.get_mut(at) else { return };
        life.flags.clear(Flags::UNCERTAIN | Flags::LINKABLE);
        let hops: Vec<usize> = (0..life.recipients.len())
            .filter(|place| life.recipients[*place].state == State::Hop && life.recipients[*place].next.is_none())
            .collect();
        for place in hops {
            life.settle(place, State::Deferred);
        }
        self.tell_waiting(at, sink);
        self.settle_lost(at, note, sink);
        self.end(at, sink);
    }

    /// The end of a life: its row as it is now, and what it means for the hop before it.
    fn end(&mut self, at: LifeRef, sink: &mut impl Sink) {
        if self.lives.get(at).is_some_and(|life| self.is_telling(life)) {
            self.tell_message(at, sink);
        }
        let Some((previous, directions)) = self.lives.get(at).map(|life| (life.previous, life.directions)) else { return };
        if let Some(previous) = previous {
            self.answer_for(at, previous, sink);
        }
        self.lives.remove(at);
        if let Some(previous) = previous
            && let Some(parent) = self.lives.get_mut(previous)
        {
            parent.directions |= directions;
            parent.held_by = parent.held_by.saturating_sub(1);
            self.lives.touch(previous);
            self.try_end(previous, true, sink);
        }
    }

    /// Recipients of the former hop of whom this one never spoke get their outcome here.
    fn answer_for(&mut self, at: LifeRef, previous: LifeRef, sink: &mut impl Sink) {
        let (Some(life), Some(parent)) = (self.lives.get(at), self.lives.get(previous)) else { return };
        let flags = life.flags;
        let view = self.view();
        let silent = |place: &usize| {
            let recipient = &parent.recipients[*place];
            recipient.state == State::Hop && recipient.next == Some(at) && !view.covers(at, parent, *place)
        };
        let places: Vec<usize> = (0..parent.recipients.len()).filter(silent).collect();
        let ended = life.removed.unwrap_or(life.seen);
        let outcome = if flags.has(Flags::DISCARDED) {
            Outcome::Discarded
        } else if flags.has(Flags::REJECTED) {
            Outcome::Rejected
        } else if flags.has(Flags::DELETED) {
            Outcome::Deleted
        } else if flags.has(Flags::EXPIRED) {
            Outcome::Expired
        } else {
            Outcome::Unknown
        };
        for place in places {
            let Some(parent) = self.lives.get_mut(previous) else { return };
            parent.settle(place, State::Final);
            let recipient = &mut parent.recipients[place];
            recipient.outcome = outcome;
            recipient.note = if outcome == Outcome::Unknown { note::NEXT_HOP } else { note::NONE };
            recipient.ended = ended;
            self.tell(previous, place, sink);
        }
    }

    /// Forgets a life of which nothing was told (a transaction that the client gave up).
    fn drop_life(&mut self, at: LifeRef) {
        if self.lives.get(at).is_some_and(|life| life.held_by == 0 && life.previous.is_none()) {
            self.lives.remove(at);
        }
    }

    /// Tells a message as it is now.
    pub(crate) fn tell_message(&mut self, at: LifeRef, sink: &mut impl Sink) {
        let Some(life) = self.lives.get(at) else { return };
        let row = self.view().message(life);
        let told = Told::of(life, &row);
        sink.message(&row, self.view().told_message(life, &row).as_ref());
        if let Some(life) = self.lives.get_mut(at) {
            life.told = told;
            life.flags.clear(Flags::RETELL);
        }
        self.lives.touch(at);
    }

    /// Tells the outcomes that waited until the former hop was known, or was known not to be.
    pub(crate) fn tell_waiting(&mut self, at: LifeRef, sink: &mut impl Sink) {
        let Some(life) = self.lives.get(at) else { return };
        if life.flags.has(Flags::PROBE) {
            return;
        }
        let waiting = |place: &usize| life.recipients[*place].state == State::Final && life.recipients[*place].told == 0;
        let places: Vec<usize> = (0..life.recipients.len()).filter(waiting).collect();
        for place in places {
            self.tell(at, place, sink);
        }
    }

    /// Tells the outcome of a recipient from what was kept of its last attempt.
    pub(crate) fn tell(&mut self, at: LifeRef, place: usize, sink: &mut impl Sink) {
        let Some(life) = self.lives.get(at) else { return };
        if life.flags.has(Flags::PROBE) || life.flags.has(Flags::UNCERTAIN) && !self.view().is_brought(life, place) {
            return;
        }
        let recipient = &life.recipients[place];
        let last = recipient.last.as_deref().map(Last::view).unwrap_or_default();
        let row = self.view().outcome(life, place, last, true, (recipient.outcome, recipient.ended));
        let direction = row.direction;
        sink.outcome(&row, None);
        self.told(at, place, direction);
    }

    /// Tells the outcome of a recipient whose last attempt stands in the line that is being read.
    #[inline]
    pub(crate) fn tell_now(&mut self, at: LifeRef, place: usize, last: LastView<'_>, sink: &mut impl Sink) {
        let Some(life) = self.lives.get(at) else { return };
        let recipient = &life.recipients[place];
        let row = self.view().outcome(life, place, last, true, (recipient.outcome, recipient.ended));
        let direction = row.direction;
        sink.outcome(&row, None);
        self.told(at, place, direction);
    }

    /// Tells an outcome again after the hop before it was found.
    pub(crate) fn revise(&mut self, at: LifeRef, place: usize, sink: &mut impl Sink) {
        let Some(life) = self.lives.get(at) else { return };
        let recipient = &life.recipients[place];
        let last = recipient.last.as_deref().map(Last::view).unwrap_or_default();
        let state = (recipient.outcome, recipient.ended);
        let mut former = self.view().outcome(life, place, last, false, state);
        former.rev = recipient.told.saturating_sub(1);
        former.direction = recipient.told_direction;
        let row = self.view().outcome(life, place, last, true, state);
        let direction = row.direction;
        sink.outcome(&row, Some(&former));
        self.told(at, place, direction);
    }

    fn told(&mut self, at: LifeRef, place: usize, direction: Direction) {
        if let Some(life) = self.lives.get_mut(at) {
            life.mark(place);
            life.recipients[place].told += 1;
            life.recipients[place].chained = life.previous.is_some();
            life.recipients[place].told_direction = direction;
        }
    }

    /// The outcomes of the recipients that no line named, if the input ended here.
    pub(crate) fn finish_unnamed(&self, life: &Life, sink: &mut impl Sink) {
        let missing = unnamed(life).min(self.config.limits.recipients);
        if missing == 0 {
            return;
        }
        let mut whole = life.clone();
        let ended = life.removed.unwrap_or(life.seen);
        for _ in 0..missing {
            let place = whole.add(Default::default(), Default::default());
            whole.recipients[place].note = note::LOST_LINE;
            let row = self.view().outcome(&whole, place, LastView::default(), true, (Outcome::Unknown, ended));
            sink.outcome(&row, None);
        }
    }

    /// The outcome of one recipient if the input ended here.
    pub(crate) fn finish_recipient(&self, life: &Life, place: usize, sink: &mut impl Sink) {
        let view = self.view();
        let Some((outcome, _)) = view.open_state(life, place) else { return };
        let recipient = &life.recipients[place];
        let last = recipient.last.as_deref().map(Last::view).unwrap_or_default();
        let time = if recipient.state == State::Final { recipient.ended } else { life.removed.unwrap_or(life.seen) };
        let mut row = view.outcome(life, place, last, true, (outcome, time));
        if let Some((_, note)) = view.open_state(life, place) {
            row.note = note::text(note);
        }
        sink.outcome(&row, None);
    }
}

/// Whether everything that is known of a message is final, though no line said that it left the queue.
pub(crate) fn may_be_over(life: &Life) -> bool {
    let is_whole = life.recipients.len() as u64 >= u64::from(life.expected.unwrap_or(0)).max(1);
    !life.flags.has(Flags::CLOSED) && life.open == 0 && is_whole
}

/// How many recipients of a message that left the queue no line ever named. Those of a later hop are answered for by the hop before it.
pub(crate) fn unnamed(life: &Life) -> usize {
    let decided = Flags::REJECTED | Flags::DISCARDED | Flags::DELETED | Flags::EXPIRED | Flags::REQUEUED | Flags::PROBE;
    if !life.flags.has(Flags::CLOSED) || !life.flags.has(Flags::ACTIVE) || life.flags.has(decided) || life.previous_id != 0 {
        return 0;
    }
    // Begun in the middle by a retry, which counts all recipients again: who is not named had an end before the log begins.
    if !life.flags.has(Flags::OPENED) && life.message_id.is_empty() {
        return 0;
    }
    // One address reached by two aliases is one recipient with two lines.
    let ended = |each: &crate::life::Recipient| each.attempts.saturating_sub(each.deferrals).max(u32::from(each.state == State::Final));
    let named: u64 = life.recipients.iter().map(|each| u64::from(ended(each).max(1))).sum();
    u64::from(life.expected.unwrap_or(0)).saturating_sub(named) as usize
}

/// Whether lines of a message that left the queue are missing, so that it waits for late ones.
fn is_incomplete(life: &Life) -> bool {
    let decided = life.flags.has(Flags::REJECTED | Flags::DISCARDED | Flags::DELETED | Flags::LOST_END | Flags::REQUEUED);
    let few = life.flags.has(Flags::ACTIVE) && (life.recipients.len() as u64) < u64::from(life.expected.unwrap_or(0));
    let unexplained = life.flags.has(Flags::ACTIVE)
        && !life.flags.has(Flags::OPENED | Flags::NOTIFICATION)
        && life.sender().is_null()
        && life.previous.is_none();
    let unnotified = life.flags.has(Flags::BOUNCED) && !life.sender().is_null();
    decided || life.open > 0 || few || unexplained || unnotified
}

/// Whether a transaction was begun and never finished.
pub(crate) fn is_abandoned(life: &Life) -> bool {
    !is_message(life) && !life.flags.has(Flags::CLOSED) && life.recipients.is_empty()
}
