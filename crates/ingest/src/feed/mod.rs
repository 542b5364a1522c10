//! One feed for each stream: the same lines often arrive by several sources (`mail.log` with `mail.info` and `syslog`), and are counted
//! once.
//!
//! Sources have an order: a lower index goes first. What the first source of a stream carries feeds the stream at once. A line of a later
//! source (a *shadow*) waits until the sources before it have passed its time, and feeds only if they lacked it: so a shadow of everything
//! feeds nothing, sources that divide the lines between them all feed, and a shadow takes over where the feed stops. Which lines feed
//! depends on the lines alone, not on the order in which sources are read; equal lines are counted, so three equal lines stay three.
//! As long as a stream has one source and the others have been read to their end, a line costs one look-up and no hash.

mod window;

use std::collections::VecDeque;

use ahash::AHashMap;
use mailvane_model::{FileId, Position};

use crate::error::Error;
use crate::identity::Words;
use window::Window;
pub use window::{MAX_CARRIERS, MAX_REMEMBERED, TOLERANCE_SECONDS};

/// A line is judged when the sources before its own have passed its time by this.
pub const SLACK_SECONDS: i64 = 2;
/// A source that is read to its end is taken to have delivered everything older than this.
pub const IDLE_SECONDS: i64 = 5;
/// For this long after a line was fed, a late copy of it is known as one.
pub const REMEMBER_SECONDS: i64 = 600;
/// Lines held at once; beyond, the oldest are judged without waiting.
pub const MAX_HELD_LINES: usize = 200_000;
/// Bytes of lines held at once; beyond, the oldest are judged without waiting.
pub const MAX_HELD_BYTES: usize = 64 << 20;
/// A source further ahead of the slowest one than this should wait for it.
pub const PACE_SECONDS: i64 = 30;
/// The first byte of an encoded state, and what it was when a stream had eight sources at most.
const VERSION: u8 = 2;
const VERSION_OF_EIGHT: u8 = 1;

/// How a source takes part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// It feeds what sources before it lack.
    #[default]
    Auto,
    /// Each of its lines feeds.
    Always,
    /// None of its lines feeds.
    Never,
}

/// What is to be done with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is part of the stream.
    Feed,
    /// It is a copy: show and count it, nothing more.
    Shadow,
    /// Not known yet; it was copied and comes out of [`Feeds::release`] if it feeds.
    Held,
}

/// A line that was held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLine {
    /// Its source.
    pub source: usize,
    /// Its stream.
    pub stream: u64,
    /// Its log time in seconds since the epoch.
    pub second: i64,
    /// Where it stands.
    pub position: Position,
    /// Its bytes.
    pub line: Vec<u8>,
    key: u64,
}

/// Lines counted by what became of them, and limits that were hit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedCounts {
    /// Copies, of `Auto` and `Never` sources.
    pub shadow_lines: u64,
    /// Among them lines of a source that joined a stream late, older than what could be compared.
    pub unverified_lines: u64,
    /// Lines of a later source that the first one lacked.
    pub filled_lines: u64,
    /// Lines judged before their time because too many were held.
    pub forced_lines: u64,
    /// Fed lines forgotten early because too many were remembered.
    pub forgotten_lines: u64,
    /// Lines of more sources than can be compared; they feed.
    pub surplus_lines: u64,
}

#[derive(Clone, Debug)]
struct Source {
    /// What it is called in a committed state.
    name: u64,
    policy: Policy,
    /// The latest log second seen.
    clock: i64,
    /// Everything before this second was read, because the source was at its end later than that.
    idle_until: i64,
    /// It was at its end once.
    settled: bool,
    finished: bool,
    held: VecDeque<HeldLine>,
}

impl Source {
    /// Everything before this second was seen.
    fn passed(&self) -> i64 {
        if self.finished { i64::MAX } else { self.clock.max(self.idle_until) }
    }
}

#[derive(Clone, Debug)]
struct Stream {
    /// Sources that have delivered lines of it, in the order of their first line.
    carriers: Vec<usize>,
    /// The first and the last second of its lines, while one source carried it.
    first: i64,
    last: i64,
    /// Lines up to this second were fed without being remembered.
    unremembered: i64,
}

/// Decides line by line which source feeds a stream.
#[derive(Debug)]
pub struct Feeds {
    sources: Vec<Source>,
    streams: AHashMap<u64, Stream>,
    window: Window,
    counts: FeedCounts,
    held_lines: usize,
    held_bytes: usize,
    /// `Auto` sources that have not been at their end yet.
    unsettled: usize,
    automatic: usize,
}

impl Feeds {
    /// For these sources, in the order of their priority.
    pub fn new(policies: &[Policy]) -> Self {
        let mut feeds = Self {
            sources: Vec::new(),
            streams: AHashMap::new(),
            window: Window::default(),
            counts: FeedCounts::default(),
            held_lines: 0,
            held_bytes: 0,
            unsettled: 0,
            automatic: 0,
        };
        for policy in policies {
            feeds.add_source(*policy);
        }
        feeds
    }

    /// Adds a source with the lowest priority; its index is the number of sources before. In a committed state it is known by its index:
    /// give sources names if their order may differ after a restart.
    pub fn add_source(&mut self, policy: Policy) {
        self.add_named_source(self.sources.len() as u64, policy);
    }

    /// The same for a source that is known by this name (the hash of origin and log, say) in a committed state, whatever its index then.
    /// Gives its index: restoring may have added sources that are over.
    pub fn add_named_source(&mut self, name: u64, policy: Policy) -> usize {
        let (clock, idle_until) = (i64::MIN, i64::MIN);
        self.sources.push(Source { name, policy, clock, idle_until, settled: false, finished: false, held: VecDeque::new() });
        if policy == Policy::Auto {
            self.automatic += 1;
            self.unsettled += 1;
        }
        self.sources.len() - 1
    }

    /// Says that a source begins at this second: nothing waits for it before.
    pub fn starts_at(&mut self, source: usize, second: i64) {
        if let Some(source) = self.sources.get_mut(source) {
            source.clock = source.clock.max(second.saturating_sub(1));
        }
    }

    /// Says that a source was read to its end at this (wall clock) second: it moves with the clock while no lines come.
    pub fn at_end(&mut self, source: usize, second: i64) {
        self.settle(source);
        if let Some(source) = self.sources.get_mut(source) {
            source.idle_until = source.idle_until.max(second.saturating_sub(IDLE_SECONDS));
        }
    }

    /// Says that a source is over: nothing waits for it any more.
    pub fn finish(&mut self, source: usize) {
        self.settle(source);
        if let Some(source) = self.sources.get_mut(source) {
            source.finished = true;
        }
    }

    fn settle(&mut self, source: usize) {
        if let Some(source) = self.sources.get_mut(source).filter(|source| !source.settled) {
            source.settled = true;
            self.unsettled -= usize::from(source.policy == Policy::Auto);
        }
    }

    /// What was counted so far.
    pub fn counts(&self) -> FeedCounts {
        self.counts
    }

    /// Lines held now.
    pub fn held_lines(&self) -> usize {
        self.held_lines
    }

    /// Whether this source is so far ahead of another one that reading it on only fills memory.
    pub fn is_ahead(&self, source: usize) -> bool {
        let Some(this) = self.sources.get(source).filter(|source| source.policy == Policy::Auto) else { return false };
        let behind = |other: &Source| other.policy == Policy::Auto && other.passed() < this.clock.saturating_sub(PACE_SECONDS);
        self.sources.iter().enumerate().any(|(index, other)| index != source && behind(other))
    }

    /// Of these sources the one to read next: the furthest behind, then the one with priority. Reading in this order holds the fewest
    /// lines, and makes the order of what is fed depend on the lines alone.
    pub fn next_source(&self, unfinished: impl IntoIterator<Item = usize>) -> Option<usize> {
        unfinished.into_iter().min_by_key(|index| (self.sources.get(*index).map_or(i64::MAX, |source| source.clock), *index))
    }

    /// Judges a line of `source` that belongs to `stream` and has this log time. `key` is asked for only when lines are compared: the
    /// hash of program, pid and text. When the line is held, `line` is copied.
    pub fn offer(
        &mut self,
        source: usize,
        stream: u64,
        second: i64,
        position: Position,
        line: &[u8],
        key: impl FnOnce() -> u64,
    ) -> Verdict {
        match self.sources.get(source).map(|source| source.policy) {
            Some(Policy::Auto) => {}
            Some(Policy::Always) | None => return Verdict::Feed,
            Some(Policy::Never) => {
                self.counts.shadow_lines += 1;
                return Verdict::Shadow;
            }
        }
        if self.automatic == 1 {
            return Verdict::Feed;
        }
        self.sources[source].clock = self.sources[source].clock.max(second);
        if self.feeds_alone(source, stream, second) {
            return Verdict::Feed;
        }
        let key = key();
        if self.must_wait(source, stream, second) {
            self.hold(HeldLine { source, stream, second, position, line: line.to_vec(), key });
            return Verdict::Held;
        }
        self.judge(source, stream, second, key)
    }

    /// The fast path: no other source carries this stream, and none that may is still being caught up with.
    fn feeds_alone(&mut self, source: usize, stream: u64, second: i64) -> bool {
        let others_unsettled = self.unsettled - usize::from(!self.sources[source].settled);
        let known = self.streams.entry(stream).or_insert_with(|| Stream {
            carriers: vec![source],
            first: second,
            last: second,
            unremembered: i64::MIN,
        });
        let alone = known.carriers == [source];
        if !known.carriers.contains(&source) && known.carriers.len() < MAX_CARRIERS {
            known.carriers.push(source);
        }
        if !alone {
            return false;
        }
        known.first = known.first.min(second);
        known.last = known.last.max(second);
        if others_unsettled > 0 || !self.sources[source].held.is_empty() {
            return false;
        }
        known.unremembered = known.last;
        true
    }

    /// Whether a source before this one may still deliver the same line.
    fn must_wait(&self, source: usize, stream: u64, second: i64) -> bool {
        if !self.sources[source].held.is_empty() {
            return true;
        }
        self.waits(source, stream, second)
    }

    fn waits(&self, source: usize, stream: u64, second: i64) -> bool {
        let carriers = self.streams.get(&stream).map_or(&[][..], |stream| &stream.carriers[..]);
        self.sources[..source].iter().enumerate().any(|(index, before)| {
            before.policy == Policy::Auto
                && before.passed() < second.saturating_add(SLACK_SECONDS)
                && (!before.settled || carriers.contains(&index))
        })
    }

    fn hold(&mut self, line: HeldLine) {
        self.held_lines += 1;
        self.held_bytes += line.line.len();
        self.sources[line.source].held.push_back(line);
    }

    /// Whether a line that need not wait feeds.
    fn judge(&mut self, source: usize, stream: u64, second: i64, key: u64) -> Verdict {
        let Some(known) = self.streams.get(&stream) else { return Verdict::Feed };
        let Some(carrier) = known.carriers.iter().position(|carrier| *carrier == source) else {
            // Better twice than lost.
            self.counts.surplus_lines += 1;
            return Verdict::Feed;
        };
        if carrier > 0 && second <= known.unremembered && second >= known.first {
            self.counts.unverified_lines += 1;
            self.counts.shadow_lines += 1;
            return Verdict::Shadow;
        }
        let is_new = self.window.is_new(stream, key, second, carrier as u16);
        self.counts.forgotten_lines += self.window.trim();
        if !is_new {
            self.counts.shadow_lines += 1;
            return Verdict::Shadow;
        }
        self.counts.filled_lines += u64::from(known.carriers.iter().any(|other| *other < source));
        Verdict::Feed
    }

    /// Hands over held lines that turned out to feed, oldest first. Call it after each block, and after `at_end` and `finish`.
    pub fn release(&mut self, out: &mut Vec<HeldLine>) {
        self.release_held(out);
        if self.automatic > 1 {
            self.forget_old();
        }
    }

    fn release_held(&mut self, out: &mut Vec<HeldLine>) {
        while self.held_lines > 0 {
            let forced = self.held_lines > MAX_HELD_LINES || self.held_bytes > MAX_HELD_BYTES;
            let fronts = self.sources.iter().enumerate().filter_map(|(index, source)| Some((source.held.front()?.second, index)));
            let ready = |&(_, index): &(i64, usize)| {
                let front = self.sources[index].held.front();
                forced || front.is_some_and(|line| !self.waits(index, line.stream, line.second))
            };
            let Some((_, index)) = fronts.filter(ready).min() else { return };
            let Some(line) = self.sources[index].held.pop_front() else { return };
            self.held_lines -= 1;
            self.held_bytes -= line.line.len();
            self.counts.forced_lines += u64::from(forced);
            if self.judge(index, line.stream, line.second, line.key) == Verdict::Feed {
                out.push(line);
            }
        }
    }

    /// The time that every source has passed, held lines included.
    fn slowest(&self) -> i64 {
        let automatic = self.sources.iter().filter(|source| source.policy == Policy::Auto);
        let passed = |source: &Source| source.passed().min(source.held.front().map_or(i64::MAX, |line| line.second));
        automatic.map(passed).min().unwrap_or(i64::MAX)
    }

    fn forget_old(&mut self) {
        let slowest = self.slowest();
        if slowest < i64::MAX {
            self.window.forget_before(slowest.saturating_sub(REMEMBER_SECONDS));
        }
    }

    /// The state to commit with the rows: what a restart needs to go on without loss or overlap. Lines fed longer ago than a few seconds
    /// before the slowest source are left out.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        let length = |bytes: &mut Vec<u8>, length: usize| bytes.extend_from_slice(&(length as u32).to_le_bytes());
        length(&mut bytes, self.sources.len());
        for source in &self.sources {
            bytes.extend_from_slice(&source.name.to_le_bytes());
            bytes.extend_from_slice(&source.clock.to_le_bytes());
        }
        length(&mut bytes, self.streams.len());
        let mut streams: Vec<_> = self.streams.iter().collect();
        streams.sort_by_key(|(stream, _)| **stream);
        for (stream, known) in streams {
            for word in [*stream, known.first as u64, known.last as u64, known.unremembered as u64] {
                bytes.extend_from_slice(&word.to_le_bytes());
            }
            length(&mut bytes, known.carriers.len());
            known.carriers.iter().for_each(|carrier| length(&mut bytes, *carrier));
        }
        length(&mut bytes, self.held_lines);
        for line in self.sources.iter().flat_map(|source| &source.held) {
            length(&mut bytes, line.source);
            for word in [line.stream, line.second as u64, line.position.file.0, line.position.offset, line.key] {
                bytes.extend_from_slice(&word.to_le_bytes());
            }
            length(&mut bytes, line.line.len());
            bytes.extend_from_slice(&line.line);
        }
        let borders = SLACK_SECONDS + IDLE_SECONDS + 2 * TOLERANCE_SECONDS;
        self.window.encode(self.slowest().saturating_sub(borders), &mut bytes);
        bytes
    }

    /// Takes up a committed state, into sources known by the same names. A source that is there no more is kept as one that is over, until
    /// the next restart, so that what it held is judged.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let mut words = Words(bytes);
        let version = words.take(1)?[0];
        if version != VERSION && version != VERSION_OF_EIGHT {
            return Err(Error::State("unknown version"));
        }
        let mut place = Vec::new();
        for _ in 0..words.length()? {
            let (name, clock) = (words.word()?, words.word()? as i64);
            let index = self.sources.iter().position(|source| source.name == name).unwrap_or_else(|| {
                let index = self.add_named_source(name, Policy::Auto);
                self.finish(index);
                index
            });
            self.sources[index].clock = clock;
            place.push(index);
        }
        let placed = |index: usize| place.get(index).copied().ok_or(Error::State("more sources than it names"));
        for _ in 0..words.length()? {
            let stream = words.word()?;
            let (first, last, unremembered) = (words.word()? as i64, words.word()? as i64, words.word()? as i64);
            let mut carriers = Vec::new();
            for _ in 0..words.length()? {
                carriers.push(placed(words.length()?)?);
            }
            self.streams.insert(stream, Stream { carriers, first, last, unremembered });
        }
        for _ in 0..words.length()? {
            let source = placed(words.length()?)?;
            let (stream, second) = (words.word()?, words.word()? as i64);
            let position = Position { file: FileId(words.word()?), offset: words.word()? };
            let (key, line) = (words.word()?, words.text()?);
            self.hold(HeldLine { source, stream, second, position, line, key });
        }
        if version == VERSION_OF_EIGHT { self.window.restore_eight(&mut words) } else { self.window.restore(&mut words) }
    }
}

/// The usual priority of a log by its name: the one that holds most comes first. Sort by it, then by path.
pub fn usual_priority(path: &std::path::Path) -> u8 {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let starts = |words: &[&str]| words.iter().any(|word| name.starts_with(word));
    match () {
        () if starts(&["mail.err", "mail.warn", "rejectlog", "paniclog"]) => 4,
        () if starts(&["mail.info"]) => 1,
        () if starts(&["mail", "exim", "main", "postfix", "smtp"]) => 0,
        () if starts(&["syslog", "messages", "daemon", "all"]) => 3,
        () => 2,
    }
}

#[cfg(test)]
mod tests;
