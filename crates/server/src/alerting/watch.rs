//! The thread that judges, keeps and tells.
//!
//! Log time is judged up to where everything was read and committed: rows come out of the store, never past it, so that a restart goes on at
//! the same step and gives the same incidents and notices, by the same ids. What a step says and the state after it are kept in one
//! transaction; only then is anything sent.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver as Inbox, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use mailvane_alert::event::{IncidentRow, Notice};
use mailvane_alert::fold::Fold;
use mailvane_alert::notify::outbox::{Logged, Outbox};
use mailvane_alert::notify::{Delivery, Tried};
use mailvane_alert::state::State as AlertState;
use mailvane_alert::{Engine, Severity, Step};
use mailvane_model::row::{AttemptRow, AuthRow, MessageRow, NoticeRow, OutcomeRow, RejectionRow, SessionRow};
use mailvane_model::word::Status;
use mailvane_model::{Sink, Time};
use mailvane_store::CommitNumber;
use mailvane_store::alerts::{AlertChanges, Alerts, KeptIncident};

use super::board::{Board, State, Survey, Usual};
use super::lister::Lister;
use super::order::{Message, Order};
use super::post::Post;
use super::report::{Report, notice_of};
use super::rows;
use super::settings::Plan;
use super::trial::{self, Trial};
use crate::live::view::{Shared, View};
use crate::reporting::Due;

/// How often is looked at what is new.
const LOOK_EVERY: Duration = Duration::from_secs(1);
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
/// The state is kept at least so often.
const SAVE_EVERY: Duration = Duration::from_mins(5);
/// How often time is let pass without anything new.
const TICK_EVERY: Duration = Duration::from_secs(5);
/// Notices that are shown.
const SHOWN: usize = 200;
/// The version of what is kept: it, the number of the last commit that was looked at, and the engine's own state.
const VERSION: u8 = 1;

/// The thread's work.
pub(crate) struct Watch {
    plan: Plan,
    shared: Arc<Shared>,
    board: Arc<Board>,
    kept: Arc<Alerts>,
    inbox: Inbox<Message>,
    post: Post,
    lister: Lister,
    engine: Engine,
    outbox: Outbox,
    /// The last commit that was looked at.
    number: CommitNumber,
    /// Lines of the log, and those that were not understood, as far as counted.
    lines: Option<(u64, u64)>,
    /// Incidents that could not be kept yet.
    unkept: Vec<IncidentRow>,
    /// The last report on a schedule, and whether it has to be kept.
    report: (Report, bool),
    saved: Instant,
    ticked: Instant,
    beaten: Option<Instant>,
    nearest: Survey,
    /// What a fold or the outbox had no room for.
    dropped: u64,
    failed: bool,
}

/// The clock.
fn now() -> Time {
    Time::from_chrono(&chrono::Utc::now())
}

impl Watch {
    /// Goes on where it stopped.
    pub(crate) fn open(
        plan: Plan,
        shared: Arc<Shared>,
        board: Arc<Board>,
        inbox: Inbox<Message>,
        post: Post,
        lister: Lister,
    ) -> Result<Self> {
        let kept = Arc::clone(&board.kept);
        let (engine, number) = engine(&plan, kept.state()?)?;
        let mut deliveries: Vec<Delivery> = Vec::new();
        for bytes in kept.deliveries()? {
            deliveries.push(serde_json::from_slice(&bytes).context("the outbox of notices holds what this version cannot read")?);
        }
        let report = Report::read(&kept)?;
        let outbox = Outbox::restore(deliveries, now().0);
        let instant = Instant::now();
        Ok(Watch {
            plan,
            shared,
            board,
            kept,
            inbox,
            post,
            lister,
            engine,
            outbox,
            number,
            lines: None,
            unkept: Vec::new(),
            report: (report, false),
            saved: instant,
            ticked: instant,
            beaten: None,
            nearest: Survey::default(),
            dropped: 0,
            failed: false,
        })
    }

    /// Works until it is told to stop, then keeps its state.
    pub(crate) fn run(mut self, stop: &AtomicBool) {
        for warning in self.plan.warnings() {
            tracing::warn!("{warning}");
        }
        self.show();
        while !stop.load(Ordering::Relaxed) {
            let orders = self.take_orders();
            let wall = now();
            if let Err(error) = self.look(wall, stop) {
                tracing::error!("alerts cannot read the store: {error:#}");
            }
            let mut step = Step::default();
            if self.ticked.elapsed() >= TICK_EVERY {
                self.ticked = Instant::now();
                step = self.engine.tick(wall);
                let engine = &self.engine;
                let is_open = |id: &str| engine.incidents().any(|incident| incident.id == id && incident.acknowledged.is_none());
                self.outbox.tick(&self.plan.receivers, is_open, wall.0);
            }
            let save = !orders.is_empty() || self.saved.elapsed() >= SAVE_EVERY;
            self.say(step, save, orders, wall);
            self.beat();
            self.lister.ask();
            self.show();
        }
        self.say(Step::default(), true, Vec::new(), now());
    }

    /// Waits for orders and answers, and carries them out; the numbers of those that came through the file.
    fn take_orders(&mut self) -> Vec<i64> {
        let mut wait = LOOK_EVERY;
        loop {
            match self.inbox.recv_timeout(wait) {
                Ok(Message::Order(order, done)) => {
                    let result = self.carry_out(order);
                    self.say(Step::default(), result.is_ok(), Vec::new(), now());
                    self.show();
                    // Whoever asked may have gone.
                    let _ = done.send(result);
                }
                Ok(Message::Sent { delivery, tried }) => self.sent(&delivery, tried),
                Ok(Message::Report(due)) => self.take_report(due),
                Ok(Message::Listed(answer)) => self.lister.answered(answer, now(), &self.engine.facts().queue),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
            wait = Duration::ZERO;
        }
        let orders = match self.kept.orders() {
            Ok(orders) => orders,
            Err(error) => {
                tracing::error!("the orders to the alerts cannot be read: {error}");
                return Vec::new();
            }
        };
        let mut done = Vec::new();
        for (id, bytes) in orders {
            let carried_out =
                serde_json::from_slice::<Order>(&bytes).map_err(|error| error.to_string()).and_then(|order| self.carry_out(order));
            if let Err(text) = carried_out {
                tracing::warn!("an order from the command line was not carried out: {text}");
            }
            done.push(id);
        }
        done
    }

    fn carry_out(&mut self, order: Order) -> Result<(), String> {
        match order {
            Order::Silence { silence } => {
                self.engine.silence(silence);
                Ok(())
            }
            Order::EndSilence { id, at } => {
                if self.engine.end_silence(&id, Time(at)) {
                    Ok(())
                } else {
                    Err(format!("there is no silence {id} that goes on"))
                }
            }
            Order::Acknowledge { incident, author } => {
                self.engine.acknowledge(&incident, &author, now()).map_err(|error| error.to_string())
            }
            Order::Test { receiver, author } => self.try_out(receiver, &author),
        }
    }

    /// Puts a test notice into the outbox: it goes by the routes that a real one would take, and what came of it stands among the notices.
    fn try_out(&mut self, receiver: String, author: &str) -> Result<(), String> {
        if !self.plan.receivers.iter().any(|known| known.name == receiver) {
            return Err(format!("there is no receiver `{receiver}`"));
        }
        let (wall, why) = (now(), format!("{author} asked for it on the page of alerts."));
        // Grave enough for every route that is not for pages alone.
        let trial = Trial { words: &receiver, host: &self.plan.own.host, severity: Severity::Ticket, why: &why };
        let notice = Notice { receivers: vec![receiver.clone()], ..trial::notice(&trial, wall) };
        self.outbox.add(&notice, &self.plan.receivers, &self.plan.own, false, wall.0);
        let is_kept = self.outbox.all().any(|delivery| delivery.notice.id == notice.id);
        if is_kept {
            Ok(())
        } else {
            Err(format!("no route of `{receiver}` takes notices other than pages: try it with `mailvane alerts test`"))
        }
    }

    /// Takes a report on: it is kept with its deliveries, and sent after that. One that was taken before is none.
    fn take_report(&mut self, due: Due) {
        if Some(due.at.0) <= self.report.0.at {
            return;
        }
        let wall = now();
        if let Some(sheet) = &due.sheet {
            let notice = notice_of(sheet, &due, wall);
            let avoid_own = self.is_stuck();
            self.outbox.add(&notice, &self.plan.receivers, &self.plan.own, avoid_own, wall.0);
        } else {
            tracing::info!("no report is sent: there was no mail in its time");
        }
        self.report = (Report { at: Some(due.at.0), sheet: due.sheet.map(Arc::new) }, true);
        self.say(Step::default(), false, Vec::new(), wall);
    }

    fn sent(&mut self, delivery: &str, tried: Tried) {
        let receiver = self.outbox.all().find(|known| known.id == delivery).map(|known| known.receiver.clone());
        let receiver = receiver.and_then(|name| self.plan.receivers.iter().find(|receiver| receiver.name == name));
        match tried.said {
            mailvane_alert::notify::Said::Accepted => tracing::info!("notice {delivery} by {}: {}", tried.route, tried.reply),
            _ => tracing::warn!("notice {delivery} was not taken by {}: {}", tried.route, tried.reply),
        }
        self.outbox.answered(delivery, tried, receiver, &self.plan.own, now().0);
    }

    /// Judges what is new in the store.
    fn look(&mut self, wall: Time, stop: &AtomicBool) -> Result<()> {
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
            let followed = self.outbox.followed();
            let mut sink = Looked { fold: Fold::starting(width, from), outbox: &mut self.outbox, followed, wall };
            if from == begin {
                rows::late(&view.snapshot, self.number, from, &mut sink);
            }
            rows::between(&view.snapshot, from, until, &mut sink)?;
            let mut fold = sink.fold;
            if until.plus(width) > watermark {
                self.count_lines(&view, until.plus(-width), &mut fold);
            }
            let (engine, mut step) = (&mut self.engine, Step::default());
            let is_last = until.plus(width) > watermark;
            let mut queue = if is_last { self.lister.take_fresh() } else { None };
            let probes = self.shared.probes.get().filter(|_| is_last);
            let mut findings = probes.map(|board| board.take_findings()).unwrap_or_default();
            fold.take(until, &mut |mut minute| {
                if minute.end >= until {
                    minute.queue = queue.take();
                    minute.findings.append(&mut findings);
                }
                step.extend(engine.step(&minute, wall));
            });
            self.dropped += fold.dropped;
            from = until;
            self.say(step, until.0 - begin.0 > Time::DAY, Vec::new(), wall);
        }
        self.number = view.snapshot.number();
        Ok(())
    }

    /// Where judging goes on, or begins: with the history that is there, or now, when everything was read and there is none. History that is
    /// found later (a log that could not be read until then) is begun with all the same.
    fn begin(&self, view: &View, watermark: Time, caught_up: bool) -> Option<Time> {
        let (through, first) = (self.engine.through(), self.engine.first());
        if through.is_some() && !self.engine.book().is_empty() {
            return through;
        }
        let history = rows::earliest(&view.snapshot).map(|first| first.max(watermark.plus(-LEARN)).floor(Time::MINUTE));
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

    /// Keeps what a step said, and then sends what is due.
    fn say(&mut self, step: Step, save: bool, done: Vec<i64>, wall: Time) {
        let Step { incidents, notices, .. } = step;
        let avoid_own = !notices.is_empty() && self.is_stuck();
        for notice in &notices {
            tracing::info!("alert {:?} {}: {}", notice.kind, notice.severity.word(), notice.title);
            self.outbox.add(notice, &self.plan.receivers, &self.plan.own, avoid_own, wall.0);
        }
        self.unkept.extend(incidents);
        let due = self.outbox.due(wall.0);
        let save = save || !notices.is_empty() || !self.unkept.is_empty();
        match self.keep(save, done) {
            Ok(()) if self.failed => {
                tracing::info!("the state of alerts can be kept again");
                self.failed = false;
            }
            Ok(()) => {}
            Err(error) => {
                // A disk that is full is no reason to be silent: what is due is sent all the same, and kept as soon as there is room.
                if !self.failed {
                    tracing::error!("the state of alerts cannot be kept, and is tried again: {error:#}");
                }
                self.failed = true;
            }
        }
        for delivery in due {
            self.post.send(delivery, &self.plan.receivers, self.report.0.sheet.as_ref());
        }
    }

    fn keep(&mut self, save: bool, done: Vec<i64>) -> Result<()> {
        let mut changes = AlertChanges { done, ..AlertChanges::default() };
        changes.report = self.report.1.then(|| self.report.0.bytes()).transpose()?;
        if save {
            changes.state = Some([&[VERSION][..], &self.number.0.to_le_bytes(), &self.engine.save()?].concat());
        }
        for row in &self.unkept {
            changes.incidents.push(KeptIncident {
                id: row.id.clone(),
                began: Time(row.began),
                ended: row.ended.map(Time),
                value: serde_json::to_vec(row)?,
            });
        }
        for (id, delivery) in self.outbox.changes() {
            changes.deliveries.push((id.to_owned(), delivery.map(serde_json::to_vec).transpose()?));
        }
        if changes.is_empty() {
            return Ok(());
        }
        self.kept.keep(&changes)?;
        self.unkept.clear();
        self.report.1 = false;
        self.outbox.kept();
        if save {
            self.saved = Instant::now();
        }
        Ok(())
    }

    /// Whether something that fires says that mail does not leave this host.
    fn is_stuck(&self) -> bool {
        let kind = |rule: &str| self.engine.rules().get(rule).map(|rule| rule.condition.kind());
        let firing = self.engine.alerts().filter(|alert| alert.state == AlertState::Firing);
        firing.filter_map(|alert| kind(&alert.rule)).any(|kind| matches!(kind, "stopped" | "backlog" | "trouble" | "silence" | "deadman"))
    }

    /// Tells somebody else that we are alive: reading, judging and keeping.
    fn beat(&mut self) {
        let Some((url, every)) = &self.plan.heartbeat else { return };
        let is_well = !self.failed && self.shared.view().is_some_and(|view| view.stopped.is_none());
        let is_due = self.beaten.is_none_or(|beaten| beaten.elapsed() >= Duration::from_micros((*every).unsigned_abs()));
        if is_well && is_due {
            self.beaten = Some(Instant::now());
            self.post.beat(url.clone());
        }
    }

    fn show(&mut self) {
        self.nearest.renew(&self.engine);
        let mut deliveries: Vec<Delivery> = self.outbox.all().cloned().collect();
        deliveries.sort_by_key(|delivery| std::cmp::Reverse(delivery.made));
        deliveries.truncate(SHOWN);
        let last = self.board.state();
        let is_first = last.through.is_none() && last.rules.rules().is_empty();
        let routes = |plan: &Plan| {
            let of = |receiver: &mailvane_alert::notify::Receiver| receiver.routes.iter().map(|route| route.name.clone()).collect();
            plan.receivers.iter().map(|receiver| (receiver.name.clone(), of(receiver))).collect()
        };
        self.board.show(State {
            through: self.engine.through(),
            learning: self.engine.is_learning(),
            rules: if is_first { Arc::new(self.engine.rules().clone()) } else { Arc::clone(&last.rules) },
            warnings: if is_first { Arc::new(self.plan.warnings()) } else { Arc::clone(&last.warnings) },
            alerts: self.engine.alerts().cloned().collect(),
            incidents: self.engine.incidents().cloned().collect(),
            silences: self.engine.silences().to_vec(),
            deliveries,
            routes: if is_first { Arc::new(routes(&self.plan)) } else { Arc::clone(&last.routes) },
            dropped: self.dropped + self.engine.dropped() + self.outbox.dropped,
            queue: Arc::clone(&self.lister.shown),
            nearest: Arc::clone(&self.nearest.shown),
            usual: Usual::of(&self.engine, &last.usual),
        });
    }
}

/// The engine's own part of what is kept; none when a later version wrote it.
pub(crate) fn engine_state(bytes: &[u8]) -> Option<&[u8]> {
    bytes.split_first_chunk::<9>().filter(|(head, _)| head[0] <= VERSION).map(|(_, rest)| rest)
}

/// The engine with the state that was kept, and the last commit it has seen.
fn engine(plan: &Plan, state: Option<Vec<u8>>) -> Result<(Engine, CommitNumber)> {
    let fresh = || (Engine::new(plan.rules.clone(), plan.settings.clone()), CommitNumber(0));
    let Some(bytes) = state else { return Ok(fresh()) };
    let Some((head, rest)) = bytes.split_first_chunk::<9>().filter(|(head, _)| head[0] <= VERSION) else {
        anyhow::bail!("the state of alerts was written by a later version: go on with that, or remove alerts.db to begin anew");
    };
    let mut number = [0; 8];
    number.copy_from_slice(&head[1..]);
    match Engine::restore(plan.rules.clone(), plan.settings.clone(), rest) {
        Ok(engine) => Ok((engine, CommitNumber(u64::from_le_bytes(number)))),
        Err(error @ mailvane_alert::Error::Version(_)) => Err(error).context("go on with that version, or remove alerts.db to begin anew"),
        Err(error) => {
            // The rows are there: what was learned is learned again from them, and nothing of it is told.
            tracing::error!("{error}; learning anew from the store");
            Ok(fresh())
        }
    }
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
