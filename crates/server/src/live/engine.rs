//! The loop that follows logs: read, parse, assemble, commit. One commit holds the rows, the offsets they reach to, and every piece of
//! state that changed, so that a crash at any moment loses and doubles nothing.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chrono_tz::Tz;
use mailvane_assemble::{Assembler, Config, Statistics};
use mailvane_ingest::feed::{HeldLine, Policy, Verdict, usual_priority};
use mailvane_ingest::intake::Loss;
use mailvane_ingest::{Feeds, FileState, HeadLine, Notice, Spec, TailBlock, Tailer, Watch};
use mailvane_model::word::{Level, Mta};
use mailvane_model::{Batch, FileId, NoticeRow, Position, Sink, Stream, Time, hash, id};
use mailvane_parse::calendar::{Calendar, Zone};
use mailvane_parse::{Record, head, wrap};
use mailvane_store::{Commit, Disk, Store};

use super::clocks::Clocks;
use super::committer::{Committer, Draft, Handle, paths};
use super::kept::{Keep, Kept};
use super::lanes::{CALENDARS, Lanes};
use super::lines::{Parsed, parse};
use super::past::Past;
use super::rejudging::Rejudging;
use super::sources::{Plan, Sources};
use super::view::{Gap, Shared, View};
use crate::pipeline::merged::line_key;
use crate::probing::learning::Learning;

/// Prefix of the state keys of assembly.
pub(crate) const ASSEMBLY: &[u8] = b"assemble/";
/// Prefix of the state keys of files.
pub(crate) const FILES: &[u8] = b"file/";
/// The state key of feeds.
const FEEDS: &[u8] = b"feeds";
/// Bytes read at once.
const READ_BYTES: usize = 8 << 20;
/// With fewer bytes than this a thread that parses beside costs more than it saves.
const BESIDE_BYTES: usize = 1 << 20;
/// Parsed blocks that wait to be assembled.
const PARSED_BLOCKS: usize = 4;
/// A commit is made at least this often while lines arrive.
const COMMIT_EVERY: Duration = Duration::from_millis(400);
/// While history is read, commits are larger.
const COMMIT_HISTORY: Duration = Duration::from_secs(2);
/// A commit is made when so many rows are waiting.
const COMMIT_ROWS: usize = 50_000;
/// While history is read.
pub(crate) const COMMIT_ROWS_HISTORY: usize = 250_000;
/// With so many rows that could not be handed over nothing more is read.
const ROWS_MAX: usize = 300_000;
/// How long is waited for lines when there are none.
const IDLE: Duration = Duration::from_millis(100);
/// The same while a commit is on its way.
const BUSY: Duration = Duration::from_millis(5);
/// An idle source that is fully read moves with the clock, this much behind.
const IDLE_LAG: i64 = 5 * Time::SECOND;
/// Open messages are looked at again after so many times what the last look took.
const OPEN_LOOK_FACTOR: u32 = 20;
/// How often files that are long gone are forgotten.
const FORGET_EVERY: Duration = Duration::from_hours(24);

/// What to follow, and how.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The logs.
    pub(crate) specs: Vec<Spec>,
    /// What is received and cannot be read again.
    pub(crate) intakes: Vec<Plan>,
    /// Bytes that a spool may hold.
    pub(crate) spool_bytes: u64,
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
    /// Which raw lines are kept.
    pub(crate) keep: Keep,
    /// How the store is kept.
    pub(crate) store: mailvane_store::Options,
    /// Rows of one commit while history is read.
    pub(crate) history_rows: usize,
}

/// Follows logs into a store.
pub(crate) struct Engine {
    settings: Settings,
    committer: Committer,
    tailer: Tailer,
    sources: Sources,
    feeds: Feeds,
    /// By source of the tailer: its index in the feeds.
    feed_of: Vec<usize>,
    lanes: Lanes,
    assembler: Assembler,
    batch: Batch,
    past: Past,
    kept: Kept,
    /// What the lines tell of our own servers.
    learning: Arc<Learning>,
    files: Arc<HashMap<FileId, PathBuf>>,
    modified: HashMap<FileId, Time>,
    clocks: Clocks,
    /// The log time up to which every log has been read.
    clock: Time,
    released: Vec<HeldLine>,
    committed: Instant,
    forgotten: Instant,
    caught_up: bool,
    /// What the latest view says of that.
    shown_caught_up: bool,
    first_read: bool,
    must_commit: bool,
    open: Arc<Batch>,
    open_made: Time,
    open_look: Instant,
    open_cost: Duration,
    open_stale: bool,
    rate: Rate,
    commits: (u64, Duration),
    /// Why ingest ended by itself.
    broken: Option<anyhow::Error>,
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
    /// Opens the store and goes on where it stopped. When `stop` is set, a store that cannot be written is not waited for.
    pub(crate) fn open(settings: Settings, shared: Arc<Shared>, stop: &Arc<AtomicBool>) -> Result<Self> {
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
        let files: HashMap<FileId, PathBuf> = paths(&known).collect();
        let first_read = known.is_empty();
        let clock = store.snapshot()?.streams().iter().filter_map(|state| state.watermark).max().unwrap_or(Time(i64::MIN));
        // Now that the store is ours, nobody else has the spools.
        let (sources, spools) = Sources::open(&settings.intakes, &settings.folder, settings.spool_bytes, &known, stop)?;
        let mut settings = settings;
        settings.specs.extend(spools);
        let mut tailer = Tailer::new(settings.specs.clone(), known, line_time(settings.zone, settings.year, settings.mta));
        tailer.set_scan_interval(250_000);
        let mut feeds = Feeds::new(&[]);
        let feed_of = take_up(&mut feeds, &tailer, &settings, Vec::new());
        if let Some((_, bytes)) = store.state(FEEDS)?.into_iter().next() {
            feeds.restore(&bytes).context("the store holds feed state that this version cannot read")?;
        }
        let past = Past::load(&store)?;
        let keep = settings.keep;
        let learning = Arc::clone(&shared.learning);
        let instant = Instant::now();
        Ok(Engine {
            settings,
            committer: Committer::start(store, rejudging, shared, Arc::clone(stop))?,
            tailer,
            sources,
            feeds,
            feed_of,
            lanes,
            assembler,
            batch: Batch::default(),
            past,
            kept: Kept::new(keep),
            learning,
            files: Arc::new(files),
            modified: HashMap::new(),
            clocks: Clocks::default(),
            clock,
            released: Vec::new(),
            committed: instant,
            forgotten: instant,
            caught_up: false,
            shown_caught_up: false,
            first_read,
            must_commit: false,
            open: Arc::default(),
            open_made: Time::default(),
            open_look: instant,
            open_cost: Duration::ZERO,
            open_stale: true,
            rate: Rate { lines: 0, since: instant, value: 0.0 },
            commits: (0, Duration::ZERO),
            broken: None,
            scratch: Vec::new(),
        })
    }

    /// Follows until `stop` is set, then commits what is there.
    pub(crate) fn run(mut self, stop: &AtomicBool) -> Result<()> {
        let watch = self.watch();
        self.show(true);
        while !stop.load(Ordering::Relaxed) {
            self.turn(&watch)?;
        }
        // A gap that was just met: after the next start nobody would meet it again.
        self.take_losses();
        self.commit()?;
        self.finish()
    }

    /// A way into the store for an import beside.
    pub(crate) fn handle(&self, shared: &Arc<Shared>) -> Option<Handle> {
        self.committer.handle(shared)
    }

    /// What wakes [`Engine::turn`] early.
    pub(crate) fn watch(&self) -> Watch {
        Watch::new(self.settings.specs.iter().map(|spec| spec.pattern.as_str()))
    }

    /// One turn of the loop: reads what is new, or waits a little for it.
    pub(crate) fn turn(&mut self, watch: &Watch) -> Result<()> {
        let moved = self.step();
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        // Before the wait: a commit that ended is to be known soon, and the next one sent.
        let idle = if self.committer.is_busy() { BUSY } else { IDLE };
        if !moved && watch.wait(idle) {
            self.tailer.wake();
        }
        Ok(())
    }

    /// Whether everything that was there at the last look was read.
    pub(crate) fn is_caught_up(&self) -> bool {
        self.caught_up
    }

    /// Counts of assembly.
    pub(crate) fn statistics(&self) -> Statistics {
        self.assembler.statistics()
    }

    /// How many commits were made, and how long the store took for them.
    pub(crate) fn commits(&self) -> (u64, Duration) {
        self.commits
    }

    /// Reads what is new, and commits when it is time. Whether there was anything.
    fn step(&mut self) -> bool {
        self.take_done(false);
        if self.batch.len() >= ROWS_MAX {
            // The store cannot keep up: nothing more is read before it has taken what it has.
            self.take_done(true);
        }
        let poll = self.tailer.poll(READ_BYTES, now().0);
        if self.feed_of.len() < self.tailer.sources().len() {
            self.feed_of = take_up(&mut self.feeds, &self.tailer, &self.settings, std::mem::take(&mut self.feed_of));
        }
        let moved = !poll.blocks.is_empty();
        self.blocks(&poll.blocks);
        for notice in &poll.notices {
            self.notice(notice);
        }
        self.take_losses();
        if poll.caught_up {
            for index in 0..self.feed_of.len() {
                self.feeds.at_end(self.feed_of[index], now().seconds());
            }
            self.release();
        }
        for index in 0..self.feed_of.len() {
            self.tailer.pause(index, self.feeds.is_ahead(self.feed_of[index]) || self.clocks.is_ahead(index));
        }
        self.caught_up = poll.caught_up;
        self.committer.set_caught_up(poll.caught_up);
        self.must_commit = poll.must_commit;
        self.advance();
        if (self.must_commit || self.is_due()) && !self.committer.is_busy() {
            self.send();
        }
        moved
    }

    /// What the other ways in have lost meanwhile.
    fn take_losses(&mut self) {
        for loss in self.sources.take_losses() {
            self.loss(&loss);
        }
    }

    /// Takes note of commits that are done. `wait`: of all that are on their way.
    fn take_done(&mut self, wait: bool) {
        loop {
            match self.committer.next(wait) {
                Ok(Some(done)) => {
                    self.commits = (self.commits.0 + 1, self.commits.1 + done.took);
                    self.tailer.committed(&done.files);
                    self.sources.note(&done.files);
                }
                Ok(None) => return,
                Err(error) => {
                    self.broken.get_or_insert(error);
                    return;
                }
            }
        }
    }

    /// Commits everything that was read, and waits for it.
    pub(crate) fn commit(&mut self) -> Result<()> {
        self.take_done(true);
        self.send();
        self.take_done(true);
        self.broken.take().map_or(Ok(()), Err)
    }

    /// Ends: what is on its way is waited for.
    fn finish(mut self) -> Result<()> {
        self.take_done(true);
        self.broken.take().map_or(Ok(()), Err)
    }

    fn is_due(&self) -> bool {
        let (every, rows) = if self.caught_up { (COMMIT_EVERY, COMMIT_ROWS) } else { (COMMIT_HISTORY, self.settings.history_rows) };
        self.batch.len() >= rows || self.committed.elapsed() >= every
    }

    /// Assembles blocks in their order; many are parsed beside.
    fn blocks(&mut self, blocks: &[TailBlock]) {
        let mta = self.settings.mta;
        let bytes: usize = blocks.iter().map(|block| block.block.bytes().len()).sum();
        if bytes < BESIDE_BYTES {
            for number in 0..blocks.len() {
                self.block(&blocks[number..], &parse(blocks[number].block.bytes(), mta));
            }
        } else {
            std::thread::scope(|scope| {
                let (sender, receiver) = sync_channel(PARSED_BLOCKS);
                scope.spawn(move || blocks.iter().try_for_each(|block| sender.send(parse(block.block.bytes(), mta))));
                // Were the parser to break off, so does this thread at the end of the scope: nothing is passed over.
                for (number, records) in receiver.iter().enumerate() {
                    self.block(&blocks[number..], &records);
                }
            });
        }
        self.set_behind(&[]);
    }

    /// One block, the first of those that are still to come, and its lines.
    fn block(&mut self, blocks: &[TailBlock], records: &[Parsed<'_>]) {
        self.set_behind(blocks);
        let Some(block) = blocks.first() else { return };
        let modified = Time(block.modified);
        self.modified.insert(block.file, modified);
        let bytes = block.block.bytes();
        let feed = self.feed_of.get(block.source).copied().unwrap_or(usize::MAX);
        let origin = self.tailer.source(block.source).map(|source| source.0.to_owned()).unwrap_or_default();
        let source = Some((block.source, feed));
        for parsed in records {
            let line = &bytes[parsed.start as usize..parsed.end as usize];
            let position = Position { file: block.file, offset: block.block.offset() + u64::from(parsed.start) };
            if wrap::is_wrapped(line) {
                self.line(&origin, source, position, modified, line);
            } else {
                self.record(&origin, source, position, modified, line, &parsed.record);
            }
        }
        self.release();
    }

    /// Notes which logs have lines to be read, or among these blocks.
    fn set_behind(&mut self, blocks: &[TailBlock]) {
        for source in 0..self.feed_of.len() {
            let behind = self.tailer.is_behind(source) || blocks.iter().any(|block| block.source == source);
            self.clocks.set_behind(source, behind);
        }
    }

    /// One line; `source` (its log and its feed) is `None` for a line that was already judged.
    fn line(&mut self, origin: &str, source: Option<(usize, usize)>, position: Position, modified: Time, line: &[u8]) {
        let mut scratch = std::mem::take(&mut self.scratch);
        let plain = wrap::plain(line, &mut scratch);
        let record = head::record_of(plain, self.settings.mta);
        self.record(origin, source, position, modified, line, &record);
        self.scratch = scratch;
    }

    fn record(
        &mut self,
        origin: &str,
        source: Option<(usize, usize)>,
        position: Position,
        modified: Time,
        line: &[u8],
        record: &Record<'_>,
    ) {
        let resolved = self.lanes.resolve(position.file, modified, record.when);
        if let Some((source, feed)) = source {
            self.rate.lines += 1;
            self.past.coverage.add(record, line);
            if let Some((time, _)) = resolved {
                self.reach(source, time);
                let key = || line_key(record, line);
                match self.feeds.offer(feed, stream_key(origin, record), time.seconds(), position, line, key) {
                    Verdict::Feed => {}
                    Verdict::Shadow | Verdict::Held => return,
                }
            }
        }
        let Some((time, _)) = resolved else { return };
        self.past.see(time);
        self.learning.line(time, record, line);
        self.kept.line(position, time, line);
        self.assembler.record(origin, position, time, record, &mut self.batch);
    }

    /// A log has been read up to `time`. Lines with times in the future do not move the clock.
    fn reach(&mut self, source: usize, time: Time) {
        if time > self.clocks.of(source) && time <= now().plus(Time::DAY) {
            self.clock = self.clock.max(self.clocks.reached(source, time));
            self.assembler.reach(self.clock, &mut self.batch);
        }
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

    /// Where every log has been read to its end, the clock on the wall moves that of log time.
    fn advance(&mut self) {
        if self.caught_up && self.feeds.held_lines() == 0 {
            self.assembler.advance(now().plus(-IDLE_LAG), &mut self.batch);
        }
    }

    fn notice(&mut self, notice: &Notice) {
        let text = notice.to_string();
        tracing::warn!("{text}");
        let Notice::Gap { file, path, from, to, since, until } = notice else { return };
        let source = path.display().to_string();
        let (since, until) = (Time(*since), Time(*until));
        self.lose(Gap { source, file: *file, from: *from, to: *to, since, until, text });
    }

    /// Messages that never reached the disk.
    fn loss(&mut self, loss: &Loss) {
        let text = loss.to_string();
        tracing::warn!("{text}");
        // No file has them: the source and the moment stand for it.
        let file = FileId(hash::bytes(loss.source.as_bytes()));
        let (since, until) = (Time(loss.since), Time(loss.until));
        self.lose(Gap { source: loss.source.clone(), file, from: loss.since as u64, to: None, since, until, text });
    }

    fn lose(&mut self, gap: Gap) {
        let position = Position { file: gap.file, offset: gap.from };
        let row = NoticeRow {
            id: id::derived(position.life(0), u32::from(Level::Gap.code()), 0),
            time: gap.until,
            stream: <&Stream>::default(),
            position,
            daemon: "mailvane",
            level: Level::Gap,
            text: &gap.text,
        };
        self.batch.notice(&row);
        self.past.lose(gap);
    }

    /// Hands over what was read since the last commit: rows, offsets, state.
    fn send(&mut self) {
        let files = self.tailer.states();
        self.committed = Instant::now();
        if self.batch.has_nothing() && files.is_empty() {
            // What was committed last may have changed what is open, and that nothing is left to read is news of its own.
            let is_news = self.caught_up && !self.shown_caught_up;
            if is_news || (self.open_stale && self.look_at_open(false)) {
                self.show(false);
            }
            return;
        }
        let mut state: Vec<(Vec<u8>, Option<Vec<u8>>)> = Vec::new();
        for (key, value) in self.assembler.take_changes() {
            state.push(([ASSEMBLY, &key].concat(), value));
        }
        state.extend(self.lanes.take_changes());
        state.extend(self.past.take_changes());
        if self.forgotten.elapsed() >= FORGET_EVERY {
            self.forgotten = Instant::now();
            state.extend(self.tailer.forget(now().0).into_iter().map(|file| ([FILES, &file.0.to_be_bytes()].concat(), None)));
        }
        for file in &files {
            state.push(([FILES, &file.file.0.to_be_bytes()].concat(), Some(file.encode())));
        }
        if self.feed_of.len() > 1 {
            state.push((FEEDS.to_vec(), Some(self.feeds.encode())));
        }
        let streams: Vec<Stream> = self.assembler.streams().cloned().collect();
        let watermarks = streams.iter().map(|stream| (stream.key(), self.clock)).filter(|mark| mark.1 > Time(i64::MIN)).collect();
        let bulk = !self.caught_up && self.batch.len() >= COMMIT_ROWS;
        if paths(&files).any(|(file, path)| self.files.get(&file) != Some(&path)) {
            Arc::make_mut(&mut self.files).extend(paths(&files));
        }
        self.learning.rows(&self.batch);
        let rows = std::mem::take(&mut self.batch);
        let lines = self.kept.take(&rows, &self.assembler, &self.tailer);
        self.open_stale = true;
        if self.caught_up {
            self.first_read = false;
        }
        let draft = self.draft(false);
        let commit = Commit { rows: Arc::new(rows), state, streams, watermarks, lines, bulk };
        self.committer.commit(commit, files, draft);
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
    fn show(&mut self, at_once: bool) {
        let draft = self.draft(at_once);
        self.committer.show(draft);
    }

    /// The view of what was read so far, for when it is committed.
    fn draft(&mut self, at_once: bool) -> Draft {
        self.look_at_open(at_once);
        self.past.coverage.settle();
        let elapsed = self.rate.since.elapsed().as_secs_f64();
        if elapsed >= 1.0 {
            self.rate.value = 0.5 * self.rate.value + 0.5 * self.rate.lines as f64 / elapsed;
            self.rate.lines = 0;
            self.rate.since = Instant::now();
        }
        let (open, open_made) = (Arc::clone(&self.open), self.open_made);
        let coverage = Arc::new(self.past.coverage.clone());
        let sources = Arc::new(self.tailer.sources());
        let troubles = self.tailer.troubles().map(|(path, reason)| (path.display().to_string(), reason.to_owned())).collect();
        let (files, gaps) = (Arc::clone(&self.files), Arc::new(self.past.gaps.clone()));
        let (statistics, feeds, first_read) = (self.assembler.statistics(), self.feeds.counts(), self.first_read);
        let caught_up = self.caught_up;
        self.shown_caught_up = caught_up;
        let complete_to = (self.clock > Time(i64::MIN)).then_some(self.clock);
        let (data_from, lines_per_s) = (self.past.first, self.rate.value);
        Box::new(move |snapshot, revision| View {
            revision,
            made: now(),
            snapshot,
            open,
            open_made,
            coverage,
            sources,
            troubles: Arc::new(troubles),
            files,
            gaps,
            statistics,
            feeds,
            first_read,
            caught_up,
            complete_to,
            data_from,
            lines_per_s,
            stopped: None,
        })
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
