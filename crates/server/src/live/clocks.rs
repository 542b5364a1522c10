//! How far each log has been read, in log time: the clock of assembly goes with the slowest that is still behind.

use mailvane_model::Time;

/// A log this far ahead of the slowest one waits for it, so that messages that pass through both are open at the same time.
const AHEAD_MAX: i64 = 10 * Time::MINUTE;

/// One log.
#[derive(Clone, Copy, Debug)]
struct Clock {
    /// The time of its newest line; the beginning of time before the first.
    time: Time,
    /// Lines of it are there that were not read.
    behind: bool,
}

/// The clocks of the logs, by their index in the tailer.
#[derive(Debug, Default)]
pub(crate) struct Clocks(Vec<Clock>);

impl Clocks {
    fn at(&mut self, source: usize) -> &mut Clock {
        if self.0.len() <= source {
            self.0.resize(source + 1, Clock { time: Time(i64::MIN), behind: false });
        }
        &mut self.0[source]
    }

    /// Says whether lines of a log are still to be read.
    pub(crate) fn set_behind(&mut self, source: usize, behind: bool) {
        self.at(source).behind = behind;
    }

    /// The time of the newest line of a log.
    pub(crate) fn of(&self, source: usize) -> Time {
        self.0.get(source).map_or(Time(i64::MIN), |clock| clock.time)
    }

    /// A line of a log is of this time: gives the time up to which all have been read.
    pub(crate) fn reached(&mut self, source: usize, time: Time) -> Time {
        let clock = self.at(source);
        clock.time = clock.time.max(time);
        let own = clock.time;
        self.0.iter().filter(|clock| clock.behind).map(|clock| clock.time).fold(own, Time::min)
    }

    /// Whether a log has to wait for a slower one.
    pub(crate) fn is_ahead(&self, source: usize) -> bool {
        // One of whose times nothing is known yet holds nobody up.
        let slowest = self.0.iter().filter(|clock| clock.behind && clock.time > Time(i64::MIN)).map(|clock| clock.time).min();
        slowest.is_some_and(|slowest| self.of(source) > slowest.plus(AHEAD_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes_with_the_slowest_that_is_behind() {
        let mut clocks = Clocks::default();
        assert_eq!(clocks.reached(0, Time(5)), Time(5));
        clocks.set_behind(1, true);
        assert_eq!(clocks.reached(0, Time(7)), Time(i64::MIN));
        assert_eq!(clocks.reached(1, Time(3)), Time(3));
        assert_eq!(clocks.reached(0, Time(3).plus(AHEAD_MAX + 1)), Time(3));
        assert!(clocks.is_ahead(0) && !clocks.is_ahead(1));
        clocks.set_behind(1, false);
        assert_eq!(clocks.reached(1, Time(4)), Time(4));
        assert_eq!(clocks.reached(0, Time(1)), Time(3).plus(AHEAD_MAX + 1));
        assert!(!clocks.is_ahead(0));
    }
}
