//! Logs as they lie there, read from start to end. While the main thread assembles records, others read the blocks ahead of it and parse
//! what they can; records borrow from their blocks, so nothing is copied.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chrono_tz::Tz;
use mailvane_assemble::Assembler;
use mailvane_ingest::{Block, BlockReader, FileState, HeadLine, Input, LogicalLog, Part};
use mailvane_model::word::Mta;
use mailvane_model::{FileId, Position, Sink, Time};
use mailvane_parse::calendar::{Calendar, Zone};
use mailvane_parse::{Record, head, wrap};

use super::conveyor::{Conveyor, Load};
use super::merged;
use super::progress::Progress;
use super::sheet::{self, Lines, Tally, Timeline};
use crate::cli;

/// Bytes of a block: its records, twice as large, should stay in the processor's cache until they are assembled.
const BLOCK_BYTES: usize = 128 << 10;
/// A line dated later than this after the file was last written does not move the clock of log time.
const FUTURE: i64 = Time::DAY;

/// A line as the pipeline shows it to a watcher.
pub(crate) struct Seen<'a> {
    /// 1 for the first line of its file.
    pub(crate) number: u64,
    /// Where it stands.
    pub(crate) position: Position,
    /// Its bytes without the newline.
    pub(crate) line: &'a [u8],
    /// What it became.
    pub(crate) record: &'a Record<'a>,
    /// When; `None` when it has no time of its own and none came before it.
    pub(crate) time: Option<Time>,
    /// The offset of its clock, minutes east of UTC.
    pub(crate) offset_minutes: i32,
}

/// A sink that also sees the lines.
pub(crate) trait Watcher: Sink {
    /// The lines that follow are of this file.
    fn source(&mut self, _name: &Path, _file: FileId) {}
    /// A line, before the facts that it makes.
    fn line(&mut self, _seen: &Seen<'_>) {}
    /// Whether a file is to be left out, for example because it was read before.
    fn leaves_out(&mut self, _path: &Path, _file: FileId) -> bool {
        false
    }
    /// A file was read to its end; what is remembered of it.
    fn finished(&mut self, _state: FileState) {}
    /// Whether to stop early (the reader of our output went away).
    fn is_done(&self) -> bool {
        false
    }
}

/// How to read.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// The files as given.
    pub(crate) files: Vec<PathBuf>,
    /// Whose log it is.
    pub(crate) origin: String,
    /// The zone of lines without zone.
    pub(crate) zone: Tz,
    /// The year of the last line, when given.
    pub(crate) year: Option<i32>,
    /// The MTA, when given.
    pub(crate) mta: Option<Mta>,
    /// The time it is now.
    pub(crate) now: Time,
    /// 1 does everything in turn.
    pub(crate) threads: usize,
    /// Whether the record parser and nothing else is wanted.
    pub(crate) assemble: bool,
}

impl Job {
    /// From the command line.
    pub(crate) fn of(files: &[PathBuf], clock: &cli::Clock, now: Time) -> Result<Self> {
        let mta = match clock.mta.as_deref() {
            None | Some("auto") => None,
            Some(name) => Some(
                Mta::from_word(name)
                    .filter(|mta| *mta != Mta::Unknown)
                    .with_context(|| format!("--mta {name}: known are {}", mta_words()))?,
            ),
        };
        Ok(Job {
            files: files.to_vec(),
            origin: String::new(),
            zone: super::span::zone(clock.timezone.as_deref())?,
            year: clock.year,
            mta,
            now,
            threads: 2,
            assemble: true,
        })
    }
}

fn mta_words() -> String {
    Mta::ALL.iter().skip(1).map(|mta| mta.word()).collect::<Vec<_>>().join(", ")
}

/// What reading found out beside the facts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    /// What was found out about the lines.
    pub(crate) tally: Tally,
    /// Names of the files read, in order.
    pub(crate) files: Vec<PathBuf>,
    /// What could not be read to its end, in words; everything before that point counts.
    pub(crate) warnings: Vec<String>,
    /// What a reader should know, without being trouble (copies left out).
    pub(crate) notes: Vec<String>,
    /// Decompressed bytes.
    pub(crate) bytes: u64,
    /// Where the time went.
    pub(crate) timing: Timing,
}

/// Where the time went.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timing {
    /// Wall time of everything.
    pub(crate) total: Duration,
    /// Wall time in which the assembly had nothing to do.
    pub(crate) waiting: Duration,
    /// The time that reading (and decompressing) took, on its own thread.
    pub(crate) reading: Duration,
    /// The time that parsing ahead took, on its own thread.
    pub(crate) parsing: Duration,
    /// The time that the assembly took, with the parsing of what was not parsed ahead of it.
    pub(crate) assembling: Duration,
    /// Blocks in all.
    pub(crate) blocks: u64,
    /// Blocks that were parsed ahead.
    pub(crate) parsed_ahead: u64,
}

/// Reads all files of a job through `assembler` into `watcher`. The caller calls `finish` on the assembler.
pub(crate) fn read<W: Watcher>(job: &Job, assembler: &mut Assembler, watcher: &mut W) -> Result<Reading> {
    let begun = Instant::now();
    let mut reading = Reading::default();
    let (logs, overlap) = arranged(job, &mut reading)?;
    if overlap {
        merged::read(job, logs, assembler, watcher, &mut reading)?;
        reading.tally.coverage.settle();
        reading.timing.total = begun.elapsed();
        return Ok(reading);
    }
    for mut log in logs {
        for part in &mut log.parts {
            if watcher.is_done() {
                break;
            }
            if watcher.leaves_out(&part.path, part.file) {
                continue;
            }
            let mut lane = Lane::open(part.open()?, part.file, job);
            lane.run(job, assembler, watcher, &mut reading)?;
            reading.files.push(part.path.clone());
            watcher.finished(lane.state(part, &log.name, job));
        }
    }
    reading.tally.coverage.settle();
    reading.timing.total = begun.elapsed();
    Ok(reading)
}

/// The files of a job as logs: rotations in order, copies left out. A file that cannot be read ends the job; an empty one does not.
/// Also says whether some of the logs cover the same time.
fn arranged(job: &Job, reading: &mut Reading) -> Result<(Vec<LogicalLog>, bool)> {
    let names: Vec<String> = job.files.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    let zone = Zone::from(job.zone);
    let mut line_time = |head: HeadLine<'_>| {
        let written = if head.modified > 0 { Time(head.modified) } else { job.now };
        let mut calendar = calendar(job, zone, written);
        let mut scratch = Vec::new();
        let record = head::record_of(wrap::plain(head.line, &mut scratch), job.mta);
        calendar.resolve(record.when).map(|found| found.0.0)
    };
    let mut history = mailvane_ingest::arrange(&names, &job.origin, &mut line_time);
    for copied in &history.copies {
        reading.notes.push(format!("{} holds the same lines as {}: read once", copied.path.display(), copied.of.display()));
    }
    for problem in std::mem::take(&mut history.problems) {
        match problem {
            mailvane_ingest::Error::Empty { .. } => reading.notes.push(problem.to_string()),
            problem => return Err(problem.into()),
        }
    }
    let overlap = history.may_overlap();
    Ok((history.logs, overlap))
}

fn calendar(job: &Job, zone: Zone, written: Time) -> Calendar {
    match job.year {
        Some(year) => Calendar::with_year(zone, year),
        None => Calendar::new(zone, written),
    }
}

/// One file being read.
pub(super) struct Lane {
    reader: BlockReader<Input>,
    consumed: std::sync::Arc<std::sync::atomic::AtomicU64>,
    on_disk: Option<u64>,
    hand: Hand,
}

/// Hands the lines of a file to the watcher and to the assembly.
struct Hand {
    path: PathBuf,
    file: FileId,
    named: bool,
    number: u64,
    timeline: Timeline,
    scratch: Vec<u8>,
}

impl Lane {
    pub(super) fn open(input: Input, file: FileId, job: &Job) -> Self {
        let written = if input.modified() > 0 { Time(input.modified()) } else { job.now };
        let path = input.path().to_path_buf();
        let latest = job.now.max(written).plus(FUTURE);
        Lane {
            consumed: input.consumed(),
            on_disk: input.on_disk_bytes(),
            reader: BlockReader::new(input, &path).with_block_bytes(BLOCK_BYTES),
            hand: Hand {
                path,
                file,
                named: false,
                number: 0,
                timeline: Timeline::new(calendar(job, Zone::from(job.zone), written), latest),
                scratch: Vec::new(),
            },
        }
    }

    fn run<W: Watcher>(&mut self, job: &Job, assembler: &mut Assembler, watcher: &mut W, reading: &mut Reading) -> Result<()> {
        if job.threads > 1 { self.run_beside(job, assembler, watcher, reading) } else { self.run_alone(job, assembler, watcher, reading) }
    }

    /// Everything in turn.
    fn run_alone<W: Watcher>(&mut self, job: &Job, assembler: &mut Assembler, watcher: &mut W, reading: &mut Reading) -> Result<()> {
        let mut progress = Progress::new(self.on_disk);
        let mut block = Block::new();
        while !watcher.is_done() && self.next_block(&mut block, reading)? {
            reading.add(&block);
            let (_, took) = timed(|| self.hand.raw(job, &block, assembler, watcher, &mut reading.tally));
            reading.timing.assembling += took;
            self.show(&mut progress, reading);
        }
        Ok(())
    }

    /// With a thread that reads and one that parses.
    fn run_beside<W: Watcher>(&mut self, job: &Job, assembler: &mut Assembler, watcher: &mut W, reading: &mut Reading) -> Result<()> {
        let Lane { reader, hand, consumed, on_disk } = self;
        let mut progress = Progress::new(*on_disk);
        let conveyor = Conveyor::default();
        std::thread::scope(|scope| {
            let filling = scope.spawn(|| conveyor.fill(reader));
            let parsing = scope.spawn(|| conveyor.parse(job.mta));
            let presence = conveyor.presence();
            while !watcher.is_done() {
                let (load, waited) = timed(|| conveyor.next());
                reading.timing.waiting += waited;
                let Some(load) = load else { break };
                let begun = Instant::now();
                let (block, room) = match load {
                    Load::Raw(block) => {
                        hand.raw(job, &block, assembler, watcher, &mut reading.tally);
                        (block, None)
                    }
                    Load::Parsed(mut sheet) => {
                        hand.sheet(job, sheet.borrow_owner(), sheet.borrow_dependent(), assembler, watcher, &mut reading.tally);
                        reading.timing.parsed_ahead += 1;
                        let room = sheet.with_dependent_mut(|_, lines| sheet::emptied(std::mem::take(lines)));
                        (sheet.into_owner(), Some(room))
                    }
                };
                reading.timing.assembling += begun.elapsed();
                reading.add(&block);
                conveyor.reuse(block, room);
                progress.show(consumed.load(std::sync::atomic::Ordering::Relaxed), reading.tally.coverage.total.lines());
            }
            drop(presence);
            let broke_off = |_| anyhow::anyhow!("a thread that reads ahead broke off");
            reading.timing.reading += filling.join().map_err(broke_off)?;
            reading.timing.parsing += parsing.join().map_err(broke_off)?;
            Ok::<_, anyhow::Error>(())
        })?;
        conveyor.failure().map_or(Ok(()), |error| settle(error, reading))
    }

    fn show(&self, progress: &mut Progress, reading: &Reading) {
        progress.show(self.consumed.load(std::sync::atomic::Ordering::Relaxed), reading.tally.coverage.total.lines());
    }

    /// What is remembered of the file now that it was read.
    pub(super) fn state(&self, part: &Part, log: &Path, job: &Job) -> FileState {
        part.state(&job.origin, log, &self.reader, self.hand.number, job.now.0)
    }

    /// The file.
    pub(super) fn file(&self) -> FileId {
        self.hand.file
    }

    /// Counts a line; its number.
    pub(super) fn count_line(&mut self) -> u64 {
        self.hand.number += 1;
        self.hand.number
    }

    /// The next block of lines; `false` at the end.
    pub(super) fn next_block(&mut self, block: &mut Block, reading: &mut Reading) -> Result<bool> {
        let (filled, took) = timed(|| self.reader.fill(block));
        reading.timing.reading += took;
        match filled {
            Ok(filled) => Ok(filled),
            Err(error) => settle(error, reading).map(|()| false),
        }
    }

    /// The time of a record and the offset of its clock.
    pub(super) fn resolve(&mut self, record: &Record<'_>, reading: &mut Reading) -> Option<(Time, i32)> {
        self.hand.timeline.resolve(record, &mut reading.tally).0
    }
}

/// An archive that ends too early still counts for what could be read of it.
fn settle(error: mailvane_ingest::Error, reading: &mut Reading) -> Result<()> {
    if !error.is_partial() {
        return Err(error.into());
    }
    reading.warnings.push(error.to_string());
    Ok(())
}

impl Reading {
    /// Counts a block.
    pub(super) fn add(&mut self, block: &Block) {
        self.bytes += block.bytes().len() as u64 + block.skipped_bytes();
        self.timing.blocks += 1;
    }
}

impl Hand {
    fn begin<W: Watcher>(&mut self, watcher: &mut W) {
        if !self.named {
            self.named = true;
            watcher.source(&self.path, self.file);
        }
    }

    /// A block whose lines are still to be parsed.
    fn raw<W: Watcher>(&mut self, job: &Job, block: &Block, assembler: &mut Assembler, watcher: &mut W, tally: &mut Tally) {
        self.begin(watcher);
        let bytes = block.bytes();
        sheet::each_line(bytes, |start, end, text| {
            let line = &bytes[start as usize..end as usize];
            let position = Position { file: self.file, offset: block.offset() + u64::from(start) };
            if wrap::is_wrapped(line) {
                self.wrapped(job, position, line, assembler, watcher, tally);
            } else {
                let mut record = Record::default();
                sheet::read(line, text, job.mta, &mut record);
                self.line(job, position, line, &record, assembler, watcher, tally);
            }
        });
    }

    /// A block with its records.
    fn sheet<W: Watcher>(
        &mut self,
        job: &Job,
        block: &Block,
        lines: &Lines<'_>,
        assembler: &mut Assembler,
        watcher: &mut W,
        tally: &mut Tally,
    ) {
        self.begin(watcher);
        let bytes = block.bytes();
        for parsed in lines {
            let line = &bytes[parsed.start as usize..parsed.end as usize];
            let position = Position { file: self.file, offset: block.offset() + u64::from(parsed.start) };
            if parsed.wrapped {
                self.wrapped(job, position, line, assembler, watcher, tally);
            } else {
                self.line(job, position, line, &parsed.record, assembler, watcher, tally);
            }
        }
    }

    /// A JSON line of journald or a container: made plain first.
    #[cold]
    fn wrapped<W: Watcher>(
        &mut self,
        job: &Job,
        position: Position,
        line: &[u8],
        assembler: &mut Assembler,
        watcher: &mut W,
        tally: &mut Tally,
    ) {
        let mut scratch = std::mem::take(&mut self.scratch);
        let record = head::record_of(wrap::plain(line, &mut scratch), job.mta);
        self.line(job, position, line, &record, assembler, watcher, tally);
        self.scratch = scratch;
    }

    #[allow(clippy::too_many_arguments)] // The parts of one line, taken apart once.
    #[inline]
    fn line<W: Watcher>(
        &mut self,
        job: &Job,
        position: Position,
        line: &[u8],
        record: &Record<'_>,
        assembler: &mut Assembler,
        watcher: &mut W,
        tally: &mut Tally,
    ) {
        self.number += 1;
        tally.coverage.add(record, line);
        let (found, is_later) = self.timeline.resolve(record, tally);
        let time = found.map(|found| found.0);
        let offset_minutes = found.map_or(0, |found| found.1);
        watcher.line(&Seen { number: self.number, position, line, record, time, offset_minutes });
        let Some(time) = time else { return };
        if job.assemble {
            if is_later {
                assembler.reach(time, watcher);
            }
            assembler.record(&job.origin, position, time, record, watcher);
        }
    }
}

/// Does something and says how long it took.
pub(super) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let result = work();
    (result, begun.elapsed())
}
