//! A provider that refuses or defers nearly all of our mail; with `reasons = "block"` only refusals that are about us.

use mailvane_model::Time;

use super::reading::percent;
use super::{Reading, Scene, Scope, Verdict};
use crate::input::Dimension;
use crate::measure::{Measure, Ratio, Sums};
use crate::rule::Severity;
use crate::rule::read::Reader;
use crate::rule::span_words;
use crate::series::{OVER, Series};
use crate::statistics::lack_chance;

const WINDOWS: [i64; 5] = [2 * Time::MINUTE, 5 * Time::MINUTE, 15 * Time::MINUTE, Time::HOUR, 6 * Time::HOUR];

/// Of more recipients than this a quarter of the share is far less without any doubt.
const QUICK: f64 = 40.0;

/// The condition.
#[derive(Clone, Debug)]
pub struct ProviderBlock {
    scope: Scope,
    blocks_only: bool,
    share: f64,
    min_count: f64,
    min_of: f64,
    /// The share of our mail from which on a provider is considerable.
    considerable: f64,
    /// Whether only considerable providers count.
    only_considerable: bool,
}

impl ProviderBlock {
    pub(crate) fn read(reader: &Reader<'_>) -> Self {
        let refusal = Measure::Ratio(Ratio::FirstRefusal);
        ProviderBlock {
            scope: Scope::read(reader, refusal, Dimension::Provider, &WINDOWS),
            blocks_only: reader.word("reasons", Some(true), &[("block", true), ("any", false)]).unwrap_or(true),
            share: reader.share("share", 0.8),
            min_count: reader.number("min_count", 5.0),
            min_of: reader.number("min_of", 10.0),
            considerable: reader.share("considerable", 0.05),
            only_considerable: reader.flag("only_considerable"),
        }
    }

    pub(crate) fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Reading>) {
        let refusals = Measure::Ratio(Ratio::FirstRefusal);
        for (series, is_open) in self.scope.series(scene) {
            let mut reading = Reading::clear(self.scope.group(series));
            for window in self.scope.windows.iter().filter(|window| scene.is_due(**window, is_open)) {
                let (refused, of) = self.refused(series, scene, *window, is_open);
                if scene.surveys && of > 0.0 {
                    reading.approach((refused, of), self.share, *window, "of recipients refused");
                }
                if of < self.min_of && !(is_open && of >= 1.0) {
                    continue;
                }
                let is_over = || *window >= Time::HOUR && series.is_over(refusals, self.share, scene.now, *window);
                if refused >= self.min_count && of >= self.min_of && refused / of >= self.share {
                    if !is_over() {
                        self.fill(&mut reading, (refused, of), *window, series, scene);
                    }
                    break;
                }
                if of > QUICK && refused < of * self.share / 4.0 {
                    break;
                }
                // Far fewer refusals than such a block would give: it is over, whatever longer windows remember.
                if lack_chance(refused, of * self.share, 1.0) < OVER {
                    break;
                }
                if is_open && refused / of > self.share / 2.0 && !is_over() {
                    reading.verdict = Verdict::Between;
                }
            }
            if scene.wants(&reading, is_open) {
                out.push(reading);
            }
        }
    }

    /// Recipients that were refused, and out of how many, without greylisting.
    fn refused(&self, series: &Series, scene: &Scene<'_>, window: i64, is_open: bool) -> (f64, f64) {
        let sums_of = |series: &Series| scene.sums(series, self.scope.group_by.word(), window, is_open);
        let sums = sums_of(series);
        let any = Measure::Ratio(Ratio::FirstRefusal).of(&sums);
        if !self.blocks_only || any.count == 0 {
            return (any.count as f64, any.of as f64);
        }
        let blocked = scene.book.get(series.name.class, Dimension::Blocked, &series.name.key);
        let refused = blocked.map_or(0, |blocked| any_of(&sums_of(blocked)));
        ((refused as f64).min(any.count as f64), any.of as f64)
    }

    fn fill(&self, reading: &mut Reading, (refused, of): (f64, f64), window: i64, series: &Series, scene: &Scene<'_>) {
        let of_our_mail = scene.share_of_mail(series);
        if self.only_considerable && of_our_mail < self.considerable {
            return;
        }
        reading.verdict = Verdict::Holds;
        (reading.value, reading.limit, reading.window) = (refused / of, self.share, window);
        (reading.count, reading.of) = (refused, of);
        if of_our_mail < self.considerable {
            reading.severity = Some(Severity::Ticket);
        }
        let (before, before_of) = series.usual(Measure::Ratio(Ratio::FirstRefusal), window);
        reading.usual = (before_of >= self.min_of).then(|| before / before_of);
        let is_bad = |sums: &Sums| Measure::Ratio(Ratio::FirstRefusal).of(sums).count > 0;
        reading.since = series.history.first(scene.now, window, is_bad).map(|time| time.0);
        let what = if self.blocks_only { "refused because of us" } else { "refused or deferred" };
        reading.text = format!(
            "{} of {} recipients {what} ({}) in {}; usual {}; {} of our mail goes there",
            refused,
            of,
            percent(reading.value),
            span_words(window),
            reading.usual.map_or_else(|| "not known".to_owned(), percent),
            percent(of_our_mail)
        );
    }
}

/// How many recipients were refused, or deferred at their first try.
fn any_of(sums: &Sums) -> u64 {
    Measure::Ratio(Ratio::FirstRefusal).of(sums).count
}
