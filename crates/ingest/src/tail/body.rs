//! Where the bytes of a known file are read from now: an open plain file, or an archive.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::blocks::{BLOCK_BYTES, Block, BlockReader, Counts, LastLine, MAX_LINE_BYTES};
use crate::error::Error;
use crate::identity::{FileState, Inode, bytes_before, read_at_most};
use crate::open::{Input, modified_micros};
use crate::trail::{ANCHOR_BYTES, Trail};

/// Bytes at the start of two contents that are compared to tell copies from other files with the same first line.
pub(super) const HEAD_BYTES: usize = 8 * 1024;

/// An open content.
pub(super) struct Body {
    pub(super) inode: Inode,
    /// Size on disk when looked at last.
    pub(super) size: u64,
    /// When it was last written, as of then.
    pub(super) modified: i64,
    kind: Kind,
}

enum Kind {
    Plain(Box<Plain>),
    Packed(Box<Packed>),
}

struct Plain {
    file: Arc<File>,
    trail: Trail,
    /// The first bytes, which prove the file as long as nothing of it was read.
    start: Vec<u8>,
    /// Kept only while a line beyond the limit is skipped, so that its start is not read again each time.
    reader: Option<BlockReader<Guarded>>,
    /// Bytes at the end that make no whole line yet.
    waiting: u64,
    unlinked: bool,
}

struct Packed {
    reader: BlockReader<Input>,
    head: Vec<u8>,
    /// Lines before this offset were read earlier.
    read_before: u64,
    ended: bool,
}

/// What one turn of reading did.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// Bytes read from the file, handed over or not.
    pub(super) bytes: usize,
    /// The end was reached.
    pub(super) at_end: bool,
    /// The bytes at our offset are not those that we read: truncated, or filled anew.
    pub(super) replaced: bool,
    /// An archive ended too early or is damaged.
    pub(super) failure: Option<Error>,
    /// When the file was written last.
    pub(super) modified: i64,
    /// Lines cut in this turn.
    pub(super) counts: Counts,
}

impl Body {
    /// An open plain file with these first bytes, read on at the offset of `state`. `None`: it does not hold our bytes (any more).
    pub(super) fn plain(file: File, inode: Inode, state: &FileState, head: &[u8]) -> io::Result<Option<Self>> {
        let metadata = file.metadata()?;
        let (size, modified) = (metadata.len(), modified_micros(&metadata));
        let tail = bytes_before(&file, state.offset)?;
        let trail = Trail::resume(state.offset, state.marks.clone(), tail);
        if size < state.offset || (state.offset > 0 && trail.anchor() != state.anchor) {
            return Ok(None);
        }
        let start = if state.offset == 0 { head[..head.len().min(ANCHOR_BYTES)].to_vec() } else { Vec::new() };
        let plain = Plain { file: Arc::new(file), trail, start, reader: None, waiting: 0, unlinked: false };
        Ok(Some(Self { inode, size, modified, kind: Kind::Plain(Box::new(plain)) }))
    }

    /// An archive, of which everything before the offset of `state` was read earlier.
    pub(super) fn packed(input: Input, inode: Inode, state: &FileState) -> Self {
        let head = input.head().to_vec();
        let path = input.path().to_path_buf();
        let size = input.on_disk_bytes().unwrap_or(0);
        let modified = input.modified();
        let reader = BlockReader::resume(input, &path, Trail::default(), LastLine::Waits);
        let packed = Packed { reader, head, read_before: state.offset, ended: false };
        Self { inode, size, modified, kind: Kind::Packed(Box::new(packed)) }
    }

    /// Its first bytes, decompressed.
    pub(super) fn head(&self) -> Vec<u8> {
        match &self.kind {
            Kind::Packed(packed) => packed.head.clone(),
            Kind::Plain(plain) => {
                let mut head = vec![0; HEAD_BYTES];
                let count = read_at_most(&plain.file, &mut head, 0).unwrap_or(0);
                head.truncate(count);
                head
            }
        }
    }

    /// Whether the bytes before our offset are still those that were read.
    pub(super) fn is_ours(&self) -> bool {
        match &self.kind {
            Kind::Plain(plain) => plain.proof().holds(&plain.file).unwrap_or(true),
            Kind::Packed(_) => true,
        }
    }

    /// The line at an offset, without its newline and at most `most` bytes of it; `None` in an archive.
    pub(super) fn read_line(&self, offset: u64, most: usize) -> Option<Vec<u8>> {
        /// Most lines are shorter: one read is enough.
        const USUAL: usize = 512;
        let Kind::Plain(plain) = &self.kind else { return None };
        let mut text = vec![0; USUAL.min(most)];
        loop {
            let count = read_at_most(&plain.file, &mut text, offset).ok()?;
            if let Some(end) = memchr::memchr(b'\n', &text[..count]) {
                text.truncate(end);
                return Some(text);
            }
            if count < text.len() || count >= most {
                text.truncate(count);
                return (count > 0).then_some(text);
            }
            text.resize((text.len() * 4).min(most), 0);
        }
    }

    pub(super) fn is_packed(&self) -> bool {
        matches!(self.kind, Kind::Packed(_))
    }

    /// Whether no name leads to it any more: only this open file holds the bytes.
    pub(super) fn is_unlinked(&self) -> bool {
        matches!(&self.kind, Kind::Plain(plain) if plain.unlinked)
    }

    /// Bytes at its end that make no whole line yet.
    pub(super) fn waiting_bytes(&self) -> u64 {
        match &self.kind {
            Kind::Plain(plain) => plain.waiting,
            Kind::Packed(packed) => packed.reader.waiting_bytes(),
        }
    }

    /// Bytes not read yet, as far as the size tells.
    pub(super) fn bytes_behind(&self, offset: u64) -> u64 {
        match &self.kind {
            Kind::Plain(_) => self.size.saturating_sub(offset),
            Kind::Packed(packed) if packed.ended => 0,
            Kind::Packed(packed) => {
                let consumed = packed.reader.source().consumed().load(Ordering::Relaxed);
                self.size.saturating_sub(consumed)
            }
        }
    }

    /// Reads whole lines until `budget` bytes are used or the end is reached, and moves `state`. `last_line` says what is done with a
    /// last line without newline.
    pub(super) fn read(&mut self, state: &mut FileState, budget: usize, last_line: LastLine, out: &mut Vec<Block>) -> Result<Turn, Error> {
        let turn = match &mut self.kind {
            Kind::Plain(plain) => {
                let turn = plain.read(&mut self.size, state, budget, last_line, out);
                turn.map_err(|error| Error::of_open(&state.path, error))?
            }
            Kind::Packed(packed) => packed.read(state, budget, out),
        };
        self.modified = turn.modified;
        Ok(turn)
    }
}

impl Plain {
    fn proof(&self) -> Proof {
        let tail = if self.trail.offset() == 0 { &self.start[..] } else { self.trail.tail() };
        Proof { at: self.trail.offset().saturating_sub(tail.len() as u64), bytes: tail.to_vec() }
    }

    fn read(
        &mut self,
        known: &mut u64,
        state: &mut FileState,
        budget: usize,
        last_line: LastLine,
        out: &mut Vec<Block>,
    ) -> io::Result<Turn> {
        let metadata = self.file.metadata()?;
        let size = metadata.len();
        self.unlinked = metadata.nlink() == 0;
        let mut turn = Turn { modified: modified_micros(&metadata), ..Turn::default() };
        if size < self.trail.offset() || !self.proof().holds(&self.file)? {
            turn.replaced = true;
            return Ok(turn);
        }
        let grown = size != *known;
        (*known, state.known_bytes) = (size, state.known_bytes.max(size));
        let unread = size - self.trail.offset();
        if unread == 0 || (!grown && unread == self.waiting && last_line == LastLine::Waits) {
            turn.at_end = true;
            return Ok(turn);
        }
        let mut reader = self.reader.take().unwrap_or_else(|| self.reader(&state.path, unread));
        if last_line == LastLine::Final {
            reader.finish();
        }
        let cut_before = reader.counts();
        while turn.bytes < budget {
            let mut block = Block::new();
            let before = reader.offset();
            let more = reader.fill(&mut block).map_err(|error| io::Error::other(error.to_string()))?;
            turn.replaced = reader.source().replaced.load(Ordering::Relaxed);
            turn.at_end = !more && !turn.replaced;
            // What came before the replacement is ours; only a last line called final then may be half of one.
            if more && !(turn.replaced && last_line == LastLine::Final) {
                turn.bytes += (reader.offset() - before) as usize;
                out.push(block);
            }
            if turn.replaced || !more {
                break;
            }
        }
        turn.counts = cut_in(cut_before, reader.counts());
        self.waiting = if turn.at_end { reader.waiting_bytes() } else { 0 };
        if reader.is_skipping() {
            self.trail = reader.trail().clone();
            self.reader = Some(reader);
        } else {
            self.trail = reader.into_trail();
        }
        state.follow(&self.trail);
        Ok(turn)
    }

    fn reader(&self, path: &Path, unread: u64) -> BlockReader<Guarded> {
        let guarded =
            Guarded { file: Arc::clone(&self.file), position: self.trail.offset(), proof: self.proof(), replaced: AtomicBool::new(false) };
        let block_bytes = (unread + 1).clamp(2 * MAX_LINE_BYTES as u64, BLOCK_BYTES as u64) as usize;
        BlockReader::resume(guarded, path, self.trail.clone(), LastLine::Waits).with_block_bytes(block_bytes)
    }
}

impl Packed {
    fn read(&mut self, state: &mut FileState, budget: usize, out: &mut Vec<Block>) -> Turn {
        let mut turn = Turn { modified: self.reader.source().modified(), at_end: self.ended, ..Turn::default() };
        let cut_before = self.reader.counts();
        while turn.bytes < budget && !turn.at_end {
            let mut block = Block::new();
            let before = self.reader.offset();
            match self.reader.fill(&mut block) {
                Ok(true) => {
                    turn.bytes += (self.reader.offset() - before) as usize;
                    if block.next_offset() > self.read_before {
                        block.begin_at(self.read_before);
                        out.push(block);
                    }
                }
                // A good end makes a last line without newline final; the next fill hands it over.
                Ok(false) if self.reader.waiting_bytes() > 0 => self.reader.finish(),
                Ok(false) => turn.at_end = true,
                Err(error) => {
                    turn.failure = Some(error);
                    turn.at_end = true;
                }
            }
        }
        self.ended = turn.at_end;
        turn.counts = cut_in(cut_before, self.reader.counts());
        if self.reader.offset() >= self.read_before {
            state.follow(self.reader.trail());
        }
        turn
    }
}

fn cut_in(before: Counts, after: Counts) -> Counts {
    Counts {
        cut_lines: after.cut_lines - before.cut_lines,
        skipped_bytes: after.skipped_bytes - before.skipped_bytes,
        hole_bytes: after.hole_bytes - before.hole_bytes,
    }
}

/// Bytes that must stand in a file if it is still the one that was read.
#[derive(Debug)]
struct Proof {
    at: u64,
    bytes: Vec<u8>,
}

impl Proof {
    fn holds(&self, file: &File) -> io::Result<bool> {
        let mut found = [0; ANCHOR_BYTES];
        let count = read_at_most(file, &mut found[..self.bytes.len()], self.at)?;
        Ok(found[..count] == *self.bytes)
    }
}

/// Reads a file that may be truncated and filled anew at any moment: what was read counts only if the bytes before it are still ours.
#[derive(Debug)]
struct Guarded {
    file: Arc<File>,
    position: u64,
    proof: Proof,
    replaced: AtomicBool,
}

impl Read for Guarded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.position)?;
        if count > 0 && !self.proof.holds(&self.file)? {
            self.replaced.store(true, Ordering::Relaxed);
            return Ok(0);
        }
        self.position += count as u64;
        Ok(count)
    }
}
