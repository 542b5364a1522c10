//! `<=`: a message arrived.

use super::syntax::Tags;
use super::{Arrival, Event};
use crate::syntax::{find_byte, split_at, whole_number};

/// The line after `<= `: `sender tags [from <sender>] [for recipients]`.
pub(super) fn event(fake_reject: bool, text: &[u8]) -> Event<'_> {
    let (sender, tags) = sender(text);
    let mut arrival = Arrival { fake_reject, sender, tags, ..Arrival::default() };
    let mut list = Tags::of(tags);
    for tag in &mut list {
        match tag.key {
            b"H" => {
                (arrival.host.name, arrival.host.helo, arrival.host.ip, arrival.host.port) =
                    (tag.host.name, tag.host.helo, tag.host.ip, tag.host.port);
            }
            b"I" => arrival.server_port = tag.host.port,
            b"U" => arrival.host.user = tag.value,
            b"P" => arrival.protocol = tag.value,
            b"X" => arrival.tls = tag.value,
            b"A" => arrival.auth = tag.value,
            b"R" => arrival.bounce_of = tag.value,
            b"S" => arrival.size = whole_number(tag.value),
            b"id" | b"id*" => arrival.header_id = tag.value,
            _ => {}
        }
    }
    arrival.recipients = recipients(list.rest());
    Event::Arrival(arrival)
}

/// The sender: `<>` or an address up to the first tag. Quotes of a local part with blanks are lost in the log.
fn sender(text: &[u8]) -> (&[u8], &[u8]) {
    if let Some(rest) = text.strip_prefix(b"<>") {
        return (b"", rest);
    }
    let end = find_byte(text, b' ').unwrap_or(text.len());
    let is_tag = |rest: &[u8]| [&b" H="[..], b" U=", b" R=", b" P=", b" A=", b" X="].iter().any(|tag| rest.starts_with(tag));
    if end == text.len() || is_tag(&text[end..]) {
        return (&text[..end], &text[end..]);
    }
    let at = (end..text.len()).find(|at| is_tag(&text[*at..])).unwrap_or(end);
    (&text[..at], &text[at..])
}

/// What stands after `for `; `from <sender>` may stand before it.
fn recipients(rest: &[u8]) -> &[u8] {
    match rest.strip_prefix(b"from ") {
        Some(after) => split_at(after, b" for ").map_or(b"", |(_, list)| list),
        None => rest.strip_prefix(b"for ").unwrap_or(b""),
    }
}

/// The line goes on in another piece: its last address may be half of one.
pub(super) fn cut_off(arrival: &mut Arrival<'_>) {
    let end = arrival.recipients.iter().rposition(|byte| *byte == b' ').unwrap_or(0);
    (arrival.recipients, arrival.cut) = (&arrival.recipients[..end], true);
}
