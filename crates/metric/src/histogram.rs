//! Histograms with logarithmic buckets: any quantile within 2 % of the true value, mergeable and subtractable.
//!
//! A value below 32 has a bucket of its own; above, every power of two is cut into 32 equal buckets, and a bucket is read
//! as its middle: the error is at most 1/64 of the value (1.6 %).

/// Buckets of one power of two.
const SUB_BUCKETS: u64 = 32;
/// The binary logarithm of [`SUB_BUCKETS`].
const SUB_BITS: u32 = 5;
/// How many buckets the whole range of `u64` has.
pub const BUCKETS: usize = 60 * SUB_BUCKETS as usize;

/// The bucket of a value.
#[inline]
pub const fn bucket_of(value: u64) -> u16 {
    if value < SUB_BUCKETS {
        return value as u16;
    }
    let exponent = value.ilog2();
    let sub = (value >> (exponent - SUB_BITS)) & (SUB_BUCKETS - 1);
    ((exponent - SUB_BITS + 1) * SUB_BUCKETS as u32) as u16 + sub as u16
}

/// The value that stands for a bucket: its middle.
pub const fn value_of(bucket: u16) -> u64 {
    let bucket = bucket as u64;
    if bucket < SUB_BUCKETS {
        return bucket;
    }
    let shift = bucket / SUB_BUCKETS - 1;
    if shift > 58 {
        return u64::MAX;
    }
    let low = (SUB_BUCKETS + bucket % SUB_BUCKETS) << shift;
    low + ((1_u64 << shift) >> 1)
}

/// A sparse histogram, for cells: most hold a handful of values. Counts may be negative in a delta.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Bucket and count, by bucket, no count 0.
    buckets: Vec<(u16, i64)>,
}

impl Histogram {
    /// Adds a value.
    pub fn record(&mut self, value: u64) {
        self.add(bucket_of(value), 1);
    }

    /// Adds `count` values of one bucket.
    pub fn add(&mut self, bucket: u16, count: i64) {
        if count == 0 {
            return;
        }
        match self.buckets.binary_search_by_key(&bucket, |entry| entry.0) {
            Ok(at) => {
                self.buckets[at].1 += count;
                if self.buckets[at].1 == 0 {
                    self.buckets.remove(at);
                }
            }
            Err(at) => self.buckets.insert(at, (bucket, count)),
        }
    }

    /// Adds another histogram, each count times `sign` (1 or -1).
    pub fn merge(&mut self, other: &Histogram, sign: i64) {
        if other.buckets.len() <= 4 {
            for (bucket, count) in &other.buckets {
                self.add(*bucket, count * sign);
            }
            return;
        }
        // Mostly all buckets are there already: the sums of many steps are made without moving anything.
        let (mut at, mut vanishes) = (0, false);
        let mut missing = Vec::new();
        for (bucket, count) in &other.buckets {
            while self.buckets.get(at).is_some_and(|mine| mine.0 < *bucket) {
                at += 1;
            }
            match self.buckets.get_mut(at).filter(|mine| mine.0 == *bucket) {
                Some(mine) => {
                    mine.1 += count * sign;
                    vanishes |= mine.1 == 0;
                }
                None => missing.push((*bucket, count * sign)),
            }
        }
        if vanishes {
            self.buckets.retain(|mine| mine.1 != 0);
        }
        self.weave(&missing);
    }

    /// Puts buckets that it does not have, in order, between those that it has: from the last to the first, so that each moves once.
    fn weave(&mut self, missing: &[(u16, i64)]) {
        let (mut left, mut right) = (self.buckets.len(), missing.len());
        self.buckets.resize(left + right, (0, 0));
        while right > 0 {
            let place = left + right - 1;
            if left > 0 && self.buckets[left - 1].0 > missing[right - 1].0 {
                left -= 1;
                self.buckets[place] = self.buckets[left];
            } else {
                right -= 1;
                self.buckets[place] = missing[right];
            }
        }
    }

    /// Turns every count to its negative.
    pub fn negate(&mut self) {
        for entry in &mut self.buckets {
            entry.1 = -entry.1;
        }
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// How many values it holds.
    pub fn count(&self) -> i64 {
        self.buckets.iter().map(|entry| entry.1).sum()
    }

    /// Bucket and count of every bucket that is not empty, by bucket.
    pub fn buckets(&self) -> &[(u16, i64)] {
        &self.buckets
    }

    /// How many values lie above `value`; those of its own bucket count as not above.
    pub fn count_above(&self, value: u64) -> i64 {
        let bucket = bucket_of(value);
        self.buckets.iter().filter(|entry| entry.0 > bucket).map(|entry| entry.1).sum()
    }

    /// The value below which the share `quantile` (0 to 1) of all values lies; `None` when there are none.
    pub fn quantile(&self, quantile: f64) -> Option<u64> {
        quantile_of(self.buckets.iter().copied(), quantile)
    }

    /// p50, p90, p95, p99, largest and count at once.
    pub fn percentiles(&self) -> Percentiles {
        Percentiles {
            count: self.count().max(0) as u64,
            p50: self.quantile(0.50),
            p90: self.quantile(0.90),
            p95: self.quantile(0.95),
            p99: self.quantile(0.99),
            max: self.quantile(1.0),
        }
    }
}

/// The nearest-rank quantile of counted buckets; buckets without a positive count are passed over.
fn quantile_of(buckets: impl Iterator<Item = (u16, i64)> + Clone, quantile: f64) -> Option<u64> {
    let total: i64 = buckets.clone().map(|entry| entry.1.max(0)).sum();
    if total <= 0 {
        return None;
    }
    let rank = ((quantile.clamp(0.0, 1.0) * total as f64).ceil() as i64).clamp(1, total);
    let mut seen = 0;
    for (bucket, count) in buckets {
        seen += count.max(0);
        if seen >= rank {
            return Some(value_of(bucket));
        }
    }
    None
}

/// A few quantiles of one histogram, in its unit (delays: milliseconds). `None` without values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Percentiles {
    /// How many values.
    pub count: u64,
    /// The median.
    pub p50: Option<u64>,
    /// 90 % lie below.
    pub p90: Option<u64>,
    /// 95 % lie below.
    pub p95: Option<u64>,
    /// 99 % lie below.
    pub p99: Option<u64>,
    /// The largest.
    pub max: Option<u64>,
}

/// A histogram with a slot for every bucket that was needed so far: for the few that take every row of a fold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DenseHistogram {
    counts: Vec<i64>,
}

impl DenseHistogram {
    /// Adds a value.
    #[inline]
    pub fn record(&mut self, value: u64) {
        self.add(bucket_of(value), 1);
    }

    /// Adds `count` values of one bucket.
    #[inline]
    pub fn add(&mut self, bucket: u16, count: i64) {
        let at = usize::from(bucket);
        if at >= self.counts.len() {
            self.counts.resize(at + 1, 0);
        }
        self.counts[at] += count;
    }

    /// Adds another one.
    pub fn merge(&mut self, other: &DenseHistogram) {
        if other.counts.len() > self.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
    }

    /// The same values, kept sparsely.
    pub fn to_sparse(&self) -> Histogram {
        let filled = self.counts.iter().enumerate().filter(|entry| *entry.1 != 0);
        Histogram { buckets: filled.map(|(bucket, count)| (bucket as u16, *count)).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buckets_are_in_order_and_cover_everything() {
        assert_eq!(bucket_of(0), 0);
        assert_eq!(bucket_of(31), 31);
        assert_eq!(bucket_of(32), 32);
        assert_eq!(bucket_of(63), 63);
        assert_eq!(bucket_of(64), 64);
        assert_eq!(bucket_of(65), 64);
        assert!(usize::from(bucket_of(u64::MAX)) < BUCKETS);
        for bucket in 0..bucket_of(u64::MAX) {
            assert_eq!(bucket_of(value_of(bucket)), bucket);
        }
    }

    #[test]
    fn nothing_has_no_quantile() {
        assert_eq!(Histogram::default().quantile(0.5), None);
        assert_eq!(Histogram::default().percentiles(), Percentiles::default());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn every_quantile_is_within_two_percent(mut values in prop::collection::vec(0_u64..10_000_000_000, 1..300), quantile in 0.0_f64..=1.0) {
            let mut histogram = Histogram::default();
            let mut dense = DenseHistogram::default();
            for value in &values {
                histogram.record(*value);
                dense.record(*value);
            }
            values.sort_unstable();
            let rank = ((quantile * values.len() as f64).ceil() as usize).clamp(1, values.len());
            let truth = values[rank - 1] as f64;
            let found = histogram.quantile(quantile).unwrap_or(0) as f64;
            prop_assert!((found - truth).abs() <= truth * 0.02, "{found} for {truth}");
            prop_assert_eq!(dense.to_sparse(), histogram);
        }

        #[test]
        fn merging_and_taking_away_again_leaves_nothing_behind(left in prop::collection::vec(0_u64..100_000, 0..60), right in prop::collection::vec(0_u64..100_000, 0..60)) {
            let of = |values: &[u64]| {
                let mut histogram = Histogram::default();
                for value in values {
                    histogram.record(*value);
                }
                histogram
            };
            let mut sum = of(&left);
            sum.merge(&of(&right), 1);
            let all: Vec<u64> = left.iter().chain(&right).copied().collect();
            prop_assert_eq!(&sum, &of(&all));
            sum.merge(&of(&right), -1);
            prop_assert_eq!(sum, of(&left));
        }
    }
}
