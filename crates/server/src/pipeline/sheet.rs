//! Blocks of lines to records with their times. One file's blocks are parsed in order, on whatever thread.

use std::time::{Duration, Instant};

use mailvane_model::Time;
use mailvane_model::word::Mta;
use mailvane_parse::calendar::Calendar;
use mailvane_parse::{Record, When, head, wrap};

use super::coverage::Coverage;

/// Bytes of a line of a mail log that are few: room for records is made for lines of this length.
const SHORT_LINE_BYTES: usize = 120;

/// A parsed line: where it stands in its block, when, and what it became.
#[derive(Debug, Default)]
pub(super) struct Parsed<'a> {
    pub(super) start: u32,
    pub(super) end: u32,
    /// The time and the offset of its clock; `None` when it has no time of its own and none came before it.
    pub(super) time: Option<(Time, i32)>,
    /// Whether it stands in a JSON wrap (journald, containers).
    pub(super) wrapped: bool,
    /// Empty for a line in a JSON wrap: it borrows from the unwrapped text and is parsed again where it is used.
    pub(super) record: Record<'a>,
}

/// What was found out about the lines of all files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// How much was understood.
    pub(crate) coverage: Coverage,
    /// The first log time.
    pub(crate) first: Option<Time>,
    /// The last log time.
    pub(crate) last: Option<Time>,
    /// The time that parsing took.
    pub(crate) parsing: Duration,
}

/// Parses the lines of one file, in order.
#[derive(Debug)]
pub(super) struct Parser {
    mta: Option<Mta>,
    calendar: Calendar,
    last: Option<(Time, i32)>,
    /// The time of the last line as written.
    when: When,
    /// The clock of log time.
    clock: Time,
    /// A line dated later than this does not move the clock.
    latest: Time,
    scratch: Vec<u8>,
}

impl Parser {
    pub(super) fn new(mta: Option<Mta>, calendar: Calendar, latest: Time) -> Self {
        Parser { mta, calendar, last: None, when: When::Missing, clock: Time(i64::MIN), latest, scratch: Vec::new() }
    }

    /// The records of whole lines, written to `lines`, which is empty.
    pub(super) fn sheet<'a>(&mut self, bytes: &'a [u8], mut lines: Vec<Parsed<'a>>, tally: &mut Tally) -> Vec<Parsed<'a>> {
        let begun = Instant::now();
        // Validated as a whole: its lines need not be, one by one.
        let text = simdutf8::basic::from_utf8(bytes).ok();
        lines.reserve(bytes.len() / SHORT_LINE_BYTES + 1);
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', bytes).chain(std::iter::once(bytes.len())) {
            if end > start || end < bytes.len() {
                // A record is large: it is written where it stays.
                lines.push(Parsed { start: start as u32, end: end as u32, ..Parsed::default() });
                if let Some(parsed) = lines.last_mut() {
                    self.line(&bytes[start..end], text.and_then(|text| text.get(start..end)), parsed, tally);
                }
            }
            start = end + 1;
        }
        tally.parsing += begun.elapsed();
        lines
    }

    #[inline]
    fn line<'a>(&mut self, line: &'a [u8], text: Option<&'a str>, parsed: &mut Parsed<'a>, tally: &mut Tally) {
        if wrap::is_wrapped(line) {
            parsed.wrapped = true;
            let mut scratch = std::mem::take(&mut self.scratch);
            let record = head::record_of(wrap::plain(line, &mut scratch), self.mta);
            tally.coverage.add(&record, line);
            parsed.time = self.resolve(&record, tally);
            self.scratch = scratch;
        } else {
            match text {
                Some(text) => head::read_text(text, self.mta, &mut parsed.record),
                None => head::read(line, self.mta, &mut parsed.record),
            }
            tally.coverage.add(&parsed.record, line);
            parsed.time = self.resolve(&parsed.record, tally);
        }
    }

    /// The time of a record and the offset of its clock. A line without a time belongs to the moment of the line before it.
    #[inline]
    pub(super) fn resolve(&mut self, record: &Record<'_>, tally: &mut Tally) -> Option<(Time, i32)> {
        // Lines come in bursts, and a line of the very moment of the line before has its time.
        if record.when == self.when && self.last.is_some() {
            return self.last;
        }
        self.when = record.when;
        if let Some(found) = self.calendar.resolve(record.when) {
            self.last = Some(found);
        }
        let (time, _) = self.last?;
        if tally.first.is_none_or(|first| time < first) {
            tally.first = Some(time);
        }
        if time > self.clock && time <= self.latest {
            self.clock = time;
            if tally.last.is_none_or(|last| time > last) {
                tally.last = Some(time);
            }
        }
        self.last
    }
}

/// The room of a list of lines that are done with, for lines of another block.
pub(super) fn emptied<'a>(mut lines: Vec<Parsed<'_>>) -> Vec<Parsed<'a>> {
    lines.clear();
    // Nothing is left to turn over: only the memory changes hands.
    lines.into_iter().map(|_| Parsed::default()).collect()
}
