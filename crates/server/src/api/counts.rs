//! What the HTTP server counts about itself.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::StatusCode;

/// Counts since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    answers: [AtomicU64; 5],
    /// Connections that were taken.
    pub(crate) connections: AtomicU64,
    /// Connections that were sent away because there were too many.
    pub(crate) connections_shed: AtomicU64,
    /// Handshakes of TLS that failed.
    pub(crate) handshakes_failed: AtomicU64,
}

impl Counts {
    /// Counts an answer.
    pub(crate) fn answered(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        self.answers[class].fetch_add(1, Ordering::Relaxed);
    }

    /// Answers by the class of their status, `2xx` first of all.
    pub(crate) fn answers(&self) -> impl Iterator<Item = (&'static str, u64)> {
        const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
        CLASSES.into_iter().zip(&self.answers).map(|(class, count)| (class, count.load(Ordering::Relaxed)))
    }
}
