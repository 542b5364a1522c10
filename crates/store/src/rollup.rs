//! Rollups: what the rows of a batch add to them, and cells by place.

use std::collections::BTreeMap;

use mailvane_metric::{Cell, Cube, Width};
use mailvane_model::{Batch, Time};

/// The key under which the long tail of a step is added up, once a step has more keys than its limit.
pub const OTHER: &str = "*";

/// One cell of a rollup.
#[derive(Clone, Debug, PartialEq)]
pub struct Rolled {
    /// The start of the step.
    pub time: Time,
    /// The key of the stream.
    pub stream: u64,
    /// The value of the cube's dimension; [`OTHER`] for the long tail.
    pub key: String,
    /// The numbers.
    pub cell: Cell,
}

/// A place inside one cube of one width.
pub(crate) type Place = (Time, u64, String);

/// Cells by place.
pub(crate) type Cells = BTreeMap<Place, Cell>;

/// What batches add to every rollup.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    /// By width and cube, sorted by time, stream and key.
    pub(crate) cubes: BTreeMap<(Width, Cube), Vec<Rolled>>,
}

impl Folded {
    /// Folds one batch.
    pub(crate) fn of(batch: &Batch) -> Self {
        let mut folded = Folded::default();
        mailvane_metric::rollup::all_deltas(batch, &mut |width, cube, time, stream, key, cell| {
            let rolled = Rolled { time, stream, key: key.to_owned(), cell: cell.clone() };
            folded.cubes.entry((width, cube)).or_default().push(rolled);
        });
        folded
    }

    /// Adds what lies between `from` and `until` (not included) of one cube to `cells`.
    pub(crate) fn add_to(&self, cells: &mut Cells, width: Width, cube: Cube, range: &Range<'_>) {
        let Some(all) = self.cubes.get(&(width, cube)) else { return };
        let start = all.partition_point(|rolled| rolled.time < range.from);
        for rolled in all[start..].iter().take_while(|rolled| rolled.time < range.until) {
            if range.has(rolled.stream, &rolled.key) {
                add(cells, (rolled.time, rolled.stream, rolled.key.clone()), &rolled.cell);
            }
        }
    }
}

/// Adds a cell at a place.
pub(crate) fn add(cells: &mut Cells, place: Place, cell: &Cell) {
    match cells.entry(place) {
        std::collections::btree_map::Entry::Vacant(entry) => {
            entry.insert(cell.clone());
        }
        std::collections::btree_map::Entry::Occupied(mut entry) => entry.get_mut().merge(cell),
    }
}

/// Which cells are wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range<'a> {
    pub(crate) from: Time,
    pub(crate) until: Time,
    pub(crate) streams: Option<&'a [u64]>,
    /// Some keys of the cube; `None` for all.
    pub(crate) keys: Option<&'a [&'a str]>,
}

impl Range<'_> {
    /// Whether a cell of this stream and key is wanted.
    pub(crate) fn has(&self, stream: u64, key: &str) -> bool {
        self.streams.is_none_or(|streams| streams.contains(&stream)) && self.keys.is_none_or(|keys| keys.contains(&key))
    }
}
