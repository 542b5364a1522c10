//! `/status`: where Mailvane stands.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use mailvane_analytics::Within;
use mailvane_ingest::SourceInfo;
use mailvane_ingest::tail::SourceState;
use mailvane_store::{Kind, Snapshot};
use serde_json::{Value, json};

use super::json::{moment, optional_moment};
use super::problem::Problem;
use super::question::Question;
use super::reader::Reader;
use super::sources::problem;
use super::{Api, now, queue};
use crate::live::view::{About, View};

/// `/status`.
pub(crate) async fn get(State(api): State<Arc<Api>>, reader: Reader, uri: Uri) -> Result<Json<Value>, Problem> {
    Question::read(&uri, &[])?;
    Ok(Json(write(&api, reader.within())))
}

/// The status now. Readers of some domains learn nothing of logs, hosts and how much mail others have.
pub(crate) fn write(api: &Api, within: Option<&Within>) -> Value {
    let about = &api.shared.about;
    let mut status = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "demo": about.demo,
        "banner": about.banner,
        "now": moment(now()),
        "started": moment(about.started),
        "time_zone": about.zone.name(),
        "listen": about.listen,
    });
    let rest = match api.shared.view() {
        Some(view) => of_view(&view, about),
        None => of_nothing(about),
    };
    if let (Some(status), Value::Object(rest)) = (status.as_object_mut(), rest) {
        status.extend(rest);
    }
    if let Some(within) = within {
        narrow(&mut status, api.shared.view().as_deref(), within);
    }
    status
}

/// Takes out of a status what is about the machine and all its mail.
fn narrow(status: &mut Value, view: Option<&View>, within: &Within) {
    let depth = view.map(|view| queue::depth(view, Some(within))).unwrap_or_default();
    let known = status["store"]["oldest"].clone();
    for name in ["software", "reading", "problems"] {
        status[name] = json!([]);
    }
    for name in ["messages", "lines", "streams"] {
        status[name] = json!(0);
    }
    status["lines_per_s"] = json!(0.0);
    status["store"] = json!({"bytes": 0, "segments": 0, "attempts": 0, "messages": 0, "rejections": 0, "commits": 0, "oldest": known});
    status["queue"] = json!({"messages": depth.messages, "recipients": depth.recipients});
}

/// What of a status is worth telling when it changes by itself: not the clock, not the counts.
pub(crate) fn outline(status: &Value) -> String {
    ["state", "problems", "software", "banner", "streams"].map(|name| status[name].to_string()).join(" ")
}

fn of_nothing(about: &About) -> Value {
    json!({
        "state": if about.logs.is_empty() { "no_source" } else { "first_read" },
        "complete_to": null,
        "data_from": null,
        "software": [],
        "reading": [],
        "progress": 0.0,
        "messages": 0,
        "lines": 0,
        "lines_per_s": 0.0,
        "streams": 0,
        "store": {"bytes": 0, "segments": 0, "attempts": 0, "messages": 0, "rejections": 0, "commits": 0, "oldest": null},
        "problems": about.hints.iter().map(|hint| problem(hint)).collect::<Vec<_>>(),
        "queue": {"messages": 0, "recipients": 0},
    })
}

fn of_view(view: &View, about: &About) -> Value {
    let depth = queue::depth(view, None);
    let messages = rows(&view.snapshot, Kind::Messages);
    let nothing = view.complete_to.is_none() && view.sources.iter().all(|source| source.state == SourceState::Missing);
    let state = match (nothing, view.first_read) {
        (true, _) => "no_source",
        (false, true) => "first_read",
        (false, false) => "live",
    };
    let reading: Vec<Value> =
        if view.first_read { view.sources.iter().filter_map(|source| reading(source, view)).collect() } else { Vec::new() };
    let mut problems: Vec<Value> = about.hints.iter().map(|hint| problem(hint)).collect();
    problems.extend(view.troubles.iter().map(|(path, reason)| problem(&format!("{path}: {reason}"))));
    problems.extend(view.stopped.iter().map(|reason| problem(reason)));
    json!({
        "state": state,
        "complete_to": optional_moment(view.complete_to),
        "data_from": optional_moment(view.data_from),
        "software": software(view, about),
        "reading": reading,
        "progress": if view.first_read { progress(&view.sources) } else { 1.0 },
        "messages": messages,
        "lines": view.coverage.total.lines(),
        "lines_per_s": view.lines_per_s(now()),
        "streams": view.snapshot.streams().len(),
        "store": {
            "bytes": view.snapshot.all_segments().iter().map(|segment| segment.bytes).sum::<u64>(),
            "segments": view.snapshot.all_segments().len(),
            "attempts": rows(&view.snapshot, Kind::Attempts),
            "messages": messages,
            "rejections": rows(&view.snapshot, Kind::Rejections),
            "commits": view.snapshot.number().0,
            "oldest": optional_moment(view.data_from),
        },
        "problems": problems,
        "queue": {"messages": depth.messages, "recipients": depth.recipients},
    })
}

/// Rows of a kind, superseded ones left out.
fn rows(snapshot: &Snapshot, kind: Kind) -> u64 {
    let sealed: u64 =
        snapshot.all_segments().iter().filter(|segment| segment.kind == kind).map(|segment| segment.rows - segment.dead.len() as u64).sum();
    let pending: usize = snapshot
        .pending()
        .iter()
        .map(|pending| {
            let rows = match kind {
                Kind::Messages => pending.rows.messages.len(),
                Kind::Attempts => pending.rows.attempts.len(),
                _ => pending.rows.rejections.len(),
            };
            rows - pending.dead(kind).len()
        })
        .sum();
    sealed + pending as u64
}

/// The share of a log that is read.
pub(crate) fn share(source: &SourceInfo) -> Option<f64> {
    let all = source.bytes_read + source.bytes_behind;
    (all > 0).then(|| source.bytes_read as f64 / all as f64)
}

fn progress(sources: &[SourceInfo]) -> f64 {
    let read: u64 = sources.iter().map(|source| source.bytes_read).sum();
    let behind: u64 = sources.iter().map(|source| source.bytes_behind).sum();
    if read + behind == 0 { 0.0 } else { read as f64 / (read + behind) as f64 }
}

fn reading(source: &SourceInfo, view: &View) -> Option<Value> {
    if source.state != SourceState::Reading {
        return None;
    }
    Some(json!({
        "name": source.path.display().to_string(),
        "progress": share(source).unwrap_or(0.0),
        "bytes": source.bytes_read + source.bytes_behind,
        "read": source.bytes_read,
        "time_reached": optional_moment(view.complete_to),
    }))
}

/// The version in "Postfix 3.7.11 (mail.example.com)".
pub(crate) fn version(about: &About) -> Option<&str> {
    about.software.as_deref()?.split(' ').find(|word| word.starts_with(|first: char| first.is_ascii_digit()))
}

fn software(view: &View, about: &About) -> Vec<Value> {
    let write = |state: &mailvane_store::StreamState| {
        json!({
            "mta": state.stream.mta.word(),
            "version": version(about),
            "host": state.stream.host,
            "instance": state.stream.instance,
        })
    };
    view.snapshot.streams().iter().map(write).collect()
}
