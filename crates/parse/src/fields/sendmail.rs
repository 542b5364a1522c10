//! The fields of Sendmail's lines.

use super::{Field, See, peer, reply};
use crate::mta::sendmail::{Child, Decision, Delivery, Event, Line, Verdict};
use crate::syntax::split_at;

/// The kind of an event in one word.
pub(super) fn kind(event: &Event<'_>) -> &'static str {
    match event {
        Event::Unknown => "unparsed",
        Event::Ignored => "ignored",
        Event::From { .. } => "received",
        Event::Delivery(_) => "delivery",
        Event::Done => "removed",
        Event::Child { .. } => "notification",
        Event::Cloned { .. } => "cloned",
        Event::Connect { .. } => "connect",
        Event::NoTransaction { .. } => "no_transaction",
        Event::Lost { .. } => "lost",
        Event::TimedOut { .. } => "timed_out",
        Event::Decision(_) => "decision",
        Event::AddressRefused { .. } | Event::Refused { .. } => "refused",
        Event::PreGreeting { .. } => "pre_greeting",
        Event::Misbehaved { .. } => "misbehaved",
        Event::Tls { .. } => "tls",
        Event::TlsFailed { .. } => "tls_failed",
        Event::Authenticated { .. } => "login",
        Event::AuthFailed { .. } => "auth_failed",
        Event::LoggedIn { .. } => "logged_in",
        Event::Quarantined { .. } => "quarantined",
        Event::Released => "released",
        Event::Broken { .. } => "broken",
        Event::Lifecycle { .. } => "lifecycle",
        Event::Trouble { .. } => "trouble",
        Event::Note { .. } => "note",
    }
}

/// The fields of a line.
pub(super) fn line(line: &Line<'_>, see: &mut See<'_>) {
    match &line.event {
        Event::Delivery(fields) => delivery(see, fields),
        Event::Decision(fields) => decision(see, fields),
        event => message(see, event),
    }
}

fn delivery(see: &mut See<'_>, delivery: &Delivery<'_>) {
    if delivery.to.into_iter().count() > 1 {
        (see.see)("recipients", Field::Texts(delivery.to));
    } else {
        see.even_empty("recipient", delivery.to.into_iter().next());
    }
    see.text("controlling_address", delivery.controlling);
    let seconds = |milliseconds: u32| f64::from(milliseconds) / 1000.0;
    if let Some(delay) = delivery.delay_ms {
        see.decimal("delay", seconds(delay));
    }
    if let Some(delay) = delivery.transfer_ms {
        see.decimal("delay_transmission", seconds(delay));
    }
    see.text("mailer", delivery.mailer);
    peer::relay(see, &delivery.relay);
    see.text("dsn", delivery.dsn);
    see.text("quarantine", delivery.quarantine);
    reply::reply(see, delivery.reply);
    let (status, detail) = result(delivery.stat);
    see.text("status", status);
    see.text("detail", detail);
    if let Some(id) = detail.strip_suffix(b" Message accepted for delivery") {
        see.text("next_queue_id", id);
    }
}

/// The result and what it says of itself: `Deferred: detail`, `Sent (detail)`, `Host unknown (Name server: detail)`.
fn result(stat: &[u8]) -> (&[u8], &[u8]) {
    let colon = split_at(stat, b": ");
    match split_at(stat, b" (") {
        Some((status, detail)) if colon.is_none_or(|(before, _)| status.len() < before.len()) => {
            (status, detail.strip_suffix(b")").unwrap_or(detail))
        }
        _ => colon.unwrap_or((stat, b"")),
    }
}

fn decision(see: &mut See<'_>, decision: &Decision<'_>) {
    see.text("ruleset", decision.ruleset);
    see.text("milter", decision.milter);
    see.text("stage", decision.step);
    let action = match decision.verdict {
        Verdict::Reject => &b"reject"[..],
        Verdict::Discard => b"discard",
        Verdict::Quarantine => b"quarantine",
    };
    see.text("action", action);
    see.text("argument", decision.argument);
    see.text("argument2", decision.argument2);
    peer::client(see, &decision.client);
    reply::reply(see, decision.text);
}

/// Events of a message's life.
fn message(see: &mut See<'_>, event: &Event<'_>) {
    match *event {
        Event::From { sender, size, nrcpts, message_id, protocol, daemon, relay, submitter } => {
            see.even_empty("sender", Some(sender));
            see.number("size", size);
            see.number("recipients", nrcpts);
            see.text("message_id", message_id);
            see.text("protocol", protocol);
            see.text("daemon", daemon);
            peer::client(see, &relay);
            see.text("submitter", submitter);
        }
        Event::Child { new_queue_id, kind, text } => {
            let kind = match kind {
                Child::Dsn => &b"DSN"[..],
                Child::Returned => b"return to sender",
                Child::SenderNotify => b"sender notify",
                Child::PostmasterNotify => b"postmaster notify",
            };
            see.text("new_queue_id", new_queue_id);
            see.text("reason", kind);
            see.text("text", text);
        }
        Event::Cloned { former, owner } => {
            see.text("orig_queue_id", former);
            see.text("owner", owner);
        }
        Event::AddressRefused { address, text } => {
            see.even_empty("recipient", Some(address));
            see.text("text", text);
        }
        Event::Quarantined { reason } => see.text("reason", reason),
        Event::Lifecycle { what, version } => {
            see.text("action", what);
            see.text("version", version);
        }
        Event::Refused { text } | Event::Broken { text } | Event::Trouble { text } | Event::Note { text } => see.text("text", text),
        _ => session(see, event),
    }
}

/// Events of connections.
fn session(see: &mut See<'_>, event: &Event<'_>) {
    match *event {
        Event::Connect { client } => peer::client(see, &client),
        Event::NoTransaction { client, daemon } => {
            peer::client(see, &client);
            see.text("daemon", daemon);
        }
        Event::Lost { client, daemon, stage } => {
            peer::client(see, &client);
            see.text("daemon", daemon);
            see.text("stage", stage);
        }
        Event::TimedOut { peer, during } => {
            peer::client(see, &peer);
            see.text("while", during);
        }
        Event::PreGreeting { client, text } | Event::Misbehaved { client, text } => {
            peer::client(see, &client);
            see.text("text", text);
        }
        Event::Tls { inbound, relay, version, verification, cipher, bits } => {
            tls_peer(see, inbound, &relay);
            see.text("tls_version", version);
            see.text("verification", verification);
            see.text("tls_cipher", cipher);
            see.text("tls_cipher_bits", bits);
        }
        Event::TlsFailed { inbound, relay, text } => {
            tls_peer(see, inbound, &relay);
            see.text("error", text);
        }
        Event::Authenticated { client, user, method } => {
            peer::client(see, &client);
            see.text("user", user);
            see.text("method", method);
        }
        Event::AuthFailed { client, user, method, text } => {
            peer::client(see, &client);
            see.text("user", user);
            see.text("method", method);
            see.text("reason", text);
        }
        Event::LoggedIn { relay, method, .. } => {
            peer::relay(see, &relay);
            see.text("method", method);
        }
        _ => {}
    }
}

fn tls_peer(see: &mut See<'_>, inbound: bool, relay: &crate::record::Client<'_>) {
    if inbound {
        peer::client(see, relay);
    } else {
        peer::relay(see, relay);
    }
}
