//! Anchors of a byte sequence as it is read: hashes that tell later whether a file found somewhere is the same one.

use mailvane_model::hash;

/// Bytes hashed for one anchor.
pub const ANCHOR_BYTES: usize = 256;
/// Marks at 256 bytes, 512, 1 KiB and so on up to half the step: files that begin alike are told apart early.
const EARLY_MARKS: usize = 16;
/// The distance of the later ones, in decompressed bytes.
pub const MARK_STEP: u64 = 16 << 20;
/// Marks kept of one file: 64 GiB of log. Beyond, files are told apart by the anchor at the offset alone.
pub const MAX_MARKS: usize = 4096;

/// The anchors of the first `offset` bytes of a sequence: one hash of the 256 bytes before each mark that was passed, and the last 256
/// bytes themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail {
    offset: u64,
    marks: Vec<u64>,
    tail: Vec<u8>,
}

impl Trail {
    /// A trail that goes on at `offset`: `marks` as committed, `tail` the (at most 256) bytes before it.
    pub fn resume(offset: u64, marks: Vec<u64>, tail: Vec<u8>) -> Self {
        Self { offset, marks, tail }
    }

    /// How many bytes it has seen.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The hashes at [`mark`] 0, 1, 2, ...
    pub fn marks(&self) -> &[u64] {
        &self.marks
    }

    /// The hash of the (at most 256) bytes before the offset.
    pub fn anchor(&self) -> u64 {
        hash::bytes(&self.tail)
    }

    /// The (at most 256) bytes before the offset.
    pub fn tail(&self) -> &[u8] {
        &self.tail
    }

    /// Takes the next bytes of the sequence.
    pub fn feed(&mut self, bytes: &[u8]) {
        let end = self.offset + bytes.len() as u64;
        while self.marks.len() < MAX_MARKS && mark(self.marks.len()) <= end {
            let inside = (mark(self.marks.len()) - self.offset) as usize;
            let window = self.window(&bytes[..inside]);
            self.marks.push(hash::bytes(&window));
        }
        if bytes.len() >= ANCHOR_BYTES {
            self.tail.clear();
            self.tail.extend_from_slice(&bytes[bytes.len() - ANCHOR_BYTES..]);
        } else {
            let surplus = (self.tail.len() + bytes.len()).saturating_sub(ANCHOR_BYTES);
            self.tail.drain(..surplus);
            self.tail.extend_from_slice(bytes);
        }
        self.offset = end;
    }

    /// The last 256 bytes of what was seen followed by `bytes`.
    fn window(&self, bytes: &[u8]) -> Vec<u8> {
        let from_tail = ANCHOR_BYTES.saturating_sub(bytes.len()).min(self.tail.len());
        let mut window = self.tail[self.tail.len() - from_tail..].to_vec();
        window.extend_from_slice(&bytes[bytes.len().saturating_sub(ANCHOR_BYTES)..]);
        window
    }
}

/// The offset of the mark with this index: 256 bytes, 512, ..., 4 KiB, ..., 8 MiB, then 16 MiB, 32 MiB, 48 MiB, ...
pub fn mark(index: usize) -> u64 {
    if index < EARLY_MARKS { (ANCHOR_BYTES as u64) << index } else { (index + 1 - EARLY_MARKS) as u64 * MARK_STEP }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_do_not_depend_on_the_pieces() {
        let bytes: Vec<u8> = (0..(MARK_STEP as u32 + 5000)).map(|n| (n % 251) as u8).collect();
        let mut whole = Trail::default();
        whole.feed(&bytes);
        assert_eq!(whole.marks().len(), EARLY_MARKS + 1);
        assert_eq!((mark(4), mark(EARLY_MARKS - 1), mark(EARLY_MARKS), mark(EARLY_MARKS + 1)), (4096, 8 << 20, MARK_STEP, 2 * MARK_STEP));
        assert_eq!(whole.marks()[EARLY_MARKS], hash::bytes(&bytes[MARK_STEP as usize - ANCHOR_BYTES..MARK_STEP as usize]));
        for size in [1_usize, 100, 255, 256, 257, 4097] {
            let mut pieces = Trail::default();
            let upto = if size == 1 { 6000 } else { bytes.len() };
            bytes[..upto].chunks(size).for_each(|piece| pieces.feed(piece));
            let mut whole = Trail::default();
            whole.feed(&bytes[..upto]);
            assert_eq!(pieces, whole, "pieces of {size}");
        }
    }

    #[test]
    fn a_trail_goes_on_where_it_was_left() {
        let bytes: Vec<u8> = (0..9000_u32).map(|n| (n % 253) as u8).collect();
        let mut first = Trail::default();
        first.feed(&bytes[..4000]);
        let mut second = Trail::resume(4000, first.marks().to_vec(), bytes[4000 - ANCHOR_BYTES..4000].to_vec());
        second.feed(&bytes[4000..]);
        first.feed(&bytes[4000..]);
        assert_eq!(first, second);
    }
}
