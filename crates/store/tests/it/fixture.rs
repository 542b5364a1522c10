//! Rows made by rule: message `n` arrives in second `n`, and what happens to it follows from `n`.

use mailvane_model::hash;
use mailvane_model::id::derived;
use mailvane_model::word::{Action, AuthResult, Direction, HandedTo, Level, Mta, Outcome, Reason, Stage, Status};
use mailvane_model::{
    Address, AttemptRow, AuthRow, Batch, FileId, MessageRow, NoticeRow, OutcomeRow, Position, RejectionRow, SessionRow, Sink, Stream, Time,
};

/// Bytes of log that one message takes.
const LOG_BYTES: u64 = 1200;
/// The time of message 0: 2026-03-01T00:00:00Z.
pub const START: Time = Time::from_seconds(1_772_323_200);

pub fn stream(number: u64) -> Stream {
    Stream { origin: format!("origin-{number}"), host: format!("mx{number}"), instance: "postfix".into(), mta: Mta::Postfix }
}

pub fn position(number: u64, step: u64) -> Position {
    Position { file: FileId(hash::bytes(b"mail.log")), offset: number * LOG_BYTES + step * 150 }
}

pub fn life(number: u64) -> u64 {
    position(number, 0).life(0)
}

pub fn arrival(number: u64) -> Time {
    START.plus(number as i64 * Time::SECOND + (hash::words(&[number]) % 1_000_000) as i64)
}

pub fn queue_id(number: u64) -> String {
    format!("4{:09X}", hash::words(&[number, 1]) % 0xF_FFFF_FFFF)
}

pub fn message_id(number: u64) -> String {
    format!("<{:016x}.{number}@mail.example.com>", hash::words(&[number, 2]))
}

pub fn recipient(number: u64) -> String {
    format!("user{}", hash::words(&[number, 3]) % 5000)
}

pub fn recipient_domain(number: u64) -> String {
    format!("domain{}.example", hash::words(&[number, 4]) % 40)
}

/// The message row: revision 0 when it has come in, 1 when it has left.
pub fn put_message(number: u64, rev: u32, sink: &mut impl Sink) {
    let stream = stream(number % 2);
    let (queue_id, message_id) = (queue_id(number), message_id(number));
    let lines: Vec<Position> = (0..if rev == 0 { 3 } else { 6 }).map(|step| position(number, step)).collect();
    sink.message(
        &MessageRow {
            id: life(number),
            rev,
            time: arrival(number),
            stream: &stream,
            queue_id: &queue_id,
            message_id: &message_id,
            sender: Address { local: "news", domain: "example.com" },
            size: Some(2000 + hash::words(&[number, 5]) % 50_000),
            recipients: Some(1),
            client_name: "app.example.com",
            client_ip: "192.0.2.10",
            sasl_user: if number.is_multiple_of(3) { "ann" } else { "" },
            service: "submission",
            direction: Direction::Outbound,
            removed: (rev > 0).then(|| arrival(number).plus(2 * Time::SECOND)),
            chain: life(number),
            lines: &lines,
            ..MessageRow::default()
        },
        None,
    );
}

/// The one attempt of a message, and its outcome.
pub fn put_delivery(number: u64, sink: &mut impl Sink) {
    let stream = stream(number % 2);
    let (queue_id, message_id) = (queue_id(number), message_id(number));
    let (local, domain) = (recipient(number), recipient_domain(number));
    let bounced = number.is_multiple_of(7);
    let time = arrival(number).plus(Time::SECOND);
    let sender = Address { local: "news", domain: "example.com" };
    let recipient = Address { local: &local, domain: &domain };
    let reply_text = if bounced {
        format!("550 5.1.1 <{local}@{domain}>: user unknown")
    } else {
        format!("250 2.0.0 OK: queued as {:x}", hash::words(&[number, 6]))
    };
    let attempt = AttemptRow {
        id: position(number, 4).event(life(number), 0),
        message: life(number),
        time,
        arrived: arrival(number),
        stream: &stream,
        position: position(number, 4),
        queue_id: &queue_id,
        message_id: &message_id,
        sender,
        recipient,
        relay_host: "mx.example.net",
        relay_ip: "198.51.100.7",
        relay_port: 25,
        provider: "example",
        direction: Direction::Outbound,
        handed_to: HandedTo::Remote,
        status: if bounced { Status::Bounced } else { Status::Delivered },
        contacted: true,
        reply_code: if bounced { 550 } else { 250 },
        enhanced_code: if bounced { "5.1.1" } else { "2.0.0" },
        reply_text: &reply_text,
        stage: Stage::Rcpt,
        reason: bounced.then_some(Reason::UnknownRecipient),
        permanent: bounced,
        delay_ms: Some(1000),
        delays_ms: Some([100, 10, 300, 590]),
        attempt: 1,
        size: Some(2000 + hash::words(&[number, 5]) % 50_000),
        ..AttemptRow::default()
    };
    sink.attempt(&attempt);
    sink.outcome(&outcome(number, &attempt, 0), None);
}

/// The outcome that follows from an attempt.
pub fn outcome<'a>(number: u64, attempt: &AttemptRow<'a>, rev: u32) -> OutcomeRow<'a> {
    OutcomeRow {
        id: derived(life(number), 3, 0),
        rev,
        time: attempt.time,
        arrived: attempt.arrived,
        stream: attempt.stream,
        message: attempt.message,
        last_message: attempt.message,
        queue_id: attempt.queue_id,
        last_queue_id: attempt.queue_id,
        message_id: attempt.message_id,
        sender: attempt.sender,
        recipient: attempt.recipient,
        direction: attempt.direction,
        handed_to: attempt.handed_to,
        outcome: if attempt.permanent { Outcome::Bounced } else { Outcome::Delivered },
        attempts: 1,
        first_attempt: Some(attempt.time),
        last_attempt: Some(attempt.time),
        reply_code: attempt.reply_code,
        enhanced_code: attempt.enhanced_code,
        reply_text: attempt.reply_text,
        relay_host: attempt.relay_host,
        relay_ip: attempt.relay_ip,
        provider: attempt.provider,
        reason: attempt.reason,
        permanent: attempt.permanent,
        size: attempt.size,
        delay_ms: Some(1000),
        ..OutcomeRow::default()
    }
}

/// What stands at the door: a refusal, a login, a connection, a notice.
pub fn put_door(number: u64, sink: &mut impl Sink) {
    let stream = stream(number % 2);
    let at = position(number, 5);
    let client_ip = format!("203.0.113.{}", number % 250);
    let time = arrival(number);
    sink.rejection(&RejectionRow {
        id: at.event(0, 1),
        time,
        stream: &stream,
        position: at,
        client_ip: &client_ip,
        helo: "unknown.example",
        stage: Stage::Rcpt,
        recipient: Address { local: "nobody", domain: "example.com" },
        reply_code: 554,
        reply_text: "Client host blocked",
        reason: Reason::IpBlocklisted,
        action: Action::Reject,
        ..RejectionRow::default()
    });
    sink.auth(&AuthRow {
        id: at.event(0, 2),
        time,
        stream: &stream,
        position: at,
        client_ip: &client_ip,
        user: "ann",
        method: "LOGIN",
        result: AuthResult::Failed,
        ..AuthRow::default()
    });
    sink.session(&SessionRow {
        id: at.event(0, 3),
        time,
        stream: &stream,
        position: at,
        client_ip: &client_ip,
        commands: "ehlo=1",
        ..SessionRow::default()
    });
    if number.is_multiple_of(50) {
        sink.notice(&NoticeRow {
            id: at.event(0, 4),
            time,
            stream: &stream,
            position: at,
            daemon: "postfix/qmgr",
            level: Level::Warning,
            text: "mail system is slow",
        });
    }
}

/// Everything of the messages of a range: whole lives in one batch.
pub fn batch(numbers: std::ops::Range<u64>) -> Batch {
    let mut batch = Batch::default();
    for number in numbers {
        put_message(number, 0, &mut batch);
        put_delivery(number, &mut batch);
        put_message(number, 1, &mut batch);
        if number.is_multiple_of(5) {
            put_door(number, &mut batch);
        }
    }
    batch
}
