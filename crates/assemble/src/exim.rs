//! The lines of Exim: what each one means for the life of its message, its connection, or this server.

mod arrival;
mod delivery;
mod refusal;

use mailvane_model::Sink;
use mailvane_model::word::{Level, Outcome};
use mailvane_parse::Record;
use mailvane_parse::mta::exim::{Event, Host, Line};
use mailvane_parse::record::Severity;
use mailvane_reply::peer::Peer;

use crate::assembler::{Assembler, Here};
use crate::life::{Flags, State};
use crate::text::{self, Mailbox};
use crate::tried::Failed;

/// The name of the daemon in notices.
const DAEMON: &str = "exim";

impl Assembler {
    /// Takes a line of Exim in.
    pub(crate) fn exim_line(&mut self, here: Here, record: &Record<'_>, line: &Line<'_>, sink: &mut impl Sink) {
        match &line.event {
            Event::Delivery(delivery) => self.exim_delivery(here, line.message_id, delivery, sink),
            Event::Arrival(arrival) => self.exim_arrival(here, line.message_id, arrival, sink),
            Event::Completed { .. } => self.exim_completed(here, line.message_id, sink),
            Event::Rejection(rejection) => self.exim_rejection(here, line.message_id, rejection, sink),
            Event::AuthFailed { method, host, user, text } => {
                let client = mailvane_parse::Client { name: host.name, ip: host.ip, port: host.port };
                self.auth_failed(here, &client, method, text, user, sink);
            }
            Event::Frozen { .. } | Event::StillFrozen => self.exim_frozen(here, line.message_id, true, sink),
            Event::Thawed { .. } => self.exim_frozen(here, line.message_id, false, sink),
            Event::Removed { by, text } => self.exim_removed(here, line.message_id, by, text, sink),
            Event::MarkedDelivered { address, .. } => self.exim_marked(here, line.message_id, address, sink),
            Event::Disconnect { host, how, lost, commands, .. } => self.exim_disconnect(here, host, how, *lost, commands, sink),
            Event::Dropped { host, text } => self.exim_dropped(here, host, text, sink),
            Event::Misbehaved { host, text } => self.exim_misbehaved(here, host, text, sink),
            Event::TlsFailed { text, .. } => self.notice(here, DAEMON, Level::Info, &text::lossy(text), sink),
            // A queue run begins and ends every few minutes: that is no news.
            Event::Lifecycle { what, .. } if what.starts_with(b"Start queue run") || what.starts_with(b"End queue run") => {}
            Event::Lifecycle { what, .. } => self.notice(here, DAEMON, Level::Info, &text::lossy(what), sink),
            Event::Trouble { text } => {
                self.exim_line_of(here, line.message_id, sink);
                let level = if record.severity >= Severity::Error { Level::Error } else { Level::Warning };
                self.notice(here, DAEMON, level, &text::lossy(text), sink);
            }
            Event::HostFailed { host, text } => self.exim_host_failed(here, line.message_id, host, text, sink),
            Event::ErrorIgnored { .. } | Event::Dkim { .. } | Event::Note { .. } | Event::Unknown => {
                self.exim_line_of(here, line.message_id, sink);
            }
            _ => {}
        }
    }

    /// The line is one of a message's lines, if that is open; nothing else is known of it.
    fn exim_line_of(&mut self, here: Here, message_id: Option<&[u8]>, sink: &mut impl Sink) {
        if let Some(message_id) = message_id {
            self.known(here, message_id, sink);
        }
    }

    /// `H=host [ip] Connection refused`: the result that follows has the reason alone.
    fn exim_host_failed(&mut self, here: Here, message_id: Option<&[u8]>, host: &Host<'_>, text: &[u8], sink: &mut impl Sink) {
        let Some(at) = message_id.and_then(|message_id| self.known(here, message_id, sink)) else { return };
        let (name, ip, text) = (text::lossy(host.name), text::lossy(host.ip), text::lossy(text));
        let host = Peer { name: &name, ip: &ip, port: host.port };
        if let Some(life) = self.lives.get_mut(at) {
            life.failed = Failed::after(life.failed.take(), host, &text);
        }
    }

    /// `Completed`: the message left the queue.
    fn exim_completed(&mut self, here: Here, message_id: Option<&[u8]>, sink: &mut impl Sink) {
        let Some(at) = message_id.and_then(|message_id| self.known(here, message_id, sink)) else {
            self.counts.strays += 1;
            return;
        };
        self.close(at, here.time, sink);
    }

    /// Frozen: no delivery is tried until somebody thaws it, or its time is over.
    fn exim_frozen(&mut self, here: Here, message_id: Option<&[u8]>, frozen: bool, sink: &mut impl Sink) {
        let Some(message_id) = message_id else { return };
        let at = self.known_or_new(here, message_id, sink);
        if let Some(life) = self.lives.get_mut(at).filter(|life| !life.flags.has(Flags::CLOSED)) {
            if frozen {
                life.flags.set(Flags::HELD);
            } else {
                life.flags.clear(Flags::HELD);
            }
        }
    }

    /// `removed by`, `cancelled by`: what was not final will not be.
    fn exim_removed(&mut self, here: Here, message_id: Option<&[u8]>, by: &[u8], text: &[u8], sink: &mut impl Sink) {
        let Some(at) = message_id.and_then(|message_id| self.known(here, message_id, sink)) else {
            self.counts.strays += 1;
            return;
        };
        let (outcome, flag) = if by == b"timeout_frozen_after" {
            (Outcome::Expired, Flags::EXPIRED)
        } else if by.starts_with(b"system filter") && text.starts_with(b"this message is a failure") {
            (Outcome::Bounced, Flags::BOUNCED)
        } else {
            (Outcome::Deleted, Flags::DELETED)
        };
        if let Some(life) = self.lives.get_mut(at) {
            life.flags.set(flag);
        }
        // `Completed` follows, after the notification of a message that was cancelled.
        self.end_open(at, outcome, here, sink);
    }

    /// An operator took one recipient away.
    fn exim_marked(&mut self, here: Here, message_id: Option<&[u8]>, address: &[u8], sink: &mut impl Sink) {
        let Some(at) = message_id.and_then(|message_id| self.known(here, message_id, sink)) else { return };
        let mailbox = Mailbox::of("", address, false);
        let Some(life) = self.lives.get_mut(at) else { return };
        let place = life.find(mailbox.address()).unwrap_or_else(|| life.add(mailbox.address(), Default::default()));
        if life.recipients[place].state == State::Final {
            return;
        }
        life.settle(place, State::Final);
        (life.recipients[place].outcome, life.recipients[place].ended) = (Outcome::Deleted, here.time);
        self.tell(at, place, sink);
    }
}
