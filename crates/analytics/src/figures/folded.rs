//! Sums folded from the rows of a window: exact for every number.

use ahash::AHashMap;
use mailvane_metric::{Cell, Traffic, count, sender};
use mailvane_model::{AttemptRow, OutcomeRow, Time};
use mailvane_store::Snapshot;

use super::{Breakdown, Group, OTHER, Step, step_of};
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
        let Some(key) = groups.by.map_or(Some(String::new()), |by| attempt_key(row, by)) else { return };
        let group = groups.group(&key);
        add_attempt(&mut group.cell, row, start);
        group.seen(row.time);
        if let Some(reason) = row.reason.filter(|_| count::is_refusal(row.status)) {
            *group.reasons.entry(reason).or_default() += 1;
        }
    })?;
    scan::outcomes(snapshot, scope, Names::Of(by), |row| {
        let Some(key) = groups.by.map_or(Some(String::new()), |by| outcome_key(row, by)) else { return };
        let group = groups.group(&key);
        add_outcome(&mut group.cell, row);
        group.seen(row.time);
    })?;
    messages_folded(snapshot, scope, &mut groups)?;
    if groups.by.is_none() {
        door(snapshot, scope, |_, door| groups.group("").cell.add_door(door, 1))?;
    } else {
        rejections_folded(snapshot, scope, &mut groups)?;
    }
    Ok(Breakdown { groups: groups.groups, exact: groups.exact })
}

fn messages_folded(snapshot: &Snapshot, scope: &Scope, groups: &mut Groups) -> Result<()> {
    scan::messages(snapshot, scope, Names::Of(groups.by), |row| {
        let key = match groups.by {
            None => String::new(),
            Some(Dimension::SenderDomain) => row.sender.domain.to_owned(),
            Some(Dimension::Sender) => sender::normalised(row.sender),
            Some(Dimension::Instance) => instance(row.stream),
            Some(Dimension::Client) => row.client_ip.to_owned(),
            Some(Dimension::User) if !row.sasl_user.is_empty() => row.sasl_user.to_owned(),
            Some(_) => return,
        };
        let marks = count::message(row);
        if !marks.is_empty() {
            marks.apply(&mut groups.group(&key).cell.figures_mut(Traffic::of(row.population, row.direction)).counts, 1);
        }
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

/// Hands what happened at the door to `add`, with its time.
fn door(snapshot: &Snapshot, scope: &Scope, mut add: impl FnMut(Time, mailvane_metric::Door)) -> Result<()> {
    scan::rejections(snapshot, scope, Names::Of(None), |row| add(row.time, count::rejection(row)))?;
    scan::auths(snapshot, scope, Names::Of(None), |row| add(row.time, count::auth(row)))?;
    scan::sessions(snapshot, scope, Names::Of(None), |row| {
        add(row.time, mailvane_metric::Door::Sessions);
        if count::is_lost(row) {
            add(row.time, mailvane_metric::Door::SessionsLost);
        }
    })?;
    if scope.filters.is_empty() {
        scan::notices(snapshot, scope, |row| {
            if let Some(door) = count::notice(row) {
                add(row.time, door);
            }
        })?;
    }
    Ok(())
}

/// Folds the rows of a scope into steps.
pub(super) fn series_folded(snapshot: &Snapshot, scope: &Scope, steps: &mut [Step]) -> Result<()> {
    scan::attempts(snapshot, scope, Names::Of(None), |row| {
        if let Some(at) = step_of(steps, row.time) {
            let start = steps[at].start;
            add_attempt(&mut steps[at].cell, row, start);
        }
    })?;
    scan::outcomes(snapshot, scope, Names::Of(None), |row| {
        if let Some(at) = step_of(steps, if scope.by_arrival { row.arrived } else { row.time }) {
            add_outcome(&mut steps[at].cell, row);
        }
    })?;
    scan::messages(snapshot, scope, Names::Of(None), |row| {
        if let Some(at) = step_of(steps, row.time) {
            count::message(row).apply(&mut steps[at].cell.figures_mut(Traffic::of(row.population, row.direction)).counts, 1);
        }
    })?;
    door(snapshot, scope, |time, door| {
        if let Some(at) = step_of(steps, time) {
            steps[at].cell.add_door(door, 1);
        }
    })
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

/// The key of a row in a dimension; `None` where the row has no part in it.
fn attempt_key(row: &AttemptRow<'_>, by: Dimension) -> Option<String> {
    Some(match by {
        Dimension::Provider => row.provider.to_owned(),
        Dimension::Domain => row.recipient.domain.to_owned(),
        Dimension::SenderDomain => row.sender.domain.to_owned(),
        Dimension::Sender => sender::normalised(row.sender),
        Dimension::Relay => row.relay_host.to_owned(),
        Dimension::Instance => instance(row.stream),
        Dimension::Reason => row.reason?.word().to_owned(),
        Dimension::Client => row.client_ip.to_owned(),
        Dimension::User => Some(row.sasl_user.to_owned()).filter(|user| !user.is_empty())?,
    })
}

/// The key of an outcome in a dimension; `None` where it has no part in it.
pub fn outcome_key(row: &OutcomeRow<'_>, by: Dimension) -> Option<String> {
    Some(match by {
        Dimension::Provider => row.provider.to_owned(),
        Dimension::Domain => row.recipient.domain.to_owned(),
        Dimension::SenderDomain => row.sender.domain.to_owned(),
        Dimension::Sender => sender::normalised(row.sender),
        Dimension::Relay => row.relay_host.to_owned(),
        Dimension::Instance => instance(row.stream),
        Dimension::Reason => row.reason?.word().to_owned(),
        Dimension::Client => row.client_ip.to_owned(),
        Dimension::User => Some(row.sasl_user.to_owned()).filter(|user| !user.is_empty())?,
    })
}
