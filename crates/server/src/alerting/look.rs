//! What is committed, judged: from the store through the fold into the engine.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use mailvane_alert::Step;
use mailvane_alert::fold::Fold;
use mailvane_alert::notify::outbox::{Logged, Outbox};
use mailvane_alert::notify::queue_id;
use mailvane_model::row::{AttemptRow, AuthRow, MessageRow, NoticeRow, OutcomeRow, RejectionRow, SessionRow};
use mailvane_model::word::Status;
use mailvane_model::{Sink, Time};
use mailvane_store::Detail;

use super::rows;
use super::watch::Watch;
use crate::live::view::View;

/// A step of log time, near the clock and further behind.
const STEP: (i64, i64) = (10 * Time::SECOND, Time::MINUTE);
/// Nearer to the clock than this, steps are short.
const NEAR: i64 = 2 * Time::HOUR;
/// Where every log is read to its end, log time is this much behind the clock: lines on their way are not missed.
const LAG: i64 = 5 * Time::SECOND;
/// While logs are being read, so much must be new before it is worth a look.
const ENOUGH: i64 = 6 * Time::HOUR;
/// Longer ago than this teaches nothing at the first start.
const LEARN: i64 = 45 * Time::DAY;

impl Watch {
    /// Judges what is new in the store.
    pub(super) fn look(&mut self, wall: Time, stop: &AtomicBool) -> Result<()> {
        let Some(view) = self.shared.view() else { return Ok(()) };
        let Some((watermark, caught_up)) = watermark(&view, wall) else { return Ok(()) };
        let Some(begin) = self.begin(&view, watermark, caught_up) else { return Ok(()) };
        if !caught_up && watermark.0.saturating_sub(begin.0) < ENOUGH {
            return Ok(());
        }
        if self.engine.through().is_some_and(|through| begin < through) {
            tracing::info!("rules begin anew with the log from {}", begin.to_chrono());
            self.engine.begin_anew();
        }
        let mut from = begin;
        while from < watermark && !stop.load(Ordering::Relaxed) {
            let width = if watermark.0 - from.0 > NEAR { STEP.1 } else { STEP.0 };
            let until = watermark.min(from.floor(Time::DAY).plus(Time::DAY)).floor(width);
            if until <= from {
                break;
            }
            let mut step = Step::default();
            while from < until {
                let end = rows::stop(from, until);
                step.extend(self.judge(&view, (from, end), Near { begin, watermark, width, wall })?);
                from = end;
            }
            self.say(step, until.0 - begin.0 > Time::DAY, Vec::new(), wall);
        }
        self.number = view.snapshot.number();
        Ok(())
    }

    /// Judges the rows of a span of time, steps of a width.
    fn judge(&mut self, view: &View, (from, until): (Time, Time), near: Near) -> Result<Step> {
        let Near { begin, watermark, width, wall } = near;
        let followed = self.outbox.followed();
        // The name of a message is asked for only while one of ours is on its way.
        let detail = if followed.is_empty() { Detail::Counted } else { Detail::Whole };
        let mut sink = Looked { fold: Fold::starting(width, from), outbox: &mut self.outbox, followed, wall };
        if from == begin {
            rows::late(&view.snapshot, self.number, from, &mut sink);
        }
        rows::between(&view.snapshot, (from, until), detail, &mut sink)?;
        let mut fold = sink.fold;
        let is_last = until.plus(width) > watermark;
        if is_last {
            self.count_lines(view, until.plus(-width), &mut fold);
        }
        let mut queue = if is_last { self.lister.take_fresh() } else { None };
        let probes = self.shared.probes.get().filter(|_| is_last);
        let mut findings = probes.map(|board| board.take_findings()).unwrap_or_default();
        let (engine, mut step) = (&mut self.engine, Step::default());
        fold.take(until, &mut |mut minute| {
            if minute.end >= until {
                minute.queue = queue.take();
                minute.findings.append(&mut findings);
            }
            step.extend(engine.step(&minute, wall));
        });
        self.dropped += fold.dropped;
        Ok(step)
    }

    /// Where judging goes on, or begins: with the history that is there, or now, when everything was read and there is none. History that is
    /// found later (a log that could not be read until then) is begun with all the same.
    fn begin(&self, view: &View, watermark: Time, caught_up: bool) -> Option<Time> {
        let (through, first) = (self.engine.through(), self.engine.first());
        if through.is_some() && !self.engine.book().is_empty() {
            return through;
        }
        let history = view.snapshot.span().map(|(first, _)| first.max(watermark.plus(-LEARN)).floor(Time::MINUTE));
        match (history, first) {
            (Some(history), Some(first)) if first <= history => through,
            (None, Some(_)) => through,
            (None, None) => caught_up.then(|| watermark.plus(-Time::MINUTE).floor(Time::MINUTE)),
            (Some(history), _) => Some(history),
        }
    }

    /// Tells how many lines there were since the last look.
    fn count_lines(&mut self, view: &View, time: Time, fold: &mut Fold) {
        let total = view.coverage.total;
        let seen = (total.lines(), total.unparsed);
        let before = self.lines.replace(seen).unwrap_or(seen);
        let (lines, unparsed) = (seen.0.saturating_sub(before.0), seen.1.saturating_sub(before.1));
        if lines > 0 {
            let short = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
            fold.lines(time, short(lines), short(unparsed));
        }
    }
}

/// How a look stands to the log: where it begins and ends, in which steps, and the clock.
#[derive(Clone, Copy)]
struct Near {
    begin: Time,
    watermark: Time,
    width: i64,
    wall: Time,
}

/// Up to which log time everything is committed, and whether every log is read to its end.
fn watermark(view: &View, wall: Time) -> Option<(Time, bool)> {
    let complete = view.complete_to.map(|time| time.min(wall));
    let caught_up = view.caught_up && view.stopped.is_none() && view.sources.iter().all(|source| source.bytes_behind == 0);
    let moved = wall.plus(-LAG);
    if caught_up {
        Some((complete.map_or(moved, |complete| complete.max(moved)), true))
    } else {
        complete.map(|complete| (complete, false))
    }
}

/// Rows on their way into the fold; those of our own mail tell the outbox what became of it.
struct Looked<'a> {
    fold: Fold,
    outbox: &'a mut Outbox,
    followed: BTreeSet<String>,
    wall: Time,
}

impl Sink for Looked<'_> {
    fn attempt(&mut self, row: &AttemptRow<'_>) {
        if self.followed.contains(row.queue_id) {
            match row.status {
                Status::Delivered => self.outbox.logged(row.queue_id, Logged::Delivered, row.reply_text, self.wall.0),
                Status::Deferred | Status::Bounced | Status::Expired => {
                    self.outbox.logged(row.queue_id, Logged::Failed, row.reply_text, self.wall.0);
                }
                // A filter or instance of ours has it, under the id that it gave.
                Status::InternalHop => {
                    if let Some(next) = queue_id(row.reply_text) {
                        self.outbox.handed_on(row.queue_id, &next);
                        self.followed.insert(next);
                    }
                }
                _ => {}
            }
        }
        self.fold.attempt(row);
    }
    fn message(&mut self, row: &MessageRow<'_>, replaced: Option<&MessageRow<'_>>) {
        self.fold.message(row, replaced);
    }
    fn outcome(&mut self, row: &OutcomeRow<'_>, replaced: Option<&OutcomeRow<'_>>) {
        self.fold.outcome(row, replaced);
    }
    fn rejection(&mut self, row: &RejectionRow<'_>) {
        self.fold.rejection(row);
    }
    fn auth(&mut self, row: &AuthRow<'_>) {
        self.fold.auth(row);
    }
    fn session(&mut self, row: &SessionRow<'_>) {
        self.fold.session(row);
    }
    fn notice(&mut self, row: &NoticeRow<'_>) {
        self.fold.notice(row);
    }
}
