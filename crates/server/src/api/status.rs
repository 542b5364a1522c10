//! `GET /status`: where Mailvane stands.

use mailvane_ingest::SourceState;
use mailvane_model::Time;
use mailvane_store::Kind;
use serde_json::{Value, json};

use super::queue::depth;
use super::sources::{name, progress};
use super::window::{text, time};
use crate::live::view::{Shared, View};

/// Answers. `view` is `None` while the store is being opened.
pub(super) fn answer(shared: &Shared, view: Option<&View>) -> Value {
    let about = &shared.about;
    let mut problems: Vec<Value> = about.hints.iter().map(|hint| json!({ "message": hint, "hint": null })).collect();
    if let Some(view) = view {
        problems.extend(
            view.stopped.iter().map(|stopped| json!({ "message": stopped, "hint": "free space on the disk; reading goes on by itself" })),
        );
        problems.extend(view.troubles.iter().map(|(path, reason)| json!({ "message": format!("{path}: {reason}"), "hint": null })));
    }
    let sources = view.map(|view| view.sources.as_slice()).unwrap_or_default();
    let state = match view {
        Some(view) if !view.first_read && sources.iter().any(|source| source.state != SourceState::Missing) => "live",
        Some(_) if !sources.is_empty() && sources.iter().all(|source| source.state == SourceState::Missing) => "no_source",
        _ => "first_read",
    };
    let (read, behind) = sources.iter().fold((0, 0), |sum, source| (sum.0 + source.bytes_read, sum.1 + source.bytes_behind));
    let reading = sources.iter().filter(|source| source.bytes_behind > 0).map(|source| {
        let all = source.bytes_read + source.bytes_behind;
        json!({
            "name": name(source), "progress": progress(source).unwrap_or(0.0), "bytes": all, "read": source.bytes_read,
            "time_reached": view.and_then(|view| view.complete_to).map(time),
        })
    });
    let (messages, recipients) = view.map(depth).unwrap_or_default();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "demo": about.demo,
        "banner": about.banner,
        "now": time(Time::from_chrono(&chrono::Utc::now())),
        "started": time(about.started),
        "time_zone": about.zone.name(),
        "state": state,
        "complete_to": view.and_then(|view| view.complete_to).map(time),
        "data_from": view.and_then(|view| view.data_from).map(time),
        "software": software(shared, view),
        "reading": reading.collect::<Vec<_>>(),
        "progress": if read + behind == 0 { 1.0 } else { read as f64 / (read + behind) as f64 },
        "messages": view.map_or(0, |view| rows(view, Kind::Messages)),
        "lines": view.map_or(0, |view| view.coverage.total.lines()),
        "lines_per_s": view.map_or(0.0, |view| view.lines_per_s),
        "listen": about.listen,
        "streams": view.map_or(0, |view| view.snapshot.streams().len()),
        "store": view.map_or_else(|| store(None), |view| store(Some(view))),
        "problems": problems,
        "queue": { "messages": messages, "recipients": recipients },
    })
}

fn software(shared: &Shared, view: Option<&View>) -> Vec<Value> {
    let streams = view.map(|view| view.snapshot.streams()).unwrap_or_default();
    if streams.is_empty() {
        return shared.about.software.iter().map(|found| json!({ "mta": found, "version": null, "host": "", "instance": "" })).collect();
    }
    let streams = streams.iter().filter(|state| state.stream.mta != mailvane_model::word::Mta::Unknown);
    streams.map(|state| json!({ "mta": state.stream.mta.word(), "version": null, "host": state.stream.host, "instance": text(&state.stream.instance).as_str().unwrap_or_default() })).collect()
}

/// Living rows of a kind.
fn rows(view: &View, kind: Kind) -> u64 {
    let stored: u64 = view
        .snapshot
        .all_segments()
        .iter()
        .filter(|segment| segment.kind == kind)
        .map(|segment| segment.rows - segment.dead.len() as u64)
        .sum();
    let pending: usize = view
        .snapshot
        .pending()
        .iter()
        .map(|pending| {
            let all = match kind {
                Kind::Messages => pending.rows.messages.len(),
                Kind::Attempts => pending.rows.attempts.len(),
                Kind::Rejections => pending.rows.rejections.len(),
                _ => 0,
            };
            all - pending.dead(kind).len()
        })
        .sum();
    stored + pending as u64
}

fn store(view: Option<&View>) -> Value {
    let Some(view) = view else {
        return json!({ "bytes": 0, "segments": 0, "attempts": 0, "messages": 0, "rejections": 0, "commits": 0, "oldest": null });
    };
    let segments = view.snapshot.all_segments();
    json!({
        "bytes": segments.iter().map(|segment| segment.bytes).sum::<u64>(),
        "segments": segments.len(),
        "attempts": rows(view, Kind::Attempts),
        "messages": rows(view, Kind::Messages),
        "rejections": rows(view, Kind::Rejections),
        "commits": view.snapshot.number().0,
        "oldest": segments.iter().map(|segment| segment.time_min).min().or(view.data_from).map(time),
    })
}
