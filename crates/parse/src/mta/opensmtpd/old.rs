//! Lines without a session id at their start: all of 5.x, and what the queue and the routes of later versions say.

use super::session::outcome;
use super::syntax::{address, bare, is_id, name, relay, span, url};
use super::{Delivery, Event};
use crate::record::Client;
use crate::syntax::{number, split_at};

/// The session and the event of a line; `None` where it is none of these.
pub(super) fn line(text: &[u8]) -> Option<(&[u8], Event<'_>)> {
    if let Some(rest) = text.strip_prefix(b"smtp-in: ") {
        return smtp_in(rest);
    }
    if let Some(rest) = text.strip_prefix(b"smtp-out: ") {
        return smtp_out(rest);
    }
    if let Some(rest) = text.strip_prefix(b"relay: ") {
        return delivery(rest, false);
    }
    delivery(text.strip_prefix(b"delivery: ")?, true)
}

/// The session id after `words`, and what follows it without a colon and blank.
fn session_after<'a>(text: &'a [u8], words: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let (_, rest) = split_at(text, words)?;
    let (id, rest) = rest.split_at_checked(16)?;
    is_id(id, 16).then(|| (id, rest.strip_prefix(b": ").unwrap_or(rest)))
}

fn smtp_in(text: &[u8]) -> Option<(&[u8], Event<'_>)> {
    if text.starts_with(b"New session ") {
        let (id, rest) = session_after(text, b"New session ")?;
        let host = rest.strip_prefix(b" from host ").unwrap_or(rest);
        let (host, ip) = split_at(host, b" [").unwrap_or((host, b""));
        let ip = ip.strip_suffix(b"]").unwrap_or(ip);
        let client = Client { name: name(host), ip: if ip == b"local" { b"" } else { bare(ip) }, port: 0 };
        return Some((id, Event::Connected { client }));
    }
    if text.starts_with(b"Accepted message ") {
        return accepted(text);
    }
    if text.starts_with(b"Failed command on session ") {
        let (id, rest) = session_after(text, b" on session ")?;
        // The command is the client's text: the last arrow is ours.
        let at = memchr::memmem::rfind(rest, b"\" => ")?;
        let command = rest[..at].strip_prefix(b"\"").unwrap_or(&rest[..at]);
        return Some((id, Event::FailedCommand { command, result: &rest[at + 5..], client: Client::default() }));
    }
    let results: [(&[u8], &'static [u8]); 3] = [
        (b"Accepted authentication for user ", b"ok"),
        (b"Authentication failed for user ", b"permfail"),
        (b"Authentication temporarily failed for user ", b"tempfail"),
    ];
    for (opening, result) in results {
        if let Some(rest) = text.strip_prefix(opening) {
            let at = memchr::memmem::rfind(rest, b" on session ")?;
            let (id, _) = session_after(&rest[at..], b" on session ")?;
            return Some((id, Event::Authentication { user: &rest[..at], result, client: Client::default() }));
        }
    }
    if text.starts_with(b"Started TLS on session ") {
        return tls(true, text);
    }
    let ended = |id, reason| (id, Event::Disconnected { inbound: true, reason, messages: None, client: Client::default() });
    if text.starts_with(b"Closing session ") {
        return Some(ended(session_after(text, b"session ")?.0, b"quit"));
    }
    if text.starts_with(b"Received disconnect from session ") {
        return Some(ended(session_after(text, b"from session ")?.0, b"disconnect"));
    }
    if text.starts_with(b"Disconnecting session ") {
        let (id, reason) = session_after(text, b"Disconnecting session ")?;
        return Some(ended(id, reason));
    }
    Some((b"", Event::Note { text }))
}

/// `Accepted message MSGID on session SESSION: from=<a>, to=<b>, size=N, ndest=N, proto=ESMTP`; the oldest have no `to=`.
fn accepted(text: &[u8]) -> Option<(&[u8], Event<'_>)> {
    let (message, _) = text.strip_prefix(b"Accepted message ")?.split_at_checked(8)?;
    let (id, rest) = session_after(text, b" on session ")?;
    let (sender, rest) = address(rest, b"from", |rest| rest.starts_with(b", "))?;
    let rest = rest.strip_prefix(b", ")?;
    let (recipient, rest) = match address(rest, b"to", |rest| rest.starts_with(b", ")) {
        Some((recipient, rest)) => (recipient, rest.strip_prefix(b", ")?),
        None => (&b""[..], rest),
    };
    let count = |key: &[u8]| field(rest, key).and_then(number).map(|(count, _)| count);
    let recipients = count(b"ndest=").or_else(|| count(b"nrcpts=")).unwrap_or(0);
    Some((
        id,
        Event::Message {
            message,
            size: count(b"size=").unwrap_or(0),
            recipients: u32::try_from(recipients).unwrap_or(u32::MAX),
            protocol: field(rest, b"proto=").unwrap_or_default(),
            sender: Some(sender),
            recipient,
            client: Client::default(),
        },
    ))
}

/// The value of a key in a list with commas.
fn field<'a>(text: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let mut rest = text;
    loop {
        if let Some(value) = rest.strip_prefix(key) {
            return Some(split_at(value, b", ").map_or(value, |(value, _)| value));
        }
        rest = split_at(rest, b", ")?.1;
    }
}

/// `Started TLS on session SESSION: version=TLSv1.2, cipher=..., bits=256`
fn tls(inbound: bool, text: &[u8]) -> Option<(&[u8], Event<'_>)> {
    let (id, rest) = session_after(text, b" on session ")?;
    let part = |key: &[u8]| field(rest, key).unwrap_or_default();
    Some((id, Event::Tls { inbound, version: part(b"version="), cipher: part(b"cipher="), bits: part(b"bits=") }))
}

fn smtp_out(text: &[u8]) -> Option<(&[u8], Event<'_>)> {
    if let Some(rest) = text.strip_prefix(b"Connecting to ") {
        let (url_text, rest) = split_at(rest, b" (").or_else(|| split_at(rest, b" on session "))?;
        let host = split_at(rest, b")").map_or(&b""[..], |(host, _)| host);
        let (scheme, relay) = url(url_text, host);
        let (id, _) = session_after(text, b" on session ")?;
        return Some((id, Event::Connecting { relay, scheme }));
    }
    if text.starts_with(b"Connected on session ") {
        return Some((session_after(text, b" on session ")?.0, Event::Reached));
    }
    if text.starts_with(b"Started TLS on session ") {
        return tls(false, text);
    }
    if text.starts_with(b"Closing session ") {
        let (id, reason) = session_after(text, b"Closing session ")?;
        return Some((id, Event::Disconnected { inbound: false, reason, messages: None, client: Client::default() }));
    }
    if let Some(rest) = text.strip_prefix(b"Error on session ") {
        let id = rest.get(..16)?;
        let reason = split_at(rest, b": ").map_or(rest, |(_, reason)| reason);
        return Some((id, Event::SessionFailed { reason }));
    }
    let verified = [
        (&b"Server certificate verification succeeded on session "[..], &b"success"[..]),
        (b"Server certificate verification failed on session ", b"failure"),
    ];
    for (opening, result) in verified {
        if text.starts_with(opening) {
            return Some((session_after(text, b" on session ")?.0, Event::CertificateCheck { inbound: false, result }));
        }
    }
    Some((b"", Event::Route { text }))
}

/// `Ok for EVPID: [session=..., ]from=<a>, to=<b>, [rcpt=<c>, ]...delay=1s, stat=250 ...`
fn delivery(text: &[u8], local: bool) -> Option<(&[u8], Event<'_>)> {
    let (result, rest) = split_at(text, b" for ")?;
    let (evpid, rest) = rest.split_at_checked(16)?;
    if !is_id(evpid, 16) {
        return None;
    }
    let rest = rest.strip_prefix(b": ")?;
    let (session, rest) = match rest.strip_prefix(b"session=") {
        Some(rest) => split_at(rest, b", ")?,
        None => (&b""[..], rest),
    };
    let (sender, rest) = address(rest, b"from", |rest| rest.starts_with(b", to=<"))?;
    let (recipient, rest) = address(rest.strip_prefix(b", ")?, b"to", |rest| rest.starts_with(b", "))?;
    let rest = rest.strip_prefix(b", ").unwrap_or(rest);
    let (original, rest) = match address(rest, b"rcpt", |rest| rest.starts_with(b", ")) {
        Some((original, rest)) => (original, rest.strip_prefix(b", ").unwrap_or(rest)),
        None => (&b""[..], rest),
    };
    let (fields, stat) = split_at(rest, b"stat=").unwrap_or((rest, b""));
    // The oldest forget the comma after the relay.
    let host = field(fields, b"relay=").map(|host| split_at(host, b" delay=").map_or(host, |(host, _)| host));
    let delay = split_at(fields, b"delay=").map_or(&b""[..], |(_, delay)| split_at(delay, b",").map_or(delay, |(delay, _)| delay));
    Some((
        session,
        Event::Delivery(Delivery {
            evpid,
            sender,
            recipient,
            original: if matches!(original, b"-" | b"@") { b"" } else { original },
            local,
            user: field(fields, b"user=").unwrap_or_default(),
            method: field(fields, b"method=").unwrap_or_default(),
            source: field(fields, b"source=").filter(|source| *source != b"-").unwrap_or_default(),
            relay: host.map(relay).unwrap_or_default(),
            delay_ms: span(delay),
            outcome: outcome(result),
            result,
            stat,
        }),
    ))
}
