//! The recipients of one traffic. There are more of them than of anything else, so what is kept of each is small.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use mailvane_model::Address;

use super::report::{Breakdown, Limit, Line};
use super::table::{Counts, Hashed};
use crate::count::{Marks, Rates};
use crate::figure::Figure;

/// How many recipients are told apart.
const RECIPIENTS: usize = 100_000;
/// What is kept of each recipient.
const KEPT: [Figure; 5] = [Figure::Delivered, Figure::Relayed, Figure::Bounced, Figure::Expired, Figure::Queued];

/// The sums of one recipient.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    /// By [`KEPT`].
    counts: [i32; KEPT.len()],
    /// Where the address ends in the text of all addresses.
    end: u32,
    bytes: i64,
}

impl Sums {
    fn weight(&self) -> i64 {
        self.counts.iter().map(|count| i64::from(*count)).sum()
    }
}

/// A bounded table of recipients; it drops the lighter half when it is full.
#[derive(Clone, Debug, Default)]
pub(super) struct Recipients {
    hasher: ahash::RandomState,
    index: HashMap<u64, u32, BuildHasherDefault<Hashed>>,
    /// All addresses, end to end.
    text: String,
    all: Vec<Sums>,
    dropped: u64,
    short_by: u64,
    key: String,
}

impl Recipients {
    /// Adds what an outcome adds.
    #[inline]
    pub(super) fn add(&mut self, recipient: Address<'_>, marks: &Marks, bytes: u64, sign: i64) {
        let Some(kept) = KEPT.iter().position(|figure| marks.has(*figure)) else { return };
        self.key.clear();
        self.key.push_str(recipient.local);
        if !recipient.domain.is_empty() {
            self.key.push('@');
            self.key.push_str(recipient.domain);
        }
        let key = std::mem::take(&mut self.key);
        let sums = self.at(&key);
        sums.counts[kept] += sign as i32;
        // Bytes count where somebody took the message over.
        sums.bytes += if kept < 2 { bytes as i64 * sign } else { 0 };
        self.key = key;
    }

    #[inline]
    fn at(&mut self, key: &str) -> &mut Sums {
        let hash = self.hasher.hash_one(key);
        let at = match self.index.get(&hash) {
            Some(at) => *at as usize,
            None => self.insert(key, hash),
        };
        &mut self.all[at]
    }

    #[cold]
    fn insert(&mut self, key: &str, hash: u64) -> usize {
        if self.all.len() >= RECIPIENTS {
            self.drop_light_ones();
        }
        let at = self.all.len();
        self.text.push_str(key);
        self.all.push(Sums { end: self.text.len() as u32, ..Sums::default() });
        self.index.insert(hash, at as u32);
        at
    }

    fn drop_light_ones(&mut self) {
        let mut weights: Vec<i64> = self.all.iter().map(Sums::weight).collect();
        let half = weights.len() / 2;
        let threshold = *weights.select_nth_unstable(half).1;
        let old = std::mem::take(self);
        self.hasher = old.hasher.clone();
        (self.dropped, self.short_by) = (old.dropped, old.short_by);
        self.index.reserve(RECIPIENTS);
        for (key, sums) in old.iter() {
            if sums.weight() > threshold {
                let hash = self.hasher.hash_one(key);
                let at = self.insert(key, hash);
                self.all[at] = Sums { end: self.all[at].end, ..*sums };
            } else {
                self.dropped += 1;
                self.short_by = self.short_by.max(sums.weight().max(0) as u64);
            }
        }
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &Sums)> {
        let mut start = 0;
        self.all.iter().map(move |sums| {
            let end = sums.end as usize;
            let key = self.text.get(start..end).unwrap_or_default();
            start = end;
            (key, sums)
        })
    }

    pub(super) fn merge(&mut self, other: &Recipients) {
        for (key, theirs) in other.iter() {
            let mine = self.at(key);
            for (mine, theirs) in mine.counts.iter_mut().zip(theirs.counts) {
                *mine += theirs;
            }
            mine.bytes += theirs.bytes;
        }
        self.dropped += other.dropped;
        self.short_by += other.short_by;
    }

    pub(super) fn limit(&self) -> Option<Limit> {
        (self.dropped > 0).then(|| Limit { table: "recipients".into(), limit: RECIPIENTS as u64, dropped: self.dropped })
    }

    /// The busiest, and the sum of all others out of the sums of the traffic.
    pub(super) fn by_count(&self, top: usize, traffic: &Counts) -> Breakdown {
        let lines = self.top(top, Sums::weight);
        let total = self.all.len() as u64 + self.dropped;
        let other = (total > lines.len() as u64).then(|| {
            let mut rest = Counts::default();
            for figure in KEPT.into_iter().chain([Figure::DeliveredBytes]) {
                let shown: i64 = lines.iter().map(|line| line.get(figure)).sum();
                rest.0[usize::from(figure.code())] = traffic.get(figure) - shown;
            }
            let figures = rest.figures();
            Line { rates: Rates::of(&figures), figures, ..Line::default() }
        });
        Breakdown { lines, total, other, short_by: self.short_by }
    }

    /// Those with the most bytes.
    pub(super) fn by_bytes(&self, top: usize) -> Vec<Line> {
        let mut lines = self.top(top, |sums| sums.bytes);
        lines.retain(|line| line.get(Figure::DeliveredBytes) > 0);
        lines
    }

    fn top(&self, top: usize, weight: impl Fn(&Sums) -> i64) -> Vec<Line> {
        let mut all: Vec<(i64, &str, &Sums)> = self.iter().map(|(key, sums)| (weight(sums), key, sums)).collect();
        let order = |left: &(i64, &str, &Sums), right: &(i64, &str, &Sums)| right.0.cmp(&left.0).then_with(|| left.1.cmp(right.1));
        if all.len() > top && top > 0 {
            all.select_nth_unstable_by(top - 1, order);
        }
        all.truncate(top);
        all.sort_unstable_by(order);
        all.iter().map(|(_, key, sums)| line(key, sums)).collect()
    }
}

fn line(key: &str, sums: &Sums) -> Line {
    let mut counts = Counts::default();
    for (figure, count) in KEPT.iter().zip(sums.counts) {
        counts.0[usize::from(figure.code())] = i64::from(count);
    }
    counts.0[usize::from(Figure::DeliveredBytes.code())] = sums.bytes;
    let figures = counts.figures();
    Line { key: key.into(), rates: Rates::of(&figures), figures, ..Line::default() }
}
