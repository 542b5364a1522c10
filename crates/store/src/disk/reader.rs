//! Reading the manifest beside the writer: a few connections, opened when they are needed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use mailvane_metric::{Cube, Width};
use mailvane_model::{Position, Time};
use rusqlite::Connection;

use super::manifest;
use crate::chunk;
use crate::commit::StatePairs;
use crate::error::Result;
use crate::rollup::{Cells, Range};
use crate::snapshot::Backing;

/// Idle connections that are kept for the next reader.
const IDLE_CONNECTIONS_MAX: usize = 4;

/// Times beyond this many microseconds on either side of 1970 stand in no log.
const FAR: i64 = 1 << 60;

/// Connections for reading.
pub(crate) struct Reader {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Reader {
    pub(crate) fn new(path: PathBuf) -> Self {
        Reader { path, idle: Mutex::default() }
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
}

impl Backing for Reader {
    fn state(&self, prefix: &[u8]) -> Result<StatePairs> {
        self.with(|connection| manifest::state(connection, prefix))
    }

    fn rollups(&self, generation: u64, width: Width, cube: Cube, range: &Range<'_>, cells: &mut Cells) -> Result<()> {
        let step = chunk::span(width);
        // Far from the ends of time, where rounding down would leave it.
        let near = |time: Time| Time(time.0.clamp(-FAR, FAR)).floor(step);
        let spans = (near(range.from), near(range.until));
        let chunks = self.with(|connection| manifest::chunks(connection, width, cube, spans, generation))?;
        chunks.iter().try_for_each(|bytes| chunk::decode(bytes, range, cells))
    }

    fn table_sizes(&self) -> Result<BTreeMap<String, u64>> {
        self.with(manifest::table_sizes)
    }

    fn lines(&self, positions: &[Position]) -> Result<Vec<Option<Vec<u8>>>> {
        self.with(|connection| crate::line::get(connection, positions))
    }
}
