//! Deterministic identities: the same bytes give the same ids, whenever and in whatever form they are read.

use crate::hash;

/// A file of log lines, known by its content: the hash of its origin, its first line and a generation number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u64);

impl FileId {
    /// The id of a file: `first_line` without leading NULs, at most 4 KiB of it.
    pub fn of(origin: &str, first_line: &[u8], generation: u32) -> Self {
        let start = first_line.iter().position(|byte| *byte != 0).unwrap_or(first_line.len());
        let line = &first_line[start..first_line.len().min(start + 4096)];
        FileId(hash::words(&[hash::bytes(origin.as_bytes()), hash::bytes(line), u64::from(generation)]))
    }
}

/// Where a line begins: its file and the offset in (decompressed) bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// The file.
    pub file: FileId,
    /// The offset of the first byte of the line.
    pub offset: u64,
}

impl Position {
    /// The id of the life (or other thing) whose first line stands here. `ordinal` tells several things of one line apart.
    pub fn life(self, ordinal: u32) -> u64 {
        hash::words(&[self.file.0, self.offset, u64::from(ordinal)])
    }

    /// The id of an event of `life` made by the line that stands here.
    pub fn event(self, life: u64, ordinal: u32) -> u64 {
        hash::words(&[life, self.file.0, self.offset, u64::from(ordinal)])
    }
}

/// The id of an event that no line makes (an outcome, an expiry by time): of a life, by kind and ordinal.
pub fn derived(life: u64, kind: u32, ordinal: u32) -> u64 {
    hash::words(&[life, u64::from(kind) << 32 | u64::from(ordinal)])
}
