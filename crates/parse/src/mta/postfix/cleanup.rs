//! cleanup: message ids, content checks, milters, cancelled transactions.

use super::smtpd::{fill, split_list, starts_list};
use super::syntax::{angle, peer, verb};
use super::{Decision, Event, smtpd};
use crate::syntax::split_at;

/// The event of cleanup's text.
#[inline]
pub(super) fn event(text: &[u8]) -> Event<'_> {
    if let Some(id) = text.strip_prefix(b"message-id=") {
        return Event::MessageId { id: message_id(id), resent: false };
    }
    if let Some(id) = text.strip_prefix(b"resent-message-id=") {
        return Event::MessageId { id: message_id(id), resent: true };
    }
    match text {
        b"canceled" => return Event::Canceled,
        b"removed" => return Event::Removed,
        _ if text.starts_with(b"removed (") => return Event::Canceled,
        _ => {}
    }
    if let Some(decision) = decision(text) {
        return Event::Decision(decision);
    }
    if super::syntax::is_note(text) { Event::Note { text } } else { Event::Unknown }
}

/// A message id without its brackets and what stands after them; a bracket that never closes is taken off too.
#[inline]
fn message_id(text: &[u8]) -> &[u8] {
    match text {
        [b'<', inside @ .., b'>'] => inside,
        [b'<', inside @ ..] => {
            memchr::memchr(b'>', inside).filter(|end| !inside[..*end].contains(&b' ')).map_or(inside, |end| &inside[..end])
        }
        _ => text,
    }
}

/// `verb: header LINE from client; from=<> to=<> proto= helo=<>[: text]`, or the form of smtpd for a milter's word on the whole
/// message (`milter-reject: END-OF-MESSAGE from client: 5.7.1 Spam; ...`).
fn decision(text: &[u8]) -> Option<Decision<'_>> {
    let (verb_word, rest) = split_at(text, b": ")?;
    let verb = verb(verb_word)?;
    let Some((stage, rest)) = content(rest) else { return smtpd::decision(text) };
    let mut decision = Decision { verb, verb_word, stage, ..Decision::default() };
    let (before, list) = split_tail(rest);
    (decision.matched, decision.client) = match_and_client(before);
    let after = fill(&mut decision, list);
    decision.reply = after.strip_prefix(b": ").unwrap_or(b"");
    Some(decision)
}

/// `header `, `body ` or `mime-error ` and what follows.
fn content(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let stage = [&b"header"[..], b"body", b"mime-error"].into_iter().find(|stage| text.starts_with(stage))?;
    Some((&text[..stage.len()], text[stage.len()..].strip_prefix(b" ")?))
}

/// The matched line with its client, and the list. The line comes from outside and may hold anything, a list too: the last
/// ` from client; from=<` counts.
fn split_tail(text: &[u8]) -> (&[u8], &[u8]) {
    let mut end = text.len();
    while let Some(at) = memchr::memrchr(b';', &text[..end]) {
        let before = &text[..at];
        if starts_list(&text[at + 1..]) && (before.ends_with(b"]") || before.ends_with(b" from local")) {
            return (before, &text[at + 2..]);
        }
        end = at;
    }
    split_list(text)
}

/// `LINE from client`: the last ` from ` before a peer.
fn match_and_client(text: &[u8]) -> (&[u8], crate::record::Client<'_>) {
    if let Some(at) = memchr::memmem::rfind(text, b" from ") {
        let rest = &text[at + 6..];
        if let Some((client, _)) = peer(rest) {
            return (&text[..at], client);
        }
        if rest == b"local" {
            return (&text[..at], crate::record::Client { name: rest, ..Default::default() });
        }
    }
    (text, crate::record::Client::default())
}

/// The sender of `from=<...>, key=`, and what follows the comma.
#[inline]
pub(super) fn sender(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inside = text.strip_prefix(b"<")?;
    let strict = angle(inside, |rest| rest.starts_with(b", size=") || rest.starts_with(b", status="));
    let (value, rest) = strict.or_else(|| angle(inside, |rest| rest.is_empty() || rest.starts_with(b", "))).unwrap_or((inside, b""));
    Some((value, rest.strip_prefix(b", ").unwrap_or(rest)))
}
