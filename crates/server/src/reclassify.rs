//! The rules of today applied to what was stored: every failure is judged again from its kept reply, part by part.
//!
//! No log is read. A part is one transaction, so that it can stop anywhere and go on later; it is safe to run twice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anyhow::{Context, Result};
use mailvane_model::row::{AttemptColumns, AttemptRow, Batch, OutcomeColumns, OutcomeRow, RejectionColumns, RejectionRow};
use mailvane_model::word::{Action, Outcome, Reason, Status};
use mailvane_model::{Time, Verdict};
use mailvane_reply::judge::Failure;
use mailvane_store::{Disk, Kind, Probe, StateChange, Store};

use crate::rules::Rules;

/// The state that holds the version of the rules by which everything stored was judged, and, when rows were too young to be touched,
/// the log time up to which they reach: they are judged when the log is past it.
const VERSION: &[u8] = b"rules/version";
/// The state that holds messages whose count of greylisted attempts must be looked at once every attempt is judged.
const TOUCHED: &[u8] = b"rules/touched";
/// Rows younger than this may still get a revision from the log: they are judged by the rules of now anyway when that comes,
/// and left alone here.
const YOUNG: i64 = 2 * Time::HOUR;
/// Messages that are looked up at once.
const LIVES_AT_ONCE: usize = 500;

/// From which reason to which, and how many rows.
pub(crate) type Moves = BTreeMap<(Option<Reason>, Option<Reason>), u64>;

/// What was done so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Done {
    /// Attempts, outcomes and rejections that were looked at.
    pub(crate) rows: u64,
    /// Those that changed.
    pub(crate) changed: u64,
    /// Those that are too young to be touched: they are judged when the log is [`YOUNG`] further.
    pub(crate) left: u64,
    /// Attempts whose reason is another one now.
    pub(crate) moves: Moves,
}

/// The work, one part at a time.
pub(crate) struct Reclassification {
    rules: &'static Rules,
    parts: VecDeque<u64>,
    /// All parts of this run.
    pub(crate) total: usize,
    /// What was done.
    pub(crate) done: Done,
    before: Time,
    /// The newest row when the work began.
    newest: Option<Time>,
    touched: BTreeSet<u64>,
    counting: bool,
}

/// What is known of the last work: the rules, and up to which log time young rows were left.
fn known(store: &Disk) -> Result<Option<(u32, Option<Time>)>> {
    let state = store.state(VERSION).context("cannot read the state of the store")?;
    let read = |bytes: &[u8]| {
        let (version, left) = bytes.split_first_chunk::<4>()?;
        Some((u32::from_be_bytes(*version), left.try_into().ok().map(|left| Time(i64::from_be_bytes(left)))))
    };
    Ok(state.first().and_then(|(_, value)| read(value)))
}

fn newest(store: &Disk) -> Result<Option<Time>> {
    Ok(store.snapshot()?.streams().iter().filter_map(|state| state.watermark).max())
}

/// Says of a store without rows that what comes is judged by these rules: it need not be judged again when `serve` opens it.
pub(crate) fn begin_new(store: &mut Disk, rules: &Rules) -> Result<()> {
    let snapshot = store.snapshot()?;
    let is_empty = snapshot.all_segments().is_empty() && snapshot.pending().is_empty();
    if is_empty && known(store)?.is_none() {
        keep_state(store, vec![(VERSION.to_vec(), Some(rules.judge.version().to_be_bytes().to_vec()))])?;
    }
    Ok(())
}

/// Whether rows that were too young still wait to be judged by these rules.
pub(crate) fn is_pending(store: &Disk, rules: &Rules) -> Result<bool> {
    Ok(known(store)?.is_some_and(|(version, left)| version == rules.judge.version() && left.is_some()))
}

/// Whether something stored is to be judged by these rules now.
pub(crate) fn is_due(store: &Disk, rules: &Rules) -> Result<bool> {
    Ok(match known(store)? {
        Some((version, Some(left))) if version == rules.judge.version() => newest(store)?.is_some_and(|newest| newest.plus(-YOUNG) >= left),
        Some((version, None)) => version != rules.judge.version(),
        _ => true,
    })
}

impl Reclassification {
    /// Makes ready: what is pending is sealed.
    pub(crate) fn begin(store: &mut Disk, rules: &'static Rules) -> Result<Self> {
        store.seal().context("cannot write the store")?;
        let newest = newest(store)?;
        let left = known(store)?.filter(|known| known.0 == rules.judge.version()).and_then(|known| known.1);
        let parts = match left {
            // All but the young rows of last time was judged already.
            Some(left) => parts_between(store, left.plus(-YOUNG), left)?,
            None => store.part_numbers().into(),
        };
        let touched = store.state(TOUCHED)?.first().map(|(_, value)| read_ids(value)).unwrap_or_default();
        let before = newest.map_or(Time(i64::MAX), |newest| newest.plus(-YOUNG));
        // What came after the young rows of last time was judged by these rules when it was read.
        let newest = newest.filter(|_| left.is_none_or(|left| before < left));
        Ok(Reclassification { rules, total: parts.len(), parts, done: Done::default(), before, newest, touched, counting: false })
    }

    /// Parts that are left.
    pub(crate) fn left(&self) -> usize {
        self.parts.len()
    }

    /// Does one part; whether there is more to do.
    pub(crate) fn step(&mut self, store: &mut Disk) -> Result<bool> {
        if let Some(part) = self.parts.pop_front() {
            if self.counting {
                self.count(store, part)?;
            } else {
                self.judge(store, part)?;
            }
            return Ok(true);
        }
        if !self.counting && !self.touched.is_empty() {
            self.counting = true;
            self.parts = self.parts_of_touched(store)?.into();
            return Ok(true);
        }
        let mut version = self.rules.judge.version().to_be_bytes().to_vec();
        if let Some(newest) = self.newest.filter(|_| self.done.left > 0) {
            version.extend_from_slice(&newest.0.to_be_bytes());
        }
        keep_state(store, vec![(VERSION.to_vec(), Some(version)), (TOUCHED.to_vec(), None)])?;
        Ok(false)
    }

    fn judge(&mut self, store: &mut Disk, part: u64) -> Result<()> {
        let (rules, before) = (self.rules, self.before);
        let (touched, moves, left) = (&mut self.touched, &mut self.done.moves, &mut self.done.left);
        let rewritten = store
            .rewrite(part, |rows| {
                let known = touched.len();
                *left += young(before, rows);
                rejudge(rules, before, rows, moves, touched);
                if touched.len() == known { Vec::new() } else { vec![(TOUCHED.to_vec(), Some(write_ids(touched)))] }
            })
            .with_context(|| format!("cannot rewrite part {part} of the store"))?;
        self.done.rows += rewritten.rows;
        self.done.changed += rewritten.changed;
        Ok(())
    }

    /// The parts that can hold outcomes of touched messages.
    fn parts_of_touched(&self, store: &Disk) -> Result<Vec<u64>> {
        let snapshot = store.snapshot()?;
        let mut parts = BTreeSet::new();
        for life in &self.touched {
            let found = snapshot.find(Probe::Life(*life), Time(i64::MIN), Time(i64::MAX))?;
            parts.extend(found.iter().filter(|segment| segment.kind == Kind::Outcomes).map(|segment| segment.part));
        }
        Ok(parts.into_iter().collect())
    }

    /// Counts the greylisted attempts of the touched messages of a part anew.
    fn count(&mut self, store: &mut Disk, part: u64) -> Result<()> {
        let snapshot = store.snapshot()?;
        let touched = &self.touched;
        let mut counts: BTreeMap<u64, u32> = BTreeMap::new();
        for segment in snapshot.all_segments().iter().filter(|segment| segment.part == part && segment.kind == Kind::Outcomes) {
            let rows = snapshot.read(segment, None)?.outcomes;
            let wanted: Vec<OutcomeRow<'_>> =
                rows.iter().filter(|row| touched.contains(&row.message) || touched.contains(&row.last_message)).collect();
            for some in wanted.chunks(LIVES_AT_ONCE) {
                let mut lives: Vec<u64> = some.iter().flat_map(|row| [row.message, row.last_message]).collect();
                lives.sort_unstable();
                lives.dedup();
                let attempts = snapshot.life(&lives)?.attempts;
                counts.extend(some.iter().map(|row| (row.id, greylisted(row, &attempts))));
            }
        }
        let before = self.before;
        let rewritten = store.rewrite(part, |rows| {
            for (row, id) in rows.outcomes.id.0.iter().enumerate() {
                if let Some(count) = counts.get(id).filter(|_| rows.outcomes.time.0[row] < before) {
                    rows.outcomes.greylisted.0[row] = *count;
                }
            }
            Vec::new()
        })?;
        self.done.changed += rewritten.changed;
        Ok(())
    }
}

/// The parts with rows in a span of time.
fn parts_between(store: &Disk, since: Time, until: Time) -> Result<VecDeque<u64>> {
    let snapshot = store.snapshot()?;
    let overlaps = |segment: &&std::sync::Arc<mailvane_store::Segment>| segment.time_max >= since && segment.time_min <= until;
    let parts: BTreeSet<u64> = snapshot.all_segments().iter().filter(overlaps).map(|segment| segment.part).collect();
    Ok(parts.into_iter().collect())
}

/// Failures at `before` or later.
fn young(before: Time, rows: &Batch) -> u64 {
    let attempts = rows.attempts.iter().filter(|row| row.time >= before && row.reason.is_some()).count();
    let outcomes = rows.outcomes.iter().filter(|row| row.time >= before && row.reason.is_some()).count();
    (attempts + outcomes + rows.rejections.iter().filter(|row| row.time >= before).count()) as u64
}

/// The deferred attempts for a recipient whose reason is greylisting, over its hops.
fn greylisted(row: &OutcomeRow<'_>, attempts: &AttemptColumns) -> u32 {
    let of_it = |attempt: &AttemptRow<'_>| {
        (attempt.message == row.message || attempt.message == row.last_message)
            && (attempt.recipient == row.recipient || (!row.orig_recipient.is_unknown() && attempt.recipient == row.orig_recipient))
            && attempt.status == Status::Deferred
            && attempt.reason == Some(Reason::Greylisted)
    };
    attempts.iter().filter(of_it).count() as u32
}

/// Judges the rows of a batch again. Rows of `before` and later are left alone.
pub(crate) fn rejudge(rules: &Rules, before: Time, rows: &mut Batch, moves: &mut Moves, touched: &mut BTreeSet<u64>) {
    let attempts = std::mem::take(&mut rows.attempts);
    let judged = |row: AttemptRow<'_>| {
        let provider = provider(rules, row.provider, row.relay_host);
        row.reason.filter(|_| row.time < before).map(|_| of_attempt(rules, &row, provider))
    };
    let verdicts: Vec<Option<std::sync::Arc<Verdict>>> = attempts.iter().map(judged).collect();
    let mut new = AttemptColumns::default();
    for (row, verdict) in attempts.iter().zip(&verdicts) {
        if row.time >= before {
            new.push(&row);
            continue;
        }
        let provider = provider(rules, row.provider, row.relay_host);
        let changed = match verdict {
            Some(verdict) => with_verdict(AttemptRow { provider, ..row }, verdict),
            None => AttemptRow { provider, ..row },
        };
        // A verdict that stays keeps the version that gave it.
        if changed == row {
            new.push(&row);
            continue;
        }
        if changed.reason != row.reason {
            *moves.entry((row.reason, changed.reason)).or_default() += 1;
            if row.status == Status::Deferred && (changed.reason == Some(Reason::Greylisted)) != (row.reason == Some(Reason::Greylisted)) {
                touched.insert(row.message);
            }
        }
        new.push(&AttemptRow { rules: if row.reason.is_some() { rules.judge.version() } else { row.rules }, ..changed });
    }
    rows.attempts = new;
    rows.outcomes = outcomes(rules, before, &rows.outcomes);
    rows.rejections = rejections(rules, before, &rows.rejections);
}

/// Who runs the relay by the list of today. A row without a provider did not ask for one: a delivery here, or to a filter.
fn provider<'a>(rules: &'a Rules, known: &'a str, relay_host: &'a str) -> &'a str {
    if known.is_empty() { known } else { rules.providers.of_host(relay_host) }
}

fn of_attempt(rules: &Rules, row: &AttemptRow<'_>, provider: &str) -> std::sync::Arc<Verdict> {
    rules.judge.judge(&Failure {
        provider,
        text: row.reply_text,
        enhanced_code: row.enhanced_code,
        stage: row.stage,
        deferred: row.status == Status::Deferred,
    })
}

fn with_verdict<'a>(row: AttemptRow<'a>, verdict: &'a Verdict) -> AttemptRow<'a> {
    AttemptRow {
        reason: verdict.reason,
        scope: verdict.scope,
        fault: verdict.fault,
        permanent: verdict.permanent,
        retry: verdict.retry,
        rule: &verdict.rule,
        confidence: verdict.confidence,
        ..row
    }
}

fn outcomes(rules: &Rules, before: Time, old: &OutcomeColumns) -> OutcomeColumns {
    let mut new = OutcomeColumns::default();
    for row in old.iter() {
        if row.time >= before {
            new.push(&row);
            continue;
        }
        let provider = provider(rules, row.provider, row.relay_host);
        let Some(_) = row.reason else {
            new.push(&OutcomeRow { provider, ..row });
            continue;
        };
        // What ended by its last attempt was not deferred by it; what ended by another line was.
        let deferred = match row.outcome {
            Outcome::Bounced => false,
            Outcome::Expired => row.last_attempt != Some(row.time),
            _ => true,
        };
        let stage = mailvane_assemble::stage(row.reply_text);
        let verdict = rules.judge.judge(&Failure { provider, text: row.reply_text, enhanced_code: row.enhanced_code, stage, deferred });
        new.push(&OutcomeRow {
            provider,
            reason: verdict.reason,
            scope: verdict.scope,
            fault: verdict.fault,
            permanent: verdict.permanent,
            ..row
        });
    }
    new
}

fn rejections(rules: &Rules, before: Time, old: &RejectionColumns) -> RejectionColumns {
    let mut new = RejectionColumns::default();
    for row in old.iter() {
        if row.time >= before {
            new.push(&row);
            continue;
        }
        let verdict = rules.judge.judge_own(&Failure {
            provider: "",
            text: row.reply_text,
            enhanced_code: row.enhanced_code,
            stage: row.stage,
            deferred: row.action == Action::Defer,
        });
        new.push(&RejectionRow { reason: verdict.reason.unwrap_or_default(), rule: &verdict.rule, ..row });
    }
    new
}

fn keep_state(store: &mut Disk, state: Vec<StateChange>) -> Result<()> {
    let nothing = Batch::default();
    let mut commit = mailvane_store::Commit::of(&nothing);
    commit.state = state;
    store.commit(&commit).context("cannot write the store")?;
    Ok(())
}

fn write_ids(ids: &BTreeSet<u64>) -> Vec<u8> {
    ids.iter().flat_map(|id| id.to_be_bytes()).collect()
}

fn read_ids(bytes: &[u8]) -> BTreeSet<u64> {
    bytes.chunks_exact(8).filter_map(|chunk| chunk.try_into().ok().map(u64::from_be_bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailvane_assemble::Assembler;
    use mailvane_metric::{Cell, Cube, Width};
    use mailvane_model::{FileId, Position};
    use mailvane_reply::user::{self, File};
    use mailvane_store::{Commit, Options};

    /// A message put off twice by words that no rule of ours takes for greylisting, then taken; one refused without a name.
    const LOG: &str = "\
2026-11-02T08:00:00+00:00 mx1 postfix/submission/smtpd[101]: 4AAAA11111: client=desk.example.com[192.0.2.10], sasl_method=PLAIN, sasl_username=ann
2026-11-02T08:00:00+00:00 mx1 postfix/qmgr[103]: 4AAAA11111: from=<ann@example.com>, size=1200, nrcpt=2 (queue active)
2026-11-02T08:00:02+00:00 mx1 postfix/smtp[104]: 4AAAA11111: to=<bob@example.net>, relay=mx.example.net[198.51.100.7]:25, delay=2, delays=0/0/1/1, dsn=4.7.1, status=deferred (host mx.example.net[198.51.100.7] said: 451 4.7.1 computer says later (in reply to RCPT TO command))
2026-11-02T08:00:03+00:00 mx1 postfix/smtp[105]: 4AAAA11111: to=<eve@example.org>, relay=mx.example.org[198.51.100.8]:25, delay=3, delays=0/0/1/2, dsn=5.0.0, status=bounced (host mx.example.org[198.51.100.8] said: 550 computer says no (in reply to RCPT TO command))
2026-11-02T08:10:02+00:00 mx1 postfix/smtp[104]: 4AAAA11111: to=<bob@example.net>, relay=mx.example.net[198.51.100.7]:25, delay=602, delays=0/600/1/1, dsn=4.7.1, status=deferred (host mx.example.net[198.51.100.7] said: 451 4.7.1 computer says later (in reply to RCPT TO command))
2026-11-02T08:30:02+00:00 mx1 postfix/smtp[104]: 4AAAA11111: to=<bob@example.net>, relay=mx.example.net[198.51.100.7]:25, delay=1802, delays=0/1800/1/1, dsn=2.0.0, status=sent (250 2.0.0 OK)
2026-11-02T08:30:02+00:00 mx1 postfix/qmgr[103]: 4AAAA11111: removed
2026-11-02T08:40:00+00:00 mx1 postfix/smtpd[108]: NOQUEUE: reject: RCPT from unknown[203.0.113.5]: 550 5.7.9 <ann@example.com>: computer says no; from=<x@example.net> to=<ann@example.com> proto=ESMTP helo=<x>
";
    const PACK: &str = "\
[[rule]]\nid = \"later\"\nreason = \"greylisted\"\nany = [\"computer says later\"]\n
[[rule]]\nid = \"no\"\nreason = \"recipient_policy\"\nany = [\"computer says no\"]\n";

    fn rules(files: &[File<'_>]) -> &'static Rules {
        let loaded = user::load(files).expect("sound");
        let rules = Rules { judge: loaded.judge, providers: loaded.providers, files: files.len(), rules: loaded.rules, doubts: Vec::new() };
        Box::leak(Box::new(rules))
    }

    fn rows() -> Batch {
        let mut assembler = Assembler::new(mailvane_assemble::Config::default());
        let (mut rows, mut offset, mut last) = (Batch::default(), 0, Time::default());
        for line in LOG.lines() {
            let record = mailvane_parse::record(line.as_bytes());
            let written = line.split_once(' ').expect("a time").0;
            last = Time::from_chrono(&chrono::DateTime::parse_from_rfc3339(written).expect("RFC 3339"));
            assembler.record("here", Position { file: FileId(7), offset }, last, &record, &mut rows);
            offset += line.len() as u64 + 1;
        }
        assembler.advance(last.plus(2 * Time::HOUR), &mut rows);
        rows
    }

    fn run(store: &mut Disk, rules: &'static Rules) -> Done {
        let mut work = Reclassification::begin(store, rules).expect("begun");
        while work.step(store).expect("a step") {}
        work.done
    }

    type Cells = Vec<(Width, Cube, Time, String, Cell)>;

    /// Every row of the store, and every cell that these rows make from nothing beside those that are stored.
    fn all(store: &Disk) -> (Batch, Cells, Cells) {
        let snapshot = store.snapshot().expect("a snapshot");
        let mut rows = Batch::default();
        for segment in snapshot.all_segments() {
            let read = snapshot.read(segment, None).expect("read");
            read.messages.iter().for_each(|row| rows.messages.push(&mailvane_model::MessageRow { rev: 0, ..row }));
            read.attempts.iter().for_each(|row| rows.attempts.push(&row));
            read.outcomes.iter().for_each(|row| rows.outcomes.push(&row));
            read.rejections.iter().for_each(|row| rows.rejections.push(&row));
            read.auths.iter().for_each(|row| rows.auths.push(&row));
            read.sessions.iter().for_each(|row| rows.sessions.push(&row));
        }
        let mut expected = Vec::new();
        let mut found = Vec::new();
        mailvane_metric::rollup::all_deltas(&rows, &mut |width, cube, time, _, key, cell| {
            expected.push((width, cube, time, key.to_owned(), cell.clone()));
        });
        for width in Width::ALL {
            for cube in Cube::ALL {
                let cells = snapshot.rollups(*width, *cube, Time(0), Time(i64::MAX), None).expect("rollups");
                found.extend(cells.into_iter().map(|rolled| (*width, *cube, rolled.time, rolled.key, rolled.cell)));
            }
        }
        (rows, expected, found)
    }

    #[test]
    fn history_follows_new_rules_and_its_sums_with_it() {
        let folder = std::env::temp_dir().join(format!("mailvane-reclassify-{}", std::process::id()));
        let mut store = Disk::open(&folder, Options { sync: false, ..Options::default() }).expect("a store");
        store.commit(&Commit::of(&rows())).expect("committed");
        let ours = rules(&[]);
        assert!(is_due(&store, ours).expect("asked"));
        let same = run(&mut store, ours);
        assert_eq!((same.rows, same.changed), (7, 0), "the rules of ingest say the same again");
        assert!(!is_due(&store, ours).expect("asked"));
        let mine = rules(&[File { name: "mine", text: PACK }]);
        assert!(is_due(&store, mine).expect("asked"));
        let done = run(&mut store, mine);
        assert_eq!(done.changed, 6, "three attempts, two outcomes (one in its count of greylisted attempts), a refusal: {done:?}");
        let (rows, expected, found) = all(&store);
        assert_eq!(rows.attempts.iter().filter(|row| row.reason == Some(Reason::Greylisted)).count(), 2);
        assert_eq!(rows.attempts.iter().find(|row| row.status == Status::Bounced).map(|row| row.rule.to_owned()), Some("mine/no".into()));
        let bob = rows.outcomes.iter().find(|row| row.recipient.local == "bob").expect("bob");
        assert_eq!((bob.greylisted, bob.rev), (2, 1));
        let eve = rows.outcomes.iter().find(|row| row.recipient.local == "eve").expect("eve");
        assert_eq!((eve.reason, eve.rev), (Some(Reason::RecipientPolicy), 1));
        assert_eq!(rows.rejections.get(0).reason, Reason::RecipientPolicy);
        let differs = found.iter().zip(&expected).find(|(found, expected)| found != expected);
        assert!(found.len() == expected.len() && differs.is_none(), "{} of {}: {differs:?}", found.len(), expected.len());
        assert_eq!(run(&mut store, mine).changed, 0);
        drop(store);
        std::fs::remove_dir_all(folder).expect("removed");
    }

    #[test]
    fn rows_that_were_too_young_follow_when_the_log_is_past_them() {
        let folder = std::env::temp_dir().join(format!("mailvane-reclassify-young-{}", std::process::id()));
        let mut store = Disk::open(&folder, Options { sync: false, ..Options::default() }).expect("a store");
        let at = |hours: i64| {
            Time::from_chrono(&chrono::DateTime::parse_from_rfc3339("2026-11-02T08:40:00Z").expect("a time")).plus(hours * Time::HOUR)
        };
        let reached = |store: &mut Disk, rows: &Batch, time: Time| {
            let mut commit = Commit::of(rows);
            commit.streams = vec![mailvane_model::Stream::default()];
            commit.watermarks = vec![(mailvane_model::Stream::default().key(), time)];
            store.commit(&commit).expect("committed");
        };
        reached(&mut store, &rows(), at(0));
        let mine = rules(&[File { name: "mine", text: PACK }]);
        let first = run(&mut store, mine);
        assert_eq!((first.changed, first.left), (0, 5), "all of it is of the last two hours");
        assert!(is_pending(&store, mine).expect("asked") && !is_due(&store, mine).expect("asked"));
        reached(&mut store, &Batch::default(), at(3));
        assert!(is_due(&store, mine).expect("asked"));
        let second = run(&mut store, mine);
        assert_eq!((second.changed, second.left), (6, 0));
        assert!(!is_pending(&store, mine).expect("asked") && !is_due(&store, mine).expect("asked"));
        drop(store);
        std::fs::remove_dir_all(folder).expect("removed");
    }
}
