//! Expected mail that did not come: far less than this time of the week brings, while the log itself is alive.

use mailvane_metric::Figure;
use mailvane_model::Time;

use super::{Reading, Scene, Scope, Verdict, scope};
use crate::input::Dimension;
use crate::measure::Measure;
use crate::rule::read::Reader;
use crate::rule::span_words;
use crate::series::Series;
use crate::statistics::lack_chance;

const WINDOWS: [i64; 12] = [
    5 * Time::MINUTE,
    10 * Time::MINUTE,
    30 * Time::MINUTE,
    Time::HOUR,
    90 * Time::MINUTE,
    2 * Time::HOUR,
    3 * Time::HOUR,
    6 * Time::HOUR,
    12 * Time::HOUR,
    Time::DAY,
    3 * Time::DAY,
    7 * Time::DAY,
];
/// Hours that follow each other vary together, up to this factor.
const MOST_HOURS: f64 = 2.0;
/// Windows from this length on are whole hours.
const LONG: i64 = 3 * Time::HOUR;
/// Nothing comes more evenly than this.
const LEAST_DISPERSION: f64 = 2.0;
/// Of more groups than this each is looked at every quarter of an hour only.
const OFTEN: usize = 50;

/// A holiday leaves half of a quiet day, and a quiet day this share of the usual.
const HOLIDAY: f64 = 0.1;
/// A silence lasts until so many times what is hardly anything came.
const BACK: f64 = 3.0;
/// What a holiday would bring with less chance than this is none.
const HOLIDAY_CHANCE: f64 = 1e-5;

/// A window that is judged.
struct Judged {
    from: Time,
    until: Time,
    count: f64,
    /// How many there should be.
    mean: f64,
    /// The chance of so few.
    chance: f64,
}

/// The condition.
#[derive(Clone, Debug)]
pub struct Silence {
    scope: Scope,
    measure: Measure,
    chance: f64,
    /// As much as this share of the usual is no silence.
    drop_to: f64,
    min_expected: f64,
    learn: i64,
}

impl Silence {
    pub(crate) fn read(reader: &Reader<'_>) -> Self {
        let measure = scope::measure(reader, Some(Measure::Figure(Figure::RecipientsFirstTried)), Some(false));
        Silence {
            scope: Scope::read(reader, measure, Dimension::All, &WINDOWS),
            measure,
            chance: reader.share("chance", 1e-5),
            drop_to: reader.share("drop_to", 0.05),
            min_expected: reader.number("min_expected", 15.0),
            learn: reader.span("learn", 3 * Time::DAY),
        }
    }

    pub(crate) fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Reading>) {
        if scene.learned() < self.learn {
            return;
        }
        let all: Vec<&Series> =
            scene.book.all(self.scope.class, self.scope.group_by).filter(|series| self.scope.takes(&series.name.key)).collect();
        let is_quarter = scene.from.floor(15 * Time::MINUTE) < scene.now.floor(15 * Time::MINUTE);
        for series in &all {
            let group = self.scope.group(series);
            let is_open = scene.is_open(&group.label, &group.key);
            if all.len() > OFTEN && !is_quarter && !is_open && !scene.surveys {
                continue;
            }
            let mut reading = Reading::clear(group);
            for window in self.scope.windows.iter().filter(|window| self.is_due(scene, **window, is_open)) {
                if self.judge(series, scene, *window, is_open, &mut reading) {
                    break;
                }
            }
            if scene.wants(&reading, is_open) {
                out.push(reading);
            }
        }
    }

    /// Windows of whole hours change with the hour, those of a few with the quarter.
    fn is_due(&self, scene: &Scene<'_>, window: i64, is_open: bool) -> bool {
        let length = if window < Time::DAY { 15 * Time::MINUTE } else { Time::HOUR };
        is_open || scene.surveys || window < LONG || scene.from.floor(length) < scene.now.floor(length)
    }

    /// What a window usually brings. Of a short one: the least of this hour and those beside it, since nobody knows in which part
    /// of its hour a batch goes out.
    fn usual(&self, series: &Series, from: Time, until: Time, window: i64) -> f64 {
        let at = |shift: i64| series.at_least(self.measure, from.plus(shift), until.plus(shift));
        if window >= LONG { at(0) } else { at(0).min(at(-Time::HOUR)).min(at(Time::HOUR)) }
    }

    /// Whether so few are less than a holiday would bring: half of a quiet day of the week, and a part of what is usual.
    fn is_below_holiday(&self, series: &Series, judged: &Judged) -> bool {
        let Judged { from, until, count, mean, .. } = *judged;
        let quiet = series.quiet(self.measure, from, until).max(mean * HOLIDAY);
        until.0 - from.0 >= Time::DAY || lack_chance(count, quiet / 2.0, 1.0) < HOLIDAY_CHANCE
    }

    /// How many came in a window, and what comes in it at the least: what varies by batches is never less than its steady part, so
    /// how much the rest varies does not matter.
    fn by_least(&self, series: &Series, now: Time, window: i64) -> Judged {
        let from = now.plus(-window);
        let mean = if window < Time::DAY { series.least(self.measure, from, now) } else { 0.0 };
        let count = self.measure.of(&series.window(now, window)).count as f64;
        Judged { from, until: now, count, mean, chance: lack_chance(count, mean, LEAST_DISPERSION) }
    }

    /// How many came in a window, and what usually does.
    fn by_usual(&self, series: &Series, now: Time, window: i64) -> Judged {
        // What is usual is known by the hour: long windows are whole hours, so that a batch at ten is inside or outside of them.
        let until = if window >= LONG { now.floor(Time::HOUR) } else { now };
        let from = until.plus(-window);
        let count = self.measure.of(&series.window(until, window)).count as f64;
        let mean = self.usual(series, from, until, window);
        let hours = (window as f64 / Time::HOUR as f64).max(1.0);
        let dispersion = series.dispersion_below(self.measure).max(LEAST_DISPERSION) * hours.sqrt().min(MOST_HOURS);
        Judged { from, until, count, mean, chance: lack_chance(count, mean, dispersion) }
    }

    /// Whether so few are no chance, but silence.
    fn is_silent(&self, judged: &Judged) -> bool {
        judged.mean >= self.min_expected && judged.count <= judged.mean * self.drop_to && judged.chance < self.chance
    }

    /// Judges one window; `true` when it was long enough to decide.
    fn judge(&self, series: &Series, scene: &Scene<'_>, window: i64, is_open: bool, reading: &mut Reading) -> bool {
        if series.at_most(self.measure, window) < self.min_expected {
            return false;
        }
        if !is_open && scene.unexplained(self.scope.group_by.word(), &series.name.key, window) < window {
            // Longer windows reach into what was told, too.
            return true;
        }
        let least = self.by_least(series, scene.now, window);
        let is_least = self.is_silent(&least);
        let usual = if is_least { None } else { Some(self.by_usual(series, scene.now, window)) };
        // Before anything is known of this time of the week, the least tells what there should be.
        let judged = usual.filter(|usual| usual.mean >= self.min_expected).unwrap_or(least);
        let Judged { from, count, mean, .. } = judged;
        if scene.surveys && mean >= self.min_expected && reading.text.is_empty() {
            (reading.value, reading.limit, reading.count, reading.window) = (count, mean * self.drop_to, count, window);
            reading.usual = Some(mean);
            reading.text =
                format!("{count} {} in {}; usual {mean:.0}, silent below {:.0}", self.measure.phrase(), span_words(window), reading.limit);
        }
        if !self.is_silent(&judged) || !self.is_below_holiday(series, &judged) {
            // Enough that came decides; too little that was expected leaves it to longer windows.
            if is_open && mean >= self.min_expected && count <= mean * self.drop_to * BACK {
                reading.verdict = Verdict::Between;
                return true;
            }
            return mean >= self.min_expected && count > mean * self.drop_to;
        }
        let is_alive = scene.facts.alive.is_some_and(|alive| alive >= scene.now.0 - (window / 4).max(2 * Time::MINUTE));
        reading.verdict = if is_alive { Verdict::Holds } else { Verdict::Unknown };
        (reading.value, reading.limit, reading.count, reading.window) = (count, mean * self.drop_to, count, window);
        reading.usual = Some(mean);
        reading.since =
            series.history.last().map(|last| (i64::from(last) + 1) * Time::MINUTE).filter(|since| *since >= from.0).or(Some(from.0));
        reading.text = format!("{count} {} in {}; usual {mean:.0}", self.measure.phrase(), span_words(window));
        true
    }
}
