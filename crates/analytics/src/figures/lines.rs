//! Steps of time of several groups, filled in one go.

use ahash::AHashMap;
use mailvane_metric::Cell;
use mailvane_model::Time;

use super::Step;
use crate::scope::Dimension;

/// One line of steps for each of some groups, or a single one of everything.
pub(super) struct Lines<'a> {
    /// What the groups are of; `None` for everything.
    pub(super) by: Option<Dimension>,
    index: AHashMap<&'a str, usize>,
    /// By group, in the order of its keys.
    pub(super) steps: Vec<Vec<Step>>,
}

impl<'a> Lines<'a> {
    /// Empty steps between the borders (ascending; the last one ends the last step).
    pub(super) fn new(groups: Option<(Dimension, &'a [String])>, borders: &[Time]) -> Self {
        let steps: Vec<Step> = borders.windows(2).map(|pair| Step { start: pair[0], cell: Cell::default() }).collect();
        let keys = groups.map_or(&[][..], |(_, keys)| keys);
        let index = keys.iter().enumerate().map(|(at, key)| (key.as_str(), at)).collect();
        let lines = groups.map_or(1, |(_, keys)| keys.len());
        Lines { by: groups.map(|(by, _)| by), index, steps: vec![steps; lines] }
    }

    /// The keys of the groups, in no order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'a str> {
        self.index.keys().copied()
    }

    /// The starts of the steps.
    pub(super) fn starts(&self) -> impl Iterator<Item = Time> {
        self.steps.first().into_iter().flatten().map(|step| step.start)
    }

    /// The step of a group that something belongs to.
    pub(super) fn step(&mut self, key: &str, time: Time) -> Option<&mut Step> {
        let (line, at) = self.place(key, time)?;
        Some(&mut self.steps[line][at])
    }

    /// Where that is: which group, and which of its steps.
    pub(super) fn place(&self, key: &str, time: Time) -> Option<(usize, usize)> {
        let line = if self.by.is_some() { *self.index.get(key)? } else { 0 };
        let at = self.steps.get(line)?.partition_point(|step| step.start <= time).checked_sub(1)?;
        Some((line, at))
    }
}
