//! What goes on, what was, the rules, the silences and the notices.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use mailvane_alert::condition::{Group, Reading};
use mailvane_alert::event::IncidentRow;
use mailvane_alert::notify::Delivery;
use mailvane_alert::notify::outbox::Standing;
use mailvane_alert::notify::words::Reply;
use mailvane_alert::state::{Alert, Incident, Silence, State as AlertState};
use mailvane_model::Time;
use serde_json::{Value, json};

use super::super::attention::name_of;
use super::super::json::{moment, optional_moment, text};
use super::super::problem::Problem;
use super::super::question::Question;
use super::super::reader::Reader;
use super::super::{Api, now};
use crate::alerting::board::State as Board;
use crate::pipeline::span;

/// Rows by default, and at most.
const LIMIT: (usize, usize) = (100, 1_000);
/// How far back the history is shown unless asked.
const HISTORY: &str = "30d";
/// Alerts that are listed.
const ALERTS: usize = 500;

pub(super) fn group(group: &Group) -> Value {
    if group.is_whole() { Value::Null } else { json!({"label": group.label, "key": group.key, "name": name_of(group)}) }
}

fn number(value: f64) -> Value {
    if value.is_finite() { json!(value) } else { Value::Null }
}

fn reading(reading: &Reading) -> Value {
    json!({
        "group": group(&reading.group),
        "value": number(reading.value),
        "limit": number(reading.limit),
        "usual": reading.usual.map_or(Value::Null, number),
        "count": number(reading.count),
        "of": number(reading.of),
        "window_s": reading.window / Time::SECOND,
        "text": reading.text,
    })
}

fn alert(alert: &Alert) -> Value {
    let mut value = reading(&alert.reading);
    for (name, part) in [
        ("rule", json!(alert.rule)),
        ("group", group(&alert.group)),
        ("state", json!(alert.state)),
        ("severity", json!(alert.severity.word())),
        ("began", moment(Time(alert.began))),
        ("since", moment(Time(alert.since))),
    ] {
        value[name] = part;
    }
    value
}

fn incident(incident: &Incident, board: &Board) -> Value {
    let of = |key: &(String, Group)| board.alerts.iter().find(|alert| alert.rule == key.0 && alert.group == key.1);
    let mut alerts: Vec<&Alert> = incident.alerts.iter().filter_map(of).collect();
    alerts.sort_by_key(|alert| (std::cmp::Reverse(alert.severity), alert.fired));
    let rule = alerts.first().and_then(|alert| board.rules.get(&alert.rule));
    let wall = now().0;
    let words = board.details.get(&incident.id);
    let reply = |reply: &Reply| json!({"count": reply.count, "reply": reply.reply, "meaning": reply.meaning, "fix": reply.fix});
    let silence = alerts.first().and_then(|alert| board.silences.iter().find(|silence| silence.covers(alert, wall)));
    json!({
        "id": incident.id,
        "title": rule.map_or("", |rule| rule.title.as_str()),
        "why": rule.map_or("", |rule| rule.why.trim()),
        "runbook": rule.map_or("", |rule| rule.runbook.trim()),
        "group": group(&incident.group),
        "severity": incident.severity.word(),
        "began": moment(Time(incident.began)),
        "fired": moment(Time(incident.fired)),
        "told": optional_moment(incident.told.map(|_| Time(incident.told_at))),
        "acknowledged": incident.acknowledged.as_ref().map(|seen| json!({"author": seen.author, "at": moment(Time(seen.at))})),
        "silenced_until": optional_moment(silence.map(|silence| Time(silence.until))),
        "alerts": alerts.into_iter().map(alert).collect::<Vec<_>>(),
        "groups": words.map_or(&[][..], |words| &words.groups),
        "replies": words.map_or(&[][..], |words| &words.replies).iter().map(reply).collect::<Vec<_>>(),
        "changes": words.map_or(&[][..], |words| &words.changes),
    })
}

pub(super) fn silence(silence: &Silence, wall: i64) -> Value {
    let state = match wall {
        wall if wall < silence.from => "later",
        wall if wall < silence.until => "on",
        _ => "over",
    };
    json!({
        "id": silence.id,
        "rule": silence.rule,
        "key": silence.key,
        "author": silence.author,
        "comment": silence.comment,
        "from": moment(Time(silence.from)),
        "until": moment(Time(silence.until)),
        "state": state,
    })
}

/// `GET /alerts`.
pub(crate) async fn get(State(api): State<Arc<Api>>, _: Reader, uri: Uri) -> Result<Json<Value>, Problem> {
    Question::read(&uri, &[])?;
    let board = api.board.state();
    let mut incidents: Vec<&Incident> = board.incidents.iter().collect();
    incidents.sort_by_key(|incident| (std::cmp::Reverse(incident.severity), std::cmp::Reverse(incident.began)));
    let pending = board.alerts.iter().filter(|alert| alert.state == AlertState::Pending);
    Ok(Json(json!({
        "judged_to": optional_moment(board.through),
        "learning": board.learning,
        "incidents": incidents.into_iter().map(|known| incident(known, &board)).collect::<Vec<_>>(),
        "pending": pending.take(ALERTS).map(alert).collect::<Vec<_>>(),
        "receivers": board.routes.iter().map(|(name, routes)| json!({"name": name, "routes": routes})).collect::<Vec<_>>(),
        "warnings": *board.warnings,
        "dropped": board.dropped,
    })))
}

/// One row of the history.
pub(super) fn row(row: &IncidentRow) -> Value {
    json!({
        "id": row.id,
        "title": row.title,
        "group": group(&row.group),
        "severity": row.severity.word(),
        "began": moment(Time(row.began)),
        "fired": moment(Time(row.fired)),
        "ended": optional_moment(row.ended.map(Time)),
        "history": row.history,
        "rules": row.rules,
        "text": row.text,
    })
}

/// `GET /alerts/history`.
pub(crate) async fn history(State(api): State<Arc<Api>>, _: Reader, uri: Uri) -> Result<Json<Value>, Problem> {
    let question = Question::read(&uri, &[&["limit", "since", "until"]])?;
    let limit = question.limit(LIMIT.0, LIMIT.1)?;
    let (zone, now) = (api.shared.about.zone, now());
    let time = |name: &str, usual: &str| {
        let text = question.get(name).unwrap_or(usual);
        match (name, span::length(text)) {
            ("since", Some(length)) => Ok(now.plus(-length)),
            _ => span::moment(text, zone, now).map_err(|error| Problem::bad_request(format!("{name}: {error:#}"))),
        }
    };
    let (since, until) = (time("since", HISTORY)?, time("until", "now")?);
    let kept = Arc::clone(&api.board.kept);
    let found = api.gate.run(move || kept.incidents(since, until, limit).map_err(|error| Problem::internal(&error))).await?;
    let mut rows = Vec::new();
    for kept in found {
        let read: IncidentRow = serde_json::from_slice(&kept.value).map_err(|error| Problem::internal(&error))?;
        rows.extend(read.part_of.is_none().then(|| row(&read)));
    }
    Ok(Json(json!({"since": moment(since), "until": moment(until), "incidents": rows})))
}

/// `GET /alerts/silences`.
pub(crate) async fn silences(State(api): State<Arc<Api>>, _: Reader, uri: Uri) -> Result<Json<Value>, Problem> {
    Question::read(&uri, &[])?;
    let (board, wall) = (api.board.state(), now().0);
    let mut silences: Vec<&Silence> = board.silences.iter().collect();
    silences.sort_by_key(|silence| std::cmp::Reverse(silence.until));
    Ok(Json(json!({"silences": silences.into_iter().map(|known| silence(known, wall)).collect::<Vec<_>>()})))
}

/// `GET /alerts/rules`.
pub(crate) async fn rules(State(api): State<Arc<Api>>, _: Reader, uri: Uri) -> Result<Json<Value>, Problem> {
    Question::read(&uri, &[])?;
    let board = api.board.state();
    let mut open: BTreeMap<&str, Vec<&Alert>> = BTreeMap::new();
    for alert in board.alerts.iter().filter(|alert| alert.state != AlertState::Resolved) {
        open.entry(&alert.rule).or_default().push(alert);
    }
    let write = |rule: &mailvane_alert::Rule| {
        let mut alerts = open.get(rule.name.as_str()).cloned().unwrap_or_default();
        alerts.sort_by(|left, right| right.reading.value.total_cmp(&left.reading.value));
        let state = match alerts.iter().any(|alert| alert.state == AlertState::Firing) {
            true => "firing",
            false if alerts.is_empty() => "quiet",
            false => "pending",
        };
        json!({
            "name": rule.name,
            "title": rule.title,
            "why": rule.why.trim(),
            "severity": rule.severity.word(),
            "kind": rule.condition.kind(),
            "hold_s": rule.hold / Time::SECOND,
            "resolve_after_s": rule.resolve_after / Time::SECOND,
            "notify": rule.notify,
            "muted_by": rule.muted_by,
            "runbook": rule.runbook.trim(),
            "text": rule.text,
            "state": state,
            "alerts": alerts.into_iter().take(20).map(alert).collect::<Vec<_>>(),
            "nearest": board.nearest.get(&rule.name).map(reading),
        })
    };
    Ok(Json(json!({"rules": board.rules.rules().iter().map(write).collect::<Vec<_>>()})))
}

fn delivery(delivery: &Delivery) -> Value {
    let (standing, at) = match delivery.standing {
        Standing::Waiting { due } => ("waiting", due),
        Standing::Sending { since } => ("sending", since),
        Standing::Accepted { at } => ("accepted", at),
        Standing::Delivered { at } => ("delivered", at),
        Standing::GivenUp { at } => ("given_up", at),
    };
    let tries = delivery.tries.iter().map(|tried| {
        json!({"at": moment(Time(tried.at)), "route": text(&tried.route), "said": tried.said, "reply": tried.reply, "took_s": tried.took_ms as f64 / 1000.0})
    });
    json!({
        "id": delivery.notice.id,
        "incident": text(&delivery.notice.incident),
        "kind": delivery.notice.kind,
        "title": delivery.notice.title,
        "severity": delivery.notice.severity.word(),
        "receiver": delivery.receiver,
        "made": moment(Time(delivery.made)),
        "standing": standing,
        "at": moment(Time(at)),
        "tries": tries.collect::<Vec<_>>(),
    })
}

/// `GET /alerts/notices`.
pub(crate) async fn notices(State(api): State<Arc<Api>>, _: Reader, uri: Uri) -> Result<Json<Value>, Problem> {
    let question = Question::read(&uri, &[&["limit"]])?;
    let limit = question.limit(LIMIT.0, LIMIT.1)?;
    let board = api.board.state();
    Ok(Json(json!({"notices": board.deliveries.iter().take(limit).map(delivery).collect::<Vec<_>>()})))
}
