//! One account (or client) sends far more than it ever did: a hijacked account. It wakes somebody when there is a second sign:
//! many of its recipients refuse, or its owner logged in from a network of which nobody knew.

use mailvane_metric::Figure;
use mailvane_model::Time;

use super::reading::percent;
use super::{Reading, Scene, Scope, Verdict, scope};
use crate::input::Dimension;
use crate::measure::{Measure, Ratio};
use crate::rule::Severity;
use crate::rule::read::Reader;
use crate::rule::span_words;
use crate::series::{OVER, Series};
use crate::statistics::lack_chance;

const WINDOWS: [i64; 3] = [15 * Time::MINUTE, Time::HOUR, 6 * Time::HOUR];

/// Before so much is learned, nobody knows what is usual for anybody.
const LEARN: i64 = 2 * Time::DAY;
/// So few are nothing to worry about, whoever sends them.
const FEW: f64 = 10.0;
/// Accounts send in batches: how much their counts vary around what is usual.
const DISPERSION: f64 = 3.0;

/// Before so much is learned, the busiest time of an account may lie on a weekend: a number alone says nothing.
const LEARN_PEAKS: i64 = 4 * Time::DAY;

/// The condition.
#[derive(Clone, Debug)]
pub struct Burst {
    scope: Scope,
    measure: Measure,
    times_peak: f64,
    min_count: f64,
    /// The share of refused recipients that makes it grave.
    refused: f64,
}

/// A window that was looked at.
#[derive(Default)]
struct Look {
    window: i64,
    count: f64,
    limit: f64,
    /// The most that came in so long before.
    peak: f64,
    /// What says that it is abuse, beside the number.
    signs: Vec<String>,
    holds: bool,
}

impl Burst {
    pub(crate) fn read(reader: &Reader<'_>) -> Self {
        let measure = scope::measure(reader, Some(Measure::Figure(Figure::RecipientsFirstTried)), Some(false));
        Burst {
            scope: Scope::read(reader, measure, Dimension::User, &WINDOWS),
            measure,
            times_peak: reader.number("times_peak", 4.0),
            min_count: reader.number("min_count", 40.0),
            refused: reader.share("refused", 0.1),
        }
    }

    pub(crate) fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Reading>) {
        for (series, is_open) in self.scope.series(scene) {
            let mut reading = Reading::clear(self.scope.group(series));
            let mut looks: Vec<Look> = Vec::new();
            for window in self.scope.windows.iter().filter(|window| scene.is_due(**window, is_open)) {
                let look = self.look(series, scene, *window, is_open);
                let is_over = looks.iter().any(|short| is_over(short, &look));
                if look.holds && !is_over {
                    self.fill(&mut reading, look, series, scene);
                    break;
                }
                if is_open && !is_over && look.count > look.limit / 2.0 {
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
        if count <= self.min_count / 2.0 && !is_open && !scene.surveys {
            // Less is never enough, whatever came before.
            return Look { window, count, ..Look::default() };
        }
        let hours = (window as f64 / Time::HOUR as f64).max(1.0);
        let peak = series.peak_of(self.measure, window);
        let limit = (peak * self.times_peak).max(self.min_count * hours.sqrt());
        // With a second sign of abuse less is enough.
        let signs = self.signs(series, scene, window);
        let less = (peak * self.times_peak / 2.0).max(self.min_count / 2.0);
        let holds = (count > limit && scene.learned() >= LEARN_PEAKS) || (count > less && !signs.is_empty());
        Look { window, count, limit, peak, signs, holds }
    }

    /// What says that it is abuse, beside the number.
    fn signs(&self, series: &Series, scene: &Scene<'_>, window: i64) -> Vec<String> {
        let mut signs = Vec::new();
        let refusal = Measure::Ratio(Ratio::FirstRefusal).of(&series.window(scene.now, window));
        let refused = refusal.value().unwrap_or(0.0);
        let (before, of) = series.usual(Measure::Ratio(Ratio::FirstRefusal), Time::DAY);
        let usual = (before + 1.0) / (of + 20.0);
        // On the first days nobody knows what is usual for this one: then it takes more.
        let much = if scene.learned() >= LEARN { self.refused } else { 3.0 * self.refused };
        if refused >= much.max(2.0 * usual) && refusal.count >= 8 {
            signs.push(format!("{} of its recipients refused", percent(refused)));
        }
        // On the first days every network is new.
        if scene.learned() >= LEARN && scene.facts.is_from_new_network(&series.name.key, scene.now.plus(-window).0) {
            signs.push("a login from a network new for it".to_owned());
        }
        signs
    }

    fn fill(&self, reading: &mut Reading, look: Look, series: &Series, scene: &Scene<'_>) {
        let Look { window, count, limit, peak, mut signs, .. } = look;
        reading.verdict = Verdict::Holds;
        (reading.value, reading.limit, reading.count, reading.window) = (count, limit.min(count), count, window);
        reading.usual = Some(peak);
        let slot = self.measure.slot().unwrap_or_default();
        reading.since = series.history.first(scene.now, window, |sums| f64::from(sums.counts.0[slot]) > peak / 15.0).map(|time| time.0);
        if signs.is_empty() {
            reading.severity = Some(Severity::Ticket);
            signs.push("no other sign of abuse".to_owned());
        }
        reading.text = format!("{count} recipients in {}; at most {peak:.0} before; {}", span_words(window), signs.join(", "));
    }
}

/// Whether a shorter window shows that what a longer one remembers is over: no more than this account ever sends, and far less than the
/// longer one would give if it still went on.
fn is_over(short: &Look, long: &Look) -> bool {
    let share = short.window as f64 / long.window as f64;
    short.count <= short.peak.max(FEW) && lack_chance(short.count, long.count * share, DISPERSION) < OVER
}
