//! Replies in their parts: codes, the address or host they are about, the text; and the sentences of delivery agents around them.

use super::{See, peer};
use crate::mta::postfix::{angle, peer as parse_peer};
use crate::syntax::{skip_blanks, split_at};

/// A three-digit code at the start (`550 `, or `550-` of a joined multi-line reply), and what follows.
fn basic_code(text: &[u8]) -> Option<(&[u8], &[u8])> {
    match text {
        [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9', b' ' | b'-', rest @ ..] => Some((&text[..3], rest)),
        [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9'] => Some((text, b"")),
        _ => None,
    }
}

/// An enhanced code (RFC 3463) at the start, and what follows.
fn enhanced_code(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| *byte == b' ').unwrap_or(text.len());
    // Some servers write a colon after it.
    let code = text[..end].strip_suffix(b":").unwrap_or(&text[..end]);
    let mut parts = code.split(|byte| *byte == b'.');
    let class = parts.next()?;
    let is_number = |part: &[u8]| (1..=3).contains(&part.len()) && part.iter().all(u8::is_ascii_digit);
    let valid = matches!(class, b"2" | b"4" | b"5")
        && parts.next().is_some_and(is_number)
        && parts.next().is_some_and(is_number)
        && parts.next().is_none();
    valid.then(|| (code, skip_blanks(&text[end..])))
}

/// A reply: codes, subject (the address, host or command it is about) and text.
pub(super) fn reply(see: &mut See<'_>, text: &[u8]) {
    let mut rest = text;
    if let Some((code, after)) = basic_code(rest) {
        see.digits("reply_code", code);
        rest = skip_blanks(after);
    }
    if let Some((code, after)) = enhanced_code(rest) {
        see.text("enhanced_code", code);
        rest = after;
    }
    let (subject, message) = subject(rest);
    see.text("reply_subject", subject);
    see.text("reply_text", message);
}

/// What a reply of Postfix is about: `<a@b>: text`, or `Service unavailable; Client host [A] blocked using D`.
fn subject(text: &[u8]) -> (&[u8], &[u8]) {
    if let Some(inside) = text.strip_prefix(b"<")
        && let Some((subject, rest)) = angle(inside, |rest| rest.starts_with(b": "))
    {
        return (subject, &rest[2..]);
    }
    if let Some((before, rest)) = split_at(text, b"] blocked using ")
        && text.starts_with(b"Service unavailable; ")
        && let Some((_, subject)) = split_at(before, b" [")
    {
        return (subject, &text[text.len() - rest.len() - b"blocked using ".len()..]);
    }
    (b"", text)
}

/// The text of a delivery attempt. Its parts are told under their own names.
pub(super) fn reason(see: &mut See<'_>, text: &[u8]) {
    see.text("text", text);
    let inner = text.strip_prefix(b"delivery temporarily suspended: ").unwrap_or(text);
    if basic_code(inner).is_some() {
        reply(see, inner);
        if let Some((_, id)) = split_at(inner, b"queued as ") {
            see.text("queued_as", id.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'-').next().unwrap_or(b""));
        }
        return;
    }
    if let Some(id) = inner.strip_prefix(b"forwarded as ") {
        return see.text("forwarded_as", id);
    }
    on_the_way(see, inner);
}

/// `host H said: R (in reply to C command)`, `host H refused to talk to me: R`, `connect to H: E`, `lost connection with H while S`,
/// `conversation with H timed out while S`, `SASL authentication failed; server H said: R`.
pub(super) fn on_the_way(see: &mut See<'_>, text: &[u8]) {
    if let Some((_, rest)) = split_at(text, b" said: ")
        && (text.starts_with(b"host ") || text.starts_with(b"SASL authentication failed; server "))
    {
        let (said, stage) = in_reply_to(rest);
        see.text("remote_said", said);
        reply(see, said);
        see.text("in_reply_to", stage);
        return;
    }
    if let Some((_, said)) = split_at(text, b" refused to talk to me: ") {
        see.text("remote_said", said);
        return reply(see, said);
    }
    if let Some(rest) = text.strip_prefix(b"connect to ") {
        if let Some((_, rest)) = parse_peer(rest) {
            see.text("error", skip_blanks(rest.strip_prefix(b":").unwrap_or(rest)));
        }
        return;
    }
    for (opening, error) in [(&b"lost connection with "[..], &b"lost connection"[..]), (b"conversation with ", b"timed out")] {
        if text.starts_with(opening) {
            see.text("error", error);
            if let Some((_, stage)) = split_at(text, b" while ") {
                see.text("while", stage);
            }
        }
    }
}

/// Takes off ` (in reply to RCPT TO command)`, and gives the command.
fn in_reply_to(text: &[u8]) -> (&[u8], &[u8]) {
    const OPENING: &[u8] = b" (in reply to ";
    match memchr::memmem::rfind(text, OPENING) {
        Some(at) => {
            let stage = &text[at + OPENING.len()..];
            let stage = stage.strip_suffix(b")").unwrap_or(stage);
            (&text[..at], stage.strip_suffix(b" command").unwrap_or(stage))
        }
        None => (text, b""),
    }
}

/// A note of a delivery agent or smtpd that carries a list.
pub(super) fn note(see: &mut See<'_>, text: &[u8]) {
    if let Some(rest) = text.strip_prefix(b"enabling PIX workarounds: ") {
        let (workarounds, relay) = split_at(rest, b" for ").unwrap_or((rest, b""));
        see.text("workarounds", workarounds);
        if let Some((relay, _)) = parse_peer(relay) {
            peer::relay(see, &relay);
        }
        return;
    }
    if let Some(rest) = text.strip_prefix(b"discarding EHLO keywords: ") {
        return see.text("keywords", rest);
    }
    see.text("text", text);
}
