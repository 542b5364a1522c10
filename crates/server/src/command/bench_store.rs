//! `mailvane bench-store`: a large store for measuring the dashboard. One simulated day goes through the parser and the assembly once; every
//! other day is the same day at another time with ids of its own, written by the store's own writer in bulk commits.

use std::io::Write;

use anyhow::{Context, Result, ensure};
use mailvane_assemble::Assembler;
use mailvane_model::row::{AttemptRow, AuthRow, MessageRow, NoticeRow, OutcomeRow, RejectionRow, SessionRow};
use mailvane_model::{Batch, FileId, Position, Sink, Time, hash};
use mailvane_simulate::{HeadForm, Host, Incident, IncidentKind};
use mailvane_store::{Commit, Disk, Options, Store};

use crate::{Ending, cli};

/// Attempts of one commit: bounds the memory.
const COMMIT: usize = 200_000;
/// Ticks in which days are merged.
const MERGE_TICKS: i64 = 3_000;
/// Messages of the simulated day for which its attempts are counted first.
const TRIAL: u32 = 2_000;
/// Attempts of the simulated day at most: all of them are in memory.
const DAY_MAX: u64 = 2_000_000;

/// Runs it.
pub(crate) fn run(arguments: &cli::BenchStore, now: Time) -> Result<Ending> {
    ensure!(arguments.days > 0 && arguments.attempts > 0, "a store needs days and attempts");
    let of_day = arguments.attempts.div_ceil(arguments.days);
    ensure!(of_day <= DAY_MAX, "{of_day} attempts a day are more than {DAY_MAX}: give more --days");
    // The last day ends now: the pages look at the last hours.
    let first = now.floor(Time::HOUR).plus(-(arguments.days as i64) * Time::DAY);
    let trial = simulated(first, TRIAL);
    let messages = of_day * u64::from(TRIAL) / (trial.attempts.len() as u64).max(1);
    let day = simulated(first, u32::try_from(messages.max(1)).unwrap_or(u32::MAX));
    std::fs::create_dir_all(&arguments.folder).with_context(|| format!("cannot make {}", arguments.folder.display()))?;
    let mut store = Disk::open(&arguments.folder, Options { merge_bytes_per_second: 1 << 40, ..Options::default() })?;
    let mut written = 0;
    for number in 0..arguments.days {
        written += copy(&day, number, &mut store)?;
        writeln!(std::io::stderr(), "{written} of {} attempts", arguments.attempts).context("cannot say how far it is")?;
    }
    let end = first.plus(arguments.days as i64 * Time::DAY);
    merge(&mut store, end)?;
    let streams: Vec<u64> = store.snapshot()?.streams().iter().map(|state| state.stream.key()).collect();
    store.commit(&Commit { watermarks: streams.into_iter().map(|key| (key, end)).collect(), ..Commit::of(&Batch::default()) })?;
    writeln!(std::io::stdout(), "{written} attempts of {} days from {}", arguments.days, first.rfc3339(0)).context("cannot say it")?;
    Ok(Ending::Fine)
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

/// A day of a busy host, with trouble in it.
fn simulated(start: Time, messages_per_day: u32) -> Batch {
    let trouble =
        |from: i64, to: i64, kind| Incident { kind, start: start.plus(from * Time::HOUR), end: start.plus(to * Time::HOUR), percent: 60 };
    let end = start.plus(Time::DAY);
    let mut host = Host::new(mailvane_simulate::Options {
        start,
        end: Some(end),
        messages_per_day,
        form: HeadForm::Rfc3339,
        incidents: vec![
            trouble(3, 5, IncidentKind::Refusal { provider: "Google" }),
            trouble(9, 12, IncidentKind::Unreachable { provider: "GMX" }),
        ],
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
        let record = mailvane_parse::record(text);
        assembler.record("bench", Position { file: FileId(1), offset }, last, &record, &mut rows);
        offset += line.len() as u64;
    }
    assembler.advance(end, &mut rows);
    rows
}

/// Writes a day again, `number` days later; how many attempts it had.
fn copy(day: &Batch, number: u64, store: &mut Disk) -> Result<u64> {
    let salt = hash::bytes(&number.to_le_bytes());
    let mut shifted = Shifted { shift: number as i64 * Time::DAY, salt, tag: format!("{number:03}"), rows: Batch::default() };
    let mut keep = |shifted: &mut Shifted, all: bool| -> Result<()> {
        if all || shifted.rows.attempts.len() >= COMMIT || shifted.rows.outcomes.len() >= COMMIT {
            let rows = std::mem::take(&mut shifted.rows);
            store.commit(&Commit { bulk: true, rows: std::sync::Arc::new(rows), ..Commit::of(&Batch::default()) })?;
        }
        Ok(())
    };
    macro_rules! play {
        ($($column:ident $method:ident),+) => {
            $(for row in day.$column.iter() {
                shifted.$method(&row);
                keep(&mut shifted, false)?;
            })+
        };
    }
    play!(attempts attempt, rejections rejection, auths auth, sessions session, notices notice);
    for row in day.messages.iter() {
        shifted.message(&row, None);
        keep(&mut shifted, false)?;
    }
    for row in day.outcomes.iter() {
        shifted.outcome(&row, None);
        keep(&mut shifted, false)?;
    }
    keep(&mut shifted, true)?;
    Ok(day.attempts.len() as u64)
}

/// Rows at another time, with other ids.
struct Shifted {
    shift: i64,
    salt: u64,
    tag: String,
    rows: Batch,
}

impl Shifted {
    /// 0 means none, and stays it.
    fn id(&self, id: u64) -> u64 {
        if id == 0 { 0 } else { (id ^ self.salt).max(1) }
    }

    fn at(&self, time: Time) -> Time {
        time.plus(self.shift)
    }

    fn name(&self, text: &str) -> String {
        if text.is_empty() { String::new() } else { format!("{text}{}", self.tag) }
    }
}

impl Sink for Shifted {
    fn message(&mut self, row: &MessageRow<'_>, _: Option<&MessageRow<'_>>) {
        let (queue_id, message_id) = (self.name(row.queue_id), self.name(row.message_id));
        let row = MessageRow {
            id: self.id(row.id),
            time: self.at(row.time),
            queue_id: &queue_id,
            message_id: &message_id,
            removed: row.removed.map(|time| self.at(time)),
            chain: self.id(row.chain),
            previous_hop: self.id(row.previous_hop),
            next_hop: self.id(row.next_hop),
            bounce_of: self.id(row.bounce_of),
            ..*row
        };
        self.rows.message(&row, None);
    }
    fn attempt(&mut self, row: &AttemptRow<'_>) {
        let (queue_id, message_id) = (self.name(row.queue_id), self.name(row.message_id));
        let row = AttemptRow {
            id: self.id(row.id),
            message: self.id(row.message),
            time: self.at(row.time),
            arrived: self.at(row.arrived),
            previous: row.previous.map(|time| self.at(time)),
            queue_id: &queue_id,
            message_id: &message_id,
            ..*row
        };
        self.rows.attempt(&row);
    }
    fn outcome(&mut self, row: &OutcomeRow<'_>, _: Option<&OutcomeRow<'_>>) {
        let (queue_id, last_queue_id, message_id) = (self.name(row.queue_id), self.name(row.last_queue_id), self.name(row.message_id));
        let row = OutcomeRow {
            id: self.id(row.id),
            message: self.id(row.message),
            last_message: self.id(row.last_message),
            time: self.at(row.time),
            arrived: self.at(row.arrived),
            first_attempt: row.first_attempt.map(|time| self.at(time)),
            last_attempt: row.last_attempt.map(|time| self.at(time)),
            queue_id: &queue_id,
            last_queue_id: &last_queue_id,
            message_id: &message_id,
            ..*row
        };
        self.rows.outcome(&row, None);
    }
    fn rejection(&mut self, row: &RejectionRow<'_>) {
        self.rows.rejection(&RejectionRow { id: self.id(row.id), time: self.at(row.time), ..*row });
    }
    fn auth(&mut self, row: &AuthRow<'_>) {
        self.rows.auth(&AuthRow { id: self.id(row.id), time: self.at(row.time), ..*row });
    }
    fn session(&mut self, row: &SessionRow<'_>) {
        self.rows.session(&SessionRow { id: self.id(row.id), time: self.at(row.time), ..*row });
    }
    fn notice(&mut self, row: &NoticeRow<'_>) {
        self.rows.notice(&NoticeRow { id: self.id(row.id), time: self.at(row.time), ..*row });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_has_its_own_rows_at_its_own_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let arguments = cli::BenchStore { folder: folder.path().to_owned(), attempts: 600, days: 3 };
        let now = Time::from_seconds(1_793_611_837);
        assert_eq!(run(&arguments, now).expect("written"), Ending::Fine);
        let store = Disk::open(folder.path(), Options::default()).expect("opens");
        let snapshot = store.snapshot().expect("a snapshot");
        let mut rows = Batch::default();
        crate::alerting::rows::between(&snapshot, Time(i64::MIN), Time(i64::MAX), &mut rows).expect("read");
        let ids: std::collections::HashSet<u64> = rows.attempts.iter().map(|row| row.id).collect();
        assert_eq!(ids.len(), rows.attempts.len(), "no id twice");
        assert!((400..1_200).contains(&ids.len()), "{}", ids.len());
        let first = now.floor(Time::HOUR).plus(-3 * Time::DAY);
        let days: std::collections::BTreeSet<i64> = rows.attempts.iter().map(|row| (row.time.0 - first.0) / Time::DAY).collect();
        assert_eq!(days, [0, 1, 2].into());
    }
}
