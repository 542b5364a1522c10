//! What a change says: a small JSON object, every field known.

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// Bytes of a body: a form that people fill in.
pub(crate) const BODY_MAX: usize = 16 * 1024;
/// A body must be here after this time.
const BODY_TIME: std::time::Duration = std::time::Duration::from_secs(10);

/// A body as JSON.
pub(crate) struct Said<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Said<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        // A form of another site cannot send this type without asking first.
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")) {
            return Err(Problem::bad_request("the body is not JSON").hint("send it with `Content-Type: application/json`"));
        }
        let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
        if length.is_some_and(|length: usize| length > BODY_MAX) {
            return Err(Problem::too_large(BODY_MAX));
        }
        let read = tokio::time::timeout(BODY_TIME, to_bytes(request.into_body(), BODY_MAX)).await.map_err(|_| Problem::too_slow())?;
        let bytes = read.map_err(|_| Problem::too_large(BODY_MAX))?;
        serde_json::from_slice(&bytes).map(Said).map_err(|error| Problem::bad_request(format!("the body: {error}")))
    }
}

/// A number in a path. What is none names nothing.
pub(crate) fn number(text: &str) -> Result<i64, Problem> {
    text.parse().map_err(|_| Problem::not_found("there is no such thing"))
}
