//! `mailvane bench-store`: a large store for measuring the dashboard. The days of a busy host, simulated one after the other, go through the
//! parser and the assembly and are written as an import writes them, in bulk commits.

use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anyhow::{Context, Result, anyhow, ensure};
use mailvane_assemble::Assembler;
use mailvane_model::{Batch, FileId, Position, Time};
use mailvane_simulate::{HeadForm, Host, Incident, IncidentKind};
use mailvane_store::{Commit, Disk, Options, Store};

use crate::{Ending, cli};

/// Attempts of one commit: bounds the memory.
const COMMIT: usize = 200_000;
/// Commits that wait to be written.
const WAITING: usize = 1;
/// Ticks in which days are merged.
const MERGE_TICKS: i64 = 3_000;
/// Messages a day of the week in which it is counted how many attempts they need: retries come later, the newsletter once.
const TRIAL: u32 = 2_000;
const TRIAL_DAYS: i64 = 7;
/// Messages a day at most.
const MESSAGES_MAX: u64 = 10_000_000;

/// Runs it.
pub(crate) fn run(arguments: &cli::BenchStore, now: Time) -> Result<Ending> {
    ensure!(arguments.days > 0 && arguments.attempts > 0, "a store needs days and attempts");
    let days = i64::try_from(arguments.days).context("too many days")?;
    // The last day ends now: the pages look at the last hours.
    let first = now.floor(Time::HOUR).plus(-days * Time::DAY);
    let messages_per_day = messages_for(arguments.attempts.div_ceil(arguments.days), first)?;
    std::fs::create_dir_all(&arguments.folder).with_context(|| format!("cannot make {}", arguments.folder.display()))?;
    let mut store = Disk::open(&arguments.folder, Options { merge_bytes_per_second: 1 << 40, ..Options::default() })?;
    crate::reclassify::begin_new(&mut store, crate::rules::current())?;
    let (sender, batches) = sync_channel(WAITING);
    let written = std::thread::scope(|scope| {
        let busy = scope.spawn(move || simulated(first, days, messages_per_day, &mut |rows| hand_over(&sender, rows)));
        let written = write(&batches, arguments.attempts, &mut store);
        drop(batches);
        busy.join().map_err(|_| anyhow!("the simulated host broke off"))?;
        written
    })?;
    let end = first.plus(days * Time::DAY);
    merge(&mut store, end)?;
    let streams: Vec<u64> = store.snapshot()?.streams().iter().map(|state| state.stream.key()).collect();
    store.commit(&Commit { watermarks: streams.into_iter().map(|key| (key, end)).collect(), ..Commit::of(&Batch::default()) })?;
    writeln!(std::io::stdout(), "{written} attempts of {days} days from {}", first.rfc3339(0)).context("cannot say it")?;
    Ok(Ending::Fine)
}

/// How many messages a day make so many attempts.
fn messages_for(attempts: u64, first: Time) -> Result<u32> {
    let mut of_trial = 0;
    simulated(first, TRIAL_DAYS, TRIAL, &mut |rows| {
        of_trial += rows.attempts.len() as u64;
        true
    });
    let messages = attempts * u64::from(TRIAL) * TRIAL_DAYS as u64 / of_trial.max(1);
    ensure!(messages <= MESSAGES_MAX, "{messages} messages a day are more than {MESSAGES_MAX}: give more --days");
    Ok(u32::try_from(messages.max(1))?)
}

/// Gives a batch to the writer; `false` once it has stopped.
fn hand_over(sender: &SyncSender<Batch>, rows: Batch) -> bool {
    sender.send(rows).is_ok()
}

/// Writes what comes; how many attempts there were.
fn write(batches: &Receiver<Batch>, wanted: u64, store: &mut Disk) -> Result<u64> {
    let mut written = 0;
    for rows in batches {
        written += rows.attempts.len() as u64;
        store.commit(&Commit { bulk: true, rows: Arc::new(rows), ..Commit::of(&Batch::default()) })?;
        writeln!(std::io::stderr(), "{written} of {wanted} attempts").context("cannot say how far it is")?;
    }
    Ok(written)
}

/// Merges the days, as time does: a store of this age has had the time.
fn merge(store: &mut Disk, end: Time) -> Result<()> {
    store.seal()?;
    // Days are closed an hour after their end; a tick does so much at most.
    for minute in 0..MERGE_TICKS {
        store.tick(end.plus(Time::DAY + minute * Time::MINUTE))?;
    }
    Ok(())
}

/// Some days of a busy host, with trouble on each, batch by batch; until the end, or until `take` wants no more.
fn simulated(start: Time, days: i64, messages_per_day: u32, take: &mut impl FnMut(Batch) -> bool) {
    let trouble = |day: i64, (from, to): (i64, i64), kind| {
        let at = |hour: i64| start.plus(day * Time::DAY + hour * Time::HOUR);
        Incident { kind, start: at(from), end: at(to), percent: 60 }
    };
    let of_day = |day| {
        let refused = trouble(day, (3, 5), IncidentKind::Refusal { provider: "Google" });
        [refused, trouble(day, (9, 12), IncidentKind::Unreachable { provider: "GMX" })]
    };
    let end = start.plus(days * Time::DAY);
    let mut host = Host::new(mailvane_simulate::Options {
        start,
        end: Some(end),
        messages_per_day,
        form: HeadForm::Rfc3339,
        incidents: (0..days).flat_map(of_day).collect(),
        ..mailvane_simulate::Options::default()
    });
    let mut assembler = Assembler::new(mailvane_assemble::Config::default());
    let (mut rows, mut line, mut offset, mut last) = (Batch::default(), Vec::new(), 0, start);
    loop {
        line.clear();
        if host.next_line(&mut line).is_none() {
            break;
        }
        let text = line.trim_ascii_end();
        let head = text.split(|byte| *byte == b' ').next().and_then(|head| std::str::from_utf8(head).ok());
        if let Some(time) = head.and_then(|head| chrono::DateTime::parse_from_rfc3339(head).ok()) {
            last = Time::from_chrono(&time);
        }
        assembler.reach(last, &mut rows);
        let record = mailvane_parse::record(text);
        assembler.record("bench", Position { file: FileId(1), offset }, last, &record, &mut rows);
        offset += line.len() as u64;
        if rows.attempts.len() >= COMMIT && !take(std::mem::take(&mut rows)) {
            return;
        }
    }
    assembler.advance(end, &mut rows);
    take(rows);
}

#[cfg(test)]
mod tests {
    use mailvane_store::Detail;

    use super::*;

    /// What the rules see is the same from what numbers are made of as from whole rows.
    #[test]
    fn rules_need_no_more_than_what_is_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let arguments = cli::BenchStore { folder: folder.path().to_owned(), attempts: 3_000, days: 1 };
        run(&arguments, Time::from_seconds(1_793_611_837)).expect("written");
        let snapshot = Disk::look(folder.path()).expect("a snapshot");
        let minutes = |detail| {
            let mut fold = mailvane_alert::fold::Fold::new(Time::MINUTE);
            crate::alerting::rows::between(&snapshot, (Time(i64::MIN), Time(i64::MAX)), detail, &mut fold).expect("read");
            let mut minutes = Vec::new();
            fold.finish(&mut |minute| minutes.push(format!("{minute:?}")));
            minutes
        };
        let whole = minutes(Detail::Whole);
        assert!(whole.iter().any(|minute| minute.contains("reply: \"") && minute.contains("Login")), "there is something to compare");
        assert_eq!(minutes(Detail::Counted), whole);
    }

    #[test]
    fn every_day_has_its_own_rows_at_its_own_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let arguments = cli::BenchStore { folder: folder.path().to_owned(), attempts: 600, days: 3 };
        let now = Time::from_seconds(1_793_611_837);
        assert_eq!(run(&arguments, now).expect("written"), Ending::Fine);
        let store = Disk::open(folder.path(), Options::default()).expect("opens");
        let snapshot = store.snapshot().expect("a snapshot");
        let mut rows = Batch::default();
        crate::alerting::rows::between(&snapshot, (Time(i64::MIN), Time(i64::MAX)), Detail::Whole, &mut rows).expect("read");
        let ids: std::collections::HashSet<u64> = rows.attempts.iter().map(|row| row.id).collect();
        assert_eq!(ids.len(), rows.attempts.len(), "no id twice");
        assert!((400..1_200).contains(&ids.len()), "{}", ids.len());
        let first = now.floor(Time::HOUR).plus(-3 * Time::DAY);
        let days: std::collections::BTreeSet<i64> = rows.attempts.iter().map(|row| (row.time.0 - first.0) / Time::DAY).collect();
        assert!(days.is_superset(&[0, 1, 2].into()), "{days:?}");
    }
}
