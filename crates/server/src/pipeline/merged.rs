//! Logs that cover the same time, read side by side: lines that several of them carry count once (`mail.log` beside `mail.info` and `syslog`).

use std::path::PathBuf;

use anyhow::Result;
use mailvane_assemble::Assembler;
use mailvane_ingest::feed::{HeldLine, Policy, Verdict, usual_priority};
use mailvane_ingest::{Block, Feeds, LogicalLog, Part};
use mailvane_model::{Position, Time, hash};
use mailvane_parse::{Body, Record, head, wrap};

use super::files::{Job, Lane, Reading, Seen, Watcher};

/// One log with what is left of its files.
struct Side {
    name: PathBuf,
    parts: std::vec::IntoIter<Part>,
    /// What is being read.
    lane: Option<(Part, Lane)>,
    clock: Time,
    /// Whether lines of it were assembled: a log that only repeats another one holds no clock back.
    feeds: bool,
}

impl Side {
    /// The next block of the log; `false` at its end.
    fn next<W: Watcher>(&mut self, job: &Job, block: &mut Block, watcher: &mut W, reading: &mut Reading) -> Result<bool> {
        loop {
            if let Some((_, lane)) = &mut self.lane
                && lane.next_block(block, reading)?
            {
                return Ok(true);
            }
            if let Some((part, lane)) = self.lane.take() {
                watcher.finished(lane.state(&part, &self.name, job));
            }
            let Some(mut part) = self.parts.next() else { return Ok(false) };
            if watcher.leaves_out(&part.path, part.file) {
                continue;
            }
            reading.files.push(part.path.clone());
            watcher.source(&part.path, part.file);
            let input = part.open()?;
            let lane = Lane::open(input, part.file, job);
            self.lane = Some((part, lane));
        }
    }
}

/// Reads logs that may hold the same lines, in the order of their times.
pub(super) fn read<W: Watcher>(
    job: &Job,
    mut logs: Vec<LogicalLog>,
    assembler: &mut Assembler,
    watcher: &mut W,
    reading: &mut Reading,
) -> Result<()> {
    logs.sort_by_key(|log| (usual_priority(&log.name), log.name.clone()));
    let mut feeds = Feeds::new(&vec![Policy::Auto; logs.len()]);
    let mut sides: Vec<Side> = Vec::new();
    for (index, log) in logs.into_iter().enumerate() {
        if let Some(first) = log.parts.iter().find_map(|part| part.first_time) {
            feeds.starts_at(index, Time(first).seconds());
        }
        sides.push(Side { name: log.name, parts: log.parts.into_iter(), lane: None, clock: Time(i64::MIN), feeds: false });
    }
    let mut unfinished: Vec<usize> = (0..sides.len()).collect();
    let (mut block, mut released) = (Block::new(), Vec::new());
    while let Some(source) = feeds.next_source(unfinished.iter().copied()) {
        if watcher.is_done() {
            return Ok(());
        }
        if sides[source].next(job, &mut block, watcher, reading)? {
            let others = unfinished.iter().filter(|other| **other != source && sides[**other].feeds);
            let others = others.map(|other| sides[*other].clock).min().unwrap_or(Time(i64::MAX));
            one_block(job, &block, source, &mut sides[source], others, &mut feeds, assembler, watcher, reading);
        } else {
            feeds.finish(source);
            unfinished.retain(|other| *other != source);
        }
        feeds.release(&mut released);
        for held in released.drain(..) {
            feed_held(job, &held, assembler, watcher);
        }
    }
    let counts = feeds.counts();
    if counts.shadow_lines > 0 {
        reading.notes.push(format!("{} lines stood in more than one of the logs and were counted once", counts.shadow_lines));
    }
    Ok(())
}

fn one_block<W: Watcher>(
    job: &Job,
    block: &Block,
    source: usize,
    side: &mut Side,
    // How far the other logs that feed are read: log time goes no further.
    others: Time,
    feeds: &mut Feeds,
    assembler: &mut Assembler,
    watcher: &mut W,
    reading: &mut Reading,
) {
    let Some((_, lane)) = &mut side.lane else { return };
    let mut scratch = Vec::new();
    let bytes = block.bytes();
    reading.add(block);
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', bytes).chain(std::iter::once(bytes.len())) {
        let line = &bytes[start..end];
        let position = Position { file: lane.file(), offset: block.offset() + start as u64 };
        start = end + 1;
        if line.is_empty() && end == bytes.len() {
            continue;
        }
        let record = head::record_of(wrap::plain(line, &mut scratch), job.mta);
        let found = lane.resolve(&record, reading);
        reading.tally.coverage.add(&record, line);
        let time = found.map(|found| found.0);
        watcher.line(&Seen {
            number: lane.count_line(),
            position,
            line,
            record: &record,
            time,
            offset_minutes: found.map_or(0, |found| found.1),
        });
        let Some(time) = time else { continue };
        side.clock = side.clock.max(time);
        let verdict = feeds.offer(source, stream_key(&record), time.seconds(), position, line, || line_key(&record, line));
        if verdict == Verdict::Feed && job.assemble {
            side.feeds |= !matches!(record.body, Body::Ignored);
            // Second by second, as for a single log: what is assembled depends on the lines alone, not on where blocks end.
            assembler.reach(time.min(others), watcher);
            assembler.record(&job.origin, position, time, &record, watcher);
        }
    }
}

/// A line that was held and turned out to feed.
fn feed_held<W: Watcher>(job: &Job, held: &HeldLine, assembler: &mut Assembler, watcher: &mut W) {
    let mut scratch = Vec::new();
    let record = head::record_of(wrap::plain(&held.line, &mut scratch), job.mta);
    let time = match record.when {
        mailvane_parse::When::Absolute { micros, .. } => Time(micros),
        _ => Time::from_seconds(held.second),
    };
    if job.assemble {
        assembler.reach(time, watcher);
        assembler.record(&job.origin, held.position, time, &record, watcher);
    }
}

/// What tells streams apart: host word and instance (all logs of a command line have one origin).
fn stream_key(record: &Record<'_>) -> u64 {
    hash::words(&[hash::bytes(record.host), hash::bytes(record.instance())])
}

/// What makes two lines of one second the same: program, pid and text, whatever the form of the head.
pub(crate) fn line_key(record: &Record<'_>, line: &[u8]) -> u64 {
    let text = memchr::memmem::find(line, record.program).map_or(line, |at| &line[at..]);
    hash::words(&[hash::bytes(record.program), u64::from(record.pid.unwrap_or(0)), hash::bytes(text)])
}
