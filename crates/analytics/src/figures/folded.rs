//! Sums folded from the rows of a window: exact for every number.

use std::borrow::Cow;

use ahash::AHashMap;
use mailvane_metric::{Cell, Door, Traffic, count, sender};
use mailvane_model::{AttemptRow, MessageRow, OutcomeRow, Time};
use mailvane_store::Snapshot;

use super::lines::Lines;
use super::{AtDoor, Breakdown, Group, OTHER};
use crate::frames::Names;
use crate::scope::{Dimension, Scope, instance};
use crate::{Result, scan};

/// Groups that are told apart while rows are folded; the rest is one group, and the answer says so.
pub const GROUPS: usize = 200_000;

fn add_attempt(cell: &mut Cell, row: &AttemptRow<'_>, start: Time) {
    let marks = count::attempt(row, start);
    if !marks.is_empty() {
        let figures = cell.figures_mut(Traffic::of(row.population, row.direction));
        marks.apply(&mut figures.counts, 1);
        count::attempt_spreads(row, figures);
    }
}

fn add_outcome(cell: &mut Cell, row: &OutcomeRow<'_>) {
    let figures = cell.figures_mut(Traffic::of(row.population, row.direction));
    count::outcome(row).apply(&mut figures.counts, 1);
    if let Some(delay) = count::outcome_delay(row) {
        figures.spread_mut(mailvane_metric::Spread::Delay).record(delay);
    }
}

/// Folds the rows of a scope, which is (a part of) a window that begins at `start`: recipients tried between that and the scope are counted there.
pub(super) fn folded(snapshot: &Snapshot, scope: &Scope, by: Option<Dimension>, start: Time) -> Result<Breakdown> {
    let mut groups = Groups::new(by);
    scan::attempts(snapshot, scope, Names::Of(by), |row| {
        let Some(key) = groups.by.map_or(Some(Cow::Borrowed("")), |by| attempt_key(row, by)) else { return };
        let group = groups.group(&key);
        add_attempt(&mut group.cell, row, start);
        group.seen(row.time);
        if let Some(reason) = row.reason.filter(|_| count::is_refusal(row.status)) {
            *group.reasons.entry(reason).or_default() += 1;
        }
    })?;
    scan::outcomes(snapshot, scope, Names::Of(by), |row| {
        let Some(key) = groups.by.map_or(Some(Cow::Borrowed("")), |by| outcome_key(row, by)) else { return };
        let group = groups.group(&key);
        add_outcome(&mut group.cell, row);
        group.seen(row.time);
    })?;
    messages_folded(snapshot, scope, &mut groups)?;
    if groups.by.is_none() {
        door(snapshot, scope, None, |key, _, door| groups.group(key).cell.add_door(door, 1))?;
    } else {
        rejections_folded(snapshot, scope, &mut groups)?;
    }
    Ok(Breakdown { groups: groups.groups, exact: groups.exact })
}

fn messages_folded(snapshot: &Snapshot, scope: &Scope, groups: &mut Groups) -> Result<()> {
    scan::messages(snapshot, scope, Names::Of(groups.by), |row| {
        let Some(key) = message_key(row, groups.by) else { return };
        let marks = count::message(row);
        if !marks.is_empty() {
            marks.apply(&mut groups.group(&key).cell.figures_mut(Traffic::of(row.population, row.direction)).counts, 1);
        }
    })
}

/// The group of a message; `None` where it has no part in the dimension.
fn message_key<'r>(row: &MessageRow<'r>, by: Option<Dimension>) -> Option<Cow<'r, str>> {
    Some(match by {
        None => Cow::Borrowed(""),
        Some(Dimension::SenderDomain) => Cow::Borrowed(row.sender.domain),
        Some(Dimension::Sender) => Cow::Owned(sender::normalised(row.sender)),
        Some(Dimension::Instance) => Cow::Owned(instance(row.stream)),
        Some(Dimension::Client) => Cow::Borrowed(row.client_ip),
        Some(Dimension::User) if !row.sasl_user.is_empty() => Cow::Borrowed(row.sasl_user),
        Some(_) => return None,
    })
}

fn rejections_folded(snapshot: &Snapshot, scope: &Scope, groups: &mut Groups) -> Result<()> {
    scan::rejections(snapshot, scope, Names::Of(groups.by), |row| {
        let key = match groups.by {
            Some(Dimension::Reason) => row.reason.word(),
            Some(Dimension::Client) => row.client_ip,
            _ => return,
        };
        let group = groups.group(key);
        group.cell.add_door(count::rejection(row), 1);
        group.seen(row.time);
    })
}

/// Hands what happened at the door to `add`, with its group and time.
fn door(snapshot: &Snapshot, scope: &Scope, by: Option<Dimension>, mut add: impl FnMut(&str, Time, Door)) -> Result<()> {
    refusals(snapshot, scope, by, &mut add)?;
    logins(snapshot, scope, by, &mut add)?;
    scan::sessions(snapshot, scope, Names::Of(by), |row| {
        let key = match by {
            None => Cow::Borrowed(""),
            Some(Dimension::Instance) => Cow::Owned(instance(row.stream)),
            Some(Dimension::Client) => Cow::Borrowed(row.client_ip),
            Some(_) => return,
        };
        add(&key, row.time, Door::Sessions);
        if count::is_lost(row) {
            add(&key, row.time, Door::SessionsLost);
        }
    })?;
    if scope.filters.is_empty() && by.is_none() {
        scan::notices(snapshot, scope, |row| {
            if let Some(door) = count::notice(row) {
                add("", row.time, door);
            }
        })?;
    }
    Ok(())
}

/// Hands refusals at the door to `add`, with their group and time.
fn refusals(snapshot: &Snapshot, scope: &Scope, by: Option<Dimension>, mut add: impl FnMut(&str, Time, Door)) -> Result<()> {
    scan::rejections(snapshot, scope, Names::Of(by), |row| {
        let key = match by {
            None => Cow::Borrowed(""),
            Some(Dimension::Domain) => Cow::Borrowed(row.recipient.domain),
            Some(Dimension::SenderDomain) => Cow::Borrowed(row.sender.domain),
            Some(Dimension::Sender) => Cow::Owned(sender::normalised(row.sender)),
            Some(Dimension::Instance) => Cow::Owned(instance(row.stream)),
            Some(Dimension::Reason) => Cow::Borrowed(row.reason.word()),
            Some(Dimension::Client) => Cow::Borrowed(row.client_ip),
            Some(Dimension::User) => Cow::Borrowed(row.sasl_user),
            Some(Dimension::Provider | Dimension::Relay) => return,
        };
        add(&key, row.time, count::rejection(row));
    })
}

/// Hands logins to `add`, with their group and time.
fn logins(snapshot: &Snapshot, scope: &Scope, by: Option<Dimension>, mut add: impl FnMut(&str, Time, Door)) -> Result<()> {
    scan::auths(snapshot, scope, Names::Of(by), |row| {
        let key = match by {
            None => Cow::Borrowed(""),
            Some(Dimension::Instance) => Cow::Owned(instance(row.stream)),
            Some(Dimension::Client) => Cow::Borrowed(row.client_ip),
            Some(Dimension::User) => Cow::Borrowed(row.user),
            Some(_) => return,
        };
        add(&key, row.time, count::auth(row));
    })
}

/// Hands to `add` what happened at the door that no cell by domain, sender domain or user tells: refusals, and logins that failed (of a
/// user the cells have those that succeeded: guessing goes through names without end).
pub(super) fn untold_by_cells(
    snapshot: &Snapshot,
    scope: &Scope,
    by: Option<Dimension>,
    mut add: impl FnMut(&str, Time, Door),
) -> Result<()> {
    refusals(snapshot, scope, by, &mut add)?;
    if by == Some(Dimension::User) || scope.filters.get(Dimension::User).is_some() {
        logins(snapshot, scope, by, |key, time, door| {
            if door != Door::AuthOk {
                add(key, time, door);
            }
        })?;
    }
    Ok(())
}

/// Folds the rows of a scope into steps.
pub(super) fn series_folded(snapshot: &Snapshot, scope: &Scope, at_door: AtDoor, lines: &mut Lines<'_>) -> Result<()> {
    let by = lines.by;
    let names = Names::Of(by);
    scan::attempts(snapshot, scope, names, |row| {
        let Some(key) = by.map_or(Some(Cow::Borrowed("")), |by| attempt_key(row, by)) else { return };
        if let Some(step) = lines.step(&key, row.time) {
            add_attempt(&mut step.cell, row, step.start);
        }
    })?;
    scan::outcomes(snapshot, scope, names, |row| {
        let Some(key) = by.map_or(Some(Cow::Borrowed("")), |by| outcome_key(row, by)) else { return };
        if let Some(step) = lines.step(&key, if scope.by_arrival { row.arrived } else { row.time }) {
            add_outcome(&mut step.cell, row);
        }
    })?;
    scan::messages(snapshot, scope, names, |row| {
        let Some(key) = message_key(row, by) else { return };
        if let Some(step) = lines.step(&key, row.time) {
            count::message(row).apply(&mut step.cell.figures_mut(Traffic::of(row.population, row.direction)).counts, 1);
        }
    })?;
    if at_door == AtDoor::Counted {
        door(snapshot, scope, by, |key, time, door| {
            if let Some(step) = lines.step(key, time) {
                step.cell.add_door(door, 1);
            }
        })?;
    }
    Ok(())
}

/// Groups while rows are folded.
struct Groups {
    by: Option<Dimension>,
    index: AHashMap<String, usize>,
    groups: Vec<Group>,
    exact: bool,
}

impl Groups {
    fn new(by: Option<Dimension>) -> Self {
        Groups { by, index: AHashMap::new(), groups: Vec::new(), exact: true }
    }

    fn group(&mut self, key: &str) -> &mut Group {
        let at = match self.index.get(key) {
            Some(at) => *at,
            None => self.add(key),
        };
        &mut self.groups[at]
    }

    fn add(&mut self, key: &str) -> usize {
        let key = if self.groups.len() >= GROUPS {
            self.exact = false;
            OTHER
        } else {
            key
        };
        if let Some(at) = self.index.get(key) {
            return *at;
        }
        self.index.insert(key.to_owned(), self.groups.len());
        self.groups.push(Group { key: key.to_owned(), ..Group::default() });
        self.groups.len() - 1
    }
}

/// The key of an attempt or an outcome in a dimension: their columns have the same names.
macro_rules! key {
    ($row:expr, $by:expr) => {
        Some(match $by {
            Dimension::Provider => Cow::Borrowed($row.provider),
            Dimension::Domain => Cow::Borrowed($row.recipient.domain),
            Dimension::SenderDomain => Cow::Borrowed($row.sender.domain),
            Dimension::Sender => Cow::Owned(sender::normalised($row.sender)),
            Dimension::Relay => Cow::Borrowed($row.relay_host),
            Dimension::Instance => Cow::Owned(instance($row.stream)),
            Dimension::Reason => Cow::Borrowed($row.reason?.word()),
            Dimension::Client => Cow::Borrowed($row.client_ip),
            Dimension::User => Cow::Borrowed(Some($row.sasl_user).filter(|user| !user.is_empty())?),
        })
    };
}

/// The key of an attempt in a dimension; `None` where it has no part in it.
fn attempt_key<'r>(row: &AttemptRow<'r>, by: Dimension) -> Option<Cow<'r, str>> {
    key!(row, by)
}

/// The key of an outcome in a dimension; `None` where it has no part in it.
pub fn outcome_key<'r>(row: &OutcomeRow<'r>, by: Dimension) -> Option<Cow<'r, str>> {
    key!(row, by)
}
