//! The HTTP API (`openapi.json` is its contract) and the dashboard's files.
//!
//! * [`listen`], [`tls`]: connections.
//! * [`guard`], [`permission`], [`reader`], [`finish`]: who may ask what, before every route; what follows every answer.
//! * [`question`], [`body`], [`window`]: what is asked.
//! * [`gate`]: how many questions are worked on at once.
//! * [`figures`], [`item`], [`json`]: shapes that several routes share.
//! * one file a route for the rest.

mod account;
mod alerts;
mod assets;
mod attention;
mod body;
mod breakdown;
pub(crate) mod chain;
mod charts;
mod context;
#[cfg(test)]
mod contract;
mod counts;
mod failures;
mod figures;
mod finish;
pub(crate) mod gate;
mod guard;
mod health;
mod item;
mod json;
mod life;
pub(crate) mod lines;
mod listen;
mod live;
pub(crate) mod live_queue;
mod logins;
mod messages;
mod metrics;
mod minutes;
mod openapi;
mod permission;
mod probes;
pub(crate) mod problem;
mod question;
mod queue;
mod reader;
mod security;
mod series;
mod session;
mod sources;
mod status;
mod summary;
mod suppression;
pub(crate) mod tls;
mod tokens;
mod trouble;
mod users;
mod verdict;
mod window;

use std::sync::Arc;

use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use mailvane_model::Time;
use serde_json::Value;
use tokio::sync::watch;

use self::counts::Counts;
use self::gate::Gate;
use self::problem::Problem;
use crate::access::Access;
use crate::alerting::board::Board;
use crate::live::view::{About, Shared, View};

/// What every route has at hand.
pub(crate) struct Api {
    /// The daemon's views.
    shared: Arc<Shared>,
    /// Who may see and do what.
    access: Arc<Access>,
    /// What the alerts show, and the way to them.
    board: Arc<Board>,
    /// What the server counts about itself.
    counts: Counts,
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
    fn new(shared: Arc<Shared>, access: Arc<Access>, board: Arc<Board>, stop: watch::Receiver<bool>) -> Self {
        let listeners = Arc::new(tokio::sync::Semaphore::new(live::LISTENERS_MAX));
        let gate = Gate::new(gate::RUNNING_MAX, gate::WAITING_MAX);
        Api { shared, access, board, counts: Counts::default(), gate, listeners, minutes: minutes::Cache::default(), stop }
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
pub(crate) fn now() -> Time {
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
        .route("/attention", get(attention::get))
        .route("/summary", get(summary::get))
        .route("/series", get(series::get))
        .route("/charts/series.svg", get(charts::svg))
        .route("/charts/series.png", get(charts::png))
        .route("/breakdown", get(breakdown::get))
        .route("/messages", get(messages::get))
        .route("/messages/{id}", get(life::get))
        .route("/sources", get(sources::get))
        .route("/queue", get(queue::get))
        .route("/queue/live", get(live_queue::get))
        .route("/trouble", get(trouble::get))
        .route("/failures", get(failures::get))
        .route("/security", get(security::get))
        .route("/logins", get(logins::get))
        .route("/suppression", get(suppression::get))
        .route("/live", get(live::get))
        .route("/openapi.json", get(openapi::get))
        .merge(alert_routes())
        .merge(probe_routes())
        .merge(access_routes());
    Router::new()
        .nest("/api/v1", v1)
        .route("/healthz", get(metrics::healthz))
        .route("/readyz", get(metrics::readyz))
        .route("/metrics", get(metrics::metrics))
        .method_not_allowed_fallback(guard::no_such_method)
        .fallback(assets::serve)
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&api), guard::guard))
        .with_state(api)
}

/// The routes about alerts.
fn alert_routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/alerts", get(alerts::get))
        .route("/alerts/history", get(alerts::history))
        .route("/alerts/rules", get(alerts::rules))
        .route("/alerts/notices", get(alerts::notices))
        .route("/alerts/silences", get(alerts::silences).post(alerts::silence))
        .route("/alerts/silences/{id}", delete(alerts::end_silence))
        .route("/alerts/incidents/{id}/acknowledge", post(alerts::acknowledge))
        .route("/alerts/backtest", post(alerts::backtest))
        .route("/alerts/test", post(alerts::test))
}

/// The routes about probes.
fn probe_routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/domains", get(probes::domains))
        .route("/domains/{domain}", get(probes::domain))
        .route("/probes", get(probes::list))
        .route("/probes/{id}", get(probes::get))
        .route("/probes/{id}/history", get(probes::history))
        .route("/probes/{id}/run", post(probes::run))
}

/// The routes about people.
fn access_routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/session", get(session::get).post(session::post).delete(session::delete))
        .route("/setup", post(session::setup))
        .route("/account", get(account::get))
        .route("/account/password", post(account::set_password))
        .route("/account/totp", post(account::begin_totp).put(account::confirm_totp))
        .route("/account/totp/off", post(account::end_totp))
        .route("/account/sessions", get(account::sessions))
        .route("/account/sessions/{id}", delete(account::end_session))
        .route("/users", get(users::list).post(users::add))
        .route("/users/{name}", put(users::change).delete(users::remove))
        .route("/users/{name}/password", post(users::reset))
        .route("/sessions", get(users::sessions))
        .route("/sessions/{id}", delete(users::end_session))
        .route("/tokens", get(tokens::list).post(tokens::add))
        .route("/tokens/{id}", delete(tokens::remove))
        .route("/audit", get(users::audit))
}

/// Serves until `shutdown` is done.
pub(crate) async fn serve(
    listener: tokio::net::TcpListener,
    tls: Option<tokio_rustls::TlsAcceptor>,
    shared: Arc<Shared>,
    access: Arc<Access>,
    board: Arc<Board>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let (stopping, stop) = watch::channel(false);
    let api = Arc::new(Api::new(shared, access, board, stop.clone()));
    let routes = routes(Arc::clone(&api));
    let told = async {
        shutdown.await;
        // Open event streams end, else their connections would be waited for.
        stopping.send_replace(true);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = listen::accept(listener, tls, routes, api, stop) => {}
        () = told => {}
    }
}
