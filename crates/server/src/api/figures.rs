//! Cells of `metric` as the API's figures. Nothing is worked out here that `metric` does not define.

use mailvane_analytics::Scope;
use mailvane_metric::histogram::{Histogram, Percentiles};
use mailvane_metric::{Cell, Door, Figure, Figures, Rate, Rates, Spread};
use mailvane_model::word::Outcome;
use serde_json::{Value, json};

use crate::live::view::View;

/// Everything of a cell that belongs to the scope, in one set of figures.
pub(super) fn merged(cell: &Cell, scope: &Scope) -> Figures {
    let mut sum = Figures::default();
    for (_, figures) in cell.parts().filter(|(traffic, _)| scope.has(*traffic)) {
        sum.merge(figures, 1);
    }
    sum
}

/// Recipients in flight now that belong to the scope: queued and held.
pub(super) fn open(view: &View, scope: &Scope) -> (u64, u64) {
    let mut found = (0, 0);
    for row in view.open.outcomes.iter() {
        if scope.has(mailvane_metric::Traffic::of(row.population, row.direction)) && scope.admits_outcome(&row) {
            match row.outcome {
                Outcome::Queued => found.0 += 1,
                Outcome::Held => found.1 += 1,
                _ => {}
            }
        }
    }
    found
}

fn rate(rate: Rate) -> Value {
    super::window::ratio(rate.count, rate.of)
}

/// Percentiles in seconds.
pub(super) fn percentiles(histogram: Option<&Histogram>) -> Value {
    let found = histogram.map(Histogram::percentiles).unwrap_or_default();
    let seconds = |value: Option<u64>| value.map(|value| value as f64 / 1000.0);
    let Percentiles { count, p50, p90, p95, p99, max } = found;
    json!({ "p50": seconds(p50), "p90": seconds(p90), "p95": seconds(p95), "p99": seconds(p99), "max": seconds(max), "n": count })
}

/// The rates.
pub(super) fn rates(figures: &Figures) -> Value {
    let rates = Rates::of(figures);
    let recipients = figures.get(Figure::Recipients);
    json!({
        "bounce_rate": rate(rates.bounce),
        "hard_bounce_rate": rate(rates.hard_bounce),
        "expiry_rate": rate(rates.expiry),
        "failure_rate": rate(rates.failure),
        "deferral_rate": rate(rates.deferral),
        "deferral_rate_without_greylisting": rate(rates.deferral_without_greylisting),
        "greylisted_rate": rate(Rate::of(figures.get(Figure::RecipientsGreylisted), recipients)),
        "acceptance_now": rate(rates.acceptance),
    })
}

/// Final states; `open` is what is queued and held now.
pub(super) fn outcomes(figures: &Figures, open: (u64, u64)) -> Value {
    let count = |figure| figures.get(figure).max(0);
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
        "held": open.1,
        "queued": open.0,
    })
}

/// Every figure of one group.
pub(super) fn figures(figures: &Figures, open: (u64, u64)) -> Value {
    let count = |figure| figures.get(figure).max(0);
    json!({
        "outcomes": outcomes(figures, open),
        "attempts": {
            "total": count(Figure::Attempts),
            "delivered": count(Figure::Accepted),
            "deferred": count(Figure::DeferredAttempts),
            "bounced": count(Figure::RefusedAttempts),
            "expired": 0,
            "other": count(Figure::InternalHops),
            "not_contacted": count(Figure::SuspendedAttempts),
        },
        "recipients": {
            "attempted": count(Figure::Recipients),
            "deferred": count(Figure::RecipientsDeferred),
            "greylisted": count(Figure::RecipientsGreylisted),
            "accepted_last": count(Figure::Accepted).min(count(Figure::Recipients)),
        },
        "rates": rates(figures),
        "delay": percentiles(figures.spread(Spread::Delay)),
        "bytes": count(Figure::DeliveredBytes),
    })
}

/// Recipients in trouble: what breakdowns are ordered by.
pub(super) fn trouble(figures: &Figures) -> i64 {
    figures.get(Figure::Bounced) + figures.get(Figure::Expired) + figures.get(Figure::RecipientsDeferred)
}

/// What happened at the door.
pub(super) fn inbound(cell: &Cell) -> Value {
    let door = |door| cell.door(door).max(0);
    let (reject, defer, discard, hold, warn) =
        (door(Door::Rejected), door(Door::RejectedTemporarily), door(Door::Discarded), door(Door::Held), door(Door::Warned));
    json!({
        "rejections": { "total": reject + defer + discard + hold + warn, "reject": reject, "defer": defer, "discard": discard, "hold": hold, "warn": warn },
        "auth": { "ok": door(Door::AuthOk), "failed": door(Door::AuthFailed) },
        "sessions": { "total": door(Door::Sessions), "lost": door(Door::SessionsLost) },
    })
}
