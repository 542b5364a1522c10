//! `GET /series`: metrics over time.

use mailvane_analytics::{Dimension, Scope, figures as analytics};
use mailvane_metric::{Cell, Door, Figure, Rates, Spread};
use mailvane_model::Time;
use serde_json::{Value, json};

use super::figures;
use super::problem::Problem;
use super::window::{Question, time};
use crate::command::report::offset_minutes;

/// Steps of `auto`, at most.
const STEPS: i64 = 200;
/// Steps of any answer, at most.
const MOST_STEPS: i64 = 5_000;
/// Widths that `auto` chooses from, in minutes.
const WIDTHS: [i64; 11] = [1, 5, 15, 30, 60, 120, 360, 720, 1440, 2880, 10080];

/// Answers.
pub(super) fn answer(question: &Question) -> Result<Value, Problem> {
    let metrics: Vec<&str> = question.get("metric").unwrap_or("delivered").split(',').collect();
    if let Some(unknown) = metrics.iter().find(|metric| unit(metric).is_none()) {
        return Err(Problem::bad_request(format!("unknown metric `{unknown}`")));
    }
    let width = width(question)?;
    let borders = borders(question, width);
    let internal = |error| Problem::internal(&error);
    let scope = &question.scope;
    let mut lines = Vec::new();
    match question.get("by") {
        None => {
            let steps = analytics::series(&question.view.snapshot, scope, &borders).map_err(internal)?;
            lines.extend(metrics.iter().map(|metric| line(metric, None, &steps, scope)));
        }
        Some(by) => {
            let by = Dimension::from_word(by).ok_or_else(|| Problem::bad_request(format!("cannot split by `{by}`")))?;
            for key in top(question, by)? {
                let mut part = scope.clone();
                part.filters.wanted.push((by, key.clone()));
                let steps = analytics::series(&question.view.snapshot, &part, &borders).map_err(internal)?;
                lines.extend(metrics.iter().map(|metric| line(metric, Some(&key), &steps, &part)));
            }
        }
    }
    let times: Vec<String> = borders[..borders.len().saturating_sub(1)].iter().map(|border| time(*border)).collect();
    Ok(json!({ "window": question.window(), "step_s": width / Time::SECOND, "times": times, "series": lines }))
}

fn top(question: &Question, by: Dimension) -> Result<Vec<String>, Problem> {
    let limit = question.number("limit", 8, 20)?;
    let found = analytics::breakdown(&question.view.snapshot, &question.scope, by).map_err(|error| Problem::internal(&error))?;
    let mut groups: Vec<(i64, String)> =
        found.groups.into_iter().map(|group| (figures::merged(&group.cell, &question.scope).get(Figure::Attempts), group.key)).collect();
    groups.sort_by(|left, right| (right.0, &left.1).cmp(&(left.0, &right.1)));
    Ok(groups.into_iter().take(limit).map(|group| group.1).collect())
}

fn width(question: &Question) -> Result<i64, Problem> {
    let span = question.scope.until.0 - question.scope.since.0;
    match question.get("step") {
        None | Some("auto") => {
            Ok(WIDTHS.iter().map(|minutes| minutes * Time::MINUTE).find(|width| span / width <= STEPS).unwrap_or(7 * Time::DAY))
        }
        Some(text) => {
            let seconds: i64 = text.parse().map_err(|_| Problem::bad_request("`step` is neither a number of seconds nor `auto`"))?;
            let width = seconds.max(60) * Time::SECOND;
            if span / width > MOST_STEPS {
                return Err(Problem::bad_request("too many steps").hint("ask for a wider `step` or a shorter window"));
            }
            Ok(width)
        }
    }
}

/// Where steps begin; those of hours and more are cut in the reader's zone.
fn borders(question: &Question, width: i64) -> Vec<Time> {
    let zone = question.zone;
    let local = |time: Time| i64::from(offset_minutes(zone, time)) * Time::MINUTE;
    let since = question.scope.since;
    let mut border = Time((since.0 + local(since)).div_euclid(width) * width - local(since));
    let mut borders = Vec::new();
    while border < question.scope.until && borders.len() <= MOST_STEPS as usize {
        borders.push(border);
        let next = border.plus(width);
        // A day with a change of the clock is an hour shorter or longer.
        border = if width >= Time::DAY { next.plus(local(border) - local(next)) } else { next };
    }
    borders.push(border);
    borders
}

fn unit(metric: &str) -> Option<&'static str> {
    Some(match metric {
        "bytes" => "bytes",
        "delay_p50" | "delay_p95" => "seconds",
        "bounce_rate" | "failure_rate" | "deferral_rate" | "acceptance_now" => "ratio",
        "received"
        | "delivered"
        | "relayed"
        | "bounced"
        | "hard_bounced"
        | "expired"
        | "discarded"
        | "attempts"
        | "deferred"
        | "deferred_recipients"
        | "rejected"
        | "auth_failed" => "count",
        _ => return None,
    })
}

fn line(metric: &str, key: Option<&str>, steps: &[analytics::Step], scope: &Scope) -> Value {
    let values: Vec<(Value, u64)> = steps.iter().map(|step| value(metric, &step.cell, scope)).collect();
    let unit = unit(metric).unwrap_or("count");
    let samples = (unit == "ratio").then(|| values.iter().map(|value| value.1).collect::<Vec<u64>>());
    let label = key.map_or_else(|| metric.replace('_', " "), str::to_owned);
    json!({ "metric": metric, "key": key, "label": label, "unit": unit, "values": values.into_iter().map(|value| value.0).collect::<Vec<_>>(), "n": samples })
}

fn value(metric: &str, cell: &Cell, scope: &Scope) -> (Value, u64) {
    let figures = figures::merged(cell, scope);
    let count = |figure| (Value::from(figures.get(figure).max(0)), 0);
    let rate = |rate: mailvane_metric::Rate| (rate.value().map_or(Value::Null, Value::from), rate.of);
    let quantile = |share| {
        let found = figures.spread(Spread::Delay).and_then(|histogram| histogram.quantile(share));
        (found.map_or(Value::Null, |value| Value::from(value as f64 / 1000.0)), 0)
    };
    let rates = Rates::of(&figures);
    match metric {
        "received" => count(Figure::Received),
        "delivered" => count(Figure::Delivered),
        "relayed" => count(Figure::Relayed),
        "bounced" => count(Figure::Bounced),
        "hard_bounced" => count(Figure::BouncedHard),
        "expired" => count(Figure::Expired),
        "discarded" => count(Figure::Discarded),
        "attempts" => count(Figure::Attempts),
        "deferred" => count(Figure::DeferredAttempts),
        "deferred_recipients" => count(Figure::RecipientsDeferred),
        "bytes" => count(Figure::DeliveredBytes),
        "rejected" => (Value::from((cell.door(Door::Rejected) + cell.door(Door::RejectedTemporarily)).max(0)), 0),
        "auth_failed" => (Value::from(cell.door(Door::AuthFailed).max(0)), 0),
        "delay_p50" => quantile(0.5),
        "delay_p95" => quantile(0.95),
        "bounce_rate" => rate(rates.bounce),
        "failure_rate" => rate(rates.failure),
        "deferral_rate" => rate(rates.deferral),
        _ => rate(rates.acceptance),
    }
}
