//! What the alerts show: the latest state for the API, and the way in for orders.

use std::collections::BTreeMap;
use std::sync::mpsc::{Sender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use mailvane_alert::condition::{Group, Reading};
use mailvane_alert::input::{Dimension, QueueSample};
use mailvane_alert::notify::Delivery;
use mailvane_alert::notify::words::Words;
use mailvane_alert::series::Series;
use mailvane_alert::state::{Alert, Incident, Silence};
use mailvane_alert::{Engine, RuleSet};
use mailvane_metric::Traffic;
use mailvane_model::Time;
use mailvane_store::alerts::Alerts;

use super::order::{Message, Order};
use crate::queue::list::Look;

/// How long the API waits for the thread of alerts.
const WAIT: Duration = Duration::from_secs(20);

/// How often rules are surveyed, and of how much time a survey may take one part.
const SURVEY_EVERY: Duration = Duration::from_secs(30);
const SURVEY_SHARE: u32 = 100;

/// The alerts as of one step.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// The log time up to which everything was judged.
    pub(crate) through: Option<Time>,
    /// Whether history is still being learned, so that nothing is told.
    pub(crate) learning: bool,
    /// The rules in force.
    pub(crate) rules: Arc<RuleSet>,
    /// What is wrong with rules and routes.
    pub(crate) warnings: Arc<Vec<String>>,
    /// Alerts that are pending, firing or were over not long ago.
    pub(crate) alerts: Vec<Alert>,
    /// Incidents that go on.
    pub(crate) incidents: Vec<Incident>,
    /// Silences.
    pub(crate) silences: Vec<Silence>,
    /// Notices, the latest first.
    pub(crate) deliveries: Vec<Delivery>,
    /// Receivers and their routes, by name.
    pub(crate) routes: Arc<Vec<(String, Vec<String>)>>,
    /// What found no place in a table with a limit.
    pub(crate) dropped: u64,
    /// The live queue, where this host can be asked for it.
    pub(crate) queue: Arc<LiveQueue>,
    /// What a notice would say of each incident, by its id.
    pub(crate) details: Arc<BTreeMap<String, Words>>,
    /// How near every rule is to firing, as of the last survey.
    pub(crate) nearest: Arc<BTreeMap<String, Reading>>,
    /// What was learned of outbound mail, as a whole and by provider.
    pub(crate) usual: Arc<Usual>,
}

/// What the rules compare with, as of one hour.
#[derive(Debug, Default)]
pub(crate) struct Usual {
    /// The hour, counted from the epoch.
    hour: i64,
    /// The groups of the incidents that go on.
    groups: Vec<Group>,
    /// Series remember sums that they were asked for, so one reader asks at a time.
    series: Mutex<Vec<Series>>,
}

/// Providers whose usual traffic is shown.
const USUAL_PROVIDERS: usize = 64;

impl Usual {
    /// As the engine knows it now: worked out once an hour of log time, and when other incidents go on.
    pub(crate) fn of(engine: &Engine, last: &Arc<Usual>) -> Arc<Self> {
        let hour = engine.through().map_or(0, |through| through.0.div_euclid(Time::HOUR));
        let groups: Vec<Group> = engine.incidents().map(|incident| incident.group.clone()).collect();
        if hour == last.hour && groups == last.groups {
            return Arc::clone(last);
        }
        let book = engine.book();
        let class = Traffic::DEFAULT.code();
        let whole = book.get(class, Dimension::All, "").into_iter();
        let of_incidents = groups.iter().filter_map(|group| {
            let dimension = Dimension::ALL.into_iter().find(|known| known.word() == group.label && *known != Dimension::Provider)?;
            book.get(class, dimension, &group.key)
        });
        let series = whole.chain(of_incidents).chain(book.all(class, Dimension::Provider).take(USUAL_PROVIDERS)).cloned().collect();
        Arc::new(Usual { hour, groups, series: Mutex::new(series) })
    }

    /// Asks one series.
    pub(crate) fn ask<T>(&self, dimension: Dimension, key: &str, question: impl FnOnce(&Series) -> T) -> Option<T> {
        let known = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|series| series.name.dimension == dimension && &*series.name.key == key).map(question)
    }
}

/// How near every rule is to firing, looked at now and then.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// Of each rule the nearest group.
    pub(crate) shown: Arc<BTreeMap<String, Reading>>,
    /// The log time of the last survey, when it was made, and what it cost.
    made: Option<(Time, Instant, Duration)>,
}

impl Survey {
    /// Looks again when there is something new, at most twice a minute and for at most a hundredth of the time.
    pub(crate) fn renew(&mut self, engine: &Engine) {
        let Some(through) = engine.through() else { return };
        let is_due = self.made.is_none_or(|(seen, made, cost)| seen != through && made.elapsed() >= SURVEY_EVERY.max(cost * SURVEY_SHARE));
        if is_due {
            let begun = Instant::now();
            self.shown = Arc::new(engine.survey().into_iter().collect());
            self.made = Some((through, begun, begun.elapsed()));
        }
    }
}

/// The live queue as it was listed last.
#[derive(Clone, Debug, Default)]
pub(crate) struct LiveQueue {
    /// When, and what.
    pub(crate) look: Option<(Time, Look)>,
    /// Why there is none.
    pub(crate) problem: Option<String>,
    /// The looks of the last day, the oldest first.
    pub(crate) history: Vec<(Time, QueueSample)>,
}

/// What the thread of alerts and the API share.
pub(crate) struct Board {
    /// The history.
    pub(crate) kept: Arc<Alerts>,
    state: RwLock<Arc<State>>,
    inbox: Mutex<Sender<Message>>,
}

impl Board {
    /// With nothing on it yet.
    pub(crate) fn new(kept: Arc<Alerts>, inbox: Sender<Message>) -> Self {
        Board { kept, state: RwLock::default(), inbox: Mutex::new(inbox) }
    }

    /// The latest state.
    pub(crate) fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Shows a new state.
    pub(crate) fn show(&self, state: State) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
    }

    /// Gives an order and waits until it is carried out. It blocks.
    pub(crate) fn order(&self, order: Order) -> Result<(), String> {
        let (done, wait) = sync_channel(1);
        let gone = || "alerts are not at work".to_owned();
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner).send(Message::Order(order, done)).map_err(|_| gone())?;
        wait.recv_timeout(WAIT).map_err(|_| "alerts are busy: ask again in a few seconds".to_owned())?
    }
}
