//! Kept lines: the raw lines of messages that failed, in compressed runs by file and offset.

use mailvane_model::{Position, Time};
use rusqlite::{Connection, Transaction, params};

use crate::column::bytes::{Bytes, put_run, put_varint};
use crate::commit::KeptLine;
use crate::error::{Error, Result};

/// The version of a run, its first byte.
const VERSION: u8 = 1;
/// Lines of one run: what reading one line costs at most.
const RUN_LINES_MAX: usize = 500;
/// The effort of compression.
const LEVEL: i32 = 6;
/// A run beyond this is damaged.
const RUN_BYTES_MAX: usize = 1 << 30;

/// Keeps lines.
pub(crate) fn put(transaction: &Transaction<'_>, lines: &[KeptLine]) -> Result<()> {
    let mut sorted: Vec<&KeptLine> = lines.iter().collect();
    sorted.sort_by_key(|line| line.position);
    let mut insert =
        transaction.prepare_cached("INSERT INTO line (file, offset_min, offset_max, time_max, lines) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for same in sorted.chunk_by(|left, right| left.position.file == right.position.file) {
        for run in same.chunks(RUN_LINES_MAX) {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            let newest = run.iter().map(|line| line.time).max().unwrap_or_default();
            let (from, to) = (first.position.offset as i64, last.position.offset as i64);
            insert.execute(params![first.position.file.0 as i64, from, to, newest.0, encode(run)?])?;
        }
    }
    Ok(())
}

fn encode(run: &[&KeptLine]) -> Result<Vec<u8>> {
    let mut plain = Vec::new();
    put_varint(&mut plain, run.len() as u64);
    let mut before = 0;
    for line in run {
        put_varint(&mut plain, line.position.offset - before);
        before = line.position.offset;
    }
    for line in run {
        put_run(&mut plain, &line.text);
    }
    let mut out = vec![VERSION];
    put_varint(&mut out, plain.len() as u64);
    out.extend_from_slice(&zstd::bulk::compress(&plain, LEVEL).map_err(|error| Error::format(format!("kept lines ({error})")))?);
    Ok(out)
}

fn decode(bytes: &[u8]) -> Result<Vec<(u64, Vec<u8>)>> {
    let wrong = || Error::format("kept lines");
    let mut input = Bytes::new(bytes);
    if input.byte()? != VERSION {
        return Err(wrong());
    }
    let length = usize::try_from(input.varint()?).ok().filter(|length| *length <= RUN_BYTES_MAX).ok_or_else(wrong)?;
    let plain = zstd::bulk::decompress(input.rest(), length).map_err(|_| wrong())?;
    let mut input = Bytes::new(&plain);
    let mut offsets = Vec::new();
    let mut offset = 0_u64;
    for _ in 0..input.varint()? {
        offset = offset.saturating_add(input.varint()?);
        offsets.push(offset);
    }
    offsets.into_iter().map(|offset| Ok((offset, input.run()?.to_vec()))).collect()
}

/// The kept line of each position, where there is one.
pub(crate) fn get(connection: &Connection, positions: &[Position]) -> Result<Vec<Option<Vec<u8>>>> {
    let mut find = connection.prepare_cached("SELECT lines FROM line WHERE file = ?1 AND offset_min <= ?2 AND offset_max >= ?2")?;
    let mut found: Vec<Option<Vec<u8>>> = vec![None; positions.len()];
    for at in 0..positions.len() {
        if found[at].is_some() {
            continue;
        }
        let position = positions[at];
        let runs: Vec<Vec<u8>> =
            find.query_map(params![position.file.0 as i64, position.offset as i64], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        for run in runs {
            let lines = decode(&run)?;
            // One run mostly holds several of them.
            for (place, wanted) in found.iter_mut().zip(positions) {
                if wanted.file == position.file
                    && place.is_none()
                    && let Ok(line) = lines.binary_search_by_key(&wanted.offset, |line| line.0)
                {
                    *place = Some(lines[line].1.clone());
                }
            }
        }
    }
    Ok(found)
}

/// Drops runs whose lines are all older.
pub(crate) fn delete_before(transaction: &Transaction<'_>, time: Time) -> Result<()> {
    transaction.prepare_cached("DELETE FROM line WHERE time_max < ?1")?.execute([time.0])?;
    Ok(())
}
