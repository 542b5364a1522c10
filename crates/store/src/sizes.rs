//! Where the bytes of a store are: for benches, and for whoever wonders.

use std::collections::BTreeMap;
use std::fs::File;

use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::error::{Error, Result};
use crate::kind::Kind;
use crate::segment::Segment;
use crate::snapshot::Snapshot;

/// The bytes of a store by what they hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Segments: bytes of each column of each kind, as compressed.
    pub columns: BTreeMap<(Kind, String), u64>,
    /// Segments: what describes the columns (footers, indexes).
    pub descriptions: u64,
    /// The filters of all parts.
    pub filters: u64,
    /// The manifest: bytes by table, rollups by width and cube.
    pub tables: BTreeMap<String, u64>,
}

impl Sizes {
    /// Bytes of rows: columns and what describes them.
    pub fn rows(&self) -> u64 {
        self.columns.values().sum::<u64>() + self.descriptions
    }

    /// Bytes of stored rollups.
    pub fn rollups(&self) -> u64 {
        self.tables.iter().filter(|(name, _)| name.starts_with("rollup")).map(|(_, bytes)| bytes).sum()
    }
}

impl Snapshot {
    /// Where the bytes of the store are.
    pub fn sizes(&self) -> Result<Sizes> {
        let mut sizes = Sizes { tables: self.inner.backing.table_sizes()?, ..Sizes::default() };
        let mut filters = BTreeMap::new();
        for segment in self.all_segments() {
            columns(segment, &mut sizes)?;
            let path = &segment.filter.path;
            let bytes = std::fs::metadata(path).map_err(|error| Error::io(path, error))?.len();
            filters.insert(segment.part, bytes);
        }
        sizes.filters = filters.values().sum();
        Ok(sizes)
    }
}

fn columns(segment: &Segment, sizes: &mut Sizes) -> Result<()> {
    let path = segment.path();
    let file = File::open(path).map_err(|error| Error::io(path, error))?;
    let reader = SerializedFileReader::new(file).map_err(|error| Error::segment(path, error))?;
    let mut all = 0;
    for group in reader.metadata().row_groups() {
        for column in group.columns() {
            let bytes = column.compressed_size().max(0) as u64;
            all += bytes;
            *sizes.columns.entry((segment.kind, column.column_path().string())).or_default() += bytes;
        }
    }
    sizes.descriptions += segment.bytes.saturating_sub(all);
    Ok(())
}
