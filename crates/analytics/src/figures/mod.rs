//! Sums of a window: as a whole, by one dimension, over time.
//!
//! Few rows are folded themselves, which is exact for every number. Above [`ROWS_FOLDED`] rows rollups answer where they can, and rows what lies
//! beside their steps: counts of events are exact there too, and recipients each counted once come from [`mailvane_metric::window::Window`].

mod folded;
mod lines;
mod pieces;
mod rolled;

use ahash::AHashMap;
use mailvane_metric::{Cell, Cube, Width};
use mailvane_model::Time;
use mailvane_model::word::Reason;
use mailvane_store::{Kind, Snapshot};

pub use self::folded::{GROUPS, outcome_key};
use self::folded::{folded, series_folded};
use self::lines::Lines;
use self::rolled::{Source, rolled, series_rolled};
use crate::scope::{Dimension, Scope};
use crate::{Result, scan};

/// Up to so many stored attempts and outcomes a window is folded from its rows.
pub const ROWS_FOLDED: u64 = 60_000;
/// Refusals and logins of a window, which no cell tells by domain, sender domain or user, are read up to so many.
const DOOR_ROWS: u64 = 300_000;
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

/// Whether [`summary`] tells what happened at the door ([`Cell::door`]): of one domain, sender domain or user and a long time nobody counted it.
pub fn tells_door(snapshot: &Snapshot, scope: &Scope) -> bool {
    let untold = Source::of(scope, None).is_some_and(|source| source.tells_no_door());
    !untold || !is_large(snapshot, scope) || is_door_read(snapshot, scope)
}

/// Whether what happened at the door of a scope is little enough to be read row by row.
fn is_door_read(snapshot: &Snapshot, scope: &Scope) -> bool {
    let rows = |kind| scan::rows_at_most(snapshot, kind, scope.since, scope.until);
    let logins = if scope.filters.get(Dimension::User).is_some() { rows(Kind::Auths) } else { 0 };
    rows(Kind::Rejections) + logins <= DOOR_ROWS
}

/// Whether [`breakdown`] is worked out from cells, or from rows that are few: beside numbers that nobody asked for by themselves, reading a
/// month of rows is too much.
pub fn is_quick(snapshot: &Snapshot, scope: &Scope, by: Dimension) -> bool {
    !is_large(snapshot, scope) || Source::of(scope, Some(by)).is_some()
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

/// Whether a series is about our door (refusals there, logins, connections, warnings): where no rollup tells it, that is read for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtDoor {
    /// It is wanted.
    Counted,
    /// Nobody asks: [`Cell::door`] says nothing.
    Left,
}

/// The sums of each step between the given borders (ascending; the last one ends the last step).
pub fn series(snapshot: &Snapshot, scope: &Scope, door: AtDoor, borders: &[Time]) -> Result<Vec<Step>> {
    let lines = filled(snapshot, scope, door, Lines::new(None, borders), borders)?;
    Ok(lines.steps.into_iter().next().unwrap_or_default())
}

/// The same of each of some groups, in the order of their keys, all in one go.
pub fn series_by(
    snapshot: &Snapshot,
    scope: &Scope,
    door: AtDoor,
    (by, keys): (Dimension, &[String]),
    borders: &[Time],
) -> Result<Vec<Vec<Step>>> {
    Ok(filled(snapshot, scope, door, Lines::new(Some((by, keys)), borders), borders)?.steps)
}

fn filled<'a>(snapshot: &Snapshot, scope: &Scope, door: AtDoor, mut lines: Lines<'a>, borders: &[Time]) -> Result<Lines<'a>> {
    let whole = Scope { since: borders.first().map_or(scope.since, |first| scope.since.max(*first)), ..scope.clone() };
    let source = if is_large(snapshot, &whole) { Source::of(&whole, lines.by).map(|source| source.only(&lines)) } else { None };
    match source.filter(|source| source.has_borders(snapshot, borders)) {
        Some(source) => series_rolled(snapshot, &whole, &source, door, &mut lines)?,
        None => series_folded(snapshot, &whole, door, &mut lines)?,
    }
    Ok(lines)
}

/// Whether a window is too large to fold its rows.
fn is_large(snapshot: &Snapshot, scope: &Scope) -> bool {
    let rows = |kind| scan::rows_at_most(snapshot, kind, scope.since, scope.until);
    rows(Kind::Attempts) + rows(Kind::Outcomes) > ROWS_FOLDED
}
