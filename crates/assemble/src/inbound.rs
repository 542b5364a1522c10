//! What the lines of any server come to: a message that arrived, a refusal, a login, a connection that ended.

use mailvane_model::word::{Action, AuthResult, Reason, Stage};
use mailvane_model::{AuthRow, RejectionRow, SessionRow, Sink};
use mailvane_parse::record::Client;
use mailvane_reply::judge::Failure;

use crate::assembler::{Assembler, Here};
use crate::life::{Flags, LifeRef};
use crate::network;
use crate::ours;
use crate::postfix::ordinal;
use crate::reply;
use crate::text;

/// What HELO names and senders of our probes begin with (`mailvane probe`, and the probes of `serve`).
const PROBE_MARK: &[u8] = b"mailvane-probe";

/// Where a message came from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Arrival<'a> {
    pub(crate) client: Client<'a>,
    /// The name that the client logged in with.
    pub(crate) user: &'a str,
    /// The service or daemon it came by.
    pub(crate) service: &'a str,
    /// Whether that service is for users of ours.
    pub(crate) submission: bool,
    /// Whether a local program handed it in.
    pub(crate) local: bool,
}

/// A refusal at SMTP time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Refusal<'a> {
    pub(crate) queue_id: &'a [u8],
    pub(crate) client: Client<'a>,
    pub(crate) helo: &'a [u8],
    pub(crate) stage: Stage,
    /// `None` where it is not known.
    pub(crate) sender: Option<&'a [u8]>,
    pub(crate) recipient: &'a [u8],
    pub(crate) text: &'a [u8],
    /// What was done, where the text has no code that says it.
    pub(crate) action: Action,
}

impl Assembler {
    /// The envelope of a message is known to have come from here: whose it is, and whether it may be a later hop.
    pub(crate) fn arrived(&mut self, at: LifeRef, here: Here, arrival: &Arrival<'_>, sink: &mut impl Sink) {
        let ip = network::plain(arrival.client.ip);
        let client = &Client { ip: &ip, ..arrival.client };
        let hop =
            ours::is_given_client(&self.config, client.name, client.ip) || self.streams.get(here.stream).learned.is_address(client.ip);
        let Some(life) = self.lives.get_mut(at) else { return };
        life.forget_told();
        // A program of this host is no client.
        if !arrival.local {
            life.client_name = life.texts.add(&text::lossy(client.name));
            life.client_ip = life.texts.add(&text::lossy(client.ip));
        }
        life.sasl_user = life.texts.add(arrival.user);
        life.service = life.texts.add(arrival.service);
        life.flags.set(Flags::OPENED);
        let trusted = !arrival.user.is_empty() || arrival.submission;
        if arrival.local {
            life.flags.set(Flags::PICKED_UP);
        } else if trusted || hop {
            life.flags.set(Flags::SUBMITTED);
        } else if !client.ip.is_empty() {
            life.flags.set(Flags::OUTSIDE);
        }
        if hop && !trusted && !arrival.local {
            self.await_former(at, here.time);
        } else {
            life.flags.clear(Flags::UNCERTAIN | Flags::LINKABLE);
        }
        if let Some(session) = here.pid.and_then(|pid| self.sessions.get_mut((here.stream, pid))) {
            session.messages += 1;
            session.life = Some(at);
        }
        self.appeared(at, sink);
    }

    /// The client of the connection that a process has open.
    pub(crate) fn session_client(&self, here: Here) -> (String, String) {
        let session = here.pid.and_then(|pid| self.sessions.get((here.stream, pid)));
        session.map(|session| (session.client_name.clone(), session.client_ip.clone())).unwrap_or_default()
    }

    /// A line names the client of a process: its connection is opened where no line did.
    pub(crate) fn meet(&mut self, here: Here, client: &Client<'_>) {
        let ip = network::plain(client.ip);
        let client = &Client { ip: &ip, ..*client };
        let known = here.pid.and_then(|pid| self.sessions.get((here.stream, pid)));
        if known.is_none_or(|session| !client.ip.is_empty() && session.client_ip.as_bytes() != client.ip) {
            self.connect(here, client);
        }
    }

    /// Whether a probe of ours was refused, which is what it came to see: it says so in HELO or as sender, and comes from a host of ours
    /// (anybody could say so).
    pub(crate) fn is_own_probe(&self, here: Here, client: &Client<'_>, helo: &[u8], sender: Option<&[u8]>) -> bool {
        let marked = helo.starts_with(PROBE_MARK) || sender.is_some_and(|sender| sender.starts_with(PROBE_MARK));
        if !marked {
            return false;
        }
        let ip = network::plain(client.ip);
        if ip.is_empty() {
            let (name, ip) = self.session_client(here);
            return ours::is_given_client(&self.config, name.as_bytes(), ip.as_bytes());
        }
        ours::is_given_client(&self.config, client.name, &ip)
    }

    /// Tells a refusal. Those of our own probes are no news, and left out of every number.
    pub(crate) fn refused(&mut self, here: Here, refusal: &Refusal<'_>, sink: &mut impl Sink) {
        if self.is_own_probe(here, &refusal.client, refusal.helo, refusal.sender) {
            return;
        }
        let text = text::lossy(refusal.text);
        let codes = reply::codes(&text);
        let action = match codes.code / 100 {
            4 => Action::Defer,
            5 => Action::Reject,
            _ => refusal.action,
        };
        let failure =
            Failure { provider: "", text: &text, enhanced_code: codes.enhanced, stage: refusal.stage, deferred: action == Action::Defer };
        let verdict = self.verdicts.judge_own(&failure);
        let (session_name, session_ip) = if refusal.client.ip.is_empty() { self.session_client(here) } else { Default::default() };
        let (name, ip) = (text::lossy(refusal.client.name), network::plain(refusal.client.ip));
        let ip = text::lossy(&ip);
        let sender = refusal.sender.map(|sender| here.mailbox(sender, true)).unwrap_or_default();
        let recipient = here.mailbox(refusal.recipient, false);
        sink.rejection(&RejectionRow {
            id: here.id(ordinal::REJECTION),
            time: here.time,
            stream: &self.streams.get(here.stream).stream,
            position: here.position,
            queue_id: &text::lossy(refusal.queue_id),
            client_name: if name.is_empty() { &session_name } else { &name },
            client_ip: if ip.is_empty() { &session_ip } else { &ip },
            helo: &text::lossy(refusal.helo),
            stage: refusal.stage,
            sender: sender.address(),
            recipient: recipient.address(),
            reply_code: codes.code,
            enhanced_code: codes.enhanced,
            reply_text: &text,
            // A rule of ours that acts without words.
            reason: if text.is_empty() { Reason::LocalPolicy } else { verdict.reason.unwrap_or_default() },
            rule: &verdict.rule,
            action,
            ..RejectionRow::default()
        });
    }

    /// Tells a login or its failure.
    pub(crate) fn login(
        &mut self,
        here: Here,
        client: &Client<'_>,
        user: &[u8],
        method: &[u8],
        failure: Option<&[u8]>,
        sink: &mut impl Sink,
    ) {
        let (session_name, session_ip) = if client.ip.is_empty() { self.session_client(here) } else { Default::default() };
        let (name, ip) = (text::lossy(client.name), network::plain(client.ip));
        let ip = text::lossy(&ip);
        sink.auth(&AuthRow {
            id: here.id(ordinal::AUTH),
            time: here.time,
            stream: &self.streams.get(here.stream).stream,
            position: here.position,
            client_name: if name.is_empty() { &session_name } else { &name },
            client_ip: if ip.is_empty() { &session_ip } else { &ip },
            user: &text::lossy(user),
            method: &text::lossy(method),
            result: if failure.is_some() { AuthResult::Failed } else { AuthResult::Ok },
            reply_text: &text::lossy(failure.unwrap_or_default()),
        });
        if failure.is_none()
            && let Some(session) = here.pid.and_then(|pid| self.sessions.get_mut((here.stream, pid)))
        {
            session.authenticated = true;
            session.user.clear();
            session.user.push_str(&text::lossy(user));
        }
    }

    /// Tells a connection that ended.
    pub(crate) fn session_ended(&mut self, here: Here, client: &Client<'_>, service: &[u8], lost_after: Stage, sink: &mut impl Sink) {
        let session = here.pid.and_then(|pid| self.sessions.close((here.stream, pid)));
        let known = session.as_ref().filter(|session| client.ip.is_empty() || session.client_ip == text::lossy(&network::plain(client.ip)));
        let (name, ip) = (text::lossy(client.name), network::plain(client.ip));
        let ip = text::lossy(&ip);
        sink.session(&SessionRow {
            id: here.id(ordinal::SESSION),
            time: here.time,
            stream: &self.streams.get(here.stream).stream,
            position: here.position,
            client_name: known.map_or(&*name, |session| &session.client_name),
            client_ip: known.map_or(&*ip, |session| &session.client_ip),
            service: &text::lossy(service),
            tls: known.map_or("", |session| &session.tls),
            lost_after: match (lost_after, known) {
                (Stage::Unknown, Some(session)) => session.lost_after,
                _ => lost_after,
            },
            messages: known.map_or(0, |session| session.messages),
            ..SessionRow::default()
        });
        if let Some(session) = session {
            self.sessions.keep(session);
        }
    }
}
