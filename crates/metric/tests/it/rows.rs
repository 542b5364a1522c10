//! Made-up traffic that hangs together: retries know of the tries before them, outcomes follow attempts.

use std::sync::OnceLock;

use mailvane_metric::Traffic;
use mailvane_model::word::{Action, AuthResult, Direction, HandedTo, Level, Outcome, Population, Reason, Scope, Stage, Status};
use mailvane_model::{
    Address, AttemptRow, AuthRow, Batch, MessageRow, NoticeRow, OutcomeRow, RejectionRow, SessionRow, Sink, Stream, Time,
};

/// One call of a sink.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::large_enum_variant)] // A test holds a few hundred of them.
pub(crate) enum Event {
    Message(MessageRow<'static>, Option<MessageRow<'static>>),
    Attempt(AttemptRow<'static>),
    Outcome(OutcomeRow<'static>, Option<OutcomeRow<'static>>),
    Rejection(RejectionRow<'static>),
    Auth(AuthRow<'static>),
    Session(SessionRow<'static>),
    Notice(NoticeRow<'static>),
}

impl Event {
    pub(crate) fn hand_to(&self, sink: &mut impl Sink) {
        match self {
            Event::Message(row, replaced) => sink.message(row, replaced.as_ref()),
            Event::Attempt(row) => sink.attempt(row),
            Event::Outcome(row, replaced) => sink.outcome(row, replaced.as_ref()),
            Event::Rejection(row) => sink.rejection(row),
            Event::Auth(row) => sink.auth(row),
            Event::Session(row) => sink.session(row),
            Event::Notice(row) => sink.notice(row),
        }
    }

    fn time(&self) -> Time {
        match self {
            Event::Message(row, _) => row.time,
            Event::Attempt(row) => row.time,
            Event::Outcome(row, _) => row.time,
            Event::Rejection(row) => row.time,
            Event::Auth(row) => row.time,
            Event::Session(row) => row.time,
            Event::Notice(row) => row.time,
        }
    }
}

pub(crate) fn batch(events: &[Event]) -> Batch {
    let mut batch = Batch::default();
    for event in events {
        event.hand_to(&mut batch);
    }
    batch
}

/// A small generator, so that a case is its seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Dice(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u64) as usize]
    }
}

fn stream(number: u64) -> &'static Stream {
    static STREAMS: OnceLock<[Stream; 2]> = OnceLock::new();
    let streams = STREAMS.get_or_init(|| {
        ["postfix", "postfix-out"].map(|instance| Stream {
            host: "mail.example.com".into(),
            instance: instance.into(),
            ..Stream::default()
        })
    });
    &streams[number as usize % 2]
}

const RECIPIENTS: [&str; 5] = ["bob@example.net", "carol@example.net", "dave@example.org", "erin@mail.example.org", "frank"];
const SENDERS: [&str; 4] =
    ["alice@example.com", "prvs=0123abcdef=alice@example.com", "bounce+x=example.net@news.example.com", "ops@example.com"];
const REASONS: [Reason; 4] = [Reason::Greylisted, Reason::UnknownRecipient, Reason::RateLimited, Reason::MailboxFull];
const OUTCOMES: [Outcome; 9] = [
    Outcome::Delivered,
    Outcome::Delivered,
    Outcome::Delivered,
    Outcome::Bounced,
    Outcome::Expired,
    Outcome::Queued,
    Outcome::Unknown,
    Outcome::Discarded,
    Outcome::Held,
];

/// Traffic of `lives` messages over about two days, in the order of time.
pub(crate) fn events(seed: u64, lives: u64) -> Vec<Event> {
    let mut dice = Dice::new(seed);
    let mut events = Vec::new();
    for id in 1..=lives {
        life(id, &mut dice, &mut events);
        beside(&mut dice, &mut events);
    }
    events.sort_by_key(Event::time);
    events
}

fn life(id: u64, dice: &mut Dice, events: &mut Vec<Event>) {
    let arrived = Time::from_seconds(1_762_000_000 + dice.below(100_000) as i64);
    let direction = dice.of(&[Direction::Outbound, Direction::Outbound, Direction::Outbound, Direction::Inbound, Direction::Local]);
    let population = dice.of(&[Population::Ordinary, Population::Ordinary, Population::Ordinary, Population::Notification]);
    let sender = Address::split(dice.of(&SENDERS));
    let (stream, client_ip, sasl_user) = (stream(dice.below(2)), dice.of(&["192.0.2.1", "192.0.2.2", ""]), dice.of(&["", "alice"]));
    let size = dice.of(&[None, Some(1000), Some(250_000)]);
    let message = MessageRow {
        id,
        time: arrived,
        stream,
        sender,
        size,
        recipients: Some(2),
        client_ip,
        sasl_user,
        direction,
        population,
        chain: id,
        ..MessageRow::default()
    };
    events.push(Event::Message(message, None));
    // Some are known better when they leave the queue.
    let direction = if dice.below(4) == 0 { Direction::Local } else { message.direction };
    let gone = MessageRow { rev: 1, removed: Some(arrived.plus(Time::HOUR)), direction, ..message };
    events.push(Event::Message(gone, Some(message)));
    let mut deferred_at: Vec<usize> = Vec::new();
    for (ordinal, recipient) in RECIPIENTS.iter().take(1 + dice.below(3) as usize).enumerate() {
        let recipient = Address::split(recipient);
        let base = AttemptRow {
            message: id,
            arrived,
            stream,
            sender,
            recipient,
            sasl_user,
            direction,
            population,
            size,
            provider: recipient.domain,
            relay_host: recipient.domain,
            ..AttemptRow::default()
        };
        recipient_life(id, ordinal as u64, base, dice, events, &mut deferred_at);
    }
    // The first of the deferred attempts by time is the message's first deferral.
    if let Some(first) = deferred_at.into_iter().min_by_key(|at| events[*at].time())
        && let Event::Attempt(row) = &mut events[first]
    {
        row.first_deferral = true;
    }
}

fn recipient_life(
    id: u64,
    ordinal: u64,
    base: AttemptRow<'static>,
    dice: &mut Dice,
    events: &mut Vec<Event>,
    deferred_at: &mut Vec<usize>,
) {
    let (deferrals, reason) = (dice.below(4) as u32 * dice.below(2) as u32, Some(dice.of(&REASONS)));
    let mut time = base.arrived.plus(dice.below(30) as i64 * Time::SECOND);
    let (mut previous, mut first_attempt) = (None, None);
    for attempt in 1..=deferrals {
        deferred_at.push(events.len());
        let contacted = dice.below(3) > 0;
        events.push(Event::Attempt(AttemptRow {
            time,
            attempt,
            previous,
            status: Status::Deferred,
            reason,
            contacted,
            reply_text: "450 4.7.1 not now",
            ..base
        }));
        (previous, first_attempt) = (Some(time), first_attempt.or(Some(time)));
        time = time.plus((20 + dice.below(9000) as i64) * Time::SECOND);
    }
    let outcome = dice.of(&OUTCOMES);
    let status = match outcome {
        Outcome::Delivered => Some(Status::Delivered),
        Outcome::Bounced => Some(Status::Bounced),
        Outcome::Held => Some(Status::Held),
        _ => None,
    };
    let reason = if outcome == Outcome::Delivered { None } else { reason };
    if let Some(status) = status {
        let delays_ms = Some([1, 2, 300, dice.below(100_000) as u32]);
        let reply_text = if reason.is_some() { "550 5.1.1 no such user" } else { "250 2.0.0 OK" };
        events.push(Event::Attempt(AttemptRow { time, attempt: deferrals + 1, previous, status, reason, delays_ms, reply_text, ..base }));
    }
    let row = OutcomeRow {
        id: id * 10 + ordinal,
        time,
        arrived: base.arrived,
        stream: base.stream,
        message: id,
        sender: base.sender,
        recipient: base.recipient,
        sasl_user: base.sasl_user,
        direction: base.direction,
        population: base.population,
        handed_to: dice.of(&[HandedTo::Remote, HandedTo::Smarthost, HandedTo::Mailbox]),
        outcome,
        deferrals,
        first_attempt,
        relay_host: base.relay_host,
        provider: base.provider,
        reason,
        scope: dice.of(&[Scope::Recipient, Scope::Sender]),
        permanent: outcome == Outcome::Bounced,
        size: base.size,
        delay_ms: Some((time.0 - base.arrived.0) as u64 / 1000),
        ..OutcomeRow::default()
    };
    events.push(Event::Outcome(row, None));
    if dice.below(4) == 0 {
        // A later log shows what became of it.
        let revised = OutcomeRow {
            rev: 1,
            time: time.plus(Time::MINUTE),
            outcome: Outcome::Bounced,
            reason: Some(Reason::BadDomain),
            direction: Traffic::DEFAULT.direction,
            ..row
        };
        events.push(Event::Outcome(revised, Some(row)));
    }
}

fn beside(dice: &mut Dice, events: &mut Vec<Event>) {
    let time = Time::from_seconds(1_762_000_000 + dice.below(100_000) as i64);
    let (stream, client_ip) = (stream(dice.below(2)), dice.of(&["203.0.113.5", "203.0.113.6"]));
    match dice.below(8) {
        0 => {
            let action = dice.of(&[Action::Reject, Action::Defer, Action::Warn]);
            let reply_text = dice.of(&["554 5.7.1 blocked", "450 4.7.1 try again in 300 seconds"]);
            events.push(Event::Rejection(RejectionRow {
                time,
                stream,
                client_ip,
                stage: Stage::Rcpt,
                reason: dice.of(&REASONS),
                action,
                reply_text,
                ..RejectionRow::default()
            }));
        }
        1 => events.push(Event::Auth(AuthRow {
            time,
            stream,
            client_ip,
            user: "root",
            result: dice.of(&[AuthResult::Ok, AuthResult::Failed]),
            ..AuthRow::default()
        })),
        2 => events.push(Event::Session(SessionRow {
            time,
            stream,
            client_ip,
            lost_after: dice.of(&[Stage::Unknown, Stage::Auth]),
            ..SessionRow::default()
        })),
        3 => {
            let text = dice.of(&["process 17 died", "process 18 died", "map lookup failed"]);
            events.push(Event::Notice(NoticeRow {
                time,
                stream,
                level: dice.of(&[Level::Info, Level::Warning, Level::Fatal]),
                text,
                ..NoticeRow::default()
            }));
        }
        _ => {}
    }
}
