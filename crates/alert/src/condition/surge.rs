//! A count far above what this hour usually brings (negative binomial, so that batches do not surprise).

use mailvane_metric::Figure;
use mailvane_model::Time;

use super::{Reading, Scene, Scope, Verdict, scope};
use crate::input::Dimension;
use crate::measure::Measure;
use crate::rule::read::Reader;
use crate::rule::span_text;
use crate::series::Series;
use crate::statistics::surge_chance;

const WINDOWS: [i64; 5] = [15 * Time::MINUTE, Time::HOUR, 2 * Time::HOUR, 3 * Time::HOUR, 6 * Time::HOUR];
/// Nothing comes more evenly than this.
const LEAST_DISPERSION: f64 = 2.0;
/// Fewer than this in a window are hardly anything.
const FEW: f64 = 10.0;
/// Before so much is learned, a number alone says nothing.
const LEARN: i64 = 2 * Time::DAY;
/// What comes by chance this often or more is as usual again.
const USUAL_CHANCE: f64 = 0.01;

/// The condition.
#[derive(Clone, Debug)]
pub struct Surge {
    scope: Scope,
    measure: Measure,
    times_usual: f64,
    chance: f64,
    min_count: f64,
}

impl Surge {
    pub(crate) fn read(reader: &Reader<'_>) -> Self {
        let measure = scope::measure(reader, Some(Measure::Figure(Figure::RecipientsFirstTried)), Some(false));
        Surge {
            scope: Scope::read(reader, measure, Dimension::All, &WINDOWS),
            measure,
            times_usual: reader.number("times_usual", 4.0),
            chance: reader.share("chance", 1e-6),
            min_count: reader.number("min_count", 50.0),
        }
    }

    pub(crate) fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Reading>) {
        for (series, is_open) in self.scope.series(scene) {
            let mut reading = Reading::clear(self.scope.group(series));
            for window in self.scope.windows.iter().filter(|window| scene.is_due(**window, is_open)) {
                if self.judge(series, scene, *window, is_open, &mut reading) {
                    break;
                }
            }
            if scene.wants(&reading, is_open) {
                out.push(reading);
            }
        }
    }

    fn judge(&self, series: &Series, scene: &Scene<'_>, window: i64, is_open: bool, reading: &mut Reading) -> bool {
        let count = self.measure.of(&series.window(scene.now, window)).count as f64;
        if count < self.min_count {
            if scene.surveys {
                reading.approach((count, 0.0), self.min_count, window, self.measure.word());
            }
            return false;
        }
        let (mut mean, _) = series.expected(self.measure, scene.now.plus(-window), scene.now);
        // The busiest hour so far is no surprise either.
        let peak = series.peak(self.measure, window > 15 * Time::MINUTE);
        mean = mean.max(peak / 2.0).max(1.0);
        let dispersion = series.dispersion(self.measure).max(LEAST_DISPERSION) * (window as f64 / Time::HOUR as f64).max(1.0).sqrt();
        let limit = (self.times_usual * mean).max(self.min_count);
        // Where hardly anything is usual, the limit alone says enough: one wave of the past must not hide the next.
        if count > limit && scene.learned() >= LEARN && (mean < FEW || surge_chance(count, mean, dispersion) < self.chance) {
            reading.verdict = Verdict::Holds;
            (reading.value, reading.limit, reading.count, reading.window) = (count, limit, count, window);
            reading.usual = Some(mean);
            reading.since = Some(scene.now.plus(-window).0);
            reading.text = format!("{count} {} in {}; usual {mean:.0}", self.measure.word(), span_text(window));
            return true;
        }
        // Half way back to what is usual, and still more than chance brings.
        let is_still_much = mean < FEW || surge_chance(count, mean, dispersion) < USUAL_CHANCE;
        if is_open && count > f64::midpoint(mean, limit) && is_still_much {
            reading.verdict = Verdict::Between;
        }
        if scene.surveys {
            reading.approach((count, 0.0), limit, window, self.measure.word());
        }
        false
    }
}
