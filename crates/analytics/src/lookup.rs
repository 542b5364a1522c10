//! One thing by its id, where the filters of the store do not lead to it.

use mailvane_model::row::Batch;
use mailvane_model::{FileId, Position, Time};
use mailvane_store::{Kind, Segment, Snapshot};
use polars::prelude::*;

use crate::Result;
use crate::condition::{ROW, id_is_one_of, lazy_numbered, living};

/// The refusal of an id; without rows when there is none.
pub fn rejection(snapshot: &Snapshot, id: u64) -> Result<Batch> {
    for pending in snapshot.pending().iter().rev() {
        if let Some(row) = pending.rows.rejections.iter().find(|row| row.id == id) {
            let mut found = Batch::default();
            found.rejections.push(&row);
            return Ok(found);
        }
    }
    let mut segments = snapshot.segments(Kind::Rejections, Time(i64::MIN), Time(i64::MAX));
    segments.sort_by_key(|segment| std::cmp::Reverse(segment.time_max));
    for segment in segments {
        if let Some(row) = row_of(&segment, id)? {
            return Ok(snapshot.read(&segment, Some(&[row]))?);
        }
    }
    Ok(Batch::default())
}

/// The row of an id: written out, or made of the line's place.
fn row_of(segment: &Segment, id: u64) -> Result<Option<u32>> {
    let columns = [col("id"), col("file"), col("offset"), col("id_ordinal").cast(DataType::UInt32)];
    let frame = lazy_numbered(segment)?.select(columns).collect()?;
    let series = |name: &str| frame.column(name).map(Column::as_materialized_series);
    let (ids, files, offsets, ordinals) =
        (series("id")?.u64()?, series("file")?.u64()?, series("offset")?.u64()?, series("id_ordinal")?.u32()?);
    let is_it = |row: usize| match ids.get(row) {
        Some(kept) => kept == id,
        None => {
            let position = Position { file: FileId(files.get(row).unwrap_or_default()), offset: offsets.get(row).unwrap_or_default() };
            position.event(0, ordinals.get(row).unwrap_or_default()) == id
        }
    };
    Ok((0..frame.height()).find(|row| is_it(*row)).map(|row| row as u32))
}

/// The ids of delivery notifications about some messages, of those that arrived between two times.
pub fn notifications(snapshot: &Snapshot, about: &[u64], since: Time, until: Time) -> Result<Vec<u64>> {
    let mut found = Vec::new();
    for pending in snapshot.pending() {
        let rows = &pending.rows.messages;
        found.extend(rows.iter().filter(|row| about.contains(&row.bounce_of)).map(|row| row.id));
    }
    let wanted = id_is_one_of("bounce_of", about);
    for segment in snapshot.segments(Kind::Messages, since, until) {
        let mut frame = living(lazy_numbered(&segment)?, &segment);
        if !frame.collect_schema()?.contains("bounce_of") {
            continue;
        }
        let frame = frame.filter(wanted.clone()).select([col(ROW).cast(DataType::UInt32)]).collect()?;
        let rows: Vec<u32> = frame.column(ROW)?.as_materialized_series().u32()?.iter().flatten().collect();
        if !rows.is_empty() {
            found.extend(snapshot.read(&segment, Some(&rows))?.messages.id.0);
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}
