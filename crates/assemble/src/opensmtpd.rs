//! The lines of OpenSMTPD: what each one means for the life of its message, its session, or this server.
//!
//! A message is known by the first half of its envelope ids. Sessions have ids of their own, whose upper half counts them: it stands
//! for the process in what is kept by process, since one process serves all of them.

use mailvane_model::Sink;
use mailvane_model::word::{Action, Level, Outcome, Stage};
use mailvane_parse::Record;
use mailvane_parse::mta::opensmtpd::{self, Delivery, Event, Line};
use mailvane_parse::record::{Client, Severity};

use crate::assembler::{Assembler, Here};
use crate::attempt::{Ended, Try};
use crate::inbound::{Arrival, Refusal};
use crate::life::{Flags, LifeRef, State};
use crate::postfix::queue::set_sender;
use crate::relay::Agent;
use crate::text;

impl Assembler {
    /// Takes a line of OpenSMTPD in.
    pub(crate) fn opensmtpd_line(&mut self, here: Here, record: &Record<'_>, line: &Line<'_>, sink: &mut impl Sink) {
        let here = Here { pid: session_number(line.session), ..here };
        match &line.event {
            Event::Connected { client } => self.connect(here, client),
            Event::Message { .. } => self.opensmtpd_message(here, line, sink),
            Event::Envelope { evpid, sender, recipient } => {
                let at = self.known_or_new(here, opensmtpd::message_of(evpid), sink);
                self.opensmtpd_envelope(at, here, sender, recipient);
            }
            Event::FailedCommand { command, result, client } => self.opensmtpd_refusal(here, command, result, client, sink),
            Event::Authentication { user, result, client } => {
                let failure = (*result != b"ok").then_some(*result);
                self.login(here, client, user, b"", failure, sink);
            }
            Event::Tls { inbound, version, cipher, .. } => self.tls(here, *inbound, b"", &Client::default(), version, cipher),
            Event::CertificateCheck { inbound: false, result } => {
                if let Some(tls) = here.pid.and_then(|pid| self.sessions.tls_mut((here.stream, pid))) {
                    tls.verification.clear();
                    tls.verification.push_str(&text::lossy(result));
                }
            }
            Event::Disconnected { inbound: true, client, reason, .. } => {
                let lost = if *reason == b"quit" { Stage::Unknown } else { Stage::Other };
                self.session_ended(here, client, b"", lost, sink);
            }
            Event::Disconnected { inbound: false, .. } => {
                if let Some(pid) = here.pid {
                    self.sessions.drop_tls((here.stream, pid));
                }
            }
            Event::Delivery(delivery) => self.opensmtpd_delivery(here, delivery, sink),
            Event::Lifecycle { what, .. } => self.notice(here, "smtpd", Level::Info, &text::lossy(what), sink),
            Event::Trouble { text } => {
                let level = match record.severity {
                    Severity::Info | Severity::Warning => Level::Warning,
                    Severity::Error => Level::Error,
                    Severity::Fatal => Level::Fatal,
                    Severity::Panic => Level::Panic,
                };
                self.notice(here, "smtpd", level, &text::lossy(text), sink);
            }
            Event::Connecting { relay, .. } => {
                if let Some(pid) = here.pid {
                    let limit = self.config.limits.tls;
                    let within = self.sessions.connect_out((here.stream, pid), limit, relay.port, here.time);
                    self.counts.sessions_over_limit += u64::from(!within);
                }
            }
            Event::CertificateCheck { inbound: true, .. }
            | Event::Reached
            | Event::SessionFailed { .. }
            | Event::Route { .. }
            | Event::Note { .. }
            | Event::Ignored
            | Event::Unknown => {}
        }
    }

    /// A message was accepted.
    fn opensmtpd_message(&mut self, here: Here, line: &Line<'_>, sink: &mut impl Sink) {
        let Event::Message { message, size, recipients, sender, recipient, client, .. } = &line.event else { return };
        let former = self.known(here, message, sink);
        // Up to 6.3 there is a line for each recipient.
        let again = former.and_then(|at| self.lives.get(at)).is_some_and(|life| life.flags.has(Flags::OPENED) && life.size == Some(*size));
        let at = match former {
            Some(at) if again => at,
            _ => self.begin(here, message, sink),
        };
        if let Some(life) = self.lives.get_mut(at) {
            life.forget_told();
            life.size = Some(*size);
            life.flags.set(Flags::ACTIVE);
            life.expected = Some(if again { life.expected.unwrap_or(0).saturating_add(*recipients) } else { *recipients });
        }
        if !again {
            self.opensmtpd_arrived(at, here, client, sink);
        }
        if let Some(sender) = sender {
            self.opensmtpd_envelope(at, here, sender, recipient);
        }
    }

    /// Who handed a message in: the client of its session. Notifications of the server itself have a session that nobody opened.
    fn opensmtpd_arrived(&mut self, at: LifeRef, here: Here, client: &Client<'_>, sink: &mut impl Sink) {
        let session = here.pid.and_then(|pid| self.sessions.get((here.stream, pid)));
        let (name, ip, user) = match session {
            Some(session) => (session.client_name.clone(), session.client_ip.clone(), session.user.clone()),
            None => (text::lossy(client.name).into_owned(), text::lossy(client.ip).into_owned(), String::new()),
        };
        let met = session.is_some();
        let client = Client { name: name.as_bytes(), ip: ip.as_bytes(), port: 0 };
        let local = met && ip.is_empty();
        self.arrived(at, here, &Arrival { client, user: &user, local, ..Arrival::default() }, sink);
        if !met && ip.is_empty() {
            // The sender follows with the envelope; until then it may also be a message whose session began before the log.
            if let Some(life) = self.lives.get_mut(at) {
                life.flags.clear(Flags::OPENED);
            }
        }
    }

    /// Sender and recipient of an envelope.
    fn opensmtpd_envelope(&mut self, at: LifeRef, here: Here, sender: &[u8], recipient: &[u8]) {
        let Some(life) = self.lives.get_mut(at) else { return };
        life.forget_told();
        set_sender(life, here, sender);
        let is_own_notice = sender.is_empty() && life.client_ip.is_empty() && !life.flags.has(Flags::OPENED);
        if is_own_notice {
            life.flags.set(Flags::NOTIFICATION);
        }
        if !recipient.is_empty() {
            let mailbox = here.mailbox(recipient, false);
            if life.find(mailbox.address()).is_none() {
                life.add(mailbox.address(), Default::default());
            }
        }
    }

    /// An attempt for one envelope, or its end in the queue.
    fn opensmtpd_delivery(&mut self, here: Here, delivery: &Delivery<'_>, sink: &mut impl Sink) {
        let at = self.known_or_new(here, delivery.message(), sink);
        if let Some(life) = self.lives.get_mut(at) {
            set_sender(life, here, delivery.sender);
            let (recipient, original) = (here.mailbox(delivery.recipient, false), here.mailbox(delivery.original, false));
            if let Some(place) = life.find(recipient.address()) {
                life.name_original(place, original.address());
            }
        }
        let ended = match delivery.outcome {
            opensmtpd::Outcome::Ok => Ended::Accepted,
            opensmtpd::Outcome::TempFail => Ended::Deferred,
            opensmtpd::Outcome::PermFail => Ended::Bounced,
            opensmtpd::Outcome::Expired => return self.opensmtpd_ended(at, here, delivery, Outcome::Expired, sink),
            opensmtpd::Outcome::Removed => return self.opensmtpd_ended(at, here, delivery, Outcome::Deleted, sink),
        };
        // A relay without an address is the domain whose hosts were not found.
        let relay = if delivery.relay.ip.is_empty() { Client::default() } else { delivery.relay };
        let connection = here.pid.and_then(|pid| self.sessions.tls((here.stream, pid)));
        let line = Try {
            to: delivery.recipient,
            original: (!delivery.original.is_empty()).then_some(delivery.original),
            agent: if delivery.local { Agent::Virtual } else { Agent::Smtp },
            relay_host: relay.name,
            relay_ip: relay.ip,
            relay_port: connection.map_or(0, |connection| connection.port),
            delay_ms: delivery.delay_ms,
            reused: true,
            ended,
            text: delivery.stat,
            stage: Some(Stage::Unknown),
            ..Try::default()
        };
        self.attempt(at, here, &line, sink);
        if ended == Ended::Bounced
            && let Some(life) = self.lives.get_mut(at)
        {
            // No line ties the notification to its cause: it is not waited for.
            life.flags.clear(Flags::BOUNCED);
        }
        self.settles(at);
    }

    /// The queue ended an envelope without trying it: its time was over, or an administrator removed it.
    fn opensmtpd_ended(&mut self, at: LifeRef, here: Here, delivery: &Delivery<'_>, outcome: Outcome, sink: &mut impl Sink) {
        let mailbox = here.mailbox(delivery.recipient, false);
        let Some(life) = self.lives.get_mut(at) else { return };
        let place = match life.find(mailbox.address()) {
            Some(place) => place,
            None => {
                let original = here.mailbox(delivery.original, false);
                let expanded = life.expand(mailbox.address(), original.address());
                expanded.unwrap_or_else(|| life.add(mailbox.address(), original.address()))
            }
        };
        if life.recipients[place].state != State::Final {
            life.settle(place, State::Final);
            (life.recipients[place].outcome, life.recipients[place].ended) = (outcome, here.time);
            self.lives.touch(at);
            self.tell(at, place, sink);
        }
        self.settles(at);
    }

    /// A command was refused.
    fn opensmtpd_refusal(&mut self, here: Here, command: &[u8], result: &[u8], client: &Client<'_>, sink: &mut impl Sink) {
        let (stage, argument) = command_stage(command);
        let mut refusal = Refusal { client: *client, stage, text: result, action: Action::Reject, ..Refusal::default() };
        match stage {
            Stage::Mail => refusal.sender = Some(argument),
            Stage::Rcpt => refusal.recipient = argument,
            Stage::Helo => refusal.helo = argument,
            _ => {}
        }
        self.refused(here, &refusal, sink);
    }
}

/// The upper half of a session id: a counter, so that it is unique as long as the daemon runs. `None` where there is no session.
fn session_number(session: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(session.get(..8)?).ok()?;
    u32::from_str_radix(digits, 16).ok().filter(|number| *number != 0)
}

/// The step of a command, and its address or name.
fn command_stage(command: &[u8]) -> (Stage, &[u8]) {
    let verbs: [(&[u8], Stage); 9] = [
        (b"MAIL FROM:", Stage::Mail),
        (b"RCPT TO:", Stage::Rcpt),
        (b"EHLO ", Stage::Helo),
        (b"HELO ", Stage::Helo),
        (b"DATA", Stage::Data),
        (b"AUTH", Stage::Auth),
        (b"STARTTLS", Stage::Starttls),
        (b"VRFY", Stage::Vrfy),
        (b"EXPN", Stage::Vrfy),
    ];
    for (verb, stage) in verbs {
        if command.len() >= verb.len() && command[..verb.len()].eq_ignore_ascii_case(verb) {
            let argument = command[verb.len()..].trim_ascii();
            // Parameters follow the address.
            let argument = match argument.strip_prefix(b"<") {
                Some(inside) => &inside[..memchr::memrchr(b'>', inside).unwrap_or(inside.len())],
                None => argument,
            };
            return (stage, argument);
        }
    }
    (Stage::Other, b"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_commands() {
        assert_eq!(command_stage(b"RCPT TO:<a@example.com> NOTIFY=NEVER"), (Stage::Rcpt, &b"a@example.com"[..]));
        assert_eq!(command_stage(b"mail from:<>"), (Stage::Mail, &b""[..]));
        assert_eq!(command_stage(b"EHLO mail.example.org"), (Stage::Helo, &b"mail.example.org"[..]));
        assert_eq!(command_stage(b"BOGUS"), (Stage::Other, &b""[..]));
    }

    #[test]
    fn sessions_by_the_count_in_their_id() {
        assert_eq!(session_number(b"e92c8d1a39a80bf8"), Some(0xe92c_8d1a));
        assert_eq!(session_number(b"0000000000000000"), None);
        assert_eq!(session_number(b""), None);
    }
}
