//! Plain column vectors: how many rows of one kind are held in memory, handed to `store` and read by `analytics`.

use ahash::AHashMap;

use crate::address::Address;
use crate::id::Position;
use crate::stream::Stream;

/// A column of one kind of value.
pub trait Column: Default {
    /// What one cell holds, borrowed from the column.
    type Item<'a>
    where
        Self: 'a;
    /// Adds a cell.
    fn push(&mut self, item: Self::Item<'_>);
    /// The cell at `index`. Panics past the end, as a slice does.
    fn get(&self, index: usize) -> Self::Item<'_>;
    /// The bytes it holds, roughly.
    fn size(&self) -> usize;
}

/// A column of plain values.
#[derive(Clone, Debug, PartialEq)]
pub struct Values<T>(pub Vec<T>);

impl<T> Default for Values<T> {
    fn default() -> Self {
        Values(Vec::new())
    }
}

impl<T: Copy + 'static> Column for Values<T> {
    type Item<'a> = T;
    fn push(&mut self, item: T) {
        self.0.push(item);
    }
    fn get(&self, index: usize) -> T {
        self.0[index]
    }
    fn size(&self) -> usize {
        self.0.len() * size_of::<T>()
    }
}

/// A column of strings in one buffer; the empty string means absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Strings {
    /// All strings, end to end.
    pub text: String,
    /// Where each one ends in `text`.
    pub ends: Vec<usize>,
}

impl Column for Strings {
    type Item<'a> = &'a str;
    fn push(&mut self, item: &str) {
        self.text.push_str(item);
        self.ends.push(self.text.len());
    }
    fn get(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[start..self.ends[index]]
    }
    fn size(&self) -> usize {
        self.text.len() + self.ends.len() * size_of::<usize>()
    }
}

/// A column of addresses: local parts and domains apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Addresses {
    /// The local parts.
    pub local: Strings,
    /// The domains.
    pub domain: Strings,
}

impl Column for Addresses {
    type Item<'a> = Address<'a>;
    fn push(&mut self, item: Address<'_>) {
        self.local.push(item.local);
        self.domain.push(item.domain);
    }
    fn get(&self, index: usize) -> Address<'_> {
        Address { local: self.local.get(index), domain: self.domain.get(index) }
    }
    fn size(&self) -> usize {
        self.local.size() + self.domain.size()
    }
}

/// A column of lists of positions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Positions {
    /// All positions, end to end.
    pub all: Vec<Position>,
    /// Where each list ends in `all`.
    pub ends: Vec<usize>,
}

impl Column for Positions {
    type Item<'a> = &'a [Position];
    fn push(&mut self, item: &[Position]) {
        self.all.extend_from_slice(item);
        self.ends.push(self.all.len());
    }
    fn get(&self, index: usize) -> &[Position] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.all[start..self.ends[index]]
    }
    fn size(&self) -> usize {
        self.all.len() * size_of::<Position>() + self.ends.len() * size_of::<usize>()
    }
}

/// A column of streams: each one kept once, cells are indexes.
#[derive(Clone, Debug, Default)]
pub struct Streams {
    /// The streams met, each once.
    pub table: Vec<Stream>,
    /// For each row the index in `table`.
    pub codes: Vec<u32>,
    index: AHashMap<Stream, u32>,
}

impl PartialEq for Streams {
    fn eq(&self, other: &Self) -> bool {
        self.table == other.table && self.codes == other.codes
    }
}

impl Column for Streams {
    type Item<'a> = &'a Stream;
    fn push(&mut self, item: &Stream) {
        // Runs of one stream are the rule, so the last code is tried first.
        if let Some(last) = self.codes.last().copied()
            && self.table[last as usize] == *item
        {
            self.codes.push(last);
            return;
        }
        let code = if let Some(code) = self.index.get(item) {
            *code
        } else {
            let code = self.table.len() as u32;
            self.table.push(item.clone());
            self.index.insert(item.clone(), code);
            code
        };
        self.codes.push(code);
    }
    fn get(&self, index: usize) -> &Stream {
        &self.table[self.codes[index] as usize]
    }
    fn size(&self) -> usize {
        self.codes.len() * size_of::<u32>() + self.table.len() * 256
    }
}
