//! `/metrics` for Prometheus, `/healthz` and `/readyz` for whoever keeps processes alive. Labels are words of closed lists and names of
//! our own logs, never an address.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use mailvane_model::Time;

use super::problem::Problem;
use super::{Api, live, minutes, now, queue};
use crate::live::view::View;

/// Logs that have lines of their own.
const SOURCES_MAX: usize = 200;
/// The type of the text.
const KIND: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `/healthz`: the process answers.
pub(crate) async fn healthz() -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], "ok\n").into_response()
}

/// `/readyz`: what was read so far can be asked for, and ingest goes on.
pub(crate) async fn readyz(State(api): State<Arc<Api>>) -> Response {
    let (status, words) = match api.shared.view() {
        None => (StatusCode::SERVICE_UNAVAILABLE, "nothing has been read yet\n"),
        Some(view) if view.stopped.is_some() => (StatusCode::SERVICE_UNAVAILABLE, "ingest is stopped\n"),
        Some(_) => (StatusCode::OK, "ready\n"),
    };
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], words).into_response()
}

/// `/metrics`.
pub(crate) async fn metrics(State(api): State<Arc<Api>>) -> Result<Response, Problem> {
    let view = api.shared.view();
    let shared = Arc::clone(&api);
    let written = tokio::task::spawn_blocking(move || {
        let mut page = Page::default();
        own(&mut page, &shared);
        if let Some(view) = &view {
            reading(&mut page, view);
            mail(&mut page, &shared, view);
        }
        page.text
    });
    let text = written.await.map_err(|error| Problem::internal(&error))?;
    Ok(([(header::CONTENT_TYPE, KIND)], text).into_response())
}

/// The text as it grows.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    /// One metric with its samples: labels as they stand between braces, and the value.
    fn add(&mut self, name: &str, kind: &str, help: &str, samples: impl IntoIterator<Item = (String, f64)>) {
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "# HELP mailvane_{name} {help}\n# TYPE mailvane_{name} {kind}");
        for (labels, value) in samples {
            let _ = if labels.is_empty() {
                writeln!(self.text, "mailvane_{name} {value}")
            } else {
                writeln!(self.text, "mailvane_{name}{{{labels}}} {value}")
            };
        }
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: f64) {
        self.add(name, kind, help, [(String::new(), value)]);
    }
}

/// A label with its value, as the format wants it.
fn label(name: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{name}=\"{value}\"")
}

fn load(counter: &AtomicU64) -> f64 {
    counter.load(Ordering::Relaxed) as f64
}

fn seconds(micros: i64) -> f64 {
    micros as f64 / Time::SECOND as f64
}

/// The process itself.
fn own(page: &mut Page, api: &Api) {
    page.add("build_info", "gauge", "The version that runs.", [(label("version", env!("CARGO_PKG_VERSION")), 1.0)]);
    page.one("uptime_seconds", "gauge", "Seconds since the start.", seconds(now().0 - api.shared.about.started.0));
    let answers = api.counts.answers().map(|(class, count)| (label("status", class), count as f64));
    page.add("http_answers_total", "counter", "Answers by class of status.", answers);
    page.one("http_connections_total", "counter", "Connections that were taken.", load(&api.counts.connections));
    page.one("http_connections_shed_total", "counter", "Connections sent away: too many at once.", load(&api.counts.connections_shed));
    page.one("http_handshakes_failed_total", "counter", "Handshakes of TLS that failed.", load(&api.counts.handshakes_failed));
    page.one("http_questions_shed_total", "counter", "Questions sent away with 503: too many at once.", api.gate.shed() as f64);
    let listening = live::LISTENERS_MAX - api.listeners.available_permits();
    page.one("http_listeners", "gauge", "Open event streams.", listening as f64);
    let counts = &api.access.counts;
    let logins = [("succeeded", &counts.logins), ("failed", &counts.failures), ("throttled", &counts.throttled)];
    page.add("logins_total", "counter", "Logins by result.", logins.map(|(word, count)| (label("result", word), load(count))));
    page.one("http_refused_total", "counter", "Requests refused for want of a session or a right.", load(&counts.refused));
    page.one("audit_lost_total", "counter", "Deeds that could not be kept.", load(&counts.deeds_lost));
}

/// Reading and keeping.
fn reading(page: &mut Page, view: &View) {
    let total = view.coverage.total;
    let lines = [("recognised", total.recognised), ("ignored", total.ignored), ("unparsed", total.unparsed)];
    page.add(
        "lines_total",
        "counter",
        "Log lines read, by what became of them.",
        lines.map(|(word, count)| (label("result", word), count as f64)),
    );
    page.one("lines_per_second", "gauge", "Log lines read a second, over the last seconds.", view.lines_per_s(now()));
    if let Some(complete) = view.complete_to {
        page.one(
            "complete_to_seconds",
            "gauge",
            "Log time up to which everything is committed, in seconds of Unix time.",
            seconds(complete.0),
        );
    }
    let sources = || view.sources.iter().take(SOURCES_MAX);
    let of = |value: fn(&mailvane_ingest::SourceInfo) -> f64| {
        sources()
            .map(move |source| (label("source", &source.log.display().to_string()), value(source)))
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    page.add("source_bytes_read", "gauge", "Bytes of a log that were read.", of(|source| source.bytes_read as f64));
    page.add("source_bytes_behind", "gauge", "Bytes of a log that wait to be read.", of(|source| source.bytes_behind as f64));
    page.one("troubles", "gauge", "Paths that cannot be read now.", view.troubles.len() as f64);
    page.one("gaps_total", "counter", "Times that bytes were gone before they were read.", view.gaps.len() as f64);
    page.one("ingest_stopped", "gauge", "1 while ingest is stopped (a full disk).", f64::from(u8::from(view.stopped.is_some())));
    let segments = view.snapshot.all_segments();
    page.one("store_bytes", "gauge", "Bytes of sealed rows on disk.", segments.iter().map(|segment| segment.bytes).sum::<u64>() as f64);
    page.one("store_segments", "gauge", "Files of sealed rows.", segments.len() as f64);
    page.one("store_commits_total", "counter", "Commits of the store.", view.snapshot.number().0 as f64);
}

/// The mail, as far as words of closed lists tell.
fn mail(page: &mut Page, api: &Api, view: &View) {
    let depth = queue::depth(view, None);
    page.one("queue_messages", "gauge", "Messages in the queue, as the log tells.", depth.messages as f64);
    page.one("queue_recipients", "gauge", "Recipients still to deliver, as the log tells.", depth.recipients as f64);
    let sums = minutes::sums(&api.minutes.get(view));
    let samples = sums.map(|(word, count)| (label("event", word), count as f64));
    page.add("events_last_hour", "gauge", "Events of ordinary mail in the last hour of log time.", samples);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_of_the_format() {
        let mut page = Page::default();
        page.one("up", "gauge", "One.", 1.0);
        page.add("x_total", "counter", "Many.", [(label("source", "a\"b\\c\nd"), 2.5)]);
        let expected = "# HELP mailvane_up One.\n# TYPE mailvane_up gauge\nmailvane_up 1\n# HELP mailvane_x_total Many.\n\
                        # TYPE mailvane_x_total counter\nmailvane_x_total{source=\"a\\\"b\\\\c\\nd\"} 2.5\n";
        assert_eq!(page.text, expected);
    }
}
