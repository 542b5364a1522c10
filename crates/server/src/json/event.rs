//! Events as JSON: the contract of `mailvane events`.

use mailvane_model::row::{AttemptRow, AuthRow, MessageRow, NoticeRow, OutcomeRow, RejectionRow, SessionRow};
use mailvane_model::word::{Stage, Status};
use mailvane_model::{Stream, Time};

use super::object::{self, Object};

/// What every event says beside its own fields.
pub(crate) struct Context<'a> {
    /// The file, socket or journal it came from; empty when no single one.
    pub(crate) source: &'a str,
    /// The offset of the source's clock, minutes east of UTC.
    pub(crate) offset_minutes: i32,
}

fn common(object: &mut Object<'_>, kind: &str, id: u64, time: Time, stream: &Stream, context: &Context<'_>) {
    object
        .string("kind", kind)
        .id("id", id)
        .time("time", Some(time), context.offset_minutes)
        .text("source", context.source)
        .text("host", &stream.host)
        .text("mta", stream.mta.word())
        .text("instance", &stream.instance);
}

/// A message.
pub(crate) fn message(out: &mut Vec<u8>, row: &MessageRow<'_>, context: &Context<'_>) {
    let mut object = Object::open(out);
    common(&mut object, "message", row.id, row.time, row.stream, context);
    object
        .text("queue_id", row.queue_id)
        .text("message_id", row.message_id)
        .address("sender", row.sender)
        .optional("size", row.size)
        .optional("recipients", row.recipients)
        .text("client_name", row.client_name)
        .text("client_ip", row.client_ip)
        .text("sasl_user", row.sasl_user)
        .text("service", row.service)
        .time("arrived", Some(row.time), context.offset_minutes)
        .time("removed", row.removed, context.offset_minutes)
        .text("direction", row.direction.word())
        .text("population", row.population.word())
        .id("chain", row.chain)
        .id("previous_hop", row.previous_hop)
        .id("next_hop", row.next_hop)
        .id("bounce_of", row.bounce_of);
    object.close();
}

/// An attempt.
pub(crate) fn attempt(out: &mut Vec<u8>, row: &AttemptRow<'_>, context: &Context<'_>) {
    let mut object = Object::open(out);
    common(&mut object, "attempt", row.id, row.time, row.stream, context);
    object
        .id("message", row.message)
        .text("queue_id", row.queue_id)
        .text("message_id", row.message_id)
        .address("sender", row.sender)
        .address("recipient", row.recipient)
        .address("orig_recipient", row.orig_recipient)
        .text("relay_host", row.relay_host)
        .text("relay_ip", row.relay_ip)
        .nonzero("relay_port", row.relay_port)
        .text("provider", row.provider)
        .text("direction", row.direction.word())
        .text("population", row.population.word())
        .text("handed_to", if row.status == Status::Delivered || row.status == Status::InternalHop { row.handed_to.word() } else { "" })
        .string("status", row.status.word())
        .flag("contacted", row.contacted)
        .nonzero("reply_code", row.reply_code)
        .text("enhanced_code", row.enhanced_code)
        .text("reply_text", row.reply_text)
        .text("stage", stage(row.stage))
        .text("reason", row.reason.map_or("", |reason| reason.word()))
        .text("scope", if row.reason.is_some() { row.scope.word() } else { "" })
        .text("fault", if row.reason.is_some() { row.fault.word() } else { "" })
        .flag("permanent", row.permanent)
        .flag("retry", row.retry)
        .text("rule", row.rule)
        .nonzero("confidence", row.confidence)
        .seconds("delay_s", row.delay_ms.map(u64::from))
        .value("delays_s", |out| delays(out, row.delays_ms))
        .number("attempt", row.attempt)
        .optional("size", row.size)
        .value("tls", |out| tls(out, row));
    object.close();
}

fn delays(out: &mut Vec<u8>, parts: Option<[u32; 4]>) {
    let Some(parts) = parts else {
        out.extend_from_slice(b"null");
        return;
    };
    out.push(b'[');
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        object::seconds(out, u64::from(*part));
    }
    out.push(b']');
}

fn tls(out: &mut Vec<u8>, row: &AttemptRow<'_>) {
    if row.tls_version.is_empty() && row.tls_verification.is_empty() {
        out.extend_from_slice(b"null");
        return;
    }
    let mut object = Object::open(out);
    object.text("version", row.tls_version).text("cipher", row.tls_cipher).text("verification", row.tls_verification);
    object.close();
}

fn stage(stage: Stage) -> &'static str {
    if stage == Stage::Unknown { "" } else { stage.word() }
}

/// An outcome.
pub(crate) fn outcome(out: &mut Vec<u8>, row: &OutcomeRow<'_>, context: &Context<'_>) {
    let mut object = Object::open(out);
    common(&mut object, "outcome", row.id, row.time, row.stream, context);
    object
        .id("message", row.message)
        .text("queue_id", row.queue_id)
        .text("last_queue_id", row.last_queue_id)
        .text("message_id", row.message_id)
        .address("sender", row.sender)
        .address("recipient", row.recipient)
        .address("orig_recipient", row.orig_recipient)
        .text("direction", row.direction.word())
        .text("population", row.population.word())
        .text("handed_to", if row.outcome == mailvane_model::word::Outcome::Delivered { row.handed_to.word() } else { "" })
        .string("outcome", row.outcome.word())
        .number("attempts", row.attempts)
        .number("deferrals", row.deferrals)
        .time("arrived", Some(row.arrived), context.offset_minutes)
        .time("first_attempt", row.first_attempt, context.offset_minutes)
        .time("last_attempt", row.last_attempt, context.offset_minutes)
        .nonzero("reply_code", row.reply_code)
        .text("enhanced_code", row.enhanced_code)
        .text("reply_text", row.reply_text)
        .text("relay_host", row.relay_host)
        .text("relay_ip", row.relay_ip)
        .text("provider", row.provider)
        .text("reason", row.reason.map_or("", |reason| reason.word()))
        .text("scope", if row.reason.is_some() { row.scope.word() } else { "" })
        .flag("permanent", row.permanent)
        .optional("size", row.size)
        .seconds("delay_s", row.delay_ms)
        .text("note", row.note);
    object.close();
}

/// A rejection.
pub(crate) fn rejection(out: &mut Vec<u8>, row: &RejectionRow<'_>, context: &Context<'_>) {
    let mut object = Object::open(out);
    common(&mut object, "rejection", row.id, row.time, row.stream, context);
    object
        .text("queue_id", row.queue_id)
        .text("client_name", row.client_name)
        .text("client_ip", row.client_ip)
        .text("helo", row.helo)
        .text("service", row.service)
        .text("stage", stage(row.stage))
        .address("sender", row.sender)
        .address("recipient", row.recipient)
        .text("sasl_user", row.sasl_user)
        .nonzero("reply_code", row.reply_code)
        .text("enhanced_code", row.enhanced_code)
        .text("reply_text", row.reply_text)
        .text("reason", row.reason.word())
        .text("rule", row.rule)
        .string("action", row.action.word());
    object.close();
}

/// A login.
pub(crate) fn auth(out: &mut Vec<u8>, row: &AuthRow<'_>, context: &Context<'_>) {
    let mut object = Object::open(out);
    common(&mut object, "auth", row.id, row.time, row.stream, context);
    object
        .text("client_name", row.client_name)
        .text("client_ip", row.client_ip)
        .text("user", row.user)
        .text("method", row.method)
        .string("result", row.result.word())
        .text("reply_text", row.reply_text);
    object.close();
}

/// A connection.
pub(crate) fn session(out: &mut Vec<u8>, row: &SessionRow<'_>, context: &Context<'_>) {
    let mut object = Object::open(out);
    common(&mut object, "session", row.id, row.time, row.stream, context);
    object
        .text("client_name", row.client_name)
        .text("client_ip", row.client_ip)
        .text("service", row.service)
        .text("tls", row.tls)
        .text("commands", row.commands)
        .text("lost_after", stage(row.lost_after))
        .number("messages", row.messages);
    object.close();
}

/// A notice.
pub(crate) fn notice(out: &mut Vec<u8>, row: &NoticeRow<'_>, context: &Context<'_>) {
    let mut object = Object::open(out);
    common(&mut object, "notice", row.id, row.time, row.stream, context);
    object.text("daemon", row.daemon).string("level", row.level.word()).text("text", row.text);
    object.close();
}

/// A line that was not understood.
pub(crate) fn unparsed(out: &mut Vec<u8>, time: Option<Time>, host: &[u8], daemon: &[u8], text: &[u8], context: &Context<'_>) {
    let mut object = Object::open(out);
    object
        .string("kind", "unparsed")
        .time("time", time, context.offset_minutes)
        .text("source", context.source)
        .bytes("host", host)
        .bytes("daemon", daemon)
        .bytes("text", text);
    object.close();
}
