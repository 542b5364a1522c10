//! Logs as they lie there, read from start to end: blocks are read and parsed beside the assembly, records come back in order.
//!
//! A round is a handful of blocks. While the main thread assembles the records of this round, a second thread parses its later
//! blocks and a third fills the buffers of the next round. Records borrow from the blocks, so nothing is copied.

use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chrono_tz::Tz;
use mailvane_assemble::Assembler;
use mailvane_ingest::{Block, BlockReader, FileState, HeadLine, Input, LogicalLog, Part};
use mailvane_model::word::Mta;
use mailvane_model::{FileId, Position, Sink, Time};
use mailvane_parse::calendar::{Calendar, Zone};
use mailvane_parse::{Record, head, wrap};

use super::merged;
use super::progress::Progress;
use super::sheet::{self, Parsed, Parser, Tally};
use crate::cli;

/// Blocks of a round. At its borders the parser waits once for the reader, so few is slow and many is memory.
const ROUND_BLOCKS: usize = 64;
/// Bytes of a block: its records, twice as large, should stay in the processor's cache until they are assembled.
const BLOCK_BYTES: usize = 128 << 10;
/// Parsed blocks that may wait for the assembly.
const WAITING_BLOCKS: usize = 6;
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
    /// The time that the assembly took.
    pub(crate) assembling: Duration,
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
    parser: Parser,
    hand: Hand,
}

/// Hands the lines of a file to the watcher and to the assembly.
struct Hand {
    path: PathBuf,
    file: FileId,
    named: bool,
    number: u64,
    /// The clock of log time.
    clock: Time,
    /// A line dated later than this does not move the clock.
    latest: Time,
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
            parser: Parser::new(job.mta, calendar(job, Zone::from(job.zone), written), latest),
            hand: Hand { path, file, named: false, number: 0, clock: Time(i64::MIN), latest, scratch: Vec::new() },
        }
    }

    fn run<W: Watcher>(&mut self, job: &Job, assembler: &mut Assembler, watcher: &mut W, reading: &mut Reading) -> Result<()> {
        let mut progress = Progress::new(self.on_disk);
        let mut round: Vec<Block> = (0..ROUND_BLOCKS).map(|_| Block::new()).collect();
        let mut spare = round.clone();
        let mut room = Vec::new();
        let mut filled = self.fill(&mut round, reading)?;
        while filled > 0 && !watcher.is_done() {
            let blocks = &round[..filled];
            let next = if job.threads > 1 {
                self.round_beside(job, blocks, &mut spare, assembler, watcher, reading)?
            } else {
                for block in blocks {
                    let lines = self.parser.sheet(block.bytes(), sheet::emptied(std::mem::take(&mut room)), &mut reading.tally);
                    reading.timing.assembling += timed(|| self.hand.block(job, block, &lines, assembler, watcher)).1;
                    reading.bytes += block.bytes().len() as u64 + block.skipped_bytes();
                    room = sheet::emptied(lines);
                }
                self.fill(&mut spare, reading)?
            };
            let done = self.consumed.load(std::sync::atomic::Ordering::Relaxed);
            progress.show(done, reading.tally.coverage.total.lines());
            std::mem::swap(&mut round, &mut spare);
            filled = next;
        }
        Ok(())
    }

    /// One round with its three threads; gives how many blocks of the next round were filled.
    fn round_beside<W: Watcher>(
        &mut self,
        job: &Job,
        blocks: &[Block],
        spare: &mut [Block],
        assembler: &mut Assembler,
        watcher: &mut W,
        reading: &mut Reading,
    ) -> Result<usize> {
        let Lane { reader, parser, hand, .. } = self;
        let Reading { tally, timing, bytes, .. } = reading;
        let result = std::thread::scope(|scope| {
            let filling = scope.spawn(move || timed(|| fill(reader, spare)));
            let (sender, receiver) = sync_channel(WAITING_BLOCKS);
            let (used, unused) = sync_channel(WAITING_BLOCKS);
            scope.spawn(move || {
                for block in blocks {
                    let room = unused.try_recv().unwrap_or_default();
                    if sender.send(parser.sheet(block.bytes(), room, tally)).is_err() {
                        break;
                    }
                }
            });
            for block in blocks {
                let waiting = Instant::now();
                let Ok(lines) = receiver.recv() else { break };
                timing.waiting += waiting.elapsed();
                timing.assembling += timed(|| hand.block(job, block, &lines, assembler, watcher)).1;
                *bytes += block.bytes().len() as u64 + block.skipped_bytes();
                // Room that nobody takes back any more is let go.
                let _ = used.try_send(sheet::emptied(lines));
            }
            filling.join().map_err(|_| anyhow::anyhow!("the reading thread broke off"))
        })?;
        let (result, took) = result;
        timing.reading += took;
        Self::settle(result, reading)
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
        Ok(self.fill(std::slice::from_mut(block), reading)? > 0)
    }

    /// The time of a record and the offset of its clock.
    pub(super) fn resolve(&mut self, record: &Record<'_>, reading: &mut Reading) -> Option<(Time, i32)> {
        self.parser.resolve(record, &mut reading.tally)
    }

    fn fill(&mut self, blocks: &mut [Block], reading: &mut Reading) -> Result<usize> {
        let (result, took) = timed(|| fill(&mut self.reader, blocks));
        reading.timing.reading += took;
        Self::settle(result, reading)
    }

    /// An archive that ends too early still counts for what could be read of it.
    fn settle(result: (usize, Option<mailvane_ingest::Error>), reading: &mut Reading) -> Result<usize> {
        match result {
            (filled, None) => Ok(filled),
            (filled, Some(error)) if error.is_partial() => {
                reading.warnings.push(error.to_string());
                Ok(filled)
            }
            (_, Some(error)) => Err(error.into()),
        }
    }
}

impl Hand {
    fn block<W: Watcher>(&mut self, job: &Job, block: &Block, lines: &[Parsed<'_>], assembler: &mut Assembler, watcher: &mut W) {
        let bytes = block.bytes();
        if !self.named {
            self.named = true;
            watcher.source(&self.path, self.file);
        }
        for parsed in lines {
            let line = &bytes[parsed.start as usize..parsed.end as usize];
            let position = Position { file: self.file, offset: block.offset() + u64::from(parsed.start) };
            if parsed.wrapped {
                // A JSON line of journald or a container: made plain first.
                let mut scratch = std::mem::take(&mut self.scratch);
                let record = head::record_of(wrap::plain(line, &mut scratch), job.mta);
                self.line(job, position, line, &record, parsed.time, assembler, watcher);
                self.scratch = scratch;
            } else {
                self.line(job, position, line, &parsed.record, parsed.time, assembler, watcher);
            }
        }
    }

    #[allow(clippy::too_many_arguments)] // The parts of one line, taken apart once.
    #[inline]
    fn line<W: Watcher>(
        &mut self,
        job: &Job,
        position: Position,
        line: &[u8],
        record: &Record<'_>,
        found: Option<(Time, i32)>,
        assembler: &mut Assembler,
        watcher: &mut W,
    ) {
        self.number += 1;
        let time = found.map(|found| found.0);
        let offset_minutes = found.map_or(0, |found| found.1);
        watcher.line(&Seen { number: self.number, position, line, record, time, offset_minutes });
        let Some(time) = time else { return };
        if job.assemble {
            assembler.reach(self.clock, watcher);
            if time > self.clock && time <= self.latest {
                self.clock = time;
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

/// Fills blocks until all are full or the input ends; an error comes after every block that could be filled.
fn fill(reader: &mut BlockReader<Input>, blocks: &mut [Block]) -> (usize, Option<mailvane_ingest::Error>) {
    for (filled, block) in blocks.iter_mut().enumerate() {
        match reader.fill(block) {
            Ok(true) => {}
            Ok(false) => return (filled, None),
            Err(error) => return (filled, Some(error)),
        }
    }
    (blocks.len(), None)
}
