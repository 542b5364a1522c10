//! postscreen, dnsblog and tlsproxy: what happens to a client before it reaches smtpd.

use super::syntax::peer;
use super::{Event, smtpd};
use crate::syntax::split_at;

/// The event of the text of one of these daemons.
pub(super) fn event(text: &[u8]) -> Event<'_> {
    if let Some(event) = client(text) {
        return event;
    }
    if let Some(decision) = smtpd::decision(text) {
        return Event::Decision(decision);
    }
    listed(text).or_else(|| smtpd::tls(text)).or_else(|| super::system::cache(text)).unwrap_or_else(|| rest(text))
}

/// Lines of the form `WORD[ number][ from] [address]:port[ more]`.
fn client(text: &[u8]) -> Option<Event<'_>> {
    if !text.first()?.is_ascii_uppercase() {
        return None;
    }
    if let Some(rest) = text.strip_prefix(b"CONNECT from ") {
        let (client, rest) = peer(rest)?;
        return Some(Event::Postscreen { word: &text[..7], client, value: rest.strip_prefix(b" to ").unwrap_or(b"") });
    }
    if let Some(rest) = text.strip_prefix(b"DNSBL rank ") {
        let (value, rest) = split_at(rest, b" for ")?;
        return Some(Event::Postscreen { word: &text[..5], client: peer(rest)?.0, value });
    }
    for (opening, length) in [(&b"PREGREET "[..], 8), (b"HANGUP after ", 6)] {
        if let Some(rest) = text.strip_prefix(opening) {
            let (value, rest) = split_at(rest, b" from ")?;
            return Some(Event::Postscreen { word: &text[..length], client: peer(rest)?.0, value });
        }
    }
    if let Some((word, rest)) = split_at(text, b" from ")
        && BREACHES.contains(&word)
    {
        let (client, rest) = peer(rest)?;
        return Some(Event::Postscreen { word, client, value: rest.strip_prefix(b" after ").unwrap_or(b"") });
    }
    let open = text.iter().position(|byte| *byte == b'[')?;
    let word = text[..open].strip_suffix(b" ")?;
    let known = VERDICTS.contains(&word);
    known.then_some(()).and_then(|()| peer(&text[open..])).map(|(client, _)| Event::Postscreen { word, client, value: b"" })
}

/// Breaches of the protocol, which name the step they came after.
const BREACHES: &[&[u8]] = &[
    b"COMMAND PIPELINING",
    b"COMMAND TIME LIMIT",
    b"COMMAND COUNT LIMIT",
    b"COMMAND LENGTH LIMIT",
    b"BARE NEWLINE",
    b"NON-SMTP COMMAND",
    b"TIME LIMIT",
    b"COUNT LIMIT",
    b"LENGTH LIMIT",
    b"DATA TIME LIMIT",
];

/// Words about a client; the older ones stand while `compatibility_level` is below 3.6.
const VERDICTS: &[&[u8]] = &[
    b"DISCONNECT",
    b"PASS NEW",
    b"PASS OLD",
    b"ALLOWLISTED",
    b"WHITELISTED",
    b"DENYLISTED",
    b"BLACKLISTED",
    b"ALLOWLIST VETO",
    b"WHITELIST VETO",
];

/// dnsblog: `addr A listed by domain D as R`
fn listed(text: &[u8]) -> Option<Event<'_>> {
    let (address, rest) = split_at(text.strip_prefix(b"addr ")?, b" listed by domain ")?;
    let (domain, result) = split_at(rest, b" as ").unwrap_or((rest, b""));
    Some(Event::Listed { address, domain, result })
}

fn rest(text: &[u8]) -> Event<'_> {
    if text.starts_with(b"entering ") || text.starts_with(b"leaving ") || text.starts_with(b"terminating on ") {
        return Event::Note { text };
    }
    Event::Unknown
}
