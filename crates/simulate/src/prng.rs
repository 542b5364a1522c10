//! Randomness that is the same everywhere: xoshiro256++ seeded by splitmix64.

/// How many steps the table of the exponential distribution has.
const EXPONENTIAL_STEPS: usize = 4096;

/// A random number generator. Not for secrets.
#[derive(Clone, Debug)]
pub(crate) struct Prng {
    state: [u64; 4],
    /// Quantiles of the exponential distribution with mean one million. A table of whole numbers gives the same
    /// values on every machine, which the logarithm of the platform does not promise.
    exponential: Vec<u32>,
}

/// One step of splitmix64: also the hash by which permanent facts (the fate of an address) are derived from ids.
pub(crate) fn mix(value: u64) -> u64 {
    let mut word = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

impl Prng {
    pub(crate) fn new(seed: u64) -> Self {
        let mut state = [0; 4];
        let mut word = seed;
        for slot in &mut state {
            word = mix(word);
            *slot = word;
        }
        let exponential = (0..EXPONENTIAL_STEPS)
            .map(|step| {
                let quantile = (step as f64 + 0.5) / EXPONENTIAL_STEPS as f64;
                (-(1.0 - quantile).ln() * 1_000_000.0).round() as u32
            })
            .collect();
        Prng { state, exponential }
    }

    pub(crate) fn next(&mut self) -> u64 {
        let [first, second, third, fourth] = self.state;
        let result = first.wrapping_add(fourth).rotate_left(23).wrapping_add(first);
        let moved = second << 17;
        let third = third ^ first;
        let fourth = fourth ^ second;
        self.state = [first ^ fourth, second ^ third, third ^ moved, fourth.rotate_left(45)];
        result
    }

    /// A number in `0..bound`; 0 for a bound of 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// Whether an event of so many in a million happens.
    pub(crate) fn per_million(&mut self, chance: u32) -> bool {
        self.below(1_000_000) < u64::from(chance)
    }

    /// Whether an event of so many in a hundred happens.
    pub(crate) fn percent(&mut self, chance: u32) -> bool {
        self.below(100) < u64::from(chance)
    }

    /// One of `items`, which is not empty.
    pub(crate) fn pick<'a, Item>(&mut self, items: &'a [Item]) -> &'a Item {
        &items[self.below(items.len() as u64) as usize]
    }

    /// A waiting time with the given mean, both in microseconds.
    pub(crate) fn wait(&mut self, mean: i64) -> i64 {
        let index = self.below(EXPONENTIAL_STEPS as u64) as usize;
        ((i128::from(mean) * i128::from(self.exponential[index])) / 1_000_000) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence_and_another_seed_another() {
        let draw = |seed| {
            let mut prng = Prng::new(seed);
            (0..8).map(|_| prng.next()).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn waiting_times_have_the_mean_that_was_asked_for() {
        let mut prng = Prng::new(7);
        let sum: i64 = (0..100_000).map(|_| prng.wait(1_000_000)).sum();
        let mean = sum / 100_000;
        assert!((980_000..1_020_000).contains(&mean), "mean {mean}");
    }

    #[test]
    fn below_stays_below() {
        let mut prng = Prng::new(3);
        assert!((0..1000).all(|_| prng.below(7) < 7));
        assert_eq!(prng.below(0), 0);
    }
}
