//! `=>`, `->`, `>>`, `*>`, `**` and `==`: what became of one recipient.

use std::borrow::Cow;

use mailvane_model::word::Outcome;
use mailvane_model::{Address, Sink};
use mailvane_parse::mta::exim::{Delivery, Flag};

use crate::assembler::{Assembler, Here};
use crate::attempt::{Ended, Try};
use crate::life::{Flags, LifeRef, State};
use crate::relay::Agent;
use crate::text::{self, Mailbox};
use crate::tried::Failed;

/// Numbers of `defer (N)` for which nothing was tried: retry times not reached, domains that wait for a queue run, limits of our own.
const NOT_TRIED: std::ops::RangeInclusive<i32> = -56..=-51;

impl Assembler {
    /// Takes a result in.
    pub(super) fn exim_delivery(&mut self, here: Here, message_id: Option<&[u8]>, delivery: &Delivery<'_>, sink: &mut impl Sink) {
        let Some(message_id) = message_id else { return };
        let at = self.known_or_new(here, message_id, sink);
        if delivery.address == b"blackhole" && delivery.router.is_empty() && delivery.transport.is_empty() {
            return self.exim_blackholed(at, here, sink);
        }
        let (to, original) = self.exim_recipient(at, delivery);
        let original = original.as_deref();
        if let Some(life) = self.lives.get_mut(at) {
            // Whoever is delivered is not frozen any more.
            if matches!(delivery.flag, Flag::Delivered | Flag::Further) {
                life.flags.clear(Flags::HELD);
            }
            let (address, before) =
                (Mailbox::of("", &to, false), original.map(|original| Mailbox::of("", original, false)).unwrap_or_default());
            life.unalias(address.address(), before.address());
        }
        if delivery.flag == Flag::Deferred && is_waiting(delivery) {
            return self.exim_waits(at, &to, original);
        }
        if delivery.flag == Flag::Failed && delivery.text.ends_with(b"retry timeout exceeded") && self.exim_expired(at, here, &to, sink) {
            return;
        }
        let (agent, relay_host) = agent(delivery);
        let accepted = matches!(delivery.flag, Flag::Delivered | Flag::Further | Flag::Cutthrough | Flag::Suppressed);
        let text = unescaped(text(delivery));
        // A confirmation is quoted after it was escaped.
        let text = if accepted { unescaped(&text) } else { Cow::Borrowed(&*text) };
        let ended = match delivery.flag {
            Flag::Deferred => Ended::Deferred,
            Flag::Failed if text.ends_with(b"retry timeout exceeded") => Ended::Expired,
            Flag::Failed => Ended::Bounced,
            _ => Ended::Accepted,
        };
        let failed = self.exim_failed_host(at, delivery, agent, &text);
        let failed = failed.as_deref().map(Failed::host);
        let (tls_version, tls_cipher) = cipher(delivery.tls);
        let opened = self.lives.get(at).filter(|life| life.flags.has(Flags::OPENED)).map(|life| life.opened);
        let since = opened.and_then(|opened| u32::try_from((here.time.0 - opened.0) / 1000).ok());
        let line = Try {
            to: &to,
            original,
            agent: if accepted && delivery.flag == Flag::Suppressed { Agent::Discard } else { agent },
            relay_host: failed.map_or(relay_host, |failed| failed.name.as_bytes()),
            relay_ip: failed.map_or(delivery.host.ip, |failed| failed.ip.as_bytes()),
            relay_port: failed.map_or(delivery.host.port, |failed| failed.port),
            reused: delivery.reused,
            delay_ms: delivery.queue_ms.or(since),
            tls: verified(delivery),
            tls_version,
            tls_cipher,
            ended,
            text: &text,
            ..Try::default()
        };
        self.attempt(at, here, &line, sink);
    }

    /// The host that a line before said to have failed, for a result that has the reason alone.
    fn exim_failed_host(&mut self, at: LifeRef, delivery: &Delivery<'_>, agent: Agent, text: &[u8]) -> Option<Box<Failed>> {
        let failed = self.lives.get_mut(at)?.failed.as_mut()?;
        let found = failed.take(&text::lossy(text)).is_some();
        let lacks = matches!(delivery.flag, Flag::Deferred | Flag::Failed) && delivery.host.ip.is_empty() && agent != Agent::Router;
        (found && lacks).then(|| failed.clone())
    }

    /// An ACL threw the message away after it had been accepted: none of its recipients gets it, whether the log names them or not.
    fn exim_blackholed(&mut self, at: LifeRef, here: Here, sink: &mut impl Sink) {
        if let Some(life) = self.lives.get_mut(at) {
            life.flags.set(Flags::DISCARDED);
        }
        self.end_open(at, Outcome::Discarded, here, sink);
    }

    /// The recipient of a result, and the address that it came from where that is another one.
    ///
    /// A local delivery that succeeded names the local part alone; before, when it was deferred, it was named in full.
    fn exim_recipient<'d>(&self, at: LifeRef, delivery: &Delivery<'d>) -> (Cow<'d, [u8]>, Option<Cow<'d, [u8]>>) {
        let (address, original) = (delivery.address, delivery.original);
        let whole = Cow::Borrowed;
        if address == b":blackhole:" && !original.is_empty() {
            return (whole(original), None);
        }
        if let [b'>', target @ ..] = address {
            // An automatic reply names its addressee, perhaps with the address that asked for it.
            let end = memchr::memchr(b' ', target).unwrap_or(target.len());
            return (whole(&target[..end]), (!original.is_empty()).then_some(whole(original)));
        }
        if original.is_empty() {
            return (whole(address), None);
        }
        if address.eq_ignore_ascii_case(original) {
            // Routers write the local part in lower case; the envelope has it as it was given.
            return (whole(original), None);
        }
        let is_place = matches!(address, [b'|' | b'/', ..]) || address.starts_with(b"save ");
        if is_place || address.contains(&b'@') {
            return (whole(address), Some(whole(original)));
        }
        let (local, domain) = original.split_at(memchr::memrchr(b'@', original).unwrap_or(original.len()));
        if local.eq_ignore_ascii_case(address) {
            return (whole(original), None);
        }
        // A mailbox of this host behind an alias: named in full before, or else of the domain of the alias.
        let full = match self.exim_named_before(at, address, original) {
            Some(full) => full.into_bytes(),
            None => [address, domain].concat(),
        };
        (Cow::Owned(full), Some(whole(original)))
    }

    /// The full address of a local part that an alias leads to, where a line before named it.
    fn exim_named_before(&self, at: LifeRef, local: &[u8], original: &[u8]) -> Option<String> {
        let life = self.lives.get(at)?;
        let original = Mailbox::of("", original, false);
        let named = life.recipients.iter().find(|each| {
            let address = life.address(each);
            address.local.as_bytes().eq_ignore_ascii_case(local) && !address.domain.is_empty() && life.original(each) == original.address()
        })?;
        let Address { local, domain } = life.address(named);
        Some(format!("{local}@{domain}"))
    }

    /// The time for the next try has not come: nothing was tried, so this is no attempt.
    fn exim_waits(&mut self, at: LifeRef, to: &[u8], original: Option<&[u8]>) {
        let most = self.config.limits.recipients;
        let Some(life) = self.lives.get_mut(at) else { return };
        let to = Mailbox::of("", to, false);
        let original = original.map(|original| Mailbox::of("", original, false)).unwrap_or_default();
        if life.find(to.address()).is_none() && life.recipients.len() < most {
            life.add(to.address(), original.address());
        }
    }

    /// `retry timeout exceeded` follows the deferral that it ends: that was the last try. False where none is known.
    fn exim_expired(&mut self, at: LifeRef, here: Here, to: &[u8], sink: &mut impl Sink) -> bool {
        let to = Mailbox::of("", to, false);
        let Some(life) = self.lives.get_mut(at) else { return false };
        let Some(place) = life.find(to.address()).filter(|place| life.recipients[*place].state == State::Deferred) else { return false };
        life.settle(place, State::Final);
        (life.recipients[place].outcome, life.recipients[place].ended) = (Outcome::Expired, here.time);
        life.flags.set(Flags::BOUNCED);
        self.tell(at, place, sink);
        true
    }
}

/// Whether a deferral says that nothing was tried.
fn is_waiting(delivery: &Delivery<'_>) -> bool {
    delivery.errno.is_some_and(|errno| NOT_TRIED.contains(&errno)) || delivery.text.starts_with(b"retry time not reached")
}

/// The reason; where the line has nothing but a number, words for it.
fn text<'d>(delivery: &Delivery<'d>) -> &'d [u8] {
    if !delivery.text.is_empty() || delivery.flag != Flag::Deferred {
        return delivery.text;
    }
    match delivery.errno {
        Some(-9) => b"mailbox could not be locked",
        Some(-18) => b"Remote host closed connection",
        Some(-22) => b"mailbox is full (MTA-imposed quota exceeded)",
        Some(-36) => b"host lookup did not complete",
        Some(-37) => b"TLS session failed",
        Some(-38) => b"a TLS session is required",
        Some(-42) => b"authentication failed",
        Some(110) => b"Connection timed out",
        Some(111) => b"Connection refused",
        Some(113) => b"No route to host",
        _ => b"",
    }
}

/// What kind of agent delivered, and the name of what took over.
fn agent<'d>(delivery: &Delivery<'d>) -> (Agent, &'d [u8]) {
    let transport = delivery.transport;
    let has = |word: &[u8]| memchr::memmem::find(transport, word).is_some();
    if !delivery.host.ip.is_empty() {
        return (if has(b"lmtp") { Agent::Lmtp } else { Agent::Smtp }, delivery.host.name);
    }
    if delivery.address == b":blackhole:" || delivery.address == b"/dev/null" || transport == b"**bypassed**" {
        return (Agent::Discard, b"");
    }
    match delivery.address {
        [b'|', command @ ..] => return (Agent::Pipe, command.split(|byte| *byte == b' ').next().unwrap_or_default()),
        [b'>', ..] => return (Agent::Reply, transport),
        [b'/', ..] if transport == b"address_directory" || delivery.address.ends_with(b"/") => return (Agent::Virtual, transport),
        [b'/', ..] => return (Agent::File, transport),
        _ => {}
    }
    if transport.is_empty() {
        return (Agent::Router, b"");
    }
    if has(b"lmtp") {
        return (Agent::Lmtp, if delivery.host.name.is_empty() { transport } else { delivery.host.name });
    }
    if has(b"smtp") || is_of_network(delivery) {
        return (Agent::Smtp, delivery.host.name);
    }
    if has(b"reply") || has(b"vacation") {
        return (Agent::Reply, transport);
    }
    let filters = [&b"pipe"[..], b"filter", b"spam", b"clam", b"amavis"];
    (if filters.iter().any(|word| has(word)) { Agent::Pipe } else { Agent::Virtual }, transport)
}

/// Whether a failure without a host is one of the network all the same: the transport's name need not say that it is remote.
fn is_of_network(delivery: &Delivery<'_>) -> bool {
    const WORDS: &[&[u8]] = &[b"Connection ", b"No route to host", b"Network ", b"host ", b"all hosts ", b"SMTP ", b"Remote host "];
    matches!(delivery.flag, Flag::Failed | Flag::Deferred)
        && (matches!(delivery.errno, Some(101 | 104 | 110 | 111 | 112 | 113 | -18 | -36 | -37 | -38 | -42))
            || WORDS.iter().any(|word| delivery.text.starts_with(word)))
}

/// `TLS1.3:ECDHE_X25519__...:256`: version and cipher. A star before the version marks a resumed session.
fn cipher(tls: &[u8]) -> (&'static str, &[u8]) {
    let mut parts = tls.split(|byte| *byte == b':');
    let version = parts.next().unwrap_or_default();
    let cipher = parts.next().unwrap_or_default();
    let version = version.strip_suffix(b"*").unwrap_or(version).rsplit(|byte| matches!(byte, b'S' | b'v')).next().unwrap_or_default();
    let version = match version {
        b"1.3" => "TLSv1.3",
        b"1.2" => "TLSv1.2",
        b"1.1" => "TLSv1.1",
        b"1.0" | b"1" => "TLSv1",
        b"" => "",
        _ => "TLS",
    };
    (version, cipher)
}

/// How far the server's certificate was verified, in the words that are used for Postfix.
fn verified(delivery: &Delivery<'_>) -> &'static [u8] {
    match delivery.verified {
        b"yes" => b"verified",
        b"dane" => b"dane",
        b"no" => b"untrusted",
        _ => b"",
    }
}

/// A text with Exim's escapes undone: `\n` between the lines of a reply becomes a blank, `\ooo` the byte.
pub(super) fn unescaped(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'\\' {
            plain.push(*byte);
            continue;
        }
        match after {
            [b'n' | b'r' | b't', after @ ..] => {
                plain.push(b' ');
                rest = after;
            }
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] => {
                plain.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            [escaped, after @ ..] => {
                plain.push(*escaped);
                rest = after;
            }
            [] => plain.push(b'\\'),
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone() {
        assert_eq!(&*unescaped(b"550-one\\n550 two"), b"550-one 550 two");
        assert_eq!(&*unescaped(b"250 \\\"x\\\" j\\303\\266 \\"), "250 \"x\" jö \\".as_bytes());
        assert_eq!(&*unescaped(b"plain"), b"plain");
    }

    #[test]
    fn ciphers_have_a_version_and_a_name() {
        assert_eq!(cipher(b"TLS1.3:TLS_AES_256_GCM_SHA384:256"), ("TLSv1.3", &b"TLS_AES_256_GCM_SHA384"[..]));
        assert_eq!(cipher(b"TLSv1.2*:ECDHE-RSA:128").1, b"ECDHE-RSA");
        assert_eq!(cipher(b""), ("", &b""[..]));
    }
}
