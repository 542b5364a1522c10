//! Lines of a message's life: `from=`, `to=`, and the notifications made from it.

use super::syntax::{address_end, is_queue_id, list_end, peer, span, value, without_brackets};
use super::{Child, Delivery, Event, Recipients};
use crate::record::Client;
use crate::syntax::{number, split_at};

/// The rest of a `from=` line.
pub(super) fn from(text: &[u8]) -> Option<Event<'_>> {
    let end = address_end(text);
    let (sender, rest) = match split_at(&text[end..], b", size=") {
        Some((b"", rest)) => (&text[..end], rest),
        // Quotes or brackets that never close: the first size counts.
        _ => split_at(text, b", size=")?,
    };
    let (size, rest) = number(rest)?;
    let relay = value(rest, b"relay=").unwrap_or_default();
    let submitter = match (relay.ends_with(b"]"), split_at(relay, b"@")) {
        (false, Some((user, _))) => user,
        _ => b"",
    };
    let message_id = match split_at(rest, b"msgid=") {
        Some((_, rest)) => &rest[..address_end(rest)],
        None => b"",
    };
    Some(Event::From {
        sender: without_brackets(sender),
        size,
        nrcpts: value(rest, b"nrcpts=").and_then(number).map_or(0, |(count, _)| u32::try_from(count).unwrap_or(u32::MAX)),
        message_id,
        protocol: value(rest, b"proto=").unwrap_or_default(),
        daemon: value(rest, b"daemon=").unwrap_or_default(),
        relay: if relay.is_empty() { Client::default() } else { peer(relay) },
        submitter,
    })
}

/// The rest of a `to=` line.
pub(super) fn delivery(text: &[u8]) -> Delivery<'_> {
    let end = list_end(text);
    let (list, more) = match text[..end].strip_suffix(b" [more]") {
        Some(list) => (list, true),
        None => (&text[..end], false),
    };
    let mut delivery = Delivery { to: Recipients(list), more, ..Delivery::default() };
    let mut rest = text[end..].strip_prefix(b", ").unwrap_or(b"");
    if let Some(after) = rest.strip_prefix(b"[more]") {
        delivery.more = true;
        rest = after.strip_prefix(b", ").unwrap_or(b"");
    }
    while !rest.is_empty() {
        rest = field(rest, &mut delivery);
    }
    delivery
}

/// Takes one `key=value` off. The reply and the result come last and may hold anything.
fn field<'a>(text: &'a [u8], delivery: &mut Delivery<'a>) -> &'a [u8] {
    if let Some(stat) = text.strip_prefix(b"stat=") {
        delivery.stat = stat;
        return b"";
    }
    if let Some(reply) = text.strip_prefix(b"reply=") {
        (delivery.reply, delivery.stat) = reply_and_stat(reply, delivery.dsn);
        return b"";
    }
    if let Some(controlling) = text.strip_prefix(b"ctladdr=") {
        let end = address_end(controlling);
        let (address, rest) = (&controlling[..end], &controlling[end..]);
        // The user and group numbers stand after it, in parentheses.
        let address = match memchr::memmem::rfind(address, b" (") {
            Some(at) if address.ends_with(b")") => &address[..at],
            _ => address,
        };
        delivery.controlling = without_brackets(address);
        return rest.strip_prefix(b", ").unwrap_or(b"");
    }
    let (item, rest) = split_at(text, b", ").unwrap_or((text, b""));
    let (key, value) = split_at(item, b"=").unwrap_or((item, b""));
    match key {
        b"delay" => delivery.delay_ms = span(value),
        b"xdelay" => delivery.transfer_ms = span(value),
        b"mailer" => delivery.mailer = value,
        b"quarantine" => delivery.quarantine = value,
        b"dsn" => delivery.dsn = value,
        b"relay" => {
            // Some relays of system logs lost the comma after it.
            let (name, dsn) = split_at(value, b" dsn=").unwrap_or((value, b""));
            delivery.relay = peer(name);
            if !dsn.is_empty() {
                delivery.dsn = dsn;
            }
        }
        _ => {}
    }
    rest
}

/// The reply and the result after it. A reply may contain `, stat=` itself: the first one counts that agrees with the class of the code.
fn reply_and_stat<'a>(text: &'a [u8], dsn: &[u8]) -> (&'a [u8], &'a [u8]) {
    const KEY: &[u8] = b", stat=";
    let mut last = None;
    for at in memchr::memmem::find_iter(text, KEY) {
        let stat = &text[at + KEY.len()..];
        let agrees = match dsn.first() {
            Some(b'2') => stat.starts_with(b"Sent"),
            Some(b'4') => stat.starts_with(b"Deferred") || stat.starts_with(b"queued"),
            _ => !stat.starts_with(b"Sent") && !stat.starts_with(b"Deferred"),
        };
        if agrees {
            return (&text[..at], stat);
        }
        last = Some(at);
    }
    last.map_or((text, b""), |at| (&text[..at], &text[at + KEY.len()..]))
}

/// `NEWID: DSN: text`, `clone FORMER, owner=...`
pub(super) fn child(text: &[u8]) -> Option<Event<'_>> {
    if let Some(rest) = text.strip_prefix(b"clone ") {
        let (former, rest) = split_at(rest, b", owner=").or_else(|| split_at(rest, b": owner="))?;
        return is_queue_id(former).then_some(Event::Cloned { former, owner: rest });
    }
    let (new_queue_id, rest) = split_at(text, b": ")?;
    if !is_queue_id(new_queue_id) {
        return None;
    }
    let kinds = [
        (&b"DSN: "[..], Child::Dsn),
        (b"return to sender: ", Child::Returned),
        (b"sender notify: ", Child::SenderNotify),
        (b"postmaster notify: ", Child::PostmasterNotify),
    ];
    let (kind, text) = kinds.iter().find_map(|(word, kind)| Some((*kind, rest.strip_prefix(*word)?)))?;
    Some(Event::Child { new_queue_id, kind, text })
}
