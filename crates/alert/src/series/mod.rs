//! What is remembered of every group: numbers of the recent past and of a usual week, by traffic, dimension and key.

mod book;
pub(crate) mod history;
mod saved;
pub(crate) mod season;

use std::sync::Arc;

use mailvane_metric::{Figure, Traffic};
use mailvane_model::Time;

pub use book::Book;
pub use history::LONGEST_WINDOW;
use history::{Gone, History, Kept};
pub use saved::SavedSeries;
use season::Season;

use crate::input::Dimension;
use crate::measure::{Counts, Measure, Sums};
use crate::statistics::{lack_chance, wilson_lower};

/// The class of what is counted at the door, where there is no traffic.
pub const DOOR: u8 = u8::MAX;
/// Recent hours teach when they are this old, in minutes: by then an incident would have been noticed.
const SETTLED: i32 = 25 * 60;
/// What is less likely than this, if it still went on, is over.
pub(crate) const OVER: f64 = 0.01;

/// Which numbers, of whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    /// [`Traffic::code`], or [`DOOR`].
    pub class: u8,
    /// The dimension.
    pub dimension: Dimension,
    /// The key.
    pub key: Arc<str>,
}

/// One series.
#[derive(Clone, Debug)]
pub struct Series {
    /// Whose it is.
    pub name: Name,
    pub(crate) history: History,
    pub(crate) season: Season,
    /// Sums of the hours that have settled but are not in the season yet, and the hour for which that was worked out.
    settled: (i32, Counts, Counts),
    /// The most that an hour of the last week brought, once it was worked out.
    busiest: Option<Counts>,
}

impl Series {
    fn new(name: Name, minute: i32) -> Self {
        Series {
            name,
            history: History::default(),
            season: Season::new(minute.div_euclid(60)),
            settled: (i32::MIN, Counts::default(), Counts::default()),
            busiest: None,
        }
    }

    /// The sums of the last `length` microseconds before `end`.
    pub fn window(&self, end: Time, length: i64) -> Sums {
        self.history.window(end, length)
    }

    /// Whether the last quarters of an hour, however many, show far fewer cases than `share` of their number would give: what a longer
    /// window still remembers is over. Between the windows of a rule a small host has hours with a handful of messages each.
    pub fn is_over(&self, measure: Measure, share: f64, end: Time, length: i64) -> bool {
        self.history.back(end, length).map(|sums| measure.of(&sums)).any(|rate| {
            let (count, of) = (rate.count as f64, rate.of as f64);
            of > 0.0 && count / of < share / 2.0 && lack_chance(count, of * share, 1.0) < OVER
        })
    }

    /// The same of a rate that is known only by what was: the last quarters, the newest of them below `limit`, are below `back` and show far
    /// fewer cases than the quarters just before them.
    pub fn fell(&self, measure: Measure, limit: f64, back: f64, end: Time, length: i64) -> bool {
        // Sums up to each quarter; a difference of two is what lies between them.
        let sums: Vec<(f64, f64)> =
            self.history.back(end, length).map(|sums| measure.of(&sums)).map(|rate| (rate.count as f64, rate.of as f64)).collect();
        if sums.first().is_none_or(|(count, of)| *count > of * limit) {
            return false;
        }
        sums.iter().enumerate().any(|(at, (count, of))| {
            let before = sums[at + 1..].iter().map(|(all, all_of)| wilson_lower(all - count, all_of - of, 1.96)).fold(0.0, f64::max);
            *of > 0.0 && count / of < back && lack_chance(*count, of * before, 1.0) < OVER
        })
    }

    /// The same without the time of which an alert told: what was said once is no news. Up to an hour everything counts.
    pub fn untold(&self, end: Time, length: i64) -> Sums {
        self.history.window_of(end, length, Kept::Untold)
    }

    /// What a ratio usually is, as (how many, out of how many), without the window of `length` that is being judged.
    pub fn usual(&self, measure: Measure, length: i64) -> (f64, f64) {
        let sums = |counts: Counts| Sums {
            counts,
            recipients: counts.get(Figure::Recipients),
            deferred: counts.get(Figure::RecipientsDeferred),
            greylisted: counts.get(Figure::RecipientsGreylisted),
        };
        let recent = if length <= Time::DAY { self.settled.2 } else { Counts::default() };
        season::both(&sums(self.settled.1), &sums(recent), |sums| measure.of(sums))
    }

    /// How often something of a count is expected between two times, and how many weeks tell so.
    pub fn expected(&self, measure: Measure, from: Time, until: Time) -> (f64, f64) {
        let mut weeks = f64::INFINITY;
        let sum = self.by_hours(measure, from, until, |slot, hour| {
            let (mean, known) = self.usual_hour(slot, hour);
            weeks = weeks.min(known);
            mean
        });
        (sum, if weeks.is_finite() { weeks } else { 0.0 })
    }

    /// The usual value of an hour: of its hour of the week as far as weeks are known, and of its hour of the day (on a first weekend,
    /// of workdays).
    fn usual_hour(&self, slot: usize, hour: i32) -> (f64, f64) {
        let (weekly, weight) = self.of_week(slot, hour);
        let mut days = self.same_hours(slot, hour, true);
        if days.is_empty() {
            days = self.same_hours(slot, hour, false);
        }
        let of_day = days.iter().sum::<f64>() / days.len() as f64;
        match (weight > 0.0, !days.is_empty()) {
            (true, true) => ((weekly * weight + of_day) / (weight + 1.0), weight),
            (true, false) => (weekly, weight),
            (false, true) => (of_day, 0.0),
            (false, false) => (0.0, 0.0),
        }
    }

    /// What its hour of the week brings, and how many weeks tell so (0: none).
    fn of_week(&self, slot: usize, hour: i32) -> (f64, f64) {
        let week_ago = hour - 168;
        let mut weight = f64::from(self.season.weight(hour - 1).max(0.0));
        let mut sum = f64::from(self.season.sum(slot, hour));
        if week_ago >= self.season.first_hour {
            // Last week is still among the hours, and not in the season yet; when it was not as usual, only the weeks before it count.
            weight = (weight - 1.0).max(0.0) * f64::from(season::DECAY);
            if let Some(count) = self.hour(slot, week_ago) {
                sum += count;
                weight += 1.0;
            }
        }
        if weight > 0.0 { (sum / weight, weight) } else { (0.0, 0.0) }
    }

    /// What this hour of the last seven days brought, weekends apart where only days `alike` are wanted.
    fn same_hours(&self, slot: usize, hour: i32, alike: bool) -> Vec<f64> {
        let days = (1..=7).map(|back| hour - 24 * back).filter(|day| !alike || is_weekend(*day) == is_weekend(hour));
        days.filter(|day| *day >= self.season.first_hour).filter_map(|day| self.hour(slot, day)).collect()
    }

    /// What an hour of the last week brought; `None` when it was not as usual.
    fn hour(&self, slot: usize, hour: i32) -> Option<f64> {
        let hours = &self.history.hours;
        match hours.binary_search_by_key(&(hour * 60), |entry| entry.at) {
            Ok(place) if hours[place].bad => None,
            Ok(place) => Some(f64::from(hours[place].counts.0[slot])),
            Err(_) => Some(0.0),
        }
    }

    /// The busiest quarter (false) or hour (true) of the last weeks, not counting the last day.
    pub fn peak(&self, measure: Measure, hour: bool) -> f64 {
        let Some(slot) = measure.slot() else { return 0.0 };
        let learned = f64::from(self.season.peaks[usize::from(hour)][slot]);
        if !hour {
            return learned;
        }
        let settled = self.history.hours.back().map_or(0, |last| last.at - SETTLED);
        let recent = self.history.hours.iter().filter(|entry| !entry.bad && entry.at < settled).map(|entry| entry.counts.0[slot]).max();
        learned.max(f64::from(recent.unwrap_or(0)))
    }

    /// The most that `length` brought before, not counting the last day: as [`Series::peak`] for an hour and less. Of a longer time
    /// the busiest of the last week, and at least what busy hours that do not follow each other would bring.
    pub fn peak_of(&self, measure: Measure, length: i64) -> f64 {
        let peak = self.peak(measure, length > 15 * Time::MINUTE);
        let hours = length.div_euclid(Time::HOUR);
        let (Some(slot), true) = (measure.slot(), hours > 1) else { return peak };
        let settled = self.history.hours.back().map_or(0, |last| last.at - SETTLED);
        (peak * (hours as f64).sqrt()).max(self.history.busiest(slot, hours as i32, settled))
    }

    /// How often something of a count comes between two times at the least: what this hour of the week brings without what came on
    /// other days on top, and before a week is known what most days bring.
    pub fn at_least(&self, measure: Measure, from: Time, until: Time) -> f64 {
        self.by_hours(measure, from, until, |slot, hour| {
            let (weekly, weight) = self.of_week(slot, hour);
            let mut days = self.same_hours(slot, hour, true);
            days.sort_by(f64::total_cmp);
            let middle = days.get(days.len().saturating_sub(1) / 2).copied();
            if weight > 0.0 {
                weekly.min(self.usual_hour(slot, hour).0)
            } else {
                // Of fewer days nobody knows which of them was the unusual one.
                middle.filter(|_| days.len() >= 3).unwrap_or(0.0)
            }
        })
    }

    /// What the same time of the last days brought at the least, weekends apart: of each day the least of this time and of an hour
    /// sooner and later, and of four days or more the second least, since one of them may have been an incident. Where only one such
    /// day is known, a quiet day must have brought as much. Nothing where none is.
    pub fn least(&self, measure: Measure, from: Time, until: Time) -> f64 {
        let mut days = self.days(measure, from, until, true);
        days.sort_by(f64::total_cmp);
        match days.len() {
            0 => 0.0,
            1 => days[0].min(self.quiet(measure, from, until)),
            known => days[usize::from(known >= 4)],
        }
    }

    /// What the same time brings on a quiet day: the second least of the last seven, whatever day of the week it was, or the least where
    /// fewer than five are known. Nothing of fewer than three.
    pub fn quiet(&self, measure: Measure, from: Time, until: Time) -> f64 {
        let mut days = self.days(measure, from, until, false);
        days.sort_by(f64::total_cmp);
        if days.len() < 3 { 0.0 } else { days[usize::from(days.len() >= 5)] }
    }

    /// The least of this time, and of an hour sooner and later, of each of the last seven days that was as usual.
    fn days(&self, measure: Measure, from: Time, until: Time, alike: bool) -> Vec<f64> {
        let last = until.0.div_euclid(Time::HOUR) as i32;
        let back =
            (1..=7).filter(|days| !alike || is_weekend(last - 24 * days) == is_weekend(last)).map(|days| -i64::from(days) * Time::DAY);
        let of_day = |back: i64| {
            let least = |shift: i64| self.brought(measure, from.plus(back + shift), until.plus(back + shift));
            Some(least(0)?.min(least(-Time::HOUR)?).min(least(Time::HOUR)?))
        };
        back.filter_map(of_day).collect()
    }

    /// What came between two times of the last week, hours by their shares; `None` when one was not as usual, or before anything was known.
    fn brought(&self, measure: Measure, from: Time, until: Time) -> Option<f64> {
        let mut known = from.0.div_euclid(Time::HOUR) >= i64::from(self.season.first_hour);
        let sum = self.by_hours(measure, from, until, |slot, hour| {
            let count = self.hour(slot, hour);
            known &= count.is_some();
            count.unwrap_or(0.0)
        });
        known.then_some(sum)
    }

    /// The sum over the hours between two times, each by its share.
    fn by_hours(&self, measure: Measure, from: Time, until: Time, mut of_hour: impl FnMut(usize, i32) -> f64) -> f64 {
        let Some(slot) = measure.slot() else { return 0.0 };
        let mut sum = 0.0;
        let mut hour = from.0.div_euclid(Time::HOUR);
        while hour * Time::HOUR < until.0 {
            let share = ((hour + 1) * Time::HOUR).min(until.0) - (hour * Time::HOUR).max(from.0);
            sum += of_hour(slot, hour as i32) * share as f64 / Time::HOUR as f64;
            hour += 1;
        }
        sum
    }

    /// More of a count than this was never seen in a window of this length, and so cannot be expected.
    pub fn at_most(&self, measure: Measure, length: i64) -> f64 {
        let hours = (length as f64 / Time::HOUR as f64).max(1.0);
        match (self.busiest, measure.slot()) {
            (Some(busiest), Some(slot)) => f64::from(busiest.0[slot].max(self.season.peaks[1][slot].ceil() as i32)) * hours,
            _ => f64::INFINITY,
        }
    }

    /// How much its hours vary.
    pub fn dispersion(&self, measure: Measure) -> f64 {
        measure.slot().map_or(1.0, |slot| self.season.dispersion(slot))
    }

    /// How much its hours fall short of what is usual.
    pub fn dispersion_below(&self, measure: Measure) -> f64 {
        measure.slot().map_or(1.0, |slot| self.season.dispersion_below(slot))
    }

    /// The minute it was first seen.
    pub fn first(&self) -> Time {
        Time(i64::from(self.season.first_hour) * Time::HOUR)
    }

    /// Passes on what is old enough to learn from.
    fn settle(&mut self, minute: i32) {
        let Series { history, season, settled, busiest, .. } = self;
        history.expire(minute, &mut |gone| match gone {
            Gone::Quarter(entry) => season.peak(0, &entry),
            Gone::Hour(entry) => {
                season.peak(1, &entry);
                season.learn(entry.at.div_euclid(60), &entry.counts, entry.bad);
            }
        });
        let hour = minute.div_euclid(60);
        if settled.0 != hour {
            let mut recent = Counts::default();
            for entry in history.hours.iter().take_while(|entry| entry.at < minute - SETTLED).filter(|entry| !entry.bad) {
                recent.add(&entry.counts);
            }
            *settled = (hour, season.total(hour), recent);
            let mut most = Counts::default();
            for entry in &history.hours {
                most.0.iter_mut().zip(&entry.counts.0).for_each(|(most, count)| *most = (*most).max(*count));
            }
            *busiest = Some(most);
        }
    }
}

/// Whether an hour, counted from the epoch, lies on a Saturday or a Sunday (UTC).
const fn is_weekend(hour: i32) -> bool {
    matches!((hour.div_euclid(24) + 3).rem_euclid(7), 5 | 6)
}

/// The class of outbound mail of people and programs here.
pub(crate) fn outbound() -> u8 {
    Traffic::DEFAULT.code()
}

#[cfg(test)]
mod tests {
    use mailvane_metric::Figures;

    use super::*;

    /// A Monday at midnight, in minutes from the epoch.
    const MONDAY: i32 = 29_892_960;
    const METRIC: Measure = Measure::Figure(Figure::RecipientsFirstTried);

    /// A series with so many in each hour; it was settled at every hour.
    fn hourly(hours: i32, of_hour: impl Fn(i32) -> i64) -> Series {
        let name = Name { class: outbound(), dimension: Dimension::SenderDomain, key: Arc::from("example.com") };
        let mut series = Series::new(name, MONDAY);
        for hour in 0..hours {
            let minute = MONDAY + hour * 60;
            series.settle(minute);
            let count = of_hour(hour);
            if count > 0 {
                let mut figures = Figures::default();
                figures.add(Figure::RecipientsFirstTried, count);
                series.history.add(minute, Counts::of(&figures), Some(&figures));
            }
        }
        series
    }

    fn at(hour: i32) -> Time {
        history::time_of(MONDAY + hour * 60)
    }

    #[test]
    fn the_day_after_a_newsletter_expects_none() {
        assert_eq!((at(0).0 / Time::DAY + 3) % 7, 0, "the first day is a Monday");
        let tuesday_at_ten = |hour: i32| if hour % 168 == 34 { 1_000 } else { 0 };
        for (hours, usual) in [(58, 0.0), (82, 0.0), (168 + 58, 0.0), (2 * 168 + 34, 1_000.0)] {
            let series = hourly(hours, tuesday_at_ten);
            let expected = series.at_least(METRIC, at(hours), at(hours + 1));
            assert!((expected - usual).abs() <= usual * 0.4, "hour {hours}: {expected}");
        }
    }

    #[test]
    fn the_steady_part_of_what_comes_in_batches_is_its_least() {
        let series = hourly(9 * 24, |hour| if hour % 37 == 5 { 2_000 } else { 60 });
        let least = series.least(METRIC, at(9 * 24), at(9 * 24 + 1));
        assert!((least - 60.0).abs() < 0.1, "{least}");
        assert!(series.expected(METRIC, at(9 * 24), at(9 * 24 + 1)).0 >= 60.0);
    }

    #[test]
    fn a_first_weekend_expects_what_workdays_bring_and_an_incident_a_week_ago_is_no_zero() {
        let usual = |hours: i32, series: &Series| series.expected(METRIC, at(hours), at(hours + 1)).0;
        let saturday = 5 * 24 + 3;
        assert!((usual(saturday, &hourly(saturday, |_| 25)) - 25.0).abs() < 1e-9);
        let mut series = hourly(saturday + 1, |_| 25);
        series.history.mark_bad(at(saturday));
        for hour in saturday + 1..saturday + 168 {
            series.settle(MONDAY + hour * 60);
            let mut figures = Figures::default();
            figures.add(Figure::RecipientsFirstTried, 25);
            series.history.add(MONDAY + hour * 60, Counts::of(&figures), Some(&figures));
        }
        assert!((usual(saturday + 168, &series) - 25.0).abs() < 1e-9, "{}", usual(saturday + 168, &series));
    }

    #[test]
    fn a_silence_that_was_told_does_not_teach_that_nothing_is_usual() {
        // Two days and a half of nothing, among steady hours.
        let (from, until) = (7 * 24, 9 * 24 + 12);
        let mut series = hourly(10 * 24, |hour| if (from..until).contains(&hour) { 0 } else { 60 });
        let least = |series: &Series| series.least(METRIC, at(10 * 24), at(10 * 24 + 1));
        assert_eq!(least(&series), 0.0);
        series.history.mark_empty_bad(at(from), at(until));
        assert!((least(&series) - 60.0).abs() < 0.1, "{}", least(&series));
        assert_eq!(series.history.last(), Some(MONDAY + (10 * 24 - 1) * 60), "marks are no mail");
    }

    #[test]
    fn a_long_window_is_judged_by_long_windows_of_the_past() {
        let series = hourly(6 * 24, |hour| if (8..18).contains(&(hour % 24)) { 100 } else { 0 });
        assert!((series.peak_of(METRIC, Time::HOUR) - 100.0).abs() < 0.1);
        assert!((series.peak_of(METRIC, 6 * Time::HOUR) - 600.0).abs() < 0.1);
    }

    #[test]
    fn what_was_told_is_left_out_of_long_windows_and_kept_in_what_is_saved() {
        let mut series = hourly(48, |_| 10);
        let counted =
            |series: &Series| (METRIC.of(&series.window(at(48), Time::DAY)).count, METRIC.of(&series.untold(at(48), Time::DAY)).count);
        assert_eq!(counted(&series), (240, 240));
        series.history.mark_told(at(42));
        assert_eq!(counted(&series), (240, 180));
        assert!(series.peak(METRIC, true) > 0.0, "it is still learned from");
        let mut book = Book::default();
        book.refill(vec![series]);
        let again = Book::restore(book.save()).get(outbound(), Dimension::SenderDomain, "example.com").cloned();
        assert_eq!(again.map(|series| counted(&series)), Some((240, 180)));
    }
}
