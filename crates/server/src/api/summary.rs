//! `GET /summary`: every number of one window, and whether mail flows.

use mailvane_analytics::{Scope, figures as analytics};
use mailvane_metric::{Cell, Figure, Figures, Rates, Spread, Traffic};
use mailvane_model::word::{Direction, Population};
use serde_json::{Value, json};

use super::figures;
use super::problem::Problem;
use super::window::{Question, coverage};

/// Answers.
pub(super) fn answer(question: &Question) -> Result<Value, Problem> {
    let scope = &question.scope;
    // One look gives every traffic: the other directions and the notifications stand beside.
    let all = Scope { population: None, direction: None, ..scope.clone() };
    let cell = analytics::summary(&question.view.snapshot, &all).map_err(|error| Problem::internal(&error))?;
    let own = figures::merged(&cell, scope);
    let open = figures::open(&question.view, scope);
    let (health, sentence) = health(&own, open);
    let spread = |spread| figures::percentiles(own.spread(spread));
    Ok(json!({
        "window": question.window(),
        "coverage": coverage(&question.view),
        "sentence": sentence,
        "health": health,
        "received": {
            "messages": own.get(Figure::Received).max(0),
            "recipients": own.get(Figure::ReceivedRecipients).max(0),
            "bytes": own.get(Figure::ReceivedBytes).max(0),
        },
        "figures": figures::figures(&own, open),
        "delay_parts": {
            "before_queue_manager": spread(Spread::DelayBefore),
            "in_queue": spread(Spread::DelayQueued),
            "connection": spread(Spread::DelayConnecting),
            "transmission": spread(Spread::DelaySending),
        },
        "by_direction": by_direction(question, &cell),
        "inbound": figures::inbound(&cell),
        "notifications": notifications(&cell),
    }))
}

fn by_direction(question: &Question, cell: &Cell) -> Vec<Value> {
    let directions = [Direction::Outbound, Direction::Inbound, Direction::Forwarded, Direction::Local, Direction::Unknown];
    let scopes = directions.map(|direction| Scope { direction: Some(direction), ..question.scope.clone() });
    let rows = scopes.iter().map(|scope| {
        let figures = figures::merged(cell, scope);
        let open = figures::open(&question.view, scope);
        let direction = scope.direction.map_or("all", |direction| direction.word());
        json!({ "direction": direction, "outcomes": figures::outcomes(&figures, open), "rates": figures::rates(&figures) })
    });
    rows.collect()
}

fn notifications(cell: &Cell) -> Value {
    let sum = |figure: Figure, outside: bool| -> i64 {
        let parts = cell.parts().filter(|(traffic, _)| traffic.population == Population::Notification);
        parts.filter(|(traffic, _)| !outside || traffic.direction == Direction::Outbound).map(|(_, figures)| figures.get(figure)).sum()
    };
    json!({
        "sent": sum(Figure::Received, false).max(0),
        "delivered": (sum(Figure::Delivered, false) + sum(Figure::Relayed, false)).max(0),
        "failed": (sum(Figure::Bounced, false) + sum(Figure::Expired, false)).max(0),
        "to_outside": sum(Figure::Received, true).max(0),
    })
}

/// Is mail flowing? Final outcomes come days later, so what is accepted now decides.
fn health(figures: &Figures, open: (u64, u64)) -> (&'static str, String) {
    let rates = Rates::of(figures);
    let (Some(accepted), tried) = (rates.acceptance.value(), rates.acceptance.of) else {
        let waiting = if open.0 > 0 { format!("; {} wait in the queue", count(open.0, "recipient")) } else { String::new() };
        return ("quiet", format!("Nothing was sent in this time{waiting}."));
    };
    let failure = rates.failure.value().unwrap_or(0.0);
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let said = format!("{} of {} tried were accepted at their last try", percent(accepted), count(tried, "recipient"));
    if tried >= 10 && accepted < 0.5 {
        ("trouble", format!("Mail hardly flows: only {said}."))
    } else if tried >= 10 && (accepted < 0.85 || failure > 0.1) {
        ("attention", format!("Mail flows, with trouble: {said}; {} failed for good.", percent(failure)))
    } else {
        ("good", format!("Mail flows: {said}."))
    }
}

fn count(number: u64, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

/// The traffic that the default window shows.
pub(super) const DEFAULT: Option<Direction> = Some(Traffic::DEFAULT.direction);
