//! How a store is kept.

use mailvane_model::Time;

/// Rollups by the minute are kept for so long unless told otherwise.
pub const MINUTES_KEEP: i64 = 35 * Time::DAY;

/// How a store is kept. Times are in microseconds, as everywhere.
#[derive(Clone, Debug)]
pub struct Options {
    /// Pending rows are sealed at this many.
    pub seal_rows: usize,
    /// Pending rows are sealed when the first of them has waited this long.
    pub seal_after: i64,
    /// This many parts of a day and level become one of the next level.
    pub merge_parts: usize,
    /// No more rows than this are merged into one part: a merge holds them in memory.
    pub merge_rows_max: u64,
    /// The I/O budget of merging: bytes of segments taken in, a second of the clock that [`crate::Disk::tick`] is given.
    pub merge_bytes_per_second: u64,
    /// The effort of compression when rows are sealed; 1 to 22.
    pub seal_level: i32,
    /// The effort of compression when parts are merged.
    pub merge_level: i32,
    /// Rows are dropped this long after the end of their day; `None` keeps them.
    pub rows_keep: Option<i64>,
    /// Segments and filters beyond this many bytes are dropped, the oldest day first; `None` sets no limit.
    pub rows_bytes: Option<u64>,
    /// Rollups are dropped this long after their time.
    pub rollups_keep: i64,
    /// Rollups by the minute are dropped this long after their time: later ones are asked for by wider steps.
    pub minutes_keep: i64,
    /// Kept lines are dropped this long after their time.
    pub lines_keep: i64,
    /// Whether a commit waits until it is on the disk. `false` only for stores that are thrown away (demo, tests): a crash of
    /// the machine may spoil them, a crash of the process may not.
    pub sync: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            seal_rows: 100_000,
            seal_after: 5 * Time::MINUTE,
            merge_parts: 8,
            merge_rows_max: 400_000,
            merge_bytes_per_second: 8 << 20,
            seal_level: 1,
            merge_level: 9,
            rows_keep: None,
            rows_bytes: None,
            rollups_keep: 730 * Time::DAY,
            minutes_keep: MINUTES_KEEP,
            lines_keep: 30 * Time::DAY,
            sync: true,
        }
    }
}
