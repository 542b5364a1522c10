//! `/queue/live`: the queue as the mail server of this host lists it, how it has been, and how fast it drains.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use mailvane_alert::input::QueueSample;
use mailvane_analytics::figures::breakdown;
use mailvane_analytics::{Dimension, Scope};
use mailvane_metric::{Rate, Rates, drain};
use mailvane_model::Time;
use mailvane_model::word::Population;
use serde_json::{Value, json};

use super::json::{moment, optional_moment, ratio};
use super::problem::Problem;
use super::question::Question;
use super::reader::Reader;
use super::{Api, figures};
use crate::alerting::board::LiveQueue;
use crate::command::queue::json as listed;
use crate::live::view::View;
use crate::queue::depths::Depths;

/// How far back the drain rate looks.
const DRAIN: i64 = 30 * Time::MINUTE;
/// What is accepted "now" is of so much time.
const PRESENT: i64 = Time::HOUR;
/// Destinations of the forecast.
const FORECAST: usize = 20;
/// Points of the history.
const POINTS: usize = 300;

/// How many recipients fewer there are each second, over the last half hour; negative while it grows.
fn rate(history: &[(Time, QueueSample)]) -> Option<f64> {
    let last = history.last()?;
    let first = history.iter().find(|look| look.0 >= last.0.plus(-DRAIN))?;
    let look = |look: &(Time, QueueSample)| (look.0, look.1.recipients as i64);
    drain::per_second(look(first), look(last))
}

/// `GET /queue/live`.
pub(crate) async fn get(State(api): State<Arc<Api>>, _: Reader, uri: Uri) -> Result<Json<Value>, Problem> {
    Question::read(&uri, &[])?;
    let live = Arc::clone(&api.board.state().queue);
    api.answer(move |view, _| answer(view, &live)).await
}

fn answer(view: &View, live: &LiveQueue) -> Result<Value, Problem> {
    let every = live.history.len().div_ceil(POINTS).max(1);
    let point = |(time, sample): &(Time, QueueSample)| json!({"time": moment(*time), "deferred": sample.deferred, "active": sample.active, "held": sample.held, "recipients": sample.recipients});
    let mut answer = outlook(view, live)?;
    for (name, part) in [
        ("as_of", optional_moment(live.look.as_ref().map(|look| look.0))),
        ("problem", json!(live.problem)),
        ("listed", json!(live.look.as_ref().map(|(_, look)| listed(look)))),
        ("history", json!(live.history.iter().rev().step_by(every).map(point).rev().collect::<Vec<_>>())),
    ] {
        answer[name] = part;
    }
    Ok(answer)
}

/// How the queue drains, and what will come back.
pub(crate) fn outlook(view: &View, live: &LiveQueue) -> Result<Value, Problem> {
    let rate = rate(&live.history);
    let now = live.history.last().map_or(0, |look| look.1.recipients);
    let empty_in = rate.and_then(|rate| drain::seconds_left(now as i64, rate)).map(f64::round);
    let forecast = live.look.as_ref().map_or_else(|| Ok(Vec::new()), |(time, look)| forecast(view, *time, &look.depths))?;
    Ok(json!({"drain_per_s": rate, "empty_in_s": empty_in, "forecast": forecast}))
}

/// Where most messages expire within a day: how many, what share of recipients is accepted there now, and how many come back if that stays.
fn forecast(view: &View, time: Time, depths: &Depths) -> Result<Vec<Value>, Problem> {
    let mut ending: Vec<(&str, u64)> =
        depths.destinations.iter().map(|(domain, known)| (domain.as_str(), known.expiring)).filter(|(_, expiring)| *expiring > 0).collect();
    if ending.is_empty() {
        return Ok(Vec::new());
    }
    ending.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(right.0)));
    ending.truncate(FORECAST);
    let scope = Scope { population: Some(Population::Ordinary), ..Scope::between(time.plus(-PRESENT), time) };
    let groups = breakdown(&view.snapshot, &scope, Dimension::Domain)?.groups;
    let accepted = |domain: &str| {
        let group = groups.iter().find(|group| group.key == domain);
        group.map_or(Rate::default(), |group| Rates::of(&figures::sum(&group.cell, |traffic| scope.has(traffic))).acceptance)
    };
    let row = |(domain, expiring): (&str, u64)| {
        let acceptance = accepted(domain);
        json!({
            "domain": domain,
            "expiring": expiring,
            "acceptance": ratio(acceptance),
            "expected": drain::expected_back(expiring, acceptance),
        })
    };
    Ok(ending.into_iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drains_and_what_grows_is_told_from_half_an_hour() {
        let look = |minute: i64, recipients: u64| (Time(minute * Time::MINUTE), QueueSample { recipients, ..QueueSample::default() });
        assert_eq!(rate(&[]), None);
        assert_eq!(rate(&[look(0, 5)]), None);
        assert_eq!(rate(&[look(0, 9_999), look(60, 700), look(70, 100)]), Some(1.0));
        assert_eq!(rate(&[look(0, 0), look(10, 600)]), Some(-1.0));
    }
}
