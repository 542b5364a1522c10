//! Rows written down on one thread and folded on another.
//!
//! A [`Tape`] is a sink that keeps of each row what [`Fold`] reads, and no more: a whole row is several times as large.
//! Folding a tape gives what folding its rows gives, in their order.

use mailvane_model::word::{Action, AuthResult, Direction, Fault, HandedTo, Level, Outcome, Population, Reason, Scope, Stage, Status};
use mailvane_model::{Address, AttemptRow, AuthRow, MessageRow, NoticeRow, OutcomeRow, RejectionRow, SessionRow, Sink, Stream, Time};

use super::Fold;
use crate::count;

/// Rows, in order.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    facts: Vec<Fact>,
    /// The strings of all rows, end to end.
    text: String,
    streams: Vec<Stream>,
    /// The place of the last row's stream.
    stream: u32,
}

/// The strings of a row: where the first begins and where each ends.
#[derive(Clone, Copy, Debug)]
struct Strings<const N: usize> {
    start: u32,
    ends: [u32; N],
}

#[derive(Clone, Copy, Debug)]
enum Fact {
    Message(Message, bool),
    Attempt(Attempt),
    /// An attempt that failed: the last four strings are the codes, the reply and what they mean.
    Refused(Attempt, Refusal),
    /// An outcome; false when it takes a former one back.
    Outcome(Final, bool),
    /// An outcome that is a failure or is not reached yet, with its reply.
    Failed(Final, Refusal, bool),
    Rejection(Rejection),
    Auth {
        time: Time,
        result: AuthResult,
        strings: Strings<4>,
    },
    Session {
        time: Time,
        lost_after: Stage,
        strings: Strings<2>,
    },
    Notice {
        time: Time,
        level: Level,
        strings: Strings<2>,
    },
}

/// Sender (two parts), user, client's name and address.
#[derive(Clone, Copy, Debug)]
struct Message {
    time: Time,
    size: Option<u64>,
    recipients: Option<u32>,
    stream: u32,
    direction: Direction,
    population: Population,
    strings: Strings<5>,
}

/// Recipient's domain, relay host, provider.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    time: Time,
    previous: Option<Time>,
    delays_ms: Option<[u32; 4]>,
    attempt: u32,
    stream: u32,
    status: Status,
    direction: Direction,
    population: Population,
    reason: Option<Reason>,
    contacted: bool,
    first_deferral: bool,
    strings: Strings<3>,
}

/// Enhanced code, reply.
#[derive(Clone, Copy, Debug)]
struct Refusal {
    reply_code: u16,
    reason: Option<Reason>,
    scope: Scope,
    fault: Fault,
    permanent: bool,
    message: u64,
    arrived: Time,
    strings: Strings<2>,
}

/// Recipient (two parts), sender (two parts), user, relay host, provider.
#[derive(Clone, Copy, Debug)]
struct Final {
    time: Time,
    size: Option<u64>,
    delay_ms: Option<u64>,
    deferrals: u32,
    greylisted: u32,
    stream: u32,
    direction: Direction,
    population: Population,
    outcome: Outcome,
    handed_to: HandedTo,
    strings: Strings<7>,
}

/// Reply, client's name and address, sender's domain, recipient (two parts).
#[derive(Clone, Copy, Debug)]
struct Rejection {
    time: Time,
    reply_code: u16,
    action: Action,
    stage: Stage,
    reason: Reason,
    strings: Strings<6>,
}

impl Tape {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.facts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// The bytes of its strings.
    pub fn text_bytes(&self) -> usize {
        self.text.len()
    }

    /// Forgets its rows and keeps its room.
    pub fn clear(&mut self) {
        self.facts.clear();
        self.text.clear();
    }

    #[inline]
    fn keep<const N: usize>(&mut self, parts: [&str; N]) -> Strings<N> {
        let start = self.text.len() as u32;
        let mut ends = [start; N];
        for (end, part) in ends.iter_mut().zip(parts) {
            if !part.is_empty() {
                self.text.push_str(part);
            }
            *end = self.text.len() as u32;
        }
        Strings { start, ends }
    }

    #[inline]
    fn stream(&mut self, stream: &Stream) -> u32 {
        if self.streams.get(self.stream as usize) != Some(stream) {
            self.stream = self.other_stream(stream);
        }
        self.stream
    }

    #[cold]
    fn other_stream(&mut self, stream: &Stream) -> u32 {
        let at = self.streams.iter().position(|each| each == stream).unwrap_or_else(|| {
            self.streams.push(stream.clone());
            self.streams.len() - 1
        });
        at as u32
    }

    #[inline]
    fn text<const N: usize>(&self, strings: &Strings<N>) -> [&str; N] {
        let mut parts = [""; N];
        let mut start = strings.start as usize;
        for (part, end) in parts.iter_mut().zip(strings.ends) {
            *part = self.text.get(start..end as usize).unwrap_or("");
            start = end as usize;
        }
        parts
    }

    #[inline]
    fn one_message(&mut self, row: &MessageRow<'_>, counts: bool) {
        // Later hops count nothing.
        if count::message(row).is_empty() {
            return;
        }
        let stream = self.stream(row.stream);
        let strings = self.keep([row.sender.local, row.sender.domain, row.sasl_user, row.client_name, row.client_ip]);
        let message = Message {
            time: row.time,
            size: row.size,
            recipients: row.recipients,
            stream,
            direction: row.direction,
            population: row.population,
            strings,
        };
        self.facts.push(Fact::Message(message, counts));
    }

    fn one_outcome(&mut self, row: &OutcomeRow<'_>, counts: bool) {
        let stream = self.stream(row.stream);
        let fact = Final {
            time: row.time,
            size: row.size,
            delay_ms: row.delay_ms,
            deferrals: row.deferrals,
            greylisted: row.greylisted,
            stream,
            direction: row.direction,
            population: row.population,
            outcome: row.outcome,
            handed_to: row.handed_to,
            strings: self.keep([
                row.recipient.local,
                row.recipient.domain,
                row.sender.local,
                row.sender.domain,
                row.sasl_user,
                row.relay_host,
                row.provider,
            ]),
        };
        let fact = if row.outcome == Outcome::Delivered {
            Fact::Outcome(fact, counts)
        } else {
            let refusal = Refusal {
                reply_code: row.reply_code,
                reason: row.reason,
                scope: row.scope,
                fault: row.fault,
                permanent: row.permanent,
                message: row.message,
                arrived: row.arrived,
                strings: self.keep([row.enhanced_code, row.reply_text]),
            };
            Fact::Failed(fact, refusal, counts)
        };
        self.facts.push(fact);
    }
}

impl Sink for Tape {
    #[inline]
    fn message(&mut self, row: &MessageRow<'_>, replaced: Option<&MessageRow<'_>>) {
        if let Some(old) = replaced {
            self.one_message(old, false);
        }
        self.one_message(row, true);
    }

    #[inline]
    fn attempt(&mut self, row: &AttemptRow<'_>) {
        let stream = self.stream(row.stream);
        let fact = Attempt {
            time: row.time,
            previous: row.previous,
            delays_ms: row.delays_ms,
            attempt: row.attempt,
            stream,
            status: row.status,
            direction: row.direction,
            population: row.population,
            reason: row.reason,
            contacted: row.contacted,
            first_deferral: row.first_deferral,
            strings: self.keep([row.recipient.domain, row.relay_host, row.provider]),
        };
        let fact = if count::is_refusal(row.status) {
            let refusal = Refusal {
                reply_code: row.reply_code,
                reason: row.reason,
                scope: row.scope,
                fault: row.fault,
                permanent: row.permanent,
                message: row.message,
                arrived: row.arrived,
                strings: self.keep([row.enhanced_code, row.reply_text]),
            };
            Fact::Refused(fact, refusal)
        } else {
            Fact::Attempt(fact)
        };
        self.facts.push(fact);
    }

    #[inline]
    fn outcome(&mut self, row: &OutcomeRow<'_>, replaced: Option<&OutcomeRow<'_>>) {
        if let Some(old) = replaced {
            self.one_outcome(old, false);
        }
        self.one_outcome(row, true);
    }

    fn rejection(&mut self, row: &RejectionRow<'_>) {
        let strings = [row.reply_text, row.client_name, row.client_ip, row.sender.domain, row.recipient.local, row.recipient.domain];
        let strings = self.keep(strings);
        self.facts.push(Fact::Rejection(Rejection {
            time: row.time,
            reply_code: row.reply_code,
            action: row.action,
            stage: row.stage,
            reason: row.reason,
            strings,
        }));
    }

    fn auth(&mut self, row: &AuthRow<'_>) {
        let strings = self.keep([row.client_name, row.client_ip, row.user, row.method]);
        self.facts.push(Fact::Auth { time: row.time, result: row.result, strings });
    }

    #[inline]
    fn session(&mut self, row: &SessionRow<'_>) {
        let strings = self.keep([row.client_name, row.client_ip]);
        self.facts.push(Fact::Session { time: row.time, lost_after: row.lost_after, strings });
    }

    fn notice(&mut self, row: &NoticeRow<'_>) {
        let strings = self.keep([row.daemon, row.text]);
        self.facts.push(Fact::Notice { time: row.time, level: row.level, strings });
    }
}

impl Fold {
    /// Adds the rows of a tape.
    pub fn play(&mut self, tape: &Tape) {
        for fact in &tape.facts {
            match fact {
                Fact::Message(message, counts) => self.one_message(&message_row(tape, message), if *counts { 1 } else { -1 }),
                Fact::Attempt(attempt) => self.attempt(&attempt_row(tape, attempt)),
                Fact::Refused(attempt, refusal) => self.attempt(&refused_row(tape, attempt, refusal)),
                Fact::Outcome(outcome, counts) => self.one_outcome(&outcome_row(tape, outcome), if *counts { 1 } else { -1 }),
                Fact::Failed(outcome, refusal, counts) => {
                    self.one_outcome(&failed_row(tape, outcome, refusal), if *counts { 1 } else { -1 });
                }
                Fact::Rejection(rejection) => self.rejection(&rejection_row(tape, rejection)),
                Fact::Auth { time, result, strings } => {
                    let [client_name, client_ip, user, method] = tape.text(strings);
                    self.auth(&AuthRow { time: *time, result: *result, client_name, client_ip, user, method, ..AuthRow::default() });
                }
                Fact::Session { time, lost_after, strings } => {
                    let [client_name, client_ip] = tape.text(strings);
                    self.session(&SessionRow { time: *time, lost_after: *lost_after, client_name, client_ip, ..SessionRow::default() });
                }
                Fact::Notice { time, level, strings } => {
                    let [daemon, text] = tape.text(strings);
                    self.notice(&NoticeRow { time: *time, level: *level, daemon, text, ..NoticeRow::default() });
                }
            }
        }
    }
}

fn stream_of(tape: &Tape, at: u32) -> &Stream {
    tape.streams.get(at as usize).unwrap_or_default()
}

#[inline]
fn message_row<'a>(tape: &'a Tape, message: &Message) -> MessageRow<'a> {
    let [local, domain, sasl_user, client_name, client_ip] = tape.text(&message.strings);
    MessageRow {
        time: message.time,
        size: message.size,
        recipients: message.recipients,
        stream: stream_of(tape, message.stream),
        direction: message.direction,
        population: message.population,
        sender: Address { local, domain },
        sasl_user,
        client_name,
        client_ip,
        ..MessageRow::default()
    }
}

#[inline]
fn attempt_row<'a>(tape: &'a Tape, attempt: &Attempt) -> AttemptRow<'a> {
    let [domain, relay_host, provider] = tape.text(&attempt.strings);
    AttemptRow {
        time: attempt.time,
        previous: attempt.previous,
        delays_ms: attempt.delays_ms,
        attempt: attempt.attempt,
        stream: stream_of(tape, attempt.stream),
        status: attempt.status,
        direction: attempt.direction,
        population: attempt.population,
        reason: attempt.reason,
        contacted: attempt.contacted,
        first_deferral: attempt.first_deferral,
        recipient: Address { local: "", domain },
        relay_host,
        provider,
        ..AttemptRow::default()
    }
}

fn refused_row<'a>(tape: &'a Tape, attempt: &Attempt, refusal: &Refusal) -> AttemptRow<'a> {
    let [enhanced_code, reply_text] = tape.text(&refusal.strings);
    AttemptRow {
        reply_code: refusal.reply_code,
        scope: refusal.scope,
        fault: refusal.fault,
        permanent: refusal.permanent,
        message: refusal.message,
        arrived: refusal.arrived,
        enhanced_code,
        reply_text,
        ..attempt_row(tape, attempt)
    }
}

#[inline]
fn outcome_row<'a>(tape: &'a Tape, outcome: &Final) -> OutcomeRow<'a> {
    let [local, domain, sender_local, sender_domain, sasl_user, relay_host, provider] = tape.text(&outcome.strings);
    OutcomeRow {
        time: outcome.time,
        size: outcome.size,
        delay_ms: outcome.delay_ms,
        deferrals: outcome.deferrals,
        greylisted: outcome.greylisted,
        stream: stream_of(tape, outcome.stream),
        direction: outcome.direction,
        population: outcome.population,
        outcome: outcome.outcome,
        handed_to: outcome.handed_to,
        recipient: Address { local, domain },
        sender: Address { local: sender_local, domain: sender_domain },
        sasl_user,
        relay_host,
        provider,
        ..OutcomeRow::default()
    }
}

fn failed_row<'a>(tape: &'a Tape, outcome: &Final, refusal: &Refusal) -> OutcomeRow<'a> {
    let [enhanced_code, reply_text] = tape.text(&refusal.strings);
    OutcomeRow {
        reply_code: refusal.reply_code,
        reason: refusal.reason,
        scope: refusal.scope,
        fault: refusal.fault,
        permanent: refusal.permanent,
        message: refusal.message,
        arrived: refusal.arrived,
        enhanced_code,
        reply_text,
        ..outcome_row(tape, outcome)
    }
}

fn rejection_row<'a>(tape: &'a Tape, rejection: &Rejection) -> RejectionRow<'a> {
    let [reply_text, client_name, client_ip, sender_domain, local, domain] = tape.text(&rejection.strings);
    RejectionRow {
        time: rejection.time,
        reply_code: rejection.reply_code,
        action: rejection.action,
        stage: rejection.stage,
        reason: rejection.reason,
        reply_text,
        client_name,
        client_ip,
        sender: Address { local: "", domain: sender_domain },
        recipient: Address { local, domain },
        ..RejectionRow::default()
    }
}
