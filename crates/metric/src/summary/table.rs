//! Bounded tables by string: a lookup without allocation, and a tail that is dropped in the open.
//!
//! A full table drops its lightest lines (their counts go to `other`), so the busiest stay: what a line can have lost is
//! bounded by `short_by`, as in lossy counting.

use ahash::AHashMap;

use crate::cell::Figures;
use crate::count::Marks;
use crate::figure::Figure;
use crate::histogram::DenseHistogram;

/// The sums of one key.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    /// The counts.
    pub(super) counts: Counts,
    /// The sum of delays, milliseconds.
    pub(super) delay_sum: i64,
    /// How many delays are in it.
    pub(super) delay_count: i64,
    /// The longest delay.
    pub(super) delay_max: u64,
    /// All delays, where the table keeps them.
    pub(super) delays: Option<Box<DenseHistogram>>,
}

/// Counts by figure.
#[derive(Clone, Debug)]
pub(super) struct Counts(pub(super) [i64; Figure::SIZE]);

impl Default for Counts {
    fn default() -> Self {
        Counts([0; Figure::SIZE])
    }
}

impl Counts {
    pub(super) fn figures(&self) -> Figures {
        let mut figures = Figures::default();
        figures.counts = self.0;
        figures
    }

    pub(super) fn merge(&mut self, other: &Counts) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }

    pub(super) fn get(&self, figure: Figure) -> i64 {
        self.0[usize::from(figure.code())]
    }
}

impl Sums {
    /// Adds what a row adds.
    #[inline]
    pub(super) fn apply(&mut self, marks: &Marks, sign: i64) {
        marks.apply(&mut self.counts.0, sign);
    }

    /// Adds a delay; a negative sign takes it away (the longest stays, it cannot be known).
    #[inline]
    pub(super) fn delay(&mut self, delay_ms: u64, sign: i64) {
        self.delay_sum += delay_ms as i64 * sign;
        self.delay_count += sign;
        if sign > 0 {
            self.delay_max = self.delay_max.max(delay_ms);
        }
        if let Some(delays) = &mut self.delays {
            delays.add(crate::histogram::bucket_of(delay_ms), sign);
        }
    }

    pub(super) fn merge(&mut self, other: &Sums) {
        self.counts.merge(&other.counts);
        self.delay_sum += other.delay_sum;
        self.delay_count += other.delay_count;
        self.delay_max = self.delay_max.max(other.delay_max);
        if let Some(theirs) = &other.delays {
            self.delays.get_or_insert_default().merge(theirs);
        }
    }

    /// What decides who stays and who stands first: final recipients, then attempts and messages.
    pub(super) fn weight(&self) -> i64 {
        let counts = &self.counts;
        let finals = [Figure::Delivered, Figure::Relayed, Figure::Bounced, Figure::Expired, Figure::Queued, Figure::Unknown];
        let finals: i64 = finals.iter().map(|figure| counts.get(*figure)).sum();
        finals.max(counts.get(Figure::Recipients)).max(counts.get(Figure::Received))
    }
}

/// A bounded table of sums.
#[derive(Clone, Debug)]
pub(super) struct Table {
    index: AHashMap<Box<str>, u32>,
    /// The sums of each key; the key of a dropped line is gone from `index` and its place is free.
    lines: Vec<Sums>,
    limit: usize,
    with_delays: bool,
    pub(super) other: Sums,
    /// How many keys were dropped.
    pub(super) dropped: u64,
    /// The greatest weight that a dropped line had.
    pub(super) short_by: u64,
}

impl Table {
    pub(super) fn new(limit: usize, with_delays: bool) -> Self {
        Table { index: AHashMap::new(), lines: Vec::new(), limit, with_delays, other: Sums::default(), dropped: 0, short_by: 0 }
    }

    /// The sums of a key.
    #[inline]
    pub(super) fn line(&mut self, key: &str) -> &mut Sums {
        if let Some(at) = self.index.get(key) {
            return &mut self.lines[*at as usize];
        }
        self.insert(key)
    }

    #[cold]
    fn insert(&mut self, key: &str) -> &mut Sums {
        if self.lines.len() >= self.limit {
            self.drop_light_ones();
        }
        let at = self.lines.len();
        let delays = self.with_delays.then(Box::default);
        self.lines.push(Sums { delays, ..Sums::default() });
        self.index.insert(key.into(), at as u32);
        &mut self.lines[at]
    }

    /// Drops the lighter half.
    fn drop_light_ones(&mut self) {
        let mut weights: Vec<i64> = self.lines.iter().map(Sums::weight).collect();
        let half = weights.len() / 2;
        let threshold = *weights.select_nth_unstable(half).1;
        let mut index = AHashMap::with_capacity(self.limit);
        let mut lines = Vec::with_capacity(self.limit);
        let mut room = self.limit / 2;
        let mut entries: Vec<(Box<str>, u32)> = self.index.drain().collect();
        entries.sort_unstable_by_key(|entry| entry.1);
        for (key, at) in entries {
            let sums = std::mem::take(&mut self.lines[at as usize]);
            let weight = sums.weight();
            if weight > threshold || (weight == threshold && room > 0 && weight > 1) {
                room = room.saturating_sub(1);
                index.insert(key, lines.len() as u32);
                lines.push(sums);
            } else {
                self.other.merge(&sums);
                self.dropped += 1;
                self.short_by = self.short_by.max(weight.max(0) as u64);
            }
        }
        self.index = index;
        self.lines = lines;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Sums)> {
        self.index.iter().map(|(key, at)| (&**key, &self.lines[*at as usize]))
    }

    pub(super) fn merge(&mut self, other: &Table) {
        let mut theirs: Vec<(&str, u32)> = other.index.iter().map(|(key, at)| (&**key, *at)).collect();
        theirs.sort_unstable_by_key(|entry| entry.1);
        for (key, at) in theirs {
            self.line(key).merge(&other.lines[at as usize]);
        }
        self.other.merge(&other.other);
        self.dropped += other.dropped;
        self.short_by += other.short_by;
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }
}

/// A bounded table of counts.
#[derive(Clone, Debug)]
pub(super) struct Tallies {
    counts: AHashMap<Box<str>, (u64, Box<str>)>,
    limit: usize,
    /// How many keys were dropped.
    pub(super) dropped: u64,
}

impl Tallies {
    pub(super) fn new(limit: usize) -> Self {
        Tallies { counts: AHashMap::new(), limit, dropped: 0 }
    }

    /// Counts a key; `name` is kept the first time it is not empty.
    pub(super) fn add(&mut self, key: &str, name: &str, count: u64) {
        if let Some(entry) = self.counts.get_mut(key) {
            entry.0 += count;
            if entry.1.is_empty() && !name.is_empty() {
                entry.1 = name.into();
            }
            return;
        }
        if self.counts.len() >= self.limit {
            self.drop_light_ones();
        }
        self.counts.insert(key.into(), (count, name.into()));
    }

    fn drop_light_ones(&mut self) {
        let mut weights: Vec<u64> = self.counts.values().map(|entry| entry.0).collect();
        let half = weights.len() / 2;
        let threshold = *weights.select_nth_unstable(half).1;
        let before = self.counts.len();
        self.counts.retain(|_, entry| entry.0 > threshold);
        self.dropped += (before - self.counts.len()) as u64;
    }

    pub(super) fn merge(&mut self, other: &Tallies) {
        for (key, (count, name)) in &other.counts {
            self.add(key, name, *count);
        }
        self.dropped += other.dropped;
    }

    /// The most frequent.
    pub(super) fn top(&self, limit: usize) -> Vec<super::report::Tally> {
        let mut all: Vec<_> = self.counts.iter().map(|(key, entry)| (entry.0, &**key, &*entry.1)).collect();
        all.sort_unstable_by(|left, right| right.0.cmp(&left.0).then_with(|| left.1.cmp(right.1)));
        let of = |(count, key, name): &(u64, &str, &str)| super::report::Tally { key: (*key).into(), name: (*name).into(), count: *count };
        all.iter().take(limit).map(of).collect()
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }
}
