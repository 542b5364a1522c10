//! The thread that judges, keeps and tells.
//!
//! Log time is judged up to where everything was read and committed: rows come out of the store, never past it, so that a restart goes on at
//! the same step and gives the same incidents and notices, by the same ids. What a step says and the state after it are kept in one
//! transaction; only then is anything sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver as Inbox, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use mailvane_alert::event::{IncidentRow, Notice};
use mailvane_alert::notify::outbox::Outbox;
use mailvane_alert::notify::{Delivery, Tried};
use mailvane_alert::state::State as AlertState;
use mailvane_alert::{Engine, Severity, Step};
use mailvane_model::Time;
use mailvane_store::CommitNumber;
use mailvane_store::alerts::{AlertChanges, Alerts, KeptIncident};

use super::board::{Board, State, Survey, Usual};
use super::details::Details;
use super::lister::Lister;
use super::order::{Message, Order};
use super::post::Post;
use super::reload::Reload;
use super::report::{Report, notice_of};
use super::settings::Plan;
use super::trial::{self, Trial};
use crate::live::view::Shared;
use crate::reporting::Due;

/// How often is looked at what is new.
const LOOK_EVERY: Duration = Duration::from_secs(1);
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
    pub(super) shared: Arc<Shared>,
    board: Arc<Board>,
    kept: Arc<Alerts>,
    inbox: Inbox<Message>,
    post: Post,
    pub(super) lister: Lister,
    pub(super) engine: Engine,
    pub(super) outbox: Outbox,
    /// The last commit that was looked at.
    pub(super) number: CommitNumber,
    /// Lines of the log, and those that were not understood, as far as counted.
    pub(super) lines: Option<(u64, u64)>,
    /// Incidents that could not be kept yet.
    unkept: Vec<IncidentRow>,
    /// The last report on a schedule, and whether it has to be kept.
    report: (Report, bool),
    saved: Instant,
    ticked: Instant,
    beaten: Option<Instant>,
    nearest: Survey,
    details: Details,
    reload: Option<Reload>,
    /// What the last reading of the rules folder failed of, and whether rules are others than those shown.
    rules_news: (Option<String>, bool),
    /// What a fold or the outbox had no room for.
    pub(super) dropped: u64,
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
        let reload = plan.folder.as_deref().map(Reload::new);
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
            details: Details::default(),
            reload,
            rules_news: (None, true),
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
                self.reload();
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

    /// Takes up rules that were edited.
    fn reload(&mut self) {
        let Some(folder) = self.reload.as_mut().and_then(Reload::changed) else { return };
        match self.plan.reload(folder) {
            Ok(()) => {
                tracing::info!("rules of {} are read again", folder.display());
                self.plan.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
                self.engine.set_rules(self.plan.rules.clone());
                self.rules_news = (None, true);
            }
            Err(error) => {
                tracing::warn!("the rules stay as they were: {error:#}");
                self.rules_news = (Some(format!("the rules stay as they were: {error:#}")), true);
            }
        }
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

    /// Keeps what a step said, and then sends what is due.
    pub(super) fn say(&mut self, step: Step, save: bool, done: Vec<i64>, wall: Time) {
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
        self.details.renew(&self.engine, &self.plan);
        let mut deliveries: Vec<Delivery> = self.outbox.all().cloned().collect();
        deliveries.sort_by_key(|delivery| std::cmp::Reverse(delivery.made));
        deliveries.truncate(SHOWN);
        let last = self.board.state();
        let is_first = last.through.is_none() && last.rules.rules().is_empty();
        let is_news = std::mem::take(&mut self.rules_news.1);
        let warnings = || self.plan.warnings().into_iter().chain(self.rules_news.0.clone()).collect::<Vec<_>>();
        let routes = |plan: &Plan| {
            let of = |receiver: &mailvane_alert::notify::Receiver| receiver.routes.iter().map(|route| route.name.clone()).collect();
            plan.receivers.iter().map(|receiver| (receiver.name.clone(), of(receiver))).collect()
        };
        self.board.show(State {
            through: self.engine.through(),
            learning: self.engine.is_learning(),
            rules: if is_news { Arc::new(self.engine.rules().clone()) } else { Arc::clone(&last.rules) },
            warnings: if is_news { Arc::new(warnings()) } else { Arc::clone(&last.warnings) },
            alerts: self.engine.alerts().cloned().collect(),
            incidents: self.engine.incidents().cloned().collect(),
            silences: self.engine.silences().to_vec(),
            deliveries,
            routes: if is_first { Arc::new(routes(&self.plan)) } else { Arc::clone(&last.routes) },
            dropped: self.dropped + self.engine.dropped() + self.outbox.dropped,
            queue: Arc::clone(&self.lister.shown),
            details: Arc::clone(&self.details.shown),
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
