//! One try to deliver one message to one recipient.

use std::sync::Arc;

use mailvane_model::word::{HandedTo, Outcome, Reason, Stage, Status};
use mailvane_model::{AttemptRow, Sink, Time, Verdict};
use mailvane_reply::judge::Failure;
use mailvane_reply::peer::{self, Peer};

use crate::assembler::{Assembler, Here};
use crate::life::{Flags, LastView, Life, LifeRef, Place, Recipient, State};
use crate::network;
use crate::ours::Evidence;
use crate::relay::{self, Agent, Delivered, Route};
use crate::reply::{self, Reply};
use crate::text::Mailbox;

/// Requeued more often than this, a message's first tries are forgotten.
const REQUEUED_MAX: usize = 16;

/// How an attempt ended, in the words of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ended {
    Accepted,
    #[default]
    Deferred,
    Bounced,
    Expired,
}

/// A try as a line tells it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Try<'a> {
    pub(crate) to: &'a [u8],
    pub(crate) original: Option<&'a [u8]>,
    pub(crate) agent: Agent,
    pub(crate) relay_host: &'a [u8],
    pub(crate) relay_ip: &'a [u8],
    pub(crate) relay_port: u16,
    pub(crate) reused: bool,
    pub(crate) delay_ms: Option<u32>,
    pub(crate) delays_ms: Option<[u32; 4]>,
    pub(crate) tls: &'a [u8],
    /// TLS version and cipher, where the line itself has them; else they come from the connection's own line.
    pub(crate) tls_version: &'a str,
    pub(crate) tls_cipher: &'a [u8],
    pub(crate) enhanced: &'a [u8],
    pub(crate) ended: Ended,
    pub(crate) text: &'a [u8],
    /// What the line about TLS named the other end by: its address for Postfix, its name for Sendmail, nothing where sessions have ids.
    pub(crate) tls_peer: &'a [u8],
    /// The step that the reply answers, where its form does not say so.
    pub(crate) stage: Option<Stage>,
    /// Which of several tries of one line.
    pub(crate) ordinal: u32,
}

/// A reply with its verdict.
struct Judged<'a> {
    last: LastView<'a>,
    relay_port: u16,
    stage: Stage,
    verdict: Option<Arc<Verdict>>,
}

impl Assembler {
    /// Takes one try in: the attempt is told, and the outcome when it is final.
    pub(crate) fn attempt(&mut self, at: LifeRef, here: Here, line: &Try<'_>, sink: &mut impl Sink) {
        let to = here.mailbox(line.to, false);
        let original = line.original.map(|original| here.mailbox(original, false)).unwrap_or_default();
        let relay_host = here.text(line.relay_host);
        let relay_host = if &*relay_host == "none" { "" } else { &*relay_host };
        let relay_ip = here.text(line.relay_ip);
        let reply_text = here.text(line.text);
        let relay = Peer { name: relay_host, ip: &relay_ip, port: line.relay_port };
        let relay = if relay_host.is_empty() && line.ended != Ended::Accepted { peer::of(&reply_text).unwrap_or(relay) } else { relay };
        let delivered = Delivered {
            agent: line.agent,
            relay_host: relay.name,
            relay_ip: relay.ip,
            relay_port: relay.port,
            domain: to.address().domain,
            text: &reply_text,
            accepted: line.ended == Ended::Accepted,
        };
        let Some(stream) = self.lives.get(at).map(|life| life.stream) else { return };
        let mut route = relay::route(&self.config, &self.streams.get(stream).learned, &delivered);
        if route.handed_to == HandedTo::Smarthost
            && delivered.accepted
            && !route.hop
            && self.is_named_child(at, &relay_ip, &reply_text, here.time)
        {
            route = Route {
                handed_to: HandedTo::Filter,
                hop: true,
                filter: true,
                next_queue_id: relay::next_queue_id(&reply_text),
                ..Route::default()
            };
        }
        self.learn(at, &route, &delivered, &original);
        let Some(place) = self.recipient(at, &to, &original) else { return };
        let asks = line.agent.is_smtp() && !route.filter || line.agent == Agent::Error && route.place == Place::Remote;
        let provider = self.verdicts.provider(if asks { relay.name } else { "" });
        let read = self.judged(line, &delivered, &route, &provider);
        self.tell_attempt(at, place, here, line, &route, &read, sink);
        self.take_in(at, place, here.time, line, &route, read.last, sink);
    }

    /// The place of the recipient in its life.
    fn recipient(&mut self, at: LifeRef, to: &Mailbox<'_>, original: &Mailbox<'_>) -> Option<usize> {
        let most = self.config.limits.recipients;
        let life = self.lives.get_mut(at)?;
        let (address, before) = (to.address(), original.address());
        let before = if before == address { Default::default() } else { before };
        if let Some(place) = life.find(address) {
            return Some(place);
        }
        if life.recipients.len() >= most {
            self.counts.recipients_over_limit += 1;
        }
        Some(life.expand(address, before).unwrap_or_else(|| life.add(address, before)))
    }

    /// What the reply says, and what it means.
    fn judged<'a>(&self, line: &'a Try<'_>, delivered: &Delivered<'a>, route: &Route<'a>, provider: &'a str) -> Judged<'a> {
        let dsn = std::str::from_utf8(line.enhanced).unwrap_or("");
        let vague = dsn.is_empty() || dsn.ends_with(".0.0");
        let reply = match delivered.accepted {
            // Of a success only the code of a reply is of interest; our own agents' words have none.
            true if !vague || !delivered.text.starts_with('2') => {
                let code = reply::success_code(delivered.text);
                Reply { code, stage: if code == 0 { Stage::Unknown } else { Stage::EndOfMessage }, ..Reply::default() }
            }
            _ => reply::read(delivered.text),
        };
        let reply = Reply { stage: line.stage.filter(|_| !delivered.accepted).unwrap_or(reply.stage), ..reply };
        let mut last = LastView {
            reply_code: reply.code,
            enhanced: if vague && (dsn.is_empty() || !reply.enhanced.is_empty()) { reply.enhanced } else { dsn },
            text: delivered.text,
            relay_host: delivered.relay_host,
            relay_ip: delivered.relay_ip,
            provider,
            next_queue_id: route.next_queue_id,
            filter: route.filter,
            delay_ms: line.delay_ms,
            ..LastView::default()
        };
        let mut verdict = None;
        if line.ended != Ended::Accepted {
            let deferred = line.ended == Ended::Deferred;
            let failure = Failure { provider, text: delivered.text, enhanced_code: last.enhanced, stage: reply.stage, deferred };
            let judged = self.verdicts.judge(&failure);
            (last.reason, last.scope, last.fault, last.permanent) = (judged.reason, judged.scope, judged.fault, judged.permanent);
            verdict = Some(judged);
        }
        Judged { last, relay_port: delivered.relay_port, stage: reply.stage, verdict }
    }

    /// The attempt as a row.
    #[allow(clippy::too_many_arguments)] // The parts of one line, taken apart once.
    fn tell_attempt(
        &mut self,
        at: LifeRef,
        place: usize,
        here: Here,
        line: &Try<'_>,
        route: &Route<'_>,
        read: &Judged<'_>,
        sink: &mut impl Sink,
    ) {
        let failed = line.ended != Ended::Accepted;
        let (last, verdict) = (&read.last, read.verdict.as_deref());
        let Some(life_id) = self.lives.get(at).map(|life| life.id) else { return };
        let direction = {
            let view = self.view();
            let Some(life) = self.lives.get(at) else { return };
            let recipient = &life.recipients[place];
            view.attempt_direction(life, place_of(route, recipient.place), life.address(recipient), life.original(recipient))
        };
        let process = here.pid.filter(|_| line.agent.is_smtp() && line.tls_version.is_empty()).map(|pid| (here.stream, pid));
        let process = process.filter(|process| self.sessions.use_tls(*process, line.tls_peer, life_id, line.reused));
        let Some(life) = self.lives.get_mut(at) else { return };
        life.direct(direction);
        let Some(life) = self.lives.get(at) else { return };
        let tls = process.and_then(|process| self.sessions.tls(process));
        let view = self.view();
        let recipient = &life.recipients[place];
        let (tries, latest) = self.tried(life, recipient);
        let status = status(line, route);
        let (tls_summary, tls_cipher) = (here.text(line.tls), here.text(line.tls_cipher));
        sink.attempt(&AttemptRow {
            id: here.position.event(life.id, line.ordinal),
            message: life.id,
            time: here.time,
            arrived: life.opened,
            stream: &self.streams.get(life.stream).stream,
            position: here.position,
            queue_id: life.texts.get(life.queue_id),
            message_id: life.texts.get(life.message_id),
            sender: life.sender(),
            recipient: life.address(recipient),
            orig_recipient: life.original(recipient),
            sasl_user: life.texts.get(life.sasl_user),
            client_ip: life.texts.get(life.client_ip),
            relay_host: last.relay_host,
            relay_ip: last.relay_ip,
            relay_port: read.relay_port,
            provider: last.provider,
            direction,
            handed_to: if failed { Default::default() } else { route.handed_to },
            status,
            population: view.population(life),
            contacted: line.agent != Agent::Error && !last.text.starts_with(peer::SUSPENDED),
            reply_code: last.reply_code,
            enhanced_code: last.enhanced,
            reply_text: last.text,
            stage: read.stage,
            reason: last.reason,
            scope: last.scope,
            fault: last.fault,
            permanent: last.permanent,
            retry: verdict.is_some_and(|verdict| verdict.retry),
            rule: verdict.map_or("", |verdict| &verdict.rule),
            confidence: verdict.map_or(0, |verdict| verdict.confidence),
            rules: verdict.map_or(0, |_| self.verdicts.version()),
            delay_ms: line.delay_ms,
            delays_ms: line.delays_ms,
            attempt: tries.saturating_add(1),
            previous: latest,
            first_deferral: status == Status::Deferred && !life.flags.has(Flags::DEFERRED),
            size: life.size,
            tls_version: tls.map_or(line.tls_version, |tls| &tls.version),
            tls_cipher: tls.map_or(&*tls_cipher, |tls| &tls.cipher),
            tls_verification: if tls_summary.is_empty() { tls.map_or("", |tls| &tls.verification) } else { &tls_summary },
        });
    }

    /// How often a recipient was tried, and when at last: here, and under the ids that it had before it was requeued.
    fn tried(&self, life: &Life, recipient: &Recipient) -> (u32, Option<Time>) {
        let (mut tries, mut latest) = (recipient.attempts, recipient.latest);
        let address = life.address(recipient);
        let mut before = life.previous;
        for _ in 0..REQUEUED_MAX {
            let former = before.and_then(|at| self.lives.get(at)).filter(|former| former.flags.has(Flags::REQUEUED));
            let Some(former) = former.filter(|former| former.stream == life.stream) else { break };
            if let Some(place) = former.find(address) {
                tries = tries.saturating_add(former.recipients[place].attempts);
                latest = latest.max(former.recipients[place].latest);
            }
            before = former.previous;
        }
        (tries, latest)
    }

    /// What the attempt makes of the recipient.
    #[allow(clippy::too_many_arguments)] // The parts of one line, taken apart once.
    fn take_in(
        &mut self,
        at: LifeRef,
        place: usize,
        time: Time,
        line: &Try<'_>,
        route: &Route<'_>,
        last: LastView<'_>,
        sink: &mut impl Sink,
    ) {
        let Some(life) = self.lives.get_mut(at) else { return };
        life.mark(place);
        let (flags, stream) = (life.flags, life.stream);
        let recipient = &mut life.recipients[place];
        recipient.attempts = recipient.attempts.saturating_add(1);
        recipient.first = recipient.first.or(Some(time));
        recipient.latest = recipient.latest.max(Some(time));
        recipient.place = place_of(route, recipient.place);
        let was_final = recipient.state == State::Final;
        recipient.forgotten |= recipient.told > 0;
        if line.ended == Ended::Deferred {
            recipient.deferrals = recipient.deferrals.saturating_add(1);
            recipient.greylisted = recipient.greylisted.saturating_add(u32::from(last.reason == Some(Reason::Greylisted)));
            if !was_final {
                recipient.last = Some(last.keep());
                life.settle(place, State::Deferred);
            }
            life.flags.set(Flags::DEFERRED);
            return;
        }
        if was_final {
            return;
        }
        recipient.handed_to = if line.ended == Ended::Accepted { route.handed_to } else { Default::default() };
        recipient.ended = time;
        recipient.outcome = match line.ended {
            Ended::Accepted if route.discarded => Outcome::Discarded,
            Ended::Accepted | Ended::Deferred => Outcome::Delivered,
            Ended::Bounced => Outcome::Bounced,
            Ended::Expired => Outcome::Expired,
        };
        if route.hop {
            recipient.last = Some(last.keep());
            life.settle(place, State::Hop);
            if route.filter && route.next_queue_id.is_empty() {
                let state = self.streams.get_mut(stream);
                state.dirty |= !state.learned.filters;
                state.learned.filters = true;
            }
            self.seek_next(at, place, sink);
            return;
        }
        let waits = flags.has(Flags::UNCERTAIN | Flags::LINKABLE);
        recipient.last = waits.then(|| last.keep());
        if line.ended == Ended::Bounced {
            life.flags.set(Flags::BOUNCED);
        }
        if flags.has(Flags::UNCERTAIN) {
            life.settle(place, State::Final);
            self.tell(at, place, sink);
        } else if !flags.has(Flags::PROBE) {
            recipient.forgotten = !waits;
            life.settle(place, State::Final);
            self.tell_now(at, place, last, sink);
        } else {
            life.settle(place, State::Final);
        }
        if flags.has(Flags::CLOSED) {
            self.try_end(at, false, sink);
        }
    }

    /// What a delivery shows to be ours.
    fn learn(&mut self, at: LifeRef, route: &Route<'_>, delivered: &Delivered<'_>, original: &Mailbox<'_>) {
        let Some(life) = self.lives.get(at) else { return };
        let state = self.streams.get_mut(life.stream);
        if route.place == Place::Here && delivered.accepted {
            // A program or a file behind an alias, or a bare local part, has no domain: that of the alias is ours.
            let domain = if delivered.domain.is_empty() { original.address().domain } else { delivered.domain };
            state.learned.domain(domain, Evidence::DeliveredHere);
        }
        if !delivered.agent.is_smtp() || route.filter || !delivered.accepted {
            return;
        }
        if route.proves_smarthost {
            state.learned.smarthost(delivered.relay_host);
        }
        if life.flags.has(Flags::OUTSIDE) && original.address().is_unknown() && life.previous.is_none() {
            let inside = network::kind_of(delivered.relay_ip.as_bytes()) == network::Kind::Private;
            if inside {
                state.learned.domain(delivered.domain, Evidence::RelayedInside);
            } else {
                let client = life.texts.get(life.client_ip);
                state.learned.reached(client, delivered.domain);
            }
        }
    }
}

fn place_of(route: &Route<'_>, former: Place) -> Place {
    if route.place == Place::Unknown { former } else { route.place }
}

fn status(line: &Try<'_>, route: &Route<'_>) -> Status {
    match line.ended {
        Ended::Accepted if route.discarded => Status::Discarded,
        Ended::Accepted if route.hop => Status::InternalHop,
        Ended::Accepted => Status::Delivered,
        Ended::Deferred => Status::Deferred,
        Ended::Bounced => Status::Bounced,
        Ended::Expired => Status::Expired,
    }
}
