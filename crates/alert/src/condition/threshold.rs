//! A number above (or below) a fixed limit. A rate counts only as far as its Wilson interval is sure of it.

use mailvane_model::Time;

use super::reading::percent;
use super::{Reading, Scene, Scope, Verdict, scope};
use crate::input::Dimension;
use crate::measure::Measure;
use crate::rule::read::Reader;
use crate::rule::span_words;
use crate::statistics::wilson_lower;

/// The condition.
#[derive(Clone, Debug)]
pub struct Threshold {
    scope: Scope,
    measure: Measure,
    above: Option<f64>,
    below: Option<f64>,
    min_count: f64,
    min_of: f64,
    /// Fine again on this side of it.
    clear: f64,
}

impl Threshold {
    pub(crate) fn read(reader: &Reader<'_>) -> Self {
        let measure = scope::measure(reader, None, None);
        let scope = Scope::read(reader, measure, Dimension::All, &[Time::HOUR]);
        let limit = |key| {
            let value = if measure.is_ratio() { reader.share(key, -1.0) } else { reader.number(key, -1.0) };
            (value >= 0.0).then_some(value)
        };
        let (above, below) = (limit("above"), limit("below"));
        if above.is_some() == below.is_some() {
            reader.wrong("above", "a threshold needs either `above` or `below`");
        }
        let usual_clear = above.map(|above| above / 2.0).or(below).unwrap_or_default();
        Threshold {
            scope,
            measure,
            above,
            below,
            min_count: reader.number("min_count", 0.0),
            min_of: reader.number("min_of", if measure.is_ratio() { 20.0 } else { 0.0 }),
            clear: reader.number("clear", usual_clear),
        }
    }

    /// Whether it is the low values that fire.
    pub(crate) fn is_low(&self) -> bool {
        self.below.is_some()
    }

    pub(crate) fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Reading>) {
        for (series, is_open) in self.scope.series(scene) {
            let mut reading = Reading::clear(self.scope.group(series));
            for window in self.scope.windows.iter().filter(|window| scene.is_due(**window, is_open)) {
                let unexplained = scene.unexplained(self.scope.group_by.word(), &series.name.key, *window);
                let rate = self.measure.of(&series.window(scene.now, if is_open { *window } else { unexplained }));
                let (count, of) = (rate.count as f64, rate.of as f64);
                let value = if self.measure.is_ratio() { rate.value().unwrap_or(0.0) } else { count };
                if self.judge(value, count, of) != Verdict::Clear && reading.verdict != Verdict::Holds {
                    reading.verdict = self.judge(value, count, of);
                    (reading.value, reading.count, reading.of, reading.window) = (value, count, of, *window);
                    reading.limit = self.above.or(self.below).unwrap_or_default();
                    reading.text = self.text(&reading);
                } else if scene.surveys && reading.verdict == Verdict::Clear && (!self.measure.is_ratio() || of > 0.0) {
                    let of = if self.measure.is_ratio() { of } else { 0.0 };
                    reading.approach((count, of), self.above.or(self.below).unwrap_or_default(), *window, self.measure.phrase());
                }
            }
            if scene.wants(&reading, is_open) {
                out.push(reading);
            }
        }
    }

    fn judge(&self, value: f64, count: f64, of: f64) -> Verdict {
        if self.measure.is_ratio() && of < self.min_of {
            return Verdict::Clear;
        }
        if let Some(above) = self.above {
            let sure = if self.measure.is_ratio() { wilson_lower(count, of, 1.96) } else { value };
            if sure > above && count >= self.min_count {
                return Verdict::Holds;
            }
            return if value > self.clear { Verdict::Between } else { Verdict::Clear };
        }
        if self.below.is_some_and(|below| value < below) { Verdict::Holds } else { Verdict::Clear }
    }

    fn text(&self, reading: &Reading) -> String {
        let (name, span) = (self.measure.phrase(), span_words(reading.window));
        if self.measure.is_ratio() {
            format!("{} {name} ({} of {}) in {span}; limit {}", percent(reading.value), reading.count, reading.of, percent(reading.limit))
        } else {
            format!("{} {name} in {span}; limit {}", reading.count, reading.limit)
        }
    }
}
