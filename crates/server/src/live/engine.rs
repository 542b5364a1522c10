//! The loop that follows logs: read, parse, assemble, commit. One commit holds the rows, the offsets they reach to, and every piece of
//! state that changed, so that a crash at any moment loses and doubles nothing.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chrono_tz::Tz;
use mailvane_assemble::{Assembler, Config};
use mailvane_ingest::feed::{HeldLine, Policy, Verdict, usual_priority};
use mailvane_ingest::{Feeds, FileState, HeadLine, Notice, Spec, TailBlock, Tailer, Watch};
use mailvane_model::word::{Level, Mta};
use mailvane_model::{Batch, FileId, NoticeRow, Position, Sink, Stream, Time, hash, id};
use mailvane_parse::calendar::{Calendar, Zone};
use mailvane_parse::{Record, head, wrap};
use mailvane_store::{Commit, Disk, Store};

use super::lanes::{CALENDARS, Lanes};
use super::rejudging::Rejudging;
use super::view::{Gap, Shared, View};
use crate::pipeline::coverage::Coverage;
use crate::pipeline::merged::line_key;

/// Prefix of the state keys of assembly.
const ASSEMBLY: &[u8] = b"assemble/";
/// Prefix of the state keys of files.
const FILES: &[u8] = b"file/";
/// The state key of feeds.
const FEEDS: &[u8] = b"feeds";
/// Bytes read at once.
const READ_BYTES: usize = 8 << 20;
/// A commit is made at least this often while lines arrive.
const COMMIT_EVERY: Duration = Duration::from_millis(400);
/// While history is read, commits are larger.
const COMMIT_HISTORY: Duration = Duration::from_secs(2);
/// A commit is made when so many rows are waiting.
const COMMIT_ROWS: usize = 50_000;
/// While history is read.
const COMMIT_ROWS_HISTORY: usize = 250_000;
/// How long is waited for lines when there are none.
const IDLE: Duration = Duration::from_millis(100);
/// How long after a failed commit it is tried again.
const RETRY: Duration = Duration::from_secs(2);
/// An idle source that is fully read moves with the clock, this much behind.
const IDLE_LAG: i64 = 5 * Time::SECOND;
/// Open messages are looked at again after so many times what the last look took.
const OPEN_LOOK_FACTOR: u32 = 20;
/// How often files that are long gone are forgotten.
const FORGET_EVERY: Duration = Duration::from_hours(24);
/// Gaps kept for the page.
const MAX_GAPS: usize = 1_000;

/// What to follow, and how.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The logs.
    pub(crate) specs: Vec<Spec>,
    /// How each takes part, by pattern; others `auto`.
    pub(crate) policies: HashMap<String, Policy>,
    /// The zone of lines without zone.
    pub(crate) zone: Tz,
    /// The year of first lines without year, when given.
    pub(crate) year: Option<i32>,
    /// The MTA, when given.
    pub(crate) mta: Option<Mta>,
    /// How records are assembled.
    pub(crate) assembly: Config,
    /// Where the store is.
    pub(crate) folder: PathBuf,
    /// How the store is kept.
    pub(crate) store: mailvane_store::Options,
}

/// Follows logs into a store.
pub(crate) struct Engine {
    settings: Settings,
    shared: Arc<Shared>,
    store: Disk,
    tailer: Tailer,
    feeds: Feeds,
    /// By source of the tailer: its index in the feeds.
    feed_of: Vec<usize>,
    lanes: Lanes,
    assembler: Assembler,
    batch: Batch,
    coverage: Coverage,
    gaps: Vec<Gap>,
    files: HashMap<FileId, PathBuf>,
    modified: HashMap<FileId, Time>,
    clock: Time,
    first: Option<Time>,
    released: Vec<HeldLine>,
    committed: Instant,
    forgotten: Instant,
    caught_up: bool,
    first_read: bool,
    open: Arc<Batch>,
    open_made: Time,
    open_look: Instant,
    open_cost: Duration,
    open_stale: bool,
    revision: u64,
    rate: Rate,
    stopped: Option<String>,
    commits: (u64, Duration),
    merging: Option<std::thread::JoinHandle<mailvane_store::Result<mailvane_store::Merged>>>,
    rejudging: Option<Rejudging>,
    scratch: Vec<u8>,
}

/// Lines a second, smoothed over a few seconds.
#[derive(Debug)]
struct Rate {
    lines: u64,
    since: Instant,
    value: f64,
}

fn now() -> Time {
    Time::from_chrono(&chrono::Utc::now())
}

impl Engine {
    /// Opens the store and goes on where it stopped.
    pub(crate) fn open(settings: Settings, shared: Arc<Shared>) -> Result<Self> {
        let mut store = Disk::open(&settings.folder, settings.store.clone())
            .with_context(|| format!("cannot open the store in {}", settings.folder.display()))?;
        let known: Vec<FileState> = store
            .state(FILES)?
            .iter()
            .map(|(_, value)| FileState::decode(value))
            .collect::<std::result::Result<_, _>>()
            .context("the store holds the state of a log file that this version cannot read")?;
        let pieces = store.state(ASSEMBLY)?.into_iter().map(|(key, value)| (key[ASSEMBLY.len()..].to_vec(), value));
        let mut assembler = Assembler::restore(settings.assembly.clone(), pieces)
            .context("the store holds assembly state that this version cannot read")?;
        let rules = crate::rules::current();
        let rejudging = Rejudging::due(&mut store, rules)?;
        assembler.judge_by(rules.judge.clone(), rules.providers.clone());
        let lanes = Lanes::new(settings.zone, settings.year, &store.state(CALENDARS)?);
        let files: HashMap<FileId, PathBuf> = known.iter().map(|state| (state.file, state.path.clone())).collect();
        let first_read = known.is_empty();
        let clock = store.snapshot()?.streams().iter().filter_map(|state| state.watermark).max().unwrap_or(Time(i64::MIN));
        let mut tailer = Tailer::new(settings.specs.clone(), known, line_time(settings.zone, settings.year, settings.mta));
        tailer.set_scan_interval(250_000);
        let mut feeds = Feeds::new(&[]);
        let feed_of = take_up(&mut feeds, &tailer, &settings, Vec::new());
        if let Some((_, bytes)) = store.state(FEEDS)?.into_iter().next() {
            feeds.restore(&bytes).context("the store holds feed state that this version cannot read")?;
        }
        let instant = Instant::now();
        Ok(Engine {
            settings,
            shared,
            store,
            tailer,
            feeds,
            feed_of,
            lanes,
            assembler,
            batch: Batch::default(),
            coverage: Coverage::default(),
            gaps: Vec::new(),
            files,
            modified: HashMap::new(),
            clock,
            first: None,
            released: Vec::new(),
            committed: instant,
            forgotten: instant,
            caught_up: false,
            first_read,
            open: Arc::default(),
            open_made: Time::default(),
            open_look: instant,
            open_cost: Duration::ZERO,
            open_stale: true,
            revision: 0,
            rate: Rate { lines: 0, since: instant, value: 0.0 },
            stopped: None,
            commits: (0, Duration::ZERO),
            merging: None,
            rejudging,
            scratch: Vec::new(),
        })
    }

    /// Follows until `stop` is set, then commits what is there.
    pub(crate) fn run(mut self, stop: &AtomicBool) -> Result<()> {
        let watch = self.watch();
        self.show(true)?;
        while !stop.load(Ordering::Relaxed) {
            self.turn(&watch);
        }
        while !self.commit() && self.stopped.is_none() {}
        if let Some(merging) = self.merging.take() {
            // A merge that is not finished is done again after the next start.
            drop(merging.join());
        }
        Ok(())
    }

    /// What wakes [`Engine::turn`] early.
    pub(crate) fn watch(&self) -> Watch {
        Watch::new(self.settings.specs.iter().map(|spec| spec.pattern.as_str()))
    }

    /// One turn of the loop: reads what is new, or waits a little for it.
    pub(crate) fn turn(&mut self, watch: &Watch) {
        if !self.step() && watch.wait(IDLE) {
            self.tailer.wake();
        }
    }

    /// Whether everything that was there at the last look was read.
    pub(crate) fn is_caught_up(&self) -> bool {
        self.caught_up
    }

    /// How many commits were made, and how long the store took for them.
    pub(crate) fn commits(&self) -> (u64, Duration) {
        self.commits
    }

    /// Reads what is new, and commits when it is time. Whether there was anything.
    fn step(&mut self) -> bool {
        if self.stopped.is_some() {
            // Nothing more is read before what was read is on disk.
            if !self.commit() {
                std::thread::sleep(RETRY);
            }
            return true;
        }
        let poll = self.tailer.poll(READ_BYTES, now().0);
        if self.feed_of.len() < self.tailer.sources().len() {
            self.feed_of = take_up(&mut self.feeds, &self.tailer, &self.settings, std::mem::take(&mut self.feed_of));
        }
        let moved = !poll.blocks.is_empty();
        for block in &poll.blocks {
            self.block(block);
        }
        for notice in &poll.notices {
            self.notice(notice);
        }
        if poll.caught_up {
            for index in 0..self.feed_of.len() {
                self.feeds.at_end(self.feed_of[index], now().seconds());
            }
            self.release();
        }
        for index in 0..self.feed_of.len() {
            self.tailer.pause(index, self.feeds.is_ahead(self.feed_of[index]));
        }
        self.caught_up = poll.caught_up;
        self.advance();
        self.keep_house();
        if poll.must_commit || self.is_due() {
            self.commit();
        }
        moved
    }

    fn is_due(&self) -> bool {
        let (every, rows) = if self.caught_up { (COMMIT_EVERY, COMMIT_ROWS) } else { (COMMIT_HISTORY, COMMIT_ROWS_HISTORY) };
        self.batch.len() >= rows || self.committed.elapsed() >= every
    }

    fn block(&mut self, block: &TailBlock) {
        let modified = Time(block.modified);
        self.modified.insert(block.file, modified);
        let bytes = block.block.bytes();
        let feed = self.feed_of.get(block.source).copied().unwrap_or(usize::MAX);
        let origin = self.tailer.source(block.source).map(|source| source.0.to_owned()).unwrap_or_default();
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', bytes).chain(std::iter::once(bytes.len())) {
            if end > start || end < bytes.len() {
                let position = Position { file: block.file, offset: block.block.offset() + start as u64 };
                self.line(&origin, Some(feed), position, modified, &bytes[start..end]);
            }
            start = end + 1;
        }
        self.release();
        if self.batch.len() >= COMMIT_ROWS_HISTORY {
            self.advance();
        }
    }

    /// One line; `feed` is `None` for a line that was already judged.
    fn line(&mut self, origin: &str, feed: Option<usize>, position: Position, modified: Time, line: &[u8]) {
        let mut scratch = std::mem::take(&mut self.scratch);
        let plain = wrap::plain(line, &mut scratch);
        let record = head::record_of(plain, self.settings.mta);
        self.record(origin, feed, position, modified, line, &record);
        self.scratch = scratch;
    }

    fn record(&mut self, origin: &str, feed: Option<usize>, position: Position, modified: Time, line: &[u8], record: &Record<'_>) {
        let resolved = self.lanes.resolve(position.file, modified, record.when);
        if let Some(feed) = feed {
            self.rate.lines += 1;
            self.coverage.add(record, line);
            if let Some((time, _)) = resolved {
                let key = || line_key(record, line);
                match self.feeds.offer(feed, stream_key(origin, record), time.seconds(), position, line, key) {
                    Verdict::Feed => {}
                    Verdict::Shadow | Verdict::Held => return,
                }
            }
        }
        let Some((time, _)) = resolved else { return };
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        if time > self.clock && time <= now().plus(Time::DAY) {
            self.clock = time;
        }
        self.assembler.record(origin, position, time, record, &mut self.batch);
    }

    /// Takes up lines that were held and turned out to feed.
    fn release(&mut self) {
        self.feeds.release(&mut self.released);
        for held in std::mem::take(&mut self.released) {
            let modified = self.modified.get(&held.position.file).copied().unwrap_or_else(now);
            let tail = self.feed_of.iter().position(|feed| *feed == held.source);
            let origin = tail.and_then(|index| self.tailer.source(index)).map(|source| source.0.to_owned()).unwrap_or_default();
            self.line(&origin, None, held.position, modified, &held.line);
        }
    }

    /// Moves the clock of log time to where every source has been read.
    fn advance(&mut self) {
        let watermark = if self.caught_up && self.feeds.held_lines() == 0 { now().plus(-IDLE_LAG).max(self.clock) } else { self.clock };
        if watermark > Time(i64::MIN) {
            self.assembler.advance(watermark, &mut self.batch);
        }
    }

    fn notice(&mut self, notice: &Notice) {
        let text = notice.to_string();
        tracing::warn!("{text}");
        let Notice::Gap { file, path, from, to, since, until } = notice else { return };
        if self.gaps.len() < MAX_GAPS {
            let source = path.display().to_string();
            self.gaps.push(Gap { source, from: *from, to: *to, since: Time(*since), until: Time(*until), text: text.clone() });
        }
        let position = Position { file: *file, offset: *from };
        let row = NoticeRow {
            id: id::derived(position.life(0), u32::from(Level::Gap.code()), 0),
            time: Time(*until),
            stream: <&Stream>::default(),
            position,
            daemon: "mailvane",
            level: Level::Gap,
            text: &text,
        };
        self.batch.notice(&row);
    }

    /// One transaction: rows, offsets, state. Whether it went well.
    pub(crate) fn commit(&mut self) -> bool {
        let states = self.tailer.states();
        if self.batch.is_empty() && self.batch.replaced_outcomes.is_empty() && states.is_empty() && self.stopped.is_none() {
            self.committed = Instant::now();
            // What was committed last may have changed what is open.
            if self.open_stale
                && self.look_at_open(false)
                && let Err(error) = self.show(false)
            {
                tracing::error!("{error:#}");
            }
            return true;
        }
        let mut state: Vec<(Vec<u8>, Option<Vec<u8>>)> = Vec::new();
        for (key, value) in self.assembler.take_changes() {
            state.push(([ASSEMBLY, &key].concat(), value));
        }
        state.extend(self.lanes.take_changes());
        if self.forgotten.elapsed() >= FORGET_EVERY {
            self.forgotten = Instant::now();
            state.extend(self.tailer.forget(now().0).into_iter().map(|file| ([FILES, &file.0.to_be_bytes()].concat(), None)));
        }
        for file in &states {
            state.push(([FILES, &file.file.0.to_be_bytes()].concat(), Some(file.encode())));
        }
        if self.feed_of.len() > 1 {
            state.push((FEEDS.to_vec(), Some(self.feeds.encode())));
        }
        let streams: Vec<Stream> = self.assembler.streams().cloned().collect();
        let watermarks = streams.iter().map(|stream| (stream.key(), self.clock)).filter(|mark| mark.1 > Time(i64::MIN)).collect();
        let bulk = !self.caught_up && self.batch.len() >= COMMIT_ROWS;
        let commit = Commit { rows: &self.batch, state, streams, watermarks, lines: Vec::new(), bulk };
        let begun = Instant::now();
        loop {
            match self.store.commit(commit.clone()) {
                Ok(_) => break,
                Err(error) => {
                    // What was read stays in memory and is committed as soon as there is room: nothing is read before.
                    let text = format!("cannot write the store: {error}");
                    if self.stopped.is_none() {
                        tracing::error!("{text}; trying again until it works");
                    }
                    self.stopped = Some(text);
                    std::thread::sleep(RETRY);
                }
            }
        }
        self.commits = (self.commits.0 + 1, self.commits.1 + begun.elapsed());
        if self.stopped.take().is_some() {
            tracing::info!("the store can be written again; going on");
        }
        self.tailer.committed(&states);
        self.files.extend(states.into_iter().map(|state| (state.file, state.path)));
        self.batch = Batch::default();
        self.committed = Instant::now();
        self.open_stale = true;
        if self.caught_up {
            self.first_read = false;
        }
        if let Err(error) = self.show(false) {
            tracing::error!("{error:#}");
        }
        true
    }

    /// Seals, merges and drops what is too old; merges run beside.
    fn keep_house(&mut self) {
        let result = self.store.tick_without_merging(now()).and_then(|_| {
            if self.merging.as_ref().is_some_and(std::thread::JoinHandle::is_finished)
                && let Some(merging) = self.merging.take()
                && let Ok(merged) = merging.join()
            {
                self.store.finish_merge(merged?)?;
            }
            if self.merging.is_none()
                && let Some(merge) = self.store.next_merge(now())
            {
                self.merging = Some(std::thread::spawn(move || merge.run()));
            }
            Ok(())
        });
        if let Err(error) = result {
            tracing::error!("the upkeep of the store failed and is tried again: {error}");
        }
        if self.caught_up && self.merging.is_none() && self.rejudging.as_mut().is_some_and(|rejudging| !rejudging.goes_on(&mut self.store))
        {
            self.rejudging = None;
        }
    }

    /// Looks at the open messages again when the last look is old enough for what it costs; whether it did.
    fn look_at_open(&mut self, at_once: bool) -> bool {
        let wait = (self.open_cost * OPEN_LOOK_FACTOR).max(Duration::from_millis(500));
        if !at_once && self.open_look.elapsed() < wait {
            return false;
        }
        self.open_stale = false;
        let begun = Instant::now();
        let mut open = Batch::default();
        self.assembler.finish(&mut open);
        self.open = Arc::new(open);
        self.open_made = now();
        self.open_cost = begun.elapsed();
        self.open_look = Instant::now();
        true
    }

    /// Shows the API the store as it is now.
    fn show(&mut self, at_once: bool) -> Result<()> {
        self.look_at_open(at_once);
        self.coverage.settle();
        let elapsed = self.rate.since.elapsed().as_secs_f64();
        if elapsed >= 1.0 {
            self.rate.value = 0.5 * self.rate.value + 0.5 * self.rate.lines as f64 / elapsed;
            self.rate.lines = 0;
            self.rate.since = Instant::now();
        }
        self.revision += 1;
        self.shared.show(View {
            revision: self.revision,
            made: now(),
            snapshot: self.store.snapshot()?,
            open: Arc::clone(&self.open),
            open_made: self.open_made,
            coverage: Arc::new(self.coverage.clone()),
            sources: Arc::new(self.tailer.sources()),
            troubles: Arc::new(self.tailer.troubles().map(|(path, reason)| (path.display().to_string(), reason.to_owned())).collect()),
            files: Arc::new(self.files.clone()),
            gaps: Arc::new(self.gaps.clone()),
            statistics: self.assembler.statistics(),
            feeds: self.feeds.counts(),
            first_read: self.first_read,
            complete_to: (self.clock > Time(i64::MIN)).then_some(self.clock),
            data_from: self.first,
            lines_per_s: self.rate.value,
            stopped: self.stopped.clone(),
        });
        Ok(())
    }
}

/// Gives every log of the tailer its place among the feeds: those found together in the usual order of priority.
fn take_up(feeds: &mut Feeds, tailer: &Tailer, settings: &Settings, mut feed_of: Vec<usize>) -> Vec<usize> {
    let sources = tailer.sources();
    let mut fresh: Vec<usize> = (feed_of.len()..sources.len()).collect();
    fresh.sort_by_key(|index| (usual_priority(&sources[*index].log), sources[*index].log.clone()));
    feed_of.resize(sources.len(), usize::MAX);
    for index in fresh {
        let log = sources[index].log.to_string_lossy();
        let policy =
            settings.policies.iter().find(|(pattern, _)| pattern.trim_end_matches('*') == log).map_or(Policy::Auto, |found| *found.1);
        // Named, because logs can be found in another order after a restart.
        let name = hash::words(&[hash::bytes(sources[index].origin.as_bytes()), hash::bytes(log.as_bytes())]);
        feed_of[index] = feeds.add_named_source(name, policy);
    }
    feed_of
}

/// Tells when a file begins, to put history in order.
fn line_time(zone: Tz, year: Option<i32>, mta: Option<Mta>) -> Box<mailvane_ingest::history::LineTime<'static>> {
    Box::new(move |head: HeadLine<'_>| {
        let written = if head.modified > 0 { Time(head.modified) } else { now() };
        let mut calendar = match year {
            Some(year) => Calendar::with_year(Zone::from(zone), year),
            None => Calendar::new(Zone::from(zone), written),
        };
        let mut scratch = Vec::new();
        let record = head::record_of(wrap::plain(head.line, &mut scratch), mta);
        calendar.resolve(record.when).map(|found| found.0.0)
    })
}

/// What tells streams apart for the feeds: origin, host word and instance.
fn stream_key(origin: &str, record: &Record<'_>) -> u64 {
    hash::words(&[hash::bytes(origin.as_bytes()), hash::bytes(record.host), hash::bytes(record.instance())])
}
