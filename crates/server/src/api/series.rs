//! `/series`: metrics over time, as a whole or by group.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use chrono::{Days, NaiveDate, Offset, TimeZone};
use chrono_tz::Tz;
use mailvane_analytics::figures::{AtDoor, OTHER, Step, breakdown, series, series_by};
use mailvane_analytics::{Dimension, Scope};
use mailvane_metric::{Cell, Door, Figure, Figures, Rate, Rates, Spread};
use mailvane_model::Time;
use serde_json::{Value, json};

use super::breakdown::{dimension, label};
use super::context::Context;
use super::figures::{self, count, spread};
use super::json::moment;
use super::problem::Problem;
use super::question::{Question, wrong_word};
use super::reader::Reader;
use super::window::{FIGURES, WINDOW, Window, key_word};
use super::{Api, now};
use crate::live::view::View;

/// Steps that are chosen by themselves, in seconds: as many as fit into [`AUTO_STEPS`].
const STEPS: &[i64] = &[60, 300, 900, 3600, 10_800, 21_600, DAY, 7 * DAY, 28 * DAY, 91 * DAY, 364 * DAY];
const DAY: i64 = 86_400;
/// The most steps that are chosen by themselves.
const AUTO_STEPS: i64 = 200;
/// The most steps of one answer.
const STEPS_MAX: i64 = 3000;
/// Groups by default, and at most.
const LIMIT: (usize, usize) = (8, 20);

/// What is asked.
pub(crate) struct Asked {
    metrics: Vec<Metric>,
    by: Option<Dimension>,
    limit: usize,
    /// Mail and time.
    pub(crate) window: Window,
    step: i64,
    /// Whether what is usual and what happened meanwhile is wanted.
    context: bool,
}

/// The parameters of a series, without those of the window.
pub(crate) const ASKED: &[&str] = &["clock", "metric", "by", "limit", "step", "context"];

impl Asked {
    /// Reads it, for somebody.
    pub(crate) fn read(question: &Question, reader: &Reader) -> Result<Self, Problem> {
        let metrics = metrics(question.get("metric"))?;
        let by = question.get("by").map(dimension).transpose()?;
        let limit = question.limit(LIMIT.0, LIMIT.1)?;
        let window = Window::read(question, FIGURES, reader, now())?;
        let step = step(question.get("step").unwrap_or("auto"), &window)?;
        let context = question.word("context", &[("yes", true), ("no", false)], false)?;
        Ok(Asked { metrics, by, limit, window, step, context })
    }
}

/// One line: a metric of a group, or of everything.
pub(crate) struct Drawn {
    /// The metric.
    pub(crate) metric: Metric,
    key: Value,
    /// What people call it.
    pub(crate) label: String,
    /// A value for each step; none where it is not known.
    values: Vec<Option<Sampled>>,
}

impl Drawn {
    /// The values alone.
    pub(crate) fn values(&self) -> impl Iterator<Item = Option<f64>> {
        self.values.iter().map(|value| value.and_then(|value| value.value))
    }
}

/// The answer: the same for the page and for the pictures.
pub(crate) struct Answer {
    /// The start of each step, and the end of the last one.
    pub(crate) borders: Vec<Time>,
    /// The width of a step in seconds.
    pub(crate) step: i64,
    /// The lines.
    pub(crate) lines: Vec<Drawn>,
    /// What is usual, and what happened meanwhile.
    pub(crate) context: Option<Context>,
}

/// `/series`.
pub(crate) async fn get(State(api): State<Arc<Api>>, reader: Reader, uri: Uri) -> Result<Json<Value>, Problem> {
    let question = Question::read(&uri, &[WINDOW, ASKED])?;
    let asked = Asked::read(&question, &reader)?;
    let here = Arc::clone(&api);
    api.answer(move |view, _| {
        let answer = answer(&here, view, &asked)?;
        Ok(write(&answer, &asked, view))
    })
    .await
}

/// Works it out.
pub(crate) fn answer(api: &Api, view: &View, asked: &Asked) -> Result<Answer, Problem> {
    let window = &asked.window;
    let borders = borders(&window.scope, window.zone, asked.step);
    let mut groups = Vec::new();
    let door = if asked.metrics.iter().any(|metric| metric.is_at_door()) { AtDoor::Counted } else { AtDoor::Left };
    let total = series(&view.snapshot, &window.scope, door, &borders)?;
    match asked.by {
        None => groups.push((Value::Null, None, total)),
        Some(by) => grouped(view, asked, (by, door), &borders, total, &mut groups)?,
    }
    let known = |start: Time| view.complete_to.is_some_and(|complete| start <= complete);
    let mut lines = Vec::new();
    for (key, name, steps) in &groups {
        for metric in &asked.metrics {
            let values = steps.iter().map(|step| known(step.start).then(|| metric.of(&step.cell, &window.scope))).collect();
            let label = name.clone().unwrap_or_else(|| metric.word.replace('_', " "));
            lines.push(Drawn { metric: *metric, key: key.clone(), label, values });
        }
    }
    let figures: Vec<_> = asked.metrics.iter().filter_map(|metric| Some((metric.word, metric.figure()?))).collect();
    let context = asked.context.then(|| Context::of(api, &window.scope, &borders, &figures, asked.by.is_none())).transpose()?;
    Ok(Answer { borders, step: asked.step, lines, context })
}

fn write(answer: &Answer, asked: &Asked, view: &View) -> Value {
    let line = |line: &Drawn| {
        json!({
            "metric": line.metric.word,
            "key": line.key,
            "label": line.label,
            "unit": line.metric.unit,
            "values": line.values().collect::<Vec<_>>(),
            "n": if line.metric.unit == "ratio" { json!(line.values.iter().map(|value| value.map_or(0, |value| value.n)).collect::<Vec<_>>()) } else { Value::Null },
        })
    };
    let times = &answer.borders[..answer.borders.len().saturating_sub(1)];
    json!({
        "window": asked.window.write(view.complete_to),
        "step_s": answer.step,
        "times": times.iter().map(|time| moment(*time)).collect::<Vec<Value>>(),
        "series": answer.lines.iter().map(line).collect::<Vec<_>>(),
        "context": answer.context.as_ref().map(Context::write),
    })
}

type Line = (Value, Option<String>, Vec<Step>);

/// One line for each of the largest groups, and one for the rest.
fn grouped(
    view: &View,
    asked: &Asked,
    (by, door): (Dimension, AtDoor),
    borders: &[Time],
    total: Vec<Step>,
    lines: &mut Vec<Line>,
) -> Result<(), Problem> {
    let scope = &asked.window.scope;
    if let Some(key) = scope.filters.get(by) {
        lines.push((Value::from(key_word(by, key)), Some(label(by, key)), total));
        return Ok(());
    }
    let mut keys: Vec<(u64, String)> = breakdown(&view.snapshot, scope, by)?
        .groups
        .into_iter()
        .map(|group| (count(&figures::sum(&group.cell, |traffic| scope.has(traffic)), Figure::Attempts), group.key))
        .filter(|(attempts, key)| *attempts > 0 && key != OTHER)
        .collect();
    keys.sort_by(|left, right| right.0.cmp(&left.0).then_with(|| left.1.cmp(&right.1)));
    let folded = keys.len() > asked.limit;
    keys.truncate(asked.limit);
    let keys: Vec<String> = keys.into_iter().map(|(_, key)| key).collect();
    let mut rest = total;
    for (key, steps) in keys.iter().zip(series_by(&view.snapshot, scope, door, (by, &keys), borders)?) {
        for (rest, step) in rest.iter_mut().zip(&steps) {
            rest.cell.subtract(&step.cell);
        }
        lines.push((Value::from(key_word(by, key)), Some(label(by, key)), steps));
    }
    // What has no reason succeeded: it is no group of its own.
    if folded && by != Dimension::Reason {
        lines.push((Value::from("other"), Some(label(by, OTHER)), rest));
    }
    Ok(())
}

/// A metric of the contract.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metric {
    /// Its name.
    pub(crate) word: &'static str,
    /// `count`, `ratio`, `seconds` or `bytes`.
    pub(crate) unit: &'static str,
}

/// A value with its sample size.
#[derive(Clone, Copy, Debug)]
struct Sampled {
    value: Option<f64>,
    n: u64,
}

const METRICS: &[Metric] = &[
    Metric { word: "received", unit: "count" },
    Metric { word: "delivered", unit: "count" },
    Metric { word: "relayed", unit: "count" },
    Metric { word: "bounced", unit: "count" },
    Metric { word: "hard_bounced", unit: "count" },
    Metric { word: "expired", unit: "count" },
    Metric { word: "discarded", unit: "count" },
    Metric { word: "attempts", unit: "count" },
    Metric { word: "deferred", unit: "count" },
    Metric { word: "deferred_recipients", unit: "count" },
    Metric { word: "rejected", unit: "count" },
    Metric { word: "auth_failed", unit: "count" },
    Metric { word: "bytes", unit: "bytes" },
    Metric { word: "delay_p50", unit: "seconds" },
    Metric { word: "delay_p95", unit: "seconds" },
    Metric { word: "bounce_rate", unit: "ratio" },
    Metric { word: "failure_rate", unit: "ratio" },
    Metric { word: "deferral_rate", unit: "ratio" },
    Metric { word: "acceptance_now", unit: "ratio" },
];

fn metrics(asked: Option<&str>) -> Result<Vec<Metric>, Problem> {
    let words = || METRICS.iter().map(|metric| metric.word);
    let asked = asked.ok_or_else(|| {
        Problem::bad_request("metric is missing").hint(format!("give some of {}", words().collect::<Vec<_>>().join(", ")))
    })?;
    let mut found: Vec<Metric> = Vec::new();
    for word in asked.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        let metric = METRICS.iter().find(|metric| metric.word == word).ok_or_else(|| wrong_word("metric", word, words()))?;
        if !found.iter().any(|known| known.word == word) {
            found.push(*metric);
        }
    }
    Ok(found)
}

impl Metric {
    fn of(self, cell: &Cell, scope: &Scope) -> Sampled {
        let of = figures::sum(cell, |traffic| scope.has(traffic));
        match self.unit {
            "ratio" => self.rate(&of),
            "seconds" => {
                let delays = spread(&of, Spread::Delay);
                let value = if self.word == "delay_p50" { delays.p50 } else { delays.p95 };
                Sampled { value: value.map(|value| value as f64 / 1000.0), n: delays.count }
            }
            _ => Sampled { value: Some(self.count(&of, cell) as f64), n: 0 },
        }
    }

    fn rate(self, of: &Figures) -> Sampled {
        let rates = Rates::of(of);
        let rate: Rate = match self.word {
            "bounce_rate" => rates.bounce,
            "failure_rate" => rates.failure,
            "deferral_rate" => rates.deferral,
            _ => rates.acceptance,
        };
        Sampled { value: rate.value(), n: rate.of }
    }

    /// Whether it counts what happened at our door.
    fn is_at_door(self) -> bool {
        matches!(self.word, "rejected" | "auth_failed")
    }

    fn count(self, of: &Figures, cell: &Cell) -> u64 {
        match self.word {
            "rejected" => (cell.door(Door::Rejected) + cell.door(Door::RejectedTemporarily)).max(0) as u64,
            "auth_failed" => cell.door(Door::AuthFailed).max(0) as u64,
            _ => self.figure().map_or(0, |figure| count(of, figure)),
        }
    }

    /// The figure of mail that is counted; none for shares, times and what is counted at the door.
    fn figure(self) -> Option<Figure> {
        Some(match self.word {
            "received" => Figure::Received,
            "delivered" => Figure::Delivered,
            "relayed" => Figure::Relayed,
            "bounced" => Figure::Bounced,
            "hard_bounced" => Figure::BouncedHard,
            "expired" => Figure::Expired,
            "discarded" => Figure::Discarded,
            "attempts" => Figure::Attempts,
            "deferred" => Figure::DeferredAttempts,
            "deferred_recipients" => Figure::RecipientsDeferred,
            "bytes" => Figure::DeliveredBytes,
            _ => return None,
        })
    }
}

/// The width of a step in seconds.
fn step(text: &str, window: &Window) -> Result<i64, Problem> {
    let seconds = (window.scope.until.0 - window.scope.since.0) / Time::SECOND;
    if text == "auto" {
        return Ok(STEPS.iter().copied().find(|step| seconds / step < AUTO_STEPS).unwrap_or((seconds / AUTO_STEPS / DAY + 1) * DAY));
    }
    let step = text.parse::<i64>().ok().filter(|step| *step >= 60 && (step % DAY == 0 || DAY % step == 0) && step % 60 == 0);
    let step = step.ok_or_else(|| {
        Problem::bad_request(format!("step: `{text}` cannot be used"))
            .hint("give auto, or seconds that divide a day into whole minutes (60, 900, 3600), or whole days (86400)")
    })?;
    if seconds / step >= STEPS_MAX {
        return Err(
            Problem::bad_request(format!("step: {step} seconds make more than {STEPS_MAX} steps")).hint("give a wider step, or auto")
        );
    }
    Ok(step)
}

/// Where steps begin, and where the last one ends. Days are those of the reader's zone; shorter steps begin at round local times.
fn borders(scope: &Scope, zone: Tz, step: i64) -> Vec<Time> {
    let width = step * Time::SECOND;
    let mut found = Vec::new();
    if step % DAY == 0 {
        let mut day = scope.since.to_chrono().with_timezone(&zone).date_naive();
        let days = Days::new((step / DAY) as u64);
        loop {
            let start = midnight(day, zone);
            found.push(start);
            let next = day.checked_add_days(days).filter(|next| *next > day);
            match next {
                Some(next) if start < scope.until => day = next,
                _ => return found,
            }
        }
    }
    let offset = i64::from(zone.offset_from_utc_datetime(&scope.since.to_chrono().naive_utc()).fix().local_minus_utc()) * Time::SECOND;
    // Zones of old times have odd seconds: steps stay on whole minutes.
    let offset = offset - offset % Time::MINUTE;
    let mut at = scope.since.plus(offset).floor(width).plus(-offset);
    while at < scope.until {
        found.push(at);
        at = at.plus(width);
    }
    found.push(at);
    found
}

/// The first moment of a local day.
fn midnight(day: NaiveDate, zone: Tz) -> Time {
    let at = |hour| day.and_hms_opt(hour, 0, 0).and_then(|local| zone.from_local_datetime(&local).earliest());
    // Daylight saving begins at midnight in some zones: the day begins at one o'clock there.
    at(0)
        .or_else(|| at(1))
        .map_or_else(|| Time::from_seconds(day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp()), |start| Time::from_chrono(&start))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(1_793_611_837_000_000); // 2026-11-02T09:30:37Z

    fn window(query: &str) -> Window {
        let question = Question::read(&format!("/x?{query}").parse().expect("address"), &[WINDOW]).expect("known");
        Window::read(&question, FIGURES, &Reader::of_all(), NOW).expect("window")
    }

    fn starts(query: &str, wanted: &str) -> Vec<String> {
        let window = window(query);
        let step = step(wanted, &window).expect("step");
        borders(&window.scope, window.zone, step).iter().map(|time| time.rfc3339(0)).collect()
    }

    #[test]
    fn days_are_cut_in_the_readers_zone_over_the_change_of_the_clocks() {
        let days = starts("since=2026-10-24T12:00:00Z&until=2026-10-26T12:00:00Z&time_zone=Europe/Berlin", "86400");
        assert_eq!(days, ["2026-10-23T22:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", "2026-10-26T23:00:00Z"]);
    }

    #[test]
    fn short_steps_begin_at_round_local_times_and_cover_the_window() {
        let steps = starts("since=2h&time_zone=Asia/Kolkata", "3600");
        assert_eq!(steps, ["2026-11-02T07:30:00Z", "2026-11-02T08:30:00Z", "2026-11-02T09:30:00Z", "2026-11-02T10:30:00Z"]);
    }

    #[test]
    fn auto_makes_at_most_two_hundred_steps_of_any_window() {
        for since in ["10m", "1h", "6h", "24h", "7d", "30d", "90d", "999d", "2000-01-01T00:00:00Z", "1970-01-01T00:00:00Z"] {
            let steps = starts(&format!("since={since}"), "auto").len();
            assert!((2..=203).contains(&steps), "{since}: {steps}");
        }
    }

    #[test]
    fn odd_steps_and_metrics_are_refused() {
        for text in ["59", "61", "7000", "0", "-60", "soon"] {
            assert!(step(text, &window("")).is_err(), "{text}");
        }
        assert!(step("60", &window("since=999d")).is_err());
        assert!(metrics(Some("delivered,opened")).is_err());
        assert!(metrics(None).is_err());
        assert_eq!(metrics(Some("delivered, bounced,delivered")).expect("known").len(), 2);
    }
}
