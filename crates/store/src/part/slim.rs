//! The columns of a segment, without those that follow from others of the same part.

use std::sync::Arc;

use ahash::AHashMap;
use arrow_array::{Int64Array, StringArray, UInt32Array, UInt64Array};
use mailvane_model::column::{Column, Positions, Strings, Values};
use mailvane_model::row::{AttemptColumns, Batch, MessageColumns, OutcomeColumns};
use mailvane_model::{Position, Time};

use super::place::{DerivedIds, LifePlace, Places, event_ordinal};
use crate::column::Table;
use crate::column::arrow::{Arrays, Arrowed, put_positions};

/// The place of a column where a place is not known: 0 stands in the file and the id is kept beside.
const NOWHERE: LifePlace = LifePlace { first: Position { file: mailvane_model::FileId(0), offset: 0 }, ordinal: 0 };

/// What the rows of a part are looked up in.
pub(crate) struct Context<'a> {
    messages: &'a MessageColumns,
    by_life: AHashMap<u64, u32>,
    places: &'a Places,
}

impl<'a> Context<'a> {
    /// Of the messages of a part, and the places of lives that are known from elsewhere.
    pub(crate) fn new(messages: &'a MessageColumns, places: &'a Places) -> Self {
        let by_life = messages.id.0.iter().enumerate().map(|(row, id)| (*id, row as u32)).collect();
        Context { messages, by_life, places }
    }

    fn place(&self, life: u64) -> Option<LifePlace> {
        if let Some(row) = self.by_life.get(&life)
            && let Some(first) = self.messages.lines.get(*row as usize).first()
            && let Some(place) = LifePlace::of(life, *first)
        {
            return Some(place);
        }
        self.places.get(&life).copied()
    }

    fn message(&self, life: u64) -> Option<usize> {
        self.by_life.get(&life).map(|row| *row as usize)
    }
}

/// Adds `name`, `name_file`, `name_offset` and `name_ordinal`: the id where its place is not known, else the place.
fn put_life(name: &str, lives: &[u64], context: &Context<'_>, out: &mut Arrays) {
    let places: Vec<Option<LifePlace>> = lives.iter().map(|life| context.place(*life)).collect();
    let ids: Vec<Option<u64>> = lives.iter().zip(&places).map(|(life, place)| place.is_none().then_some(*life)).collect();
    let known = || places.iter().map(|place| place.unwrap_or(NOWHERE));
    out.add(name, Arc::new(UInt64Array::from(ids)), true);
    Values(known().map(|place| place.first.file.0).collect::<Vec<u64>>()).write(&format!("{name}_file"), out);
    Values(known().map(|place| place.first.offset).collect::<Vec<u64>>()).write(&format!("{name}_offset"), out);
    Values(known().map(|place| place.ordinal).collect::<Vec<u8>>()).write(&format!("{name}_ordinal"), out);
}

/// Adds `id` where it does not follow, and the ordinal from which it follows.
fn put_ids(ids: &[u64], ordinals: &[Option<u8>], out: &mut Arrays) {
    let kept: Vec<Option<u64>> = ids.iter().zip(ordinals).map(|(id, ordinal)| ordinal.is_none().then_some(*id)).collect();
    out.add("id", Arc::new(UInt64Array::from(kept)), true);
    Values(ordinals.iter().map(|ordinal| ordinal.unwrap_or(0)).collect::<Vec<u8>>()).write("id_ordinal", out);
}

/// Adds the strings that differ from what they follow from; null stands for the others.
fn put_strings<'a>(name: &str, strings: &'a Strings, follows: impl Fn(usize) -> Option<&'a str>, out: &mut Arrays) {
    let kept = (0..strings.ends.len()).map(|row| {
        let text = Column::get(strings, row);
        if follows(row) == Some(text) { None } else { Some(text) }
    });
    out.add(name, Arc::new(kept.collect::<StringArray>()), true);
}

/// Messages: the id from the first line, the chain only where it is another life's, the further lines as steps.
pub(crate) fn messages(table: &MessageColumns) -> Arrays {
    let mut out = Arrays::default();
    let firsts: Vec<Position> = (0..table.rows()).map(|row| table.lines.get(row).first().copied().unwrap_or_default()).collect();
    let ordinals: Vec<Option<u8>> =
        table.id.0.iter().zip(&firsts).map(|(id, first)| LifePlace::of(*id, *first).map(|place| place.ordinal)).collect();
    put_ids(&table.id.0, &ordinals, &mut out);
    table.arrays(&["id", "chain", "lines"], &mut out);
    Values(firsts.clone()).write("position", &mut out);
    let chains: Vec<Option<u64>> = table.chain.0.iter().zip(&table.id.0).map(|(chain, id)| (chain != id).then_some(*chain)).collect();
    out.add("chain", Arc::new(UInt64Array::from(chains)), true);
    let mut lines = arrow_array::builder::BinaryBuilder::new();
    let mut bytes = Vec::new();
    for (row, first) in firsts.iter().enumerate() {
        bytes.clear();
        put_positions(table.lines.get(row).get(1..).unwrap_or_default(), *first, &mut bytes);
        let none = Column::get(&table.lines, row).is_empty();
        lines.append_value(if none { &[][..] } else { &bytes[..] });
    }
    out.add("lines", Arc::new(lines.finish()), false);
    out
}

/// Attempts: ids from lines, and nothing that the message of the same part says.
pub(crate) fn attempts(table: &AttemptColumns, context: &Context<'_>) -> Arrays {
    let mut out = Arrays::default();
    let ordinals: Vec<Option<u8>> =
        (0..table.rows()).map(|row| event_ordinal(table.id.0[row], table.position.0[row], table.message.0[row])).collect();
    put_ids(&table.id.0, &ordinals, &mut out);
    put_life("message", &table.message.0, context, &mut out);
    let message = |row: usize| context.message(table.message.0[row]);
    put_strings("queue_id", &table.queue_id, |row| message(row).map(|at| context.messages.queue_id.get(at)), &mut out);
    put_strings("message_id", &table.message_id, |row| message(row).map(|at| context.messages.message_id.get(at)), &mut out);
    table.arrays(&["id", "message", "queue_id", "message_id"], &mut out);
    out
}

/// The last attempt of each (message, recipient) of a part.
pub(crate) fn last_attempts(attempts: &AttemptColumns) -> AHashMap<(u64, &str, &str), u32> {
    let key = |row: usize| {
        let recipient = attempts.recipient.get(row);
        (attempts.message.0[row], recipient.local, recipient.domain)
    };
    (0..attempts.rows()).map(|row| (key(row), row as u32)).collect()
}

fn ago(times: &[Option<Time>], from: &[Time]) -> Int64Array {
    times.iter().zip(from).map(|(time, from)| time.map(|time| from.0.wrapping_sub(time.0))).collect()
}

/// Outcomes: ids from lives, and nothing that the message or the last attempt of the same part says.
pub(crate) fn outcomes(table: &OutcomeColumns, attempts: &AttemptColumns, context: &Context<'_>) -> Arrays {
    let mut out = Arrays::default();
    let mut derived = DerivedIds::default();
    let ids: Vec<Option<(u8, u32)>> = (0..table.rows()).map(|row| derived.find(table.id.0[row], table.last_message.0[row])).collect();
    let kept: Vec<Option<u64>> = table.id.0.iter().zip(&ids).map(|(id, found)| found.is_none().then_some(*id)).collect();
    out.add("id", Arc::new(UInt64Array::from(kept)), true);
    let (kinds, ordinals): (Vec<u8>, Vec<u32>) = ids.iter().map(|found| found.unwrap_or_default()).unzip();
    Values(kinds).write("id_kind", &mut out);
    Values(ordinals).write("id_ordinal", &mut out);
    put_life("message", &table.message.0, context, &mut out);
    let last: Vec<Option<u64>> =
        table.last_message.0.iter().zip(&table.message.0).map(|(last, first)| (last != first).then_some(*last)).collect();
    out.add("last_message", Arc::new(UInt64Array::from(last)), true);
    let message = |row: usize| context.message(table.message.0[row]);
    put_strings("queue_id", &table.queue_id, |row| message(row).map(|at| context.messages.queue_id.get(at)), &mut out);
    put_strings("last_queue_id", &table.last_queue_id, |row| Some(table.queue_id.get(row)), &mut out);
    put_strings("message_id", &table.message_id, |row| message(row).map(|at| context.messages.message_id.get(at)), &mut out);
    let by_recipient = last_attempts(attempts);
    let attempt: Vec<Option<u32>> = (0..table.rows())
        .map(|row| {
            let recipient = table.recipient.get(row);
            by_recipient.get(&(table.last_message.0[row], recipient.local, recipient.domain)).copied()
        })
        .collect();
    let at = |row: usize| attempt[row].map(|at| at as usize);
    put_strings("recipient_local", &table.recipient.local, |row| at(row).map(|at| attempts.recipient.local.get(at)), &mut out);
    table.recipient.domain.write("recipient_domain", &mut out);
    put_strings("reply_text", &table.reply_text, |row| at(row).map(|at| attempts.reply_text.get(at)), &mut out);
    out.add("attempt_row", Arc::new(UInt32Array::from(attempt.clone())), true);
    out.add("first_attempt_ago", Arc::new(ago(&table.first_attempt.0, &table.time.0)), true);
    out.add("last_attempt_ago", Arc::new(ago(&table.last_attempt.0, &table.time.0)), true);
    let beyond =
        |row: usize| table.delay_ms.0[row].map(|delay| (delay as i64).wrapping_sub(elapsed_ms(table.time.0[row], table.arrived.0[row])));
    out.add("delay_ms_beyond", Arc::new((0..table.rows()).map(beyond).collect::<Int64Array>()), true);
    table.arrays(OUTCOME_SPECIAL, &mut out);
    out
}

const OUTCOME_SPECIAL: &[&str] = &[
    "id",
    "message",
    "last_message",
    "queue_id",
    "last_queue_id",
    "message_id",
    "recipient",
    "reply_text",
    "first_attempt",
    "last_attempt",
    "delay_ms",
];

/// Whole milliseconds between two times.
pub(crate) fn elapsed_ms(time: Time, since: Time) -> i64 {
    time.0.wrapping_sub(since.0) / 1000
}

/// A kind whose rows stand each for a line: the id from the line.
pub(crate) fn by_line<T: Table>(table: &T, positions: &[Position]) -> Arrays {
    let mut out = Arrays::default();
    let ordinals: Vec<Option<u8>> = table.ids().iter().zip(positions).map(|(id, position)| event_ordinal(*id, *position, 0)).collect();
    put_ids(table.ids(), &ordinals, &mut out);
    table.arrays(&["id"], &mut out);
    out
}

/// The messages of a batch: row, life, and the place where it began.
pub(crate) fn places(batch: &Batch) -> impl Iterator<Item = (u32, u64, LifePlace)> {
    let messages = &batch.messages;
    (0..messages.rows()).filter_map(move |row| {
        let first = Positions::get(&messages.lines, row).first().copied()?;
        let life = messages.id.0[row];
        LifePlace::of(life, first).map(|place| (row as u32, life, place))
    })
}
