//! The lines of Sendmail: what each one means for the life of its message, its connection, or this server.
//!
//! A message has no line that says that it left the queue (below log level 10), so that its life ends when all of its recipients are
//! final and nothing more was said for a while.

mod delivery;
mod inbound;

use mailvane_model::Sink;
use mailvane_model::word::{Action, Level, Outcome, Stage};
use mailvane_parse::Record;
use mailvane_parse::mta::sendmail::{Event, Line};
use mailvane_parse::record::{Client, Severity};

use crate::assembler::{Assembler, Here};
use crate::inbound::Refusal;
use crate::life::{Flags, LifeRef};
use crate::network;
use crate::postfix::queue::set_sender;
use crate::text;
use crate::timer::Alarm;

impl Assembler {
    /// Takes a line of Sendmail in.
    pub(crate) fn sendmail_line(&mut self, here: Here, record: &Record<'_>, line: &Line<'_>, sink: &mut impl Sink) {
        let id = line.queue_id;
        match &line.event {
            Event::Delivery(delivery) => self.sendmail_delivery(here, id, delivery, sink),
            Event::From { .. } => self.sendmail_from(here, line, sink),
            Event::Done => {
                if let Some(at) = id.and_then(|id| self.known(here, id, sink)) {
                    self.close(at, here.time, sink);
                }
            }
            Event::Child { new_queue_id, text, .. } => self.sendmail_child(here, id, new_queue_id, text, sink),
            Event::Cloned { former, owner } => self.sendmail_cloned(here, id, former, owner, sink),
            Event::Quarantined { .. } => self.sendmail_held(here, id, true, sink),
            Event::Released => self.sendmail_held(here, id, false, sink),
            Event::Broken { .. } => self.sendmail_broken(here, id, sink),
            Event::Connect { client } => {
                let ip = network::plain(client.ip);
                self.connect(here, &Client { ip: &ip, ..*client });
            }
            Event::NoTransaction { client, daemon } => self.session_ended(here, client, daemon, Stage::Unknown, sink),
            Event::Lost { client, daemon, stage } => {
                self.sendmail_broken(here, id, sink);
                self.session_ended(here, client, daemon, inbound::stage_of_word(stage), sink);
            }
            Event::Decision(decision) => self.sendmail_decision(here, id, decision, sink),
            Event::AddressRefused { address, text } => {
                let refusal = Refusal {
                    queue_id: id.unwrap_or_default(),
                    stage: Stage::Rcpt,
                    recipient: address,
                    text,
                    action: Action::Reject,
                    ..Refusal::default()
                };
                self.refused(here, &refusal, sink);
            }
            // The size is refused again where the recipients are told; a limit of recipients asks to send the rest later.
            Event::Refused { text } if text.starts_with(b"Too many recipients") => {
                let refusal =
                    Refusal { queue_id: id.unwrap_or_default(), stage: Stage::Rcpt, text, action: Action::Defer, ..Refusal::default() };
                self.refused(here, &refusal, sink);
            }
            Event::PreGreeting { client, text } => {
                let refusal = Refusal { client: *client, stage: Stage::Connect, text, action: Action::Reject, ..Refusal::default() };
                self.refused(here, &refusal, sink);
            }
            Event::Tls { .. } | Event::TlsFailed { .. } => self.sendmail_tls(here, line, sink),
            Event::Authenticated { client, user, method } => {
                self.meet(here, client);
                self.login(here, client, user, method, None, sink);
            }
            Event::AuthFailed { client, user, method, text } => self.login(here, client, user, method, Some(text), sink),
            Event::Lifecycle { what, .. } => self.notice(here, "sendmail", Level::Info, &text::lossy(what), sink),
            Event::Trouble { text } => {
                let level = if record.severity == Severity::Error { Level::Error } else { Level::Warning };
                self.notice(here, "sendmail", level, &text::lossy(text), sink);
            }
            Event::TimedOut { .. }
            | Event::Refused { .. }
            | Event::Misbehaved { .. }
            | Event::LoggedIn { .. }
            | Event::Note { .. }
            | Event::Ignored
            | Event::Unknown => {}
        }
    }

    /// `NEWID: DSN: text`: a notification was made from a message. Words that it was given up end what still waits.
    fn sendmail_child(&mut self, here: Here, id: Option<&[u8]>, new_id: &[u8], text: &[u8], sink: &mut impl Sink) {
        let cause = id.and_then(|id| self.known(here, id, sink));
        let given_up = text.starts_with(b"Cannot send message") || text.starts_with(b"Cannot send within");
        let warning = text.starts_with(b"Warning:");
        if let Some(at) = cause {
            if given_up {
                if let Some(life) = self.lives.get_mut(at) {
                    life.flags.set(Flags::EXPIRED);
                }
                self.end_open(at, Outcome::Expired, here, sink);
            }
            if let Some(life) = self.lives.get_mut(at)
                && !warning
            {
                life.flags.clear(Flags::BOUNCED);
            }
            self.settles(at);
        }
        let cause_id = cause.and_then(|at| self.lives.get(at)).map_or(0, |life| life.id);
        let at = match self.known(here, new_id, sink) {
            Some(at) => at,
            None => self.create(here, new_id, 1, sink),
        };
        let Some(life) = self.lives.get_mut(at) else { return };
        life.forget_told();
        life.bounce_of = cause_id;
        life.flags.set(Flags::NOTIFICATION | Flags::RETELL);
        set_sender(life, here, b"");
        self.settled_origin(at, sink);
    }

    /// A list's owner takes the bounces: its recipients go on under a new id, with what is known of the former one.
    fn sendmail_cloned(&mut self, here: Here, id: Option<&[u8]>, former: &[u8], owner: &[u8], sink: &mut impl Sink) {
        let Some(id) = id else { return };
        let former = self.known(here, former, sink);
        let at = self.known_or_new(here, id, sink);
        let copied = former.and_then(|former| self.lives.get(former)).map(|life| {
            let texts = [life.client_name, life.client_ip, life.sasl_user, life.service, life.message_id];
            (texts.map(|span| life.texts.get(span).to_owned()), life.flags, life.size)
        });
        let Some(life) = self.lives.get_mut(at) else { return };
        set_sender(life, here, owner);
        let Some(([name, ip, user, service, message_id], flags, size)) = copied else { return };
        life.forget_told();
        life.client_name = life.texts.add(&name);
        life.client_ip = life.texts.add(&ip);
        life.sasl_user = life.texts.add(&user);
        life.service = life.texts.add(&service);
        life.message_id = life.texts.add(&message_id);
        life.size = size;
        let kept = Flags::OPENED | Flags::ACTIVE | Flags::SUBMITTED | Flags::OUTSIDE | Flags::PICKED_UP;
        life.flags.set(flags.0 & kept);
    }

    /// Quarantine, and the end of it.
    fn sendmail_held(&mut self, here: Here, id: Option<&[u8]>, held: bool, sink: &mut impl Sink) {
        let Some(at) = id.and_then(|id| self.known(here, id, sink)) else { return };
        if let Some(life) = self.lives.get_mut(at) {
            if held {
                life.flags.set(Flags::HELD);
            } else {
                life.flags.clear(Flags::HELD);
            }
        }
    }

    /// A transaction ended before the message was whole: what is told of it afterwards is no message.
    fn sendmail_broken(&mut self, here: Here, id: Option<&[u8]>, sink: &mut impl Sink) {
        let Some(id) = id else { return };
        let at = self.known_or_new(here, id, sink);
        if let Some(life) = self.lives.get_mut(at)
            && !life.flags.has(Flags::ACTIVE)
        {
            life.flags.set(Flags::CANCELED);
            self.await_late(at, here.time);
        }
    }

    /// A life whose MTA writes no end may have come to it: it is looked at again when nothing more is said.
    pub(crate) fn settles(&mut self, at: LifeRef) {
        if let Some(life) = self.lives.get(at)
            && crate::ending::may_be_over(life)
        {
            self.timers.set(Alarm::Quiet, life.seen, at);
        }
    }
}
