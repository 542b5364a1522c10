//! Reading the manifest beside the writer: a few connections, opened when they are needed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use mailvane_metric::{Cube, Width};
use mailvane_model::{Position, Time};
use rusqlite::Connection;

use super::decoded::{ChunkName, Decoded};
use super::manifest;
use crate::chunk;
use crate::commit::StatePairs;
use crate::error::Result;
use crate::rollup::Range;
use crate::snapshot::{Backing, See};

/// Idle connections that are kept for the next reader.
const IDLE_CONNECTIONS_MAX: usize = 4;

/// Times beyond this many microseconds on either side of 1970 stand in no log.
const FAR: i64 = 1 << 60;

/// Connections for reading.
pub(crate) struct Reader {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    decoded: Decoded,
}

impl Reader {
    pub(crate) fn new(path: PathBuf) -> Self {
        Reader { path, idle: Mutex::default(), decoded: Decoded::default() }
    }

    /// Works with a connection.
    fn with<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => manifest::open_reader(&self.path)?,
        };
        let result = work(&connection);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_CONNECTIONS_MAX {
            idle.push(connection);
        }
        result
    }

    /// Hands out the cells of a chunk that are in range.
    fn chunk(&self, name: ChunkName, range: &Range<'_>, see: &mut See<'_>) -> Result<()> {
        let read = || self.with(|connection| manifest::named_chunk(connection, name));
        // All of a chunk is worth remembering, some keys of it are not.
        let known = match range.keys {
            None if Decoded::takes(name.width) => Some(self.decoded.get_or_read(name, || chunk::all(&read()?))?),
            _ => self.decoded.get(&name),
        };
        let Some(cells) = known else {
            return chunk::decode_each(&read()?, range, &mut |time, stream, key, cell| see(time, stream, key, &cell));
        };
        let first = cells.partition_point(|rolled| rolled.time < range.from);
        for rolled in cells[first..].iter().take_while(|rolled| rolled.time < range.until) {
            if range.has(rolled.stream, &rolled.key) {
                see(rolled.time, rolled.stream, &rolled.key, &rolled.cell);
            }
        }
        Ok(())
    }
}

impl Backing for Reader {
    fn state(&self, prefix: &[u8]) -> Result<StatePairs> {
        self.with(|connection| manifest::state(connection, prefix))
    }

    fn rollups(&self, generation: u64, width: Width, cube: Cube, range: &Range<'_>, see: &mut See<'_>) -> Result<()> {
        let step = chunk::span(width);
        // Far from the ends of time, where rounding down would leave it.
        let near = |time: Time| Time(time.0.clamp(-FAR, FAR)).floor(step);
        let spans = (near(range.from), near(range.until));
        let names = self.with(|connection| manifest::chunk_names(connection, width, cube, spans, generation))?;
        names.into_iter().try_for_each(|name| self.chunk(name, range, see))
    }

    fn table_sizes(&self) -> Result<BTreeMap<String, u64>> {
        self.with(manifest::table_sizes)
    }

    fn lines(&self, positions: &[Position]) -> Result<Vec<Option<Vec<u8>>>> {
        self.with(|connection| crate::line::get(connection, positions))
    }
}
