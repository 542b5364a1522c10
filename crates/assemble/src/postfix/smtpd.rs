//! Lines of the servers: connections, logins, messages opened, postscreen.

use std::borrow::Cow;

use mailvane_model::word::{AuthResult, Level, Stage};
use mailvane_model::{AuthRow, SessionRow, Sink};
use mailvane_parse::mta::postfix::{Daemon, Event, Line};
use mailvane_parse::record::{Client, Severity};

use super::{daemon_name, ordinal};
use crate::assembler::{Assembler, Here};
use crate::life::{Flags, Life, LifeRef, QueueKey};
use crate::ours;
use crate::reply;
use crate::timer::Alarm;

/// Names of services by which users submit mail.
const SUBMISSION: &[&[u8]] = &[b"submission", b"submissions", b"smtps", b"587", b"465", b"submission-tls"];

impl Assembler {
    /// `connect from client`
    pub(crate) fn connect(&mut self, here: Here, client: &Client<'_>) {
        let Some(pid) = here.pid else { return };
        let limit = self.config.limits.sessions;
        let within = self.sessions.open((here.stream, pid), limit, &here.text(client.name), &here.text(client.ip), here.time);
        self.counts.sessions_over_limit += u64::from(!within);
    }

    /// `disconnect from client commands`
    pub(crate) fn disconnect(&mut self, here: Here, line: &Line<'_>, client: &Client<'_>, commands: &[u8], sink: &mut impl Sink) {
        let session = here.pid.and_then(|pid| self.sessions.close((here.stream, pid)));
        let known = session.as_ref().filter(|session| session.client_ip.as_bytes() == client.ip);
        let (name, ip) = match known {
            Some(session) => (Cow::Borrowed(session.client_name.as_str()), Cow::Borrowed(session.client_ip.as_str())),
            None => (here.text(client.name), here.text(client.ip)),
        };
        sink.session(&SessionRow {
            id: here.id(ordinal::SESSION),
            time: here.time,
            stream: &self.streams.get(here.stream).stream,
            position: here.position,
            client_name: &name,
            client_ip: &ip,
            service: &here.text(line.service),
            tls: known.map_or("", |session| &session.tls),
            commands: &here.text(commands),
            lost_after: known.map_or(Stage::Unknown, |session| session.lost_after),
            messages: known.map_or(0, |session| session.messages),
        });
        let Some(session) = session else { return };
        // A transaction that did not reach the queue by now was given up.
        if let Some(at) = session.life
            && self.lives.get(at).is_some_and(|life| !life.flags.has(Flags::ACTIVE))
        {
            self.await_late(at, here.time);
        }
        self.sessions.keep(session);
    }

    /// `lost connection after DATA from client`
    pub(crate) fn lost(&mut self, here: Here, stage: &[u8]) {
        if let Some(session) = here.pid.and_then(|pid| self.sessions.get_mut((here.stream, pid))) {
            session.lost_after = reply::inbound_stage(stage);
        }
    }

    /// A failed login.
    pub(crate) fn auth_failed(&mut self, here: Here, client: &Client<'_>, method: &[u8], reason: &[u8], user: &[u8], sink: &mut impl Sink) {
        sink.auth(&AuthRow {
            id: here.id(ordinal::AUTH),
            time: here.time,
            stream: &self.streams.get(here.stream).stream,
            position: here.position,
            client_name: &here.text(client.name),
            client_ip: &here.text(client.ip),
            user: &here.text(user),
            method: &here.text(method),
            result: AuthResult::Failed,
            reply_text: &here.text(reason),
        });
    }

    /// A TLS connection was established.
    pub(crate) fn tls(&mut self, here: Here, inbound: bool, verification: &[u8], peer: &Client<'_>, version: &[u8], cipher: &[u8]) {
        let Some(pid) = here.pid else { return };
        let process = (here.stream, pid);
        // Key bits, key exchange and signature follow the name of the cipher.
        let cipher = cipher.split(|byte| *byte == b' ').next().unwrap_or_default();
        if inbound {
            if let Some(session) = self.sessions.get_mut(process) {
                session.tls.clear();
                session.tls.push_str(&here.text(version));
                session.tls.push(' ');
                session.tls.push_str(&here.text(cipher));
            }
            return;
        }
        let (tls, within) = self.sessions.begin_tls(process, self.config.limits.tls);
        tls.ip.extend_from_slice(peer.ip);
        tls.version.push_str(&here.text(version));
        tls.cipher.push_str(&here.text(cipher));
        tls.verification.push_str(&here.text(verification));
        tls.verification.make_ascii_lowercase();
        tls.since = here.time;
        self.counts.sessions_over_limit += u64::from(!within);
    }

    /// A TLS connection failed: outgoing ones are our mail, incoming ones mostly scanners.
    pub(crate) fn tls_failed(
        &mut self,
        here: Here,
        line: &Line<'_>,
        (inbound, peer): (bool, &Client<'_>),
        reason: &[u8],
        severity: Severity,
        sink: &mut impl Sink,
    ) {
        if !inbound && let Some(pid) = here.pid {
            self.sessions.drop_tls((here.stream, pid));
        }
        let level = if inbound && severity <= Severity::Warning { Level::Info } else { Level::Warning };
        let way = if inbound { "from" } else { "to" };
        let (name, ip, reason) = (here.text(peer.name), here.text(peer.ip), here.text(reason));
        self.notice(here, daemon_name(line.daemon), level, &format!("TLS {way} {name}[{ip}] failed: {reason}"), sink);
    }

    /// `client=...`: a message was opened. On an open life that was opened before it means that its queue id is used again.
    pub(crate) fn opened(&mut self, here: Here, line: &Line<'_>, sink: &mut impl Sink) {
        let Event::Opened { client, sasl_method, sasl_username, orig_queue_id, orig_client, .. } = &line.event else { return };
        let user = here.text(sasl_username);
        if !user.is_empty() {
            self.logged_in(here, client, &user, sasl_method, sink);
        }
        let Some(queue_id) = line.queue_id else {
            return;
        };
        let at = self.begin(here, queue_id, sink);
        let real = if orig_client.ip.is_empty() && orig_client.name.is_empty() { client } else { orig_client };
        let hop =
            ours::is_given_client(&self.config, client.name, client.ip) || self.streams.get(here.stream).learned.is_address(client.ip);
        let submission = SUBMISSION.contains(&line.service);
        let (has_original, is_xforward) = (!orig_queue_id.is_empty() && *orig_queue_id != b"NOQUEUE", !std::ptr::eq(real, client));
        let real_is_ours = if is_xforward { ours::is_given_client(&self.config, real.name, real.ip) } else { hop };
        let Some(life) = self.lives.get_mut(at) else { return };
        fill(life, here, real, &user, line.service);
        let trusted = !user.is_empty() || submission;
        if trusted || real_is_ours {
            life.flags.set(Flags::SUBMITTED);
        } else if !real.ip.is_empty() {
            life.flags.set(Flags::OUTSIDE);
        }
        // Only a host of ours hands over what another life of ours brought.
        if hop && !trusted && (has_original || !is_xforward) {
            self.await_former(at, here.time);
        } else {
            life.flags.clear(Flags::UNCERTAIN | Flags::LINKABLE);
        }
        if let Some(session) = here.pid.and_then(|pid| self.sessions.get_mut((here.stream, pid))) {
            session.messages += 1;
            session.life = Some(at);
        }
        if has_original {
            self.forwarded_from(at, here, orig_queue_id);
        }
        self.appeared(at, sink);
    }

    /// XFORWARD names the former hop: both are on this machine.
    fn forwarded_from(&mut self, at: LifeRef, here: Here, former: &[u8]) {
        let machine = self.streams.get(here.stream).machine;
        let streams = (0..self.streams.len()).filter(|each| self.streams.get(*each).machine == machine);
        let former = streams.filter_map(|stream| self.lives.by_key(&QueueKey::of(stream, former))).find(|each| *each != at);
        if let Some(former) = former {
            self.link(former, at);
        }
    }

    /// The life that an opening line begins.
    pub(crate) fn begin(&mut self, here: Here, queue_id: &[u8], sink: &mut impl Sink) -> LifeRef {
        let Some(former) = self.lives.by_key(&QueueKey::of(here.stream, queue_id)) else { return self.new_opened(here, queue_id, sink) };
        let Some(life) = self.lives.get_mut(former) else { return self.new_opened(here, queue_id, sink) };
        let late = !life.flags.has(Flags::OPENED | Flags::CLOSED) && (here.time.0 - life.opened.0).abs() <= crate::config::LATE;
        if late {
            life.forget_told();
            life.flags.set(Flags::OPENED);
            if here.time < life.opened {
                life.opened = here.time;
                self.timers.set(Alarm::Announce, here.time, former);
            }
            life.lines.push(here.position);
            self.lives.touch(former);
            return former;
        }
        let closed = life.flags.has(Flags::CLOSED);
        self.lives.release_key(former);
        if !closed {
            self.lose_end(former, sink);
        }
        self.new_opened(here, queue_id, sink)
    }

    /// The end of a message was not seen, and its queue id belongs to another one now.
    fn lose_end(&mut self, at: LifeRef, sink: &mut impl Sink) {
        self.counts.lost_ends += 1;
        let Some(life) = self.lives.get_mut(at) else { return };
        life.flags.set(Flags::CLOSED | Flags::LOST_END | Flags::RETELL);
        life.flags.clear(Flags::HELD);
        let seen = life.seen;
        self.lives.touch(at);
        self.await_late(at, seen);
        self.try_end(at, true, sink);
    }

    fn new_opened(&mut self, here: Here, queue_id: &[u8], sink: &mut impl Sink) -> LifeRef {
        let at = self.create(here, queue_id, 0, sink);
        if let Some(life) = self.lives.get_mut(at) {
            life.flags.set(Flags::OPENED);
        }
        at
    }

    /// `uid=N from=<sender>`: a local program submitted a message, or a requeued one goes on.
    pub(crate) fn picked_up(&mut self, here: Here, queue_id: Option<&[u8]>, sender: &[u8], former: &[u8], sink: &mut impl Sink) {
        let Some(queue_id) = queue_id else { return };
        let at = self.begin(here, queue_id, sink);
        let Some(life) = self.lives.get_mut(at) else { return };
        super::queue::set_sender(life, here, sender);
        life.flags.clear(Flags::UNCERTAIN | Flags::LINKABLE);
        life.service = life.texts.add("pickup");
        life.flags.set(Flags::PICKED_UP);
        // A filter that is a program may hand its mail back in this way.
        if former.is_empty() && self.streams.get(here.stream).learned.filters {
            self.await_former(at, here.time);
        }
        let Some(life) = self.lives.get_mut(at) else { return };
        if !former.is_empty() {
            life.flags.clear(Flags::PICKED_UP);
            self.requeued_as(at, here, former, sink);
        }
        self.appeared(at, sink);
    }

    /// A login that succeeded is told once for each connection.
    fn logged_in(&mut self, here: Here, client: &Client<'_>, user: &str, method: &[u8], sink: &mut impl Sink) {
        if let Some(session) = here.pid.and_then(|pid| self.sessions.get_mut((here.stream, pid))) {
            if session.authenticated {
                return;
            }
            session.authenticated = true;
        }
        sink.auth(&AuthRow {
            id: here.id(ordinal::AUTH),
            time: here.time,
            stream: &self.streams.get(here.stream).stream,
            position: here.position,
            client_name: &here.text(client.name),
            client_ip: &here.text(client.ip),
            user,
            method: &here.text(method),
            result: AuthResult::Ok,
            reply_text: "",
        });
    }

    /// What postscreen says of a client: a connection that ended with it never reached smtpd.
    pub(crate) fn postscreen(&mut self, here: Here, line: &Line<'_>, word: &[u8], client: &Client<'_>, value: &[u8], sink: &mut impl Sink) {
        let _ = (line, value);
        if !word.eq_ignore_ascii_case(b"HANGUP") {
            return;
        }
        sink.session(&SessionRow {
            id: here.id(ordinal::SESSION),
            time: here.time,
            stream: &self.streams.get(here.stream).stream,
            position: here.position,
            client_name: &here.text(client.name),
            client_ip: &here.text(client.ip),
            service: daemon_name(Daemon::Postscreen),
            lost_after: Stage::Connect,
            ..SessionRow::default()
        });
    }
}

fn fill<'a>(life: &mut Life, here: Here<'a>, client: &Client<'a>, user: &str, service: &'a [u8]) {
    life.client_name = life.texts.add(&here.text(client.name));
    life.client_ip = life.texts.add(&here.text(client.ip));
    life.sasl_user = life.texts.add(user);
    life.service = life.texts.add(&here.text(service));
}
