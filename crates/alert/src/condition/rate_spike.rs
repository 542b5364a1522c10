//! A rate far above its own past: sure of it (Wilson), surprising (beta-binomial against the baseline), and large enough to matter.
//!
//! Windows from minutes to a week are tried, so that 20 messages a day are judged by days and a million by minutes. A shorter
//! window that shows the rate is back ends what a longer one still remembers.

use mailvane_model::Time;

use super::reading::percent;
use super::{Reading, Scene, Scope, Verdict, scope};
use crate::input::Dimension;
use crate::measure::{Measure, Ratio};
use crate::rule::read::Reader;
use crate::rule::span_words;
use crate::series::{OVER, Series};
use crate::statistics::{excess_chance, lack_chance, wilson_lower};

const WINDOWS: [i64; 7] = [2 * Time::MINUTE, 5 * Time::MINUTE, 15 * Time::MINUTE, Time::HOUR, 6 * Time::HOUR, Time::DAY, 7 * Time::DAY];
/// The past counts for at least and at most so many messages: even a long past says only so much about batches.
const WEIGHT: (f64, f64) = (30.0, 150.0);

/// Who was hardly ever sent anything (fewer than the first) may be wrong or dead from the beginning: then it takes the second to say more.
const NEW: (f64, f64) = (6.0, 20.0);
/// Where so large a share of all that is known failed, failing is what is usual.
const DEAD: f64 = 0.8;

/// Of a destination with a larger part of our mail than this it is known that it takes mail.
const CONSIDERABLE: f64 = 0.05;

/// The condition.
#[derive(Clone, Debug)]
pub struct RateSpike {
    scope: Scope,
    measure: Measure,
    above: f64,
    times_usual: f64,
    chance: f64,
    min_count: f64,
    min_of: f64,
    usual: f64,
}

/// A window that was looked at.
#[derive(Clone, Copy, Default)]
struct Look {
    window: i64,
    count: f64,
    of: f64,
    usual: f64,
    limit: f64,
    holds: bool,
}

impl Look {
    /// The rate at which it is as usual again: half way back.
    fn back(&self) -> f64 {
        f64::midpoint(self.usual, self.limit)
    }
}

impl RateSpike {
    pub(crate) fn read(reader: &Reader<'_>) -> Self {
        let measure = scope::measure(reader, Some(Measure::Ratio(Ratio::FirstRefusal)), Some(true));
        RateSpike {
            scope: Scope::read(reader, measure, Dimension::Provider, &WINDOWS),
            measure,
            above: reader.share("above", 0.10),
            times_usual: reader.number("times_usual", 2.5),
            chance: reader.share("chance", 1e-6),
            min_count: reader.number("min_count", 5.0),
            min_of: reader.number("min_of", 6.0),
            usual: reader.share("usual", 0.03),
        }
    }

    pub(crate) fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Reading>) {
        for (series, is_open) in self.scope.series(scene) {
            let looks: Vec<Look> = self
                .scope
                .windows
                .iter()
                .filter(|window| scene.is_due(**window, is_open))
                .filter_map(|window| self.look(series, scene, *window, is_open))
                .collect();
            let mut reading = Reading::clear(self.scope.group(series));
            let fell =
                |look: &Look| look.window >= Time::HOUR && series.fell(self.measure, look.limit, look.back(), scene.now, look.window);
            if let Some(held) = looks.iter().find(|look| look.holds) {
                let is_over = looks.iter().take_while(|look| look.window < held.window).any(|look| is_over(look, held));
                if !is_over && !fell(held) {
                    self.fill(&mut reading, held, series, scene);
                }
            } else if is_open
                && let Some(look) = looks.first()
                && look.count / look.of > look.back()
                && look.count >= 3.0
                && !fell(look)
            {
                reading.verdict = Verdict::Between;
            }
            if scene.surveys {
                for look in &looks {
                    reading.approach((look.count, look.of), look.limit, look.window, self.measure.phrase());
                }
            }
            if scene.wants(&reading, is_open) {
                out.push(reading);
            }
        }
    }

    fn look(&self, series: &Series, scene: &Scene<'_>, window: i64, is_open: bool) -> Option<Look> {
        let sums = scene.sums(series, self.scope.group_by.word(), window, is_open);
        let rate = self.measure.of(&sums);
        let (count, of) = (rate.count as f64, rate.of as f64);
        if of < self.min_of {
            return None;
        }
        let mut look = Look { window, count, of, usual: 0.0, limit: self.above, holds: false };
        // Nearly always nothing is wrong: then nobody needs to know what is usual, but for an alert that is to end.
        let is_little = count < self.min_count || count / of <= self.above;
        if is_little && !is_open {
            return Some(look);
        }
        let (before, before_of) = series.usual(self.measure, window);
        if before_of < NEW.0 && of < NEW.1 {
            return Some(look);
        }
        if before_of >= NEW.0 && before >= before_of * DEAD || before_of < NEW.0 && self.never_took(series, scene) {
            // Failing is what is usual here: an alert of before ends.
            return None;
        }
        look.usual = (before + self.usual * WEIGHT.0) / (before_of + WEIGHT.0);
        look.limit = self.above.max(self.times_usual * look.usual).min(0.9);
        if !is_little && count / of > look.limit && wilson_lower(count, of, 1.96) > look.limit {
            let weight = (WEIGHT.0 + before_of / 4.0).clamp(WEIGHT.0, WEIGHT.1);
            look.holds = excess_chance(count, of, look.usual, weight) < self.chance;
        }
        Some(look)
    }

    /// Whether a destination is new and took hardly anything: it may be wrong or dead, and then there is no rate that could rise. Of one
    /// that gets a good part of our mail nobody believes that.
    fn never_took(&self, series: &Series, scene: &Scene<'_>) -> bool {
        if !matches!(self.scope.group_by, Dimension::Provider | Dimension::Domain) || scene.share_of_mail(series) >= CONSIDERABLE {
            return false;
        }
        let week = self.measure.of(&series.window(scene.now, 7 * Time::DAY));
        week.count as f64 >= week.of as f64 * DEAD
    }

    fn fill(&self, reading: &mut Reading, look: &Look, series: &Series, scene: &Scene<'_>) {
        reading.verdict = Verdict::Holds;
        (reading.value, reading.count, reading.of) = (look.count / look.of, look.count, look.of);
        (reading.limit, reading.usual, reading.window) = (look.limit, Some(look.usual), look.window);
        let is_bad = |sums: &crate::measure::Sums| {
            let rate = self.measure.of(sums);
            rate.count > 0 && rate.value().is_some_and(|value| value > look.limit)
        };
        reading.since = series.history.first(scene.now, look.window, is_bad).map(|time| time.0);
        reading.text = format!(
            "{} {} ({} of {}) in {}; usual {}",
            percent(reading.value),
            self.measure.phrase(),
            look.count,
            look.of,
            span_words(look.window),
            percent(look.usual)
        );
    }
}

/// Whether a shorter window shows that the rate of a longer one is over.
fn is_over(short: &Look, long: &Look) -> bool {
    short.count / short.of < long.back() && lack_chance(short.count, short.of * long.count / long.of, 1.0) < OVER
}
