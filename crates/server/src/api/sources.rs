//! `GET /sources`: what is read, how well it is understood, and what is missing.

use mailvane_ingest::{SourceInfo, SourceState};
use mailvane_model::Time;
use serde_json::{Value, json};

use super::window::{coverage, ratio, text, time};
use crate::live::view::{Shared, View};

/// What a log is called.
pub(super) fn name(source: &SourceInfo) -> String {
    source.log.display().to_string()
}

/// The share of it that was read; `None` when nothing is known.
pub(super) fn progress(source: &SourceInfo) -> Option<f64> {
    let all = source.bytes_read + source.bytes_behind;
    (all > 0).then(|| source.bytes_read as f64 / all as f64)
}

/// Answers.
pub(super) fn answer(shared: &Shared, view: &View) -> Value {
    let streams: Vec<Value> = view.snapshot.streams().iter().map(|state| stream(state, view)).collect();
    let names: Vec<String> = view.snapshot.streams().iter().map(|state| mailvane_analytics::scope::instance(&state.stream)).collect();
    json!({
        "coverage": coverage(view),
        "sources": view.sources.iter().map(|info| source(info, shared, view, &names)).collect::<Vec<_>>(),
        "streams": streams,
        "daemons": daemons(view),
        "samples": samples(view),
        "gaps": gaps(view),
        "limits": limits(view),
    })
}

fn source(info: &SourceInfo, shared: &Shared, view: &View, streams: &[String]) -> Value {
    let problem = view.troubles.iter().find(|(path, _)| *path == info.path.display().to_string());
    let state = match info.state {
        _ if problem.is_some() => "failed",
        SourceState::Following => "live",
        SourceState::Reading => "reading",
        SourceState::Missing => "waiting",
    };
    let lag = (info.last_read > 0).then(|| ((view.made.0 - info.last_read).max(0)) as f64 / Time::SECOND as f64);
    json!({
        "name": name(info),
        "kind": if shared.about.demo { "demo" } else { "file" },
        "state": state,
        "role": "feed",
        "shadow_of": null,
        "streams": streams,
        "files": info.files,
        "bytes": info.bytes_read + info.bytes_behind,
        "offset": info.bytes_read,
        "progress": progress(info),
        "lag_s": if info.bytes_behind > 0 { lag } else { Some(0.0) },
        "lag_bytes": info.bytes_behind,
        "lines": info.lines,
        "last_line": view.complete_to.map(time),
        "problem": problem.map(|(path, reason)| json!({ "message": format!("{path}: {reason}"), "hint": null })),
    })
}

fn stream(state: &mailvane_store::StreamState, view: &View) -> Value {
    let stream = &state.stream;
    let open = view.open.messages.iter().filter(|row| row.stream.key() == state.key).count();
    json!({
        "name": mailvane_analytics::scope::instance(stream),
        "origin": stream.origin,
        "host": stream.host,
        "instance": stream.instance,
        "mta": stream.mta.word(),
        "version": null,
        "watermark": state.watermark.map(time),
        "open_messages": open,
        "feed": view.sources.first().map(name),
    })
}

fn daemons(view: &View) -> Vec<Value> {
    let name = view.sources.first().map(name).unwrap_or_default();
    let programs = view.coverage.programs.iter().map(|(program, counts)| {
        json!({
            "source": name,
            "daemon": String::from_utf8_lossy(program),
            "lines": counts.lines(),
            "recognised": counts.recognised,
            "ignored": counts.ignored,
            "unparsed": counts.unparsed,
            "understood": ratio(counts.recognised + counts.ignored, counts.lines()),
        })
    });
    programs.collect()
}

fn samples(view: &View) -> Vec<Value> {
    let name = view.sources.first().map(name).unwrap_or_default();
    let samples = view
        .coverage
        .samples
        .iter()
        .map(|sample| json!({ "source": name, "daemon": "", "count": sample.count, "text": sample.text, "last_seen": null }));
    samples.collect()
}

fn gaps(view: &View) -> Vec<Value> {
    let gaps = view.gaps.iter().map(|gap| {
        json!({
            "source": gap.source, "from_offset": gap.from, "to_offset": gap.to, "from_time": time(gap.since), "to_time": time(gap.until), "text": text(&gap.text),
        })
    });
    gaps.collect()
}

fn limits(view: &View) -> Vec<Value> {
    let most = mailvane_assemble::Limits::default();
    let counts = &view.statistics;
    let limit = |name: &str, limit: usize, value: u64, hits: u64| json!({ "name": name, "limit": limit, "value": value, "hits": hits });
    vec![
        limit("open messages", most.lives, counts.lives, counts.lives_over_limit),
        limit("recipients of a message", most.recipients, 0, counts.recipients_over_limit),
        limit("lines of a message", most.lines, 0, counts.lines_over_limit),
        limit("open connections", most.sessions, counts.sessions, counts.sessions_over_limit),
        limit("lines held to be compared", mailvane_ingest::feed::MAX_HELD_LINES, 0, view.feeds.forced_lines),
    ]
}
