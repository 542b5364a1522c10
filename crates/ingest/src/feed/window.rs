//! The lines fed lately, by key and second, with how often each source has delivered them.

use std::collections::VecDeque;

use ahash::AHashMap;
use mailvane_model::hash;
use smallvec::SmallVec;

use crate::error::Error;
use crate::identity::Words;

/// Two sources may give the same line times that differ by this much (they round differently).
pub const TOLERANCE_SECONDS: i64 = 1;
/// Sources of one stream that are compared; a line of one more is fed as it is.
pub const MAX_CARRIERS: usize = u16::MAX as usize;
/// Sources that an entry has room for without memory of its own: `mail.log`, `mail.info`, `mail.err`, `syslog`.
const USUAL_CARRIERS: usize = 4;
/// Lines remembered; beyond, the oldest are forgotten early.
pub const MAX_REMEMBERED: usize = 1_000_000;
/// Seconds with the same key that are looked at: floods of one line beyond it count as new.
const MAX_CHAIN: usize = 256;
/// No older entry.
const NONE: u64 = u64::MAX;

/// Lines of one key in one second.
#[derive(Clone, Debug)]
struct Entry {
    hash: u64,
    second: i64,
    /// The entry before this one with the same hash.
    older: u64,
    /// How many were fed: the most that one source has delivered.
    fed: u16,
    /// How many each source has delivered, of those that did: its place among the carriers, and the count.
    delivered: SmallVec<[(u16, u16); USUAL_CARRIERS]>,
}

impl Entry {
    /// How many a source has delivered.
    fn of(&self, carrier: u16) -> u16 {
        self.delivered.iter().find(|one| one.0 == carrier).map_or(0, |one| one.1)
    }

    /// Notes how many a source has delivered.
    fn set(&mut self, carrier: u16, count: u16) {
        match self.delivered.iter_mut().find(|one| one.0 == carrier) {
            Some(one) => one.1 = count,
            None => self.delivered.push((carrier, count)),
        }
    }
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
    pub(super) fn is_new(&mut self, stream: u64, key: u64, second: i64, carrier: u16) -> bool {
        let hash = hash::words(&[stream, key]);
        // The oldest that fits: for times that differ by a constant, the nearest would leave the first one without a partner.
        let mut best: Option<(i64, usize)> = None;
        let mut same_second = None;
        let mut at = self.newest.get(&hash).copied().unwrap_or(NONE);
        for _ in 0..MAX_CHAIN {
            let Some(index) = at.checked_sub(self.base).filter(|_| at != NONE) else { break };
            let Some(entry) = self.entries.get(index as usize) else { break };
            let distance = (entry.second - second).abs();
            if distance <= TOLERANCE_SECONDS && entry.of(carrier) < entry.fed {
                let candidate = (entry.second, index as usize);
                best = Some(best.map_or(candidate, |best| best.min(candidate)));
            }
            if distance == 0 {
                same_second = Some(index as usize);
            }
            at = entry.older;
        }
        if let Some((_, index)) = best {
            let entry = &mut self.entries[index];
            entry.set(carrier, entry.of(carrier) + 1);
            return false;
        }
        if let Some(entry) = same_second.map(|index| &mut self.entries[index]).filter(|entry| entry.fed < u16::MAX) {
            entry.fed += 1;
            entry.set(carrier, entry.fed);
            return true;
        }
        self.push(Entry { hash, second, older: NONE, fed: 1, delivered: SmallVec::from_slice(&[(carrier, 1)]) });
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
            bytes.extend_from_slice(&entry.fed.to_le_bytes());
            bytes.extend_from_slice(&(entry.delivered.len() as u16).to_le_bytes());
            for (carrier, count) in &entry.delivered {
                bytes.extend_from_slice(&carrier.to_le_bytes());
                bytes.extend_from_slice(&count.to_le_bytes());
            }
        }
    }

    /// Takes up encoded entries.
    pub(super) fn restore(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        for _ in 0..words.length()? {
            let (hash, second, fed) = (words.word()?, words.word()? as i64, words.half()?);
            let mut delivered = SmallVec::new();
            for _ in 0..words.half()? {
                delivered.push((words.half()?, words.half()?));
            }
            self.push(Entry { hash, second, older: NONE, fed, delivered });
        }
        if words.0.is_empty() { Ok(()) } else { Err(Error::State("bytes after its end")) }
    }

    /// Takes up entries as they were encoded when a stream had eight sources at most.
    pub(super) fn restore_eight(&mut self, words: &mut Words<'_>) -> Result<(), Error> {
        for _ in 0..words.length()? {
            let (hash, second, fed) = (words.word()?, words.word()? as i64, words.word()? as u16);
            let mut delivered = SmallVec::new();
            for carrier in 0..8 {
                let count = words.half()?;
                if count > 0 {
                    delivered.push((carrier, count));
                }
            }
            self.push(Entry { hash, second, older: NONE, fed, delivered });
        }
        if words.0.is_empty() { Ok(()) } else { Err(Error::State("bytes after its end")) }
    }
}
