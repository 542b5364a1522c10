//! The lines fed lately, by key and second, with how often each source has delivered them.

use std::collections::VecDeque;

use ahash::AHashMap;
use mailvane_model::hash;

use crate::error::Error;
use crate::identity::Words;

/// Two sources may give the same line times that differ by this much (they round differently).
pub const TOLERANCE_SECONDS: i64 = 1;
/// Sources of one stream.
pub const MAX_CARRIERS: usize = 8;
/// Lines remembered; beyond, the oldest are forgotten early.
pub const MAX_REMEMBERED: usize = 1_000_000;
/// Seconds with the same key that are looked at: floods of one line beyond it count as new.
const MAX_CHAIN: usize = 256;
/// No older entry.
const NONE: u64 = u64::MAX;

/// Lines of one key in one second.
#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u64,
    second: i64,
    /// The entry before this one with the same hash.
    older: u64,
    /// How many were fed: the most that one source has delivered.
    fed: u16,
    /// How many each source has delivered.
    delivered: [u16; MAX_CARRIERS],
}

/// Entries in the order in which they were made, found by hash.
#[derive(Debug, Default)]
pub(super) struct Window {
    entries: VecDeque<Entry>,
    /// The number of the first entry that is still there.
    base: u64,
    newest: AHashMap<u64, u64>,
}

impl Window {
    /// Counts a line of the source with this place among the carriers. Whether it is one more than was fed.
    pub(super) fn is_new(&mut self, stream: u64, key: u64, second: i64, carrier: usize) -> bool {
        let hash = hash::words(&[stream, key]);
        // The oldest that fits: for times that differ by a constant, the nearest would leave the first one without a partner.
        let mut best: Option<(i64, usize)> = None;
        let mut same_second = None;
        let mut at = self.newest.get(&hash).copied().unwrap_or(NONE);
        for _ in 0..MAX_CHAIN {
            let Some(index) = at.checked_sub(self.base).filter(|_| at != NONE) else { break };
            let Some(entry) = self.entries.get(index as usize) else { break };
            let distance = (entry.second - second).abs();
            if distance <= TOLERANCE_SECONDS && entry.delivered[carrier] < entry.fed {
                let candidate = (entry.second, index as usize);
                best = Some(best.map_or(candidate, |best| best.min(candidate)));
            }
            if distance == 0 {
                same_second = Some(index as usize);
            }
            at = entry.older;
        }
        if let Some((_, index)) = best {
            self.entries[index].delivered[carrier] += 1;
            return false;
        }
        if let Some(entry) = same_second.map(|index| &mut self.entries[index]).filter(|entry| entry.fed < u16::MAX) {
            entry.fed += 1;
            entry.delivered[carrier] = entry.fed;
            return true;
        }
        let mut delivered = [0; MAX_CARRIERS];
        delivered[carrier] = 1;
        self.push(Entry { hash, second, older: NONE, fed: 1, delivered });
        true
    }

    fn push(&mut self, mut entry: Entry) {
        let number = self.base + self.entries.len() as u64;
        entry.older = self.newest.insert(entry.hash, number).unwrap_or(NONE);
        self.entries.push_back(entry);
    }

    /// Forgets the oldest beyond the limit; how many.
    pub(super) fn trim(&mut self) -> u64 {
        let surplus = self.entries.len().saturating_sub(MAX_REMEMBERED);
        (0..surplus).for_each(|_| self.forget_first());
        surplus as u64
    }

    /// Forgets what is older than this second.
    pub(super) fn forget_before(&mut self, second: i64) {
        while self.entries.front().is_some_and(|entry| entry.second < second) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        let Some(entry) = self.entries.pop_front() else { return };
        if self.newest.get(&entry.hash) == Some(&self.base) {
            self.newest.remove(&entry.hash);
        }
        self.base += 1;
    }

    /// Appends the entries from this second on.
    pub(super) fn encode(&self, from: i64, bytes: &mut Vec<u8>) {
        let kept = self.entries.iter().filter(|entry| entry.second >= from);
        bytes.extend_from_slice(&(kept.clone().count() as u32).to_le_bytes());
        for entry in kept {
            bytes.extend_from_slice(&entry.hash.to_le_bytes());
            bytes.extend_from_slice(&entry.second.to_le_bytes());
            bytes.extend_from_slice(&u64::from(entry.fed).to_le_bytes());
            entry.delivered.iter().for_each(|count| bytes.extend_from_slice(&count.to_le_bytes()));
        }
    }

    /// Takes up encoded entries.
    pub(super) fn restore(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        for _ in 0..words.length()? {
            let (hash, second, fed) = (words.word()?, words.word()? as i64, words.word()? as u16);
            let mut delivered = [0; MAX_CARRIERS];
            for count in &mut delivered {
                let pair = words.take(2)?;
                *count = u16::from_le_bytes([pair[0], pair[1]]);
            }
            self.push(Entry { hash, second, older: NONE, fed, delivered });
        }
        if words.0.is_empty() { Ok(()) } else { Err(Error::State("bytes after its end")) }
    }
}
