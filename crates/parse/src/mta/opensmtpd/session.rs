//! Lines that begin with the id of a session: 6.0 and later.

use super::syntax::{address, ciphers, client, count, quoted, relay, span, url, value};
use super::{Delivery, Event, Outcome};
use crate::record::Client;
use crate::syntax::{split_at, whole_number};

/// The event of a text after the session id.
pub(super) fn event(text: &[u8]) -> Event<'_> {
    let (side, rest) = split_at(text, b" ").unwrap_or((text, b""));
    // `event=` stands before the word in 6.0 to 6.3.
    let rest = rest.strip_prefix(b"event=").unwrap_or(rest);
    let (word, rest) = split_at(rest, b" ").unwrap_or((rest, b""));
    let found = match side {
        b"smtp" => smtp(word, rest),
        b"mta" => mta(word, rest),
        b"mda" if word == b"delivery" => delivery(rest, true),
        b"mda" => Some(Event::Ignored),
        _ => None,
    };
    found.unwrap_or_default()
}

/// What the server says.
fn smtp<'a>(word: &'a [u8], rest: &'a [u8]) -> Option<Event<'a>> {
    Some(match word {
        b"connected" => Event::Connected { client: client(rest) },
        b"message" => message(rest)?,
        b"envelope" => envelope(rest)?,
        b"failed-command" => failed_command(rest),
        b"bad-input" => Event::FailedCommand { command: b"", result: value(rest, b"result").unwrap_or_default(), client: client(rest) },
        b"authentication" => Event::Authentication {
            user: value(rest, b"user").unwrap_or_default(),
            result: value(rest, b"result").unwrap_or_default(),
            client: client(rest),
        },
        b"tls" | b"starttls" => tls(true, rest),
        b"cert-check" | b"client-cert-check" => {
            Event::CertificateCheck { inbound: true, result: value(rest, b"result").unwrap_or_default() }
        }
        b"disconnected" | b"closed" => disconnected(true, rest),
        b"proxy" | b"lost" | b"filter" | b"reject" => Event::Ignored,
        _ => return None,
    })
}

/// What the client says.
fn mta<'a>(word: &'a [u8], rest: &'a [u8]) -> Option<Event<'a>> {
    Some(match word {
        b"connecting" => {
            let (scheme, relay) = url(value(rest, b"address").unwrap_or_default(), value(rest, b"host").unwrap_or_default());
            Event::Connecting { relay, scheme }
        }
        b"connected" => Event::Reached,
        b"delivery" => delivery(rest, false)?,
        b"tls" | b"starttls" => tls(false, rest),
        b"cert-check" | b"server-cert-check" => {
            Event::CertificateCheck { inbound: false, result: value(rest, b"result").unwrap_or_default() }
        }
        b"disconnected" | b"closed" => disconnected(false, rest),
        b"error" | b"connection-error" => Event::SessionFailed { reason: after_key(rest, b"reason=") },
        b"host-rejects-all-mails" => Event::Route { text: word },
        _ => return None,
    })
}

/// The rest of the line after a key, without quotes around it.
fn after_key<'a>(text: &'a [u8], key: &[u8]) -> &'a [u8] {
    let value = split_at(text, key).map_or(text, |(_, value)| value);
    value.strip_prefix(b"\"").map_or(value, |inside| quoted(inside).0)
}

fn message(text: &[u8]) -> Option<Event<'_>> {
    let at = memchr::memmem::find(text, b"msgid=")?;
    let rest = &text[at..];
    let message = value(rest, b"msgid")?;
    // 6.0 to 6.3: the envelope stands in the same line.
    let (sender, recipient, rest) =
        match split_at(rest, b" ").and_then(|(_, rest)| address(rest, b"from", |rest| rest.starts_with(b" to=<"))) {
            Some((sender, rest)) => {
                let (recipient, rest) = address(rest.get(1..)?, b"to", |rest| rest.starts_with(b" size="))?;
                (Some(sender), recipient, rest)
            }
            None => (None, &b""[..], rest),
        };
    let recipients = count(value(rest, b"nrcpt")).or_else(|| count(value(rest, b"ndest"))).unwrap_or(0);
    Some(Event::Message {
        message,
        size: count(value(rest, b"size")).unwrap_or(0),
        recipients: u32::try_from(recipients).unwrap_or(u32::MAX),
        protocol: value(rest, b"proto").unwrap_or_default(),
        sender,
        recipient,
        client: client(&text[..at]),
    })
}

fn envelope(text: &[u8]) -> Option<Event<'_>> {
    let (evpid, rest) = split_at(text.strip_prefix(b"evpid=")?, b" ")?;
    let (sender, rest) = address(rest, b"from", |rest| rest.starts_with(b" to=<"))?;
    let (recipient, _) = address(rest.get(1..)?, b"to", |rest| rest.starts_with(b" "))?;
    Some(Event::Envelope { evpid, sender, recipient })
}

fn failed_command(text: &[u8]) -> Event<'_> {
    let (command, rest) = match split_at(text, b"command=\"") {
        // The command is the client's text: the last key is ours.
        Some((_, rest)) => match memchr::memmem::rfind(rest, b"\" result=\"") {
            Some(at) => (&rest[..at], &rest[at + 2..]),
            None => (rest, &b""[..]),
        },
        None => (&b""[..], text),
    };
    Event::FailedCommand { command, result: value(rest, b"result").unwrap_or_default(), client: client(text) }
}

fn tls(inbound: bool, text: &[u8]) -> Event<'_> {
    let (version, cipher, bits) = ciphers(value(text, b"ciphers").unwrap_or_default());
    let version = version.strip_prefix(b"version=").unwrap_or(version);
    Event::Tls { inbound, version, cipher, bits }
}

fn disconnected(inbound: bool, text: &[u8]) -> Event<'_> {
    let messages = value(text, b"messages").and_then(whole_number).map(|count| u32::try_from(count).unwrap_or(u32::MAX));
    let reason = value(text, b"reason").unwrap_or_default();
    Event::Disconnected { inbound, reason, messages, client: if inbound { client(text) } else { Client::default() } }
}

/// `evpid=... from=<a> to=<b> rcpt=<-> source="..." relay="..." delay=1s result="Ok" stat="250 ..."`, and without quotes for the local agent.
fn delivery(text: &[u8], local: bool) -> Option<Event<'_>> {
    let (evpid, rest) = split_at(text.strip_prefix(b"evpid=")?, b" ")?;
    let (sender, rest) = address(rest, b"from", |rest| rest.starts_with(b" to=<"))?;
    let (recipient, rest) = address(rest.get(1..)?, b"to", |rest| rest.starts_with(b" rcpt=<"))?;
    let next = |rest: &[u8]| [&b" source="[..], b" user=", b" relay=", b" delay="].iter().any(|key| rest.starts_with(key));
    let (original, rest) = address(rest.get(1..)?, b"rcpt", next)?;
    // The result is ours, the reply after it may hold anything.
    let (fields, stat) = split_at(rest, b" stat=").unwrap_or((rest, b""));
    let stat = match stat.strip_prefix(b"\"") {
        Some(inside) => inside.strip_suffix(b"\"").unwrap_or(inside),
        None => stat,
    };
    let result = value(fields, b"result").unwrap_or_default();
    Some(Event::Delivery(Delivery {
        evpid,
        sender,
        recipient,
        original: if original == b"-" { b"" } else { original },
        local,
        user: value(fields, b"user").unwrap_or_default(),
        method: value(fields, b"method").unwrap_or_default(),
        source: value(fields, b"source").filter(|source| *source != b"-").unwrap_or_default(),
        relay: relay(value(fields, b"relay").unwrap_or_default()),
        delay_ms: value(fields, b"delay").and_then(span),
        outcome: outcome(result),
        result,
        stat,
    }))
}

/// The result of a word.
pub(super) fn outcome(word: &[u8]) -> Outcome {
    match word {
        b"Ok" => Outcome::Ok,
        b"PermFail" | b"LoopFail" | b"Loop" => Outcome::PermFail,
        b"Expire" | b"Expired" => Outcome::Expired,
        b"Remove" | b"Removed" => Outcome::Removed,
        _ => Outcome::TempFail,
    }
}
