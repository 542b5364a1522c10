//! Where assembled facts go: a columnar batch, a fold of numbers, or lines of JSON.

use crate::row::{AttemptRow, AuthRow, Batch, MessageRow, NoticeRow, OutcomeRow, RejectionRow, SessionRow};

/// Receives facts as they become known. Rows borrow from the line and from assembly state: copy what you keep.
///
/// A row with `rev > 0` replaces the row of the same id with a lower `rev`. What it replaces is handed over beside it as
/// `replaced`, with every field that is counted as it was told, so that sums can be corrected.
pub trait Sink {
    /// A message: `rev` 0 when its envelope is known, higher when more became known (removed, chain, direction).
    fn message(&mut self, _row: &MessageRow<'_>, _replaced: Option<&MessageRow<'_>>) {}
    /// One try to deliver to one recipient. Never revised.
    fn attempt(&mut self, _row: &AttemptRow<'_>) {}
    /// The final state of one (chain, recipient).
    fn outcome(&mut self, _row: &OutcomeRow<'_>, _replaced: Option<&OutcomeRow<'_>>) {}
    /// An inbound refusal at SMTP time. Never revised.
    fn rejection(&mut self, _row: &RejectionRow<'_>) {}
    /// A login attempt. Never revised.
    fn auth(&mut self, _row: &AuthRow<'_>) {}
    /// An inbound connection that ended. Never revised.
    fn session(&mut self, _row: &SessionRow<'_>) {}
    /// Something a person should know: daemon started, warning, gap. Never revised.
    fn notice(&mut self, _row: &NoticeRow<'_>) {}
}

impl Sink for Batch {
    fn message(&mut self, row: &MessageRow<'_>, replaced: Option<&MessageRow<'_>>) {
        if let Some(old) = replaced {
            self.replaced_messages.push(old);
        }
        self.messages.push(row);
    }
    fn attempt(&mut self, row: &AttemptRow<'_>) {
        self.attempts.push(row);
    }
    fn outcome(&mut self, row: &OutcomeRow<'_>, replaced: Option<&OutcomeRow<'_>>) {
        if let Some(old) = replaced {
            self.replaced_outcomes.push(old);
        }
        self.outcomes.push(row);
    }
    fn rejection(&mut self, row: &RejectionRow<'_>) {
        self.rejections.push(row);
    }
    fn auth(&mut self, row: &AuthRow<'_>) {
        self.auths.push(row);
    }
    fn session(&mut self, row: &SessionRow<'_>) {
        self.sessions.push(row);
    }
    fn notice(&mut self, row: &NoticeRow<'_>) {
        self.notices.push(row);
    }
}
