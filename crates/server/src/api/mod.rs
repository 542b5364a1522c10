//! The HTTP API (`openapi.json` is its contract) and the dashboard's files.
//!
//! * [`question`], [`window`]: what is asked.
//! * [`gate`]: how many questions are worked on at once.
//! * [`figures`], [`item`], [`json`]: shapes that several routes share.
//! * one file a route for the rest.

mod assets;
mod breakdown;
mod chain;
#[cfg(test)]
mod contract;
mod failures;
mod figures;
mod gate;
mod guard;
mod health;
mod item;
mod json;
mod life;
mod lines;
mod live;
mod messages;
mod minutes;
mod openapi;
pub(crate) mod problem;
mod question;
mod queue;
mod series;
mod sources;
mod status;
mod summary;
mod suppression;
mod trouble;
mod verdict;
mod window;

use std::sync::Arc;

use anyhow::{Context, Result};
use axum::routing::get;
use axum::{Json, Router};
use mailvane_model::Time;
use serde_json::Value;
use tokio::sync::watch;

use self::gate::Gate;
use self::problem::Problem;
use crate::live::view::{About, Shared, View};

/// What every route has at hand.
pub(crate) struct Api {
    /// The daemon's views.
    shared: Arc<Shared>,
    /// Bounds the work.
    gate: Gate,
    /// Bounds the listeners of `/live`.
    listeners: Arc<tokio::sync::Semaphore>,
    /// Counts per minute, worked out once for all listeners.
    minutes: minutes::Cache,
    /// True once the server is told to stop.
    stop: watch::Receiver<bool>,
}

impl Api {
    fn new(shared: Arc<Shared>, stop: watch::Receiver<bool>) -> Self {
        let listeners = Arc::new(tokio::sync::Semaphore::new(live::LISTENERS_MAX));
        Api { shared, gate: Gate::new(), listeners, minutes: minutes::Cache::default(), stop }
    }

    /// The latest view.
    fn view(&self) -> Result<Arc<View>, Problem> {
        self.shared.view().ok_or_else(|| Problem::not_ready("nothing has been read yet").hint("ask again in a few seconds"))
    }

    /// Works an answer out on a thread of its own, when there is room.
    async fn answer(
        self: &Arc<Self>,
        work: impl FnOnce(&View, &About) -> Result<Value, Problem> + Send + 'static,
    ) -> Result<Json<Value>, Problem> {
        let view = self.view()?;
        let api = Arc::clone(self);
        self.gate.run(move || work(&view, &api.shared.about)).await.map(Json)
    }
}

/// The server's clock.
fn now() -> Time {
    Time::from_chrono(&chrono::Utc::now())
}

impl From<mailvane_analytics::Error> for Problem {
    fn from(error: mailvane_analytics::Error) -> Self {
        match error {
            mailvane_analytics::Error::TooLong => Problem::timeout(),
            error => Problem::internal(&error),
        }
    }
}

impl From<mailvane_store::Error> for Problem {
    fn from(error: mailvane_store::Error) -> Self {
        Problem::internal(&error)
    }
}

/// Every route.
fn routes(api: Arc<Api>) -> Router {
    let v1 = Router::new()
        .route("/status", get(status::get))
        .route("/summary", get(summary::get))
        .route("/series", get(series::get))
        .route("/breakdown", get(breakdown::get))
        .route("/messages", get(messages::get))
        .route("/messages/{id}", get(life::get))
        .route("/sources", get(sources::get))
        .route("/queue", get(queue::get))
        .route("/trouble", get(trouble::get))
        .route("/failures", get(failures::get))
        .route("/suppression", get(suppression::get))
        .route("/live", get(live::get))
        .route("/openapi.json", get(openapi::get));
    Router::new().nest("/api/v1", v1).fallback(assets::serve).layer(axum::middleware::from_fn(guard::guard)).with_state(api)
}

/// Serves until `shutdown` is done.
pub(crate) async fn serve(
    listener: tokio::net::TcpListener,
    shared: Arc<Shared>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let (stopping, stop) = watch::channel(false);
    let stopping = Arc::new(stopping);
    let told = Arc::clone(&stopping);
    let routes = routes(Arc::new(Api::new(shared, stop)));
    let stopped = async move {
        shutdown.await;
        // Open event streams end, else the server would wait for them.
        told.send_replace(true);
    };
    let served = axum::serve(listener, routes).with_graceful_shutdown(stopped).await;
    drop(stopping);
    served.context("the HTTP server broke off")
}
