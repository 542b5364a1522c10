//! Blocks of whole lines with their offsets, read in large pieces into buffers that the caller keeps and reuses.
//! No work is done per line: one search for the last newline of a block, and one probe per 32 KiB for lines beyond the limit.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use memchr::{memchr, memrchr};

use crate::error::Error;
use crate::trail::Trail;

/// Bytes of a line that are kept; the rest of a longer one is skipped and counted.
pub const MAX_LINE_BYTES: usize = 64 * 1024;
/// Bytes read at once unless told otherwise.
pub const BLOCK_BYTES: usize = 1 << 20;
/// A line beyond the limit covers at least one whole window of this size.
const WINDOW_BYTES: usize = MAX_LINE_BYTES / 2;

/// Whole lines that follow each other, and where they stand. Keep it and fill it again: its memory is reused.
#[derive(Clone, Debug, Default)]
pub struct Block {
    buffer: Vec<u8>,
    used: usize,
    offset: u64,
    next: u64,
    skipped: u64,
}

impl Block {
    /// An empty block. Memory is taken by the first fill.
    pub fn new() -> Self {
        Self::default()
    }

    /// The lines, each with its newline. The last line has none when the input ended without one or when the line was cut.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[..self.used]
    }

    /// The offset of the first byte, in decompressed bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Where reading goes on after this block: always the start of a line. Beyond `offset + len` when a line was cut.
    pub fn next_offset(&self) -> u64 {
        self.next
    }

    /// Bytes left out after the last byte of this block, because its last line is longer than [`MAX_LINE_BYTES`]; else 0.
    pub fn skipped_bytes(&self) -> u64 {
        self.skipped
    }

    /// Whether its last line was cut at [`MAX_LINE_BYTES`].
    pub fn is_cut(&self) -> bool {
        self.skipped > 0
    }

    /// Leaves out the lines before `offset`, which must be the start of a line of this block.
    pub(crate) fn begin_at(&mut self, offset: u64) {
        let surplus = (offset.saturating_sub(self.offset) as usize).min(self.used);
        self.buffer.copy_within(surplus..self.used, 0);
        self.used -= surplus;
        self.offset += surplus as u64;
    }

    fn clear(&mut self, offset: u64) {
        (self.used, self.offset, self.next, self.skipped) = (0, offset, offset, 0);
    }
}

/// What is done with a last line that has no newline (yet).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastLine {
    /// The input is over: it is a line.
    Final,
    /// The input may grow: it waits.
    Waits,
}

/// What was counted while reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines longer than [`MAX_LINE_BYTES`], cut there.
    pub cut_lines: u64,
    /// Bytes of those lines that were left out.
    pub skipped_bytes: u64,
    /// NULs left out before a line: holes that a truncated or crashed file has. Shorter runs stay for the parser.
    pub hole_bytes: u64,
}

/// Turns a stream of bytes into blocks of whole lines. Bounded memory whatever the input: one carry of at most a block.
#[derive(Debug)]
pub struct BlockReader<R> {
    source: R,
    name: PathBuf,
    block_bytes: usize,
    last_line: LastLine,
    /// Bytes read but not handed over yet; they begin at `offset`.
    carry: Vec<u8>,
    offset: u64,
    trail: Trail,
    /// While the rest of a long line is sought: the trail including what was read of it.
    ahead: Trail,
    counts: Counts,
    /// While the rest of a long line is sought: bytes of it left out so far. Its kept part is the carry.
    skipping: Option<u64>,
    scratch: Vec<u8>,
    failure: Option<io::Error>,
    ended: bool,
}

impl<R: Read> BlockReader<R> {
    /// Reads `source` from its start; `name` stands in messages.
    pub fn new(source: R, name: &Path) -> Self {
        Self::resume(source, name, Trail::default(), LastLine::Final)
    }

    /// Reads `source`, which stands at the offset of `trail`.
    pub fn resume(source: R, name: &Path, trail: Trail, last_line: LastLine) -> Self {
        Self {
            source,
            name: name.to_path_buf(),
            block_bytes: BLOCK_BYTES,
            last_line,
            carry: Vec::new(),
            offset: trail.offset(),
            trail,
            ahead: Trail::default(),
            counts: Counts::default(),
            skipping: None,
            scratch: Vec::new(),
            failure: None,
            ended: false,
        }
    }

    /// The same with another block size, at least twice [`MAX_LINE_BYTES`].
    pub fn with_block_bytes(mut self, bytes: usize) -> Self {
        self.block_bytes = bytes.max(2 * MAX_LINE_BYTES);
        self
    }

    /// Where the next block begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The anchors of everything handed over so far.
    pub fn trail(&self) -> &Trail {
        &self.trail
    }

    /// Whether a line beyond the limit is being skipped: then this reader should be kept rather than made anew.
    pub fn is_skipping(&self) -> bool {
        self.skipping.is_some()
    }

    /// Bytes read but not handed over: a last line that waits.
    pub fn waiting_bytes(&self) -> u64 {
        self.carry.len() as u64 + self.skipping.unwrap_or(0)
    }

    /// The source.
    pub fn source(&self) -> &R {
        &self.source
    }

    /// The anchors of everything handed over, taking this reader apart.
    pub fn into_trail(self) -> Trail {
        self.trail
    }

    /// Says that the input will not grow any more: the next fill hands over a last line without newline.
    pub fn finish(&mut self) {
        self.last_line = LastLine::Final;
    }

    /// Puts the next whole lines into `block`. `false`: nothing more (for an input that may grow: nothing now).
    /// An error of the source comes after every byte that could be read, once.
    pub fn fill(&mut self, block: &mut Block) -> Result<bool, Error> {
        loop {
            if self.skipping.is_some() {
                return self.fill_cut_line(block);
            }
            self.read_block(block);
            if block.used == 0 {
                return self.end();
            }
            if let Some(start) = long_line(&block.buffer[..block.used]) {
                if start > 0 {
                    self.hand_over(block, start);
                    return Ok(true);
                }
                self.start_skipping(block);
                continue;
            }
            match memrchr(b'\n', &block.buffer[..block.used]) {
                Some(last) => self.hand_over(block, last + 1),
                None if self.last_line == LastLine::Final => self.hand_over(block, block.used),
                None => {
                    self.carry.extend_from_slice(&block.buffer[..block.used]);
                    block.clear(self.offset);
                    return self.end();
                }
            }
            return Ok(true);
        }
    }

    /// Fills the block with the carry and as much of the source as fits.
    fn read_block(&mut self, block: &mut Block) {
        block.clear(self.offset);
        let size = self.block_bytes.max(self.carry.len());
        if block.buffer.len() != size {
            block.buffer.resize(size, 0);
        }
        block.buffer[..self.carry.len()].copy_from_slice(&self.carry);
        block.used = self.carry.len();
        self.carry.clear();
        self.ended = false;
        while block.used < size {
            match read_some(&mut self.source, &mut block.buffer[block.used..], &mut self.failure) {
                0 => {
                    self.ended = true;
                    break;
                }
                count => block.used += count,
            }
        }
    }

    /// Keeps the first `length` bytes in the block and carries the rest.
    fn hand_over(&mut self, block: &mut Block, length: usize) {
        self.carry.extend_from_slice(&block.buffer[length..block.used]);
        block.used = length;
        self.trail.feed(&block.buffer[..length]);
        self.offset += length as u64;
        block.next = self.offset;
    }

    /// The block begins with a line beyond the limit. A hole of NULs before it is left out; else its head becomes the carry and the
    /// rest is sought.
    fn start_skipping(&mut self, block: &mut Block) {
        let bytes = &block.buffer[..block.used];
        let hole = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
        if hole > 0 {
            self.trail.feed(&bytes[..hole]);
            self.offset += hole as u64;
            self.counts.hole_bytes += hole as u64;
            self.carry.extend_from_slice(&bytes[hole..]);
            return;
        }
        // Everything after the kept head waits in `scratch`, to be searched for the newline.
        self.carry.extend_from_slice(&bytes[..MAX_LINE_BYTES]);
        self.scratch.clear();
        self.scratch.extend_from_slice(&bytes[MAX_LINE_BYTES..]);
        self.ahead = self.trail.clone();
        self.ahead.feed(&bytes[..MAX_LINE_BYTES]);
        self.skipping = Some(0);
    }

    /// Seeks the end of a long line, and hands its head over when it is found.
    fn fill_cut_line(&mut self, block: &mut Block) -> Result<bool, Error> {
        block.clear(self.offset);
        let mut skipped = self.skipping.unwrap_or(0);
        loop {
            if self.scratch.is_empty() {
                self.scratch.resize(self.block_bytes, 0);
                let count = read_some(&mut self.source, &mut self.scratch, &mut self.failure);
                self.scratch.truncate(count);
                if count == 0 {
                    self.ended = true;
                    self.skipping = Some(skipped);
                    if self.last_line == LastLine::Waits && self.failure.is_none() {
                        return Ok(false);
                    }
                    self.hand_over_cut(block, skipped);
                    return Ok(true);
                }
            }
            if let Some(newline) = memchr(b'\n', &self.scratch) {
                self.ahead.feed(&self.scratch[..=newline]);
                let rest = self.scratch.split_off(newline + 1);
                self.scratch.clear();
                self.hand_over_cut(block, skipped + newline as u64 + 1);
                self.carry = rest;
                return Ok(true);
            }
            skipped += self.scratch.len() as u64;
            self.ahead.feed(&self.scratch);
            self.scratch.clear();
        }
    }

    fn hand_over_cut(&mut self, block: &mut Block, skipped: u64) {
        let kept = self.carry.len();
        if block.buffer.len() < kept {
            block.buffer.resize(kept, 0);
        }
        block.buffer[..kept].copy_from_slice(&self.carry);
        block.used = kept;
        block.skipped = skipped;
        self.carry.clear();
        self.trail = std::mem::take(&mut self.ahead);
        self.skipping = None;
        self.offset += kept as u64 + skipped;
        block.next = self.offset;
        self.counts.cut_lines += 1;
        self.counts.skipped_bytes += skipped;
    }

    /// Nothing to hand over: the end, or the error that ended the source.
    fn end(&mut self) -> Result<bool, Error> {
        match self.failure.take() {
            Some(error) => Err(Error::of_read(&self.name, self.offset, error)),
            None => Ok(false),
        }
    }
}

/// One read. An error is kept for later and looks like the end.
fn read_some<R: Read>(source: &mut R, buffer: &mut [u8], failure: &mut Option<io::Error>) -> usize {
    if failure.is_some() {
        return 0;
    }
    loop {
        match source.read(buffer) {
            Ok(count) => return count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                *failure = Some(error);
                return 0;
            }
        }
    }
}

/// The start of the first line longer than [`MAX_LINE_BYTES`], which depends on the bytes alone and not on block borders: such a line
/// covers a whole aligned window, so only windows without a newline are looked at closely.
fn long_line(bytes: &[u8]) -> Option<usize> {
    let mut window = 0;
    while window + WINDOW_BYTES <= bytes.len() {
        if memchr(b'\n', &bytes[window..window + WINDOW_BYTES]).is_none() {
            let start = memrchr(b'\n', &bytes[..window]).map_or(0, |newline| newline + 1);
            let end = memchr(b'\n', &bytes[window..]).map_or(bytes.len(), |newline| window + newline);
            if end - start > MAX_LINE_BYTES {
                return Some(start);
            }
        }
        window += WINDOW_BYTES;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Hands out bytes in pieces of the given sizes, over and over.
    struct Pieces<'a> {
        bytes: &'a [u8],
        sizes: Vec<usize>,
        turn: usize,
    }

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let size = self.sizes[self.turn % self.sizes.len()].min(buffer.len()).min(self.bytes.len());
            self.turn += 1;
            buffer[..size].copy_from_slice(&self.bytes[..size]);
            self.bytes = &self.bytes[size..];
            Ok(size)
        }
    }

    /// What a reader must give: (offset, kept bytes) of each line, by the simplest means.
    fn simple_lines(bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let mut lines = Vec::new();
        let mut start = 0;
        while start < bytes.len() {
            let end = memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |newline| start + newline);
            let next = (end + 1).min(bytes.len());
            if end - start > MAX_LINE_BYTES {
                let hole = bytes[start..end].iter().take_while(|byte| **byte == 0).count();
                if hole > 0 {
                    start += hole;
                    continue;
                }
                lines.push((start as u64, bytes[start..start + MAX_LINE_BYTES].to_vec()));
            } else {
                lines.push((start as u64, bytes[start..next].to_vec()));
            }
            start = next;
        }
        lines
    }

    fn read_lines<R: Read>(reader: &mut BlockReader<R>) -> Vec<(u64, Vec<u8>)> {
        let mut lines = Vec::new();
        let mut block = Block::new();
        while reader.fill(&mut block).unwrap() {
            assert_eq!(block.next_offset(), block.offset() + block.bytes().len() as u64 + block.skipped_bytes());
            let mut offset = block.offset();
            for line in block.bytes().split_inclusive(|byte| *byte == b'\n') {
                lines.push((offset, line.to_vec()));
                offset += line.len() as u64;
            }
        }
        lines
    }

    /// Line lengths around every border that matters.
    fn line_length() -> impl Strategy<Value = usize> {
        let limit = MAX_LINE_BYTES;
        prop_oneof![6 => 0_usize..300, 1 => limit - 2..limit + 3, 1 => limit * 2 - 2..limit * 2 + 3, 1 => 30_000_usize..300_000]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn lines_do_not_depend_on_how_the_bytes_arrive(
            lengths in proptest::collection::vec((line_length(), prop_oneof![5 => Just(b'a'), 1 => Just(0_u8)]), 0..12),
            sizes in proptest::collection::vec(1_usize..200_000, 1..5),
            newline_at_end: bool,
        ) {
            let mut bytes = Vec::new();
            for (length, byte) in lengths {
                bytes.extend(std::iter::repeat_n(byte, length / 2));
                bytes.extend(std::iter::repeat_n(b'x', length - length / 2));
                bytes.push(b'\n');
            }
            if !newline_at_end {
                bytes.pop();
            }
            let mut reader = BlockReader::new(Pieces { bytes: &bytes, sizes, turn: 0 }, Path::new("test")).with_block_bytes(0);
            prop_assert_eq!(read_lines(&mut reader), simple_lines(&bytes));
            prop_assert_eq!(reader.offset(), bytes.len() as u64);
            let mut trail = Trail::default();
            trail.feed(&bytes);
            prop_assert_eq!(reader.trail(), &trail);
        }
    }

    #[test]
    fn a_last_line_waits_until_it_is_whole_or_final() {
        use std::io::{Seek, Write};
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"one\ntw").unwrap();
        file.rewind().unwrap();
        let mut reader = BlockReader::resume(file.try_clone().unwrap(), Path::new("x"), Trail::default(), LastLine::Waits);
        let mut block = Block::new();
        assert!(reader.fill(&mut block).unwrap());
        assert_eq!(block.bytes(), b"one\n");
        assert!(!reader.fill(&mut block).unwrap());
        assert_eq!((reader.offset(), reader.waiting_bytes()), (4, 2));
        file.write_all(b"o\nthree").unwrap();
        file.seek(io::SeekFrom::Start(6)).unwrap();
        assert!(reader.fill(&mut block).unwrap());
        assert_eq!((block.offset(), block.bytes()), (4, &b"two\n"[..]));
        reader.finish();
        assert!(reader.fill(&mut block).unwrap());
        assert_eq!(block.bytes(), b"three");
        assert!(!reader.fill(&mut block).unwrap());
    }

    #[test]
    fn a_huge_line_takes_no_more_memory_than_a_block() {
        let huge: u64 = 1 << 30;
        let source = io::Read::chain(&b"first\n"[..], io::repeat(b'x').take(huge)).chain(&b"\nlast\n"[..]);
        let mut reader = BlockReader::new(source, Path::new("x"));
        let mut block = Block::new();
        let mut sizes = Vec::new();
        while reader.fill(&mut block).unwrap() {
            sizes.push((block.offset(), block.bytes().len(), block.skipped_bytes()));
            assert!(block.buffer.capacity() <= 2 * BLOCK_BYTES);
            assert!(reader.carry.capacity() + reader.scratch.capacity() <= 4 * BLOCK_BYTES);
        }
        let skipped = huge - MAX_LINE_BYTES as u64 + 1;
        assert_eq!(sizes, [(0, 6, 0), (6, MAX_LINE_BYTES, skipped), (huge + 7, 5, 0)]);
        assert_eq!(reader.counts(), Counts { cut_lines: 1, skipped_bytes: skipped, hole_bytes: 0 });
    }

    #[test]
    fn a_hole_does_not_swallow_the_line_after_it() {
        let hole = 3 << 20;
        let source = io::repeat(0).take(hole).chain(&b"after\n"[..]);
        let mut reader = BlockReader::new(source, Path::new("x"));
        assert_eq!(read_lines(&mut reader), [(hole, b"after\n".to_vec())]);
        assert_eq!(reader.counts().hole_bytes, hole);
    }

    #[test]
    fn an_error_comes_after_every_byte_and_once() {
        struct Breaks(u8);
        impl Read for Breaks {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0 += 1;
                if self.0 > 1 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                buffer[..6].copy_from_slice(b"a\nb\ncd");
                Ok(6)
            }
        }
        let mut reader = BlockReader::new(Breaks(0), Path::new("x.gz"));
        let mut block = Block::new();
        assert!(reader.fill(&mut block).unwrap());
        assert_eq!(block.bytes(), b"a\nb\n");
        assert!(reader.fill(&mut block).unwrap());
        assert_eq!(block.bytes(), b"cd");
        assert!(matches!(reader.fill(&mut block), Err(Error::EndedEarly { bytes: 6, .. })));
    }
}
