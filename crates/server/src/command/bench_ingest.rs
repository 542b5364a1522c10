//! `mailvane bench-ingest`: a log through the very engine of `serve` into a store that is thrown away, with figures.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use mailvane_ingest::Spec;
use mailvane_model::Time;
use mailvane_store::{Disk, Kind, Snapshot, Store};

use crate::live::engine::{COMMIT_ROWS_HISTORY, Engine, Settings};
use crate::live::kept::Keep;
use crate::live::view::{About, Shared, View};
use crate::pipeline::span;
use crate::{Ending, cli};

/// How often the writer writes.
const TICK: Duration = Duration::from_millis(2);

/// Lines that were written together, and when.
struct Mark {
    end: u64,
    lines: u64,
    written: Instant,
}

/// What the writer has written and the store has not yet.
type Marks = Mutex<VecDeque<Mark>>;

/// Runs it.
pub(crate) fn run(arguments: &cli::BenchIngest, now: Time) -> Result<Ending> {
    if let Some(count) = arguments.open {
        return restart(count, now);
    }
    let source = &arguments.file;
    File::open(source).with_context(|| format!("cannot open {}", source.display()))?;
    let folder = std::env::temp_dir().join(format!("mailvane-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let _clean = Cleanup(folder.clone());
    let log = if arguments.rate == 0 { source.clone() } else { folder.join("mail.log") };
    let shared = Arc::new(Shared::new(about(now)?));
    let mut engine =
        Engine::open(settings(&log, folder.join("store"), arguments.keep_failed_lines)?, Arc::clone(&shared), &Arc::default())?;
    let begun = Instant::now();
    let latencies = if arguments.rate == 0 {
        follow(&mut engine, &shared, &AtomicBool::new(true), &Marks::default())?
    } else {
        let (marks, done) = (Marks::default(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let writing = scope.spawn(|| {
                let result = write(source, &log, arguments, &marks);
                done.store(true, Ordering::Release);
                result
            });
            let latencies = follow(&mut engine, &shared, &done, &marks)?;
            writing.join().map_err(|_| anyhow::anyhow!("the writer broke off"))??;
            anyhow::Ok(latencies)
        })?
    };
    let elapsed = begun.elapsed();
    let view = shared.view().context("nothing was read")?;
    print(&view, elapsed, engine.commits(), latencies)?;
    drop(engine);
    let bytes = bytes_in(&folder.join("store"))?;
    let read = bytes_read(&view).max(1);
    let mut out = std::io::stdout();
    writeln!(out, "store     {bytes} bytes for {read} bytes of log ({:.1} %)", 100.0 * bytes as f64 / read as f64)?;
    writeln!(out, "memory    {} at most", peak_memory().unwrap_or_else(|| "unknown".to_owned()))?;
    if arguments.sizes {
        drop(view);
        drop(shared);
        sizes(&folder.join("store"), read)?;
    }
    Ok(Ending::Fine)
}

/// Merges everything, as time does, and says where the bytes are.
fn sizes(folder: &Path, read: u64) -> Result<()> {
    /// Columns of a kind that are named.
    const NAMED: usize = 12;
    let options = mailvane_store::Options { merge_bytes_per_second: 1 << 40, ..mailvane_store::Options::default() };
    let mut store = Disk::open(folder, options)?;
    store.seal()?;
    let last = store.snapshot()?.all_segments().iter().map(|segment| segment.time_max).max().unwrap_or_default();
    let begun = Instant::now();
    let mut merges = 0;
    // Days are closed an hour after their end, once nothing came for them for a while.
    for minute in 0..3_000 {
        merges += store.tick(last.plus(Time::DAY + minute * Time::MINUTE))?.merges;
    }
    let snapshot = store.snapshot()?;
    let sizes = snapshot.sizes()?;
    let mut out = std::io::stdout();
    let share = |bytes: u64| 100.0 * bytes as f64 / read.max(1) as f64;
    writeln!(out, "merged    {merges} merges in {:.1} s", begun.elapsed().as_secs_f64())?;
    for kind in Kind::ALL {
        let segments: Vec<_> = snapshot.all_segments().iter().filter(|segment| segment.kind == kind).collect();
        let rows: u64 = segments.iter().map(|segment| segment.rows).sum();
        let mut columns: Vec<(&str, u64)> =
            sizes.columns.iter().filter(|(key, _)| key.0 == kind).map(|(key, bytes)| (key.1.as_str(), *bytes)).collect();
        columns.sort_by_key(|column| std::cmp::Reverse(column.1));
        let all: u64 = columns.iter().map(|column| column.1).sum();
        write!(out, "{:10}{all:>11} bytes {:5.2} %, {rows} rows in {} files:", kind.word(), share(all), segments.len())?;
        for (name, bytes) in columns.iter().take(NAMED) {
            write!(out, " {name} {:.2}", *bytes as f64 / rows.max(1) as f64)?;
        }
        writeln!(out, " bytes a row")?;
    }
    for (name, bytes) in [("footers", sizes.descriptions), ("filters", sizes.filters), ("rollups", sizes.rollups())] {
        writeln!(out, "{name:10}{bytes:>11} bytes {:5.2} %", share(bytes))?;
    }
    for (name, bytes) in &sizes.tables {
        writeln!(out, "  {name:22}{bytes:>11} bytes")?;
    }
    let all = sizes.rows() + sizes.filters + sizes.rollups();
    writeln!(out, "together  {all:>11} bytes {:5.2} % of the log (rows, filters, rollups)", share(all))?;
    Ok(())
}

/// Fills a store with messages that are open, and measures how long the next start takes.
fn restart(count: u64, now: Time) -> Result<Ending> {
    let folder = std::env::temp_dir().join(format!("mailvane-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let _clean = Cleanup(folder.clone());
    let log = folder.join("mail.log");
    write_open(&log, count, now)?;
    let settings = settings(&log, folder.join("store"), false)?;
    let shared = Arc::new(Shared::new(about(now)?));
    let mut engine = Engine::open(settings.clone(), Arc::clone(&shared), &Arc::default())?;
    follow(&mut engine, &shared, &AtomicBool::new(true), &Marks::default())?;
    drop(engine);
    let begun = Instant::now();
    let mut engine = Engine::open(settings, Arc::new(Shared::new(about(now)?)), &Arc::default())?;
    let opened = begun.elapsed();
    let lives = engine.statistics().lives;
    engine.commit()?;
    writeln!(std::io::stdout(), "restart   {lives} open messages loaded in {:.2} s", opened.as_secs_f64())?;
    anyhow::ensure!(lives == count, "{lives} messages are open, {count} were written");
    Ok(Ending::Fine)
}

/// A log of messages that were deferred once and wait.
fn write_open(log: &Path, count: u64, now: Time) -> Result<()> {
    let mut out = std::io::BufWriter::new(File::create(log)?);
    let begun = now.plus(-Time::HOUR);
    for number in 0..count {
        let time = begun.plus(number as i64 * (Time::HOUR / 2) / count.max(1) as i64).to_chrono().format("%Y-%m-%dT%H:%M:%S%.6f+00:00");
        let id = format!("4{number:09X}");
        let to = format!("user{}@domain{}.example", number % 50_000, number % 5_000);
        writeln!(
            out,
            "{time} mx1 postfix/submission/smtpd[{}]: {id}: client=app.example.com[192.0.2.10], sasl_username=news",
            1000 + number % 50
        )?;
        writeln!(out, "{time} mx1 postfix/cleanup[2000]: {id}: message-id=<{number:016x}@example.com>")?;
        writeln!(out, "{time} mx1 postfix/qmgr[900]: {id}: from=<news@example.com>, size=4321, nrcpt=1 (queue active)")?;
        writeln!(
            out,
            "{time} mx1 postfix/smtp[3000]: {id}: to=<{to}>, relay=mx.{}.example[198.51.100.7]:25, delay=1.2, delays=0.1/0/0.6/0.5, \
             dsn=4.2.2, status=deferred (host mx said: 452 4.2.2 mailbox full (in reply to RCPT TO command))",
            number % 5_000
        )?;
    }
    Ok(out.flush()?)
}

/// Follows until everything that was written is committed; how long lines took.
fn follow(engine: &mut Engine, shared: &Shared, done: &AtomicBool, marks: &Marks) -> Result<Vec<(Duration, u64)>> {
    let watch = engine.watch();
    let mut latencies = Vec::new();
    loop {
        let over = done.load(Ordering::Acquire);
        engine.turn(&watch)?;
        if over && engine.is_caught_up() {
            engine.commit()?;
        }
        let committed = shared.view().map_or(0, |view| bytes_read(&view));
        let mut marks = marks.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(mark) = marks.pop_front_if(|mark| mark.end <= committed) {
            latencies.push((mark.written.elapsed(), mark.lines));
        }
        if over && marks.is_empty() && engine.is_caught_up() {
            return Ok(latencies);
        }
    }
}

/// Appends the lines of `source` to `log` at the rate that was asked for.
fn write(source: &Path, log: &Path, arguments: &cli::BenchIngest, marks: &Marks) -> Result<()> {
    let mut source = BufReader::with_capacity(1 << 20, File::open(source)?);
    let mut log = File::create(log)?;
    let wanted = arguments.rate.saturating_mul(arguments.seconds);
    let (begun, mut lines, mut end) = (Instant::now(), 0, 0);
    let mut text = Vec::new();
    while lines < wanted {
        let due = ((begun.elapsed().as_secs_f64() * arguments.rate as f64) as u64).min(wanted);
        text.clear();
        let before = lines;
        while lines < due && source.read_until(b'\n', &mut text)? > 0 {
            lines += 1;
        }
        log.write_all(&text)?;
        end += text.len() as u64;
        if lines > before {
            let mark = Mark { end, lines: lines - before, written: Instant::now() };
            marks.lock().unwrap_or_else(PoisonError::into_inner).push_back(mark);
        }
        if lines < due {
            break;
        }
        std::thread::sleep(TICK);
    }
    Ok(())
}

fn print(view: &View, elapsed: Duration, commits: (u64, Duration), mut latencies: Vec<(Duration, u64)>) -> Result<()> {
    let (lines, seconds) = (view.coverage.total.lines(), elapsed.as_secs_f64());
    let mut out = std::io::stdout();
    let (count, time) = commits;
    writeln!(out, "lines     {lines} in {seconds:.2} s: {:.0} lines/s with commits", lines as f64 / seconds)?;
    writeln!(out, "commits   {count} in {:.2} s together", time.as_secs_f64())?;
    writeln!(out, "rows      {}", alive_rows(&view.snapshot))?;
    latencies.sort_unstable();
    let measured: u64 = latencies.iter().map(|latency| latency.1).sum();
    if let Some((longest, _)) = latencies.last() {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        let (p50, p99) = (percentile(&latencies, measured, 0.50), percentile(&latencies, measured, 0.99));
        let [p50, p99, longest] = [p50, p99, *longest].map(milliseconds);
        writeln!(out, "written to queryable  p50 {p50:.0} ms, p99 {p99:.0} ms, longest {longest:.0} ms ({measured} lines)")?;
    }
    Ok(())
}

/// The time within which this share of the lines was there; `latencies` sorted, with their number of lines.
fn percentile(latencies: &[(Duration, u64)], lines: u64, share: f64) -> Duration {
    let wanted = (lines as f64 * share).ceil() as u64;
    let mut seen = 0;
    let reached = latencies.iter().find(|latency| {
        seen += latency.1;
        seen >= wanted
    });
    reached.map_or(Duration::ZERO, |latency| latency.0)
}

/// Rows in their highest revision.
fn alive_rows(snapshot: &Snapshot) -> u64 {
    let sealed: u64 = snapshot.all_segments().iter().map(|segment| segment.rows - segment.dead.len() as u64).sum();
    let dead = |kind| move |pending: &mailvane_store::Pending| pending.dead(kind).len();
    let pending = snapshot.pending().iter();
    sealed + pending.map(|part| part.rows.len() - dead(Kind::Messages)(part) - dead(Kind::Outcomes)(part)).sum::<usize>() as u64
}

fn bytes_read(view: &View) -> u64 {
    view.sources.iter().map(|source| source.bytes_read).sum()
}

fn bytes_in(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { bytes_in(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

/// The highest resident memory of this process, as the system says it.
fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")).map(|rest| rest.trim().to_owned())
}

/// Removes the temporary store at the end.
struct Cleanup(PathBuf);

impl Drop for Cleanup {
    fn drop(&mut self) {
        // What is left of a measurement does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn settings(log: &Path, folder: PathBuf, keep: bool) -> Result<Settings> {
    Ok(Settings {
        specs: vec![Spec { pattern: log.display().to_string(), origin: String::new(), history: i64::MAX / 4 }],
        intakes: Vec::new(),
        spool_bytes: mailvane_ingest::intake::SPOOL_BYTES,
        policies: HashMap::new(),
        zone: span::zone(None)?,
        year: None,
        mta: None,
        assembly: mailvane_assemble::Config::default(),
        folder,
        keep: if keep { Keep::Failed } else { Keep::Nothing },
        store: mailvane_store::Options::default(),
        history_rows: COMMIT_ROWS_HISTORY,
    })
}

fn about(now: Time) -> Result<About> {
    Ok(About {
        started: now,
        zone: span::zone(None)?,
        listen: String::new(),
        software: None,
        facts: Vec::new(),
        logs: Vec::new(),
        banner: None,
        demo: false,
        hints: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_count_lines_not_batches() {
        let at = |milliseconds, lines| (Duration::from_millis(milliseconds), lines);
        let latencies = [at(1, 98), at(5, 1), at(9, 1)];
        assert_eq!(percentile(&latencies, 100, 0.5), Duration::from_millis(1));
        assert_eq!(percentile(&latencies, 100, 0.99), Duration::from_millis(5));
        assert_eq!(percentile(&latencies, 100, 1.0), Duration::from_millis(9));
        assert_eq!(percentile(&[], 0, 0.5), Duration::ZERO);
    }
}
