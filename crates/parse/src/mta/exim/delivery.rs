//! `=>`, `->`, `>>`, `*>`, `**`, `==` and `Completed`: what became of recipients.

use super::syntax::{Tags, duration, host};
use super::{Delivery, Event, Flag, Host};
use crate::syntax::{skip_blanks, split_at, whole_number};

/// The event of a line that begins with a flag of deliveries, or `Completed`.
pub(super) fn event(text: &[u8]) -> Option<Event<'_>> {
    let flag = match text {
        [b'=', b'>', b' ', ..] => Flag::Delivered,
        [b'-', b'>', b' ', ..] => Flag::Further,
        [b'>', b'>', b' ', ..] => Flag::Cutthrough,
        [b'*', b'>', b' ', ..] => Flag::Suppressed,
        [b'*', b'*', b' ', ..] => Flag::Failed,
        [b'=', b'=', b' ', ..] => Flag::Deferred,
        [b'C', ..] => return completed(text),
        _ => return None,
    };
    Some(Event::Delivery(delivery(flag, &text[3..])))
}

fn completed(text: &[u8]) -> Option<Event<'_>> {
    let rest = text.strip_prefix(b"Completed")?;
    let mut queue_ms = None;
    for tag in Tags::of(rest) {
        if tag.key == b"QT" {
            queue_ms = duration(tag.value);
        }
    }
    matches!(rest, [] | [b' ', ..]).then_some(Event::Completed { queue_ms })
}

/// `address [(parents)] [<original>] tags[: text]`, of a deferred one `... defer (errno)[: why] [H=host][: text]`.
fn delivery(flag: Flag, text: &[u8]) -> Delivery<'_> {
    let (address, rest) = address(text);
    let (address, original) = original(address);
    let mut delivery = Delivery { flag, address, original, tags: rest, ..Delivery::default() };
    let mut tags = Tags::of(rest);
    take_tags(&mut delivery, &mut tags);
    match tags.text() {
        Some(text) => set_text(&mut delivery, text),
        None => rest_of(&mut delivery, tags.rest()),
    }
    delivery
}

fn take_tags<'a>(delivery: &mut Delivery<'a>, tags: &mut Tags<'a>) {
    for tag in tags {
        match tag.key {
            b"R" => delivery.router = tag.value,
            b"T" => delivery.transport = tag.value,
            b"H" => (delivery.host, delivery.reused) = (tag.host, tag.reused),
            b"X" => delivery.tls = tag.value,
            b"CV" => delivery.verified = tag.value,
            b"C" => delivery.text = tag.value,
            b"QT" => delivery.queue_ms = duration(tag.value),
            b"DT" => delivery.delivery_ms = duration(tag.value),
            _ => {}
        }
    }
}

/// What follows the tags without a colon: `defer (N)` and so on, or words of older versions.
fn rest_of<'a>(delivery: &mut Delivery<'a>, rest: &'a [u8]) {
    let Some((before, after)) = split_at(rest, b"defer (") else {
        if !matches!(delivery.flag, Flag::Delivered | Flag::Further) || delivery.text.is_empty() {
            set_text(delivery, rest);
        }
        return;
    };
    // `routing defer (-51)`: where it happened stands before.
    let _ = before;
    let (errno, rest) = split_at(after, b")").unwrap_or((after, b""));
    let (sign, digits) = match errno.strip_prefix(b"-") {
        Some(digits) => (-1, digits),
        None => (1, errno),
    };
    delivery.errno = whole_number(digits).and_then(|value| i32::try_from(value).ok()).map(|value| sign * value);
    delivery.reason = skip_blanks(rest.strip_prefix(b":").unwrap_or(rest));
    let (why, rest) = match rest.strip_prefix(b":") {
        Some(why) => error_and_host(skip_blanks(why)),
        None => (&b""[..], rest),
    };
    let mut tags = Tags::of(rest);
    take_tags(delivery, &mut tags);
    let text = tags.text().unwrap_or_else(|| tags.rest());
    set_text(delivery, if text.is_empty() { why } else { text });
    if delivery.host.ip.is_empty() {
        delivery.host = host_in_error(delivery.text).unwrap_or_default();
    }
}

/// Parts `Connection timed out H=host [ip]: text`: the error, and the rest from its host on.
fn error_and_host(text: &[u8]) -> (&[u8], &[u8]) {
    let mut from = 0;
    while let Some(at) = memchr::memmem::find(&text[from..], b" H=") {
        let start = from + at;
        let (found, _, after) = host(&text[start + 3..]);
        if !found.ip.is_empty() && matches!(after, [] | [b':' | b' ', ..]) {
            return (&text[..start], &text[start..]);
        }
        from = start + 3;
    }
    (text, b"")
}

/// The host in an error as it was written before Exim 4.80: `SMTP error from remote mail server after RCPT TO:<a@b>: host name [ip]: text`.
fn host_in_error(text: &[u8]) -> Option<Host<'_>> {
    let (_, rest) = split_at(text.strip_prefix(b"SMTP error from remote mail")?, b": host ")?;
    let (found, _, after) = host(rest);
    (!found.ip.is_empty() && after.starts_with(b": ")).then_some(found)
}

/// The text, without durations at its end.
fn set_text<'a>(delivery: &mut Delivery<'a>, text: &'a [u8]) {
    let mut text = text;
    while let Some(at) = memchr::memrchr(b' ', text) {
        let last = &text[at + 1..];
        let Some(value) = last.strip_prefix(b"DT=").or_else(|| last.strip_prefix(b"QT=")) else { break };
        let Some(milliseconds) = duration(value) else { break };
        if last.starts_with(b"D") {
            delivery.delivery_ms = Some(milliseconds);
        } else {
            delivery.queue_ms = Some(milliseconds);
        }
        text = &text[..at];
    }
    if !text.is_empty() {
        delivery.text = text;
    }
}

/// Tags that may follow an address, and words of a deferral.
const AFTER_ADDRESS: &[&[u8]] =
    &[b" F=<", b" P=<", b" R=", b" T=", b" H=", b" Q=", b" SRS=", b" S=", b" QT=", b" DT=", b" defer (", b" routing defer (", b" ST="];

/// The address and what follows it. An address may hold blanks (`|/bin/command arguments`), so it ends where a tag or the text begins.
fn address(text: &[u8]) -> (&[u8], &[u8]) {
    let mut from = 0;
    while let Some(at) = memchr::memchr2(b' ', b':', &text[from..]) {
        let end = from + at;
        let rest = &text[end..];
        if rest.starts_with(b": ") && !text.starts_with(b":") && !is_command(text) {
            return (&text[..end], rest);
        }
        if rest[0] == b' ' && AFTER_ADDRESS.iter().any(|tag| rest.starts_with(tag)) {
            return (&text[..end], rest);
        }
        // What was addressed first ends the address of a command, whose text may follow.
        if rest.starts_with(b": ") && text[..end].ends_with(b">") {
            return (&text[..end], rest);
        }
        from = end + 1;
    }
    (text, &text[text.len()..])
}

/// Whether an address is a command, a file or a reply of a filter.
fn is_command(address: &[u8]) -> bool {
    matches!(address, [b'|' | b'/' | b'>', ..]) || address.starts_with(b"save ")
}

/// Parts `address (parents) <original>`.
fn original(text: &[u8]) -> (&[u8], &[u8]) {
    let (mut address, mut original) = (text, &b""[..]);
    if let Some(inside) = text.strip_suffix(b">")
        && let Some(open) = memchr::memmem::rfind(inside, b" <")
    {
        (address, original) = (&text[..open], &inside[open + 2..]);
    }
    if let Some(inside) = address.strip_suffix(b")")
        && let Some(open) = memchr::memmem::rfind(inside, b" (")
        && !is_command(address)
    {
        address = &address[..open];
    }
    (address.strip_prefix(b"<").and_then(|inner| inner.strip_suffix(b">")).unwrap_or(address), original)
}
