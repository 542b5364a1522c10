//! `/sources`: what is read, how far, how well.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use mailvane_analytics::scope::instance;
use mailvane_assemble::config::Limits;
use mailvane_ingest::SourceInfo;
use mailvane_ingest::tail::SourceState;
use mailvane_metric::Rate;
use mailvane_model::Time;
use serde_json::{Value, json};

use super::json::{lossy, moment, optional_moment, ratio};
use super::problem::Problem;
use super::question::Question;
use super::status::{share, version};
use super::summary::coverage;
use super::{Api, live};
use crate::live::view::{About, View};

/// `/sources`.
pub(crate) async fn get(State(api): State<Arc<Api>>, uri: Uri) -> Result<Json<Value>, Problem> {
    Question::read(&uri, &[])?;
    let listening = live::LISTENERS_MAX - api.listeners.available_permits();
    api.answer(move |view, about| Ok(answer(view, about, listening))).await
}

fn answer(view: &View, about: &About, listening: usize) -> Value {
    json!({
        "coverage": coverage(view, None),
        "sources": view.sources.iter().map(|info| source(info, view, about)).chain(failed(view)).collect::<Vec<_>>(),
        "streams": streams(view, about),
        "daemons": daemons(view),
        "samples": samples(view),
        "gaps": gaps(view),
        "limits": limits(view, listening),
    })
}

/// What stands in the way, apart from the command that ends it: texts of ours name it between backticks.
pub(crate) fn problem(text: &str) -> Value {
    let command = text.split('`').nth(1);
    let hint = command
        .map(str::to_owned)
        .or_else(|| text.to_lowercase().contains("permission denied").then(|| "sudo usermod -aG adm $USER".to_owned()));
    json!({"message": text.replace('`', ""), "hint": hint})
}

/// Log names that an entry stands for: the origin tells machines apart.
fn names(info: &SourceInfo) -> String {
    info.log.display().to_string()
}

fn source(info: &SourceInfo, view: &View, about: &About) -> Value {
    let name = names(info);
    let trouble = view.troubles.iter().find(|(path, _)| *path == name || *path == info.path.display().to_string());
    let state = match (info.state, trouble) {
        (SourceState::Missing, Some(_)) => "failed",
        (SourceState::Missing, None) => "waiting",
        (SourceState::Reading, _) => "reading",
        (SourceState::Following, _) => "live",
    };
    let streams: Vec<String> =
        view.snapshot.streams().iter().filter(|state| state.stream.origin == info.origin).map(|state| instance(&state.stream)).collect();
    json!({
        "name": name,
        "kind": if about.demo { "demo" } else { "file" },
        "state": state,
        "role": "feed",
        "shadow_of": null,
        "streams": streams,
        "files": info.files,
        "bytes": info.bytes_read + info.bytes_behind,
        "offset": info.bytes_read,
        "progress": share(info),
        "lag_s": null,
        "lag_bytes": info.bytes_behind,
        "lines": info.lines,
        "last_line": if info.lines > 0 { optional_moment(last_line(info, view)) } else { Value::Null },
        "problem": trouble.map(|(path, reason)| problem(&format!("{path}: {reason}"))),
    })
}

/// The log time of the last line, as far as the streams of the log's origin tell.
fn last_line(info: &SourceInfo, view: &View) -> Option<Time> {
    let marks = view.snapshot.streams().iter().filter(|state| state.stream.origin == info.origin).filter_map(|state| state.watermark);
    marks.max().or(view.complete_to)
}

/// Paths in the way that belong to no log that is followed.
fn failed(view: &View) -> impl Iterator<Item = Value> {
    let is_known = |path: &str| view.sources.iter().any(|info| path == names(info) || path == info.path.display().to_string());
    view.troubles.iter().filter(move |(path, _)| !is_known(path)).map(|(path, reason)| {
        json!({
            "name": path, "kind": "file", "state": "failed", "role": "feed", "shadow_of": null, "streams": [], "files": 0, "bytes": 0,
            "offset": 0, "progress": null, "lag_s": null, "lag_bytes": 0, "lines": 0, "last_line": null,
            "problem": problem(&format!("{path}: {reason}")),
        })
    })
}

fn streams(view: &View, about: &About) -> Vec<Value> {
    let mut open: HashMap<u64, u64> = HashMap::new();
    for row in view.open.messages.iter().filter(|row| row.removed.is_none()) {
        *open.entry(row.stream.key()).or_default() += 1;
    }
    let write = |state: &mailvane_store::StreamState| {
        let feed = view.sources.iter().find(|info| info.origin == state.stream.origin);
        json!({
            "name": instance(&state.stream),
            "origin": state.stream.origin,
            "host": state.stream.host,
            "instance": state.stream.instance,
            "mta": state.stream.mta.word(),
            "version": version(about),
            "watermark": optional_moment(state.watermark),
            "open_messages": open.get(&state.key).copied().unwrap_or(0),
            "feed": feed.map(names),
        })
    };
    view.snapshot.streams().iter().map(write).collect()
}

/// The log that stands for all: coverage is counted over all of them.
fn all_sources(view: &View) -> String {
    view.sources.iter().map(names).collect::<Vec<_>>().join(", ")
}

fn daemons(view: &View) -> Vec<Value> {
    let source = all_sources(view);
    let mut programs: Vec<_> = view.coverage.programs.iter().collect();
    programs.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.lines()));
    let write = |(name, counts): (&Vec<u8>, &crate::pipeline::coverage::Counts)| {
        json!({
            "source": source,
            "daemon": lossy(name),
            "lines": counts.lines(),
            "recognised": counts.recognised,
            "ignored": counts.ignored,
            "unparsed": counts.unparsed,
            "understood": ratio(Rate { count: counts.recognised + counts.ignored, of: counts.lines() }),
        })
    };
    programs.into_iter().map(write).collect()
}

fn samples(view: &View) -> Vec<Value> {
    let source = all_sources(view);
    let mut samples: Vec<_> = view.coverage.samples.iter().collect();
    samples.sort_by_key(|sample| std::cmp::Reverse(sample.count));
    let write = |sample: &crate::pipeline::coverage::Sample| {
        let daemon = lossy(mailvane_parse::record(sample.text.as_bytes()).program);
        json!({"source": source, "daemon": daemon, "count": sample.count, "text": sample.text, "last_seen": null})
    };
    samples.into_iter().map(write).collect()
}

fn gaps(view: &View) -> Vec<Value> {
    let write = |gap: &crate::live::view::Gap| {
        json!({
            "source": gap.source,
            "from_offset": gap.from,
            "to_offset": gap.to,
            "from_time": moment(gap.since),
            "to_time": moment(gap.until),
            "text": gap.text,
        })
    };
    view.gaps.iter().map(write).collect()
}

fn limits(view: &View, listening: usize) -> Vec<Value> {
    let (limits, counts, feeds) = (Limits::default(), &view.statistics, &view.feeds);
    let limit =
        |name: &str, limit: usize, value: Option<u64>, hits: u64| json!({"name": name, "limit": limit, "value": value, "hits": hits});
    vec![
        limit("open_messages", limits.lives, Some(counts.lives), counts.lives_over_limit),
        limit("recipients_of_a_message", limits.recipients, None, counts.recipients_over_limit),
        limit("lines_of_a_message", limits.lines, None, counts.lines_over_limit),
        limit("open_connections", limits.sessions, Some(counts.sessions), counts.sessions_over_limit),
        limit("lines_held_to_compare_sources", mailvane_ingest::feed::MAX_HELD_LINES, None, feeds.forced_lines),
        limit("dashboard_listeners", live::LISTENERS_MAX, Some(listening as u64), 0),
    ]
}
