//! What stands behind a chart: what is usual, as the alert rules know it, and what happened meanwhile.

use std::sync::Arc;

use mailvane_alert::event::IncidentRow;
use mailvane_alert::input::Dimension as Learned;
use mailvane_alert::measure::Measure;
use mailvane_alert::series::Series;
use mailvane_analytics::{Dimension, Scope};
use mailvane_metric::Figure;
use mailvane_model::Time;
use mailvane_model::word::{Direction, Population};
use serde_json::{Value, json};

use super::Api;
use super::attention::about;
use super::json::{moment, optional_moment};
use super::problem::Problem;

/// Markers of each kind; a chart with more says nothing.
const MARKERS: usize = 60;
/// A band reaches so many standard deviations to each side: about one hour in twenty lies outside by chance.
const DEVIATIONS: f64 = 2.0;

/// What is usual of one metric.
pub(crate) struct Usual {
    metric: &'static str,
    /// The lower edge by step.
    pub(crate) low: Vec<f64>,
    /// The upper edge by step.
    pub(crate) high: Vec<f64>,
    weeks: f64,
}

/// An incident, or a change that a probe saw.
pub(crate) struct Marker {
    kind: &'static str,
    /// When it began.
    pub(crate) from: Time,
    /// When it ended; none while it goes on, and for changes.
    pub(crate) until: Option<Time>,
    title: String,
    severity: &'static str,
    page: String,
}

impl Marker {
    /// Whether it is an incident.
    pub(crate) fn is_incident(&self) -> bool {
        self.kind == "incident"
    }

    /// Whether it is an incident that somebody was woken for.
    pub(crate) fn is_page(&self) -> bool {
        self.is_incident() && self.severity == "page"
    }
}

/// Both.
pub(crate) struct Context {
    /// Bands, of metrics of which something was learned.
    pub(crate) usual: Vec<Usual>,
    /// Markers, the latest first.
    pub(crate) markers: Vec<Marker>,
}

impl Context {
    /// Of a scope in steps. Whoever may see some domains only sees none of it: it is about the whole server.
    pub(crate) fn of(api: &Api, scope: &Scope, borders: &[Time], metrics: &[(&'static str, Figure)], whole: bool) -> Result<Self, Problem> {
        let mut context = Context { usual: Vec::new(), markers: Vec::new() };
        if scope.filters.within.is_some() {
            return Ok(context);
        }
        if whole {
            context.usual = metrics.iter().filter_map(|(word, figure)| usual(api, scope, borders, word, *figure)).collect();
        }
        context.incidents(api, scope)?;
        context.changes(api, scope)?;
        Ok(context)
    }

    fn incidents(&mut self, api: &Api, scope: &Scope) -> Result<(), Problem> {
        let kept = api.board.kept.incidents(scope.since, scope.until, MARKERS).map_err(|error| Problem::internal(&error))?;
        for incident in kept {
            let row: IncidentRow = serde_json::from_slice(&incident.value).map_err(|error| Problem::internal(&error))?;
            if row.part_of.is_some() {
                continue;
            }
            self.markers.push(Marker {
                kind: "incident",
                from: incident.began,
                until: incident.ended,
                title: format!("{}{}", row.title, about(&row.group)),
                severity: row.severity.word(),
                page: if incident.ended.is_some() { "/alerts/history" } else { "/alerts" }.to_owned(),
            });
        }
        Ok(())
    }

    fn changes(&mut self, api: &Api, scope: &Scope) -> Result<(), Problem> {
        let Some(board) = api.shared.probes.get() else { return Ok(()) };
        let changes = board.changes(None, scope.since, scope.until, MARKERS).map_err(|error| Problem::internal(&format!("{error:#}")))?;
        self.markers.extend(changes.into_iter().map(|(_, change)| Marker {
            kind: "change",
            from: change.time,
            until: None,
            severity: if change.after.is_bad() { "ticket" } else { "info" },
            title: change.sentence(),
            page: "/probes".to_owned(),
        }));
        Ok(())
    }

    /// As it stands in answers.
    pub(crate) fn write(&self) -> Value {
        let edge = |values: &[f64]| values.iter().map(|value| value.is_finite().then(|| (value * 10.0).round() / 10.0)).collect::<Vec<_>>();
        let usual = |usual: &Usual| json!({"metric": usual.metric, "low": edge(&usual.low), "high": edge(&usual.high), "weeks": (usual.weeks * 10.0).round() / 10.0});
        let marker = |marker: &Marker| {
            json!({
                "kind": marker.kind,
                "since": moment(marker.from),
                "until": optional_moment(marker.until),
                "title": marker.title,
                "severity": marker.severity,
                "page": marker.page,
            })
        };
        json!({"usual": self.usual.iter().map(usual).collect::<Vec<_>>(), "markers": self.markers.iter().map(marker).collect::<Vec<_>>()})
    }
}

/// What the rules expect of outbound mail, as a whole, of one provider, or of a sender or account with an incident. Of other mail, and of other filters, nothing was learned.
fn usual(api: &Api, scope: &Scope, borders: &[Time], metric: &'static str, figure: Figure) -> Option<Usual> {
    mailvane_alert::measure::slot(figure)?;
    let is_learned = scope.population == Some(Population::Ordinary) && scope.direction == Some(Direction::Outbound) && !scope.by_arrival;
    let (dimension, key) = match scope.filters.wanted.as_slice() {
        [] => (Learned::All, ""),
        [(Dimension::Provider, key)] => (Learned::Provider, key.as_str()),
        [(Dimension::SenderDomain, key)] => (Learned::SenderDomain, key.as_str()),
        [(Dimension::User, key)] => (Learned::User, key.as_str()),
        _ => return None,
    };
    if !is_learned {
        return None;
    }
    let usual = Arc::clone(&api.board.state().usual);
    usual.ask(dimension, key, |series| band(series, borders, metric, Measure::Figure(figure))).flatten()
}

/// The band of one series.
fn band(series: &Series, borders: &[Time], metric: &'static str, measure: Measure) -> Option<Usual> {
    let (above, below) = (series.dispersion(measure), series.dispersion_below(measure));
    let mut found = Usual { metric, low: Vec::new(), high: Vec::new(), weeks: f64::INFINITY };
    for pair in borders.windows(2) {
        // Of its first day nothing can be said.
        if pair[0] < series.first().plus(Time::DAY) {
            found.low.push(f64::NAN);
            found.high.push(f64::NAN);
            continue;
        }
        let (expected, weeks) = series.expected(measure, pair[0], pair[1]);
        found.low.push((expected - DEVIATIONS * (below * expected).sqrt()).max(0.0));
        found.high.push(expected + DEVIATIONS * (above * expected).sqrt());
        found.weeks = found.weeks.min(weeks);
    }
    found.weeks.is_finite().then_some(found)
}
