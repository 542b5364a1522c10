//! Only the facts of a span reach the sink behind it. Everything is still assembled, so that a life that began before is whole.

use mailvane_model::row::{AttemptRow, AuthRow, MessageRow, NoticeRow, OutcomeRow, RejectionRow, SessionRow};
use mailvane_model::Sink;

use super::span::Span;

/// A sink that lets only the facts of a span through.
pub(crate) struct Clip<'a, S> {
    /// Where they go.
    pub(crate) inner: &'a mut S,
    /// The span.
    pub(crate) span: Span,
}

impl<S: Sink> Sink for Clip<'_, S> {
    fn message(&mut self, row: &MessageRow<'_>) {
        if self.span.contains(row.time) {
            self.inner.message(row);
        }
    }
    fn attempt(&mut self, row: &AttemptRow<'_>) {
        if self.span.contains(row.time) {
            self.inner.attempt(row);
        }
    }
    fn outcome(&mut self, row: &OutcomeRow<'_>, replaced: Option<&OutcomeRow<'_>>) {
        if self.span.contains(row.time) {
            self.inner.outcome(row, replaced);
        }
    }
    fn rejection(&mut self, row: &RejectionRow<'_>) {
        if self.span.contains(row.time) {
            self.inner.rejection(row);
        }
    }
    fn auth(&mut self, row: &AuthRow<'_>) {
        if self.span.contains(row.time) {
            self.inner.auth(row);
        }
    }
    fn session(&mut self, row: &SessionRow<'_>) {
        if self.span.contains(row.time) {
            self.inner.session(row);
        }
    }
    fn notice(&mut self, row: &NoticeRow<'_>) {
        if self.span.contains(row.time) {
            self.inner.notice(row);
        }
    }
}
