//! `/probes` and `/domains`: what is looked at from outside, what was found, and what changed.
//!
//! * [`shape`]: findings, changes and runs as every answer writes them. [`domain`]: the sheets of domains.

mod domain;
mod shape;

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use mailvane_model::Time;
use mailvane_probe::history::{between, worst};
use serde_json::{Value, json};

use super::json::{moment, optional_moment};
use super::problem::Problem;
use super::question::Question;
use super::reader::Reader;
use super::window::read_zone;
use super::{Api, now};
use crate::pipeline::span;
use crate::probing::board::{Board, CHANGES_LIMIT, Shown};
pub(super) use domain::{domain, domains};

/// Runs of a history by default, and at most.
const RUNS: (usize, usize) = (200, 2_000);
/// How far back a history goes by default.
const BACK: i64 = 7 * 24 * Time::HOUR;

/// The board; an empty daemon has none for a moment.
fn board(api: &Api) -> Result<Arc<Board>, Problem> {
    api.shared.probes.get().cloned().ok_or_else(|| Problem::not_ready("the probes have not begun yet").hint("ask again in a few seconds"))
}

fn broken(error: &anyhow::Error) -> Problem {
    Problem::internal(&format!("{error:#}"))
}

/// `/probes`: every probe as it stands.
pub(crate) async fn list(State(api): State<Arc<Api>>, _: Reader, uri: Uri) -> Result<Json<Value>, Problem> {
    Question::read(&uri, &[])?;
    let probes: Vec<Value> = board(&api)?.probes().iter().map(summary).collect();
    Ok(Json(json!({"probes": probes})))
}

/// `/probes/{id}`: one probe with its findings.
pub(crate) async fn get(State(api): State<Arc<Api>>, _: Reader, Path(id): Path<String>, uri: Uri) -> Result<Json<Value>, Problem> {
    Question::read(&uri, &[])?;
    let probe = board(&api)?.probe(&id).ok_or_else(|| unknown(&id))?;
    let mut findings: Vec<Value> = Vec::new();
    for (scope, standings) in &probe.standings {
        findings.extend(shape::sorted(standings.values()).into_iter().map(|standing| shape::finding(scope, standing)));
    }
    Ok(Json(json!({"probe": summary(&probe), "findings": findings})))
}

/// `/probes/{id}/history`: its runs and changes within a time, and the difference between its ends.
pub(crate) async fn history(State(api): State<Arc<Api>>, reader: Reader, Path(id): Path<String>, uri: Uri) -> Result<Json<Value>, Problem> {
    let question = Question::read(&uri, &[&["since", "until", "time_zone", "limit"]])?;
    let limit = question.limit(RUNS.0, RUNS.1)?;
    let zone = read_zone(&question, reader.zone)?;
    let now = now();
    let bound = |name: &str, default: Time| match question.get(name) {
        Some(text) => span::moment(text, zone, now).map_err(|_| Problem::bad_request(format!("{name}: `{text}` is not a time"))),
        None => Ok(default),
    };
    let until = bound("until", now)?;
    let since = bound("since", until.plus(-BACK))?;
    if since >= until {
        return Err(Problem::bad_request("since is not before until: nothing can lie between them"));
    }
    let board = board(&api)?;
    let probe = board.probe(&id).ok_or_else(|| unknown(&id))?;
    let work = move || -> Result<Value, Problem> {
        let changes = board.changes(Some(&probe.name), since, until, CHANGES_LIMIT).map_err(|error| broken(&error))?;
        let runs = board.runs(&probe.name, since, until, limit).map_err(|error| broken(&error))?;
        let bare: Vec<_> = changes.iter().map(|(_, change)| change.clone()).collect();
        Ok(json!({
            "probe": probe.name,
            "since": moment(since),
            "until": moment(until),
            "runs": runs.iter().map(|(time, run)| shape::run(*time, run)).collect::<Vec<_>>(),
            "changes": changes.iter().map(|(kept, change)| shape::change(&kept.job, &kept.scope, change)).collect::<Vec<_>>(),
            "difference": between(&bare, since, until).iter().map(shape::difference).collect::<Vec<_>>(),
            "complete": changes.len() < CHANGES_LIMIT,
        }))
    };
    api.gate.run(work).await.map(Json)
}

/// `POST /probes/{id}/run`: runs it now, out of turn.
pub(crate) async fn run(
    State(api): State<Arc<Api>>,
    _: Reader,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<(StatusCode, Json<Value>), Problem> {
    Question::read(&uri, &[])?;
    if !board(&api)?.ask(&id) {
        return Err(unknown(&id));
    }
    Ok((StatusCode::ACCEPTED, Json(json!({"probe": id, "asked": true}))))
}

fn unknown(id: &str) -> Problem {
    Problem::not_found(format!("there is no probe `{id}`")).hint("see /api/v1/probes")
}

fn summary(probe: &Shown) -> Value {
    let all = || probe.standings.values().flat_map(|standings| standings.values());
    let (state, severity) = worst(all());
    let scopes: Vec<Value> = probe
        .scopes
        .iter()
        .map(|scope| {
            let standings = probe.standings.get(scope);
            let (state, severity) = worst(standings.into_iter().flat_map(|standings| standings.values()));
            let run = probe.last.as_ref().map(|(_, run)| run);
            json!({
                "scope": scope,
                "state": shape::shown_state(state, standings),
                "severity": severity.word(),
                "counts": shape::counts(standings.into_iter().flat_map(|standings| standings.values())),
                "latency_ms": run.and_then(|run| run.latency_ms.get(scope)),
                "failed": run.and_then(|run| run.failed.get(scope)),
            })
        })
        .collect();
    json!({
        "id": probe.name,
        "kind": probe.kind.word(),
        "schedule": probe.schedule,
        "time_zone": probe.zone,
        "state": if probe.standings.is_empty() { "unknown" } else { state.word() },
        "severity": severity.word(),
        "counts": shape::counts(all()),
        "next": optional_moment(probe.next),
        "running_since": optional_moment(probe.running),
        "last": probe.last.as_ref().map(|(time, run)| shape::run(*time, run)),
        "scopes": scopes,
    })
}
