//! The one error shape of the API: a stable word, what happened, what to do.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::json::object::Object;

/// An answer that is an error.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
    hint: Option<String>,
}

impl Problem {
    /// The request cannot be understood.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Problem { status: StatusCode::BAD_REQUEST, code: "bad_request", message: message.into(), hint: None }
    }

    /// There is no such thing.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Problem { status: StatusCode::NOT_FOUND, code: "not_found", message: message.into(), hint: None }
    }

    /// It cannot be answered yet.
    pub(crate) fn not_ready(message: impl Into<String>) -> Self {
        Problem { status: StatusCode::SERVICE_UNAVAILABLE, code: "not_ready", message: message.into(), hint: None }
    }

    /// Too much at once.
    pub(crate) fn overloaded() -> Self {
        Problem {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: "overloaded",
            message: "too many questions at once".into(),
            hint: Some("ask again in a few seconds, or narrow the time range".into()),
        }
    }

    /// It takes too long.
    pub(crate) fn timeout() -> Self {
        Problem {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: "timeout",
            message: "the answer takes too long to work out".into(),
            hint: Some("narrow the time range, or leave out a filter".into()),
        }
    }

    /// Our own fault. The inner error goes to the log of the daemon, not to the reader.
    pub(crate) fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a request failed");
        Problem {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "internal",
            message: "the answer could not be worked out".into(),
            hint: Some("the log of mailvane says why".into()),
        }
    }

    /// With what to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = Vec::new();
        let mut outer = Object::open(&mut body);
        outer.value("error", |out| {
            let mut inner = Object::open(out);
            inner.string("code", self.code).string("message", &self.message).text("hint", self.hint.as_deref().unwrap_or_default());
            inner.close();
        });
        outer.close();
        (self.status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}
