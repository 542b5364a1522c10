//! Lines of a message's life: `from=` and `to=`.

use mailvane_model::Sink;
use mailvane_model::word::{Action, Outcome, Stage};
use mailvane_parse::mta::sendmail::{Delivery, Event, Line};

use crate::assembler::{Assembler, Here};
use crate::attempt::{Ended, Try};
use crate::inbound::{Arrival, Refusal};
use crate::life::{Flags, LifeRef};
use crate::network;
use crate::postfix::queue::set_sender;
use crate::relay::Agent;
use crate::text;

/// Daemons by which users submit mail, by the names that the usual configurations give them.
const SUBMISSION: &[&[u8]] = &[b"MSA", b"MSA-v4", b"MSA-v6", b"MSP", b"MSP-v4", b"MSP-v6", b"TLSMTA", b"MTASSL", b"MSAv6"];

/// What a result says of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    /// It was tried, and ended so.
    Tried(Ended),
    /// It waits in the queue, untried.
    Waits,
    /// It is kept from delivery.
    Held,
    /// The message was taken and thrown away.
    Discarded,
    /// The message was refused whole.
    Refused,
}

impl Assembler {
    /// `from=`: a transaction ended.
    pub(super) fn sendmail_from(&mut self, here: Here, line: &Line<'_>, sink: &mut impl Sink) {
        let Event::From { sender, size, nrcpts, message_id, daemon, relay, submitter, .. } = &line.event else { return };
        let Some(id) = line.queue_id else { return };
        let former = self.known(here, id, sink);
        let flags = former.and_then(|at| self.lives.get(at)).map(|life| life.flags).unwrap_or_default();
        if flags.has(Flags::CANCELED) && !flags.has(Flags::REJECTED) || *nrcpts == 0 || *size == 0 && message_id.is_empty() {
            // Given up, or refused to the last recipient: no message.
            return;
        }
        let at = match former {
            Some(at) if !flags.has(Flags::OPENED) || flags.has(Flags::REJECTED) => at,
            _ => self.begin(here, id, sink),
        };
        let user = here.pid.and_then(|pid| self.sessions.get((here.stream, pid)));
        let user = user
            .filter(|session| session.client_ip.as_bytes() == &*network::plain(relay.ip))
            .map(|session| session.user.clone())
            .unwrap_or_default();
        let Some(life) = self.lives.get_mut(at) else { return };
        life.forget_told();
        set_sender(life, here, sender);
        life.size = Some(*size);
        life.expected = life.expected.max(Some(*nrcpts));
        if life.message_id.is_empty() {
            life.message_id = life.texts.add(&text::lossy(message_id));
        }
        life.flags.set(Flags::ACTIVE);
        let service = text::lossy(daemon);
        let local = !submitter.is_empty() || relay.ip.is_empty();
        let arrival = Arrival { client: *relay, user: &user, service: &service, submission: SUBMISSION.contains(daemon), local };
        self.arrived(at, here, &arrival, sink);
        self.entered(at, sink);
    }

    /// `to=`: an attempt for each recipient of the list.
    pub(super) fn sendmail_delivery(&mut self, here: Here, id: Option<&[u8]>, delivery: &Delivery<'_>, sink: &mut impl Sink) {
        let Some(id) = id else { return };
        let at = self.known_or_new(here, id, sink);
        match said(delivery) {
            Said::Tried(ended) => {
                for (ordinal, to) in (0..).zip(delivery.to) {
                    let here = Here { repeat: ordinal, ..here };
                    self.sendmail_attempt(at, here, to, delivery, ended, sink);
                }
            }
            Said::Waits => self.await_recipients(at, here, delivery),
            Said::Held => {
                self.await_recipients(at, here, delivery);
                if let Some(life) = self.lives.get_mut(at) {
                    life.flags.set(Flags::HELD);
                }
            }
            Said::Discarded => self.end_whole(at, here, delivery, Outcome::Discarded, sink),
            Said::Refused => {
                let refusal =
                    Refusal { queue_id: id, stage: Stage::EndOfMessage, text: delivery.stat, action: Action::Reject, ..Refusal::default() };
                let told = self.lives.get(at).is_some_and(|life| life.flags.has(Flags::REJECTED));
                if !told {
                    self.refused(here, &refusal, sink);
                }
                self.end_whole(at, here, delivery, Outcome::Rejected, sink);
            }
        }
        self.settles(at);
    }

    /// The recipients of a line are known, and not tried.
    fn await_recipients(&mut self, at: LifeRef, here: Here, delivery: &Delivery<'_>) {
        let Some(life) = self.lives.get_mut(at) else { return };
        for to in delivery.to {
            let mailbox = here.mailbox(to, false);
            if life.find(mailbox.address()).is_none() {
                life.add(mailbox.address(), Default::default());
            }
        }
    }

    /// A message was refused or thrown away whole.
    fn end_whole(&mut self, at: LifeRef, here: Here, delivery: &Delivery<'_>, outcome: Outcome, sink: &mut impl Sink) {
        self.await_recipients(at, here, delivery);
        if let Some(life) = self.lives.get_mut(at) {
            life.flags.set(if outcome == Outcome::Rejected { Flags::REJECTED } else { Flags::DISCARDED });
        }
        self.keep_reply(at, &text::lossy(delivery.stat));
        self.end_open(at, outcome, here, sink);
        if !delivery.more {
            self.close(at, here.time, sink);
        }
    }

    fn sendmail_attempt(&mut self, at: LifeRef, here: Here, to: &[u8], delivery: &Delivery<'_>, ended: Ended, sink: &mut impl Sink) {
        // The address that gives the authority is the sender for mail from here; for mail that was expanded it is the alias.
        let controlling = here.mailbox(delivery.controlling, false);
        let is_sender = self.lives.get(at).is_some_and(|life| life.sender() == controlling.address());
        let original =
            (!delivery.controlling.is_empty() && !is_sender && agent(delivery, to) != Agent::Relay).then_some(delivery.controlling);
        let relay_ip = network::plain(delivery.relay.ip);
        let line = Try {
            to,
            original,
            agent: agent(delivery, to),
            relay_host: delivery.relay.name,
            relay_ip: &relay_ip,
            delay_ms: delivery.delay_ms,
            reused: true,
            tls_peer: delivery.relay.name,
            enhanced: delivery.dsn,
            ended,
            text: delivery.words(),
            stage: Some(Stage::Unknown),
            ordinal: here.repeat,
            ..Try::default()
        };
        self.attempt(at, Here { repeat: 0, ..here }, &line, sink);
    }
}

/// What the result of a line says.
fn said(delivery: &Delivery<'_>) -> Said {
    let stat = delivery.stat;
    if stat == b"quarantined" {
        return Said::Held;
    }
    let is_queued = stat.starts_with(b"queued");
    if is_queued && delivery.dsn.is_empty() {
        return Said::Waits;
    }
    if delivery.mailer.is_empty() && delivery.dsn.is_empty() && delivery.delay_ms.is_some() && delivery.transfer_ms.is_none() {
        return if stat == b"discarded" { Said::Discarded } else { Said::Refused };
    }
    Said::Tried(match delivery.dsn.first() {
        Some(b'2') => Ended::Accepted,
        Some(b'4') => Ended::Deferred,
        Some(b'5') => Ended::Bounced,
        // 8.8 and older wrote no codes.
        _ if stat.starts_with(b"Sent") => Ended::Accepted,
        _ if is_queued || stat.starts_with(b"Deferred") => Ended::Deferred,
        _ => Ended::Bounced,
    })
}

/// The kind of a mailer.
fn agent(delivery: &Delivery<'_>, to: &[u8]) -> Agent {
    match delivery.mailer {
        b"esmtp" | b"smtp" | b"smtp8" | b"dsmtp" | b"esmtps" | b"xsmtp" => Agent::Smtp,
        b"relay" => Agent::Relay,
        b"prog" => Agent::Pipe,
        b"*file*" if to == b"/dev/null" => Agent::Discard,
        b"*file*" => Agent::File,
        b"discard" => Agent::Discard,
        b"error" => Agent::Error,
        b"" if delivery.relay.ip.is_empty() => Agent::Other,
        _ if !delivery.relay.ip.is_empty() => Agent::Smtp,
        // Any other mailer is one of this host: `local`, `procmail`, `cyrusv2`, `lmtp`.
        _ => Agent::Virtual,
    }
}
