//! Lines of policy: refusals, holds, discards and warnings, at any step and by any daemon.

use mailvane_model::word::{Action, Outcome, Stage};
use mailvane_model::{RejectionRow, Sink};
use mailvane_parse::mta::postfix::{Daemon, Decision, Line, Verb};
use mailvane_reply::judge::Failure;

use super::ordinal;
use crate::assembler::{Assembler, Here};
use crate::life::{Flags, LifeRef, QueueKey};
use crate::reply;

impl Assembler {
    /// Takes a policy decision in.
    pub(crate) fn decision(&mut self, here: Here, line: &Line<'_>, decision: &Decision<'_>, sink: &mut impl Sink) {
        let stage = reply::inbound_stage(decision.stage);
        let text = here.text(decision.reply);
        let codes = reply::codes(&text);
        let Some(action) = action(decision.verb, &codes) else {
            if decision.verb == Verb::ProxyAccept {
                self.proxy_accepted(here, &text, sink);
            }
            return;
        };
        let whole = line.daemon == Daemon::Cleanup || matches!(stage, Stage::EndOfMessage | Stage::Data);
        let at = line.queue_id.and_then(|queue_id| match action {
            Action::Warn => self.known(here, queue_id, sink),
            Action::Reject | Action::Defer if !whole => self.known(here, queue_id, sink),
            _ => Some(self.known_or_new(here, queue_id, sink)),
        });
        self.tell_rejection(here, line, decision, stage, action, &text, sink);
        if let Some(at) = at {
            self.decided(at, here, decision, action, whole, sink);
        }
    }

    #[allow(clippy::too_many_arguments)] // The parts of one line, taken apart once.
    fn tell_rejection(
        &mut self,
        here: Here,
        line: &Line<'_>,
        decision: &Decision<'_>,
        stage: Stage,
        action: Action,
        text: &str,
        sink: &mut impl Sink,
    ) {
        if self.is_own_probe(here, &decision.client, decision.helo, decision.sender) {
            return;
        }
        let codes = reply::codes(text);
        let failure = Failure { provider: "", text, enhanced_code: codes.enhanced, stage, deferred: action == Action::Defer };
        let verdict = self.verdicts.judge_own(&failure);
        let sender = decision.sender.map(|sender| here.mailbox(sender, true)).unwrap_or_default();
        let recipient = decision.recipient.map(|recipient| here.mailbox(recipient, false)).unwrap_or_default();
        sink.rejection(&RejectionRow {
            id: here.id(ordinal::REJECTION),
            time: here.time,
            stream: &self.streams.get(here.stream).stream,
            position: here.position,
            queue_id: &line.queue_id.map(|queue_id| here.text(queue_id)).unwrap_or_default(),
            client_name: &here.text(decision.client.name),
            client_ip: &here.text(decision.client.ip),
            helo: &here.text(decision.helo),
            service: &here.text(line.service),
            stage,
            sender: sender.address(),
            recipient: recipient.address(),
            sasl_user: &here.text(decision.sasl_username),
            reply_code: codes.code,
            enhanced_code: codes.enhanced,
            reply_text: text,
            reason: verdict.reason.unwrap_or_default(),
            rule: &verdict.rule,
            action,
        });
    }

    /// What a decision does to the message that it is about.
    fn decided(&mut self, at: LifeRef, here: Here, decision: &Decision<'_>, action: Action, whole: bool, sink: &mut impl Sink) {
        let outcome = match action {
            Action::Warn => return,
            Action::Reject | Action::Defer if !whole => return,
            Action::Hold => None,
            Action::Discard => Some(Outcome::Discarded),
            Action::Reject | Action::Defer => Some(Outcome::Rejected),
        };
        let Some(life) = self.lives.get_mut(at) else { return };
        if let Some(sender) = decision.sender {
            super::queue::set_sender(life, here, sender);
        }
        if let Some(recipient) = decision.recipient.filter(|recipient| !recipient.is_empty()) {
            let mailbox = here.mailbox(recipient, false);
            if life.find(mailbox.address()).is_none() {
                life.add(mailbox.address(), Default::default());
            }
        }
        life.flags.set(match outcome {
            None => Flags::HELD,
            Some(Outcome::Discarded) => Flags::DISCARDED,
            Some(_) => Flags::REJECTED,
        });
        self.lives.touch(at);
        if let Some(outcome) = outcome {
            let text = here.text(decision.reply);
            self.keep_reply(at, &text);
            self.end_open(at, outcome, here, sink);
            self.close(at, here.time, sink);
        }
    }

    /// The reply of a decision about a whole message is the last word on each of its recipients.
    pub(crate) fn keep_reply(&mut self, at: LifeRef, text: &str) {
        let codes = reply::codes(text);
        let view = crate::life::LastView { reply_code: codes.code, enhanced: codes.enhanced, text, ..Default::default() };
        if let Some(life) = self.lives.get_mut(at) {
            for recipient in life.recipients.iter_mut().filter(|recipient| recipient.attempts == 0 && recipient.told == 0) {
                recipient.last = Some(view.keep());
            }
        }
    }

    /// `proxy-accept: END-OF-MESSAGE: 250 2.0.0 Ok: queued as NEWID`: the message that came back from a before-queue filter
    /// is that of this connection's client.
    fn proxy_accepted(&mut self, here: Here, text: &str, sink: &mut impl Sink) {
        let Some(at) = text.rfind("queued as ") else { return };
        let id = text[at + 10..].split(|character: char| !character.is_ascii_alphanumeric()).next().unwrap_or("");
        let machine = self.streams.get(here.stream).machine;
        let mut streams = (0..self.streams.len()).filter(|each| self.streams.get(*each).machine == machine);
        let found = streams.find_map(|stream| self.lives.by_key(&QueueKey::of(stream, id.as_bytes())));
        let Some(next) = found else { return };
        let client = here.pid.and_then(|pid| self.sessions.get((here.stream, pid)));
        let client = client.map(|session| (session.client_name.clone(), session.client_ip.clone()));
        let Some(life) = self.lives.get_mut(next) else { return };
        if let Some((name, ip)) = client
            && life.flags.has(Flags::UNCERTAIN)
        {
            life.forget_told();
            life.client_name = life.texts.add(&name);
            life.client_ip = life.texts.add(&ip);
            life.flags.clear(Flags::SUBMITTED);
            life.flags.set(Flags::OUTSIDE);
        }
        self.settled_origin(next, sink);
    }
}

/// What a verb does, in the words of a rejection; `None` for verbs that refuse nothing.
fn action(verb: Verb, codes: &reply::Reply<'_>) -> Option<Action> {
    Some(match verb {
        Verb::Reject | Verb::MilterReject | Verb::ProxyReject | Verb::Hangup => {
            let deferred = codes.code / 100 == 4 || codes.code == 0 && codes.enhanced.starts_with('4');
            if deferred { Action::Defer } else { Action::Reject }
        }
        Verb::RejectWarning | Verb::Warn => Action::Warn,
        Verb::Hold | Verb::MilterHold => Action::Hold,
        Verb::Discard | Verb::MilterDiscard => Action::Discard,
        _ => return None,
    })
}
