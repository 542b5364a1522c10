//! Sums of a window: as a whole, by one dimension, over time.
//!
//! Few rows are folded themselves, which is exact for every number. Above [`ROWS_FOLDED`] rows rollups answer where they can, and rows what lies
//! beside their steps: counts of events are exact there too, and recipients each counted once come from [`mailvane_metric::window::Window`].

mod folded;
mod rolled;

use ahash::AHashMap;
use mailvane_metric::{Cell, Cube, Width};
use mailvane_model::Time;
use mailvane_model::word::Reason;
use mailvane_store::{Kind, Snapshot};

pub use self::folded::{GROUPS, outcome_key};
use self::folded::{folded, series_folded};
use self::rolled::{Source, rolled, series_rolled};
use crate::scope::{Dimension, Scope};
use crate::{Result, scan};

/// Up to so many stored attempts and outcomes a window is folded from its rows.
pub const ROWS_FOLDED: u64 = 60_000;
/// The key of the group of everything else, here and in the store's rollups.
pub const OTHER: &str = "*";

/// One group with its sums.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// The value of the dimension.
    pub key: String,
    /// The sums. `Recipients*` figures are those of the whole window.
    pub cell: Cell,
    /// The first event in the window, where rows or steps tell it.
    pub first: Option<Time>,
    /// The last event in the window.
    pub last: Option<Time>,
    /// Failed and deferred attempts by reason.
    pub reasons: AHashMap<Reason, u64>,
}

impl Group {
    /// The commonest reason among its failed and deferred attempts.
    pub fn top_reason(&self) -> Option<Reason> {
        self.reasons.iter().max_by_key(|(reason, count)| (**count, std::cmp::Reverse(**reason))).map(|(reason, _)| *reason)
    }

    fn seen(&mut self, time: Time) {
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
    }
}

/// Groups of a breakdown.
#[derive(Clone, Debug, Default)]
pub struct Breakdown {
    /// In no order.
    pub groups: Vec<Group>,
    /// False when a long tail was folded into [`OTHER`].
    pub exact: bool,
}

/// One step of a series.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its start.
    pub start: Time,
    /// The sums; `Recipients*` count each recipient once in this step.
    pub cell: Cell,
}

/// The sums of everything in a scope.
pub fn summary(snapshot: &Snapshot, scope: &Scope) -> Result<Cell> {
    let groups = grouped(snapshot, scope, None)?;
    Ok(groups.groups.into_iter().next().map(|group| group.cell).unwrap_or_default())
}

/// The sums by one dimension.
pub fn breakdown(snapshot: &Snapshot, scope: &Scope, by: Dimension) -> Result<Breakdown> {
    grouped(snapshot, scope, Some(by))
}

fn grouped(snapshot: &Snapshot, scope: &Scope, by: Option<Dimension>) -> Result<Breakdown> {
    if is_large(snapshot, scope)
        && let Some(source) = Source::of(scope, by)
    {
        return rolled(snapshot, scope, &source);
    }
    folded(snapshot, scope, by, scope.since)
}

/// The sums of each minute between two times, of all streams and traffics: those with anything in them, in order.
pub fn minutes(snapshot: &Snapshot, since: Time, until: Time) -> Result<Vec<Step>> {
    let mut steps: Vec<Step> = Vec::new();
    for rolled in snapshot.rollups(Width::Minute, Cube::Total, Width::Minute.floor(since), until, None)? {
        match steps.last_mut().filter(|last| last.start == rolled.time) {
            Some(last) => last.cell.merge(&rolled.cell),
            None => steps.push(Step { start: rolled.time, cell: rolled.cell }),
        }
    }
    Ok(steps)
}

/// The sums of each step between the given borders (ascending; the last one ends the last step).
pub fn series(snapshot: &Snapshot, scope: &Scope, borders: &[Time]) -> Result<Vec<Step>> {
    let mut steps: Vec<Step> = borders.windows(2).map(|pair| Step { start: pair[0], cell: Cell::default() }).collect();
    let whole = Scope { since: borders.first().map_or(scope.since, |first| scope.since.max(*first)), ..scope.clone() };
    if is_large(snapshot, &whole)
        && let Some(source) = Source::of(&whole, None).filter(|source| source.has_borders(snapshot, borders))
    {
        series_rolled(snapshot, &whole, &source, &mut steps)?;
    } else {
        series_folded(snapshot, &whole, &mut steps)?;
    }
    Ok(steps)
}

/// Whether a window is too large to fold its rows.
fn is_large(snapshot: &Snapshot, scope: &Scope) -> bool {
    let rows = |kind| scan::rows_at_most(snapshot, kind, scope.since, scope.until);
    rows(Kind::Attempts) + rows(Kind::Outcomes) > ROWS_FOLDED
}

/// Which step a time belongs to.
fn step_of(steps: &[Step], time: Time) -> Option<usize> {
    steps.partition_point(|step| step.start <= time).checked_sub(1)
}
