//! The fields of Postfix's lines.

use super::{See, peer, reply, session};
use crate::mta::postfix::{Decision, Delivery, Event, Line, Verb};
use crate::syntax::split_at;

/// The kind of an event in one word.
pub(super) fn kind(event: &Event<'_>) -> &'static str {
    match event {
        Event::Unknown => "unparsed",
        Event::Ignored => "ignored",
        Event::Connect { .. } => "connect",
        Event::Disconnect { .. } => "disconnect",
        Event::Opened { .. } => "opened",
        Event::PickedUp { .. } => "picked_up",
        Event::Decision(_) => "decision",
        Event::Lost { .. } => "lost",
        Event::AuthFailed { .. } => "auth_failed",
        Event::Tls { .. } => "tls",
        Event::TlsFailed { .. } => "tls_failed",
        Event::MessageId { .. } => "message_id",
        Event::Canceled => "canceled",
        Event::Active { .. } => "active",
        Event::Expired { .. } => "expired",
        Event::Removed => "removed",
        Event::Delivery(_) => "delivery",
        Event::HostSaid { .. } => "host_said",
        Event::Notification { .. } => "notification",
        Event::NotificationFailed { .. } => "notification_failed",
        Event::AdminRemoved => "admin_removed",
        Event::AdminRequeued => "admin_requeued",
        Event::AdminHeld => "admin_held",
        Event::AdminReleased => "admin_released",
        Event::AdminExpired => "admin_expired",
        Event::LimitExceeded { .. } => "limit_exceeded",
        Event::Postscreen { .. } => "postscreen",
        Event::Listed { .. } => "listed",
        Event::Statistics { .. } => "statistics",
        Event::Lifecycle { .. } => "lifecycle",
        Event::Misbehaved { .. } => "misbehaved",
        Event::Unresolved { .. } => "unresolved",
        Event::Note { .. } => "note",
        Event::Trouble { .. } => "trouble",
    }
}

/// The fields of a line.
pub(super) fn line(line: &Line<'_>, see: &mut See<'_>) {
    see.text("instance", line.instance);
    see.text("service_label", line.service);
    if let Some(word) = line.daemon.word() {
        see.text("daemon", word.as_bytes());
    }
    match &line.event {
        Event::Delivery(fields) => delivery(see, fields),
        Event::Decision(fields) => {
            let queued = line.queue_id.is_some() || matches!(fields.verb, Verb::ProxyAccept | Verb::ProxyReject);
            if !queued {
                see.text("transaction", b"NOQUEUE");
            }
            decision(see, fields);
        }
        event => message(see, event),
    }
}

fn delivery(see: &mut See<'_>, delivery: &Delivery<'_>) {
    see.even_empty("recipient", Some(delivery.to));
    see.even_empty("orig_recipient", delivery.orig_to);
    peer::relay(see, &delivery.relay);
    if delivery.conn_use > 0 {
        see.number("connection_use", delivery.conn_use);
    }
    let seconds = |milliseconds: u32| f64::from(milliseconds) / 1000.0;
    if let Some(delay) = delivery.delay_ms {
        see.decimal("delay", seconds(delay));
    }
    if let Some([before, queue, connection, transmission]) = delivery.delays_ms {
        see.decimal("delay_before_queue_manager", seconds(before));
        see.decimal("delay_in_queue_manager", seconds(queue));
        see.decimal("delay_connection", seconds(connection));
        see.decimal("delay_transmission", seconds(transmission));
    }
    session::tls_summary(see, delivery.tls);
    see.text("dsn", delivery.dsn);
    see.text("status", delivery.status_word);
    reply::reason(see, delivery.text);
}

fn decision(see: &mut See<'_>, decision: &Decision<'_>) {
    see.text("action", decision.verb_word);
    for prefix in [&b"milter-"[..], b"proxy-"] {
        if let Some(result) = decision.verb_word.strip_prefix(prefix) {
            see.text("result", result);
        }
    }
    see.text("stage", decision.stage);
    see.text("matched", decision.matched);
    peer::client(see, &decision.client);
    see.text("reply", decision.reply);
    reply::reply(see, decision.reply);
    see.even_empty("sender", decision.sender);
    see.even_empty("recipient", decision.recipient);
    see.text("protocol", decision.proto);
    see.text("helo", decision.helo);
    see.text("sasl_method", decision.sasl_method);
    see.text("sasl_username", decision.sasl_username);
}

/// Events of a message's life.
fn message(see: &mut See<'_>, event: &Event<'_>) {
    match *event {
        Event::Opened { client, sasl_method, sasl_username, sasl_sender, orig_queue_id, orig_client } => {
            peer::client(see, &client);
            see.text("sasl_method", sasl_method);
            see.text("sasl_username", sasl_username);
            see.text("sasl_sender", sasl_sender);
            see.text("orig_queue_id", orig_queue_id);
            peer::named(see, ["orig_client_name", "orig_client_ip", "orig_client_port"], &orig_client);
        }
        Event::PickedUp { uid, sender, orig_id } => {
            see.number("uid", uid);
            see.even_empty("sender", Some(sender));
            see.text("orig_queue_id", orig_id);
        }
        Event::MessageId { id, resent } => see.even_empty(if resent { "resent_message_id" } else { "message_id" }, Some(id)),
        Event::Active { sender, size, nrcpt } => {
            see.even_empty("sender", Some(sender));
            see.number("size", size);
            see.number("recipients", nrcpt);
        }
        Event::Expired { sender, forced } => {
            see.even_empty("sender", Some(sender));
            see.text("status", if forced { b"force-expired" } else { b"expired" });
        }
        Event::Notification { kind, new_queue_id } => {
            let kind = kind.strip_suffix(b" notification").unwrap_or(kind);
            let (to, reason) = split_at(kind, b" ").unwrap_or((b"", kind));
            see.text("notified", to);
            see.text("reason", reason);
            see.text("new_queue_id", new_queue_id);
        }
        Event::NotificationFailed { recipient, text } => {
            see.text("recipient", recipient);
            see.text("text", text);
        }
        Event::HostSaid { peer, text } => {
            peer::relay(see, &peer);
            reply::on_the_way(see, text);
        }
        Event::AdminRemoved => see.text("action", b"removed"),
        Event::AdminRequeued => see.text("action", b"requeued"),
        Event::AdminHeld => see.text("action", b"placed on hold"),
        Event::AdminReleased => see.text("action", b"released from hold"),
        Event::AdminExpired => see.text("action", b"expired"),
        _ => other(see, event),
    }
}

/// Events of sessions and of the system.
fn other(see: &mut See<'_>, event: &Event<'_>) {
    match *event {
        Event::Connect { client } => peer::client(see, &client),
        Event::Disconnect { client, commands } => {
            peer::client(see, &client);
            session::commands(see, commands);
        }
        Event::Lost { how: what, stage, client } | Event::Misbehaved { what, stage, client } => {
            see.text("error", what);
            see.text("stage", stage);
            peer::client(see, &client);
        }
        Event::AuthFailed { client, method, reason, username } => {
            peer::client(see, &client);
            see.text("method", method);
            see.text("reason", reason);
            see.text("user", username);
        }
        Event::Tls { inbound, verification, peer, version, cipher } => {
            see.text("verification", verification);
            if inbound {
                peer::client(see, &peer);
            } else {
                peer::relay(see, &peer);
            }
            see.text("tls_version", version);
            session::cipher(see, cipher);
        }
        Event::TlsFailed { inbound, peer, text } => {
            see.text("action", if inbound { b"SSL_accept error" } else { b"SSL_connect error" });
            if inbound {
                peer::client(see, &peer);
            } else {
                peer::relay(see, &peer);
            }
            see.text("error", text);
        }
        Event::LimitExceeded { limit, count, client, service } => {
            see.text("limit", limit);
            see.number("count", count);
            peer::client(see, &client);
            see.text("service", service);
        }
        Event::Postscreen { word, client, value } => session::postscreen(see, word, &client, value),
        Event::Listed { address, domain, result } => {
            see.text("client_ip", address);
            see.text("dnsbl_domain", domain);
            see.text("dnsbl_result", result);
        }
        Event::Statistics { name, value, subject } => session::statistics(see, name, value, subject),
        Event::Lifecycle { what, version } => session::lifecycle(see, what, version),
        Event::Unresolved { client, text } => {
            peer::client(see, &client);
            see.text("text", text);
        }
        Event::Note { text } => reply::note(see, text),
        Event::Trouble { text } => see.text("text", text),
        _ => {}
    }
}
