//! `/live`: server-sent events, so that pages move without asking.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, Uri};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use mailvane_analytics::Within;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

use super::json::{moment, optional_moment};
use super::minutes::{Minute, changed};
use super::problem::Problem;
use super::question::Question;
use super::reader::{Caller, Reader};
use super::{Api, now, status};

/// Listeners at once.
pub(crate) const LISTENERS_MAX: usize = 64;
/// Events that wait for a slow listener.
const EVENTS_WAITING: usize = 8;
/// At most one tick in this time.
const TICK: Duration = Duration::from_secs(1);
/// A tick at least this often, though nothing changed.
const SILENCE_MAX: Duration = Duration::from_secs(5);
/// A comment this often keeps proxies awake.
const COMMENT: Duration = Duration::from_secs(15);
/// A browser that lost us comes again after this time.
const RETRY: Duration = Duration::from_secs(2);

/// `/live`.
pub(crate) async fn get(
    State(api): State<Arc<Api>>,
    reader: Reader,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    Question::read(&uri, &[])?;
    let place = Arc::clone(&api.listeners).try_acquire_owned().map_err(|_| Problem::overloaded())?;
    let (sender, events) = mpsc::channel::<Result<Event, Infallible>>(EVENTS_WAITING);
    let listener = Listener { reader, headers, caller };
    tokio::spawn(async move {
        let _place = place;
        tell(&api, &listener, &sender).await;
    });
    let sse = Sse::new(ReceiverStream::new(events)).keep_alive(KeepAlive::new().interval(COMMENT));
    Ok(([(HeaderName::from_static("x-accel-buffering"), "no")], sse).into_response())
}

/// Who listens, and by what he is known.
struct Listener {
    reader: Reader,
    headers: HeaderMap,
    caller: Caller,
}

impl Listener {
    /// Whether the listener is still let in, as the same one: sessions end, users are removed, an administrator comes to be.
    fn is_let_in(&self, api: &Api) -> bool {
        let known = api.access.identify(&self.headers, &self.caller.origin, now());
        known.is_ok_and(|known| {
            known.is_ok_and(|known| known.name == self.reader.identity.name && known.within.as_ref() == self.reader.within())
        })
    }
}

/// Sends until the listener goes or is no longer let in, or the server stops.
async fn tell(api: &Arc<Api>, listener: &Listener, sender: &mpsc::Sender<Result<Event, Infallible>>) {
    let mut revisions = api.shared.revisions();
    let mut stop = api.stop.clone();
    let mut told = Told::default();
    while listener.is_let_in(api) {
        for event in told.news(api, &listener.reader).await {
            if sender.send(Ok(event)).await.is_err() {
                return;
            }
        }
        tokio::select! {
            () = sender.closed() => return,
            () = stopped(&mut stop) => return,
            () = tokio::time::sleep(TICK) => {}
        }
        // Nothing new: wait for it, but not in silence.
        if !told.is_reading {
            tokio::select! {
                () = sender.closed() => return,
                () = stopped(&mut stop) => return,
                () = changes(&mut revisions) => {}
                () = tokio::time::sleep(SILENCE_MAX - TICK) => {}
            }
        }
    }
}

/// Done when the server is told to stop. A closed channel says nothing.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn changes(revisions: &mut watch::Receiver<u64>) {
    if revisions.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What a listener knows.
#[derive(Default)]
struct Told {
    begun: bool,
    is_reading: bool,
    status: Option<String>,
    minutes: Arc<Vec<Minute>>,
}

impl Told {
    /// What is to be told now.
    async fn news(&mut self, api: &Arc<Api>, reader: &Reader) -> Vec<Event> {
        let mut events = Vec::new();
        let status = status::write(api, reader.within());
        self.is_reading = status["state"] == "first_read";
        let outline = status::outline(&status);
        if self.is_reading || self.status.as_ref() != Some(&outline) {
            events.extend(event("status", &status));
            self.status = Some(outline);
        }
        events.extend(tick(api, reader.within(), &mut self.minutes).await.and_then(|tick| event("tick", &tick)));
        if !std::mem::replace(&mut self.begun, true) {
            events = events.into_iter().map(|event| event.retry(RETRY)).collect();
        }
        events
    }
}

/// The data of a tick; `known` are the minutes told before and becomes those known now. Readers of some domains get no minutes: these
/// count the mail of all.
pub(crate) async fn tick(api: &Arc<Api>, within: Option<&Within>, known: &mut Arc<Vec<Minute>>) -> Option<Value> {
    let view = api.shared.view()?;
    let shared = Arc::clone(api);
    let looked_at = Arc::clone(&view);
    let minutes = match within {
        None => tokio::task::spawn_blocking(move || shared.minutes.get(&looked_at)).await.ok()?,
        Some(_) => Arc::default(),
    };
    let news: Vec<_> = changed(&minutes, known).map(Minute::write).collect();
    *known = minutes;
    Some(json!({
        "now": moment(now()),
        "complete_to": optional_moment(view.complete_to),
        "revision": view.revision,
        "lines_per_s": if within.is_none() { view.lines_per_s(now()) } else { 0.0 },
        "minutes": news,
    }))
}

fn event(name: &str, data: &Value) -> Option<Event> {
    Event::default().event(name).json_data(data).ok()
}
