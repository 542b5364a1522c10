//! How much of the input was understood: counts per program, and samples of what was not.

use std::collections::BTreeMap;

use mailvane_parse::mta::exim;
use mailvane_parse::mta::postfix::Event;
use mailvane_parse::{Body, Record};

/// Distinct programs that are counted by name; further ones go to `other`.
const MAX_PROGRAMS: usize = 500;
/// Samples of lines that were not understood.
const MAX_SAMPLES: usize = 50;
/// Bytes of a sample that are kept.
const MAX_SAMPLE_BYTES: usize = 500;

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Understanding {
    /// It carried fields we use.
    Recognised,
    /// A known line without use for us, or another program's.
    Ignored,
    /// Neither.
    Unparsed,
}

/// What became of the line of a record.
#[inline]
pub(crate) fn understanding(record: &Record<'_>) -> Understanding {
    match &record.body {
        Body::Empty | Body::Ignored => Understanding::Ignored,
        Body::Unparsed => Understanding::Unparsed,
        Body::Postfix(line) => match line.event {
            Event::Unknown => Understanding::Unparsed,
            Event::Ignored => Understanding::Ignored,
            _ => Understanding::Recognised,
        },
        Body::Exim(line) => match line.event {
            exim::Event::Unknown => Understanding::Unparsed,
            _ => Understanding::Recognised,
        },
        _ => Understanding::Recognised,
    }
}

/// Counts of lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Lines that carried fields we use.
    pub(crate) recognised: u64,
    /// Known lines without use for us, and other programs' lines.
    pub(crate) ignored: u64,
    /// Neither.
    pub(crate) unparsed: u64,
}

impl Counts {
    /// All lines.
    pub(crate) fn lines(&self) -> u64 {
        self.recognised + self.ignored + self.unparsed
    }

    fn add(&mut self, what: Understanding) {
        match what {
            Understanding::Recognised => self.recognised += 1,
            Understanding::Ignored => self.ignored += 1,
            Understanding::Unparsed => self.unparsed += 1,
        }
    }
}

/// A line that was not understood.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// The beginning of the line.
    pub(crate) text: String,
    /// How many lines of this program and shape there were.
    pub(crate) count: u64,
    /// The shape: the text without its digits.
    pub(crate) shape: u64,
}

/// How much of an input was understood.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coverage {
    /// Over everything.
    pub(crate) total: Counts,
    /// By program as written.
    pub(crate) programs: BTreeMap<Vec<u8>, Counts>,
    /// Samples of what was not understood.
    pub(crate) samples: Vec<Sample>,
    /// Counts not yet added to `programs`, in slots by length and last byte of the program's name: few programs write nearly all lines.
    recent: Vec<(Vec<u8>, Counts)>,
}

/// Slots of [`Coverage::recent`]; a power of two.
const RECENT: usize = 256;

/// The slot of a program: names of mail daemons differ in length or in one of their last bytes.
#[inline]
fn slot(program: &[u8]) -> usize {
    match program {
        [.., before, last] => (program.len() * 31 + usize::from(*before) * 7 + usize::from(*last)) % RECENT,
        [only] => usize::from(*only) % RECENT,
        [] => 0,
    }
}

impl Coverage {
    /// Counts a line.
    #[inline]
    pub(crate) fn add(&mut self, record: &Record<'_>, line: &[u8]) {
        let what = understanding(record);
        self.total.add(what);
        if self.recent.is_empty() {
            self.recent.resize_with(RECENT, Default::default);
        }
        let slot = slot(record.program);
        if self.recent[slot].0 != record.program {
            let evicted = std::mem::replace(&mut self.recent[slot], (record.program.to_vec(), Counts::default()));
            self.keep(evicted);
        }
        self.recent[slot].1.add(what);
        if what == Understanding::Unparsed {
            self.sample(line);
        }
    }

    /// Brings `programs` up to date.
    pub(crate) fn settle(&mut self) {
        for recent in std::mem::take(&mut self.recent) {
            self.keep(recent);
        }
    }

    fn keep(&mut self, (program, counts): (Vec<u8>, Counts)) {
        if counts.lines() == 0 {
            return;
        }
        let known = self.programs.contains_key(&program) || self.programs.len() < MAX_PROGRAMS;
        let sum = self.programs.entry(if known { program } else { b"other".to_vec() }).or_default();
        sum.recognised += counts.recognised;
        sum.ignored += counts.ignored;
        sum.unparsed += counts.unparsed;
    }

    /// Takes up what was counted of a program before this start.
    #[cfg(feature = "daemon")]
    pub(crate) fn restore_program(&mut self, program: Vec<u8>, counts: Counts) {
        self.total.recognised += counts.recognised;
        self.total.ignored += counts.ignored;
        self.total.unparsed += counts.unparsed;
        self.keep((program, counts));
    }

    /// Takes up a sample from before this start.
    #[cfg(feature = "daemon")]
    pub(crate) fn restore_sample(&mut self, text: &str, count: u64) {
        self.samples.push(Sample { text: text.to_owned(), count, shape: shape(text.as_bytes()) });
    }

    fn sample(&mut self, line: &[u8]) {
        let shape = shape(line);
        if let Some(known) = self.samples.iter_mut().find(|sample| sample.shape == shape) {
            known.count += 1;
            return;
        }
        if self.samples.len() < MAX_SAMPLES {
            let text = String::from_utf8_lossy(&line[..line.len().min(MAX_SAMPLE_BYTES)]).into_owned();
            self.samples.push(Sample { text, count: 1, shape });
        }
    }
}

/// The letters of a line: what differs in numbers only is of one shape.
fn shape(line: &[u8]) -> u64 {
    let line = &line[..line.len().min(MAX_SAMPLE_BYTES)];
    let letters: Vec<u8> = line.iter().copied().filter(u8::is_ascii_alphabetic).take(120).collect();
    mailvane_model::hash::bytes(&letters)
}
