//! Delivery agents (smtp, lmtp, local, virtual, pipe, error, discard): the result of an attempt, and what was said on the way.

use super::syntax::{self, Id, angle, peer, relay};
use super::{Delivery, DeliveryStatus, Event, smtpd};
use crate::record::{Client, Severity};
use crate::syntax::{find_byte, number, split_at};

/// The event of a delivery agent's text that is no result.
#[inline]
pub(super) fn event<'a>(severity: Severity, id: Id<'a>, text: &'a [u8]) -> Event<'a> {
    if id != Id::None || severity == Severity::Info {
        return on_the_way(text);
    }
    smtpd::tls(text).unwrap_or(Event::Unknown)
}

/// The list after `to=`: `<u@d>[, orig_to=<alias@d>], relay=..., [conn_use=N, ]delay=N, delays=a/b/c/d, [tls=..., ]dsn=x.y.z,
/// status=word (text)`. The first `status=` after the list ends it: what a remote server says may look like one.
#[inline]
pub(super) fn fill<'a>(list: &'a [u8], delivery: &mut Delivery<'a>) {
    let (to, mut rest) = recipient(list);
    delivery.to = to;
    while let Some(equals) = find_byte(rest, b'=') {
        let (key, value) = (&rest[..equals], &rest[equals + 1..]);
        match key {
            b"status" => return set_status(delivery, value),
            b"orig_to" => {
                let (orig_to, after) = recipient(value);
                delivery.orig_to = Some(orig_to);
                rest = after;
                continue;
            }
            _ => {}
        }
        let (value, after) = until_comma(value);
        match key {
            b"relay" => delivery.relay = relay(value),
            b"delay" => delivery.delay_ms = milliseconds(value),
            b"delays" => delivery.delays_ms = four_parts(value),
            b"dsn" => delivery.dsn = value,
            b"conn_use" => delivery.conn_use = number(value).map_or(0, |(count, _)| u32::try_from(count).unwrap_or(u32::MAX)),
            b"tls" => delivery.tls = value,
            _ => {}
        }
        rest = after;
    }
}

/// A value up to `, `, and what follows that.
#[inline]
fn until_comma(text: &[u8]) -> (&[u8], &[u8]) {
    let mut from = 0;
    while let Some(at) = find_byte(&text[from..], b',') {
        let end = from + at;
        match &text[end + 1..] {
            [b' ', rest @ ..] => return (&text[..end], rest),
            _ => from = end + 1,
        }
    }
    (text, &text[text.len()..])
}

/// An address of `to=` or `orig_to=`, in brackets or (before 2.x) bare, and the list after it. Postfix always goes on with
/// `relay=` or `orig_to=`, which tells the bracket that closes an address from one inside an unquoted local part.
#[inline]
fn recipient(text: &[u8]) -> (&[u8], &[u8]) {
    let Some(inside) = text.strip_prefix(b"<") else {
        return until_comma(text);
    };
    let strict = angle(inside, |rest| rest.starts_with(b", relay=") || rest.starts_with(b", orig_to="));
    let (value, rest) = strict.or_else(|| angle(inside, |rest| rest.is_empty() || rest.starts_with(b", "))).unwrap_or((inside, b""));
    (value, rest.strip_prefix(b", ").unwrap_or(rest))
}

/// `sent (250 2.0.0 OK)`: the word, and the text up to the last bracket (there is none in a record that was cut).
#[inline]
fn set_status<'a>(delivery: &mut Delivery<'a>, value: &'a [u8]) {
    let (word, rest) = crate::syntax::word(value);
    delivery.status_word = word;
    delivery.status = status(word);
    let text = rest.strip_prefix(b"(").unwrap_or(rest);
    delivery.text = text.strip_suffix(b")").unwrap_or(text);
}

#[inline]
fn status(word: &[u8]) -> DeliveryStatus {
    match word {
        b"sent" => DeliveryStatus::Sent,
        b"deferred" => DeliveryStatus::Deferred,
        b"bounced" => DeliveryStatus::Bounced,
        b"SOFTBOUNCE" => DeliveryStatus::SoftBounce,
        b"expired" => DeliveryStatus::Expired,
        b"force-expired" => DeliveryStatus::ForceExpired,
        b"deliverable" => DeliveryStatus::Deliverable,
        b"undeliverable" => DeliveryStatus::Undeliverable,
        _ => DeliveryStatus::Other,
    }
}

/// Seconds with a fraction, in milliseconds; saturating.
#[inline]
pub(crate) fn milliseconds(text: &[u8]) -> Option<u32> {
    milliseconds_at(text).map(|(value, _)| value)
}

#[inline]
fn milliseconds_at(text: &[u8]) -> Option<(u32, &[u8])> {
    let (seconds, mut rest) = number(text)?;
    // More than this is out of range anyway.
    let mut value = seconds.min(u64::from(u32::MAX)) * 1000;
    if let [b'.', digits @ ..] = rest {
        let mut scale = 100;
        rest = digits;
        while let [digit @ b'0'..=b'9', after @ ..] = rest {
            value += u64::from(digit - b'0') * scale;
            scale /= 10;
            rest = after;
        }
    }
    Some((u32::try_from(value).unwrap_or(u32::MAX), rest))
}

/// `a/b/c/d`
#[inline]
fn four_parts(text: &[u8]) -> Option<[u32; 4]> {
    let mut parts = [0; 4];
    let mut rest = text;
    for (index, part) in parts.iter_mut().enumerate() {
        if index > 0 {
            rest = rest.strip_prefix(b"/")?;
        }
        (*part, rest) = milliseconds_at(rest)?;
    }
    Some(parts)
}

/// What is said before a final result: one host failed and the next is tried; TLS; notes.
fn on_the_way(text: &[u8]) -> Event<'_> {
    if let Some(peer) = said(text) {
        return Event::HostSaid { peer, text };
    }
    if let Some(event) = smtpd::tls(text) {
        return event;
    }
    if let Some((verb, _)) = split_at(text, b": ")
        && syntax::verb(verb).is_some()
    {
        return smtpd::decision(text).map_or(Event::Unknown, Event::Decision);
    }
    if NOTES.iter().any(|opening| text.starts_with(opening)) || syntax::is_note(text) {
        return Event::Note { text };
    }
    Event::Unknown
}

/// Texts of delivery agents that say how, not whether, a message goes on.
const NOTES: &[&[u8]] = &[
    b"enabling PIX workarounds: ",
    b"breaking line > ",
    b"passing ",
    b"Cannot start TLS: ",
    b"Server certificate ",
    b"Host offered STARTTLS: ",
    b"mail forwarding loop",
];

/// The peer of a text about one host of several.
#[inline]
fn said(text: &[u8]) -> Option<Client<'_>> {
    let rest = match text {
        [b'h', ..] => text.strip_prefix(b"host ")?,
        [b'c', b'o', b'n', b'n', ..] => text.strip_prefix(b"connect to ")?,
        [b'c', ..] => text.strip_prefix(b"conversation with ")?,
        [b'l', ..] => text.strip_prefix(b"lost connection with ")?,
        [b'S', ..] => {
            let rest = text.strip_prefix(b"SASL authentication failed; ")?;
            rest.strip_prefix(b"server ").or_else(|| rest.strip_prefix(b"cannot authenticate to server "))?
        }
        [b'T', b'L', b'S', b' ', b'i', ..] => split_at(text, b" by host ").or_else(|| split_at(text, b" to server "))?.1,
        _ => return None,
    };
    peer(rest).map(|(client, _)| client)
}
