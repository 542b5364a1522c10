//! Sums of a window: as a whole, by one dimension, over time.
//!
//! Few rows are folded themselves, which is exact for every number. Above [`ROWS_FOLDED`] rows rollups answer where they can:
//! counts of events are exact there too, and recipients each counted once come from [`mailvane_metric::window::Window`].

use ahash::AHashMap;
use mailvane_metric::window::Window;
use mailvane_metric::{Cell, Cube, Figure, Traffic, Width, count, sender};
use mailvane_model::word::Reason;
use mailvane_model::{AttemptRow, OutcomeRow, Time};
use mailvane_store::{Kind, Rolled, Snapshot};

use crate::scope::{Dimension, Scope, instance};
use crate::{Result, scan};

/// Up to so many stored attempts and outcomes a window is folded from its rows.
pub const ROWS_FOLDED: u64 = 400_000;
/// Groups that are told apart while rows are folded; the rest is one group, and the answer says so.
pub const GROUPS: usize = 200_000;
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
    let groups = if let Some((cube, key)) = rollup_of(snapshot, scope, None) {
        rolled(snapshot, scope, cube, key.as_deref())?
    } else {
        folded(snapshot, scope, None)?
    };
    Ok(groups.groups.into_iter().next().map(|group| group.cell).unwrap_or_default())
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

/// The sums by one dimension.
pub fn breakdown(snapshot: &Snapshot, scope: &Scope, by: Dimension) -> Result<Breakdown> {
    match rollup_of(snapshot, scope, Some(by)) {
        Some((cube, _)) if by != Dimension::Instance => rolled(snapshot, scope, cube, None),
        _ => folded(snapshot, scope, Some(by)),
    }
}

/// The sums of each step between the given borders (ascending; the last one ends the last step).
pub fn series(snapshot: &Snapshot, scope: &Scope, borders: &[Time]) -> Result<Vec<Step>> {
    let mut steps: Vec<Step> = borders.windows(2).map(|pair| Step { start: pair[0], cell: Cell::default() }).collect();
    let whole = Scope { since: borders.first().map_or(scope.since, |first| scope.since.max(*first)), ..scope.clone() };
    if let Some((cube, key)) = rollup_of(snapshot, &whole, None).filter(|_| aligned(borders)) {
        series_rolled(snapshot, &whole, cube, key.as_deref(), &mut steps)?;
    } else {
        series_folded(snapshot, &whole, &mut steps)?;
    }
    Ok(steps)
}

fn aligned(borders: &[Time]) -> bool {
    borders.iter().all(|border| border.0 % Time::MINUTE == 0)
}

/// Which step a time belongs to.
fn step_of(steps: &[Step], time: Time) -> Option<usize> {
    steps.partition_point(|step| step.start <= time).checked_sub(1)
}

fn series_folded(snapshot: &Snapshot, scope: &Scope, steps: &mut [Step]) -> Result<()> {
    scan::attempts(snapshot, scope, |row| {
        if let Some(at) = step_of(steps, row.time) {
            let start = steps[at].start;
            add_attempt(&mut steps[at].cell, row, start);
        }
    })?;
    scan::outcomes(snapshot, scope, |row| {
        if let Some(at) = step_of(steps, if scope.by_arrival { row.arrived } else { row.time }) {
            add_outcome(&mut steps[at].cell, row);
        }
    })?;
    scan::messages(snapshot, scope, |row| {
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

fn series_rolled(snapshot: &Snapshot, scope: &Scope, cube: Cube, key: Option<&str>, steps: &mut [Step]) -> Result<()> {
    let mut windows: AHashMap<(usize, Traffic), Window> = AHashMap::new();
    for (width, from, until) in pieces(scope.since, scope.until, cube, steps.iter().map(|step| step.start)) {
        for rolled in cells(snapshot, width, cube, (from, until), streams(snapshot, scope).as_deref(), key)? {
            if let Some(at) = step_of(steps, rolled.time) {
                for (traffic, figures) in rolled.cell.parts() {
                    windows.entry((at, traffic)).or_insert_with(|| Window::new(steps[at].start)).add(rolled.time, width, figures);
                }
                steps[at].cell.merge(&rolled.cell);
            }
        }
    }
    for ((at, traffic), window) in windows {
        set_recipients(&mut steps[at].cell, traffic, &window);
    }
    for step in steps {
        keep_traffic(&mut step.cell, scope);
    }
    Ok(())
}

/// The cube (and key in it) whose rollups answer a scope, where the window is too large to fold its rows.
fn rollup_of(snapshot: &Snapshot, scope: &Scope, by: Option<Dimension>) -> Option<(Cube, Option<String>)> {
    // No sum by time and one dimension tells whose mail it is.
    if scope.filters.within.is_some() {
        return None;
    }
    let rows = scan::rows_at_most(snapshot, Kind::Attempts, scope.since, scope.until)
        + scan::rows_at_most(snapshot, Kind::Outcomes, scope.since, scope.until);
    if rows <= ROWS_FOLDED {
        return None;
    }
    let filters: Vec<_> = scope.filters.wanted.iter().filter(|wanted| wanted.0 != Dimension::Instance).collect();
    let (cube, key) = match (filters.as_slice(), by) {
        ([], None | Some(Dimension::Instance)) => (if scope.by_arrival { Cube::Cohort } else { Cube::Total }, None),
        ([], Some(by)) if !scope.by_arrival => (cube_of(by)?, None),
        ([(dimension, value)], None) if !scope.by_arrival => (cube_of(*dimension)?, Some(value.clone())),
        _ => return None,
    };
    let finest = Width::ALL.iter().find(|width| cube.at(**width))?;
    (finest.floor(scope.since) == scope.since).then_some((cube, key))
}

fn cube_of(dimension: Dimension) -> Option<Cube> {
    match dimension {
        Dimension::Provider => Some(Cube::Provider),
        Dimension::Domain => Some(Cube::Domain),
        Dimension::SenderDomain => Some(Cube::SenderDomain),
        Dimension::Relay => Some(Cube::Relay),
        Dimension::Reason => Some(Cube::Reason),
        Dimension::Client => Some(Cube::Client),
        Dimension::User => Some(Cube::User),
        Dimension::Sender | Dimension::Instance => None,
    }
}

/// The keys of the streams that an instance filter names; `None` when all are meant.
fn streams(snapshot: &Snapshot, scope: &Scope) -> Option<Vec<u64>> {
    let wanted = scope.filters.get(Dimension::Instance)?;
    Some(snapshot.streams().iter().filter(|state| instance(&state.stream) == wanted).map(|state| state.key).collect())
}

/// Cuts a span into the widest steps a cube has, none of them over one of the `borders`.
fn pieces(since: Time, until: Time, cube: Cube, borders: impl Iterator<Item = Time>) -> Vec<(Width, Time, Time)> {
    let widths: Vec<Width> = [Width::Hour, Width::Quarter, Width::Minute].into_iter().filter(|width| cube.at(*width)).collect();
    let borders: Vec<Time> = borders.collect();
    // A border that is no border of the wide step makes narrow steps necessary everywhere.
    let fits = |width: Width| borders.iter().all(|border| width.floor(*border) == *border);
    let widest = widths.iter().copied().find(|width| fits(*width)).or(widths.last().copied());
    let Some(widest) = widest else { return Vec::new() };
    let narrow: Vec<Width> = widths.into_iter().filter(|width| width.micros() <= widest.micros()).collect();
    let mut found = Vec::new();
    let mut at = since;
    while at < until {
        let step = narrow.iter().copied().find(|width| width.floor(at) == at && at.plus(width.micros()) <= until);
        let width = step.or(narrow.last().copied()).unwrap_or(widest);
        let mut end = at.plus(width.micros());
        // Runs of the same width are one piece.
        while end < until
            && narrow.iter().copied().find(|other| other.floor(end) == end && end.plus(other.micros()) <= until) == Some(width)
        {
            end = end.plus(width.micros());
        }
        found.push((width, at, end));
        at = end;
    }
    found
}

/// Stored cells of a span: of one key, or of all.
fn cells(
    snapshot: &Snapshot,
    width: Width,
    cube: Cube,
    (from, until): (Time, Time),
    streams: Option<&[u64]>,
    key: Option<&str>,
) -> Result<Vec<Rolled>> {
    Ok(match key {
        Some(key) => snapshot.rollups_with_key(width, cube, from, until, streams, key)?,
        None => snapshot.rollups(width, cube, from, until, streams)?,
    })
}

fn rolled(snapshot: &Snapshot, scope: &Scope, cube: Cube, key: Option<&str>) -> Result<Breakdown> {
    let mut groups: AHashMap<String, (Group, AHashMap<Traffic, Window>)> = AHashMap::new();
    let streams = streams(snapshot, scope);
    // Nothing can be later than the last row: the open end of a window costs nothing.
    let until = scope.until.min(latest(snapshot).plus(Time::HOUR));
    for (width, from, until) in pieces(scope.since, until, cube, std::iter::empty()) {
        for rolled in cells(snapshot, width, cube, (from, until), streams.as_deref(), key)? {
            let name = if key.is_some() { "" } else { rolled.key.as_str() };
            let (group, windows) = groups.entry(name.to_owned()).or_default();
            for (traffic, figures) in rolled.cell.parts() {
                windows.entry(traffic).or_insert_with(|| Window::new(scope.since)).add(rolled.time, width, figures);
            }
            group.cell.merge(&rolled.cell);
            group.seen(rolled.time);
        }
    }
    let exact = !groups.contains_key(OTHER);
    let groups = groups.into_iter().map(|(name, (mut group, windows))| {
        for (traffic, window) in windows {
            set_recipients(&mut group.cell, traffic, &window);
        }
        keep_traffic(&mut group.cell, scope);
        group.key = name;
        group
    });
    let mut groups: Vec<Group> = groups.filter(|group| !group.cell.is_empty()).collect();
    if cube == Cube::Reason {
        for group in &mut groups {
            group.reasons.extend(Reason::from_word(&group.key).map(|reason| (reason, 1)));
        }
    }
    Ok(Breakdown { groups, exact })
}

/// The latest time of any row.
fn latest(snapshot: &Snapshot) -> Time {
    let segments = snapshot.all_segments().iter().map(|segment| segment.time_max);
    let pending = snapshot.pending().iter().flat_map(|pending| {
        let rows = &pending.rows;
        [
            rows.attempts.time.0.iter().max(),
            rows.outcomes.time.0.iter().max(),
            rows.messages.time.0.iter().max(),
            rows.rejections.time.0.iter().max(),
            rows.auths.time.0.iter().max(),
            rows.sessions.time.0.iter().max(),
            rows.notices.time.0.iter().max(),
        ]
    });
    segments.chain(pending.flatten().copied()).max().unwrap_or(Time(0))
}

fn set_recipients(cell: &mut Cell, traffic: Traffic, window: &Window) {
    let figures = cell.figures_mut(traffic);
    for (figure, value) in [
        (Figure::Recipients, window.recipients()),
        (Figure::RecipientsDeferred, window.deferred()),
        (Figure::RecipientsGreylisted, window.greylisted()),
    ] {
        figures.counts[usize::from(figure.code())] = value;
    }
}

/// Leaves only the traffic of the scope in a cell.
fn keep_traffic(cell: &mut Cell, scope: &Scope) {
    let mut rest = Cell::default();
    for (traffic, figures) in cell.parts().filter(|(traffic, _)| !scope.has(*traffic)) {
        rest.figures_mut(traffic).merge(figures, 1);
    }
    cell.subtract(&rest);
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

/// Folds the rows of a scope.
fn folded(snapshot: &Snapshot, scope: &Scope, by: Option<Dimension>) -> Result<Breakdown> {
    let mut groups = Groups::new(by);
    scan::attempts(snapshot, scope, |row| {
        let Some(key) = groups.by.map_or(Some(String::new()), |by| attempt_key(row, by)) else { return };
        let group = groups.group(&key);
        add_attempt(&mut group.cell, row, scope.since);
        group.seen(row.time);
        if let Some(reason) = row.reason.filter(|_| count::is_refusal(row.status)) {
            *group.reasons.entry(reason).or_default() += 1;
        }
    })?;
    scan::outcomes(snapshot, scope, |row| {
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
    scan::messages(snapshot, scope, |row| {
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
    scan::rejections(snapshot, scope, |row| {
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
    scan::rejections(snapshot, scope, |row| add(row.time, count::rejection(row)))?;
    scan::auths(snapshot, scope, |row| add(row.time, count::auth(row)))?;
    scan::sessions(snapshot, scope, |row| {
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
