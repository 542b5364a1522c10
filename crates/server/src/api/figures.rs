//! Figures as the API shows them, out of cells of `metric`: shared by summary, series and breakdown.

use mailvane_analytics::Scope;
use mailvane_metric::histogram::Percentiles;
use mailvane_metric::{Cell, Figure, Figures, Rate, Rates, Spread, Traffic};
use mailvane_model::OutcomeRow;
use mailvane_model::row::OutcomeColumns;
use mailvane_model::word::Outcome;
use serde_json::{Value, json};

use super::json::{percentiles, ratio};

/// Recipients that are in a queue now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Open {
    /// Waiting or being tried.
    pub(crate) queued: u64,
    /// On hold.
    pub(crate) held: u64,
}

impl Open {
    /// Counts one recipient.
    pub(crate) fn add(&mut self, row: &OutcomeRow<'_>) {
        match row.outcome {
            Outcome::Queued => self.queued += 1,
            Outcome::Held => self.held += 1,
            _ => {}
        }
    }

    /// Those of a scope.
    pub(crate) fn of(open: &OutcomeColumns, scope: &Scope) -> Self {
        let mut counts = Open::default();
        for row in open.iter().filter(|row| is_open_in(row, scope)) {
            counts.add(&row);
        }
        counts
    }
}

/// Whether a recipient that is open now belongs to a scope: what arrived after its end was not open then.
pub(crate) fn is_open_in(row: &OutcomeRow<'_>, scope: &Scope) -> bool {
    let in_time = row.arrived < scope.until && (!scope.by_arrival || row.arrived >= scope.since);
    in_time && scope.has(Traffic::of(row.population, row.direction)) && scope.admits_outcome(row)
}

/// The figures of some traffics of a cell together.
pub(crate) fn sum(cell: &Cell, wanted: impl Fn(Traffic) -> bool) -> Figures {
    let mut total = Figures::default();
    for (traffic, figures) in cell.parts() {
        if wanted(traffic) {
            total.merge(figures, 1);
        }
    }
    total
}

/// A count that cannot be negative.
pub(crate) fn count(figures: &Figures, figure: Figure) -> u64 {
    figures.get(figure).max(0) as u64
}

/// Outcomes.
pub(crate) fn outcomes(figures: &Figures, open: Open) -> Value {
    let count = |figure| count(figures, figure);
    json!({
        "delivered": count(Figure::Delivered),
        "relayed": count(Figure::Relayed),
        "bounced": count(Figure::Bounced),
        "hard_bounced": count(Figure::BouncedHard),
        "expired": count(Figure::Expired),
        "discarded": count(Figure::Discarded),
        "deleted": count(Figure::Deleted),
        "rejected": count(Figure::Rejected),
        "unknown": count(Figure::Unknown),
        "held": open.held,
        "queued": open.queued,
    })
}

/// Attempts.
fn attempts(figures: &Figures) -> Value {
    let count = |figure| count(figures, figure);
    json!({
        "total": count(Figure::Attempts),
        "delivered": count(Figure::Accepted),
        "deferred": count(Figure::DeferredAttempts),
        "bounced": count(Figure::RefusedAttempts),
        "expired": count(Figure::Expired),
        "other": count(Figure::InternalHops),
        "not_contacted": count(Figure::SuspendedAttempts),
    })
}

/// Recipients, each once.
fn recipients(figures: &Figures) -> Value {
    let count = |figure| count(figures, figure);
    json!({
        "attempted": count(Figure::Recipients),
        "deferred": count(Figure::RecipientsDeferred),
        "greylisted": count(Figure::RecipientsGreylisted),
        "accepted_last": Rates::of(figures).acceptance.count,
    })
}

/// Rates.
pub(crate) fn rates(figures: &Figures) -> Value {
    let rates = Rates::of(figures);
    let greylisted = Rate::of(figures.get(Figure::RecipientsGreylisted), figures.get(Figure::Recipients));
    json!({
        "bounce_rate": ratio(rates.bounce),
        "hard_bounce_rate": ratio(rates.hard_bounce),
        "expiry_rate": ratio(rates.expiry),
        "failure_rate": ratio(rates.failure),
        "deferral_rate": ratio(rates.deferral),
        "deferral_rate_without_greylisting": ratio(rates.deferral_without_greylisting),
        "greylisted_rate": ratio(greylisted),
        "acceptance_now": ratio(rates.acceptance),
    })
}

/// The percentiles of a histogram.
pub(crate) fn spread(figures: &Figures, spread: Spread) -> Percentiles {
    figures.spread(spread).map(mailvane_metric::histogram::Histogram::percentiles).unwrap_or_default()
}

/// Recipients deferred, bounced or expired.
pub(crate) fn in_trouble(figures: &Figures) -> u64 {
    count(figures, Figure::RecipientsDeferred) + count(figures, Figure::Bounced) + count(figures, Figure::Expired)
}

/// Every figure of one group.
pub(crate) fn write(figures: &Figures, open: Open) -> Value {
    json!({
        "outcomes": outcomes(figures, open),
        "attempts": attempts(figures),
        "recipients": recipients(figures),
        "rates": rates(figures),
        "delay": percentiles(&spread(figures, Spread::Delay)),
        "bytes": count(figures, Figure::DeliveredBytes),
    })
}
