//! Sums out of rollups: whole steps from the store's cells, what lies beside them from rows.

use std::collections::HashMap;

use ahash::AHashMap;
use mailvane_metric::window::Window;
use mailvane_metric::{Cell, Cube, Traffic, Width};
use mailvane_model::Time;
use mailvane_model::word::Reason;
use mailvane_store::{MINUTES_KEEP, Snapshot};

use super::folded::{folded, series_folded, untold_by_cells};
use super::lines::Lines;
use super::pieces::{Piece, halves, pieces};
use super::{AtDoor, Breakdown, Group, OTHER, is_door_read};
use crate::Result;
use crate::scope::{Dimension, Scope, instance};

/// The rollup that answers a scope.
pub(super) struct Source {
    cube: Cube,
    /// The keys that are meant; all when there are none named.
    keys: Option<Vec<String>>,
    by: Option<Dimension>,
}

impl Source {
    /// `None` where no rollup tells enough, and rows are to be folded.
    pub(super) fn of(scope: &Scope, by: Option<Dimension>) -> Option<Self> {
        // No sum by time and one dimension tells whose mail it is.
        if scope.filters.within.is_some() {
            return None;
        }
        let filters: Vec<_> = scope.filters.wanted.iter().filter(|wanted| wanted.0 != Dimension::Instance).collect();
        let (cube, keys) = match (filters.as_slice(), by) {
            ([], None | Some(Dimension::Instance)) => (if scope.by_arrival { Cube::Cohort } else { Cube::Total }, None),
            ([], Some(by)) if !scope.by_arrival => (cube_of(by)?, None),
            ([(dimension, value)], None) if !scope.by_arrival => (cube_of(*dimension)?, Some(vec![value.clone()])),
            _ => return None,
        };
        let source = Source { cube, keys, by };
        // The view by arrival counts attempts of other times: no rows can stand in for a part of a step.
        (!scope.by_arrival || Width::Quarter.floor(scope.since) == scope.since).then_some(source)
    }

    /// Of some groups alone.
    pub(super) fn only(self, lines: &Lines<'_>) -> Self {
        // All instances stand under one key.
        let is_keyed = self.by.is_some_and(|by| by != Dimension::Instance);
        Source { keys: if is_keyed { Some(lines.keys().map(str::to_owned).collect()) } else { self.keys }, ..self }
    }

    /// Whether its steps can be added up to steps with these borders.
    pub(super) fn has_borders(&self, snapshot: &Snapshot, borders: &[Time]) -> bool {
        let finest = self.finest(borders.first().copied().unwrap_or_default(), snapshot.span().map_or(Time(0), |span| span.1));
        borders.iter().all(|border| finest.floor(*border) == *border)
    }

    /// The finest steps that are there for the whole window: those of minutes are kept for a while only.
    fn finest(&self, since: Time, latest: Time) -> Width {
        let has_minutes = since >= latest.plus(Time::DAY - MINUTES_KEEP);
        let is_kept = |width: &Width| self.cube.at(*width) && (has_minutes || *width != Width::Minute);
        Width::ALL.iter().copied().find(is_kept).unwrap_or(Width::Hour)
    }

    /// Cuts a window.
    fn cut(&self, snapshot: &Snapshot, scope: &Scope) -> Cut {
        // Nothing is later than the last row: the open end of a window costs nothing.
        let latest = snapshot.span().map_or(Time(0), |span| span.1);
        let finest = self.finest(scope.since, latest);
        let ceiling = |time: Time| finest.floor(time.plus(finest.micros() - 1));
        let (since, until) = (scope.since, if scope.until > latest { ceiling(latest.plus(1)) } else { scope.until });
        if scope.by_arrival {
            return Cut { whole: (since, ceiling(until)), beside: Vec::new() };
        }
        let (from, to) = (ceiling(since), finest.floor(until));
        if from >= to {
            return Cut { whole: (since, since), beside: vec![(since, until)] };
        }
        let beside = [(since, from), (to, until)].into_iter().filter(|(from, until)| from < until).collect();
        Cut { whole: (from, to), beside }
    }

    /// Hands out the cells of a span.
    fn cells(
        &self,
        snapshot: &Snapshot,
        width: Width,
        span: (Time, Time),
        streams: Option<&[u64]>,
        see: &mut dyn FnMut(Time, u64, &str, &Cell),
    ) -> Result<()> {
        let keys: Option<Vec<&str>> = self.keys.as_ref().map(|keys| keys.iter().map(String::as_str).collect());
        Ok(snapshot.each_rollup(width, self.cube, span, streams, keys.as_deref(), see)?)
    }

    /// The group of a cell.
    fn name<'a>(&self, stream: u64, key: &'a str, instances: &'a HashMap<u64, String>) -> &'a str {
        match self.by {
            Some(Dimension::Instance) => instances.get(&stream).map_or("", String::as_str),
            Some(_) => key,
            None => "",
        }
    }

    /// The part of a window of which its cells do not tell all that happened at our door, though the filter lets some pass.
    fn untold(&self, scope: &Scope, (since, until): (Time, Time)) -> Option<Scope> {
        (self.tells_no_door() && since < until).then(|| Scope { since, until, ..scope.clone() })
    }

    /// Whether there is such a part.
    pub(super) fn tells_no_door(&self) -> bool {
        self.keys.is_some() && matches!(self.cube, Cube::Domain | Cube::SenderDomain | Cube::User)
    }
}

/// A window as its rollup has it.
struct Cut {
    /// Whole steps.
    whole: (Time, Time),
    /// What lies before and after them: of this rows are folded.
    beside: Vec<(Time, Time)>,
}

fn cube_of(dimension: Dimension) -> Option<Cube> {
    match dimension {
        Dimension::Provider => Some(Cube::Provider),
        Dimension::Domain => Some(Cube::Domain),
        Dimension::SenderDomain => Some(Cube::SenderDomain),
        Dimension::Relay => Some(Cube::Relay),
        Dimension::Reason => Some(Cube::Reason),
        Dimension::User => Some(Cube::User),
        // The cube of clients is about our door: what their mail came to is not in it.
        Dimension::Client | Dimension::Sender | Dimension::Instance => None,
    }
}

/// What the streams are called, where a sum is by that.
fn instances(snapshot: &Snapshot, by: Option<Dimension>) -> HashMap<u64, String> {
    match by {
        Some(Dimension::Instance) => snapshot.streams().iter().map(|state| (state.key, instance(&state.stream))).collect(),
        _ => HashMap::new(),
    }
}

/// The keys of the streams that an instance filter names; `None` when all are meant.
fn streams(snapshot: &Snapshot, scope: &Scope) -> Option<Vec<u64>> {
    let wanted = scope.filters.get(Dimension::Instance)?;
    Some(snapshot.streams().iter().filter(|state| instance(&state.stream) == wanted).map(|state| state.key).collect())
}

/// Sums by group out of rollups.
pub(super) fn rolled(snapshot: &Snapshot, scope: &Scope, source: &Source) -> Result<Breakdown> {
    let cut = source.cut(snapshot, scope);
    let (mut groups, mut exact) = (summed(snapshot, scope, source, cut.whole)?, true);
    if let (Some(untold), None) = (source.untold(scope, cut.whole), source.by)
        && is_door_read(snapshot, scope)
    {
        let group = groups.entry(String::new()).or_default();
        untold_by_cells(snapshot, &untold, None, |_, _, door| group.cell.add_door(door, 1))?;
    }
    for (since, until) in cut.beside {
        let part = folded(snapshot, &Scope { since, until, ..scope.clone() }, source.by, scope.since)?;
        exact &= part.exact;
        for found in part.groups {
            let group = groups.entry(found.key.clone()).or_insert_with(|| Group { key: found.key.clone(), ..Group::default() });
            group.cell.merge(&found.cell);
            let (is_leading, is_alone) = (until <= cut.whole.0, group.first.is_none() && group.last.is_none());
            if is_leading || is_alone {
                group.first = found.first;
            }
            group.last = if is_leading { group.last.or(found.last) } else { found.last };
            for (reason, count) in found.reasons {
                *group.reasons.entry(reason).or_default() += count;
            }
        }
    }
    exact &= !groups.contains_key(OTHER);
    let mut groups: Vec<Group> = groups.into_values().filter(|group| !group.cell.is_empty()).collect();
    for group in &mut groups {
        // Of a part of the window alone they would mislead.
        group.reasons.clear();
        if source.cube == Cube::Reason {
            group.reasons.extend(Reason::from_word(&group.key).map(|reason| (reason, 1)));
        }
    }
    Ok(Breakdown { groups, exact })
}

/// A group while its steps are added up.
#[derive(Default)]
struct Summed {
    group: Group,
    windows: AHashMap<Traffic, Window>,
    /// Whether days were among its steps.
    has_days: bool,
}

impl Summed {
    fn add(&mut self, time: Time, width: Width, cell: &Cell, since: Time) {
        for (traffic, figures) in cell.parts() {
            self.windows.entry(traffic).or_insert_with(|| Window::new(since)).add(time, width, figures);
        }
        self.group.cell.merge(cell);
        if width == Width::Day {
            // A day is too long to say when.
            self.has_days = true;
            self.group.last = None;
        } else if self.has_days {
            self.group.last = self.group.last.max(Some(time));
        } else {
            self.group.seen(time);
        }
    }

    /// Adds what came later.
    fn append(&mut self, later: Summed) {
        for (traffic, window) in later.windows {
            match self.windows.get_mut(&traffic) {
                Some(mine) => mine.merge(&window),
                None => drop(self.windows.insert(traffic, window)),
            }
        }
        self.group.cell.merge(&later.group.cell);
        self.group.last = later.group.last;
        self.has_days |= later.has_days;
    }
}

/// The sums of whole steps by group.
fn summed(snapshot: &Snapshot, scope: &Scope, source: &Source, (since, until): (Time, Time)) -> Result<AHashMap<String, Group>> {
    let streams = streams(snapshot, scope);
    let of = |pieces: &[Piece]| added_up(snapshot, scope, source, streams.as_deref(), pieces);
    let (early, late) = halves(pieces(since, until, source.cube, std::iter::empty()));
    let mut groups = if late.is_empty() {
        of(&early)?
    } else {
        // A month of domains is some ten thousands of cells.
        let (early, late) = std::thread::scope(|threads| {
            let late = threads.spawn(|| of(&late));
            (of(&early), late.join())
        });
        let mut groups = early?;
        for (name, later) in late.unwrap_or_else(|panic| std::panic::resume_unwind(panic))? {
            match groups.get_mut(&name) {
                Some(summed) => summed.append(later),
                None => drop(groups.insert(name, later)),
            }
        }
        groups
    };
    let groups = groups.drain().map(|(name, Summed { mut group, windows, .. })| {
        for (traffic, window) in windows {
            window.set(group.cell.figures_mut(traffic));
        }
        keep_traffic(&mut group.cell, scope);
        group.key.clone_from(&name);
        (name, group)
    });
    Ok(groups.collect())
}

/// Adds up the cells of some pieces, in the order of time, by group.
fn added_up(
    snapshot: &Snapshot,
    scope: &Scope,
    source: &Source,
    streams: Option<&[u64]>,
    pieces: &[Piece],
) -> Result<AHashMap<String, Summed>> {
    let mut groups: AHashMap<String, Summed> = AHashMap::new();
    let instances = instances(snapshot, source.by);
    for (width, from, until) in pieces {
        source.cells(snapshot, *width, (*from, *until), streams, &mut |time, stream, key, cell| {
            let name = source.name(stream, key, &instances);
            if !groups.contains_key(name) {
                groups.insert(name.to_owned(), Summed::default());
            }
            if let Some(summed) = groups.get_mut(name) {
                summed.add(time, *width, cell, scope.since);
            }
        })?;
    }
    Ok(groups)
}

/// Sums by step out of rollups.
pub(super) fn series_rolled(snapshot: &Snapshot, scope: &Scope, source: &Source, door: AtDoor, lines: &mut Lines<'_>) -> Result<()> {
    let mut windows: AHashMap<(usize, usize, Traffic), Window> = AHashMap::new();
    let (cut, streams) = (source.cut(snapshot, scope), streams(snapshot, scope));
    let instances = instances(snapshot, source.by);
    for (width, from, until) in pieces(cut.whole.0, cut.whole.1, source.cube, lines.starts()) {
        source.cells(snapshot, width, (from, until), streams.as_deref(), &mut |time, stream, key, cell| {
            let key = source.name(stream, key, &instances);
            let Some((line, at)) = lines.place(key, time) else { return };
            let step = &mut lines.steps[line][at];
            for (traffic, figures) in cell.parts() {
                windows.entry((line, at, traffic)).or_insert_with(|| Window::new(step.start)).add(time, width, figures);
            }
            step.cell.merge(cell);
        })?;
    }
    for ((line, at, traffic), window) in windows {
        window.set(lines.steps[line][at].cell.figures_mut(traffic));
    }
    for step in lines.steps.iter_mut().flatten() {
        keep_traffic(&mut step.cell, scope);
    }
    if let (Some(untold), AtDoor::Counted) = (source.untold(scope, cut.whole), door) {
        let by = lines.by;
        untold_by_cells(snapshot, &untold, by, |key, time, door| {
            if let Some(step) = lines.step(key, time) {
                step.cell.add_door(door, 1);
            }
        })?;
    }
    for (since, until) in cut.beside {
        series_folded(snapshot, &Scope { since, until, ..scope.clone() }, door, lines)?;
    }
    Ok(())
}

/// Leaves only the traffic of the scope in a cell.
fn keep_traffic(cell: &mut Cell, scope: &Scope) {
    let mut rest = Cell::default();
    for (traffic, figures) in cell.parts().filter(|(traffic, _)| !scope.has(*traffic)) {
        rest.figures_mut(traffic).merge(figures, 1);
    }
    cell.subtract(&rest);
}

#[cfg(test)]
mod tests {
    use mailvane_metric::{Door, Figure};
    use mailvane_model::word::{Action, AuthResult, Direction, Outcome, Population, Stage, Status};
    use mailvane_model::{Address, AttemptRow, AuthRow, Batch, MessageRow, OutcomeRow, RejectionRow, Sink, Stream};
    use mailvane_store::{Commit, Memory, Store};

    use super::*;
    use crate::figures::breakdown;
    use crate::scope::Filters;

    /// 2026-03-01T07:20:00Z.
    const BEGIN: Time = Time::from_seconds(1_772_349_600);
    const MESSAGES: u64 = 4000;
    const PROVIDERS: [&str; 4] = ["google", "microsoft", "", "yahoo"];
    const BY: [Dimension; 7] = [
        Dimension::Provider,
        Dimension::Domain,
        Dimension::SenderDomain,
        Dimension::Relay,
        Dimension::Reason,
        Dimension::User,
        Dimension::Instance,
    ];
    /// What is exact by rollups too.
    const INEXACT: [Figure; 3] = [Figure::Recipients, Figure::RecipientsDeferred, Figure::RecipientsGreylisted];

    /// A message every five seconds; every fourth waits seven minutes, every twelfth fifty more.
    fn put(number: u64, batch: &mut Batch) {
        let stream = Stream { host: format!("mx{}", number % 2), instance: "postfix".into(), ..Stream::default() };
        let domain = format!("domain{}.example", number % 9);
        let sender = Address { local: "news", domain: if number.is_multiple_of(5) { "example.org" } else { "example.com" } };
        let recipient = Address { local: "joe", domain: &domain };
        let arrived = BEGIN.plus(number as i64 * 5 * Time::SECOND);
        let user = if number.is_multiple_of(3) { "ann" } else { "" };
        let (provider, direction) =
            (PROVIDERS[number as usize % 4], if number.is_multiple_of(7) { Direction::Inbound } else { Direction::Outbound });
        let message =
            MessageRow { id: number + 1, time: arrived, stream: &stream, sender, direction, sasl_user: user, ..MessageRow::default() };
        batch.message(&message, None);
        let waits: &[i64] = if number.is_multiple_of(12) {
            &[0, 7, 57]
        } else if number.is_multiple_of(4) {
            &[0, 7]
        } else {
            &[0]
        };
        let mut previous = None;
        for (index, wait) in waits.iter().enumerate() {
            let time = arrived.plus(wait * Time::MINUTE);
            let is_last = index + 1 == waits.len();
            let bounced = number.is_multiple_of(11);
            let attempt = AttemptRow {
                id: number * 10 + index as u64 + 1,
                time,
                arrived,
                previous,
                stream: &stream,
                sender,
                recipient,
                provider,
                direction,
                relay_host: provider,
                sasl_user: user,
                attempt: index as u32 + 1,
                status: if !is_last {
                    Status::Deferred
                } else if bounced {
                    Status::Bounced
                } else {
                    Status::Delivered
                },
                reason: (!is_last || bounced).then_some(if index == 0 { Reason::Greylisted } else { Reason::MailboxFull }),
                contacted: true,
                ..AttemptRow::default()
            };
            batch.attempt(&attempt);
            previous = Some(time);
        }
        let outcome = OutcomeRow {
            id: number * 10 + 9,
            time: arrived.plus(waits[waits.len() - 1] * Time::MINUTE),
            arrived,
            stream: &stream,
            sender,
            recipient,
            provider,
            direction,
            relay_host: provider,
            sasl_user: user,
            outcome: if number.is_multiple_of(11) { Outcome::Bounced } else { Outcome::Delivered },
            reason: number.is_multiple_of(11).then_some(Reason::MailboxFull),
            deferrals: waits.len() as u32 - 1,
            size: Some(1000),
            delay_ms: Some(waits[waits.len() - 1] as u64 * 60_000),
            ..OutcomeRow::default()
        };
        batch.outcome(&outcome, None);
        if number.is_multiple_of(3) {
            let id = number * 10 + 8;
            let refused = RejectionRow {
                id,
                time: arrived,
                stream: &stream,
                sender,
                recipient,
                sasl_user: user,
                client_ip: "192.0.2.7",
                stage: Stage::Rcpt,
                reason: Reason::LocalPolicy,
                action: if number.is_multiple_of(2) { Action::Reject } else { Action::Defer },
                ..RejectionRow::default()
            };
            batch.rejection(&refused);
            let result = if number.is_multiple_of(2) { AuthResult::Failed } else { AuthResult::Ok };
            batch.auth(&AuthRow { id, time: arrived, stream: &stream, user: "ann", client_ip: "192.0.2.7", result, ..AuthRow::default() });
        }
    }

    fn stored() -> Snapshot {
        let mut batch = Batch::default();
        (0..MESSAGES).for_each(|number| put(number, &mut batch));
        let mut store = Memory::default();
        store.commit(&Commit::of(&batch)).unwrap();
        store.snapshot().unwrap()
    }

    fn scope(from: i64, to: i64) -> Scope {
        let scope = Scope::between(BEGIN.plus(from), BEGIN.plus(to));
        Scope { population: Some(Population::Ordinary), direction: Some(Direction::Outbound), ..scope }
    }

    /// Windows that begin and end anywhere: at a step, beside one, within one.
    fn windows() -> Vec<Scope> {
        let minute = Time::MINUTE;
        let pairs = [(40 * minute, 220 * minute), (40 * minute, 400 * minute), (13 * minute, 291 * minute + 7), (1, 999 * minute)];
        pairs.into_iter().chain([(41 * minute, 55 * minute), (30 * minute, 130 * minute)]).map(|(from, to)| scope(from, to)).collect()
    }

    fn assert_like(rolled: &Cell, folded: &Cell, about: &str) {
        for (traffic, figures) in folded.parts() {
            for figure in Figure::ALL.iter().filter(|figure| !INEXACT.contains(figure)) {
                assert_eq!(rolled.get(traffic, *figure), figures.get(*figure), "{figure:?} {about}");
            }
            for figure in INEXACT {
                let (rolled, folded) = (rolled.get(traffic, figure), figures.get(figure));
                assert!((rolled - folded).abs() * 20 <= folded + 60, "{figure:?} {rolled} {folded} {about}");
            }
        }
    }

    #[test]
    fn a_breakdown_by_rollups_is_that_of_rows_wherever_the_window_begins_and_ends() {
        let snapshot = stored();
        for scope in windows() {
            for by in BY {
                let about = format!("{by:?} {:?} {:?}", scope.since, scope.until);
                let source = Source::of(&scope, Some(by)).unwrap();
                let sort = |mut all: Vec<Group>| {
                    all.retain(|group| group.cell.parts().next().is_some());
                    all.sort_by(|left, right| left.key.cmp(&right.key));
                    all
                };
                let fast = sort(rolled(&snapshot, &scope, &source).unwrap().groups);
                let slow = sort(folded(&snapshot, &scope, Some(by), scope.since).unwrap().groups);
                let keys = |all: &[Group]| all.iter().map(|group| group.key.clone()).collect::<Vec<_>>();
                assert_eq!(keys(&fast), keys(&slow), "{about}");
                for (fast, slow) in fast.iter().zip(&slow) {
                    assert_like(&fast.cell, &slow.cell, &format!("{about} {}", slow.key));
                }
            }
        }
    }

    /// Three weeks are added up in two halves: nothing stands in both, and nothing in none.
    #[test]
    fn weeks_in_halves_are_whole() {
        let mut batch = Batch::default();
        // Every half hour or so.
        (0..1000).for_each(|number| put(number * 401, &mut batch));
        let mut store = Memory::default();
        store.commit(&Commit::of(&batch)).unwrap();
        let snapshot = store.snapshot().unwrap();
        for (from, to) in [(0, 22 * Time::DAY), (5 * Time::HOUR + 7, 20 * Time::DAY + 3), (Time::DAY, 18 * Time::DAY)] {
            let scope = scope(from, to);
            for by in BY {
                let source = Source::of(&scope, Some(by)).unwrap();
                let cut = source.cut(&snapshot, &scope).whole;
                let (early, late) = halves(pieces(cut.0, cut.1, source.cube, std::iter::empty()));
                assert!(!late.is_empty() && early.last().map(|piece| piece.2) == late.first().map(|piece| piece.1), "{early:?} {late:?}");
                let fast = rolled(&snapshot, &scope, &source).unwrap().groups;
                for slow in folded(&snapshot, &scope, Some(by), scope.since).unwrap().groups {
                    let fast = fast.iter().find(|group| group.key == slow.key).unwrap_or_else(|| panic!("{by:?} {}", slow.key));
                    assert_like(&fast.cell, &slow.cell, &format!("{by:?} {} {from} {to}", slow.key));
                }
            }
        }
    }

    #[test]
    fn a_filtered_sum_and_a_series_by_rollups_are_those_of_rows() {
        let snapshot = stored();
        for whole in windows() {
            for (dimension, value) in
                [(Dimension::Provider, "google"), (Dimension::Domain, "domain3.example"), (Dimension::SenderDomain, "example.org")]
            {
                let filters = Filters { wanted: vec![(dimension, value.to_owned())], ..Filters::default() };
                let scope = Scope { filters, ..whole.clone() };
                let about = format!("{dimension:?} {:?} {:?}", scope.since, scope.until);
                let source = Source::of(&scope, None).unwrap();
                let sum = |groups: Vec<Group>| groups.into_iter().next().map(|group| group.cell).unwrap_or_default();
                let fast = sum(rolled(&snapshot, &scope, &source).unwrap().groups);
                assert_like(&fast, &sum(folded(&snapshot, &scope, None, scope.since).unwrap().groups), &about);
                let first = scope.since.floor(Time::HOUR);
                let borders: Vec<Time> = (0..18).map(|hour| first.plus(hour * Time::HOUR)).collect();
                assert!(source.has_borders(&snapshot, &borders));
                let empty = || Lines::new(None, &borders);
                let (mut fast, mut slow) = (empty(), empty());
                series_rolled(&snapshot, &scope, &source, AtDoor::Counted, &mut fast).unwrap();
                series_folded(&snapshot, &scope, AtDoor::Counted, &mut slow).unwrap();
                assert_steps_like(&fast, &slow, &about);
            }
        }
    }

    fn assert_steps_like(fast: &Lines<'_>, slow: &Lines<'_>, about: &str) {
        assert_eq!(fast.steps.len(), slow.steps.len());
        for (line, (fast, slow)) in fast.steps.iter().zip(&slow.steps).enumerate() {
            for (fast, slow) in fast.iter().zip(slow) {
                assert_like(&fast.cell, &slow.cell, &format!("{about} line {line} step {:?}", slow.start));
                for door in Door::ALL {
                    assert_eq!(fast.cell.door(*door), slow.cell.door(*door), "{door:?} {about} line {line} step {:?}", slow.start);
                }
            }
        }
    }

    /// Lines of several groups are those that each group has alone.
    #[test]
    fn series_of_groups_are_those_of_each_group() {
        let snapshot = stored();
        for whole in windows() {
            for by in BY {
                let mut keys: Vec<String> = breakdown(&snapshot, &whole, by).unwrap().groups.into_iter().map(|group| group.key).collect();
                keys.sort();
                keys.truncate(3);
                let first = whole.since.floor(Time::HOUR);
                let borders: Vec<Time> = (0..18).map(|hour| first.plus(hour * Time::HOUR)).collect();
                let lines = || Lines::new(Some((by, &keys)), &borders);
                let source = Source::of(&whole, Some(by)).unwrap().only(&lines());
                let (mut fast, mut slow) = (lines(), lines());
                series_rolled(&snapshot, &whole, &source, AtDoor::Counted, &mut fast).unwrap();
                series_folded(&snapshot, &whole, AtDoor::Counted, &mut slow).unwrap();
                assert_steps_like(&fast, &slow, &format!("{by:?} {keys:?} {:?} {:?}", whole.since, whole.until));
                for (key, steps) in keys.iter().zip(slow.steps) {
                    let filters = Filters { wanted: vec![(by, key.clone())], ..Filters::default() };
                    let mut alone = Lines::new(None, &borders);
                    series_folded(&snapshot, &Scope { filters, ..whole.clone() }, AtDoor::Counted, &mut alone).unwrap();
                    let alone = alone.steps.swap_remove(0);
                    for (step, alone) in steps.iter().zip(&alone) {
                        assert_like(&step.cell, &alone.cell, &format!("{by:?} {key}"));
                        assert!(Door::ALL.iter().all(|door| step.cell.door(*door) == alone.cell.door(*door)), "{by:?} {key}");
                    }
                }
            }
        }
    }

    #[test]
    fn steps_narrower_than_those_of_a_rollup_are_not_its() {
        let by_domain = Scope {
            filters: Filters { wanted: vec![(Dimension::Domain, "a.example".into())], ..Filters::default() },
            ..scope(0, Time::DAY)
        };
        let snapshot = stored();
        let source = Source::of(&by_domain, None).unwrap();
        let hour = BEGIN.floor(Time::HOUR);
        assert!(!source.has_borders(&snapshot, &[hour, hour.plus(15 * Time::MINUTE)]));
        assert!(source.has_borders(&snapshot, &[hour, hour.plus(Time::HOUR)]));
    }
}
