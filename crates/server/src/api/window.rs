//! From a query string to a scope: the span of time, the traffic and the filters of a question.

use std::collections::HashMap;
use std::sync::Arc;

use chrono_tz::Tz;
use mailvane_analytics::{Dimension, Filters, Scope};
use mailvane_model::Time;
use mailvane_model::word::{Direction, Population};
use serde_json::{Value, json};

use super::problem::Problem;
use crate::config::distance;
use crate::live::view::{Shared, View};
use crate::pipeline::span;

/// The parameters that every windowed route takes.
const COMMON: &[&str] = &[
    "since",
    "until",
    "time_zone",
    "population",
    "direction",
    "clock",
    "provider",
    "domain",
    "sender_domain",
    "sender",
    "relay",
    "instance",
    "reason",
    "client",
    "user",
];
/// Windows from this length on begin at an hour, so that sums kept by the hour answer them.
const LONG: i64 = 48 * Time::HOUR;

/// A question's query string.
pub(super) type Query = HashMap<String, String>;

/// A question about a window.
pub(super) struct Question {
    /// The daemon's state that answers it.
    pub(super) view: Arc<View>,
    /// The window.
    pub(super) scope: Scope,
    /// The zone in which days are cut and sentences written.
    pub(super) zone: Tz,
    /// The time it was asked.
    pub(super) now: Time,
    query: Query,
}

/// The view, or "not ready".
pub(super) fn view(shared: &Shared) -> Result<Arc<View>, Problem> {
    shared.view().ok_or_else(|| Problem::not_ready("the store is being opened").hint("ask again in a second"))
}

/// Refuses parameters that the route does not know.
pub(super) fn known(query: &Query, own: &[&str], common: bool) -> Result<(), Problem> {
    let names: Vec<&str> = own.iter().chain(if common { COMMON } else { &[] }).copied().collect();
    match query.keys().find(|key| !names.contains(&key.as_str())) {
        None => Ok(()),
        Some(unknown) => {
            let nearest = names.iter().min_by_key(|name| distance(unknown, name)).copied().unwrap_or("since");
            Err(Problem::bad_request(format!("unknown parameter `{unknown}`")).hint(format!("did you mean `{nearest}`?")))
        }
    }
}

impl Question {
    /// Reads a query string. `own` are the route's further parameters, `direction` its default.
    pub(super) fn read(shared: &Shared, query: Query, own: &[&str], direction: Option<Direction>) -> Result<Self, Problem> {
        known(&query, own, true)?;
        let view = view(shared)?;
        let now = Time::from_chrono(&chrono::Utc::now());
        let zone = match query.get("time_zone").filter(|name| !name.is_empty()) {
            None => shared.about.zone,
            Some(name) => name.parse().map_err(|_| Problem::bad_request(format!("unknown time zone `{name}`")))?,
        };
        let moment = |name: &str, text: &str, from: Time| {
            span::moment(text, zone, from).map_err(|error| Problem::bad_request(format!("{name}: {error}")))
        };
        let until = moment("until", query.get("until").map_or("now", String::as_str), now)?;
        let mut since = moment("since", query.get("since").map_or("24h", String::as_str), until)?;
        if since >= until {
            return Err(Problem::bad_request("`since` is not before `until`"));
        }
        since = since.floor(if until.0 - since.0 >= LONG { Time::HOUR } else { Time::MINUTE });
        let mut scope =
            Scope { population: population(&query)?, direction: self::direction(&query, direction)?, ..Scope::between(since, until) };
        scope.by_arrival = query.get("clock").is_some_and(|clock| clock == "arrival");
        scope.filters = Filters {
            wanted: Dimension::ALL.iter().filter_map(|(name, dimension)| Some((*dimension, query.get(*name)?.clone()))).collect(),
        };
        Ok(Question { view, scope, zone, now, query })
    }

    /// A parameter of the route.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A number of the route, bounded.
    pub(super) fn number(&self, name: &str, default: usize, most: usize) -> Result<usize, Problem> {
        match self.get(name) {
            None => Ok(default),
            Some(text) => text
                .parse()
                .map(|number: usize| number.clamp(1, most))
                .map_err(|_| Problem::bad_request(format!("`{name}` is not a number"))),
        }
    }

    /// What the answer is about.
    pub(super) fn window(&self) -> Value {
        json!({
            "since": time(self.scope.since),
            "until": time(self.scope.until),
            "complete_to": self.view.complete_to.map(time),
            "population": self.scope.population.map_or("all", |population| population.word()),
            "direction": self.scope.direction.map_or("all", |direction| direction.word()),
            "clock": if self.scope.by_arrival { "arrival" } else { "event" },
            "time_zone": self.zone.name(),
        })
    }
}

fn population(query: &Query) -> Result<Option<Population>, Problem> {
    match query.get("population").map(String::as_str) {
        None => Ok(Some(Population::Ordinary)),
        Some("all") => Ok(None),
        Some(word) => Population::from_word(word).map(Some).ok_or_else(|| Problem::bad_request(format!("unknown population `{word}`"))),
    }
}

fn direction(query: &Query, default: Option<Direction>) -> Result<Option<Direction>, Problem> {
    match query.get("direction").map(String::as_str) {
        None => Ok(default),
        Some("all") => Ok(None),
        Some(word) => Direction::from_word(word).map(Some).ok_or_else(|| Problem::bad_request(format!("unknown direction `{word}`"))),
    }
}

/// A time as every answer writes it.
pub(super) fn time(time: Time) -> String {
    time.rfc3339(0)
}

/// A string, or null when it is empty.
pub(super) fn text(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { Value::from(text) }
}

/// How much of the input was understood.
pub(super) fn coverage(view: &View) -> Value {
    let counts = view.coverage.total;
    json!({
        "lines": counts.lines(),
        "recognised": counts.recognised,
        "ignored": counts.ignored,
        "unparsed": counts.unparsed,
        "understood": ratio(counts.recognised + counts.ignored, counts.lines()),
        "gaps": view.gaps.len(),
        "data_from": view.data_from.map(time),
        "data_to": view.complete_to.map(time),
    })
}

/// A share with its sample size.
pub(super) fn ratio(numerator: u64, n: u64) -> Value {
    json!({ "value": (n > 0).then(|| numerator as f64 / n as f64), "numerator": numerator, "n": n })
}
