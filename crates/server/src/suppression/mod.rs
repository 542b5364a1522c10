//! The suppression list: from files or from the store, as text, CSV and JSON.

mod csv;
mod json;
#[cfg(feature = "daemon")]
mod stored;
mod text;

pub(crate) use csv::csv;
pub(crate) use json::json;
#[cfg(feature = "daemon")]
pub(crate) use stored::of_snapshot;
pub(crate) use text::text;

use mailvane_model::{AttemptRow, OutcomeRow, Sink, Time};
use mailvane_reply::ledger::{self, Ledger, List};

use crate::pipeline::files::Watcher;
use crate::pipeline::span::Span;

/// A list with the span of time that it was made from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Made {
    /// The list.
    pub(crate) list: List,
    /// The first moment that was looked at, where there was a limit.
    pub(crate) since: Option<Time>,
    /// The first moment after it.
    pub(crate) until: Option<Time>,
}

/// Reads files into the book.
pub(crate) struct Reader {
    ledger: Ledger,
    span: Span,
}

impl Reader {
    /// A book of what lies in a span.
    pub(crate) fn new(span: Span) -> Self {
        Reader { ledger: Ledger::default(), span }
    }

    /// The list.
    pub(crate) fn finish(self) -> Made {
        let is_all = self.span.is_all();
        Made {
            list: self.ledger.finish(),
            since: (!is_all && self.span.since > Time(i64::MIN)).then_some(self.span.since),
            until: (!is_all && self.span.until < Time(i64::MAX)).then_some(self.span.until),
        }
    }
}

impl Sink for Reader {
    fn attempt(&mut self, row: &AttemptRow<'_>) {
        if self.span.contains(row.time)
            && let Some(happened) = ledger::of_attempt(row)
        {
            self.ledger.add(row.recipient, row.time, happened);
        }
    }

    fn outcome(&mut self, row: &OutcomeRow<'_>, replaced: Option<&OutcomeRow<'_>>) {
        // A revision says nothing new of the address.
        if replaced.is_none()
            && self.span.contains(row.time)
            && let Some(happened) = ledger::of_outcome(row)
        {
            self.ledger.add(row.recipient, row.time, happened);
        }
    }
}

impl Watcher for Reader {}
