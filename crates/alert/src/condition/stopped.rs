//! Outbound mail as a whole not moving: nearly every recipient is refused or deferred at its first try, at several destinations.
//! First tries, because at night the retries of a few dead destinations are most of what is tried at all.

use mailvane_metric::Figure;
use mailvane_model::Time;

use super::reading::percent;
use super::{Group, Reading, Scene, Scope, Verdict};
use crate::input::Dimension;
use crate::measure::{Measure, Ratio};
use crate::rule::read::Reader;
use crate::rule::span_words;
use crate::statistics::lack_chance;

const WINDOWS: [i64; 5] = [2 * Time::MINUTE, 5 * Time::MINUTE, 15 * Time::MINUTE, Time::HOUR, 6 * Time::HOUR];
const REFUSAL: Measure = Measure::Ratio(Ratio::FirstRefusal);

/// The condition.
#[derive(Clone, Debug)]
pub struct Stopped {
    scope: Scope,
    share: f64,
    min_of: f64,
    min_destinations: f64,
}

impl Stopped {
    pub(crate) fn read(reader: &Reader<'_>) -> Self {
        Stopped {
            scope: Scope::read(reader, REFUSAL, Dimension::All, &WINDOWS),
            share: reader.share("share", 0.9),
            min_of: reader.number("min_of", 10.0),
            min_destinations: reader.number("min_destinations", 3.0),
        }
    }

    pub(crate) fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Reading>) {
        for (series, is_open) in self.scope.series(scene) {
            let mut reading = Reading::clear(Group::default());
            for window in self.scope.windows.iter().filter(|window| scene.is_due(**window, is_open)) {
                let rate = REFUSAL.of(&series.window(scene.now, *window));
                let (count, of) = (rate.count as f64, rate.of as f64);
                if scene.surveys && of > 0.0 {
                    reading.approach((count, of), self.share, *window, REFUSAL.word());
                }
                if of < self.min_of {
                    continue;
                }
                if count / of >= self.share {
                    let destinations = self.destinations(scene, *window);
                    if destinations >= self.min_destinations {
                        reading.verdict = Verdict::Holds;
                        (reading.value, reading.limit, reading.count, reading.of) = (count / of, self.share, count, of);
                        reading.window = *window;
                        let is_bad = |sums: &crate::measure::Sums| REFUSAL.of(sums).value().is_some_and(|value| value > 0.5);
                        reading.since = series.history.first(scene.now, *window, is_bad).map(|time| time.0);
                        let (share, span) = (percent(count / of), span_words(*window));
                        reading.text =
                            format!("{count} of {of} recipients ({share}) refused or deferred in {span}, at {destinations} destinations");
                        break;
                    }
                }
                if lack_chance(count, of * self.share, 1.0) < 0.01 {
                    break;
                }
                if is_open && count / of > self.share / 2.0 {
                    reading.verdict = Verdict::Between;
                }
            }
            if scene.wants(&reading, is_open) {
                out.push(reading);
            }
        }
    }

    /// How many destinations are tried, and most of the tries fail there.
    fn destinations(&self, scene: &Scene<'_>, window: i64) -> f64 {
        let failing = scene.book.all(self.scope.class, Dimension::Provider).filter(|series| {
            let sums = series.window(scene.now, window);
            sums.counts.get(Figure::RecipientsFirstTried) > 0 && REFUSAL.of(&sums).value().is_some_and(|value| value > 0.5)
        });
        failing.count() as f64
    }
}
