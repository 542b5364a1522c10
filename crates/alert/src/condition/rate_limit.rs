//! More than one account may send in an hour or a day; single accounts may have limits of their own.

use mailvane_metric::Figure;
use mailvane_model::Time;

use super::{Reading, Scene, Scope, Verdict, scope};
use crate::input::Dimension;
use crate::measure::Measure;
use crate::rule::read::Reader;
use crate::rule::span_words;
use crate::series::Series;

/// With limits that follow the past, nothing is said before so much of it is known.
const LEARN: i64 = 2 * Time::DAY;

/// So many times what it had in its busiest hour or day is nothing new.
const ABOVE_BUSIEST: f64 = 1.5;

/// The condition.
#[derive(Clone, Debug)]
pub struct RateLimit {
    scope: Scope,
    measure: Measure,
    per: i64,
    limit: f64,
    /// An account that was busy before may have so many times its busiest hour (or a day of such hours), and half as much again as on its
    /// busiest day; 0: no such thing.
    times_peak: f64,
    /// Pattern and limit.
    limits: Vec<(String, f64)>,
}

impl RateLimit {
    pub(crate) fn read(reader: &Reader<'_>) -> Self {
        let measure = scope::measure(reader, Some(Measure::Figure(Figure::RecipientsFirstTried)), Some(false));
        let per = reader.word("per", Some(Time::HOUR), &[("hour", Time::HOUR), ("day", Time::DAY)]).unwrap_or(Time::HOUR);
        let mut limits = Vec::new();
        if let Some(inner) = reader.inner("limits") {
            for (pattern, texts) in inner.entries() {
                match texts.first().and_then(|text| text.replace('_', "").parse::<f64>().ok()) {
                    Some(limit) => limits.push((pattern.to_lowercase(), limit)),
                    None => reader.wrong("limits", format!("the limit of {pattern:?} must be a number")),
                }
            }
            reader.absorb_free(inner);
        }
        let limit = reader.number("limit", 0.0);
        if limit <= 0.0 {
            reader.wrong("limit", "`limit` is missing: how many recipients an account may have");
        }
        RateLimit {
            scope: Scope::read(reader, measure, Dimension::User, &[per]),
            measure,
            per,
            limit,
            times_peak: reader.number("times_peak", 0.0),
            limits,
        }
    }

    /// What an account may have for its own past. Who sends evenly round the clock has days of many times its busiest hour.
    fn usual(&self, series: &Series) -> f64 {
        if self.times_peak <= 0.0 {
            return 0.0;
        }
        let of_hours = series.peak(self.measure, true) * (self.per as f64 / Time::HOUR as f64).sqrt() * self.times_peak;
        of_hours.max(series.peak_of(self.measure, self.per) * ABOVE_BUSIEST)
    }

    pub(crate) fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Reading>) {
        for (series, is_open) in self.scope.series(scene).filter(|(_, is_open)| scene.is_due(self.per, *is_open)) {
            let own = self.limits.iter().find(|(pattern, _)| scope::matches(pattern, &series.name.key));
            let usual = self.usual(series);
            let limit = own.map_or(self.limit.max(usual), |(_, limit)| *limit);
            if self.times_peak > 0.0 && own.is_none() && scene.learned() < LEARN {
                continue;
            }
            let count = self.measure.of(&series.window(scene.now, self.per)).count as f64;
            let mut reading = Reading { value: count, count, limit, window: self.per, ..Reading::clear(self.scope.group(series)) };
            reading.text = format!("{count} recipients in {}; its limit is {limit:.0}", span_words(self.per));
            if count > limit {
                reading.verdict = Verdict::Holds;
            }
            if scene.wants(&reading, is_open) {
                out.push(reading);
            }
        }
    }
}
