//! Rows out of the segments of a part, with everything put back that was left out.

use ahash::{AHashMap, AHashSet};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, UInt64Array};
use mailvane_model::column::{Column, Positions, Strings, Values};
use mailvane_model::row::{AttemptColumns, AuthColumns, MessageColumns, NoticeColumns, OutcomeColumns, RejectionColumns, SessionColumns};
use mailvane_model::{FileId, Position, Stream, Time, id};

use super::file::{self, Columns, Wanted};
use super::place::LifePlace;
use super::slim::elapsed_ms;
use crate::column::Table;
use crate::column::arrow::{Arrowed, Source, get_positions};
use crate::detail::Detail;
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::segment::Segment;

/// The columns of the place of a message's first line, in its own row and in those of its attempts and outcomes.
const PLACE_OF_MESSAGE: [&str; 3] = ["file", "offset", "id_ordinal"];
const PLACE_OF_LIFE: [&str; 3] = ["message_file", "message_offset", "message_ordinal"];

/// The segments of one part, and the streams by key.
#[derive(Clone, Copy)]
pub(crate) struct PartReader<'a> {
    pub(crate) segments: &'a [&'a Segment],
    pub(crate) streams: &'a dyn Fn(u64) -> Stream,
    pub(crate) detail: Detail,
}

/// Lives of rows, by place.
fn lives(batch: &RecordBatch, name: &str) -> Result<Vec<(u64, Option<LifePlace>)>> {
    let ids = file::numbers(batch, name);
    let source = Source { batch, streams: &no_stream };
    let files = Values::<u64>::read(&format!("{name}_file"), &source)?;
    let offsets = Values::<u64>::read(&format!("{name}_offset"), &source)?;
    let ordinals = Values::<u8>::read(&format!("{name}_ordinal"), &source)?;
    let at = |row: usize| {
        let first = Position { file: FileId(files.0[row]), offset: offsets.0[row] };
        let place = LifePlace { first, ordinal: ordinals.0[row] };
        match ids[row] {
            Some(id) => (id, None),
            None => (place.id(), Some(place)),
        }
    };
    Ok((0..batch.num_rows()).map(at).collect())
}

fn no_stream(_: u64) -> Stream {
    Stream::default()
}

/// Small numbers; 0 when the file has no such column.
fn codes(batch: &RecordBatch, name: &str) -> Vec<u8> {
    ordinals(batch, name).into_iter().map(|code| code.unwrap_or(0) as u8).collect()
}

fn ordinals(batch: &RecordBatch, name: &str) -> Vec<Option<u32>> {
    let array = batch.column_by_name(name).and_then(|array| array.as_primitive_opt::<UInt32Type>());
    array.map_or_else(|| vec![None; batch.num_rows()], |array| array.iter().collect())
}

fn signed(batch: &RecordBatch, name: &str) -> Vec<Option<i64>> {
    let array = batch.column_by_name(name).and_then(|array| array.as_primitive_opt::<Int64Type>());
    array.map_or_else(|| vec![None; batch.num_rows()], |array| array.iter().collect())
}

/// The identity of an outcome.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutcomeIds {
    pub(crate) id: u64,
    pub(crate) rev: u32,
    pub(crate) last: u64,
}

/// Puts `text(row)` where a column has null.
fn fill_strings<'a>(column: &mut Strings, null: &[bool], text: impl Fn(usize) -> Option<&'a str>) {
    if !null.contains(&true) {
        return;
    }
    let mut filled = Strings::default();
    for (row, null) in null.iter().enumerate() {
        filled.push(if *null { text(row).unwrap_or_default() } else { Column::get(column, row) });
    }
    *column = filled;
}

/// The ids of rows that stand for lines.
fn line_ids(batch: &RecordBatch, positions: &[Position], lives: impl Fn(usize) -> u64) -> Vec<u64> {
    let kept = file::numbers(batch, "id");
    let ordinals = codes(batch, "id_ordinal");
    let id = |row: usize| kept[row].unwrap_or_else(|| positions[row].event(lives(row), u32::from(ordinals[row])));
    (0..batch.num_rows()).map(id).collect()
}

/// The ids of messages.
fn message_ids(batch: &RecordBatch, firsts: &[Position]) -> Vec<u64> {
    let kept = file::numbers(batch, "id");
    let ordinals = codes(batch, "id_ordinal");
    (0..batch.num_rows()).map(|row| kept[row].unwrap_or_else(|| firsts[row].life(u32::from(ordinals[row])))).collect()
}

fn last_lives(batch: &RecordBatch, firsts: &[(u64, Option<LifePlace>)]) -> Vec<u64> {
    file::numbers(batch, "last_message").into_iter().zip(firsts).map(|(last, first)| last.unwrap_or(first.0)).collect()
}

fn outcome_ids(batch: &RecordBatch, last: &[u64]) -> Vec<u64> {
    let kept = file::numbers(batch, "id");
    let (kinds, ordinals) = (codes(batch, "id_kind"), ordinals(batch, "id_ordinal"));
    let id = |row: usize| kept[row].unwrap_or_else(|| id::derived(last[row], u32::from(kinds[row]), ordinals[row].unwrap_or(0)));
    (0..batch.num_rows()).map(id).collect()
}

impl<'a> PartReader<'a> {
    fn segment(&self, kind: Kind) -> Option<&'a Segment> {
        self.segments.iter().find(|segment| segment.kind == kind).copied()
    }

    fn wanted<'r>(&self, kind: Kind, rows: Option<&'r [u32]>) -> Wanted<'r> {
        Wanted { columns: self.detail.columns(kind), rows }
    }

    fn batch(&self, kind: Kind, wanted: Wanted<'_>) -> Result<Option<RecordBatch>> {
        self.segment(kind).map(|segment| file::read(segment.path(), wanted)).transpose()
    }

    /// The numbers of the rows that belong to some messages, ascending, superseded ones left out. Of a segment without messages there are
    /// none.
    pub(crate) fn rows_of(&self, kind: Kind, lives: &AHashSet<u64>) -> Result<Vec<u32>> {
        let (name, place) = match kind {
            Kind::Messages => ("id", PLACE_OF_MESSAGE),
            _ => ("message", PLACE_OF_LIFE),
        };
        let Some(segment) = self.segment(kind).filter(|_| matches!(kind, Kind::Messages | Kind::Attempts | Kind::Outcomes)) else {
            return Ok(Vec::new());
        };
        let [file, offset, ordinal] = place;
        let mut rows = Vec::new();
        file::each_batch(segment.path(), &[name, file, offset, ordinal, "last_message"], |first, batch| {
            let kept = |name: &str| batch.column_by_name(name).and_then(|array| array.as_primitive_opt::<UInt64Type>());
            let small = batch.column_by_name(ordinal).and_then(|array| array.as_primitive_opt::<UInt32Type>());
            let (ids, files, offsets, last) = (kept(name), kept(file), kept(offset), kept("last_message"));
            let number = |column: Option<&UInt64Array>, row: usize| column.map_or(0, |column| column.value(row));
            for row in 0..batch.num_rows() {
                let id = ids.filter(|ids| ids.is_valid(row)).map_or_else(
                    || {
                        let first = Position { file: FileId(number(files, row)), offset: number(offsets, row) };
                        first.life(small.map_or(0, |ordinals| ordinals.value(row)))
                    },
                    |ids| ids.value(row),
                );
                let of_last = || last.is_some_and(|last| last.is_valid(row) && lives.contains(&last.value(row)));
                let number = first + row as u32;
                if (lives.contains(&id) || of_last()) && !segment.is_dead(number) {
                    rows.push(number);
                }
            }
        })?;
        Ok(rows)
    }

    /// The id and revision of every message, by row.
    pub(crate) fn message_ids(&self) -> Result<Vec<(u64, u32)>> {
        let columns = ["id", "id_ordinal", "file", "offset", "rev"];
        let Some(batch) = self.batch(Kind::Messages, Wanted { columns: Columns::Only(&columns), rows: None })? else {
            return Ok(Vec::new());
        };
        let source = Source { batch: &batch, streams: &no_stream };
        let firsts = Values::<Position>::read("position", &source)?;
        Ok(message_ids(&batch, &firsts.0).into_iter().zip(Values::<u32>::read("rev", &source)?.0).collect())
    }

    /// The id of the message of every attempt, by row.
    pub(crate) fn attempt_lives(&self) -> Result<Vec<u64>> {
        let columns = ["message", "message_file", "message_offset", "message_ordinal"];
        let Some(batch) = self.batch(Kind::Attempts, Wanted { columns: Columns::Only(&columns), rows: None })? else {
            return Ok(Vec::new());
        };
        Ok(lives(&batch, "message")?.into_iter().map(|life| life.0).collect())
    }

    /// The identity of every outcome, by row.
    pub(crate) fn outcome_ids(&self) -> Result<Vec<OutcomeIds>> {
        let columns =
            ["id", "id_kind", "id_ordinal", "message", "message_file", "message_offset", "message_ordinal", "last_message", "rev"];
        let Some(batch) = self.batch(Kind::Outcomes, Wanted { columns: Columns::Only(&columns), rows: None })? else {
            return Ok(Vec::new());
        };
        let firsts = lives(&batch, "message")?;
        let last = last_lives(&batch, &firsts);
        let ids = outcome_ids(&batch, &last);
        let revs = Values::<u32>::read("rev", &Source { batch: &batch, streams: &no_stream })?;
        let all = (0..ids.len()).map(|row| OutcomeIds { id: ids[row], rev: revs.0[row], last: last[row] });
        Ok(all.collect())
    }

    /// Rows of a kind that each stand for a line.
    fn by_line<T: Table>(&self, rows: Option<&[u32]>) -> Result<(T, Vec<u64>)> {
        let Some(batch) = self.batch(T::KIND, self.wanted(T::KIND, rows))? else { return Ok(Default::default()) };
        let source = Source { batch: &batch, streams: self.streams };
        let positions = Values::<Position>::read("position", &source)?;
        Ok((T::read(&source)?, line_ids(&batch, &positions.0, |_| 0)))
    }

    /// Rejections.
    pub(crate) fn rejections(&self, rows: Option<&[u32]>) -> Result<RejectionColumns> {
        let (mut table, ids) = self.by_line::<RejectionColumns>(rows)?;
        table.id.0 = ids;
        Ok(table)
    }

    /// Logins.
    pub(crate) fn auths(&self, rows: Option<&[u32]>) -> Result<AuthColumns> {
        let (mut table, ids) = self.by_line::<AuthColumns>(rows)?;
        table.id.0 = ids;
        Ok(table)
    }

    /// Connections.
    pub(crate) fn sessions(&self, rows: Option<&[u32]>) -> Result<SessionColumns> {
        let (mut table, ids) = self.by_line::<SessionColumns>(rows)?;
        table.id.0 = ids;
        Ok(table)
    }

    /// Notices.
    pub(crate) fn notices(&self, rows: Option<&[u32]>) -> Result<NoticeColumns> {
        let (mut table, ids) = self.by_line::<NoticeColumns>(rows)?;
        table.id.0 = ids;
        Ok(table)
    }

    /// Messages.
    pub(crate) fn messages(&self, rows: Option<&[u32]>) -> Result<MessageColumns> {
        let Some(batch) = self.batch(Kind::Messages, self.wanted(Kind::Messages, rows))? else { return Ok(MessageColumns::default()) };
        let source = Source { batch: &batch, streams: self.streams };
        let mut table = MessageColumns::read(&source)?;
        let firsts = Values::<Position>::read("position", &source)?;
        table.id.0 = message_ids(&batch, &firsts.0);
        let chains = file::numbers(&batch, "chain");
        table.chain.0 = chains.into_iter().zip(&table.id.0).map(|(chain, id)| chain.unwrap_or(*id)).collect();
        table.lines = lines(&batch, &firsts.0)?;
        Ok(table)
    }

    /// Attempts, and where their messages began.
    pub(crate) fn attempts(&self, rows: Option<&[u32]>) -> Result<(AttemptColumns, Vec<LifePlace>)> {
        let Some(batch) = self.batch(Kind::Attempts, self.wanted(Kind::Attempts, rows))? else { return Ok(Default::default()) };
        let mut table = AttemptColumns::read(&Source { batch: &batch, streams: self.streams })?;
        let lives = lives(&batch, "message")?;
        table.message.0 = lives.iter().map(|life| life.0).collect();
        table.id.0 = line_ids(&batch, &table.position.0, |row| lives[row].0);
        let queue_nulls = file::nulls(&batch, "queue_id");
        let message_nulls = file::nulls(&batch, "message_id");
        let of_messages = self.texts_of(&table.message.0, &[&queue_nulls, &message_nulls])?;
        fill_strings(&mut table.queue_id, &queue_nulls, |row| of_messages.queue_id(table.message.0[row]));
        fill_strings(&mut table.message_id, &message_nulls, |row| of_messages.message_id(table.message.0[row]));
        Ok((table, lives.into_iter().filter_map(|life| life.1).collect()))
    }

    /// Outcomes, and where their messages began.
    pub(crate) fn outcomes(&self, rows: Option<&[u32]>) -> Result<(OutcomeColumns, Vec<LifePlace>)> {
        let Some(batch) = self.batch(Kind::Outcomes, self.wanted(Kind::Outcomes, rows))? else { return Ok(Default::default()) };
        let mut table = OutcomeColumns::read(&Source { batch: &batch, streams: self.streams })?;
        let firsts = lives(&batch, "message")?;
        table.message.0 = firsts.iter().map(|life| life.0).collect();
        table.last_message.0 = last_lives(&batch, &firsts);
        table.id.0 = outcome_ids(&batch, &table.last_message.0);
        fill_times(&batch, &mut table);
        let queue_nulls = file::nulls(&batch, "queue_id");
        let message_nulls = file::nulls(&batch, "message_id");
        let of_messages = self.texts_of(&table.message.0, &[&queue_nulls, &message_nulls])?;
        fill_strings(&mut table.queue_id, &queue_nulls, |row| of_messages.queue_id(table.message.0[row]));
        fill_strings(&mut table.message_id, &message_nulls, |row| of_messages.message_id(table.message.0[row]));
        let queue_id = &table.queue_id;
        fill_strings(&mut table.last_queue_id, &file::nulls(&batch, "last_queue_id"), |row| Some(queue_id.get(row)));
        self.fill_from_attempts(&batch, &mut table)?;
        Ok((table, firsts.into_iter().filter_map(|life| life.1).collect()))
    }

    fn fill_from_attempts(&self, batch: &RecordBatch, table: &mut OutcomeColumns) -> Result<()> {
        let at = ordinals(batch, "attempt_row");
        let mut needed: Vec<u32> = at.iter().flatten().copied().collect();
        needed.sort_unstable();
        needed.dedup();
        if needed.is_empty() {
            return Ok(());
        }
        let wanted = Wanted { columns: Columns::Only(&["recipient_local", "reply_text"]), rows: Some(&needed) };
        let Some(attempts) = self.batch(Kind::Attempts, wanted)? else { return Err(Error::format("a part without its attempts")) };
        let source = Source { batch: &attempts, streams: &no_stream };
        let (locals, replies) = (Strings::read("recipient_local", &source)?, Strings::read("reply_text", &source)?);
        let found: Vec<Option<usize>> = at.iter().map(|row| row.and_then(|row| needed.binary_search(&row).ok())).collect();
        fill_strings(&mut table.recipient.local, &file::nulls(batch, "recipient_local"), |row| found[row].map(|at| locals.get(at)));
        fill_strings(&mut table.reply_text, &file::nulls(batch, "reply_text"), |row| found[row].map(|at| replies.get(at)));
        Ok(())
    }

    /// The queue and message ids of the messages of the rows where something is null.
    fn texts_of(&self, lives: &[u64], nulls: &[&[bool]]) -> Result<Texts> {
        let needed: AHashSet<u64> =
            lives.iter().enumerate().filter(|(row, _)| nulls.iter().any(|nulls| nulls[*row])).map(|(_, life)| *life).collect();
        let mut texts = Texts::default();
        if needed.is_empty() {
            return Ok(texts);
        }
        let ids = self.message_ids()?;
        let rows: Vec<u32> = (0..ids.len() as u32).filter(|row| needed.contains(&ids[*row as usize].0)).collect();
        let wanted = Wanted { columns: Columns::Only(&["queue_id", "message_id"]), rows: Some(&rows) };
        if let Some(batch) = self.batch(Kind::Messages, wanted)? {
            let source = Source { batch: &batch, streams: &no_stream };
            texts.queue_ids = Strings::read("queue_id", &source)?;
            texts.message_ids = Strings::read("message_id", &source)?;
            texts.rows = rows.iter().enumerate().map(|(at, row)| (ids[*row as usize].0, at)).collect();
        }
        Ok(texts)
    }
}

/// What other rows left to their message.
#[derive(Default)]
struct Texts {
    rows: AHashMap<u64, usize>,
    queue_ids: Strings,
    message_ids: Strings,
}

impl Texts {
    fn queue_id(&self, life: u64) -> Option<&str> {
        self.rows.get(&life).map(|at| Column::get(&self.queue_ids, *at))
    }

    fn message_id(&self, life: u64) -> Option<&str> {
        self.rows.get(&life).map(|at| Column::get(&self.message_ids, *at))
    }
}

fn fill_times(batch: &RecordBatch, table: &mut OutcomeColumns) {
    let times = table.time.0.clone();
    let before = |name: &str| -> Vec<Option<Time>> {
        signed(batch, name).into_iter().zip(&times).map(|(ago, time)| ago.map(|ago| Time(time.0.wrapping_sub(ago)))).collect()
    };
    table.first_attempt.0 = before("first_attempt_ago");
    table.last_attempt.0 = before("last_attempt_ago");
    let beyond = signed(batch, "delay_ms_beyond").into_iter().enumerate();
    let delay =
        |(row, beyond): (usize, Option<i64>)| beyond.map(|beyond| elapsed_ms(times[row], table.arrived.0[row]).wrapping_add(beyond) as u64);
    table.delay_ms.0 = beyond.map(delay).collect();
}

fn lines(batch: &RecordBatch, firsts: &[Position]) -> Result<Positions> {
    let mut column = Positions::default();
    let array = batch.column_by_name("lines").and_then(|array| array.as_binary_opt::<i32>());
    for (row, first) in firsts.iter().enumerate() {
        let bytes = array.map(|array| array.value(row)).unwrap_or_default();
        if !bytes.is_empty() {
            column.all.push(*first);
            get_positions(bytes, *first, &mut column.all)?;
        }
        column.ends.push(column.all.len());
    }
    Ok(column)
}
