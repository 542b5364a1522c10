//! Bounded tables by string: a lookup without allocation, and a tail that is dropped in the open.
//!
//! A full table drops its lightest lines (their counts go to `other`), so the busiest stay: what a line can have lost is
//! bounded by `short_by`, as in lossy counting.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

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

    /// Adds a delay to the histogram alone, where the rest is added up from other lines.
    #[inline]
    pub(super) fn delay_only(&mut self, delay_ms: u64, sign: i64) {
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

    /// Whether everything that was added was taken away again.
    pub(super) fn is_empty(&self) -> bool {
        self.counts.0.iter().all(|count| *count == 0) && self.delay_count == 0
    }

    /// What decides who stays and who stands first: final recipients, then attempts and messages.
    pub(super) fn weight(&self) -> i64 {
        let counts = &self.counts;
        let finals = [Figure::Delivered, Figure::Relayed, Figure::Bounced, Figure::Expired, Figure::Queued, Figure::Unknown];
        let finals: i64 = finals.iter().map(|figure| counts.get(*figure)).sum();
        finals.max(counts.get(Figure::Recipients)).max(counts.get(Figure::Received))
    }
}

/// Passes on a key that is a hash already.
#[derive(Clone, Debug, Default)]
pub(super) struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Only whole words are ever written; anything else still gives a usable value.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// A bounded table of sums.
///
/// Keys are found by their 64-bit hash alone (seeded at random, so that nobody can make two keys meet): reading the key
/// again would be one more access to memory for each row.
#[derive(Clone, Debug)]
pub(super) struct Table {
    hasher: ahash::RandomState,
    index: HashMap<u64, u32, BuildHasherDefault<Hashed>>,
    keys: Vec<Box<str>>,
    lines: Vec<Sums>,
    /// The hash and place of the key asked for last: attempt and outcome of one recipient stand together.
    last: (u64, u32),
    limit: usize,
    with_delays: bool,
    pub(super) other: Sums,
    /// How many keys were dropped.
    pub(super) dropped: u64,
    /// The greatest weight that a dropped line had.
    pub(super) short_by: u64,
}

/// A line that left a table.
pub(super) type Dropped = (Box<str>, Sums);

impl Table {
    pub(super) fn new(limit: usize, with_delays: bool) -> Self {
        Table {
            hasher: ahash::RandomState::new(),
            index: HashMap::default(),
            keys: Vec::new(),
            lines: Vec::new(),
            last: (0, u32::MAX),
            limit,
            with_delays,
            other: Sums::default(),
            dropped: 0,
            short_by: 0,
        }
    }

    /// The sums of a key. What a full table drops is summed up in `other`.
    #[inline]
    pub(super) fn line(&mut self, key: &str) -> &mut Sums {
        let at = match self.find(key) {
            Ok(at) => at,
            Err(hash) => {
                for (_, sums) in self.make_room() {
                    self.other.merge(&sums);
                }
                self.insert(key, hash)
            }
        };
        &mut self.lines[at]
    }

    /// The sums of a key whose sums are part of those of a line in `parents`: what this table drops goes there, so that
    /// the line above stays whole. [`Table::with_children`] adds what was not dropped.
    #[inline]
    pub(super) fn line_under(&mut self, key: &str, parents: &mut Table, parent: fn(&str) -> &str) -> &mut Sums {
        let at = match self.find(key) {
            Ok(at) => at,
            Err(hash) => {
                for (key, sums) in self.make_room() {
                    parents.line(parent(&key)).merge(&sums);
                    self.other.merge(&sums);
                }
                self.insert(key, hash)
            }
        };
        &mut self.lines[at]
    }

    #[inline]
    fn find(&mut self, key: &str) -> Result<usize, u64> {
        let hash = self.hasher.hash_one(key);
        if self.last.0 == hash && self.last.1 != u32::MAX {
            return Ok(self.last.1 as usize);
        }
        let at = *self.index.get(&hash).ok_or(hash)?;
        self.last = (hash, at);
        Ok(at as usize)
    }

    #[cold]
    fn insert(&mut self, key: &str, hash: u64) -> usize {
        let at = self.lines.len();
        let delays = self.with_delays.then(Box::default);
        self.lines.push(Sums { delays, ..Sums::default() });
        self.keys.push(key.into());
        self.index.insert(hash, at as u32);
        self.last = (hash, at as u32);
        at
    }

    /// When the table is full, takes the lighter half out.
    #[cold]
    fn make_room(&mut self) -> Vec<Dropped> {
        if self.lines.len() < self.limit {
            return Vec::new();
        }
        let mut weights: Vec<i64> = self.lines.iter().map(Sums::weight).collect();
        let half = weights.len() / 2;
        let threshold = *weights.select_nth_unstable(half).1;
        let mut room = self.limit / 2;
        let mut dropped = Vec::with_capacity(half + 1);
        let (keys, lines) = (std::mem::take(&mut self.keys), std::mem::take(&mut self.lines));
        self.index.clear();
        self.last = (0, u32::MAX);
        for (key, sums) in keys.into_iter().zip(lines) {
            let weight = sums.weight();
            if weight > threshold || (weight == threshold && room > 0 && weight > 1) {
                room = room.saturating_sub(1);
                self.index.insert(self.hasher.hash_one(&*key), self.lines.len() as u32);
                self.keys.push(key);
                self.lines.push(sums);
            } else {
                self.short_by = self.short_by.max(weight.max(0) as u64);
                dropped.push((key, sums));
            }
        }
        self.dropped += dropped.len() as u64;
        dropped
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Sums)> {
        self.keys.iter().map(|key| &**key).zip(&self.lines)
    }

    /// This table with the sums of its children added, each to the line above it.
    pub(super) fn with_children(&self, children: &Table, parent: fn(&str) -> &str) -> Table {
        let mut whole = self.clone();
        for (key, sums) in children.iter() {
            whole.line(parent(key)).merge(sums);
        }
        whole
    }

    pub(super) fn merge(&mut self, other: &Table) {
        for (key, sums) in other.iter() {
            self.line(key).merge(sums);
        }
        self.take_tail(other);
    }

    /// As [`Table::merge`], for a table whose lines are parts of lines in `parents`.
    pub(super) fn merge_under(&mut self, other: &Table, parents: &mut Table, parent: fn(&str) -> &str) {
        for (key, sums) in other.iter() {
            self.line_under(key, parents, parent).merge(sums);
        }
        self.take_tail(other);
    }

    fn take_tail(&mut self, other: &Table) {
        self.other.merge(&other.other);
        self.dropped += other.dropped;
        self.short_by += other.short_by;
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }
}

/// A bounded table of counts. Keys are found as those of a [`Table`].
#[derive(Clone, Debug)]
pub(super) struct Tallies {
    hasher: ahash::RandomState,
    index: HashMap<u64, Tally, BuildHasherDefault<Hashed>>,
    /// Keys and names, by [`Tally::at`].
    words: Vec<(Box<str>, Box<str>)>,
    limit: usize,
    /// How many keys were dropped.
    pub(super) dropped: u64,
}

/// A count stands with its hash: most keys that come are known, and their words are not looked at.
#[derive(Clone, Copy, Debug)]
struct Tally {
    count: u64,
    at: u32,
    named: bool,
}

impl Tallies {
    pub(super) fn new(limit: usize) -> Self {
        Tallies { hasher: ahash::RandomState::new(), index: HashMap::default(), words: Vec::new(), limit, dropped: 0 }
    }

    /// Counts a key; `name` is kept the first time it is not empty.
    #[inline]
    pub(super) fn add(&mut self, key: &str, name: &str, count: u64) {
        let hash = self.hasher.hash_one(key);
        let Some(tally) = self.index.get_mut(&hash) else { return self.insert(key, name, count, hash) };
        tally.count += count;
        if !tally.named && !name.is_empty() {
            tally.named = true;
            self.words[tally.at as usize].1 = name.into();
        }
    }

    #[cold]
    fn insert(&mut self, key: &str, name: &str, count: u64, hash: u64) {
        if self.index.len() >= self.limit {
            self.drop_light_ones();
        }
        self.index.insert(hash, Tally { count, at: self.words.len() as u32, named: !name.is_empty() });
        self.words.push((key.into(), name.into()));
    }

    fn drop_light_ones(&mut self) {
        let mut weights: Vec<u64> = self.index.values().map(|tally| tally.count).collect();
        let half = weights.len() / 2;
        let threshold = *weights.select_nth_unstable(half).1;
        let before = self.index.len();
        let (index, words) = (std::mem::take(&mut self.index), std::mem::take(&mut self.words));
        self.index.reserve(before);
        let mut words: Vec<Option<(Box<str>, Box<str>)>> = words.into_iter().map(Some).collect();
        for (hash, tally) in index.into_iter().filter(|(_, tally)| tally.count > threshold) {
            if let Some(kept) = words.get_mut(tally.at as usize).and_then(Option::take) {
                self.index.insert(hash, Tally { at: self.words.len() as u32, ..tally });
                self.words.push(kept);
            }
        }
        self.dropped += (before - self.index.len()) as u64;
    }

    fn all(&self) -> Vec<(u64, &str, &str)> {
        self.index
            .values()
            .map(|tally| {
                let (key, name) = &self.words[tally.at as usize];
                (tally.count, &**key, &**name)
            })
            .collect()
    }

    pub(super) fn merge(&mut self, other: &Tallies) {
        for (count, key, name) in other.all() {
            self.add(key, name, count);
        }
        self.dropped += other.dropped;
    }

    /// The most frequent.
    pub(super) fn top(&self, limit: usize) -> Vec<super::report::Tally> {
        let mut all = self.all();
        all.sort_unstable_by(|left, right| right.0.cmp(&left.0).then_with(|| left.1.cmp(right.1)));
        let of = |(count, key, name): &(u64, &str, &str)| super::report::Tally { key: (*key).into(), name: (*name).into(), count: *count };
        all.iter().take(limit).map(of).collect()
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }
}
