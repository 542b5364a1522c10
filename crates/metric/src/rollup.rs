//! From a batch of rows to what it adds to the rollups.

use ahash::AHashMap;
use mailvane_model::row::Batch;
use mailvane_model::{AttemptRow, MessageRow, OutcomeRow, Stream, Time};

use crate::cell::Cell;
use crate::count::{self, Marks};
use crate::cube::{Cube, Width};
use crate::figure::{Door, Spread, Traffic};
use crate::histogram::bucket_of;

/// Hands every cell that `batch` adds in steps of `width` to `emit`: cube, start of the step, stream key, key, delta.
/// Deltas of a revised outcome hold minus the old and plus the new. Sorted, one call for each place, none of them empty.
pub fn deltas(batch: &Batch, width: Width, emit: &mut impl FnMut(Cube, Time, u64, &str, &Cell)) {
    fold(batch, &[width], &mut |_, cube, time, stream, key, cell| emit(cube, time, stream, key, cell));
}

/// As [`deltas`], in steps of every width: each row is looked at once. Sorted by width first.
pub fn all_deltas(batch: &Batch, emit: &mut impl FnMut(Width, Cube, Time, u64, &str, &Cell)) {
    fold(batch, Width::ALL, emit);
}

fn fold(batch: &Batch, widths: &[Width], emit: &mut impl FnMut(Width, Cube, Time, u64, &str, &Cell)) {
    let mut places = Places::new(widths);
    messages(batch, &mut places);
    attempts(batch, &mut places);
    outcomes(batch, &mut places);
    door(batch, &mut places);
    places.finish(emit);
}

/// The number of a key inside a batch. The empty key has number 0.
type Key = u32;
const NO_KEY: Key = 0;
/// No cell yet.
const NOWHERE: u32 = u32::MAX;

/// The keys of a batch, each once.
struct Keys<'b> {
    names: Vec<&'b str>,
    numbers: AHashMap<&'b str, Key>,
    /// The last key of each column: keys come in runs.
    last: [(&'b str, Key); 6],
}

impl<'b> Keys<'b> {
    fn new() -> Self {
        Keys { names: vec![""], numbers: AHashMap::from_iter([("", NO_KEY)]), last: [("", NO_KEY); 6] }
    }

    /// The number of a key of one column (0 to 5).
    fn number(&mut self, column: usize, name: &'b str) -> Key {
        if self.last[column].0 == name {
            return self.last[column].1;
        }
        let next = self.names.len() as Key;
        let number = *self.numbers.entry(name).or_insert(next);
        if number == next {
            self.names.push(name);
        }
        self.last[column] = (name, number);
        number
    }
}

/// The cells of one cube and width that stand at one time in one stream.
struct Block {
    width: Width,
    cube: Cube,
    time: Time,
    stream: u64,
    /// By the number of the key, where in `cells`; [`NOWHERE`] for none.
    at: Vec<u32>,
    cells: Vec<(Key, Cell)>,
}

/// The blocks of one cube and width.
#[derive(Clone, Default)]
struct Index {
    blocks: AHashMap<(Time, u64), u32>,
    /// The last block: rows come in the order of time.
    last: Option<(Time, u64, u32)>,
}

/// The cells of one batch.
///
/// A row is added in the finest step that its cube is kept in; wider steps are added up from finer ones at the end. What
/// does not add up (recipients each once in a step) is set right in the wider step when the row is seen.
struct Places<'b> {
    widths: &'b [Width],
    keys: Keys<'b>,
    blocks: Vec<Block>,
    /// By width and cube.
    indexes: Vec<Index>,
    /// The finest width of each cube, by its code.
    finest: [Option<Width>; Cube::ALL.len()],
}

/// Where a row adds something, inside one cube.
#[derive(Clone, Copy)]
struct At {
    cube: Cube,
    time: Time,
    stream: u64,
    key: Key,
}

impl<'b> Places<'b> {
    /// `widths` from the finest to the widest.
    fn new(widths: &'b [Width]) -> Self {
        let mut finest = [None; Cube::ALL.len()];
        for cube in Cube::ALL {
            finest[usize::from(cube.code())] = widths.iter().copied().find(|width| cube.at(*width));
        }
        let indexes = vec![Index::default(); Width::ALL.len() * Cube::ALL.len()];
        Places { widths, keys: Keys::new(), blocks: Vec::new(), indexes, finest }
    }

    fn finest(&self, cube: Cube) -> Option<Width> {
        self.finest[usize::from(cube.code())]
    }

    /// The cell of a place; `at.time` is the start of a step of `width`.
    fn cell(&mut self, width: Width, at: At) -> &mut Cell {
        let index = &mut self.indexes[usize::from(width.code()) * Cube::ALL.len() + usize::from(at.cube.code())];
        let block = match index.last {
            Some((last, stream, block)) if last == at.time && stream == at.stream => block,
            _ => {
                let next = self.blocks.len() as u32;
                let block = *index.blocks.entry((at.time, at.stream)).or_insert(next);
                if block == next {
                    self.blocks.push(Block { width, cube: at.cube, time: at.time, stream: at.stream, at: Vec::new(), cells: Vec::new() });
                }
                index.last = Some((at.time, at.stream, block));
                block
            }
        };
        self.blocks[block as usize].cell(at.key)
    }

    /// Adds marks at the finest step of a cube.
    fn add_marks(&mut self, at: At, traffic: Traffic, marks: &Marks, sign: i64) {
        if let Some(width) = self.finest(at.cube)
            && !marks.is_empty()
        {
            let at = At { time: width.floor(at.time), ..at };
            marks.apply(&mut self.cell(width, at).figures_mut(traffic).counts, sign);
        }
    }

    fn add_door(&mut self, at: At, door: Door) {
        if let Some(width) = self.finest(at.cube) {
            let at = At { time: width.floor(at.time), ..at };
            self.cell(width, at).add_door(door, 1);
        }
    }

    /// Adds finer steps up to wider ones.
    fn widen(&mut self) {
        for pair in self.widths.windows(2) {
            let (fine, wide) = (pair[0], pair[1]);
            for at in 0..self.blocks.len() {
                let block = &mut self.blocks[at];
                if block.width != fine || !block.cube.at(wide) {
                    continue;
                }
                let (cube, time, stream) = (block.cube, wide.floor(block.time), block.stream);
                let cells = std::mem::take(&mut block.cells);
                for (key, cell) in &cells {
                    self.cell(wide, At { cube, time, stream, key: *key }).merge(cell);
                }
                self.blocks[at].cells = cells;
            }
        }
    }

    fn finish(mut self, emit: &mut impl FnMut(Width, Cube, Time, u64, &str, &Cell)) {
        self.widen();
        self.blocks.sort_by_key(|block| (block.width, block.cube, block.time, block.stream));
        let names = self.keys.names;
        for block in &mut self.blocks {
            block.cells.sort_by_key(|cell| names[cell.0 as usize]);
            for (key, cell) in &mut block.cells {
                cell.tidy();
                if !cell.is_empty() {
                    emit(block.width, block.cube, block.time, block.stream, names[*key as usize], cell);
                }
            }
        }
    }
}

impl Block {
    fn cell(&mut self, key: Key) -> &mut Cell {
        let key_at = key as usize;
        if self.at.len() <= key_at {
            self.at.resize(key_at + 1, NOWHERE);
        }
        if self.at[key_at] == NOWHERE {
            self.at[key_at] = self.cells.len() as u32;
            self.cells.push((key, Cell::default()));
        }
        &mut self.cells[self.at[key_at] as usize].1
    }
}

/// The stream key of every row of a column.
fn stream_keys<'c>(column: &'c mailvane_model::column::Streams) -> impl Iterator<Item = u64> + 'c {
    let keys: Vec<u64> = column.table.iter().map(Stream::key).collect();
    column.codes.iter().map(move |code| keys[*code as usize])
}

fn messages<'b>(batch: &'b Batch, places: &mut Places<'b>) {
    for (columns, sign) in [(&batch.messages, 1), (&batch.replaced_messages, -1)] {
        for (row, stream) in columns.iter().zip(stream_keys(&columns.stream)) {
            message(&row, stream, sign, places);
        }
    }
}

fn message<'b>(row: &MessageRow<'b>, stream: u64, sign: i64, places: &mut Places<'b>) {
    let marks = count::message(row);
    if marks.is_empty() {
        return;
    }
    let traffic = Traffic::of(row.population, row.direction);
    let keys = [(Cube::SenderDomain, row.sender.domain), (Cube::Client, row.client_ip), (Cube::User, row.sasl_user)];
    for cube in [Cube::Total, Cube::Cohort] {
        places.add_marks(At { cube, time: row.time, stream, key: NO_KEY }, traffic, &marks, sign);
    }
    for (column, (cube, name)) in keys.into_iter().enumerate() {
        if cube == Cube::SenderDomain || !name.is_empty() {
            let key = places.keys.number(column, name);
            places.add_marks(At { cube, time: row.time, stream, key }, traffic, &marks, sign);
        }
    }
}

/// The cubes (at the time of the event) that an attempt or outcome stands in, and its keys.
struct Dimensions {
    provider: Key,
    all: [(Cube, Key); 6],
    len: usize,
}

impl Dimensions {
    fn new<'b>(keys: &mut Keys<'b>, [provider, domain, sender, relay, user]: [&'b str; 5]) -> Self {
        let provider = keys.number(0, provider);
        let all = [
            (Cube::Total, NO_KEY),
            (Cube::Provider, provider),
            (Cube::Domain, keys.number(1, domain)),
            (Cube::SenderDomain, keys.number(2, sender)),
            (Cube::Relay, keys.number(3, relay)),
            (Cube::User, keys.number(4, user)),
        ];
        // Mail without a user is in no cell of the cube of users, which is the last.
        Dimensions { provider, all, len: if user.is_empty() { 5 } else { 6 } }
    }

    fn iter(&self) -> impl Iterator<Item = (Cube, Key)> {
        self.all[..self.len].iter().copied()
    }
}

fn attempts<'b>(batch: &'b Batch, places: &mut Places<'b>) {
    for (row, stream) in batch.attempts.iter().zip(stream_keys(&batch.attempts.stream)) {
        attempt(&row, stream, places);
    }
}

fn attempt<'b>(row: &AttemptRow<'b>, stream: u64, places: &mut Places<'b>) {
    let traffic = Traffic::of(row.population, row.direction);
    // By width: the start of the step, and what the row adds to it.
    let steps = Width::ALL_BY_CODE.map(|width| {
        let start = width.floor(row.time);
        (start, count::attempt(row, start))
    });
    if !steps[0].1.is_empty() {
        let names = [row.provider, row.recipient.domain, row.sender.domain, row.relay_host, row.sasl_user];
        let dimensions = Dimensions::new(&mut places.keys, names);
        let reason = row.reason.map(|reason| (Cube::Reason, places.keys.number(5, reason.word())));
        for (cube, key) in dimensions.iter().chain(reason) {
            let Some(finest) = places.finest(cube) else { continue };
            let (time, marks) = &steps[usize::from(finest.code())];
            let figures = places.cell(finest, At { cube, time: *time, stream, key }).figures_mut(traffic);
            marks.apply(&mut figures.counts, 1);
            count::attempt_gap(row, figures);
            if cube.has_delay_parts() {
                count::attempt_delays(row, figures);
            }
            if row.previous.is_some() {
                set_right(places, (cube, key), traffic, &steps, stream);
            }
        }
    }
    let marks = count::attempt_cohort(row);
    if !marks.is_empty() {
        let provider = places.keys.number(0, row.provider);
        places.add_marks(At { cube: Cube::Cohort, time: row.arrived, stream, key: NO_KEY }, traffic, &marks, 1);
        places.add_marks(At { cube: Cube::CohortProvider, time: row.arrived, stream, key: provider }, traffic, &marks, 1);
    }
}

/// Takes away from each wider step what a retry adds to the finer one and not to it: there the recipient is counted already.
fn set_right(places: &mut Places<'_>, (cube, key): (Cube, Key), traffic: Traffic, steps: &[(Time, Marks); 4], stream: u64) {
    for pair in places.widths.windows(2) {
        let (fine, wide) = (&steps[usize::from(pair[0].code())], &steps[usize::from(pair[1].code())]);
        let too_much = fine.1.without(&wide.1);
        if cube.at(pair[0]) && cube.at(pair[1]) && !too_much.is_empty() {
            let at = At { cube, time: wide.0, stream, key };
            too_much.apply(&mut places.cell(pair[1], at).figures_mut(traffic).counts, -1);
        }
    }
}

fn outcomes<'b>(batch: &'b Batch, places: &mut Places<'b>) {
    for (columns, sign) in [(&batch.outcomes, 1), (&batch.replaced_outcomes, -1)] {
        for (row, stream) in columns.iter().zip(stream_keys(&columns.stream)) {
            outcome(&row, stream, sign, places);
        }
    }
}

fn outcome<'b>(row: &OutcomeRow<'b>, stream: u64, sign: i64, places: &mut Places<'b>) {
    let marks = count::outcome(row);
    let delay = count::outcome_delay(row).map(bucket_of);
    let traffic = Traffic::of(row.population, row.direction);
    let names = [row.provider, row.recipient.domain, row.sender.domain, row.relay_host, row.sasl_user];
    let dimensions = Dimensions::new(&mut places.keys, names);
    let by_arrival = [(Cube::Cohort, NO_KEY), (Cube::CohortProvider, dimensions.provider)];
    for (cube, key) in dimensions.iter().chain(by_arrival) {
        let Some(width) = places.finest(cube) else { continue };
        let time = width.floor(if cube.is_cohort() { row.arrived } else { row.time });
        let figures = places.cell(width, At { cube, time, stream, key }).figures_mut(traffic);
        marks.apply(&mut figures.counts, sign);
        if let Some(bucket) = delay {
            figures.spread_mut(Spread::Delay).add(bucket, sign);
        }
    }
    if let Some(reason) = row.reason {
        let key = places.keys.number(5, reason.word());
        places.add_marks(At { cube: Cube::Reason, time: row.time, stream, key }, traffic, &marks, sign);
    }
}

fn door<'b>(batch: &'b Batch, places: &mut Places<'b>) {
    for (row, stream) in batch.rejections.iter().zip(stream_keys(&batch.rejections.stream)) {
        let keys = [
            (Cube::Total, NO_KEY),
            (Cube::Reason, places.keys.number(5, row.reason.word())),
            (Cube::Client, places.keys.number(1, row.client_ip)),
        ];
        for (cube, key) in keys {
            places.add_door(At { cube, time: row.time, stream, key }, count::rejection(&row));
        }
    }
    for (row, stream) in batch.auths.iter().zip(stream_keys(&batch.auths.stream)) {
        let door = count::auth(&row);
        let (client, user) = (places.keys.number(1, row.client_ip), places.keys.number(4, row.user));
        for (cube, key) in [(Cube::Total, NO_KEY), (Cube::Client, client)] {
            places.add_door(At { cube, time: row.time, stream, key }, door);
        }
        if door == Door::AuthOk && user != NO_KEY {
            places.add_door(At { cube: Cube::User, time: row.time, stream, key: user }, door);
        }
    }
    for (row, stream) in batch.sessions.iter().zip(stream_keys(&batch.sessions.stream)) {
        let total = At { cube: Cube::Total, time: row.time, stream, key: NO_KEY };
        places.add_door(total, Door::Sessions);
        if count::is_lost(&row) {
            places.add_door(total, Door::SessionsLost);
            let key = places.keys.number(1, row.client_ip);
            places.add_door(At { cube: Cube::Client, key, ..total }, Door::SessionsLost);
        }
    }
    for (row, stream) in batch.notices.iter().zip(stream_keys(&batch.notices.stream)) {
        if let Some(door) = count::notice(&row) {
            places.add_door(At { cube: Cube::Total, time: row.time, stream, key: NO_KEY }, door);
        }
    }
}
