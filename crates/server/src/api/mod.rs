//! The HTTP API and the dashboard's files.

mod assets;
mod guard;
pub(crate) mod problem;

use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;

use crate::live::view::Shared;

/// Every route.
pub(crate) fn router(_shared: Arc<Shared>) -> Router {
    Router::new().fallback(assets::serve).layer(axum::middleware::from_fn(guard::guard))
}

/// Serves until `shutdown` is done.
pub(crate) async fn serve(
    listener: tokio::net::TcpListener,
    shared: Arc<Shared>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    axum::serve(listener, router(shared)).with_graceful_shutdown(shutdown).await.context("the HTTP server broke off")
}
