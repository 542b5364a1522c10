//! Refusals: of connections, commands, recipients and messages; what a sender verification said; recipients thrown away by an ACL.

use super::syntax::{Tags, angle, host};
use super::{Event, Host, Rejection};
use crate::syntax::{skip_blanks, split_at, word};

/// The event of a refusal.
pub(super) fn event(text: &[u8]) -> Option<Event<'_>> {
    match text.first()? {
        b'H' | b'U' | b'F' | b'X' | b'A' if text.get(1) == Some(&b'=') => tagged(text),
        b'r' | b't' => plain(text),
        b'u' => unqualified(text),
        b'C' | b'c' => refused(text),
        _ => None,
    }
}

/// `H=host [U=user] [X=cipher] [A=login] [F=<sender>] [temporarily ]rejected WHAT[: text]` and its kin.
fn tagged(text: &[u8]) -> Option<Event<'_>> {
    let mut rejection = Rejection::default();
    let mut tags = Tags::of(text);
    for tag in &mut tags {
        match tag.key {
            b"H" => rejection.host = Host { user: rejection.host.user, ..tag.host },
            b"U" => rejection.host.user = tag.value,
            b"F" => rejection.sender = Some(tag.value),
            b"A" => rejection.auth = tag.value,
            _ => {}
        }
    }
    let rest = tags.rest();
    if let Some(after) = rest.strip_prefix(b"sender verify ") {
        return sender_verify(rejection.host, after);
    }
    if let Some(text) = rest.strip_prefix(b"Warning: ") {
        return Some(Event::Note { text });
    }
    if let Some(after) = rest.strip_prefix(b"RCPT ") {
        let (recipient, text) = address(after);
        rejection.discarded = text.starts_with(b"discarded");
        (rejection.stage, rejection.recipient, rejection.text) = (b"RCPT", Some(recipient), text);
        return rejection.discarded.then_some(Event::Rejection(rejection));
    }
    if let Some(after) = rest.strip_prefix(b"dropped by ") {
        let (stage, text) = split_at(after, b": ").unwrap_or((after, b""));
        rejection.stage = if stage.starts_with(b"'connect'") { b"CONNECT" } else { stage };
        rejection.text = text;
        return Some(Event::Rejection(rejection));
    }
    if let Some(text) = rest.strip_prefix(b"incomplete transaction ") {
        return Some(Event::Dropped { host: rejection.host, text });
    }
    rejected(rejection, rest)
}

/// `[temporarily ]rejected WHAT[: text]`.
fn rejected<'a>(mut rejection: Rejection<'a>, text: &'a [u8]) -> Option<Event<'a>> {
    let rest = match text.strip_prefix(b"temporarily ") {
        Some(rest) => {
            rejection.temporary = true;
            rest
        }
        None => text,
    };
    let rest = rest.strip_prefix(b"rejected ")?;
    let (first, after) = word(rest);
    match first {
        b"RCPT" => {
            let (recipient, text) = address(after);
            (rejection.stage, rejection.recipient, rejection.text) = (b"RCPT", Some(recipient), text);
        }
        b"MAIL" | b"VRFY" | b"EXPN" => {
            let (subject, text) = address(after);
            (rejection.stage, rejection.text) = (first, text);
            if first == b"MAIL" {
                rejection.sender = Some(subject);
            }
        }
        b"EHLO" | b"HELO" => {
            let after = after.strip_prefix(b"or HELO ").unwrap_or(after);
            let (helo, text) = split_at(after, b": ").unwrap_or((after, b""));
            (rejection.stage, rejection.helo, rejection.text) = (b"EHLO", helo, text);
        }
        b"connection" => (rejection.stage, rejection.text) = (b"CONNECT", after_colon(after)),
        b"by" if after.starts_with(b"non-SMTP ACL") => (rejection.stage, rejection.text) = (b"local", after_colon(after)),
        b"after" | b"by" | b"during" | b"DATA" | b"MIME" => (rejection.stage, rejection.text) = (b"DATA", after_colon(after)),
        _ => (rejection.stage, rejection.text) = (first.strip_suffix(b":").unwrap_or(first), after_colon(after)),
    }
    Some(Event::Rejection(rejection))
}

/// What follows the first colon before a blank; nothing where there is none.
fn after_colon(text: &[u8]) -> &[u8] {
    if let Some(text) = text.strip_prefix(b": ") {
        return text;
    }
    split_at(text, b": ").map_or(b"", |(_, text)| text)
}

/// `<address>: text` or `address: text`; the text may be missing.
fn address(text: &[u8]) -> (&[u8], &[u8]) {
    let (address, rest) = match text.strip_prefix(b"<") {
        Some(inside) => angle(inside),
        None => match split_at(text, b": ") {
            Some((address, _)) => (address, &text[address.len()..]),
            None => (text, &text[text.len()..]),
        },
    };
    let rest = rest.strip_prefix(b":").unwrap_or(rest);
    (address, skip_blanks(rest))
}

fn sender_verify<'a>(host: Host<'a>, text: &'a [u8]) -> Option<Event<'a>> {
    let (what, rest) = word(text);
    let (address, text) = address(rest.strip_prefix(b"for ")?);
    matches!(what, b"fail" | b"defer").then_some(Event::SenderVerify { host, address, deferred: what == b"defer", text })
}

/// Lines that begin with what was refused.
fn plain(text: &[u8]) -> Option<Event<'_>> {
    if let Some(rest) = text.strip_prefix(b"too many recipients: ") {
        let mut rejection = Rejection { stage: b"RCPT", text, temporary: rest.starts_with(b"excess temporarily"), ..Rejection::default() };
        if let Some((_, after)) = split_at(rest, b"sender=<") {
            let (sender, after) = angle(after);
            rejection.sender = Some(sender);
            rejection.host = host_tag(after);
        }
        return Some(Event::Rejection(rejection));
    }
    let temporary = text.starts_with(b"temporarily ");
    let rest = text.strip_prefix(b"temporarily ").unwrap_or(text);
    if let Some(rest) = rest.strip_prefix(b"refused connection from ").or_else(|| rest.strip_prefix(b"refused SMTP connection from ")) {
        let (found, _, after) = host(rest.strip_prefix(b"H=").unwrap_or(rest));
        return Some(Event::Rejection(Rejection {
            temporary,
            stage: b"CONNECT",
            host: found,
            text: reason(after),
            ..Rejection::default()
        }));
    }
    let rest = rest.strip_prefix(b"rejected ")?;
    let (stage, after) = word(rest);
    let mut rejection = Rejection { temporary, stage, ..Rejection::default() };
    if let Some(after) = after.strip_prefix(b"from ") {
        // `rejected MAIL from host: text`, `rejected EHLO from host: text`
        let (found, _, after) = host(after);
        rejection.host = found;
        rejection.text = reason(after);
        return Some(Event::Rejection(rejection));
    }
    if stage == b"from" {
        // `rejected from <sender> U=user: text`, of a message that came in.
        let (sender, after) = address(after);
        rejection.sender = Some(sender);
        rejection.stage = b"DATA";
        return Some(with_host_and_text(rejection, after));
    }
    if let Some(after) = after.strip_prefix(b"FROM:") {
        let (sender, after) = address(after);
        rejection.sender = Some(sender);
        return Some(with_host_and_text(rejection, after));
    }
    if let Some(after) = after.strip_prefix(b"command ") {
        return Some(with_host_and_text(rejection, after));
    }
    let known = matches!(stage, b"RCPT" | b"MAIL" | b"EHLO" | b"HELO" | b"after" | b"by" | b"during" | b"DATA" | b"connection" | b"MIME");
    let rejection = Rejection { stage: b"", ..rejection };
    known.then(|| rejected(rejection, text)).flatten()
}

/// `H=host U=user ...: text`.
fn with_host_and_text<'a>(mut rejection: Rejection<'a>, text: &'a [u8]) -> Event<'a> {
    let mut tags = Tags::of(text);
    for tag in &mut tags {
        match tag.key {
            b"H" => rejection.host = Host { user: rejection.host.user, ..tag.host },
            b"U" => rejection.host.user = tag.value,
            _ => {}
        }
    }
    rejection.text = tags.text().unwrap_or_else(|| tags.rest());
    Event::Rejection(rejection)
}

fn host_tag(text: &[u8]) -> Host<'_> {
    let mut found = Host::default();
    for tag in Tags::of(text) {
        if tag.key == b"H" {
            found = tag.host;
        }
    }
    found
}

/// What follows a host: ` I=[...]:25: text`, `: text`, ` (text)`.
pub(super) fn reason(text: &[u8]) -> &[u8] {
    if let Some(text) = text.strip_prefix(b": ") {
        return text;
    }
    let mut tags = Tags::of(text);
    for _ in &mut tags {}
    let rest = tags.text().unwrap_or_else(|| tags.rest());
    rest.strip_prefix(b"(").and_then(|rest| rest.strip_suffix(b")")).unwrap_or(rest)
}

/// `unqualified sender rejected: <a> H=host`
fn unqualified(text: &[u8]) -> Option<Event<'_>> {
    let (what, rest) = split_at(text.strip_prefix(b"unqualified ")?, b" rejected: ")?;
    let (subject, after) = address(rest);
    let mut rejection = Rejection { text, host: host_tag(after), ..Rejection::default() };
    match what {
        b"sender" => (rejection.stage, rejection.sender) = (b"MAIL", Some(subject)),
        b"recipient" => (rejection.stage, rejection.recipient) = (b"RCPT", Some(subject)),
        _ => rejection.stage = b"VRFY",
    }
    Some(Event::Rejection(rejection))
}

/// `Connection from host refused: too many connections`
fn refused(text: &[u8]) -> Option<Event<'_>> {
    let rest = text.strip_prefix(b"Connection from ").or_else(|| text.strip_prefix(b"connection from "))?;
    let (found, _, after) = host(rest);
    let after = skip_blanks(after);
    let text = after.strip_prefix(b"refused")?;
    Some(Event::Rejection(Rejection { stage: b"CONNECT", host: found, text: reason(text), temporary: true, ..Rejection::default() }))
}
