//! Blocks of lines to records, and records to times. Any thread may parse any block; the times of a file are told in order.

use mailvane_ingest::Block;
use mailvane_model::Time;
use mailvane_model::word::Mta;
use mailvane_parse::calendar::Calendar;
use mailvane_parse::{Record, When, head, wrap};
use self_cell::self_cell;

use super::coverage::Coverage;

/// Bytes of a line of a mail log that are few: room for records is made for lines of this length.
const SHORT_LINE_BYTES: usize = 120;

/// A line: where it stands in its block, and what it became.
#[derive(Debug, Default)]
pub(super) struct Parsed<'a> {
    pub(super) start: u32,
    pub(super) end: u32,
    /// Whether it stands in a JSON wrap (journald, containers): then it is parsed where it is used, for its record would borrow from
    /// the unwrapped text.
    pub(super) wrapped: bool,
    /// Empty for a line in a JSON wrap.
    pub(super) record: Record<'a>,
}

/// The lines of a block.
pub(super) type Lines<'a> = Vec<Parsed<'a>>;

self_cell! {
    /// A block with the records of its lines, which borrow from it.
    pub(super) struct Sheet {
        owner: Block,
        #[covariant]
        dependent: Lines,
    }
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
}

/// Calls `each` with the borders of every line, and with its text where the whole block is UTF-8.
#[inline]
pub(super) fn each_line<'a>(bytes: &'a [u8], mut each: impl FnMut(u32, u32, Option<&'a str>)) {
    // Validated as a whole: its lines need not be, one by one.
    let text = simdutf8::basic::from_utf8(bytes).ok();
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', bytes).chain(std::iter::once(bytes.len())) {
        if end > start || end < bytes.len() {
            each(start as u32, end as u32, text.and_then(|text| text.get(start..end)));
        }
        start = end + 1;
    }
}

/// Reads a line that stands in no wrap.
#[inline]
pub(super) fn read<'a>(line: &'a [u8], text: Option<&'a str>, mta: Option<Mta>, record: &mut Record<'a>) {
    match text {
        Some(text) => head::read_text(text, mta, record),
        None => head::read(line, mta, record),
    }
}

/// The records of whole lines, written to `lines`, which is empty.
pub(super) fn lines<'a>(bytes: &'a [u8], mta: Option<Mta>, mut lines: Lines<'a>) -> Lines<'a> {
    lines.reserve(bytes.len() / SHORT_LINE_BYTES + 1);
    each_line(bytes, |start, end, text| {
        // A record is large: it is written where it stays.
        lines.push(Parsed { start, end, ..Parsed::default() });
        let line = &bytes[start as usize..end as usize];
        if let Some(parsed) = lines.last_mut() {
            parsed.wrapped = wrap::is_wrapped(line);
            if !parsed.wrapped {
                read(line, text, mta, &mut parsed.record);
            }
        }
    });
    lines
}

/// The times of the lines of one file, told in order.
#[derive(Debug)]
pub(super) struct Timeline {
    calendar: Calendar,
    last: Option<(Time, i32)>,
    /// The time of the last line as written.
    when: When,
    /// The clock of log time.
    clock: Time,
    /// A line dated later than this does not move the clock.
    latest: Time,
}

impl Timeline {
    pub(super) fn new(calendar: Calendar, latest: Time) -> Self {
        Timeline { calendar, last: None, when: When::Missing, clock: Time(i64::MIN), latest }
    }

    /// The time of a record and the offset of its clock, and whether log time goes on with it. A line without a time belongs to the
    /// moment of the line before it.
    #[inline]
    pub(super) fn resolve(&mut self, record: &Record<'_>, tally: &mut Tally) -> (Option<(Time, i32)>, bool) {
        // Lines come in bursts, and a line of the very moment of the line before has its time.
        if record.when == self.when && self.last.is_some() {
            return (self.last, false);
        }
        self.when = record.when;
        if let Some(found) = self.calendar.resolve(record.when) {
            self.last = Some(found);
        }
        let Some((time, _)) = self.last else { return (None, false) };
        if tally.first.is_none_or(|first| time < first) {
            tally.first = Some(time);
        }
        let is_later = time > self.clock && time <= self.latest;
        if is_later {
            self.clock = time;
            if tally.last.is_none_or(|last| time > last) {
                tally.last = Some(time);
            }
        }
        (self.last, is_later)
    }
}

/// The room of a list of lines that are done with, for lines of another block.
pub(super) fn emptied<'a>(mut lines: Vec<Parsed<'_>>) -> Vec<Parsed<'a>> {
    lines.clear();
    // Nothing is left to turn over: only the memory changes hands.
    lines.into_iter().map(|_| Parsed::default()).collect()
}
