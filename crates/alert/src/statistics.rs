//! The tests: how sure a few failures make us. All are one-sided and none assumes many observations.

/// Above this many observations a test is made on a sample of this size with the same share: cheaper, and on the safe side.
const MOST: f64 = 4_000.0;
/// A tail is summed until its terms are this small beside it.
const NEGLIGIBLE: f64 = 1e-12;
/// Terms of a sum at most.
const TERMS: usize = 20_000;

/// The lower end of the Wilson interval of `count` out of `of`, for `z` standard deviations; 0 without observations.
pub fn wilson_lower(count: f64, of: f64, z: f64) -> f64 {
    if of <= 0.0 {
        return 0.0;
    }
    let share = (count / of).clamp(0.0, 1.0);
    let z2 = z * z;
    let centre = share + z2 / (2.0 * of);
    let half = z * (share * (1.0 - share) / of + z2 / (4.0 * of * of)).sqrt();
    ((centre - half) / (1.0 + z2 / of)).max(0.0)
}

/// The chance of `count` or more failures out of `of` when the usual share is `share`, known about as well as from
/// `weight` observations (a beta-binomial tail): batches and an uncertain past make a surprise smaller than a binomial would.
pub fn excess_chance(count: f64, of: f64, share: f64, weight: f64) -> f64 {
    let scale = if of > MOST { MOST / of } else { 1.0 };
    let (count, of) = ((count * scale).floor(), (of * scale).round());
    if count <= 0.0 || of <= 0.0 {
        return 1.0;
    }
    let share = share.clamp(1e-6, 1.0 - 1e-6);
    let (alpha, beta) = (share * weight, (1.0 - share) * weight);
    let logarithm = ln_choose(of, count) + ln_beta(count + alpha, of - count + beta) - ln_beta(alpha, beta);
    let mut term = logarithm.exp();
    let mut sum = term;
    let mut at = count;
    for _ in 0..TERMS {
        if at >= of || term <= sum * NEGLIGIBLE {
            break;
        }
        term *= (of - at) * (at + alpha) / ((at + 1.0) * (of - at - 1.0 + beta));
        sum += term;
        at += 1.0;
    }
    sum.min(1.0)
}

/// The chance of `count` or more of what comes `mean` times on average, with a variance of `dispersion` times the mean
/// (negative binomial; Poisson for a dispersion of 1).
pub fn surge_chance(count: f64, mean: f64, dispersion: f64) -> f64 {
    if count <= 0.0 {
        return 1.0;
    }
    let Some((shape, chance)) = negative_binomial(mean, dispersion) else { return 0.0 };
    let mut term = log_mass(count.floor(), shape, chance).exp();
    let mut sum = term;
    let mut at = count.floor();
    for _ in 0..TERMS {
        if term <= sum * NEGLIGIBLE && at > mean {
            break;
        }
        term *= (at + shape) / (at + 1.0) * (1.0 - chance);
        sum += term;
        at += 1.0;
    }
    sum.min(1.0)
}

/// The chance of `count` or fewer of what comes `mean` times on average (see [`surge_chance`]).
pub fn lack_chance(count: f64, mean: f64, dispersion: f64) -> f64 {
    let Some((shape, chance)) = negative_binomial(mean, dispersion) else { return 1.0 };
    if count >= mean {
        return 1.0 - surge_chance(count.floor() + 1.0, mean, dispersion);
    }
    // From the count down: the chance of none at all is too small to begin with where many are expected.
    let mut at = count.max(0.0).floor();
    let mut term = log_mass(at, shape, chance).exp();
    let mut sum = term;
    for _ in 0..TERMS {
        if at <= 0.0 || term <= sum * NEGLIGIBLE {
            break;
        }
        term *= at / ((at - 1.0 + shape) * (1.0 - chance));
        sum += term;
        at -= 1.0;
    }
    sum.min(1.0)
}

/// Shape and chance of a negative binomial; `None` when nothing is expected.
fn negative_binomial(mean: f64, dispersion: f64) -> Option<(f64, f64)> {
    if mean <= 0.0 {
        return None;
    }
    let dispersion = dispersion.max(1.000_1);
    Some((mean / (dispersion - 1.0), 1.0 / dispersion))
}

fn log_mass(at: f64, shape: f64, chance: f64) -> f64 {
    ln_gamma(at + shape) - ln_gamma(shape) - ln_gamma(at + 1.0) + shape * chance.ln() + at * (1.0 - chance).ln()
}

fn ln_choose(of: f64, count: f64) -> f64 {
    ln_gamma(of + 1.0) - ln_gamma(count + 1.0) - ln_gamma(of - count + 1.0)
}

fn ln_beta(left: f64, right: f64) -> f64 {
    ln_gamma(left) + ln_gamma(right) - ln_gamma(left + right)
}

/// The logarithm of the gamma function for positive numbers: Stirling's series after shifting the argument up.
fn ln_gamma(value: f64) -> f64 {
    let mut value = value;
    let mut shifted = 0.0;
    while value < 10.0 {
        if value <= 0.0 {
            return f64::INFINITY;
        }
        shifted -= value.ln();
        value += 1.0;
    }
    let inverse = 1.0 / value;
    let square = inverse * inverse;
    let series = inverse * (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square / 1680.0)));
    shifted + (value - 0.5) * value.ln() - value + 0.918_938_533_204_672_7 + series
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The smallest count whose plain binomial tail is below `alpha`.
    fn critical(of: f64, share: f64, alpha: f64) -> f64 {
        (0..1_000_000).map(f64::from).find(|count| excess_chance(*count, of, share, 1e9) <= alpha).unwrap()
    }

    #[test]
    fn the_critical_counts_are_those_of_the_table() {
        let table = [
            (0.01, 20.0, 4.0, 5.0),
            (0.01, 100.0, 6.0, 8.0),
            (0.02, 50.0, 6.0, 8.0),
            (0.05, 200.0, 22.0, 26.0),
            (0.05, 1000.0, 74.0, 83.0),
        ];
        for (share, of, at_three, at_five) in table {
            assert_eq!((critical(of, share, 1e-3), critical(of, share, 1e-5)), (at_three, at_five), "{share} of {of}");
        }
    }

    #[test]
    fn the_wilson_interval_is_that_of_the_table() {
        for (count, of, lower) in [(1.0, 10.0, 0.018), (5.0, 100.0, 0.022), (10.0, 200.0, 0.027)] {
            assert!((wilson_lower(count, of, 1.96) - lower).abs() < 0.001, "{count} of {of}");
        }
        assert_eq!(wilson_lower(0.0, 0.0, 1.96), 0.0);
    }

    #[test]
    fn nothing_where_much_is_expected_is_a_surprise() {
        for (mean, chance) in [(3.0, 0.0498), (5.0, 0.0067), (10.0, 4.54e-5)] {
            let found = lack_chance(0.0, mean, 1.0);
            assert!((found / chance - 1.0).abs() < 0.02, "{mean}: {found}");
        }
        assert!(lack_chance(0.0, 10.0, 3.0) > lack_chance(0.0, 10.0, 1.0), "batches make silence less surprising");
        assert_eq!(lack_chance(0.0, 0.0, 1.0), 1.0);
        // Of many, too: by the normal distribution with a variance of 2,400.
        for (count, chance) in [(1_000.0, 1.6e-5), (1_100.0, 0.0204), (1_200.0, 0.50), (1_300.0, 0.979), (10_000.0, 1.0)] {
            let found = lack_chance(count, 1_200.0, 2.0);
            assert!((found - chance).abs() < chance * 0.08 + 4e-6, "{count}: {found}");
        }
        assert!(lack_chance(0.0, 100_000.0, 2.0) < 1e-100);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn chances_are_chances_and_fall_with_the_count(of in 1_u32..100_000, part in 0.0_f64..1.0, share in 0.0_f64..1.0, weight in 1.0_f64..1e6) {
            let of = f64::from(of);
            let count = (of * part).floor();
            let chance = excess_chance(count, of, share, weight);
            prop_assert!((0.0..=1.0).contains(&chance));
            prop_assert!(excess_chance(count + 1.0, of + 1.0, share, weight) <= chance * 1.02 + 1e-9 || of > MOST);
            prop_assert!((0.0..=1.0).contains(&surge_chance(count, of * share, 1.0 + weight / 100.0)));
            prop_assert!((0.0..=1.0).contains(&lack_chance(count, of * share, 1.0 + weight / 100.0)));
            prop_assert!((0.0..=part + 1e-9).contains(&wilson_lower(count, of, 1.96)));
        }
    }
}
