//! Traffic over time, kept in quarters of an hour, because zones are whole quarters apart.

use std::collections::BTreeMap;

use ahash::AHashMap;
use mailvane_model::Time;

use super::report::{Limit, Step};
use super::table::Counts;
use crate::count::Marks;
use crate::figure::Traffic;
use mailvane_model::word::Population;

/// A quarter of an hour.
const QUARTER: i64 = 15 * Time::MINUTE;
/// Two years of quarters.
const QUARTERS: usize = 2 * 366 * 96;

#[derive(Clone, Debug, Default)]
struct Sums {
    outbound: Counts,
    others: Counts,
    rejected: u64,
}

impl Sums {
    fn merge(&mut self, other: &Sums) {
        self.outbound.merge(&other.outbound);
        self.others.merge(&other.others);
        self.rejected += other.rejected;
    }

    fn step(&self, start: Time) -> Step {
        Step { start, outbound: self.outbound.figures(), others: self.others.figures(), rejected: self.rejected }
    }
}

/// Sums by quarter of an hour.
#[derive(Clone, Debug, Default)]
pub(super) struct Steps {
    index: AHashMap<i64, u32>,
    quarters: Vec<(i64, Sums)>,
    last: usize,
    dropped: u64,
}

impl Steps {
    #[inline]
    fn at(&mut self, time: Time) -> Option<&mut Sums> {
        let quarter = time.0.div_euclid(QUARTER);
        if self.quarters.get(self.last).is_none_or(|entry| entry.0 != quarter) {
            self.last = self.find(quarter)?;
        }
        Some(&mut self.quarters[self.last].1)
    }

    #[cold]
    fn find(&mut self, quarter: i64) -> Option<usize> {
        if let Some(at) = self.index.get(&quarter) {
            return Some(*at as usize);
        }
        if self.quarters.len() >= QUARTERS {
            self.dropped += 1;
            return None;
        }
        let at = self.quarters.len();
        self.index.insert(quarter, at as u32);
        self.quarters.push((quarter, Sums::default()));
        Some(at)
    }

    /// Adds what a row of ordinary mail adds; other populations have no place here.
    #[inline]
    pub(super) fn add(&mut self, time: Time, traffic: Traffic, marks: &Marks, sign: i64) {
        if traffic.population != Population::Ordinary {
            return;
        }
        if let Some(sums) = self.at(time) {
            let counts = if traffic == Traffic::DEFAULT { &mut sums.outbound } else { &mut sums.others };
            marks.apply(&mut counts.0, sign);
        }
    }

    /// Counts a refusal at the door.
    pub(super) fn reject(&mut self, time: Time) {
        if let Some(sums) = self.at(time) {
            sums.rejected += 1;
        }
    }

    pub(super) fn merge(&mut self, other: &Steps) {
        for (quarter, theirs) in &other.quarters {
            if let Some(at) = self.find(*quarter) {
                self.quarters[at].1.merge(theirs);
            }
        }
        self.dropped += other.dropped;
    }

    pub(super) fn limit(&self) -> Option<Limit> {
        (self.dropped > 0).then(|| Limit { table: "quarters of an hour".into(), limit: QUARTERS as u64, dropped: self.dropped })
    }

    /// By hour, by day, and by hour of the day; `offset_minutes` says how far east of UTC the reader's clock is at a time.
    pub(super) fn finish(&self, offset_minutes: &dyn Fn(Time) -> i32) -> [Vec<Step>; 3] {
        let mut hours: BTreeMap<i64, Sums> = BTreeMap::new();
        let mut days: BTreeMap<i64, Sums> = BTreeMap::new();
        let mut of_day: BTreeMap<i64, Sums> = (0..24).map(|hour| (hour * Time::HOUR, Sums::default())).collect();
        for (quarter, sums) in &self.quarters {
            let utc = Time(quarter * QUARTER);
            let offset = i64::from(offset_minutes(utc)) * Time::MINUTE;
            let local = utc.0 + offset;
            hours.entry(local.div_euclid(Time::HOUR) * Time::HOUR - offset).or_default().merge(sums);
            // The day begins when the clock of its first quarter says so: on a day of a clock change that is still one day.
            days.entry(local.div_euclid(Time::DAY)).or_default().merge(sums);
            of_day.entry(local.rem_euclid(Time::DAY).div_euclid(Time::HOUR) * Time::HOUR).or_default().merge(sums);
        }
        let steps = |sums: &BTreeMap<i64, Sums>| sums.iter().map(|(start, sums)| sums.step(Time(*start))).collect::<Vec<_>>();
        let days = days
            .iter()
            .map(|(day, sums)| {
                let midnight = Time(day * Time::DAY);
                let offset = i64::from(offset_minutes(midnight)) * Time::MINUTE;
                sums.step(midnight.plus(-offset))
            })
            .collect();
        [steps(&hours), days, steps(&of_day)]
    }
}
