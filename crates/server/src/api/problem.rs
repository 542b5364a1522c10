//! The one error shape of the API: a stable word, what happened, what to do.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::json::object::Object;

/// An answer that is an error.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
    hint: Option<String>,
    /// Seconds to wait before the next try.
    retry_after: Option<u64>,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Problem { status, code, message: message.into(), hint: None, retry_after: None }
    }

    /// Nobody is known by what the request shows.
    pub(crate) fn login_required() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "login_required", "log in to see this")
            .hint("open the dashboard, or send `Authorization: Bearer TOKEN`")
    }

    /// A login that is not right.
    pub(crate) fn login_failed(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, message)
    }

    /// Somebody who may not.
    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// A change that may have been sent by another page.
    pub(crate) fn forged(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "csrf", message)
    }

    /// The state does not allow it.
    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", message)
    }

    /// Too often.
    pub(crate) fn too_often(seconds: u64) -> Self {
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", format!("too many failed attempts: wait {seconds} s"));
        Problem { retry_after: Some(seconds), ..problem }
    }

    /// More bytes than anybody needs.
    pub(crate) fn too_large(most: usize) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", format!("the request is larger than {most} bytes"))
    }

    /// A method that the route does not have.
    pub(crate) fn no_such_method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "the route does not take this method")
    }

    /// The request did not come to its end in time.
    pub(crate) fn too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "the request did not come to its end in time")
    }

    /// The request cannot be understood.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// There is no such thing.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// It cannot be answered yet.
    pub(crate) fn not_ready(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", message)
    }

    /// Too much at once.
    pub(crate) fn overloaded() -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "too many questions at once");
        Problem { retry_after: Some(2), ..problem }.hint("ask again in a few seconds, or narrow the time range")
    }

    /// It takes too long.
    pub(crate) fn timeout() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", "the answer takes too long to work out")
            .hint("narrow the time range, or leave out a filter")
    }

    /// Our own fault. The inner error goes to the log of the daemon, not to the reader.
    pub(crate) fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the answer could not be worked out").hint("the log of mailvane says why")
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
        let mut response = (self.status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"Mailvane\""));
        }
        response
    }
}
