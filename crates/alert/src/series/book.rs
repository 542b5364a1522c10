//! All series, found by their names and by what they are counted by.

use std::sync::Arc;

use ahash::AHashMap;
use mailvane_metric::Cell;
use mailvane_model::Time;

use super::history::minute_of;
use super::{DOOR, Name, Series};
use crate::input::Dimension;
use crate::measure::Counts;

/// Series of one dimension at most; see [`Book::dropped`].
const SERIES: usize = 20_000;
/// A series without anything new for this long, in minutes, is forgotten.
const IDLE: i32 = 45 * 24 * 60;
/// One of a wide dimension (addresses, domains) is forgotten sooner.
const WIDE_IDLE: i32 = 8 * 24 * 60;
/// The places of series, in order, by class and dimension: rules ask for one of each, many times a minute.
type Groups = AHashMap<(u8, Dimension), Vec<u32>>;

/// All series.
#[derive(Clone, Debug, Default)]
pub struct Book {
    index: AHashMap<Name, u32>,
    pub(super) all: Vec<Series>,
    groups: Groups,
    by_dimension: [usize; Dimension::ALL.len()],
    /// The series that something was added to in this step.
    active: Vec<u32>,
    active_groups: Groups,
    swept: i32,
    /// Cells that found no place because their dimension has too many keys.
    pub dropped: u64,
}

impl Book {
    /// Adds a cell of a minute: each of its traffics and the counts at its door.
    pub(crate) fn add(&mut self, start: Time, dimension: Dimension, key: &Arc<str>, cell: &Cell) {
        let minute = minute_of(start);
        for (traffic, figures) in cell.parts() {
            let counts = Counts::of(figures);
            if !counts.is_empty()
                && let Some(series) = self.series_mut(traffic.code(), dimension, key, minute)
            {
                series.history.add(minute, counts, Some(figures));
            }
        }
        let door = Counts::of_door(|door| cell.door(door));
        if !door.is_empty()
            && let Some(series) = self.series_mut(DOOR, dimension, key, minute)
        {
            series.history.add(minute, door, None);
        }
    }

    fn series_mut(&mut self, class: u8, dimension: Dimension, key: &Arc<str>, minute: i32) -> Option<&mut Series> {
        let name = Name { class, dimension, key: Arc::clone(key) };
        let number = if let Some(number) = self.index.get(&name) {
            *number
        } else {
            let count = &mut self.by_dimension[dimension as usize];
            if *count >= SERIES {
                self.dropped += 1;
                return None;
            }
            *count += 1;
            let number = self.all.len() as u32;
            self.index.insert(name.clone(), number);
            self.groups.entry((class, dimension)).or_default().push(number);
            self.all.push(Series::new(name, minute));
            number
        };
        self.active.push(number);
        self.all.get_mut(number as usize)
    }

    /// Begins a step: nothing has been added in it yet.
    pub(crate) fn begin(&mut self) {
        self.active.clear();
        self.active_groups.clear();
    }

    /// Ends the filing of a step that reaches to `end`: old steps leave, and at the border of a quarter or an hour every series
    /// with something new since the last border is looked at again.
    pub(crate) fn end(&mut self, from: Time, end: Time) {
        let (minute, before) = (minute_of(end), minute_of(from));
        for length in [60, 15] {
            if minute.div_euclid(length) > before.div_euclid(length) {
                let since = (minute.div_euclid(length) - 1) * length;
                let recent = |series: &Series| series.history.last().is_some_and(|last| last >= since);
                self.active.extend(self.all.iter().enumerate().filter(|(_, series)| recent(series)).map(|(number, _)| number as u32));
                break;
            }
        }
        self.active.sort_unstable();
        self.active.dedup();
        if minute.div_euclid(60) > before.div_euclid(60) {
            self.all.iter_mut().for_each(|series| series.settle(minute));
            if minute - self.swept >= 24 * 60 {
                self.swept = minute;
                self.sweep(minute);
            }
        } else {
            for number in &self.active {
                if let Some(series) = self.all.get_mut(*number as usize) {
                    series.settle(minute);
                }
            }
        }
        self.active_groups = groups(self.active.iter().filter_map(|number| Some((*number, self.all.get(*number as usize)?))));
    }

    /// Forgets what has been idle for long.
    fn sweep(&mut self, minute: i32) {
        let is_wide = |dimension| matches!(dimension, Dimension::Client | Dimension::Domain | Dimension::Blocked);
        let keep = |series: &Series| {
            let idle = if is_wide(series.name.dimension) { WIDE_IDLE } else { IDLE };
            series.name.dimension == Dimension::All
                || series.history.last().map_or(series.season.first_hour * 60 + idle > minute, |last| last + idle > minute)
                || (!is_wide(series.name.dimension) && series.season.buckets.iter().any(|bucket| (bucket.week + 7) * 168 * 60 > minute))
        };
        if self.all.iter().all(keep) {
            return;
        }
        let kept: Vec<Series> = std::mem::take(&mut self.all).into_iter().filter(keep).collect();
        self.refill(kept);
        self.active.clear();
    }

    pub(super) fn refill(&mut self, all: Vec<Series>) {
        self.index.clear();
        self.by_dimension = Default::default();
        for (number, series) in all.iter().enumerate() {
            self.index.insert(series.name.clone(), number as u32);
            self.by_dimension[series.name.dimension as usize] += 1;
        }
        self.groups = groups((0..).zip(&all));
        self.all = all;
    }

    /// The series of a class and dimension that something was added to in this step.
    pub fn active(&self, class: u8, dimension: Dimension) -> impl Iterator<Item = &Series> {
        self.of(&self.active_groups, class, dimension)
    }

    /// Every series of a class and dimension.
    pub fn all(&self, class: u8, dimension: Dimension) -> impl Iterator<Item = &Series> {
        self.of(&self.groups, class, dimension)
    }

    fn of<'a>(&'a self, groups: &'a Groups, class: u8, dimension: Dimension) -> impl Iterator<Item = &'a Series> {
        let numbers = groups.get(&(class, dimension)).map_or(&[][..], Vec::as_slice);
        numbers.iter().filter_map(|number| self.all.get(*number as usize))
    }

    /// One series.
    pub fn get(&self, class: u8, dimension: Dimension, key: &str) -> Option<&Series> {
        let name = Name { class, dimension, key: Arc::from(key) };
        self.index.get(&name).and_then(|number| self.all.get(*number as usize))
    }

    /// Says that an alert told of the time from `from` on, which is behind whatever else is told of.
    pub(crate) fn mark_told(&mut self, from: Time) {
        self.all.iter_mut().for_each(|series| series.history.mark_told(from));
    }

    /// The same of these labels alone.
    pub(crate) fn mark_told_of(&mut self, dimension: Dimension, key: &str, from: Time) {
        self.with_label(dimension, key).for_each(|series| series.history.mark_told(from));
    }

    /// Says that the time from `from` to `until` was not as usual for these labels, though it brought nothing at all.
    pub(crate) fn mark_bad(&mut self, dimension: Dimension, key: &str, from: Time, until: Time) {
        for series in self.with_label(dimension, key) {
            series.history.mark_empty_bad(from, until);
            series.history.mark_bad(from);
        }
    }

    /// Says that the time from `from` on was not as usual for a whole dimension, of which nothing was told.
    pub(crate) fn mark_unusual(&mut self, dimension: Dimension, from: Time) {
        self.all.iter_mut().filter(|series| series.name.dimension == dimension).for_each(|series| series.history.mark_bad(from));
    }

    fn with_label<'a>(&'a mut self, dimension: Dimension, key: &'a str) -> impl Iterator<Item = &'a mut Series> {
        self.all.iter_mut().filter(move |series| series.name.dimension == dimension && &*series.name.key == key)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// Series with their places, by class and dimension.
fn groups<'a>(series: impl Iterator<Item = (u32, &'a Series)>) -> Groups {
    let mut groups = Groups::default();
    for (number, series) in series {
        groups.entry((series.name.class, series.name.dimension)).or_default().push(number);
    }
    groups
}
