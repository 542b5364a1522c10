//! Which mail and which time an answer is about: the parameters that most routes share.

use chrono_tz::Tz;
use mailvane_analytics::{Dimension, Filters, Scope};
use mailvane_model::Time;
use mailvane_model::word::{Direction, Population, Reason};
use serde_json::{Value, json};

use super::json::{moment, optional_moment};
use super::problem::Problem;
use super::question::{Question, wrong_word};
use super::reader::Reader;
use crate::pipeline::span;

/// The parameters read here, without the clock.
pub(crate) const WINDOW: &[&str] = &[
    "since",
    "until",
    "time_zone",
    "population",
    "direction",
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
/// Windows from this length on begin at a whole hour, those from an hour on at a whole minute, so that rollups can answer.
const WHOLE_HOURS_FROM: i64 = 48 * Time::HOUR;
/// A filter for "there is none": mail for which no host was reached has no provider.
pub(crate) const NONE: &str = "none";

const POPULATIONS: &[(&str, Option<Population>)] = &[
    ("ordinary", Some(Population::Ordinary)),
    ("notification", Some(Population::Notification)),
    ("probe", Some(Population::Probe)),
    ("own", Some(Population::Own)),
    ("all", None),
];

const DIRECTIONS: &[(&str, Option<Direction>)] = &[
    ("outbound", Some(Direction::Outbound)),
    ("inbound", Some(Direction::Inbound)),
    ("forwarded", Some(Direction::Forwarded)),
    ("local", Some(Direction::Local)),
    ("mixed", Some(Direction::Mixed)),
    ("unknown", Some(Direction::Unknown)),
    ("all", None),
];

/// What holds where a parameter is not given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Defaults {
    /// A span before the end.
    pub(crate) since: &'static str,
    /// The population.
    pub(crate) population: Option<Population>,
    /// The direction.
    pub(crate) direction: Option<Direction>,
}

/// Figures: the default population of every number.
pub(crate) const FIGURES: Defaults =
    Defaults { since: "24h", population: Some(Population::Ordinary), direction: Some(Direction::Outbound) };
/// Lists: everything of a week.
pub(crate) const LISTS: Defaults = Defaults { since: "7d", population: None, direction: None };

/// What an answer is about.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    /// Time, traffic and filters.
    pub(crate) scope: Scope,
    /// The reader's zone.
    pub(crate) zone: Tz,
    /// The moment of the question.
    pub(crate) now: Time,
}

impl Window {
    /// Reads it, for somebody: nothing outside of what he may see is in it.
    pub(crate) fn read(question: &Question, defaults: Defaults, reader: &Reader, now: Time) -> Result<Self, Problem> {
        let zone = read_zone(question, reader.zone)?;
        let until = bound(question, "until", "now", zone, now)?;
        let since = bound(question, "since", defaults.since, zone, until)?;
        if since >= until {
            return Err(Problem::bad_request("since is not before until: nothing can lie between them"));
        }
        let scope = Scope {
            since: whole(since, until),
            until,
            population: question.word("population", POPULATIONS, defaults.population)?,
            direction: question.word("direction", DIRECTIONS, defaults.direction)?,
            by_arrival: question.word("clock", &[("event", false), ("arrival", true)], false)?,
            filters: filters(question, reader)?,
        };
        Ok(Window { scope, zone, now })
    }

    /// As it stands in answers.
    pub(crate) fn write(&self, complete_to: Option<Time>) -> Value {
        let scope = &self.scope;
        json!({
            "since": moment(scope.since),
            "until": moment(scope.until),
            "complete_to": optional_moment(complete_to),
            "population": scope.population.map_or("all", Population::word),
            "direction": scope.direction.map_or("all", Direction::word),
            "clock": if scope.by_arrival { "arrival" } else { "event" },
            "time_zone": self.zone.name(),
        })
    }
}

/// The zone that is asked for, else the machine's.
pub(crate) fn read_zone(question: &Question, zone: Tz) -> Result<Tz, Problem> {
    let Some(name) = question.get("time_zone") else { return Ok(zone) };
    span::zone(Some(name))
        .map_err(|_| Problem::bad_request(format!("time_zone: `{name}` is not known")).hint("use a name such as Europe/Berlin"))
}

fn bound(question: &Question, name: &str, default: &str, zone: Tz, now: Time) -> Result<Time, Problem> {
    let text = question.get(name).unwrap_or(default);
    span::moment(text, zone, now).map_err(|_| {
        Problem::bad_request(format!("{name}: `{text}` is neither a time nor a span"))
            .hint("give RFC 3339 (2026-03-01T00:00:00Z) or a span such as 24h")
    })
}

fn whole(since: Time, until: Time) -> Time {
    match until.0.saturating_sub(since.0) {
        length if length >= WHOLE_HOURS_FROM => since.floor(Time::HOUR),
        length if length >= Time::HOUR => since.floor(Time::MINUTE),
        _ => since,
    }
}

/// Dimensions whose value may be absent.
fn may_be_none(dimension: Dimension) -> bool {
    matches!(dimension, Dimension::Provider | Dimension::Domain | Dimension::SenderDomain | Dimension::Relay | Dimension::Client)
}

/// The key of a group as the API writes it.
pub(crate) fn key_word(by: Dimension, key: &str) -> &str {
    match key {
        "" if may_be_none(by) => NONE,
        mailvane_analytics::figures::OTHER => "other",
        key => key,
    }
}

fn filters(question: &Question, reader: &Reader) -> Result<Filters, Problem> {
    let mut wanted = Vec::new();
    for (name, dimension) in Dimension::ALL {
        let Some(value) = question.get(name) else { continue };
        if *dimension == Dimension::Reason && Reason::from_word(value).is_none() {
            return Err(wrong_word(name, value, Reason::ALL.iter().map(|reason| reason.word())));
        }
        let value = match dimension {
            _ if value == NONE && may_be_none(*dimension) => String::new(),
            Dimension::Domain | Dimension::SenderDomain => value.to_lowercase(),
            _ => value.to_owned(),
        };
        wanted.push((*dimension, value));
    }
    Ok(Filters { wanted, within: reader.within().cloned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(1_793_611_837_000_000); // 2026-11-02T09:30:37Z

    fn read(query: &str) -> Result<Window, Problem> {
        let question = Question::read(&format!("/x?{query}").parse().expect("address"), &[WINDOW, &["clock"]])?;
        Window::read(&question, FIGURES, &Reader::of_all(), NOW)
    }

    #[test]
    fn defaults_are_the_default_population_of_the_last_day() {
        let window = read("").expect("defaults");
        assert_eq!(window.write(None)["since"], "2026-11-01T09:30:00Z");
        assert_eq!(window.write(None)["until"], "2026-11-02T09:30:37Z");
        assert_eq!(window.write(None)["direction"], "outbound");
        assert_eq!(window.write(None)["population"], "ordinary");
    }

    #[test]
    fn long_windows_begin_at_a_whole_hour_and_spans_count_back_from_the_end() {
        assert_eq!(read("since=7d").expect("span").scope.since.rfc3339(0), "2026-10-26T09:00:00Z");
        let window = read("since=30m&until=2026-11-01T00:00:00Z").expect("span");
        assert_eq!(window.scope.since.rfc3339(0), "2026-10-31T23:30:00Z");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for query in [
            "since=yesteryear",
            "until=later",
            "since=2026-11-02T10:00:00Z",
            "population=some",
            "direction=up",
            "clock=x",
            "time_zone=Mars/Base",
            "reason=bad_mood",
        ] {
            assert!(read(query).is_err(), "{query}");
        }
    }

    #[test]
    fn no_provider_can_be_asked_for() {
        let window = read("provider=none&domain=Example.ORG&sender=none").expect("filters");
        assert_eq!(window.scope.filters.get(Dimension::Provider), Some(""));
        assert_eq!(window.scope.filters.get(Dimension::Domain), Some("example.org"));
        assert_eq!(window.scope.filters.get(Dimension::Sender), Some("none"));
        assert_eq!(key_word(Dimension::Provider, ""), NONE);
    }
}
