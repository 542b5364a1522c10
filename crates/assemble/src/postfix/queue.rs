//! Lines of the queue: cleanup, the queue manager, delivery agents, notifications, the administrator's commands.

use mailvane_model::Sink;
use mailvane_model::word::Outcome;
use mailvane_parse::mta::postfix::{Daemon, Delivery, DeliveryStatus, Line};

use crate::assembler::{Assembler, Here};
use crate::attempt::{Ended, Try};
use crate::life::{Flags, Life, LifeRef, QueueKey, State};
use crate::timer::Alarm;

/// Sets the sender of a life, once.
pub(crate) fn set_sender<'a>(life: &mut Life, here: Here<'a>, sender: &'a [u8]) {
    if life.flags.has(Flags::SENDER) {
        return;
    }
    life.forget_told();
    let mailbox = here.mailbox(sender, true);
    life.sender_local = life.texts.add(mailbox.address().local);
    life.sender_domain = life.texts.add(mailbox.address().domain);
    life.flags.set(Flags::SENDER);
}

impl Assembler {
    /// `message-id=<...>`
    pub(crate) fn message_id(&mut self, here: Here, queue_id: Option<&[u8]>, id: &[u8], resent: bool, sink: &mut impl Sink) {
        let Some(queue_id) = queue_id else { return };
        let at = match self.known(here, queue_id, sink) {
            Some(at) => at,
            None => {
                // Nobody opened it: a forward or a notification of ours, or the opening line was lost.
                let at = self.create(here, queue_id, 0, sink);
                self.await_former(at, here.time);
                at
            }
        };
        let Some(life) = self.lives.get_mut(at) else { return };
        if life.message_id.is_empty() || resent {
            life.forget_told();
            life.message_id = life.texts.add(&here.text(id));
        }
        self.appeared(at, sink);
    }

    /// `from=<>, size=N, nrcpt=N (queue active)`
    pub(crate) fn active(&mut self, here: Here, queue_id: Option<&[u8]>, sender: &[u8], size: u64, nrcpt: u32, sink: &mut impl Sink) {
        let Some(queue_id) = queue_id else { return };
        let at = self.known_or_new(here, queue_id, sink);
        let Some(life) = self.lives.get_mut(at) else { return };
        if !life.flags.has(Flags::ACTIVE) {
            // Pickup writes the sender without its domain; what the queue manager writes is the envelope.
            life.flags.clear(Flags::SENDER);
        }
        set_sender(life, here, sender);
        if life.size != Some(size) {
            life.forget_told();
        }
        life.size = Some(size);
        // Later activations count only the recipients that are still open.
        life.expected = life.expected.max(Some(nrcpt));
        let is_entry = life.flags.has(Flags::LINKABLE) && !life.flags.has(Flags::ACTIVE) && life.previous.is_none();
        life.flags.set(Flags::ACTIVE);
        life.flags.clear(Flags::HELD);
        if here.pid.is_some() {
            let state = self.streams.get_mut(here.stream);
            state.dirty |= state.manager != here.pid;
            state.manager = here.pid;
        }
        if is_entry {
            self.entered(at, sink);
        }
    }

    /// qmgr: `removed`
    pub(crate) fn removed(&mut self, here: Here, queue_id: Option<&[u8]>, sink: &mut impl Sink) {
        let Some(at) = queue_id.and_then(|queue_id| self.known(here, queue_id, sink)) else {
            self.counts.strays += 1;
            return;
        };
        // Where the head lost the name of the program, postsuper is known by its process: it is not the queue manager,
        // and recipients were still waiting.
        let manager = self.streams.get(here.stream).manager;
        let by_other = here.pid.is_some() && manager.is_some() && here.pid != manager;
        if by_other && self.lives.get(at).is_some_and(|life| life.open > 0) {
            return self.deleted(at, here, sink);
        }
        self.close(at, here.time, sink);
    }

    /// cleanup: `canceled`
    pub(crate) fn canceled(&mut self, here: Here, queue_id: Option<&[u8]>, sink: &mut impl Sink) {
        let Some(at) = queue_id.and_then(|queue_id| self.known(here, queue_id, sink)) else { return };
        if self.lives.get(at).is_some_and(|life| !life.flags.has(Flags::ACTIVE) && life.recipients.is_empty()) {
            self.await_late(at, here.time);
            if let Some(life) = self.lives.get_mut(at) {
                life.flags.set(Flags::CANCELED);
            }
        }
    }

    /// A delivery attempt, or the answer to an address probe.
    pub(crate) fn delivery(&mut self, here: Here, line: &Line<'_>, delivery: &Delivery<'_>, sink: &mut impl Sink) {
        let Some(queue_id) = line.queue_id else { return };
        let at = self.known_or_new(here, queue_id, sink);
        let ended = match delivery.status {
            DeliveryStatus::Sent => Ended::Accepted,
            DeliveryStatus::Deferred | DeliveryStatus::SoftBounce => Ended::Deferred,
            DeliveryStatus::Bounced => Ended::Bounced,
            DeliveryStatus::Expired | DeliveryStatus::ForceExpired => Ended::Expired,
            DeliveryStatus::Deliverable | DeliveryStatus::Undeliverable | DeliveryStatus::Other => {
                if let Some(life) = self.lives.get_mut(at) {
                    life.flags.set(Flags::PROBE);
                }
                return;
            }
        };
        let line = Try {
            to: delivery.to,
            original: delivery.orig_to,
            agent: agent(line.daemon),
            relay_host: delivery.relay.name,
            relay_ip: delivery.relay.ip,
            tls_peer: delivery.relay.ip,
            relay_port: delivery.relay.port,
            reused: delivery.conn_use > 1,
            delay_ms: delivery.delay_ms,
            delays_ms: delivery.delays_ms,
            tls: delivery.tls,
            tls_version: "",
            tls_cipher: b"",
            enhanced: delivery.dsn,
            ended,
            text: delivery.text,
            ..Try::default()
        };
        self.attempt(at, here, &line, sink);
    }

    /// qmgr: `status=expired, returned to sender`. Its recipients that were still waiting are expired; the line names none.
    pub(crate) fn expired(&mut self, here: Here, queue_id: Option<&[u8]>, _forced: bool, sink: &mut impl Sink) {
        let Some(queue_id) = queue_id else { return };
        let at = self.known_or_new(here, queue_id, sink);
        if let Some(life) = self.lives.get_mut(at) {
            life.flags.set(Flags::EXPIRED);
        }
        self.end_open(at, Outcome::Expired, here, sink);
    }

    /// Every recipient that is not final gets this outcome; what its last attempt said is kept.
    pub(crate) fn end_open(&mut self, at: LifeRef, outcome: Outcome, here: Here, sink: &mut impl Sink) {
        let Some(life) = self.lives.get(at) else { return };
        let open = |place: &usize| matches!(life.recipients[*place].state, State::Waiting | State::Deferred);
        let places: Vec<usize> = (0..life.recipients.len()).filter(open).collect();
        for place in places {
            let Some(life) = self.lives.get_mut(at) else { return };
            life.settle(place, State::Final);
            (life.recipients[place].outcome, life.recipients[place].ended) = (outcome, here.time);
            self.tell(at, place, sink);
        }
    }

    /// bounce: `sender non-delivery notification: NEWID`. The lines of NEWID come before it (to Postfix 3.10) or after it.
    pub(crate) fn notification(&mut self, here: Here, queue_id: Option<&[u8]>, new_queue_id: &[u8], sink: &mut impl Sink) {
        let Some(queue_id) = queue_id else { return };
        if new_queue_id.is_empty() {
            return;
        }
        let cause = self.known_or_new(here, queue_id, sink);
        let Some(life) = self.lives.get_mut(cause) else { return };
        life.flags.clear(Flags::BOUNCED);
        let cause_id = life.id;
        let at = match self.known(here, new_queue_id, sink) {
            Some(at) => at,
            None => self.create(here, new_queue_id, 1, sink),
        };
        let Some(life) = self.lives.get_mut(at) else { return };
        life.forget_told();
        life.bounce_of = cause_id;
        life.flags.set(Flags::NOTIFICATION | Flags::RETELL);
        self.settled_origin(at, sink);
    }

    /// postsuper deleted it.
    pub(crate) fn admin_removed(&mut self, here: Here, queue_id: Option<&[u8]>, sink: &mut impl Sink) {
        let Some(at) = queue_id.and_then(|queue_id| self.known(here, queue_id, sink)) else {
            self.counts.strays += 1;
            return;
        };
        self.deleted(at, here, sink);
    }

    /// An administrator deleted it: what was not final will not be.
    fn deleted(&mut self, at: LifeRef, here: Here, sink: &mut impl Sink) {
        if let Some(life) = self.lives.get_mut(at) {
            life.flags.set(Flags::DELETED);
        }
        self.end_open(at, Outcome::Deleted, here, sink);
        self.close(at, here.time, sink);
    }

    /// postsuper requeued it: it goes on under a new id, which pickup names.
    pub(crate) fn admin_requeued(&mut self, here: Here, queue_id: Option<&[u8]>, sink: &mut impl Sink) {
        let Some(at) = queue_id.and_then(|queue_id| self.known(here, queue_id, sink)) else { return };
        let Some(life) = self.lives.get_mut(at) else { return };
        life.flags.set(Flags::REQUEUED);
        for place in 0..life.recipients.len() {
            if matches!(life.recipients[place].state, State::Waiting | State::Deferred) {
                life.settle(place, State::Hop);
                (life.recipients[place].outcome, life.recipients[place].ended) = (Outcome::Unknown, here.time);
                // It waits for its new id, whatever it was refused by.
                if let Some(last) = &mut life.recipients[place].last {
                    last.filter = false;
                }
            }
        }
        self.timers.set(Alarm::Hop, here.time, at);
        self.close(at, here.time, sink);
    }

    /// postsuper put it on hold, or released it.
    pub(crate) fn admin_held(&mut self, here: Here, queue_id: Option<&[u8]>, held: bool, sink: &mut impl Sink) {
        let Some(at) = queue_id.and_then(|queue_id| self.known(here, queue_id, sink)) else { return };
        if let Some(life) = self.lives.get_mut(at) {
            if held {
                life.flags.set(Flags::HELD);
            } else {
                life.flags.clear(Flags::HELD);
            }
        }
    }

    /// A requeued message appears under its new id.
    pub(crate) fn requeued_as(&mut self, at: LifeRef, here: Here, former: &[u8], sink: &mut impl Sink) {
        let Some(former) = self.lives.by_key(&QueueKey::of(here.stream, former)) else { return };
        if !self.link(former, at) {
            return;
        }
        let Some(life) = self.lives.get_mut(former) else { return };
        life.flags.set(Flags::REQUEUED);
        let was_deferred = life.flags.has(Flags::DEFERRED);
        for place in 0..life.recipients.len() {
            if life.recipients[place].state != State::Final && life.recipients[place].next.is_none() {
                life.settle(place, State::Hop);
                life.recipients[place].next = Some(at);
                life.mark(place);
            }
        }
        if let Some(life) = self.lives.get_mut(at).filter(|_| was_deferred) {
            // It is the same message: its first deferral was.
            life.flags.set(Flags::DEFERRED);
        }
        self.settled_origin(at, sink);
        self.close(former, here.time, sink);
        self.try_end(former, false, sink);
    }
}

fn agent(daemon: Daemon) -> crate::relay::Agent {
    use crate::relay::Agent;
    match daemon {
        Daemon::Smtp => Agent::Smtp,
        Daemon::Lmtp => Agent::Lmtp,
        Daemon::Local => Agent::Local,
        Daemon::Virtual => Agent::Virtual,
        Daemon::Pipe => Agent::Pipe,
        Daemon::Error => Agent::Error,
        Daemon::Discard => Agent::Discard,
        _ => Agent::Other,
    }
}
