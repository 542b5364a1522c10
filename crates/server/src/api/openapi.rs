//! The contract itself.

use axum::http::header;
use axum::response::{IntoResponse, Response};

/// The contract as it is checked in.
pub(crate) const CONTRACT: &str = include_str!("../../openapi.json");

/// `/openapi.json`.
pub(crate) async fn get() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], CONTRACT).into_response()
}
