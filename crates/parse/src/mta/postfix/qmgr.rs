//! qmgr, bounce, pickup and postsuper: the life of a message in the queue.

use super::cleanup::sender;
use super::syntax::angle;
use super::{Delivery, Event};
use crate::syntax::{number, split_at, whole_number, word};

/// The event of qmgr's text.
#[inline]
pub(super) fn qmgr(text: &[u8]) -> Event<'_> {
    if text == b"removed" {
        return Event::Removed;
    }
    if let Some(rest) = text.strip_prefix(b"from=") {
        return active_or_expired(rest).unwrap_or(Event::Unknown);
    }
    if text.starts_with(b"removed (") {
        return Event::Canceled;
    }
    if let Some(list) = text.strip_prefix(b"to=") {
        let mut delivery = Delivery::default();
        super::delivery::fill(list, &mut delivery);
        return Event::Delivery(delivery);
    }
    if text.starts_with(b"skipped, ") || super::syntax::is_note(text) { Event::Note { text } } else { Event::Unknown }
}

/// `<a@x>, size=2345, nrcpt=2 (queue active)` or `<a@x>, status=expired, returned to sender`.
#[inline]
fn active_or_expired(text: &[u8]) -> Option<Event<'_>> {
    let (sender, rest) = sender(text)?;
    if let Some(size) = rest.strip_prefix(b"size=") {
        let (size, rest) = number(size).unwrap_or((0, b""));
        let nrcpt = rest.strip_prefix(b", nrcpt=").and_then(number).map_or(0, |(count, _)| u32::try_from(count).unwrap_or(u32::MAX));
        return Some(Event::Active { sender, size, nrcpt });
    }
    let status = rest.strip_prefix(b"status=")?;
    if status.starts_with(b"expired") {
        return Some(Event::Expired { sender, forced: false });
    }
    status.starts_with(b"force-expired").then_some(Event::Expired { sender, forced: true })
}

/// The event of bounce's text: `sender non-delivery notification: NEWID` and its kin.
pub(super) fn bounce(text: &[u8]) -> Event<'_> {
    if let Some((kind, id)) = split_at(text, b" notification: ") {
        let new_queue_id = word(id).0;
        return Event::Notification { kind: &text[..kind.len() + b" notification".len()], new_queue_id };
    }
    if let Some((_, rest)) = split_at(text, b" notification failed to ") {
        let (recipient, text) = failed_recipient(rest);
        return Event::NotificationFailed { recipient, text };
    }
    Event::Unknown
}

/// `a@x: reason`, with or without brackets.
fn failed_recipient(text: &[u8]) -> (&[u8], &[u8]) {
    if let Some(inside) = text.strip_prefix(b"<") {
        let (value, rest) = angle(inside, |rest| rest.is_empty() || rest.starts_with(b":")).unwrap_or((inside, b""));
        return (value, rest.strip_prefix(b": ").unwrap_or(rest));
    }
    split_at(text, b": ").unwrap_or((text, b""))
}

/// The event of pickup's text: `uid=33 from=<www-data>[ orig_id=ID]`.
pub(super) fn pickup(text: &[u8]) -> Event<'_> {
    let Some((uid, rest)) = text.strip_prefix(b"uid=").and_then(number) else {
        return if text.starts_with(b"message has been queued for ") { Event::Note { text } } else { Event::Unknown };
    };
    let Some(inside) = rest.strip_prefix(b" from=<") else { return Event::Unknown };
    let (sender, rest) = angle(inside, |rest| rest.is_empty() || rest.starts_with(b" orig_id=")).unwrap_or((inside, b""));
    let orig_id = rest.strip_prefix(b" orig_id=").unwrap_or(b"");
    Event::PickedUp { uid: u32::try_from(uid).unwrap_or(u32::MAX), sender, orig_id }
}

/// The event of postsuper's text: one message by its id, or `Deleted: 3 messages`.
pub(super) fn postsuper(text: &[u8]) -> Event<'_> {
    match text {
        b"removed" => Event::AdminRemoved,
        b"requeued" => Event::AdminRequeued,
        b"placed on hold" => Event::AdminHeld,
        b"released from hold" => Event::AdminReleased,
        b"expired" | b"expired, will be force-expired" | b"force-expired" => Event::AdminExpired,
        _ => match split_at(text, b": ") {
            Some((name, rest)) => {
                let (value, subject) = word(rest);
                match whole_number(value) {
                    Some(_) => Event::Statistics { name, value, subject },
                    None => Event::Unknown,
                }
            }
            None if text.starts_with(b"removed") => Event::AdminRemoved,
            None if text.starts_with(b"renamed ") => Event::Note { text },
            None => Event::Unknown,
        },
    }
}
