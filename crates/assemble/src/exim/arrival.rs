//! `<=`: a message arrived, from a client, from a local program, or from Exim itself as a notification.

use mailvane_model::word::AuthResult;
use mailvane_model::{AuthRow, Sink};
use mailvane_parse::mta::exim::Arrival;

use crate::assembler::{Assembler, Here};
use crate::life::{Flags, Life, LifeRef, QueueKey};
use crate::ours;
use crate::postfix::{ordinal, set_sender};
use crate::text::{self, Mailbox};
use crate::timer::Alarm;

impl Assembler {
    /// Takes an arrival in.
    pub(super) fn exim_arrival(&mut self, here: Here, message_id: Option<&[u8]>, arrival: &Arrival<'_>, sink: &mut impl Sink) {
        let Some(message_id) = message_id else { return };
        let login = login(arrival.auth);
        if !arrival.auth.is_empty() && !arrival.host.ip.is_empty() {
            self.exim_login(here, arrival, login, sink);
        }
        let at = self.exim_begin(here, message_id, sink);
        let from_program = arrival.host.ip.is_empty();
        let given = !from_program
            && (ours::is_given_client(&self.config, arrival.host.name, arrival.host.ip) || self.is_learned(here, arrival.host.ip));
        let filters = self.streams.get(here.stream).learned.filters;
        let most = self.config.limits.recipients;
        let Some(life) = self.lives.get_mut(at) else { return };
        life.forget_told();
        set_sender(life, here, arrival.sender);
        fill(life, arrival, login);
        let added = add_recipients(life, arrival, most);
        life.flags.set(Flags::OPENED | Flags::ACTIVE);
        let trusted = !login.is_empty() || is_submission(life.texts.get(life.service));
        if from_program {
            life.flags.set(Flags::PICKED_UP);
        } else if trusted || given {
            life.flags.set(Flags::SUBMITTED);
        } else {
            life.flags.set(Flags::OUTSIDE);
        }
        if arrival.sender.is_empty() && from_program {
            life.flags.set(Flags::NOTIFICATION);
        }
        // What a filter hands back comes from this host, or from a program that named a protocol of its own (`-oMr`).
        let handed_back = from_program && (filters || !arrival.protocol.starts_with(b"local")) && arrival.bounce_of.is_empty();
        let linkable = given && !trusted || handed_back;
        self.counts.recipients_over_limit += u64::from(!added);
        self.lives.touch(at);
        if !arrival.bounce_of.is_empty() {
            self.exim_caused_by(at, here, arrival);
        }
        if linkable {
            self.await_former(at, here.time);
        }
        self.appeared(at, sink);
        if linkable && self.lives.get(at).is_some_and(|life| life.previous.is_none()) {
            self.entered(at, sink);
        }
    }

    /// The life that an arrival begins: a delivery while the message came in (cutthrough), or the word of an ACL, may have begun it.
    fn exim_begin(&mut self, here: Here, message_id: &[u8], sink: &mut impl Sink) -> LifeRef {
        if let Some(former) = self.lives.by_key(&QueueKey::of(here.stream, message_id))
            && let Some(life) = self.lives.get_mut(former)
            && !life.flags.has(Flags::OPENED | Flags::CLOSED)
        {
            life.flags.set(Flags::OPENED);
            life.seen = life.seen.max(here.time);
            life.lines.push(here.position);
            if here.time < life.opened {
                life.opened = here.time;
                self.timers.set(Alarm::Announce, here.time, former);
            }
            self.lives.touch(former);
            return former;
        }
        self.begin(here, message_id, sink)
    }

    fn is_learned(&self, here: Here, ip: &[u8]) -> bool {
        self.streams.get(here.stream).learned.is_address(ip)
    }

    /// `R=`: the notification (or automatic reply) is about another message.
    fn exim_caused_by(&mut self, at: LifeRef, here: Here, arrival: &Arrival<'_>) {
        let Some(cause) = self.lives.by_key(&QueueKey::of(here.stream, arrival.bounce_of)) else { return };
        let Some(life) = self.lives.get_mut(cause) else { return };
        life.flags.clear(Flags::BOUNCED);
        let cause_id = life.id;
        self.lives.touch(cause);
        if let Some(life) = self.lives.get_mut(at) {
            life.bounce_of = cause_id;
            life.flags.set(Flags::RETELL);
        }
    }

    /// A login that succeeded.
    fn exim_login(&mut self, here: Here, arrival: &Arrival<'_>, user: &[u8], sink: &mut impl Sink) {
        let method = arrival.auth.split(|byte| *byte == b':').next().unwrap_or_default();
        sink.auth(&AuthRow {
            id: here.id(ordinal::AUTH),
            time: here.time,
            stream: &self.streams.get(here.stream).stream,
            position: here.position,
            client_name: &text::lossy(arrival.host.name),
            client_ip: &text::lossy(arrival.host.ip),
            user: &text::lossy(user),
            method: &text::lossy(method),
            result: AuthResult::Ok,
            reply_text: "",
        });
    }
}

/// The login in `authenticator:login[:sender]`; the authenticator's name where nothing else is logged.
fn login(auth: &[u8]) -> &[u8] {
    let mut parts = auth.split(|byte| *byte == b':');
    let method = parts.next().unwrap_or_default();
    parts.next().filter(|login| !login.is_empty()).unwrap_or(method)
}

fn is_submission(service: &str) -> bool {
    service.starts_with("submission")
}

fn fill(life: &mut Life, arrival: &Arrival<'_>, login: &[u8]) {
    life.client_name = life.texts.add(&text::lossy(arrival.host.name));
    life.client_ip = life.texts.add(&text::lossy(arrival.host.ip));
    life.sasl_user = life.texts.add(&text::lossy(login));
    let service = match (arrival.host.ip.is_empty(), arrival.server_port) {
        (true, _) => "local",
        (_, 587) => "submission",
        (_, 465) => "submissions",
        _ => "",
    };
    life.service = life.texts.add(service);
    life.size = arrival.size.or(life.size);
    if !arrival.header_id.is_empty() {
        life.message_id = life.texts.add(&text::lossy(arrival.header_id));
    }
}

/// The envelope recipients, where the log has them. False where there were more than the limit.
fn add_recipients(life: &mut Life, arrival: &Arrival<'_>, most: usize) -> bool {
    let mut count = 0_u32;
    for address in addresses(arrival.recipients) {
        count += 1;
        let mailbox = Mailbox::of("", address, false);
        if life.recipients.len() >= most {
            return false;
        }
        if life.find(mailbox.address()).is_none() && !life.recipients.iter().take(most).any(|each| life.original(each) == mailbox.address())
        {
            life.add(mailbox.address(), Default::default());
        }
    }
    // Those of the pieces that follow are met when they are tried.
    if count > 0 && !arrival.cut {
        life.expected = Some(count);
    }
    true
}

/// Addresses with blanks between them; a quoted local part has lost its quotes, so a word without `@` belongs to the next.
fn addresses(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = list;
    std::iter::from_fn(move || {
        while let [b' ', after @ ..] = rest {
            rest = after;
        }
        if rest.is_empty() {
            return None;
        }
        let at = memchr::memchr(b'@', rest).unwrap_or(0);
        let end = memchr::memchr(b' ', &rest[at..]).map_or(rest.len(), |blank| at + blank);
        let (address, after) = rest.split_at(end);
        rest = after;
        Some(address)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_are_taken_apart_at_blanks_after_an_at() {
        let found: Vec<&[u8]> = addresses(b"a@example.com john doe@example.net  b@example.org").collect();
        assert_eq!(found, [&b"a@example.com"[..], b"john doe@example.net", b"b@example.org"]);
        assert_eq!(addresses(b"root").collect::<Vec<_>>(), [&b"root"[..]]);
        assert_eq!(addresses(b"").count(), 0);
    }

    #[test]
    fn a_login_stands_after_its_authenticator() {
        assert_eq!(login(b"dovecot_login:joe@example.com:joe@example.com"), b"joe@example.com");
        assert_eq!(login(b"plain"), b"plain");
        assert_eq!(login(b""), b"");
    }
}
