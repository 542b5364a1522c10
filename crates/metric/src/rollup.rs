//! From a batch of rows to what it adds to the rollups.

use ahash::AHashMap;
use mailvane_model::row::Batch;
use mailvane_model::{AttemptRow, OutcomeRow, Stream, Time};

use crate::cell::Cell;
use crate::count::{self, Marks};
use crate::cube::{Cube, Width};
use crate::figure::{Door, Spread, Traffic};

/// Hands every cell that `batch` adds in steps of `width` to `emit`: cube, start of the step, stream key, key, delta.
/// Deltas of a revised outcome hold minus the old and plus the new. Sorted, one call for each place, none of them empty.
pub fn deltas(batch: &Batch, width: Width, emit: &mut impl FnMut(Cube, Time, u64, &str, &Cell)) {
    let mut places = Places::new(width);
    messages(batch, &mut places);
    attempts(batch, &mut places);
    outcomes(batch, &mut places);
    door(batch, &mut places);
    places.finish(emit);
}

/// Where a cell stands; keys by their number in the batch.
type Place = (Cube, Time, u64, u32);

/// Where a row adds something, inside one cube.
#[derive(Clone, Copy)]
struct At<'b> {
    time: Time,
    stream: u64,
    key: &'b str,
}

impl<'b> At<'b> {
    fn new(time: Time, stream: u64, key: &'b str) -> Self {
        At { time, stream, key }
    }
}

/// The cells of one batch and width.
struct Places<'b> {
    width: Width,
    names: Vec<&'b str>,
    numbers: AHashMap<&'b str, u32>,
    cells: Vec<(Place, Cell)>,
    index: AHashMap<Place, u32>,
    /// For each cube the last place and its cell: rows of one kind stand together.
    last: [Option<(Place, u32)>; Cube::ALL.len()],
}

impl<'b> Places<'b> {
    fn new(width: Width) -> Self {
        Places {
            width,
            names: Vec::new(),
            numbers: AHashMap::new(),
            cells: Vec::new(),
            index: AHashMap::new(),
            last: [None; Cube::ALL.len()],
        }
    }

    fn number(&mut self, name: &'b str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.names.len() as u32;
        self.names.push(name);
        self.numbers.insert(name, number);
        number
    }

    fn cell(&mut self, cube: Cube, at: At<'b>) -> &mut Cell {
        let place = (cube, self.width.floor(at.time), at.stream, self.number(at.key));
        let slot = usize::from(cube.code());
        let at = match self.last[slot] {
            Some((last, at)) if last == place => at,
            _ => {
                let next = self.cells.len() as u32;
                let at = *self.index.entry(place).or_insert(next);
                if at == next {
                    self.cells.push((place, Cell::default()));
                }
                self.last[slot] = Some((place, at));
                at
            }
        };
        &mut self.cells[at as usize].1
    }

    fn add_marks(&mut self, cube: Cube, at: At<'b>, traffic: Traffic, marks: &Marks, sign: i64) {
        if cube.at(self.width) && !marks.is_empty() {
            marks.apply(&mut self.cell(cube, at).figures_mut(traffic).counts, sign);
        }
    }

    fn add_door(&mut self, cube: Cube, at: At<'b>, door: Door) {
        if cube.at(self.width) {
            self.cell(cube, at).add_door(door, 1);
        }
    }

    fn finish(mut self, emit: &mut impl FnMut(Cube, Time, u64, &str, &Cell)) {
        let names = self.names;
        self.cells.sort_by(|left, right| {
            let ((cube, time, stream, key), (other_cube, other_time, other_stream, other_key)) = (left.0, right.0);
            (cube, time, stream, names[key as usize]).cmp(&(other_cube, other_time, other_stream, names[other_key as usize]))
        });
        for ((cube, time, stream, key), cell) in &self.cells {
            if !cell.is_empty() {
                emit(*cube, *time, *stream, names[*key as usize], cell);
            }
        }
    }
}

/// The key of every stream of a column's table.
fn keys(table: &[Stream]) -> Vec<u64> {
    table.iter().map(Stream::key).collect()
}

fn messages<'b>(batch: &'b Batch, places: &mut Places<'b>) {
    let streams = keys(&batch.messages.stream.table);
    for (index, row) in batch.messages.iter().enumerate() {
        let marks = count::message(&row);
        let stream = streams[batch.messages.stream.codes[index] as usize];
        let traffic = Traffic::of(row.population, row.direction);
        places.add_marks(Cube::Total, At::new(row.time, stream, ""), traffic, &marks, 1);
        places.add_marks(Cube::SenderDomain, At::new(row.time, stream, row.sender.domain), traffic, &marks, 1);
        places.add_marks(Cube::Cohort, At::new(row.time, stream, ""), traffic, &marks, 1);
        if !row.client_ip.is_empty() {
            places.add_marks(Cube::Client, At::new(row.time, stream, row.client_ip), traffic, &marks, 1);
        }
        if !row.sasl_user.is_empty() {
            places.add_marks(Cube::User, At::new(row.time, stream, row.sasl_user), traffic, &marks, 1);
        }
    }
}

/// The cubes (at the time of the event) that an attempt or outcome stands in, and its keys.
fn dimensions<'b>(provider: &'b str, domain: &'b str, sender: &'b str, relay: &'b str, user: &'b str) -> [(Cube, &'b str, bool); 6] {
    [
        (Cube::Total, "", true),
        (Cube::Provider, provider, true),
        (Cube::Domain, domain, true),
        (Cube::SenderDomain, sender, true),
        (Cube::Relay, relay, true),
        (Cube::User, user, !user.is_empty()),
    ]
}

fn attempts<'b>(batch: &'b Batch, places: &mut Places<'b>) {
    let streams = keys(&batch.attempts.stream.table);
    for (index, row) in batch.attempts.iter().enumerate() {
        attempt(&row, streams[batch.attempts.stream.codes[index] as usize], places);
    }
}

fn attempt<'b>(row: &AttemptRow<'b>, stream: u64, places: &mut Places<'b>) {
    let marks = count::attempt(row, places.width.floor(row.time));
    let traffic = Traffic::of(row.population, row.direction);
    if !marks.is_empty() {
        for (cube, key, wanted) in dimensions(row.provider, row.recipient.domain, row.sender.domain, row.relay_host, row.sasl_user) {
            if wanted && cube.at(places.width) {
                let figures = places.cell(cube, At::new(row.time, stream, key)).figures_mut(traffic);
                marks.apply(&mut figures.counts, 1);
                count::attempt_spreads(row, figures);
            }
        }
        if let Some(reason) = row.reason {
            places.add_marks(Cube::Reason, At::new(row.time, stream, reason.word()), traffic, &marks, 1);
        }
    }
    let marks = count::attempt_cohort(row);
    places.add_marks(Cube::Cohort, At::new(row.arrived, stream, ""), traffic, &marks, 1);
    places.add_marks(Cube::CohortProvider, At::new(row.arrived, stream, row.provider), traffic, &marks, 1);
}

fn outcomes<'b>(batch: &'b Batch, places: &mut Places<'b>) {
    for (columns, sign) in [(&batch.outcomes, 1), (&batch.replaced_outcomes, -1)] {
        let streams = keys(&columns.stream.table);
        for (index, row) in columns.iter().enumerate() {
            outcome(&row, streams[columns.stream.codes[index] as usize], sign, places);
        }
    }
}

fn outcome<'b>(row: &OutcomeRow<'b>, stream: u64, sign: i64, places: &mut Places<'b>) {
    let marks = count::outcome(row);
    let delay = count::outcome_delay(row).map(crate::histogram::bucket_of);
    let traffic = Traffic::of(row.population, row.direction);
    let by_event = dimensions(row.provider, row.recipient.domain, row.sender.domain, row.relay_host, row.sasl_user);
    let by_arrival = [(Cube::Cohort, "", true), (Cube::CohortProvider, row.provider, true)];
    for (cube, key, wanted) in by_event.into_iter().chain(by_arrival) {
        if wanted && cube.at(places.width) {
            let time = if cube.is_cohort() { row.arrived } else { row.time };
            let figures = places.cell(cube, At::new(time, stream, key)).figures_mut(traffic);
            marks.apply(&mut figures.counts, sign);
            if let Some(bucket) = delay {
                figures.spread_mut(Spread::Delay).add(bucket, sign);
            }
        }
    }
    if let Some(reason) = row.reason {
        places.add_marks(Cube::Reason, At::new(row.time, stream, reason.word()), traffic, &marks, sign);
    }
}

fn door<'b>(batch: &'b Batch, places: &mut Places<'b>) {
    let streams = keys(&batch.rejections.stream.table);
    for (index, row) in batch.rejections.iter().enumerate() {
        let (stream, door) = (streams[batch.rejections.stream.codes[index] as usize], count::rejection(&row));
        places.add_door(Cube::Total, At::new(row.time, stream, ""), door);
        places.add_door(Cube::Reason, At::new(row.time, stream, row.reason.word()), door);
        places.add_door(Cube::Client, At::new(row.time, stream, row.client_ip), door);
    }
    let streams = keys(&batch.auths.stream.table);
    for (index, row) in batch.auths.iter().enumerate() {
        let (stream, door) = (streams[batch.auths.stream.codes[index] as usize], count::auth(&row));
        places.add_door(Cube::Total, At::new(row.time, stream, ""), door);
        places.add_door(Cube::Client, At::new(row.time, stream, row.client_ip), door);
        if door == Door::AuthOk && !row.user.is_empty() {
            places.add_door(Cube::User, At::new(row.time, stream, row.user), door);
        }
    }
    let streams = keys(&batch.sessions.stream.table);
    for (index, row) in batch.sessions.iter().enumerate() {
        let stream = streams[batch.sessions.stream.codes[index] as usize];
        places.add_door(Cube::Total, At::new(row.time, stream, ""), Door::Sessions);
        if count::is_lost(&row) {
            places.add_door(Cube::Total, At::new(row.time, stream, ""), Door::SessionsLost);
            places.add_door(Cube::Client, At::new(row.time, stream, row.client_ip), Door::SessionsLost);
        }
    }
    let streams = keys(&batch.notices.stream.table);
    for (index, row) in batch.notices.iter().enumerate() {
        if let Some(door) = count::notice(&row) {
            places.add_door(Cube::Total, At::new(row.time, streams[batch.notices.stream.codes[index] as usize], ""), door);
        }
    }
}
