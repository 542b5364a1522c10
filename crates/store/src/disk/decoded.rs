//! Chunks of rollups that were read not long ago, decoded: pages ask for the same days again and again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use mailvane_metric::Cube;
use mailvane_metric::Width;
use mailvane_model::Time;

use crate::error::Result;
use crate::rollup::Rolled;

/// Cells that are remembered: a month of domains by the day, and what else a page asks for. Some tens of megabytes, twice that on a busy host.
const CELLS_MAX: usize = 160_000;

/// A chunk: it never changes, a sealing writes another generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ChunkName {
    pub(crate) width: Width,
    pub(crate) cube: Cube,
    pub(crate) span: Time,
    pub(crate) generation: u64,
}

/// A chunk and when it was last asked for.
struct Known {
    cells: Arc<Vec<Rolled>>,
    used: u64,
}

#[derive(Default)]
struct Chunks {
    known: HashMap<ChunkName, Known>,
    cells: usize,
    clock: u64,
}

/// What is remembered.
#[derive(Default)]
pub(crate) struct Decoded {
    chunks: Mutex<Chunks>,
}

impl Decoded {
    /// Whether chunks of a width are worth it: of narrow ones a question wants a few steps only.
    pub(crate) fn takes(width: Width) -> bool {
        matches!(width, Width::Hour | Width::Day)
    }

    /// The cells of a chunk, when they are remembered.
    pub(crate) fn get(&self, name: &ChunkName) -> Option<Arc<Vec<Rolled>>> {
        let mut chunks = self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        chunks.clock += 1;
        let now = chunks.clock;
        let known = chunks.known.get_mut(name)?;
        known.used = now;
        Some(Arc::clone(&known.cells))
    }

    /// The cells of a chunk, remembered from now on.
    pub(crate) fn get_or_read(&self, name: ChunkName, read: impl FnOnce() -> Result<Vec<Rolled>>) -> Result<Arc<Vec<Rolled>>> {
        if let Some(known) = self.get(&name) {
            return Ok(known);
        }
        let cells = Arc::new(read()?);
        let mut chunks = self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        let used = chunks.clock;
        if cells.len() <= CELLS_MAX && !chunks.known.contains_key(&name) {
            chunks.cells += cells.len();
            chunks.known.insert(name, Known { cells: Arc::clone(&cells), used });
        }
        while chunks.cells > CELLS_MAX {
            let Some(oldest) = chunks.known.iter().min_by_key(|(_, known)| known.used).map(|(name, _)| *name) else { break };
            if let Some(known) = chunks.known.remove(&oldest) {
                chunks.cells -= known.cells.len();
            }
        }
        Ok(cells)
    }
}

#[cfg(test)]
mod tests {
    use mailvane_metric::Cell;

    use super::*;

    #[test]
    fn what_was_asked_for_longest_ago_goes_first() {
        let decoded = Decoded::default();
        let name = |day: i64| ChunkName { width: Width::Day, cube: Cube::Total, span: Time(day * Time::DAY), generation: 1 };
        let cells = || {
            let one = Rolled { time: Time(0), stream: 1, key: String::new(), cell: Cell::default() };
            Ok(vec![one; CELLS_MAX / 2])
        };
        let (mut first, mut second, mut third) = (0, 0, 0);
        decoded
            .get_or_read(name(1), || {
                first += 1;
                cells()
            })
            .unwrap();
        decoded
            .get_or_read(name(2), || {
                second += 1;
                cells()
            })
            .unwrap();
        assert!(decoded.get(&name(1)).is_some());
        decoded
            .get_or_read(name(3), || {
                third += 1;
                cells()
            })
            .unwrap();
        assert_eq!((first, second, third), (1, 1, 1));
        assert!(decoded.get(&name(2)).is_none() && decoded.get(&name(1)).is_some() && decoded.get(&name(3)).is_some());
        assert!(decoded.get(&ChunkName { generation: 2, ..name(1) }).is_none(), "another generation is another chunk");
    }
}
