//! Rows of a scope: pending batches as they lie in memory, segments by Polars with the columns and rows that are needed.

use mailvane_model::word::{
    Action, AuthResult, Direction, HandedTo, Level, Outcome, Population, Reason, Scope as ReplyScope, Stage, Status,
};
use mailvane_model::{AttemptRow, AuthRow, MessageRow, NoticeRow, OutcomeRow, RejectionRow, SessionRow, Time};
use mailvane_store::{Detail, Kind, Snapshot};
use polars::prelude::*;

use crate::Result;
use crate::condition::{ROW, is_value, lazy_numbered, living, micros, of_traffic};
use crate::frame::Frame;
use crate::frames::{Names, Wanted, frames, frames_by};
use crate::scope::{Dimension, Scope};

const ATTEMPTS: Wanted = Wanted {
    kind: Kind::Attempts,
    numbers: &[
        "time",
        "arrived",
        "previous",
        "direction",
        "population",
        "status",
        "reason",
        "contacted",
        "attempt",
        "first_deferral",
        "delays_ms_a",
        "delays_ms_b",
        "delays_ms_c",
        "delays_ms_d",
    ],
    strings: &["provider", "sender_local", "sender_domain", "recipient_local", "recipient_domain", "relay_host", "client_ip", "sasl_user"],
    clock: "time",
    having: None,
};

const OUTCOMES: Wanted = Wanted {
    kind: Kind::Outcomes,
    numbers: &[
        "time",
        "arrived",
        "direction",
        "population",
        "handed_to",
        "outcome",
        "deferrals",
        "greylisted",
        "reason",
        "scope",
        "permanent",
        "size",
        "delay_ms_beyond",
    ],
    strings: &["provider", "sender_local", "sender_domain", "recipient_local", "recipient_domain", "relay_host", "client_ip", "sasl_user"],
    clock: "time",
    having: None,
};

const MESSAGES: Wanted = Wanted {
    kind: Kind::Messages,
    numbers: &["id", "time", "size", "recipients", "direction", "population", "chain", "previous_hop"],
    strings: &["sender_local", "sender_domain", "client_ip", "sasl_user"],
    clock: "time",
    having: None,
};

/// Messages that users handed in.
const MESSAGES_OF_USERS: Wanted = Wanted { having: Some("sasl_user"), ..MESSAGES };

const REJECTIONS: Wanted = Wanted {
    kind: Kind::Rejections,
    numbers: &["time", "stage", "reason", "action"],
    strings: &["sender_local", "sender_domain", "recipient_local", "recipient_domain", "client_ip", "sasl_user"],
    clock: "time",
    having: None,
};

const AUTHS: Wanted =
    Wanted { kind: Kind::Auths, numbers: &["time", "result"], strings: &["client_ip", "user"], clock: "time", having: None };
/// Logins with all that the log says of them.
const AUTHS_TOLD: Wanted = Wanted { strings: &["client_ip", "user", "client_name", "method", "reply_text"], ..AUTHS };

const SESSIONS: Wanted =
    Wanted { kind: Kind::Sessions, numbers: &["time", "lost_after"], strings: &["client_ip"], clock: "time", having: None };

const NOTICES: Wanted =
    Wanted { kind: Kind::Notices, numbers: &["time", "level"], strings: &["daemon", "text"], clock: "time", having: None };

/// How many rows of a kind can lie in a span: an upper bound, from the manifest alone.
pub fn rows_at_most(snapshot: &Snapshot, kind: Kind, since: Time, until: Time) -> u64 {
    snapshot.segments(kind, since, until).iter().map(|segment| segment.rows).sum()
}

/// Whether rows of a kind can pass the filters: a message has no provider, a login no domain.
fn can_pass(kind: Kind, scope: &Scope) -> bool {
    let knows = |dimension: Dimension| match kind {
        Kind::Attempts | Kind::Outcomes => true,
        Kind::Messages => !matches!(dimension, Dimension::Provider | Dimension::Domain | Dimension::Relay | Dimension::Reason),
        Kind::Rejections => !matches!(dimension, Dimension::Provider | Dimension::Relay),
        Kind::Auths => matches!(dimension, Dimension::Instance | Dimension::Client | Dimension::User),
        Kind::Sessions => matches!(dimension, Dimension::Instance | Dimension::Client),
        Kind::Notices => true,
    };
    scope.filters.wanted.iter().all(|(dimension, _)| knows(*dimension))
}

/// Visits the rows of one kind in pending batches, superseded ones left out.
macro_rules! pending {
    ($snapshot:expr, $kind:expr, $field:ident, $see:expr) => {
        for pending in $snapshot.pending() {
            let dead = pending.dead($kind);
            for index in 0..pending.rows.$field.len() {
                if dead.is_empty() || dead.binary_search(&(index as u32)).is_err() {
                    $see(&pending.rows.$field.get(index));
                }
            }
        }
    };
}

/// Attempts of a scope.
pub fn attempts(snapshot: &Snapshot, scope: &Scope, names: Names, mut see: impl FnMut(&AttemptRow<'_>)) -> Result<()> {
    let mut visit = |row: &AttemptRow<'_>| {
        if scope.spans(row.time) && scope.has(mailvane_metric::Traffic::of(row.population, row.direction)) && scope.admits_attempt(row) {
            see(row);
        }
    };
    frames(snapshot, &ATTEMPTS, scope, names, |frame| attempt_rows(frame, &mut visit))?;
    pending!(snapshot, Kind::Attempts, attempts, visit);
    Ok(())
}

/// The attempts of a scope that failed, whole: Polars says which rows they are, the store reads them.
pub fn failed_attempts(snapshot: &Snapshot, scope: &Scope, mut see: impl FnMut(&AttemptRow<'_>)) -> Result<()> {
    let mut visit = |row: &AttemptRow<'_>| {
        let traffic = mailvane_metric::Traffic::of(row.population, row.direction);
        if row.reason.is_some() && scope.spans(row.time) && scope.has(traffic) && scope.admits_attempt(row) {
            see(row);
        }
    };
    for segment in snapshot.segments(Kind::Attempts, scope.since, scope.until) {
        let mut frame = living(lazy_numbered(&segment)?, &segment);
        frame = frame.filter(micros("time").gt_eq(lit(scope.since.0)).and(micros("time").lt(lit(scope.until.0))));
        frame = frame.filter(col("reason").is_not_null());
        let schema = frame.collect_schema()?;
        for condition in scope.filters.wanted.iter().filter_map(|(dimension, value)| is_value(*dimension, value, snapshot, &schema)) {
            frame = frame.filter(condition);
        }
        for condition in of_traffic(scope, &schema) {
            frame = frame.filter(condition);
        }
        let frame = frame.select([col(ROW).cast(DataType::UInt32)]).collect()?;
        let rows: Vec<u32> = frame.column(ROW)?.as_materialized_series().u32()?.iter().flatten().collect();
        if !rows.is_empty() {
            snapshot.read_rows(&segment, Some(&rows), Detail::Judged)?.attempts.iter().for_each(|row| visit(&row));
        }
    }
    pending!(snapshot, Kind::Attempts, attempts, visit);
    Ok(())
}

fn attempt_rows(frame: &Frame, see: &mut impl FnMut(&AttemptRow<'_>)) {
    let number = |name: &str| frame.numbers(name);
    let (time, arrived, previous) = (number("time"), number("arrived"), number("previous"));
    let (direction, population, status, reason) = (number("direction"), number("population"), number("status"), number("reason"));
    let (contacted, attempt, first_deferral) = (number("contacted"), number("attempt"), number("first_deferral"));
    let delays = [number("delays_ms_a"), number("delays_ms_b"), number("delays_ms_c"), number("delays_ms_d")];
    let text = |name: &str| frame.strings(name);
    let (provider, relay, client, user) = (text("provider"), text("relay_host"), text("client_ip"), text("sasl_user"));
    let (sender, sender_domain) = (text("sender_local"), text("sender_domain"));
    let (recipient, recipient_domain) = (text("recipient_local"), text("recipient_domain"));
    for row in 0..frame.rows() {
        see(&AttemptRow {
            time: Time(time.or_zero(row)),
            arrived: Time(arrived.or_zero(row)),
            previous: previous.time(row),
            stream: frame.stream(row),
            direction: direction.word(row, Direction::from_code),
            population: population.word(row, Population::from_code),
            status: status.word(row, Status::from_code),
            reason: reason.optional_word(row, Reason::from_code),
            contacted: contacted.or_zero(row) != 0,
            attempt: attempt.or_zero(row) as u32,
            first_deferral: first_deferral.or_zero(row) != 0,
            delays_ms: delays[0].get(row).map(|_| delays.map(|part| part.or_zero(row) as u32)),
            provider: provider.get(row),
            relay_host: relay.get(row),
            client_ip: client.get(row),
            sasl_user: user.get(row),
            sender: sender.address(&sender_domain, row),
            recipient: recipient.address(&recipient_domain, row),
            ..AttemptRow::default()
        });
    }
}

/// Outcomes of a scope, by the time they became final, or by arrival where the scope says so.
pub fn outcomes(snapshot: &Snapshot, scope: &Scope, names: Names, mut see: impl FnMut(&OutcomeRow<'_>)) -> Result<()> {
    let mut visit = |row: &OutcomeRow<'_>| {
        let time = if scope.by_arrival { row.arrived } else { row.time };
        if scope.spans(time) && scope.has(mailvane_metric::Traffic::of(row.population, row.direction)) && scope.admits_outcome(row) {
            see(row);
        }
    };
    // By arrival a row can stand in any later segment.
    let until = if scope.by_arrival { Time(i64::MAX) } else { scope.until };
    let clock = if scope.by_arrival { "arrived" } else { OUTCOMES.clock };
    frames_by(clock, until, snapshot, &OUTCOMES, scope, names, |frame| outcome_rows(frame, &mut visit))?;
    pending!(snapshot, Kind::Outcomes, outcomes, visit);
    Ok(())
}

fn outcome_rows(frame: &Frame, see: &mut impl FnMut(&OutcomeRow<'_>)) {
    let number = |name: &str| frame.numbers(name);
    let (time, arrived, direction, population) = (number("time"), number("arrived"), number("direction"), number("population"));
    let (handed_to, outcome, deferrals, greylisted) = (number("handed_to"), number("outcome"), number("deferrals"), number("greylisted"));
    let (reason, scope, permanent) = (number("reason"), number("scope"), number("permanent"));
    let (size, delay_beyond) = (number("size"), number("delay_ms_beyond"));
    let text = |name: &str| frame.strings(name);
    let (provider, relay, client, user) = (text("provider"), text("relay_host"), text("client_ip"), text("sasl_user"));
    let (sender, sender_domain) = (text("sender_local"), text("sender_domain"));
    let (recipient, recipient_domain) = (text("recipient_local"), text("recipient_domain"));
    for row in 0..frame.rows() {
        see(&OutcomeRow {
            time: Time(time.or_zero(row)),
            arrived: Time(arrived.or_zero(row)),
            stream: frame.stream(row),
            direction: direction.word(row, Direction::from_code),
            population: population.word(row, Population::from_code),
            handed_to: handed_to.word(row, HandedTo::from_code),
            outcome: outcome.word(row, Outcome::from_code),
            deferrals: deferrals.or_zero(row) as u32,
            greylisted: greylisted.or_zero(row) as u32,
            reason: reason.optional_word(row, Reason::from_code),
            scope: scope.word(row, ReplyScope::from_code),
            permanent: permanent.or_zero(row) != 0,
            size: size.get(row).map(|size| size as u64),
            delay_ms: delay_beyond.get(row).map(|beyond| {
                let whole = time.or_zero(row).saturating_sub(arrived.or_zero(row)) / 1000;
                whole.saturating_add(beyond).max(0) as u64
            }),
            provider: provider.get(row),
            relay_host: relay.get(row),
            client_ip: client.get(row),
            sasl_user: user.get(row),
            sender: sender.address(&sender_domain, row),
            recipient: recipient.address(&recipient_domain, row),
            ..OutcomeRow::default()
        });
    }
}

/// Messages of a scope, by arrival. Each comes once, in its last revision.
pub fn messages(snapshot: &Snapshot, scope: &Scope, names: Names, see: impl FnMut(&MessageRow<'_>)) -> Result<()> {
    messages_with(&MESSAGES, snapshot, scope, names, see)
}

/// Messages of a scope that users handed in, by arrival.
pub fn messages_of_users(snapshot: &Snapshot, scope: &Scope, mut see: impl FnMut(&MessageRow<'_>)) -> Result<()> {
    messages_with(&MESSAGES_OF_USERS, snapshot, scope, Names::All, |row| {
        if !row.sasl_user.is_empty() {
            see(row);
        }
    })
}

fn messages_with(wanted: &Wanted, snapshot: &Snapshot, scope: &Scope, names: Names, mut see: impl FnMut(&MessageRow<'_>)) -> Result<()> {
    if !can_pass(wanted.kind, scope) {
        return Ok(());
    }
    let mut visit = |row: &MessageRow<'_>| {
        if scope.spans(row.time) && scope.has(mailvane_metric::Traffic::of(row.population, row.direction)) && scope.admits_message(row) {
            see(row);
        }
    };
    frames(snapshot, wanted, scope, names, |frame| {
        let number = |name: &str| frame.numbers(name);
        let (id, time, size, recipients) = (number("id"), number("time"), number("size"), number("recipients"));
        let (direction, population, chain, previous_hop) =
            (number("direction"), number("population"), number("chain"), number("previous_hop"));
        let text = |name: &str| frame.strings(name);
        let (sender, sender_domain, client, user) = (text("sender_local"), text("sender_domain"), text("client_ip"), text("sasl_user"));
        for row in 0..frame.rows() {
            visit(&MessageRow {
                id: id.or_zero(row) as u64,
                time: Time(time.or_zero(row)),
                stream: frame.stream(row),
                size: size.get(row).map(|size| size as u64),
                recipients: recipients.get(row).map(|count| count as u32),
                direction: direction.word(row, Direction::from_code),
                population: population.word(row, Population::from_code),
                chain: chain.or_zero(row) as u64,
                previous_hop: previous_hop.or_zero(row) as u64,
                sender: sender.address(&sender_domain, row),
                client_ip: client.get(row),
                sasl_user: user.get(row),
                ..MessageRow::default()
            });
        }
    })?;
    pending!(snapshot, Kind::Messages, messages, visit);
    Ok(())
}

/// Refusals of a scope.
pub fn rejections(snapshot: &Snapshot, scope: &Scope, names: Names, mut see: impl FnMut(&RejectionRow<'_>)) -> Result<()> {
    if !can_pass(REJECTIONS.kind, scope) {
        return Ok(());
    }
    let mut visit = |row: &RejectionRow<'_>| {
        if scope.spans(row.time) && scope.admits_rejection(row) {
            see(row);
        }
    };
    frames(snapshot, &REJECTIONS, scope, names, |frame| {
        let number = |name: &str| frame.numbers(name);
        let (time, stage, reason, action) = (number("time"), number("stage"), number("reason"), number("action"));
        let text = |name: &str| frame.strings(name);
        let (sender, sender_domain, client, user) = (text("sender_local"), text("sender_domain"), text("client_ip"), text("sasl_user"));
        let (recipient, recipient_domain) = (text("recipient_local"), text("recipient_domain"));
        for row in 0..frame.rows() {
            visit(&RejectionRow {
                time: Time(time.or_zero(row)),
                stream: frame.stream(row),
                stage: stage.word(row, Stage::from_code),
                reason: reason.word(row, Reason::from_code),
                action: action.word(row, Action::from_code),
                sender: sender.address(&sender_domain, row),
                recipient: recipient.address(&recipient_domain, row),
                client_ip: client.get(row),
                sasl_user: user.get(row),
                ..RejectionRow::default()
            });
        }
    })?;
    pending!(snapshot, Kind::Rejections, rejections, visit);
    Ok(())
}

/// Logins of a scope: when, who, from where and how they ended.
pub fn auths(snapshot: &Snapshot, scope: &Scope, names: Names, see: impl FnMut(&AuthRow<'_>)) -> Result<()> {
    auths_with(&AUTHS, snapshot, scope, names, see)
}

/// Logins of a scope, with client name, method and answer.
pub fn auths_told(snapshot: &Snapshot, scope: &Scope, see: impl FnMut(&AuthRow<'_>)) -> Result<()> {
    auths_with(&AUTHS_TOLD, snapshot, scope, Names::All, see)
}

fn auths_with(wanted: &Wanted, snapshot: &Snapshot, scope: &Scope, names: Names, mut see: impl FnMut(&AuthRow<'_>)) -> Result<()> {
    if !can_pass(wanted.kind, scope) {
        return Ok(());
    }
    let mut visit = |row: &AuthRow<'_>| {
        if scope.spans(row.time) && scope.admits_auth(row) {
            see(row);
        }
    };
    frames(snapshot, wanted, scope, names, |frame| {
        let (time, result, client, user) =
            (frame.numbers("time"), frame.numbers("result"), frame.strings("client_ip"), frame.strings("user"));
        let (name, method, reply) = (frame.strings("client_name"), frame.strings("method"), frame.strings("reply_text"));
        for row in 0..frame.rows() {
            visit(&AuthRow {
                time: Time(time.or_zero(row)),
                stream: frame.stream(row),
                result: result.word(row, AuthResult::from_code),
                client_ip: client.get(row),
                user: user.get(row),
                client_name: name.get(row),
                method: method.get(row),
                reply_text: reply.get(row),
                ..AuthRow::default()
            });
        }
    })?;
    pending!(snapshot, Kind::Auths, auths, visit);
    Ok(())
}

/// Connections of a scope; its filters other than client and instance leave none.
pub fn sessions(snapshot: &Snapshot, scope: &Scope, names: Names, mut see: impl FnMut(&SessionRow<'_>)) -> Result<()> {
    if !can_pass(SESSIONS.kind, scope) {
        return Ok(());
    }
    let admits = |row: &SessionRow<'_>| {
        scope.filters.within.is_none()
            && scope.filters.wanted.iter().all(|(dimension, wanted)| match dimension {
                Dimension::Client => row.client_ip == wanted,
                Dimension::Instance => crate::scope::instance(row.stream) == *wanted,
                _ => false,
            })
    };
    let mut visit = |row: &SessionRow<'_>| {
        if scope.spans(row.time) && admits(row) {
            see(row);
        }
    };
    frames(snapshot, &SESSIONS, scope, names, |frame| {
        let (time, lost_after, client) = (frame.numbers("time"), frame.numbers("lost_after"), frame.strings("client_ip"));
        for row in 0..frame.rows() {
            visit(&SessionRow {
                time: Time(time.or_zero(row)),
                stream: frame.stream(row),
                lost_after: lost_after.word(row, Stage::from_code),
                client_ip: client.get(row),
                ..SessionRow::default()
            });
        }
    })?;
    pending!(snapshot, Kind::Sessions, sessions, visit);
    Ok(())
}

/// Notices of a span.
pub fn notices(snapshot: &Snapshot, scope: &Scope, mut see: impl FnMut(&NoticeRow<'_>)) -> Result<()> {
    let mut visit = |row: &NoticeRow<'_>| {
        if scope.spans(row.time) && scope.filters.within.is_none() {
            see(row);
        }
    };
    frames(snapshot, &NOTICES, scope, Names::All, |frame| {
        let (time, level, daemon, text) = (frame.numbers("time"), frame.numbers("level"), frame.strings("daemon"), frame.strings("text"));
        for row in 0..frame.rows() {
            visit(&NoticeRow {
                time: Time(time.or_zero(row)),
                stream: frame.stream(row),
                level: level.word(row, Level::from_code),
                daemon: daemon.get(row),
                text: text.get(row),
                ..NoticeRow::default()
            });
        }
    })?;
    pending!(snapshot, Kind::Notices, notices, visit);
    Ok(())
}
