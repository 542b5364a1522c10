//! What a week usually is for one series: sums by hour of the week, older weeks counting less.

use crate::measure::{Counts, SLOTS, Sums};
use crate::series::history::Entry;

/// Hours of a week.
const WEEK: i32 = 168;
/// What a week counts beside the week after it: half after four to five weeks.
pub(crate) const DECAY: f32 = 0.86;
/// Busiest quarters and hours are forgotten by this factor a day.
const PEAK_DECAY: f32 = 0.97;
/// The spread of an hour around its usual value is forgotten by this factor an hour.
const SPREAD_DECAY: f32 = 0.998;
/// Sums are turned to whole numbers in this unit, so that old weeks do not vanish by rounding.
const UNIT: f32 = 16.0;

/// One hour of the week.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bucket {
    /// The hour of the week, 0 to 167.
    pub(crate) hour: u8,
    /// The week it was last added to.
    pub(crate) week: i32,
    pub(crate) sum: [f32; SLOTS],
}

/// What was learned.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Season {
    /// The first hour that was seen, counted from the epoch.
    pub(crate) first_hour: i32,
    /// Hours of the week with anything in them, sorted.
    pub(crate) buckets: Vec<Bucket>,
    /// Squared distance from what was expected, and what was expected.
    pub(crate) spread: [f32; SLOTS],
    pub(crate) expected: [f32; SLOTS],
    /// As `spread`, of hours below what was expected.
    pub(crate) lack: [f32; SLOTS],
    /// The busiest quarter and hour: value and day.
    pub(crate) peaks: [[f32; SLOTS]; 2],
    pub(crate) peak_day: i32,
}

impl Season {
    pub(crate) fn new(first_hour: i32) -> Self {
        Season {
            first_hour,
            buckets: Vec::new(),
            spread: [0.0; SLOTS],
            expected: [0.0; SLOTS],
            lack: [0.0; SLOTS],
            peaks: [[0.0; SLOTS]; 2],
            peak_day: i32::MIN,
        }
    }

    /// Learns an hour (counted in hours from the epoch). A bad hour counts as a usual one; nothing else is learned from it.
    pub(crate) fn learn(&mut self, hour: i32, counts: &Counts, bad: bool) {
        let weight = self.weight(hour);
        let week = hour.div_euclid(WEEK);
        let of_week = hour.rem_euclid(WEEK) as u8;
        let place = match self.buckets.binary_search_by_key(&of_week, |bucket| bucket.hour) {
            Ok(place) => place,
            Err(place) => {
                self.buckets.insert(place, Bucket { hour: of_week, week, sum: [0.0; SLOTS] });
                place
            }
        };
        let bucket = &mut self.buckets[place];
        let gap = (week - bucket.week).max(0);
        bucket.week = week;
        for slot in 0..SLOTS {
            let value = counts.0[slot] as f32;
            // The newest week of the past counts whole, the one before it less.
            let mean = if weight > 0.0 { bucket.sum[slot] * DECAY.powi((gap - 1).max(0)) / weight } else { value };
            bucket.sum[slot] = bucket.sum[slot] * DECAY.powi(gap) + if bad { mean } else { value };
            if !bad && weight > 0.0 {
                self.spread[slot] = self.spread[slot] * SPREAD_DECAY + (value - mean) * (value - mean);
                let lack = (mean - value).max(0.0);
                self.lack[slot] = self.lack[slot] * SPREAD_DECAY + lack * lack;
                self.expected[slot] = self.expected[slot] * SPREAD_DECAY + mean;
            }
        }
    }

    /// Learns how busy a step was: a quarter (0) or an hour (1) of a day.
    pub(crate) fn peak(&mut self, which: usize, entry: &Entry) {
        let day = entry.at.div_euclid(24 * 60);
        if self.peak_day != i32::MIN && day > self.peak_day {
            let faded = PEAK_DECAY.powi(day - self.peak_day);
            self.peaks.iter_mut().flatten().for_each(|value| *value *= faded);
        }
        self.peak_day = self.peak_day.max(day);
        if !entry.bad {
            for (peak, count) in self.peaks[which].iter_mut().zip(&entry.counts.0) {
                *peak = peak.max(*count as f32);
            }
        }
    }

    /// How many weeks the past of an hour counts for, faded: 0 when it was never seen.
    pub(crate) fn weight(&self, hour: i32) -> f32 {
        let weeks = (hour - self.first_hour).div_euclid(WEEK);
        if weeks <= 0 { 0.0 } else { (1.0 - DECAY.powi(weeks)) / (1.0 - DECAY) }
    }

    /// The faded sum of one number over the weeks before `hour`, at its hour of the week.
    pub(crate) fn sum(&self, slot: usize, hour: i32) -> f32 {
        let (week, of_week) = (hour.div_euclid(WEEK), hour.rem_euclid(WEEK) as u8);
        let found = self.buckets.binary_search_by_key(&of_week, |bucket| bucket.hour);
        found.map_or(0.0, |place| {
            let bucket = &self.buckets[place];
            bucket.sum[slot] * DECAY.powi((week - bucket.week - 1).max(0))
        })
    }

    /// How much the hours vary: variance by mean, at least 1.
    pub(crate) fn dispersion(&self, slot: usize) -> f64 {
        if self.expected[slot] < 1.0 { 1.0 } else { f64::from(self.spread[slot] / self.expected[slot]).max(1.0) }
    }

    /// How much the hours fall short of what is usual: as [`Season::dispersion`], without what batches bring on top.
    pub(crate) fn dispersion_below(&self, slot: usize) -> f64 {
        if self.expected[slot] < 1.0 { 1.0 } else { f64::from(2.0 * self.lack[slot] / self.expected[slot]).max(1.0) }
    }

    /// Everything that was learned, in sixteenths, with whole hours as windows.
    pub(crate) fn total(&self, hour: i32) -> Counts {
        let week = hour.div_euclid(WEEK);
        let mut sum = [0.0; SLOTS];
        for bucket in &self.buckets {
            let faded = DECAY.powi((week - bucket.week).max(0));
            for (sum, value) in sum.iter_mut().zip(&bucket.sum) {
                *sum += value * faded;
            }
        }
        Counts(sum.map(|value| (value * UNIT).min(1e9) as i32))
    }
}

/// How many, out of how many, in a ratio over counts in sixteenths plus whole counts.
pub(crate) fn both(learned: &Sums, recent: &Sums, of: impl Fn(&Sums) -> mailvane_metric::Rate) -> (f64, f64) {
    let (old, new) = (of(learned), of(recent));
    let unit = f64::from(UNIT);
    (old.count as f64 / unit + new.count as f64, old.of as f64 / unit + new.of as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(value: i32) -> Counts {
        let mut counts = Counts::default();
        counts.0[0] = value;
        counts
    }

    #[test]
    fn a_steady_week_is_what_is_expected() {
        let mut season = Season::new(0);
        for hour in 0..WEEK * 6 {
            let value = if hour % 24 == 10 { 100 } else { 10 };
            season.learn(hour, &counts(value), false);
        }
        let busy = WEEK * 6 + 10;
        let mean = season.sum(0, busy) / season.weight(busy);
        assert!((mean - 100.0).abs() < 1.0, "{mean}");
        assert!(season.dispersion(0) < 1.01);
    }

    #[test]
    fn a_bad_hour_teaches_nothing() {
        let mut season = Season::new(0);
        for week in 0..5 {
            season.learn(week * WEEK + 3, &counts(if week == 4 { 10_000 } else { 20 }), week == 4);
        }
        let hour = 5 * WEEK + 3;
        let mean = season.sum(0, hour) / season.weight(hour);
        assert!((mean - 20.0).abs() < 2.0, "{mean}");
    }

    #[test]
    fn hours_that_stay_empty_pull_the_mean_down() {
        let mut season = Season::new(0);
        season.learn(3, &counts(100), false);
        let after = |weeks: i32| season.sum(0, weeks * WEEK + 3) / season.weight(weeks * WEEK + 3);
        assert!(after(1) > 99.0);
        assert!(after(4) < 35.0, "{}", after(4));
    }
}
