//! `GET /live`: server-sent events: `status` and, once a second while something changes, `tick` with the counts of minutes.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::{HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use mailvane_metric::{Cell, Cube, Door, Figure, Width};
use mailvane_model::Time;
use mailvane_model::word::Population;
use serde_json::{Value, json};

use super::problem::Problem;
use super::status;
use super::window::time;
use crate::live::view::{Shared, View};

/// Listeners at once.
const MAX_CLIENTS: usize = 64;
/// Minutes that the first tick carries.
const MINUTES: i64 = 60;
/// The least time between two ticks.
const PACE: Duration = Duration::from_secs(1);
/// The most time between two ticks.
const IDLE: Duration = Duration::from_secs(5);

static CLIENTS: AtomicUsize = AtomicUsize::new(0);

/// One listener; counted while it is there.
struct Listener {
    shared: Arc<Shared>,
    revisions: tokio::sync::watch::Receiver<u64>,
    sent: BTreeMap<Time, Value>,
    first: bool,
}

impl Drop for Listener {
    fn drop(&mut self) {
        CLIENTS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Answers.
pub(super) fn answer(shared: Arc<Shared>) -> Response {
    if CLIENTS.fetch_add(1, Ordering::Relaxed) >= MAX_CLIENTS {
        CLIENTS.fetch_sub(1, Ordering::Relaxed);
        return Problem::overloaded().into_response();
    }
    let revisions = shared.revisions();
    let listener = Listener { shared, revisions, sent: BTreeMap::new(), first: true };
    let mut response = Sse::new(events(listener)).keep_alive(KeepAlive::default()).into_response();
    // Proxies must not gather what is meant to arrive at once.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn events(listener: Listener) -> impl Stream<Item = Result<Event, Infallible>> {
    let steps = stream::unfold(listener, |mut listener| async move {
        if !listener.first {
            tokio::time::sleep(PACE).await;
            // Nothing new for a while is news, too: the page sees that we are alive.
            let _ = tokio::time::timeout(IDLE - PACE, listener.revisions.changed()).await;
        }
        let shared = Arc::clone(&listener.shared);
        let sent = std::mem::take(&mut listener.sent);
        let first = listener.first;
        let worked_out = tokio::task::spawn_blocking(move || {
            let view = shared.view();
            let status = status::answer(&shared, view.as_deref());
            let (tick, sent) = view.as_deref().map_or_else(|| (None, BTreeMap::new()), |view| tick(view, sent, first));
            (status, tick, sent)
        });
        let (status, tick, sent) = worked_out.await.unwrap_or((Value::Null, None, BTreeMap::new()));
        listener.sent = sent;
        listener.first = tick.is_none();
        let status = (!status.is_null()).then(|| event("status", &status));
        let found: Vec<Event> = status.into_iter().chain(tick.map(|tick| event("tick", &tick))).collect();
        Some((found, listener))
    });
    steps.flat_map(|found| stream::iter(found.into_iter().map(Ok)))
}

fn event(name: &str, data: &Value) -> Event {
    Event::default().event(name).data(data.to_string())
}

/// The minutes that changed since the last tick.
fn tick(view: &View, sent: BTreeMap<Time, Value>, first: bool) -> (Option<Value>, BTreeMap<Time, Value>) {
    let now = Time::from_chrono(&chrono::Utc::now());
    // The last hour of the clock, and of the log where that is older (an old log that was read).
    let end = view.complete_to.map_or(now, |complete| complete.min(now)).floor(Time::MINUTE).plus(Time::MINUTE);
    let from = end.plus(-MINUTES * Time::MINUTE);
    let Ok(cells) = view.snapshot.rollups(Width::Minute, Cube::Total, from, end, None) else { return (None, sent) };
    let mut sums: BTreeMap<Time, Cell> = (0..MINUTES).map(|minute| (from.plus(minute * Time::MINUTE), Cell::default())).collect();
    for rolled in cells {
        sums.entry(rolled.time).or_default().merge(&rolled.cell);
    }
    let minutes: BTreeMap<Time, Value> = sums.into_iter().map(|(start, cell)| (start, minute(start, &cell))).collect();
    let changed: Vec<&Value> =
        minutes.iter().filter(|(start, value)| first || sent.get(start) != Some(*value)).map(|found| found.1).collect();
    let tick = json!({
        "now": time(now),
        "complete_to": view.complete_to.map(time),
        "revision": view.revision,
        "lines_per_s": view.lines_per_s,
        "minutes": changed,
    });
    (Some(tick), minutes)
}

fn minute(start: Time, cell: &Cell) -> Value {
    let sum = |figure: Figure| -> i64 {
        let parts = cell.parts().filter(|(traffic, _)| traffic.population == Population::Ordinary);
        parts.map(|(_, figures)| figures.get(figure)).sum::<i64>().max(0)
    };
    json!({
        "start": time(start),
        "received": sum(Figure::Received),
        "delivered": sum(Figure::Accepted),
        "deferred": sum(Figure::DeferredAttempts),
        "bounced": sum(Figure::RefusedAttempts),
        "expired": sum(Figure::Expired),
        "rejected": (cell.door(Door::Rejected) + cell.door(Door::RejectedTemporarily)).max(0),
        "auth_failed": cell.door(Door::AuthFailed).max(0),
    })
}
