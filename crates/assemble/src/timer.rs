//! Timers of log time: what has to be looked at again when a wait is over.
//!
//! A timer is never stored. Each follows from what is stored of its life, so that an assembler that was restored rings at the very times at
//! which it would have rung. What rings is checked against the life: a timer that was set anew, or has nothing left to do, is passed over.

use std::collections::VecDeque;

use mailvane_model::Time;

use crate::config;
use crate::life::LifeRef;

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alarm {
    /// A message was opened a while ago: tell of it, and of its outcomes that waited for a former hop.
    Announce,
    /// A message left the queue (or its client left) and lines of it were missing: they do not come any more.
    Late,
    /// A message could have come from a former hop that was not found.
    Link,
    /// A recipient was handed to another host of ours, and the next hop was not found.
    Hop,
    /// A recipient was handed to a filter, and did not come back.
    Filter,
    /// A transaction was begun and went no further.
    Abandon,
    /// All of a message is final, and its MTA writes no end.
    Quiet,
}

impl Alarm {
    const ALL: [Alarm; 7] = [Alarm::Announce, Alarm::Late, Alarm::Link, Alarm::Hop, Alarm::Filter, Alarm::Abandon, Alarm::Quiet];

    /// Microseconds of log time that it waits.
    pub(crate) const fn wait(self) -> i64 {
        match self {
            Alarm::Announce => config::ANNOUNCE_WAIT,
            Alarm::Late => config::LATE,
            Alarm::Link | Alarm::Hop => config::LINK_WAIT,
            Alarm::Filter | Alarm::Abandon => config::FILTER_WAIT,
            Alarm::Quiet => config::QUIET_WAIT,
        }
    }
}

/// Timers by kind, each kind in the order of its times.
#[derive(Debug, Default)]
pub(crate) struct Timers([VecDeque<(Time, LifeRef)>; Alarm::ALL.len()]);

impl Timers {
    /// Sets a timer that counts from `from`, and gives the time at which it rings.
    #[inline]
    pub(crate) fn set(&mut self, alarm: Alarm, from: Time, at: LifeRef) -> Time {
        let due = from.plus(alarm.wait());
        let queue = &mut self.0[alarm as usize];
        if queue.back().is_none_or(|last| last.0 <= due) {
            queue.push_back((due, at));
        } else {
            // Lines can be a few seconds out of order.
            let place = queue.partition_point(|(time, _)| *time <= due);
            queue.insert(place, (due, at));
        }
        due
    }

    /// Takes the timer that rings first, if it rings by `watermark`.
    pub(crate) fn next(&mut self, watermark: Time) -> Option<(Alarm, Time, LifeRef)> {
        let first = |alarm: &Alarm| self.0[*alarm as usize].front().map(|front| front.0);
        let alarm = Alarm::ALL.into_iter().filter(|alarm| first(alarm).is_some_and(|due| due <= watermark)).min_by_key(first)?;
        self.0[alarm as usize].pop_front().map(|(due, at)| (alarm, due, at))
    }

    /// How many are set.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(VecDeque::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_ring_in_the_order_of_their_times() {
        let at = |slot| LifeRef { slot, generation: 1 };
        let mut timers = Timers::default();
        timers.set(Alarm::Link, Time(0), at(1));
        timers.set(Alarm::Late, Time(5), at(2));
        timers.set(Alarm::Late, Time(3), at(3));
        timers.set(Alarm::Late, Time(5), at(4));
        assert_eq!(timers.len(), 4);
        let rung = |timers: &mut Timers, watermark| timers.next(watermark).map(|(_, _, at)| at.slot);
        assert_eq!(rung(&mut timers, Time(Alarm::Late.wait() + 2)), None);
        let later = Time(Alarm::Link.wait());
        let order: Vec<_> = std::iter::from_fn(|| rung(&mut timers, later)).collect();
        assert_eq!(order, [3, 2, 4, 1]);
    }
}
