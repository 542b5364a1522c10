//! The fields of Exim's lines.

use super::{Field, See};
use crate::mta::exim::{Arrival, Delivery, Event, Flag, Host, Line, Rejection, Tags, duration};
use crate::syntax::{number, split_at};

/// The kind of an event in one word.
pub(super) fn kind(event: &Event<'_>) -> &'static str {
    match event {
        Event::Unknown => "unparsed",
        Event::Ignored => "ignored",
        Event::Arrival(_) => "arrival",
        Event::Delivery(_) => "delivery",
        Event::Completed { .. } => "completed",
        Event::HostFailed { .. } => "host_failed",
        Event::Frozen { .. } => "frozen",
        Event::StillFrozen => "still_frozen",
        Event::Thawed { .. } => "thawed",
        Event::Removed { .. } => "removed",
        Event::MarkedDelivered { .. } => "marked_delivered",
        Event::ErrorIgnored { .. } => "error_ignored",
        Event::Rejection(_) => "rejection",
        Event::SenderVerify { .. } => "sender_verify",
        Event::AuthFailed { .. } => "auth_failed",
        Event::Connect { .. } => "connect",
        Event::Disconnect { .. } => "disconnect",
        Event::Dropped { .. } => "dropped",
        Event::TlsFailed { .. } => "tls_failed",
        Event::Misbehaved { .. } => "misbehaved",
        Event::Unresolved { .. } => "unresolved",
        Event::Dkim { .. } => "dkim",
        Event::Lifecycle { .. } => "lifecycle",
        Event::Piece { .. } => "piece",
        Event::Note { .. } => "note",
        Event::Trouble { .. } => "trouble",
    }
}

/// The fields of a line.
pub(super) fn line(line: &Line<'_>, see: &mut See<'_>) {
    match &line.event {
        Event::Arrival(fields) => arrival(see, fields),
        Event::Delivery(fields) => delivery(see, fields),
        Event::Rejection(fields) => rejection(see, fields),
        event => other(see, event),
    }
}

fn client(see: &mut See<'_>, host: &Host<'_>) {
    see.text("client_name", host.name);
    see.text("helo", host.helo);
    see.text("client_ip", host.ip);
    if host.port > 0 {
        see.number("client_port", host.port);
    }
    see.text("user", host.user);
}

fn relay(see: &mut See<'_>, host: &Host<'_>) {
    see.text("relay_host", host.name);
    see.text("relay_name", host.helo);
    see.text("relay_ip", host.ip);
    if host.port > 0 {
        see.number("relay_port", host.port);
    }
}

fn arrival(see: &mut See<'_>, arrival: &Arrival<'_>) {
    see.text("flag", if arrival.fake_reject { b"(=" } else { b"<=" });
    see.even_empty("sender", Some(arrival.sender));
    client(see, &arrival.host);
    see.text("protocol", arrival.protocol);
    see.text("tls", arrival.tls);
    see.text("auth", arrival.auth);
    see.text("bounce_of", arrival.bounce_of);
    if let Some(size) = arrival.size {
        see.number("size", i64::try_from(size).unwrap_or(i64::MAX));
    }
    see.text("message_id", arrival.header_id);
    tags(see, arrival.tags, &[b"P", b"S", b"A"]);
    if arrival.recipients.contains(&b' ') {
        (see.see)("recipients", Field::Words(arrival.recipients));
    } else {
        see.text("recipient", arrival.recipients);
    }
}

fn delivery(see: &mut See<'_>, delivery: &Delivery<'_>) {
    let (flag, status): (&[u8], &[u8]) = match delivery.flag {
        Flag::Delivered => (b"=>", b"delivered"),
        Flag::Further => (b"->", b"delivered"),
        Flag::Cutthrough => (b">>", b"delivered"),
        Flag::Suppressed => (b"*>", b"suppressed"),
        Flag::Failed => (b"**", b"bounced"),
        Flag::Deferred => (b"==", b"deferred"),
    };
    see.text("flag", flag);
    see.text("status", status);
    see.text("recipient", delivery.address);
    see.text("orig_recipient", delivery.original);
    see.text("router", delivery.router);
    see.text("transport", delivery.transport);
    relay(see, &delivery.host);
    if delivery.reused {
        see.text("connection", b"reused");
    }
    if let Some(errno) = delivery.errno {
        see.number("errno", errno);
    }
    see.text("tls", delivery.tls);
    tags(see, delivery.tags, &[b"T"]);
    let seconds = |milliseconds: u32| f64::from(milliseconds) / 1000.0;
    if let Some(milliseconds) = delivery.queue_ms {
        see.decimal("queue_time", seconds(milliseconds));
    }
    if let Some(milliseconds) = delivery.delivery_ms {
        see.decimal("delivery_time", seconds(milliseconds));
    }
    let failed = matches!(delivery.flag, Flag::Failed | Flag::Deferred);
    see.text(if failed { "error" } else { "confirmation" }, delivery.text);
    if delivery.reason != delivery.text {
        see.text("reason", delivery.reason);
    }
    remote_error(see, delivery.text);
}

/// `SMTP error from remote mail server after RCPT TO:<a>: 550 5.1.1 text`: the step, and the reply.
fn remote_error(see: &mut See<'_>, text: &[u8]) {
    if let Some((_, rest)) = split_at(text, b" from remote mail server after ")
        && let Some((stage, reply)) = split_at(rest, b": ")
    {
        see.text("after", stage);
        // Before Exim 4.80 the host stood here; it is told as the relay.
        let reply = reply.strip_prefix(b"host ").and_then(|host| split_at(host, b"]: ")).map_or(reply, |(_, reply)| reply);
        super::reply::reply(see, reply);
    } else if number(text).is_some_and(|(code, rest)| (200..600).contains(&code) && matches!(rest, [b' ' | b'-', ..])) {
        super::reply::reply(see, text);
    }
}

/// The tags that no field above has told. A letter has two meanings: `told` are those that this kind of line uses for something told above
/// (the protocol of an arrival, the transport of a delivery). A name is told once: readers of JSON keep one of two.
fn tags(see: &mut See<'_>, text: &[u8], told: &[&[u8]]) {
    for tag in Tags::of(text).filter(|tag| !told.contains(&tag.key)) {
        let name = match tag.key {
            b"CV" => "certificate_verified",
            b"DN" => "certificate",
            b"SNI" => "server_name",
            b"F" => "sender",
            b"P" => "return_path",
            b"I" => "interface",
            b"Ci" => "connection_id",
            b"T" => "subject",
            b"RT" => "receive_time",
            b"M8S" => "body_7bit",
            b"DKIM" => "dkim",
            b"PRX" => "proxy",
            b"PS" => "proxy",
            b"Q" => "queue",
            b"ST" => "shadow_transport",
            b"S" => "size",
            b"A" => "auth",
            b"DS" => "dnssec",
            b"K" => "chunking",
            b"PRDR" => "prdr",
            b"L" | b"L*" | b"L-" | b"L." => "pipelining",
            b"TFO" | b"TFO*" => "tcp_fast_open",
            _ => continue,
        };
        match name {
            "receive_time" => {
                if let Some(milliseconds) = duration(tag.value) {
                    see.decimal(name, f64::from(milliseconds) / 1000.0);
                }
            }
            "size" => see.digits(name, tag.value),
            _ => see.text(name, if tag.value.is_empty() { tag.key } else { tag.value }),
        }
    }
}

fn rejection(see: &mut See<'_>, rejection: &Rejection<'_>) {
    let action: &[u8] = match (rejection.discarded, rejection.temporary) {
        (true, _) => b"discard",
        (false, true) => b"defer",
        (false, false) => b"reject",
    };
    see.text("action", action);
    see.text("stage", rejection.stage);
    client(see, &rejection.host);
    if rejection.host.helo != rejection.helo {
        see.text("helo", rejection.helo);
    }
    see.even_empty("sender", rejection.sender);
    see.even_empty("recipient", rejection.recipient);
    see.text("auth", rejection.auth);
    see.text("reply", rejection.text);
}

fn other(see: &mut See<'_>, event: &Event<'_>) {
    match *event {
        Event::Completed { queue_ms: Some(milliseconds) } => see.decimal("queue_time", f64::from(milliseconds) / 1000.0),
        Event::HostFailed { host, text } => {
            relay(see, &host);
            see.text("error", text);
            remote_error(see, text);
        }
        Event::Frozen { by } | Event::Thawed { by } => see.text("by", by),
        Event::Removed { by, text } => {
            see.text("by", by);
            see.text("text", text);
        }
        Event::MarkedDelivered { address, by } => {
            see.text("recipient", address);
            see.text("by", by);
        }
        Event::ErrorIgnored { address } => see.text("recipient", address),
        Event::SenderVerify { host, address, deferred, text } => {
            client(see, &host);
            see.even_empty("sender", Some(address));
            see.text("result", if deferred { b"defer" } else { b"fail" });
            see.text("text", text);
        }
        Event::AuthFailed { method, host, user, text } => {
            see.text("method", method);
            client(see, &host);
            see.text("set_id", user);
            see.text("reason", text);
        }
        Event::Connect { host } => client(see, &host),
        Event::Disconnect { host, how, lost, commands, duration: lasted } => {
            client(see, &host);
            see.text("ended", how);
            if lost {
                see.text("error", b"lost");
            }
            see.text("commands", commands);
            if let Some(milliseconds) = duration(lasted) {
                see.decimal("duration", f64::from(milliseconds) / 1000.0);
            }
        }
        Event::Dropped { host, text } | Event::TlsFailed { host, text } | Event::Misbehaved { host, text } => {
            client(see, &host);
            see.text("error", text);
        }
        Event::Unresolved { name, ip } => {
            see.text("client_name", name);
            see.text("client_ip", ip);
        }
        Event::Dkim { domain, selector, result, .. } => {
            see.text("domain", domain);
            see.text("selector", selector);
            see.text("result", result);
        }
        Event::Lifecycle { what, version } => {
            see.text("text", what);
            see.text("version", version);
        }
        Event::Piece { number, of, text } => {
            see.number("piece", number);
            see.number("pieces", of);
            see.text("text", text);
        }
        Event::Note { text } | Event::Trouble { text } => see.text("text", text),
        _ => {}
    }
}
