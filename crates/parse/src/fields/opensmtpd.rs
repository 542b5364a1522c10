//! The fields of OpenSMTPD's lines.

use super::{See, peer, reply};
use crate::mta::opensmtpd::{Delivery, Event, Line};

/// The kind of an event in one word.
pub(super) fn kind(event: &Event<'_>) -> &'static str {
    match event {
        Event::Unknown => "unparsed",
        Event::Ignored => "ignored",
        Event::Connected { .. } => "connect",
        Event::Message { .. } => "received",
        Event::Envelope { .. } => "envelope",
        Event::FailedCommand { .. } => "failed_command",
        Event::Authentication { .. } => "login",
        Event::Tls { .. } => "tls",
        Event::CertificateCheck { .. } => "certificate_check",
        Event::Disconnected { .. } => "disconnect",
        Event::Connecting { .. } => "connecting",
        Event::Reached => "connected",
        Event::Delivery(_) => "delivery",
        Event::SessionFailed { .. } => "session_failed",
        Event::Route { .. } => "route",
        Event::Lifecycle { .. } => "lifecycle",
        Event::Trouble { .. } => "trouble",
        Event::Note { .. } => "note",
    }
}

/// The fields of a line.
pub(super) fn line(line: &Line<'_>, see: &mut See<'_>) {
    see.text("session", line.session);
    match line.event {
        Event::Delivery(fields) => delivery(see, &fields),
        Event::Message { message: _, size, recipients, protocol, sender, recipient, client } => {
            see.even_empty("sender", sender);
            see.text("recipient", recipient);
            see.number("size", size);
            see.number("recipients", recipients);
            see.text("protocol", protocol);
            peer::client(see, &client);
        }
        Event::Envelope { evpid, sender, recipient } => {
            see.text("evpid", evpid);
            see.even_empty("sender", Some(sender));
            see.even_empty("recipient", Some(recipient));
        }
        ref event => session(see, event),
    }
}

fn delivery(see: &mut See<'_>, delivery: &Delivery<'_>) {
    see.text("evpid", delivery.evpid);
    see.even_empty("sender", Some(delivery.sender));
    see.even_empty("recipient", Some(delivery.recipient));
    see.text("orig_recipient", delivery.original);
    see.text("route", if delivery.local { b"local" } else { b"remote" });
    see.text("user", delivery.user);
    see.text("method", delivery.method);
    see.text("source_ip", delivery.source);
    peer::relay(see, &delivery.relay);
    if let Some(delay) = delivery.delay_ms {
        see.decimal("delay", f64::from(delay) / 1000.0);
    }
    see.text("result", delivery.result);
    reply::reply(see, delivery.stat);
}

/// Events of connections and of the daemon.
fn session(see: &mut See<'_>, event: &Event<'_>) {
    match *event {
        Event::Connected { client } => {
            peer::client(see, &client);
            if client.ip.is_empty() {
                see.text("from", b"local");
            }
        }
        Event::FailedCommand { command, result, client } => {
            see.text("command", command);
            peer::client(see, &client);
            reply::reply(see, result);
        }
        Event::Authentication { user, result, client } => {
            see.text("user", user);
            see.text("result", result);
            peer::client(see, &client);
        }
        Event::Tls { version, cipher, bits, .. } => {
            see.text("tls_version", version);
            see.text("tls_cipher", cipher);
            see.text("tls_cipher_bits", bits);
        }
        Event::CertificateCheck { result, .. } => see.text("result", result),
        Event::Disconnected { reason, messages, client, .. } => {
            peer::client(see, &client);
            see.text("reason", reason);
            if let Some(messages) = messages {
                see.number("messages", messages);
            }
        }
        Event::Connecting { relay, scheme } => {
            peer::relay(see, &relay);
            see.text("scheme", scheme);
        }
        Event::SessionFailed { reason } => see.text("reason", reason),
        Event::Lifecycle { what, version } => {
            see.text("action", what);
            see.text("version", version);
        }
        Event::Route { text } | Event::Trouble { text } | Event::Note { text } => see.text("text", text),
        _ => {}
    }
}
