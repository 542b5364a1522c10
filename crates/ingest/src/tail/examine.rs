//! A compressed file read through once, in steps, to find out which known file it holds and whether it is whole.

use std::io::Read;

use crate::identity::{FileState, Fit, Inode};
use crate::open::Input;
use crate::trail::Trail;

/// Decompressed bytes looked at in one piece.
const PIECE_BYTES: usize = 1 << 20;

/// An examination in progress.
pub(super) struct Examination {
    pub(super) inode: Inode,
    input: Input,
    trail: Trail,
    /// Offsets at which the anchor is wanted, ascending, and the anchors found so far.
    offsets: Vec<u64>,
    anchors: Vec<u64>,
    buffer: Vec<u8>,
}

/// What an examination found.
pub(super) struct Content {
    length: u64,
    trail: Trail,
    offsets: Vec<u64>,
    anchors: Vec<u64>,
    /// The archive stopped early or is damaged.
    pub(super) is_cut: bool,
}

impl Examination {
    /// Begins to look through `input` for these candidates.
    pub(super) fn new(inode: Inode, input: Input, candidates: &[&FileState]) -> Self {
        let mut offsets: Vec<u64> = candidates.iter().map(|state| state.offset).collect();
        offsets.sort_unstable();
        offsets.dedup();
        Self { inode, input, trail: Trail::default(), offsets, anchors: Vec::new(), buffer: vec![0; PIECE_BYTES] }
    }

    /// Looks at up to `budget` more bytes, which are taken off it; the content when the end was reached.
    pub(super) fn step(&mut self, budget: &mut usize) -> Option<Content> {
        while *budget > 0 {
            match self.input.read(&mut self.buffer) {
                Ok(0) => return Some(self.content(false)),
                Ok(count) => {
                    *budget = budget.saturating_sub(count);
                    self.feed(count);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => {
                    return Some(self.content(true));
                }
            }
        }
        None
    }

    fn feed(&mut self, count: usize) {
        let mut from = 0;
        loop {
            let wanted = self.offsets.get(self.anchors.len()).map(|offset| offset - self.trail.offset());
            match wanted {
                Some(distance) if distance <= (count - from) as u64 => {
                    let upto = from + distance as usize;
                    self.trail.feed(&self.buffer[from..upto]);
                    self.anchors.push(self.trail.anchor());
                    from = upto;
                }
                _ => break,
            }
        }
        self.trail.feed(&self.buffer[from..count]);
    }

    fn content(&mut self, is_cut: bool) -> Content {
        if self.trail.offset() == 0 {
            self.feed(0);
        }
        Content {
            length: self.trail.offset(),
            trail: std::mem::take(&mut self.trail),
            offsets: std::mem::take(&mut self.offsets),
            anchors: std::mem::take(&mut self.anchors),
            is_cut,
        }
    }
}

impl Content {
    /// How it relates to a candidate that was named at the beginning. `None`: it was not.
    pub(super) fn fit(&self, state: &FileState) -> Option<Fit> {
        let index = self.offsets.binary_search(&state.offset).ok()?;
        Some(state.fit(self.length, self.trail.marks(), self.anchors.get(index).copied()))
    }

    /// Decompressed bytes.
    pub(super) fn length(&self) -> u64 {
        self.length
    }
}
