//! `/queue/live`: the queue as the mail server of this host lists it, how it has been, and how fast it drains.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use mailvane_alert::input::QueueSample;
use mailvane_model::Time;
use serde_json::{Value, json};

use super::Api;
use super::json::{moment, optional_moment};
use super::problem::Problem;
use super::question::Question;
use super::reader::Reader;
use crate::command::queue::json as listed;

/// How far back the drain rate looks.
const DRAIN: i64 = 30 * Time::MINUTE;
/// Points of the history.
const POINTS: usize = 300;

/// How many recipients fewer there are each second, over the last half hour; negative while it grows.
fn drain(history: &[(Time, QueueSample)]) -> Option<f64> {
    let last = history.last()?;
    let first = history.iter().find(|look| look.0 >= last.0.plus(-DRAIN))?;
    let seconds = (last.0.0 - first.0.0) as f64 / Time::SECOND as f64;
    (seconds >= 60.0).then(|| (first.1.recipients as f64 - last.1.recipients as f64) / seconds)
}

/// `GET /queue/live`.
pub(crate) async fn get(State(api): State<Arc<Api>>, _: Reader, uri: Uri) -> Result<Json<Value>, Problem> {
    Question::read(&uri, &[])?;
    let live = Arc::clone(&api.board.state().queue);
    let rate = drain(&live.history);
    let now = live.history.last().map_or(0, |look| look.1.recipients);
    let empty_in = rate.filter(|rate| *rate > 0.0 && now > 0).map(|rate| (now as f64 / rate).round());
    let every = live.history.len().div_ceil(POINTS).max(1);
    let point = |(time, sample): &(Time, QueueSample)| json!({"time": moment(*time), "deferred": sample.deferred, "active": sample.active, "held": sample.held, "recipients": sample.recipients});
    Ok(Json(json!({
        "as_of": optional_moment(live.look.as_ref().map(|look| look.0)),
        "problem": live.problem,
        "listed": live.look.as_ref().map(|(_, look)| listed(look)),
        "drain_per_s": rate,
        "empty_in_s": empty_in,
        "history": live.history.iter().rev().step_by(every).map(point).rev().collect::<Vec<_>>(),
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drains_and_what_grows_is_told_from_half_an_hour() {
        let look = |minute: i64, recipients: u64| (Time(minute * Time::MINUTE), QueueSample { recipients, ..QueueSample::default() });
        assert_eq!(drain(&[]), None);
        assert_eq!(drain(&[look(0, 5)]), None);
        assert_eq!(drain(&[look(0, 9_999), look(60, 700), look(70, 100)]), Some(1.0));
        assert_eq!(drain(&[look(0, 0), look(10, 600)]), Some(-1.0));
    }
}
