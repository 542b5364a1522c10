//! The HTTP API and the dashboard's files. One file a resource; `openapi.json` beside the crate is the contract.

mod assets;
mod breakdown;
mod figures;
mod guard;
mod item;
mod life;
mod live;
mod messages;
pub(crate) mod problem;
mod queue;
mod series;
mod sources;
mod status;
mod summary;
mod trouble;
mod window;

use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{Path, Query as Parameters, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use mailvane_model::Time;
use mailvane_model::word::Direction;
use mailvane_reply::judge::Judge;
use mailvane_reply::provider::Providers;
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::live::view::Shared;
use item::Writer;
use problem::Problem;
use window::{Query, Question};

/// Questions that are worked out at once: ingest keeps its share of the cores.
const RUNNING: usize = 2;
/// Questions that may wait.
const WAITING: usize = 32;

/// What every route uses.
#[derive(Clone)]
struct Desk {
    shared: Arc<Shared>,
    providers: Arc<Providers>,
    judge: Arc<Judge>,
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

type Answer = std::result::Result<Value, Problem>;

impl Desk {
    /// Works an answer out beside the network, when there is room.
    async fn ask(self, work: impl FnOnce(&Desk) -> Answer + Send + 'static) -> Response {
        let Ok(_admitted) = Arc::clone(&self.admitted).try_acquire_owned() else { return Problem::overloaded().into_response() };
        let Ok(_running) = Arc::clone(&self.running).acquire_owned().await else { return Problem::overloaded().into_response() };
        match tokio::task::spawn_blocking(move || work(&self)).await {
            Ok(Ok(value)) => ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response(),
            Ok(Err(problem)) => problem.into_response(),
            Err(error) => Problem::internal(&error).into_response(),
        }
    }

    /// Works out the answer to a question about a window.
    async fn window(
        self,
        query: Query,
        own: &'static [&'static str],
        direction: Option<Direction>,
        work: impl FnOnce(&Desk, &Question) -> Answer + Send + 'static,
    ) -> Response {
        self.ask(move |desk| work(desk, &Question::read(&desk.shared, query, own, direction)?)).await
    }

    fn writer(&self, query: &Query) -> Writer<'_> {
        let zone = query.get("time_zone").and_then(|name| name.parse().ok()).unwrap_or(self.shared.about.zone);
        Writer { providers: &self.providers, zone, now: Time::from_chrono(&chrono::Utc::now()) }
    }
}

type Asked = Parameters<Query>;

async fn status(State(desk): State<Desk>) -> Response {
    desk.ask(|desk| Ok(status::answer(&desk.shared, desk.shared.view().as_deref()))).await
}

async fn summary(State(desk): State<Desk>, Parameters(query): Asked) -> Response {
    desk.window(query, &[], summary::DEFAULT, |_, question| summary::answer(question)).await
}

async fn series(State(desk): State<Desk>, Parameters(query): Asked) -> Response {
    desk.window(query, &["metric", "by", "limit", "step"], summary::DEFAULT, |_, question| series::answer(question)).await
}

async fn breakdown(State(desk): State<Desk>, Parameters(query): Asked) -> Response {
    desk.window(query, &["by", "sort", "limit"], summary::DEFAULT, |desk, question| breakdown::answer(question, &desk.providers)).await
}

async fn messages(State(desk): State<Desk>, Parameters(query): Asked) -> Response {
    let own = &["q", "status", "kind", "limit", "cursor"];
    // Where is the mail from X? Whatever it is: every population is searched unless one is named.
    let mut query = query;
    query.entry("population".to_owned()).or_insert_with(|| "all".to_owned());
    desk.window(query, own, None, |desk, question| messages::answer(question, &desk.providers)).await
}

async fn message(State(desk): State<Desk>, Path(id): Path<String>, Parameters(query): Asked) -> Response {
    desk.ask(move |desk| {
        window::known(&query, &["time_zone"], false)?;
        life::answer(&*window::view(&desk.shared)?, &id, &desk.judge, &desk.writer(&query))
    })
    .await
}

async fn sources(State(desk): State<Desk>) -> Response {
    desk.ask(|desk| Ok(sources::answer(&desk.shared, &*window::view(&desk.shared)?))).await
}

async fn queue(State(desk): State<Desk>, Parameters(query): Asked) -> Response {
    desk.ask(move |desk| queue::answer(&*window::view(&desk.shared)?, &desk.writer(&query))).await
}

async fn trouble(State(desk): State<Desk>, Parameters(query): Asked) -> Response {
    desk.window(query, &["limit"], summary::DEFAULT, |_, question| trouble::answer(question)).await
}

async fn live(State(desk): State<Desk>) -> Response {
    live::answer(desk.shared)
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], include_str!("../../openapi.json")).into_response()
}

/// Every route.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let desk = Desk {
        shared,
        providers: Arc::new(Providers::embedded()),
        judge: Arc::new(Judge::embedded()),
        running: Arc::new(Semaphore::new(RUNNING)),
        admitted: Arc::new(Semaphore::new(RUNNING + WAITING)),
    };
    let routes = Router::new()
        .route("/status", get(status))
        .route("/summary", get(summary))
        .route("/series", get(series))
        .route("/breakdown", get(breakdown))
        .route("/messages", get(messages))
        .route("/messages/{id}", get(message))
        .route("/sources", get(sources))
        .route("/queue", get(queue))
        .route("/trouble", get(trouble))
        .route("/live", get(live))
        .route("/openapi.json", get(openapi))
        .with_state(desk);
    Router::new().nest("/api/v1", routes).fallback(assets::serve).layer(axum::middleware::from_fn(guard::guard))
}

/// Serves until `shutdown` is done.
pub(crate) async fn serve(
    listener: tokio::net::TcpListener,
    shared: Arc<Shared>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    axum::serve(listener, router(shared)).with_graceful_shutdown(shutdown).await.context("the HTTP server broke off")
}
