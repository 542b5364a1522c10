//! A count far above what this hour usually brings (negative binomial, so that batches do not surprise).

use mailvane_metric::Figure;
use mailvane_model::Time;

use super::{Reading, Scene, Scope, Verdict, scope};
use crate::input::Dimension;
use crate::measure::{Measure, Sums};
use crate::rule::read::Reader;
use crate::rule::span_words;
use crate::series::{OVER, Series};
use crate::statistics::{lack_chance, surge_chance};

const QUARTER: i64 = 15 * Time::MINUTE;
const WINDOWS: [i64; 5] = [QUARTER, Time::HOUR, 2 * Time::HOUR, 3 * Time::HOUR, 6 * Time::HOUR];
/// Nothing comes more evenly than this.
const LEAST_DISPERSION: f64 = 2.0;
/// Fewer than this in a window are hardly anything.
const FEW: f64 = 10.0;
/// Before so much is learned, a number alone says nothing.
const LEARN: i64 = 2 * Time::DAY;
/// So many times the most that ever came is no chance, however wild the hours are.
const UNHEARD_OF: f64 = 3.0;
/// What comes by chance this often or more is as usual again.
const USUAL_CHANCE: f64 = 0.01;

/// The chance of so little if it went on, below which a window that is not too much any more keeps nothing open.
const NEARLY_OVER: f64 = 0.05;

/// The condition.
#[derive(Clone, Debug)]
pub struct Surge {
    scope: Scope,
    measure: Measure,
    times_usual: f64,
    chance: f64,
    min_count: f64,
}

/// A window that was looked at.
struct Look {
    window: i64,
    count: f64,
    usual: f64,
    limit: f64,
    /// Whether it is far too much.
    holds: bool,
    /// Whether it is not yet as usual again.
    lingers: bool,
}

impl Look {
    /// From here on down it is as usual again: half way back.
    fn back(&self) -> f64 {
        f64::midpoint(self.usual, self.limit)
    }
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
            let mut looks = Vec::new();
            for window in self.scope.windows.iter().filter(|window| scene.is_due(**window, is_open)) {
                let look = self.look(series, scene, *window, is_open);
                let is_over = |chance| looks.iter().any(|short| is_over(short, &look, chance));
                if look.holds && !is_over(OVER) {
                    self.fill(&mut reading, &look, series, scene);
                    break;
                }
                if is_open && look.lingers && !is_over(NEARLY_OVER) {
                    reading.verdict = Verdict::Between;
                }
                if scene.surveys {
                    reading.approach((look.count, 0.0), look.limit, *window, self.measure.phrase());
                }
                looks.push(look);
            }
            if scene.wants(&reading, is_open) {
                out.push(reading);
            }
        }
    }

    fn look(&self, series: &Series, scene: &Scene<'_>, window: i64, is_open: bool) -> Look {
        let sums = scene.sums(series, self.scope.group_by.word(), window, is_open);
        let count = self.measure.of(&sums).count as f64;
        let mut look = Look { window, count, usual: 0.0, limit: self.min_count, holds: false, lingers: false };
        if count < self.min_count && !is_open {
            return look;
        }
        let (expected, _) = series.expected(self.measure, scene.now.plus(-window), scene.now);
        // The busiest hour so far is no surprise either.
        let hours = window as f64 / Time::HOUR as f64;
        let peak = self.peak(series, window);
        look.usual = expected.max(peak / 2.0).max(1.0);
        look.limit = (self.times_usual * look.usual).max(self.min_count);
        let dispersion = series.dispersion(self.measure).max(LEAST_DISPERSION) * hours.max(1.0).sqrt();
        let is_less_likely = |chance: f64| look.usual < FEW || surge_chance(count, look.usual, dispersion) < chance;
        // Where hardly anything is usual, the limit alone says enough, and so does far more than ever: one wave of the past, which makes
        // the hours look wild, must not hide the next.
        let is_unheard_of = count > UNHEARD_OF * peak * hours.max(1.0);
        look.holds = count > look.limit && scene.learned() >= LEARN && (is_unheard_of || is_less_likely(self.chance));
        look.lingers = count > look.back() && is_less_likely(USUAL_CHANCE);
        look
    }

    /// The most that came in so long: of less than a quarter of an hour, what its busiest would bring in batches.
    fn peak(&self, series: &Series, window: i64) -> f64 {
        let peak = series.peak(self.measure, window > QUARTER);
        if window < QUARTER { peak * (window as f64 / QUARTER as f64).sqrt() } else { peak }
    }

    fn fill(&self, reading: &mut Reading, look: &Look, series: &Series, scene: &Scene<'_>) {
        reading.verdict = Verdict::Holds;
        (reading.value, reading.limit, reading.count, reading.window) = (look.count, look.limit, look.count, look.window);
        reading.usual = Some(look.usual);
        // It began with the first minute (or quarter) that brought its part of too much.
        let step = if look.window <= Time::HOUR { Time::MINUTE } else { QUARTER };
        let part = look.back() * step as f64 / look.window as f64;
        let is_much = |sums: &Sums| self.measure.of(sums).count as f64 > part;
        reading.since = series.history.first(scene.now, look.window, is_much).map(|time| time.0);
        reading.text = format!("{} {} in {}; usual {:.0}", look.count, self.measure.phrase(), span_words(look.window), look.usual);
    }
}

/// Whether a shorter window shows that what a longer one remembers is over: it brings little, and far less than the longer one would
/// give if it still went on.
fn is_over(short: &Look, long: &Look, chance: f64) -> bool {
    let share = short.window as f64 / long.window as f64;
    short.count < short.back() && lack_chance(short.count, long.count * share, LEAST_DISPERSION) < chance
}
