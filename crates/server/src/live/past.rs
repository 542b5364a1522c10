//! What is told of the time before this start: how much was understood, what was lost, where the data begin. It is committed with the rows.

use std::collections::BTreeMap;

use mailvane_model::{FileId, Time};
use mailvane_store::{Disk, Store};

use super::view::Gap;
use crate::pipeline::coverage::{Counts, Coverage};

/// Prefix of the state keys of counts by program.
const PROGRAMS: &[u8] = b"coverage/program/";
/// Prefix of the state keys of samples.
const SAMPLES: &[u8] = b"coverage/sample/";
/// Prefix of the state keys of gaps.
const GAPS: &[u8] = b"gap/";
/// The state key of the earliest log time.
const FIRST: &[u8] = b"first";
/// Gaps kept for the page.
const GAPS_MAX: usize = 1_000;

/// A change of state.
type Change = (Vec<u8>, Option<Vec<u8>>);

/// What was met since the store was made.
#[derive(Debug, Default)]
pub(crate) struct Past {
    /// How much was understood.
    pub(crate) coverage: Coverage,
    /// What was lost.
    pub(crate) gaps: Vec<Gap>,
    /// The earliest log time.
    pub(crate) first: Option<Time>,
    /// What was handed over to be stored.
    stored: Stored,
}

#[derive(Debug, Default)]
struct Stored {
    programs: BTreeMap<Vec<u8>, Counts>,
    samples: BTreeMap<u64, u64>,
    gaps: usize,
    first: Option<Time>,
}

impl Past {
    /// As the store has it. What cannot be read is left out: it is for eyes only.
    pub(crate) fn load(store: &Disk) -> mailvane_store::Result<Self> {
        let mut past = Past::default();
        for (key, value) in store.state(PROGRAMS)? {
            if let Some(counts) = counts(&value) {
                past.coverage.restore_program(key[PROGRAMS.len()..].to_vec(), counts);
            }
        }
        for (_, value) in store.state(SAMPLES)? {
            if let Some((count, text)) = value.split_first_chunk::<8>() {
                past.coverage.restore_sample(&String::from_utf8_lossy(text), u64::from_le_bytes(*count));
            }
        }
        past.gaps = store.state(GAPS)?.iter().filter_map(|(_, value)| gap(value)).collect();
        past.gaps.sort_by_key(|gap| gap.until);
        past.first = store.state(FIRST)?.first().and_then(|(_, value)| Some(Time(i64::from_le_bytes(*value.first_chunk::<8>()?))));
        past.stored = Stored {
            programs: past.coverage.programs.clone(),
            samples: past.coverage.samples.iter().map(|sample| (sample.shape, sample.count)).collect(),
            gaps: past.gaps.len(),
            first: past.first,
        };
        Ok(past)
    }

    /// A line of this time was read.
    pub(crate) fn see(&mut self, time: Time) {
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
    }

    /// Bytes were lost.
    pub(crate) fn lose(&mut self, gap: Gap) {
        if self.gaps.len() < GAPS_MAX {
            self.gaps.push(gap);
        }
    }

    /// What changed since the last call, to be committed.
    pub(crate) fn take_changes(&mut self) -> Vec<Change> {
        self.coverage.settle();
        let mut changes = Vec::new();
        for (program, counts) in &self.coverage.programs {
            if self.stored.programs.get(program) != Some(counts) {
                self.stored.programs.insert(program.clone(), *counts);
                let words = [counts.recognised, counts.ignored, counts.unparsed];
                changes.push(([PROGRAMS, program].concat(), Some(words.iter().flat_map(|word| word.to_le_bytes()).collect())));
            }
        }
        for sample in &self.coverage.samples {
            if self.stored.samples.insert(sample.shape, sample.count) != Some(sample.count) {
                let value = [&sample.count.to_le_bytes()[..], sample.text.as_bytes()].concat();
                changes.push(([SAMPLES, &sample.shape.to_be_bytes()].concat(), Some(value)));
            }
        }
        for gap in &self.gaps[self.stored.gaps.min(self.gaps.len())..] {
            let key = [GAPS, &gap.file.0.to_be_bytes(), &gap.from.to_be_bytes()].concat();
            changes.push((key, Some(gap_bytes(gap))));
        }
        self.stored.gaps = self.gaps.len();
        if self.stored.first != self.first {
            self.stored.first = self.first;
            changes.push((FIRST.to_vec(), self.first.map(|first| first.0.to_le_bytes().to_vec())));
        }
        changes
    }
}

fn counts(bytes: &[u8]) -> Option<Counts> {
    let word = |at: usize| Some(u64::from_le_bytes(*bytes.get(at * 8..)?.first_chunk::<8>()?));
    Some(Counts { recognised: word(0)?, ignored: word(1)?, unparsed: word(2)? })
}

/// Five words, then the path and the text, each before a zero byte.
fn gap_bytes(gap: &Gap) -> Vec<u8> {
    let words = [gap.file.0, gap.from, gap.to.unwrap_or(u64::MAX), gap.since.0 as u64, gap.until.0 as u64];
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    for text in [&gap.source, &gap.text] {
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
    }
    bytes
}

fn gap(bytes: &[u8]) -> Option<Gap> {
    let word = |at: usize| Some(u64::from_le_bytes(*bytes.get(at * 8..)?.first_chunk::<8>()?));
    let mut texts = bytes.get(40..)?.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned());
    Some(Gap {
        file: FileId(word(0)?),
        from: word(1)?,
        to: Some(word(2)?).filter(|to| *to != u64::MAX),
        since: Time(word(3)? as i64),
        until: Time(word(4)? as i64),
        source: texts.next()?,
        text: texts.next()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_comes_back() {
        let known = Gap {
            source: "/var/log/mail.log".into(),
            file: FileId(7),
            from: 10,
            to: None,
            since: Time(1),
            until: Time(2),
            text: "gone".into(),
        };
        assert_eq!(gap(&gap_bytes(&known)), Some(known.clone()));
        let other = Gap { to: Some(20), ..known };
        assert_eq!(gap(&gap_bytes(&other)), Some(other.clone()));
        assert_eq!(gap(&gap_bytes(&other)[..30]), None);
    }
}
