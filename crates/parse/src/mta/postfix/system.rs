//! master, scripts, caches and the statistics of anvil and scache; commands, whose warnings are all that counts.

use super::{Daemon, Event, postscreen, smtpd};
use crate::syntax::{split_at, word};

/// The event of the text of a daemon that is not about one message.
pub(super) fn event(daemon: Daemon, text: &[u8]) -> Event<'_> {
    match daemon {
        Daemon::Anvil | Daemon::Scache => statistics(text).unwrap_or(Event::Unknown),
        Daemon::Master | Daemon::PostfixScript => lifecycle(daemon, text),
        Daemon::Verify => cache(text).unwrap_or_else(|| table(text)),
        Daemon::Tlsmgr => Event::Note { text },
        Daemon::Policyd => Event::Ignored,
        Daemon::Proxymap | Daemon::TrivialRewrite | Daemon::Flush => table(text),
        Daemon::Command => smtpd::tls(text).unwrap_or(Event::Ignored),
        Daemon::Other => other(text),
        _ => Event::Unknown,
    }
}

/// A tag that names no known daemon (a renamed one): what the text itself says, where it says it clearly.
fn other(text: &[u8]) -> Event<'_> {
    match postscreen::event(text) {
        Event::Unknown => smtpd::tls(text).unwrap_or(Event::Unknown),
        event => event,
    }
}

fn table(text: &[u8]) -> Event<'_> {
    if super::syntax::is_note(text) { Event::Note { text } } else { Event::Unknown }
}

/// `statistics: NAME VALUE[ for (SUBJECT)][ at TIME]`
fn statistics(text: &[u8]) -> Option<Event<'_>> {
    let rest = text.strip_prefix(b"statistics: ")?;
    if let Some(value) = rest.strip_prefix(b"start interval ") {
        return Some(Event::Statistics { name: &rest[..14], value, subject: b"" });
    }
    if let Some((measure, _time)) = split_at(rest, b" at ") {
        let (measure, subject) = match split_at(measure, b" for (") {
            Some((measure, subject)) => (measure, subject.strip_suffix(b")").unwrap_or(subject)),
            None => (measure, &b""[..]),
        };
        let at = memchr::memrchr(b' ', measure)?;
        return Some(Event::Statistics { name: &measure[..at], value: &measure[at + 1..], subject });
    }
    // scache: words, then `key=value` pairs.
    let equals = memchr::memchr(b'=', rest)?;
    let at = memchr::memrchr(b' ', &rest[..equals])?;
    Some(Event::Statistics { name: &rest[..at], value: &rest[at + 1..], subject: b"" })
}

/// `cache TABLE full cleanup: retained=1 dropped=0 entries`
pub(super) fn cache(text: &[u8]) -> Option<Event<'_>> {
    let (subject, rest) = word(text.strip_prefix(b"cache ")?);
    let (name, value) = split_at(rest, b": ")?;
    Some(Event::Statistics { name, value, subject })
}

/// `daemon started -- version 3.11.1, configuration /etc/postfix`, `terminating on signal 15`, `starting the Postfix mail system`
fn lifecycle(daemon: Daemon, text: &[u8]) -> Event<'_> {
    let version = match split_at(text, b" -- version ") {
        Some((_, rest)) => split_at(rest, b",").map_or(rest, |(version, _)| version),
        None => b"",
    };
    let known = !version.is_empty()
        || daemon == Daemon::PostfixScript
        || text.starts_with(b"terminating on signal ")
        || text.starts_with(b"daemon started")
        || text.starts_with(b"reload");
    if known { Event::Lifecycle { what: text, version } } else { Event::Unknown }
}
