//! The recent past of one series: its last minutes, quarters of an hour and hours, each with anything in it.

use std::cell::RefCell;
use std::collections::VecDeque;

use mailvane_metric::histogram::Histogram;
use mailvane_metric::window::{Step, Window};
use mailvane_metric::{Figure, Figures, Spread, Width};
use mailvane_model::Time;

use crate::measure::{Counts, Sums, slot};

/// Minutes are kept this long: the longest window that is exact to the minute, and a quarter.
const MINUTES: i32 = 75;
/// Quarters of an hour are kept this long, in minutes.
const QUARTERS: i32 = 25 * 60;
/// Hours are kept this long, in minutes: half a day of a week ago, an hour sooner or later, is still known.
const HOURS: i32 = (7 * 24 + 15) * 60;
/// The longest window that a rule may have.
pub const LONGEST_WINDOW: i64 = 7 * Time::DAY;

/// The gaps between attempts, out of which recipients are counted once each.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Gaps {
    pub(crate) deferred: Histogram,
    pub(crate) finals: Histogram,
}

impl Gaps {
    fn of(figures: &Figures) -> Option<Box<Self>> {
        let of = |spread| figures.spread(spread).cloned().unwrap_or_default();
        let gaps = Gaps { deferred: of(Spread::DeferredGap), finals: of(Spread::FinalGap) };
        (!gaps.deferred.is_empty() || !gaps.finals.is_empty()).then(|| Box::new(gaps))
    }
}

/// One step of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Entry {
    /// Its first minute, counted from the epoch.
    pub(crate) at: i32,
    pub(crate) counts: Counts,
    pub(crate) gaps: Option<Box<Gaps>>,
    /// Whether an alert says that this was not as usual: nothing is learned from it.
    pub(crate) bad: bool,
    /// Whether an alert told of what happened here, of this group or of what lies behind it.
    pub(crate) told: bool,
}

impl Entry {
    fn step(&self) -> Step<'_> {
        Step {
            attempts: self.counts.get(Figure::Attempts),
            deferred_attempts: self.counts.get(Figure::DeferredAttempts),
            recipients: self.counts.get(Figure::Recipients),
            recipients_deferred: self.counts.get(Figure::RecipientsDeferred),
            recipients_greylisted: self.counts.get(Figure::RecipientsGreylisted),
            deferred_gaps: self.gaps.as_ref().map(|gaps| &gaps.deferred),
            final_gaps: self.gaps.as_ref().map(|gaps| &gaps.finals),
        }
    }

    fn sums(&self) -> Sums {
        Sums {
            counts: self.counts,
            recipients: self.counts.get(Figure::Recipients),
            deferred: self.counts.get(Figure::RecipientsDeferred),
            greylisted: self.counts.get(Figure::RecipientsGreylisted),
        }
    }

    fn merge_gaps(&mut self, gaps: Option<&Gaps>) {
        if let Some(gaps) = gaps {
            let mine = self.gaps.get_or_insert_default();
            mine.deferred.merge(&gaps.deferred, 1);
            mine.finals.merge(&gaps.finals, 1);
        }
    }
}

/// The minute that holds a time, counted from the epoch.
pub(crate) fn minute_of(time: Time) -> i32 {
    time.0.div_euclid(Time::MINUTE).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

/// The start of a minute counted from the epoch.
pub(crate) fn time_of(minute: i32) -> Time {
    Time(i64::from(minute) * Time::MINUTE)
}

/// The recent past. Steps without anything are not kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct History {
    pub(crate) minutes: VecDeque<Entry>,
    pub(crate) quarters: VecDeque<Entry>,
    pub(crate) hours: VecDeque<Entry>,
    cache: Cache,
}

/// Sums of long windows without their last step: they change with the quarter or the hour only, and many rules ask for them.
#[derive(Clone, Debug, Default)]
struct Cache(RefCell<Vec<Cached>>);

impl PartialEq for Cache {
    /// What was worked out says nothing about the history.
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

/// The sums of the steps of a window of `length` from one minute up to another.
#[derive(Clone, Copy, Debug)]
struct Cached {
    length: i64,
    kind: Kept,
    from: i32,
    until: i32,
    sums: Sums,
}

/// Which steps of a window count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// All.
    All,
    /// Those of which no alert told.
    Untold,
}

/// What fell out of the kept time and can be learned from.
pub(crate) enum Gone {
    /// A quarter of an hour.
    Quarter(Entry),
    /// An hour.
    Hour(Entry),
}

impl History {
    /// Of kept minutes, quarters and hours.
    pub(crate) fn of([minutes, quarters, hours]: [VecDeque<Entry>; 3]) -> Self {
        History { minutes, quarters, hours, cache: Cache::default() }
    }

    /// Adds what happened in a minute; `door` counts have no recipients.
    pub(crate) fn add(&mut self, minute: i32, counts: Counts, figures: Option<&Figures>) {
        // What comes late changes sums that were worked out.
        self.cache.0.get_mut().retain(|known| known.until <= minute);
        let gaps = figures.and_then(Gaps::of);
        let fresh = Entry { at: minute, counts, gaps, bad: false, told: false };
        for (minutes, tier) in [(15, &mut self.quarters), (60, &mut self.hours)] {
            let at = minute.div_euclid(minutes) * minutes;
            let entry = entry_of(tier, at);
            let mut counts = fresh.counts;
            if figures.is_some() {
                set_recipients(&mut counts, &fresh, at, minute);
            }
            entry.counts.add(&counts);
            entry.merge_gaps(fresh.gaps.as_deref());
        }
        let entry = entry_of(&mut self.minutes, minute);
        entry.counts.add(&fresh.counts);
        entry.merge_gaps(fresh.gaps.as_deref());
    }

    /// Drops what is too old at `now`, and hands over what can be learned from it.
    pub(crate) fn expire(&mut self, now: i32, gone: &mut impl FnMut(Gone)) {
        while self.minutes.front().is_some_and(|entry| entry.at < now - MINUTES) {
            self.minutes.pop_front();
        }
        while self.quarters.front().is_some_and(|entry| entry.at < now - QUARTERS)
            && let Some(entry) = self.quarters.pop_front()
        {
            gone(Gone::Quarter(entry));
        }
        while self.hours.front().is_some_and(|entry| entry.at < now - HOURS)
            && let Some(entry) = self.hours.pop_front()
        {
            gone(Gone::Hour(entry));
        }
    }

    /// The sums of the last `length` microseconds before `end`.
    pub(crate) fn window(&self, end: Time, length: i64) -> Sums {
        self.window_of(end, length, Kept::All)
    }

    /// The sums of the `kept` steps of the last `length` microseconds before `end`. Minutes are not marked: up to an hour all count.
    pub(crate) fn window_of(&self, end: Time, length: i64, kept: Kept) -> Sums {
        let (tier, width) = if length <= Time::HOUR {
            (&self.minutes, Width::Minute)
        } else if length <= Time::DAY {
            (&self.quarters, Width::Quarter)
        } else {
            (&self.hours, Width::Hour)
        };
        let mut start = width.floor(end.plus(-length));
        if width == Width::Minute && end.floor(Time::MINUTE) != end {
            // In the middle of a minute: rather a little shorter than longer, so that what begins is not thinned out.
            start = start.plus(Time::MINUTE);
        }
        let (from, until) = (minute_of(start), minute_of(end.plus(-1)) + 1);
        if width == Width::Minute {
            return sum(tier, width, start, (from, until), Kept::All);
        }
        let last = minute_of(width.floor(end.plus(-1)));
        let mut sums = self.closed(tier, width, start, (from, last), length, kept);
        sums.add(&sum(tier, width, start, (last.max(from), until), kept));
        sums
    }

    /// The sums of the steps of a long window that do not change any more.
    fn closed(&self, tier: &VecDeque<Entry>, width: Width, start: Time, (from, until): (i32, i32), length: i64, kept: Kept) -> Sums {
        let mut cache = self.cache.0.borrow_mut();
        let known = cache.iter().position(|known| known.length == length && known.kind == kept);
        if let Some(found) = known.map(|at| cache[at]).filter(|found| found.from == from && found.until == until) {
            return found.sums;
        }
        let sums = sum(tier, width, start, (from, until), kept);
        let fresh = Cached { length, kind: kept, from, until, sums };
        match known {
            Some(at) => cache[at] = fresh,
            None => cache.push(fresh),
        }
        sums
    }

    /// The first minute of the last `length` before `end` in which `is_bad` holds.
    pub(crate) fn first(&self, end: Time, length: i64, is_bad: impl Fn(&Sums) -> bool) -> Option<Time> {
        let tier = if length <= Time::HOUR { &self.minutes } else { &self.quarters };
        let from = minute_of(end.plus(-length));
        tier.iter().filter(|entry| entry.at >= from).find(|entry| is_bad(&entry.sums())).map(|entry| time_of(entry.at))
    }

    /// The sums of the time before `end` that reach ever further back, by quarters of an hour with anything in them, up to `length`.
    pub(crate) fn back(&self, end: Time, length: i64) -> impl Iterator<Item = Sums> {
        let (from, until) = (minute_of(end.plus(-length)), minute_of(end.plus(-1)));
        let steps = self.quarters.iter().rev().skip_while(move |entry| entry.at > until).take_while(move |entry| entry.at >= from);
        steps.scan(Sums::default(), |sums, entry| {
            sums.add(&entry.sums());
            Some(*sums)
        })
    }

    /// Says that the time from `from` on was told of.
    pub(crate) fn mark_told(&mut self, from: Time) {
        let minute = minute_of(from);
        self.cache.0.get_mut().retain(|known| known.kind == Kept::All || known.until <= minute);
        self.steps_from(minute).for_each(|entry| entry.told = true);
    }

    /// Says that nothing is to be learned from the time from `from` on.
    pub(crate) fn mark_bad(&mut self, from: Time) {
        self.steps_from(minute_of(from)).for_each(|entry| entry.bad = true);
    }

    /// The same of hours that brought nothing, up to `until`: a silence must not teach that nothing is usual.
    pub(crate) fn mark_empty_bad(&mut self, from: Time, until: Time) {
        let hour = |time: Time| minute_of(time).div_euclid(60) * 60;
        for at in (hour(from)..=hour(until.plus(-1))).step_by(60) {
            entry_of(&mut self.hours, at).bad = true;
        }
    }

    fn steps_from(&mut self, from: i32) -> impl Iterator<Item = &mut Entry> {
        let quarters = self.quarters.iter_mut().rev().take_while(move |entry| entry.at + 15 > from);
        quarters.chain(self.hours.iter_mut().rev().take_while(move |entry| entry.at + 60 > from))
    }

    /// The most that `hours` hours in a row brought in the last week, before `until` (a minute counted from the epoch).
    pub(crate) fn busiest(&self, slot: usize, hours: i32, until: i32) -> f64 {
        let steps = || self.hours.iter().filter(|entry| !entry.bad && entry.at < until);
        let sum_from = |from: i32| {
            let inside = steps().skip_while(|entry| entry.at < from).take_while(|entry| entry.at < from + hours * 60);
            inside.map(|entry| f64::from(entry.counts.0[slot])).sum::<f64>()
        };
        steps().map(|entry| sum_from(entry.at)).fold(0.0, f64::max)
    }

    /// The last minute with anything in it.
    pub(crate) fn last(&self) -> Option<i32> {
        let hour = self.hours.iter().rev().find(|hour| !hour.counts.is_empty())?;
        Some(self.minutes.back().map_or(hour.at, |minute| minute.at))
    }
}

/// The sums of the steps from one minute up to another, of a window that begins at `start`.
fn sum(tier: &VecDeque<Entry>, width: Width, start: Time, (from, until): (i32, i32), kept: Kept) -> Sums {
    let mut window = Window::new(start);
    let mut sums = Sums::default();
    let steps = tier.iter().rev().skip_while(|entry| entry.at >= until).take_while(|entry| entry.at >= from);
    for entry in steps.filter(|entry| kept == Kept::All || !entry.told) {
        sums.counts.add(&entry.counts);
        if entry.gaps.is_none() {
            // Without retries each recipient is in its step once: the short way to the same numbers.
            sums.recipients += entry.counts.get(Figure::Recipients);
            sums.deferred += entry.counts.get(Figure::RecipientsDeferred);
            sums.greylisted += entry.counts.get(Figure::RecipientsGreylisted);
        } else {
            window.add_step(time_of(entry.at), width, &entry.step());
        }
    }
    sums.recipients += window.recipients();
    sums.deferred += window.deferred();
    sums.greylisted += window.greylisted();
    sums
}

/// In a wider step a recipient that is tried again counts once: takes away what the minute counts and the wider step must not.
fn set_recipients(counts: &mut Counts, fresh: &Entry, at: i32, minute: i32) {
    if fresh.gaps.is_none() || at == minute {
        return;
    }
    let mut window = Window::new(time_of(at));
    window.add_step(time_of(minute), Width::Minute, &fresh.step());
    let right = [
        (Figure::Recipients, window.recipients()),
        (Figure::RecipientsDeferred, window.deferred()),
        (Figure::RecipientsGreylisted, window.greylisted()),
    ];
    for (figure, value) in right {
        if let Some(slot) = slot(figure) {
            counts.0[slot] = value as i32;
        }
    }
}

/// The entry of a step, made at its place in time.
fn entry_of(tier: &mut VecDeque<Entry>, at: i32) -> &mut Entry {
    let place = match tier.back() {
        Some(last) if last.at == at => tier.len() - 1,
        Some(last) if last.at > at => match tier.binary_search_by_key(&at, |entry| entry.at) {
            Ok(place) => place,
            Err(place) => {
                tier.insert(place, Entry { at, ..Entry::default() });
                place
            }
        },
        _ => {
            tier.push_back(Entry { at, ..Entry::default() });
            tier.len() - 1
        }
    };
    &mut tier[place]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(attempts: i64, deferred: i64) -> Figures {
        let mut figures = Figures::default();
        for (figure, value) in [
            (Figure::Attempts, attempts),
            (Figure::Recipients, attempts),
            (Figure::Accepted, attempts - deferred),
            (Figure::DeferredAttempts, deferred),
            (Figure::RecipientsDeferred, deferred),
        ] {
            figures.add(figure, value);
        }
        figures
    }

    fn add(history: &mut History, minute: i32, figures: &Figures) {
        history.add(minute, Counts::of(figures), Some(figures));
    }

    #[test]
    fn a_recipient_that_is_tried_again_and_again_counts_once() {
        let mut history = History::default();
        add(&mut history, 600, &tried(1, 1));
        for minute in [605, 610, 615, 620] {
            let mut figures = tried(1, 1);
            figures.spread_mut(Spread::DeferredGap).record(300);
            add(&mut history, minute, &figures);
        }
        let end = time_of(621);
        for length in [Time::HOUR, 6 * Time::HOUR, 3 * Time::DAY] {
            let sums = history.window(end, length);
            assert_eq!((sums.recipients, sums.deferred), (1, 1), "window of {} min", length / Time::MINUTE);
            assert_eq!(sums.counts.get(Figure::Attempts), 5);
        }
    }

    #[test]
    fn a_window_holds_its_time_and_no_more() {
        let mut history = History::default();
        for minute in 1000..1120 {
            add(&mut history, minute, &tried(10, 1));
        }
        assert_eq!(history.window(time_of(1120), 5 * Time::MINUTE).recipients, 50);
        assert_eq!(history.window(time_of(1120), Time::HOUR).deferred, 60);
        assert_eq!(history.window(time_of(1060), 15 * Time::MINUTE).recipients, 150, "what comes after the end is left out");
        assert_eq!(history.first(time_of(1120), Time::HOUR, |sums| sums.deferred > 0), Some(time_of(1060)));
    }

    #[test]
    fn late_minutes_are_filed_under_their_time() {
        let mut history = History::default();
        for minute in [10, 30, 20, 30] {
            add(&mut history, minute, &tried(1, 0));
        }
        assert_eq!(
            history.minutes.iter().map(|entry| (entry.at, entry.counts.get(Figure::Attempts))).collect::<Vec<_>>(),
            [(10, 1), (20, 1), (30, 2)]
        );
    }

    #[test]
    fn what_is_too_old_is_handed_over_once() {
        let mut history = History::default();
        add(&mut history, 0, &tried(1, 0));
        let mut hours = 0;
        for now in [100, QUARTERS + 1, HOURS + 1, HOURS + 2] {
            history.expire(now, &mut |gone| hours += i32::from(matches!(gone, Gone::Hour(_))));
        }
        assert_eq!(hours, 1);
        assert_eq!(history, History::default());
    }
}
