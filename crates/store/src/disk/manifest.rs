//! The manifest: one SQLite file that says what exists. Everything that changes together changes in one transaction of it.

use std::collections::BTreeMap;
use std::path::Path;

use mailvane_metric::{Cube, Width};
use mailvane_model::word::Mta;
use mailvane_model::{Stream, Time};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, params};

use super::decoded::ChunkName;
use crate::column::bytes::{Bytes, put_varint};
use crate::commit::{CommitNumber, StatePairs};
use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::segment::Segment;
use crate::snapshot::StreamState;

/// The version of everything on disk. A higher one is refused.
pub(crate) const FORMAT: i64 = 2;

const SCHEMA: &str = "
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE state (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE stream (key INTEGER PRIMARY KEY, origin TEXT NOT NULL, host TEXT NOT NULL, instance TEXT NOT NULL, mta INTEGER NOT NULL,
    watermark INTEGER);
CREATE TABLE pending (number INTEGER PRIMARY KEY, rows BLOB NOT NULL);
CREATE TABLE segment (id INTEGER PRIMARY KEY, part INTEGER NOT NULL, kind INTEGER NOT NULL, day INTEGER NOT NULL, level INTEGER NOT NULL,
    row_count INTEGER NOT NULL, bytes INTEGER NOT NULL, time_min INTEGER NOT NULL, time_max INTEGER NOT NULL, dead BLOB NOT NULL);
CREATE TABLE rollup (width INTEGER NOT NULL, cube INTEGER NOT NULL, span INTEGER NOT NULL, generation INTEGER NOT NULL,
    cells BLOB NOT NULL, PRIMARY KEY (width, cube, span, generation)) WITHOUT ROWID;
CREATE TABLE line (number INTEGER PRIMARY KEY, file INTEGER NOT NULL, offset_min INTEGER NOT NULL, offset_max INTEGER NOT NULL,
    time_max INTEGER NOT NULL, lines BLOB NOT NULL);
CREATE INDEX line_place ON line (file, offset_max);
";

/// Opens the manifest for writing, and makes it when there is none.
pub(crate) fn open(path: &Path, sync: bool) -> Result<Connection> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    // Only takes effect before the first table: lets the room of sealed batches go back to the disk.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", if sync { "FULL" } else { "OFF" })?;
    connection.pragma_update(None, "wal_autocheckpoint", 4000)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(64);
    match format(&connection)? {
        0 => {
            connection.execute_batch(&format!("BEGIN; {SCHEMA} PRAGMA user_version = {FORMAT}; COMMIT;"))?;
        }
        FORMAT => {}
        1 => super::upgrade::add_days(&mut connection)?,
        found => return Err(Error::Version { found, known: FORMAT }),
    }
    Ok(connection)
}

/// The format of the manifest.
pub(crate) fn format(connection: &Connection) -> Result<i64> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// Opens the manifest for reading only.
pub(crate) fn open_reader(path: &Path) -> Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    Ok(connection)
}

/// A number kept by name; 0 when there is none.
pub(crate) fn number(connection: &Connection, name: &str) -> Result<i64> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
    Ok(statement.query_row([name], |row| row.get(0)).optional()?.unwrap_or(0))
}

/// Keeps a number by name.
pub(crate) fn set_number(transaction: &Transaction<'_>, name: &str, value: i64) -> Result<()> {
    transaction.prepare_cached("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)")?.execute(params![name, value])?;
    Ok(())
}

/// Applies changes of state in their order.
pub(crate) fn put_state(transaction: &Transaction<'_>, changes: &[(Vec<u8>, Option<Vec<u8>>)]) -> Result<()> {
    let mut put = transaction.prepare_cached("INSERT OR REPLACE INTO state (key, value) VALUES (?1, ?2)")?;
    let mut delete = transaction.prepare_cached("DELETE FROM state WHERE key = ?1")?;
    for (key, value) in changes {
        match value {
            Some(value) => put.execute(params![key, value])?,
            None => delete.execute(params![key])?,
        };
    }
    Ok(())
}

/// State whose key begins with `prefix`, in key order.
pub(crate) fn state(connection: &Connection, prefix: &[u8]) -> Result<StatePairs> {
    let pair = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    match after(prefix) {
        Some(end) => {
            let mut statement = connection.prepare_cached("SELECT key, value FROM state WHERE key >= ?1 AND key < ?2 ORDER BY key")?;
            Ok(statement.query_map(params![prefix, end], pair)?.collect::<rusqlite::Result<_>>()?)
        }
        None => {
            let mut statement = connection.prepare_cached("SELECT key, value FROM state WHERE key >= ?1 ORDER BY key")?;
            Ok(statement.query_map(params![prefix], pair)?.collect::<rusqlite::Result<_>>()?)
        }
    }
}

/// The least key after all keys with this prefix; `None` when there is none.
pub(crate) fn after(prefix: &[u8]) -> Option<Vec<u8>> {
    let keep = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut end = prefix[..=keep].to_vec();
    end[keep] += 1;
    Some(end)
}

/// Keeps streams; known ones keep their watermark.
pub(crate) fn put_streams<'a>(transaction: &Transaction<'_>, streams: impl Iterator<Item = &'a Stream>) -> Result<()> {
    let mut insert = transaction
        .prepare_cached("INSERT OR IGNORE INTO stream (key, origin, host, instance, mta, watermark) VALUES (?1, ?2, ?3, ?4, ?5, NULL)")?;
    for stream in streams {
        insert.execute(params![stream.key() as i64, stream.origin, stream.host, stream.instance, stream.mta.code()])?;
    }
    Ok(())
}

/// Moves watermarks forward.
pub(crate) fn put_watermarks(transaction: &Transaction<'_>, watermarks: &[(u64, Time)]) -> Result<()> {
    let mut update =
        transaction.prepare_cached("UPDATE stream SET watermark = ?2 WHERE key = ?1 AND (watermark IS NULL OR watermark < ?2)")?;
    for (key, time) in watermarks {
        update.execute(params![*key as i64, time.0])?;
    }
    Ok(())
}

/// Every stream, by key.
pub(crate) fn streams(connection: &Connection) -> Result<Vec<StreamState>> {
    let mut statement = connection.prepare("SELECT origin, host, instance, mta, watermark FROM stream")?;
    let read = |row: &rusqlite::Row<'_>| {
        let mta: u8 = row.get(3)?;
        let stream = Stream { origin: row.get(0)?, host: row.get(1)?, instance: row.get(2)?, mta: Mta::from_code(mta).unwrap_or_default() };
        let watermark: Option<i64> = row.get(4)?;
        Ok(StreamState { key: stream.key(), stream, watermark: watermark.map(Time) })
    };
    let mut all: Vec<StreamState> = statement.query_map([], read)?.collect::<rusqlite::Result<_>>()?;
    all.sort_by_key(|state| state.key);
    Ok(all)
}

/// Keeps a packed batch.
pub(crate) fn put_pending(transaction: &Transaction<'_>, number: CommitNumber, packed: &[u8]) -> Result<()> {
    let mut insert = transaction.prepare_cached("INSERT INTO pending (number, rows) VALUES (?1, ?2)")?;
    insert.execute(params![number.0 as i64, packed])?;
    Ok(())
}

/// Every pending batch, oldest first: its commit and its packed rows.
pub(crate) fn pending(connection: &Connection) -> Result<Vec<(CommitNumber, Vec<u8>)>> {
    let mut statement = connection.prepare("SELECT number, rows FROM pending ORDER BY number")?;
    let read = |row: &rusqlite::Row<'_>| {
        let number: i64 = row.get(0)?;
        Ok((CommitNumber(number as u64), row.get(1)?))
    };
    Ok(statement.query_map([], read)?.collect::<rusqlite::Result<_>>()?)
}

/// A row of the table of segments.
#[derive(Clone, Debug)]
pub(crate) struct SegmentRecord {
    pub(crate) id: u64,
    pub(crate) part: u64,
    pub(crate) kind: Kind,
    pub(crate) day: i64,
    pub(crate) level: u32,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) time_min: Time,
    pub(crate) time_max: Time,
    pub(crate) dead: Vec<u32>,
}

/// Names a segment: from now on it exists.
pub(crate) fn put_segment(transaction: &Transaction<'_>, segment: &Segment) -> Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO segment (id, part, kind, day, level, row_count, bytes, time_min, time_max, dead)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    insert.execute(params![
        segment.id as i64,
        segment.part as i64,
        segment.kind.code(),
        segment.day,
        segment.level,
        segment.rows as i64,
        segment.bytes as i64,
        segment.time_min.0,
        segment.time_max.0,
        pack_rows(&segment.dead),
    ])?;
    Ok(())
}

/// Keeps which rows of a segment are superseded.
pub(crate) fn put_dead(transaction: &Transaction<'_>, segment: u64, dead: &[u32]) -> Result<()> {
    transaction.prepare_cached("UPDATE segment SET dead = ?2 WHERE id = ?1")?.execute(params![segment as i64, pack_rows(dead)])?;
    Ok(())
}

/// Forgets every segment of a part.
pub(crate) fn delete_part(transaction: &Transaction<'_>, part: u64) -> Result<()> {
    transaction.prepare_cached("DELETE FROM segment WHERE part = ?1")?.execute([part as i64])?;
    Ok(())
}

/// Every segment.
pub(crate) fn segments(connection: &Connection) -> Result<Vec<SegmentRecord>> {
    let mut statement =
        connection.prepare("SELECT id, part, kind, day, level, row_count, bytes, time_min, time_max, dead FROM segment ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, part, rows_, bytes): (i64, i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(5)?, row.get(6)?);
        let kind: u8 = row.get(2)?;
        let dead: Vec<u8> = row.get(9)?;
        all.push(SegmentRecord {
            id: id as u64,
            part: part as u64,
            kind: Kind::from_code(kind).ok_or_else(|| Error::format("the list of segments"))?,
            day: row.get(3)?,
            level: row.get(4)?,
            rows: rows_ as u64,
            bytes: bytes as u64,
            time_min: Time(row.get(7)?),
            time_max: Time(row.get(8)?),
            dead: unpack_rows(&dead)?,
        });
    }
    Ok(all)
}

fn pack_rows(rows: &[u32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(rows.len());
    let mut before = 0;
    for row in rows {
        put_varint(&mut out, u64::from(row - before));
        before = *row;
    }
    out
}

fn unpack_rows(bytes: &[u8]) -> Result<Vec<u32>> {
    let mut input = Bytes::new(bytes);
    let mut rows = Vec::new();
    let mut row = 0_u32;
    while !input.is_empty() {
        row = u32::try_from(input.varint()?).ok().and_then(|step| row.checked_add(step)).ok_or_else(|| Error::format("superseded rows"))?;
        rows.push(row);
    }
    Ok(rows)
}

/// Where a chunk of a rollup stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ChunkKey {
    pub(crate) width: Width,
    pub(crate) cube: Cube,
    /// The start of its span.
    pub(crate) span: Time,
}

/// Keeps a chunk of a generation, beside the older ones.
pub(crate) fn put_chunk(transaction: &Transaction<'_>, key: ChunkKey, generation: u64, cells: &[u8]) -> Result<()> {
    let mut insert =
        transaction.prepare_cached("INSERT OR REPLACE INTO rollup (width, cube, span, generation, cells) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    insert.execute(params![key.width.code(), key.cube.code(), key.span.0, generation as i64, cells])?;
    Ok(())
}

/// The chunk of a place in its newest generation.
pub(crate) fn chunk(connection: &Connection, key: ChunkKey) -> Result<Option<Vec<u8>>> {
    let mut statement = connection
        .prepare_cached("SELECT cells FROM rollup WHERE width = ?1 AND cube = ?2 AND span = ?3 ORDER BY generation DESC LIMIT 1")?;
    Ok(statement.query_row(params![key.width.code(), key.cube.code(), key.span.0], |row| row.get(0)).optional()?)
}

/// The chunks of a cube whose spans begin between `from` and `until` (included), each as of a generation.
pub(crate) fn chunk_names(
    connection: &Connection,
    width: Width,
    cube: Cube,
    spans: (Time, Time),
    generation: u64,
) -> Result<Vec<ChunkName>> {
    let mut statement = connection.prepare_cached(
        "SELECT span, max(generation) FROM rollup WHERE width = ?1 AND cube = ?2 AND span >= ?3 AND span <= ?4 AND generation <= ?5
         GROUP BY span ORDER BY span",
    )?;
    let read = |row: &rusqlite::Row<'_>| {
        let (span, generation): (i64, i64) = (row.get(0)?, row.get(1)?);
        Ok(ChunkName { width, cube, span: Time(span), generation: generation as u64 })
    };
    let found = statement.query_map(params![width.code(), cube.code(), spans.0.0, spans.1.0, generation as i64], read)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// The bytes of a chunk.
pub(crate) fn named_chunk(connection: &Connection, name: ChunkName) -> Result<Vec<u8>> {
    let mut statement =
        connection.prepare_cached("SELECT cells FROM rollup WHERE width = ?1 AND cube = ?2 AND span = ?3 AND generation = ?4")?;
    let at = params![name.width.code(), name.cube.code(), name.span.0, name.generation as i64];
    Ok(statement.query_row(at, |row| row.get(0))?)
}

/// The spans of which a cube has chunks.
pub(crate) fn spans(connection: &Connection, width: Width, cube: Cube) -> Result<Vec<Time>> {
    let mut statement = connection.prepare_cached("SELECT DISTINCT span FROM rollup WHERE width = ?1 AND cube = ?2 ORDER BY span")?;
    let found = statement.query_map(params![width.code(), cube.code()], |row| row.get(0).map(Time))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Forgets the generations of a chunk before one.
pub(crate) fn delete_chunks_before(transaction: &Transaction<'_>, key: ChunkKey, generation: u64) -> Result<()> {
    let mut delete = transaction.prepare_cached("DELETE FROM rollup WHERE width = ?1 AND cube = ?2 AND span = ?3 AND generation < ?4")?;
    delete.execute(params![key.width.code(), key.cube.code(), key.span.0, generation as i64])?;
    Ok(())
}

/// Forgets every generation of a chunk but the newest: nobody reads when a store is opened.
pub(crate) fn delete_replaced_chunks(connection: &Connection) -> Result<()> {
    connection.execute(
        "DELETE FROM rollup WHERE generation < (SELECT max(newer.generation) FROM rollup AS newer
         WHERE newer.width = rollup.width AND newer.cube = rollup.cube AND newer.span = rollup.span)",
        [],
    )?;
    Ok(())
}

/// Forgets the rollups of a width whose span began before a time.
pub(crate) fn delete_rollups_before(transaction: &Transaction<'_>, width: Width, time: Time) -> Result<()> {
    transaction.prepare_cached("DELETE FROM rollup WHERE width = ?1 AND span < ?2")?.execute(params![width.code(), time.0])?;
    Ok(())
}

/// The bytes of what the tables hold; rollups by width and cube.
pub(crate) fn table_sizes(connection: &Connection) -> Result<BTreeMap<String, u64>> {
    let mut sizes = BTreeMap::new();
    let plain = [("state", "sum(length(key) + length(value))"), ("pending", "sum(length(rows))"), ("line", "sum(length(lines))")];
    for (table, sum) in plain {
        let bytes: Option<i64> = connection.query_row(&format!("SELECT {sum} FROM {table}"), [], |row| row.get(0))?;
        sizes.insert(table.to_owned(), bytes.unwrap_or(0) as u64);
    }
    let mut statement = connection.prepare("SELECT width, cube, sum(length(cells)) FROM rollup GROUP BY width, cube")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (width, cube, bytes): (u8, u8, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let width = Width::ALL.iter().find(|each| each.code() == width).map_or("?", |each| each.word());
        let cube = Cube::ALL.iter().find(|each| each.code() == cube).map_or("?", |each| each.word());
        sizes.insert(format!("rollup {width} {cube}"), bytes as u64);
    }
    Ok(sizes)
}
