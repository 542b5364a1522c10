//! Refusals, and connections that ended.

use mailvane_model::word::{Action, Outcome, Reason, Stage};
use mailvane_model::{RejectionRow, SessionRow, Sink};
use mailvane_parse::mta::exim::{Host, Rejection};
use mailvane_parse::record::Client;
use mailvane_reply::judge::Failure;

use super::delivery::unescaped;
use crate::assembler::{Assembler, Here};
use crate::life::{Flags, QueueKey};
use crate::postfix::ordinal;
use crate::reply;
use crate::text::{self, Mailbox};

impl Assembler {
    /// Takes a refusal in.
    pub(super) fn exim_rejection(&mut self, here: Here, message_id: Option<&[u8]>, rejection: &Rejection<'_>, sink: &mut impl Sink) {
        let stage = stage(rejection.stage);
        let action = match (rejection.discarded, rejection.temporary) {
            (true, _) => Action::Discard,
            (false, true) => Action::Defer,
            (false, false) => Action::Reject,
        };
        let text = unescaped(rejection.text);
        let text = text::lossy(&text);
        let codes = reply::codes(&text);
        let failure = Failure { provider: "", text: &text, enhanced_code: codes.enhanced, stage, deferred: action == Action::Defer };
        let verdict = self.verdicts.judge_own(&failure);
        // Words that no rule knows are those of an ACL that the operator wrote.
        let reason = verdict.reason.filter(|reason| *reason != Reason::Unclassified).unwrap_or(Reason::LocalPolicy);
        let sender = rejection.sender.map(|sender| Mailbox::of("", sender, true)).unwrap_or_default();
        let recipient = rejection.recipient.map(|recipient| Mailbox::of("", recipient, false)).unwrap_or_default();
        let helo = if rejection.helo.is_empty() { rejection.host.helo } else { rejection.helo };
        let client = Client { name: rejection.host.name, ip: rejection.host.ip, ..Client::default() };
        if self.is_own_probe(here, &client, helo, rejection.sender) {
            return;
        }
        sink.rejection(&RejectionRow {
            id: here.id(ordinal::REJECTION),
            time: here.time,
            stream: &self.streams.get(here.stream).stream,
            position: here.position,
            queue_id: &message_id.map(text::lossy).unwrap_or_default(),
            client_name: &text::lossy(rejection.host.name),
            client_ip: &text::lossy(rejection.host.ip),
            helo: &text::lossy(helo),
            service: "",
            stage,
            sender: sender.address(),
            recipient: recipient.address(),
            sasl_user: &text::lossy(rejection.auth.split(|byte| *byte == b':').nth(1).unwrap_or_default()),
            reply_code: codes.code,
            enhanced_code: codes.enhanced,
            reply_text: &text,
            reason,
            rule: &verdict.rule,
            action,
        });
        if let Some(message_id) = message_id
            && stage == Stage::EndOfMessage
        {
            self.exim_refused(here, message_id, sink);
        }
    }

    /// A message that had an id was refused whole. Mostly nothing was told of it before; a delivery while it came in may have been.
    fn exim_refused(&mut self, here: Here, message_id: &[u8], sink: &mut impl Sink) {
        let Some(at) = self.lives.by_key(&QueueKey::of(here.stream, message_id)) else { return };
        let Some(life) = self.lives.get_mut(at).filter(|life| !life.flags.has(Flags::OPENED | Flags::CLOSED)) else { return };
        life.flags.set(Flags::REJECTED);
        life.lines.push(here.position);
        self.lives.touch(at);
        self.end_open(at, Outcome::Rejected, here, sink);
        self.close(at, here.time, sink);
    }

    /// A connection ended. `no MAIL` comes after the line of the connection itself, where both are logged.
    pub(super) fn exim_disconnect(&mut self, here: Here, host: &Host<'_>, how: &[u8], lost: bool, commands: &[u8], sink: &mut impl Sink) {
        let process = here.pid.map(|pid| (here.stream, pid));
        if how == b"no MAIL" {
            if let Some(process) = process
                && let Some(session) = self.sessions.close(process)
                && session.client_ip.as_bytes() == host.ip
            {
                return;
            }
        } else if let Some(process) = process {
            let limit = self.config.limits.sessions;
            let within = self.sessions.open(process, limit, &text::lossy(host.name), &text::lossy(host.ip), here.time);
            self.counts.sessions_over_limit += u64::from(!within);
        }
        let lost_after = match (lost, memchr::memmem::find(how, b"message data").is_some()) {
            (true, true) => Stage::Data,
            (true, false) => Stage::Other,
            _ => Stage::Unknown,
        };
        self.exim_session(here, host, lost_after, commands, sink);
    }

    /// Exim ended a connection, or it broke off in the middle.
    pub(super) fn exim_dropped(&mut self, here: Here, host: &Host<'_>, text: &[u8], sink: &mut impl Sink) {
        let lost_after = if memchr::memmem::find(text, b"data timeout").is_some() { Stage::Data } else { Stage::Other };
        self.exim_session(here, host, lost_after, b"", sink);
    }

    fn exim_session(&self, here: Here, host: &Host<'_>, lost_after: Stage, commands: &[u8], sink: &mut impl Sink) {
        // A program of this host is no client.
        if host.ip.is_empty() {
            return;
        }
        sink.session(&SessionRow {
            id: here.id(ordinal::SESSION),
            time: here.time,
            stream: &self.streams.get(here.stream).stream,
            position: here.position,
            client_name: &text::lossy(host.name),
            client_ip: &text::lossy(host.ip),
            service: "",
            tls: "",
            commands: &text::lossy(commands),
            lost_after,
            messages: 0,
        });
    }

    /// A client that broke the protocol: who spoke too soon was refused, for the rest it was only an answer.
    pub(super) fn exim_misbehaved(&mut self, here: Here, host: &Host<'_>, text: &[u8], sink: &mut impl Sink) {
        if !text.starts_with(b"SMTP protocol synchronization error") {
            return;
        }
        let stage: &[u8] = if memchr::memmem::find(text, b"rejected connection").is_some() { b"CONNECT" } else { b"OTHER" };
        let words = text.split(|byte| *byte == b':').next().unwrap_or(text);
        let refusal = Rejection { stage, host: *host, text: words, ..Rejection::default() };
        self.exim_rejection(here, None, &refusal, sink);
    }
}

/// The step of the session.
fn stage(word: &[u8]) -> Stage {
    match word {
        // Exim refuses `after DATA` when it has the whole message.
        b"DATA" | b"local" => Stage::EndOfMessage,
        word => reply::inbound_stage(word),
    }
}
