//! How fast a queue empties, and what of it comes back: from two depths, and from what is accepted now.

use mailvane_model::Time;

use crate::count::Rate;

/// A shorter time says nothing about how fast a queue drains.
const SHORTEST: i64 = Time::MINUTE;
/// Fewer recipients tried say nothing of what is accepted.
const ENOUGH: u64 = 5;

/// Recipients that a queue had fewer each second between two looks at it, as `(time, recipients)`; negative while it grows. `None` where the
/// looks lie less than a minute apart.
pub fn per_second(before: (Time, i64), now: (Time, i64)) -> Option<f64> {
    let length = now.0.0.saturating_sub(before.0.0);
    (length >= SHORTEST).then(|| before.1.saturating_sub(now.1) as f64 / (length as f64 / Time::SECOND as f64))
}

/// Seconds until a queue of so many recipients is empty at that rate (recipients a second); `None` while it does not drain.
pub fn seconds_left(recipients: i64, per_second: f64) -> Option<f64> {
    (per_second > 0.0 && recipients > 0).then(|| recipients as f64 / per_second)
}

/// How many of the messages that are about to expire come back if their destination goes on accepting what it accepts now. Of a few recipients
/// nothing follows for many messages: then all of them.
pub fn expected_back(expiring: u64, acceptance: Rate) -> u64 {
    if acceptance.of < ENOUGH {
        return expiring;
    }
    (expiring as f64 * (1.0 - acceptance.count as f64 / acceptance.of as f64)).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64, recipients: i64) -> (Time, i64) {
        (Time(minute * Time::MINUTE), recipients)
    }

    #[test]
    fn what_is_accepted_now_does_not_come_back() {
        assert_eq!(expected_back(100, Rate { count: 30, of: 40 }), 25);
        assert_eq!(expected_back(100, Rate { count: 0, of: 40 }), 100);
        assert_eq!(expected_back(100, Rate { count: 4, of: 4 }), 100, "too few to say");
    }

    #[test]
    fn a_queue_drains_or_grows_by_the_second() {
        assert_eq!(per_second(at(60, 700), at(70, 100)), Some(1.0));
        assert_eq!(per_second(at(0, 0), at(10, 600)), Some(-1.0));
        assert_eq!(per_second((Time(0), 9), (Time(59 * Time::SECOND), 1)), None);
        assert_eq!(per_second((Time(i64::MIN), i64::MAX), (Time(i64::MAX), i64::MIN)).map(|rate| rate > 0.0), Some(true));
    }

    #[test]
    fn only_what_drains_has_an_end() {
        assert_eq!(seconds_left(600, 2.0), Some(300.0));
        assert_eq!(seconds_left(600, 0.0), None);
        assert_eq!(seconds_left(600, -3.0), None);
        assert_eq!(seconds_left(0, 3.0), None);
    }
}
