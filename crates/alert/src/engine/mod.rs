//! The engine: minutes in, changes of state and notices out. No clock, no file, no socket.

mod saved;
mod survey;
mod tell;

use std::collections::BTreeMap;
use std::sync::Arc;

use mailvane_model::Time;

use crate::condition::{Condition, Group, Reading, Scene, Verdict, can_follow};
use crate::contrast;
use crate::error::Error;
use crate::event::{IncidentRow, Step, Transition};
use crate::fact::Facts;
use crate::input::{Dimension, Minute};
use crate::rule::{Rule, RuleSet, Severity};
use crate::series::Book;
use crate::state::{Acknowledgement, Alert, Incident, Settings, Silence, State};

/// Until so much is learned, rules that compare with the past are tickets at most.
pub const LEARNING: i64 = 7 * Time::DAY;
/// What has lasted for this long is learned as usual.
const BECOMES_USUAL: i64 = 2 * Time::DAY;
/// What fired so much sooner than what it follows from began with it.
const SOONER: i64 = 15 * Time::MINUTE;
/// Alerts at most; more groups than this at once are one incident in truth, see [`Engine::dropped`].
const ALERTS: usize = 5_000;
/// Silences at most, those that are over included; see [`Engine::dropped`].
const SILENCES: usize = 500;
/// Lines of a summary at most.
const SUMMARY_LINES: usize = 100;

/// Rules at work.
#[derive(Clone, Debug)]
pub struct Engine {
    rules: Arc<RuleSet>,
    settings: Settings,
    book: Book,
    facts: Facts,
    alerts: BTreeMap<(String, Group), Alert>,
    incidents: BTreeMap<String, Incident>,
    silences: Vec<Silence>,
    /// Log time up to which everything was judged.
    through: Option<Time>,
    first: Option<Time>,
    /// The time on the wall when something was last handed over: while a backlog is read, reading goes on.
    stepped: Option<Time>,
    /// Whether the history has been read: from then on something may be told.
    trained: bool,
    /// What began and ended untold.
    summary: Vec<String>,
    /// Alerts that found no place.
    dropped: u64,
}

impl Engine {
    /// An engine that knows nothing yet.
    pub fn new(rules: RuleSet, settings: Settings) -> Self {
        let trained = !settings.trains;
        Engine {
            rules: Arc::new(rules),
            settings,
            book: Book::default(),
            facts: Facts::default(),
            alerts: BTreeMap::new(),
            incidents: BTreeMap::new(),
            silences: Vec::new(),
            through: None,
            first: None,
            stepped: None,
            trained,
            summary: Vec::new(),
            dropped: 0,
        }
    }

    /// The log time up to which everything was judged: the next minute begins here.
    pub fn through(&self) -> Option<Time> {
        self.through
    }

    /// Where judging began; `None` before the first minute.
    pub fn first(&self) -> Option<Time> {
        self.first
    }

    /// Begins with the past that has come to light: the next minute may lie before [`Engine::through`]. Findings are known and told already
    /// and stay so; of the log nothing was known ([`Book::is_empty`]), so nothing is lost.
    pub fn begin_anew(&mut self) {
        let findings = std::mem::take(&mut self.facts.findings);
        self.facts = Facts::default();
        self.facts.findings = findings;
        let rules = Arc::clone(&self.rules);
        let is_finding = |name: &str| rules.get(name).is_some_and(|rule| matches!(rule.condition, Condition::Finding(_)));
        self.alerts.retain(|(rule, _), alert| is_finding(rule) && alert.state != State::Resolved);
        (self.through, self.first) = (None, None);
        self.trained = !self.settings.trains;
    }

    /// The rules in force.
    pub fn rules(&self) -> &RuleSet {
        &self.rules
    }

    /// Puts other rules in force. Alerts of rules that are gone are gone, without a word.
    pub fn set_rules(&mut self, rules: RuleSet) {
        self.rules = Arc::new(rules);
        let known = &self.rules;
        self.alerts.retain(|(rule, _), _| known.get(rule).is_some());
    }

    /// Every alert that is pending, firing or was over not long ago.
    pub fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.values()
    }

    /// The incidents that go on.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.values()
    }

    /// The numbers that are remembered.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// The facts that are remembered.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Groups that found no place, and facts: for the health page.
    pub fn dropped(&self) -> u64 {
        self.dropped + self.book.dropped + self.facts.dropped
    }

    /// The silences, those that are over included.
    pub fn silences(&self) -> &[Silence] {
        &self.silences
    }

    /// Adds a silence, or replaces the one of the same id.
    pub fn silence(&mut self, silence: Silence) {
        self.silences.retain(|known| known.id != silence.id);
        if self.silences.len() >= SILENCES {
            // The one that ended first is remembered least.
            let oldest = self.silences.iter().enumerate().min_by_key(|(_, known)| known.until).map(|(at, _)| at);
            self.silences.remove(oldest.unwrap_or_default());
            self.dropped += 1;
        }
        self.silences.push(silence);
    }

    /// Ends a silence at a time. Whether there is such a one that goes on.
    pub fn end_silence(&mut self, id: &str, wall: Time) -> bool {
        let found = self.silences.iter_mut().find(|silence| silence.id == id && silence.until > wall.0);
        found.map(|silence| silence.until = wall.0.max(silence.from)).is_some()
    }

    /// Whether history is still being learned from, and nothing is told.
    pub fn is_learning(&self) -> bool {
        !self.trained
    }

    /// Somebody has seen an incident: it is not repeated and goes no further up the chain.
    ///
    /// # Errors
    /// [`Error::NoIncident`] when it is over or never was.
    pub fn acknowledge(&mut self, incident: &str, author: &str, wall: Time) -> Result<(), Error> {
        let found = self.incidents.values_mut().find(|known| known.id == incident);
        let found = found.ok_or_else(|| Error::NoIncident(incident.to_owned()))?;
        found.acknowledged = Some(Acknowledgement { author: author.to_owned(), at: wall.0 });
        Ok(())
    }

    /// Takes in a minute (or a part of one) and judges everything that has something new. `wall` is the time on the wall.
    ///
    /// What lies before [`Engine::through`] (a source that lagged) is filed under its time and judges nothing.
    pub fn step(&mut self, minute: &Minute, wall: Time) -> Step {
        let from = self.through.unwrap_or(minute.start);
        self.first.get_or_insert(minute.start);
        self.stepped = Some(self.stepped.map_or(wall, |stepped| stepped.max(wall)));
        self.book.begin();
        for (dimension, key, cell) in &minute.cells {
            self.book.add(minute.start, *dimension, key, cell);
        }
        if minute.end <= from && self.through.is_some() {
            return Step::default();
        }
        self.facts.add(minute);
        self.book.end(from, minute.end);
        self.through = Some(minute.end);
        let mut step = Step::default();
        self.judge(from, wall, false, &mut step);
        self.tell(wall, &mut step);
        step
    }

    /// Lets time pass on the wall without anything new in the log: repeats, escalation, the end of silences and quiet hours, and
    /// the rule that sees that nothing is read any more.
    pub fn tick(&mut self, wall: Time) -> Step {
        let mut step = Step::default();
        if let Some(through) = self.through {
            self.judge(through, wall, true, &mut step);
            self.tell(wall, &mut step);
        }
        step
    }

    /// Whether what is read lies so far behind the clock that it is the past.
    fn is_behind(&self, wall: Time) -> bool {
        self.through.is_none_or(|through| wall.0.saturating_sub(through.0) > self.settings.behind)
    }

    fn judge(&mut self, from: Time, wall: Time, only_clock: bool, step: &mut Step) {
        let (Some(now), Some(first)) = (self.through, self.first) else { return };
        // How far a backlog lies behind is no news while it is being read: what counts is that nothing is read any more.
        let idle = wall.0.saturating_sub(self.stepped.unwrap_or(wall).max(now).0).max(0);
        let seen = if only_clock { now.plus(idle) } else { now };
        let young = now.0 - first.0 < LEARNING;
        let rules = Arc::clone(&self.rules);
        let mut readings = Vec::new();
        for rule in rules.rules() {
            if only_clock && !matches!(rule.condition, Condition::Deadman(_)) {
                continue;
            }
            let (open, over) = (self.open(&rule.name), self.over(rule));
            let scene = Scene { from, now, wall: seen, first, book: &self.book, facts: &self.facts, open, over, surveys: false };
            readings.clear();
            rule.condition.evaluate(&scene, &mut readings);
            // A group of which nothing is known any more is fine again.
            let silent = |group: &&Group| !readings.iter().any(|reading| reading.group == **group);
            let gone: Vec<Group> = scene.open.iter().filter(silent).cloned().collect();
            readings.extend(gone.into_iter().map(Reading::clear));
            for reading in readings.iter_mut().filter(|reading| !scene.is_open(&reading.group.label, &reading.group.key)) {
                // What came before was told under another name.
                let explained = scene.explained(&reading.group.label, &reading.group.key);
                reading.since = reading.since.map(|since| since.max(explained));
            }
            for mut reading in readings.drain(..) {
                if !self.facts.lagging.is_empty() && counts_mail(&rule.condition) {
                    reading.verdict = Verdict::Unknown;
                }
                self.observe(rule, &reading, young, step);
            }
        }
        let now = now.0;
        self.alerts.retain(|_, alert| !alert.is_past(now));
    }

    /// The groups of a rule that are pending or firing.
    fn open(&self, rule: &str) -> Vec<Group> {
        let from = (rule.to_owned(), Group::default());
        let own = self.alerts.range(from..).take_while(|((name, _), _)| name == rule);
        own.filter(|(_, alert)| alert.state != State::Resolved).map(|((_, group), _)| group.clone()).collect()
    }

    /// What rules of which this one is a consequence told of not long ago, and when each was over.
    fn over(&self, rule: &Rule) -> Vec<(Group, i64)> {
        let causes = self.alerts.values().filter(|alert| rule.muted_by.contains(&alert.rule));
        causes.filter_map(|alert| Some((alert.group.clone(), alert.resolved?))).collect()
    }

    fn observe(&mut self, rule: &Rule, reading: &Reading, young: bool, step: &mut Step) {
        let Some(now) = self.through else { return };
        let mut severity = reading.severity.unwrap_or(rule.severity).min(rule.severity);
        if young && rule.condition.learns() {
            severity = severity.min(Severity::Ticket);
        }
        let key = (rule.name.clone(), reading.group.clone());
        let is_new = !self.alerts.contains_key(&key);
        if is_new && (reading.verdict != Verdict::Holds || self.alerts.len() >= ALERTS) {
            self.dropped += u64::from(reading.verdict == Verdict::Holds);
            return;
        }
        let alert = self.alerts.entry(key.clone()).or_insert_with(|| Alert::begin(rule, reading, severity, now.0));
        let before = (!is_new).then_some(alert.state);
        let mut change = alert.observe(rule, reading, severity, now.0);
        if is_new && change.is_none() {
            change = Some(State::Pending);
        }
        let is_dropped = alert.state == State::Pending && matches!(reading.verdict, Verdict::Clear | Verdict::Between);
        if let Some(state) = change {
            step.transitions.push(Transition {
                id: alert.id(state, now.0),
                rule: rule.name.clone(),
                group: alert.group.clone(),
                from: before,
                to: state,
                at: now.0,
                began: alert.began,
                severity: alert.severity,
                history: !self.trained,
                reading: if state == State::Resolved { alert.worst.clone() } else { reading.clone() },
            });
        }
        let (state, began) = (alert.state, alert.began);
        if is_dropped {
            self.alerts.remove(&key);
        } else if state == State::Firing {
            self.fires(rule, &key, change == Some(State::Firing), Time(began), step);
        } else if change == Some(State::Resolved) && before == Some(State::Firing) {
            self.mark_on(rule, &key.1, Time(began));
        }
    }

    /// A firing alert belongs to an incident, and what is not as usual teaches nothing.
    fn fires(&mut self, rule: &Rule, key: &(String, Group), is_new: bool, began: Time, step: &mut Step) {
        let Some(now) = self.through else { return };
        if !is_new {
            if now.0.rem_euclid(Time::HOUR) < Time::MINUTE {
                self.mark_on(rule, &key.1, began);
            }
            return;
        }
        self.mark(rule, &key.1, began, began);
        let Some(alert) = self.alerts.get(key) else { return };
        if let Some(cause) = self.cause_of(alert).or_else(|| self.provider_behind(rule, alert))
            && let Some(incident) = self.incidents.get_mut(&cause)
        {
            if !incident.followers.contains(key) {
                incident.followers.push(key.clone());
            }
            step.incidents.extend(self.row(&cause, None));
            return;
        }
        let common = if key.1.is_whole() { format!("topic:{}", rule.topic) } else { format!("{}:{}", key.1.label, key.1.key) };
        let (history, severity) = (!self.trained, alert.severity);
        self.absorb(&common, key, began, step);
        let incident = self
            .incidents
            .entry(common.clone())
            .or_insert_with(|| Incident::begin(common.clone(), &rule.name, key.1.clone(), began.0, now.0, history));
        if !incident.alerts.contains(key) {
            incident.alerts.push(key.clone());
        }
        incident.began = incident.began.min(began.0);
        incident.severity = incident.severity.max(severity);
        step.incidents.extend(self.row(&common, None));
    }

    /// The incident of what an alert is a consequence of.
    fn cause_of(&self, alert: &Alert) -> Option<String> {
        self.muting(alert).find_map(|cause| {
            let cause = (cause.rule.clone(), cause.group.clone());
            self.incidents.iter().find(|(_, incident)| incident.alerts.contains(&cause)).map(|(known, _)| known.clone())
        })
    }

    /// What fired a little sooner and follows from this is a part of it: its incident goes on as this one, in the same thread, so that an
    /// outage is one incident though a sender was seen first.
    fn absorb(&mut self, common: &str, key: &(String, Group), began: Time, step: &mut Step) {
        if !key.1.is_whole() || self.incidents.contains_key(common) {
            return;
        }
        let is_part = |incident: &Incident| {
            let mut alerts =
                incident.alerts.iter().filter_map(|key| self.alerts.get(key)).filter(|alert| alert.state == State::Firing).peekable();
            let follows = |alert: &Alert| self.muting(alert).any(|cause| cause.rule == key.0 && cause.group == key.1);
            incident.began >= began.0 - SOONER && incident.acknowledged.is_none() && alerts.peek().is_some() && alerts.all(follows)
        };
        let mut parts: Vec<String> =
            self.incidents.iter().filter(|(_, incident)| is_part(incident)).map(|(known, _)| known.clone()).collect();
        // The one that was told first goes on; the others were parts of it.
        parts.sort_by_key(|known| self.incidents.get(known).map(|incident| (incident.told.is_none(), incident.fired)));
        let mut parts = parts.into_iter();
        let Some(mut first) = parts.next().and_then(|known| self.incidents.remove(&known)) else { return };
        first.followers.append(&mut first.alerts);
        for known in parts {
            let row = self.row(&known, self.through.map(|through| through.0));
            step.incidents.extend(row.map(|row| IncidentRow { part_of: Some(first.id.clone()), ..row }));
            if let Some(mut other) = self.incidents.remove(&known) {
                first.followers.append(&mut other.alerts);
                first.followers.append(&mut other.followers);
            }
        }
        (first.key, first.group) = (common.to_owned(), key.1.clone());
        self.incidents.insert(common.to_owned(), first);
    }

    /// The incident of the provider at which nearly all failures of a sender or an account happen: they are no news beside it.
    fn provider_behind(&self, rule: &Rule, alert: &Alert) -> Option<String> {
        let is_about_providers =
            |name: &String| self.rules.get(name).is_some_and(|rule| matches!(rule.condition, Condition::ProviderBlock(_)));
        if !rule.muted_by.iter().any(is_about_providers) || alert.group.is_whole() || alert.group.label == "provider" {
            return None;
        }
        let provider = contrast::main_provider(&self.facts, &alert.group, Time(alert.began))?;
        let incident = self.incidents.get(&format!("provider:{provider}")).filter(|incident| self.is_firing(incident))?;
        Some(incident.key.clone())
    }

    /// Ends what followed from something that is over. What goes on by itself fires again, by what comes from now on.
    pub(super) fn release(&mut self, step: &mut Step) {
        let is_free = |key: &(String, Group)| self.alerts.get(key).is_some_and(|alert| !self.is_muted(alert));
        let ended_incidents = self.incidents.values().filter(|incident| !self.is_firing(incident));
        let mut over: Vec<(String, Group)> = ended_incidents.flat_map(|incident| incident.followers.iter().cloned()).collect();
        let ended = || step.transitions.iter().filter(|change| change.to == State::Resolved);
        // What was about to be told of it, too.
        let was_about_to = |alert: &Alert| {
            let causes = self.rules.get(&alert.rule).map_or(&[][..], |rule| &rule.muted_by);
            let is_cause =
                |change: &Transition| causes.contains(&change.rule) && can_follow(&change.group, &alert.group.label, &alert.group.key);
            alert.state == State::Pending && ended().any(is_cause)
        };
        over.extend(self.alerts.iter().filter(|(key, alert)| was_about_to(alert) && is_free(key)).map(|(key, _)| key.clone()));
        for key in over {
            self.close(&key, step);
        }
    }

    /// Ends an alert though its condition may hold by what it remembers.
    fn close(&mut self, key: &(String, Group), step: &mut Step) {
        for incident in self.incidents.values_mut() {
            incident.followers.retain(|follower| follower != key);
        }
        let (Some(now), Some(alert)) = (self.through, self.alerts.get_mut(key)) else { return };
        match alert.state {
            State::Resolved => return,
            State::Pending => {
                self.alerts.remove(key);
                return;
            }
            State::Firing => alert.state = State::Resolved,
        }
        alert.resolved = Some(now.0);
        step.transitions.push(Transition {
            id: alert.id(State::Resolved, now.0),
            rule: key.0.clone(),
            group: key.1.clone(),
            from: Some(State::Firing),
            to: State::Resolved,
            at: now.0,
            began: alert.began,
            severity: alert.severity,
            history: !self.trained,
            reading: alert.worst.clone(),
        });
        let began = Time(alert.began);
        if let Some(rule) = self.rules.get(&key.0).cloned() {
            self.mark_on(&rule, &key.1, began);
        }
    }

    /// Whether an alert of an incident fires: then it goes on.
    pub(super) fn is_firing(&self, incident: &Incident) -> bool {
        incident.alerts.iter().filter_map(|key| self.alerts.get(key)).any(|alert| alert.state == State::Firing)
    }

    /// Marks what came since the last hour was marked, of what began at `began`.
    fn mark_on(&mut self, rule: &Rule, group: &Group, began: Time) {
        if let Some(now) = self.through {
            self.mark(rule, group, began, began.max(now.plus(-2 * Time::HOUR)));
        }
    }

    /// What began at `began` was not as usual, and what came from `from` on is marked so. What mutes others is behind what they would tell
    /// of: they need not tell it later.
    fn mark(&mut self, rule: &Rule, group: &Group, began: Time, from: Time) {
        let Some(now) = self.through else { return };
        if self.rules.rules().iter().any(|other| other.muted_by.contains(&rule.name)) {
            self.book.mark_told(from);
        }
        let by_label = || Dimension::ALL.into_iter().find(|known| known.word() == group.label);
        let Some(dimension) = (if group.is_whole() { Some(Dimension::All) } else { by_label() }) else { return };
        self.book.mark_told_of(dimension, &group.key, from);
        // What lasts for days becomes the usual: a dead destination is told once, and learned.
        if now.0 - began.0 > BECOMES_USUAL {
            return;
        }
        self.book.mark_bad(dimension, &group.key, from, now);
        if matches!(rule.condition, Condition::Burst(_)) {
            // So much of one account is not what the server or a sender domain usually brings.
            for wide in [Dimension::All, Dimension::SenderDomain] {
                self.book.mark_unusual(wide, from);
            }
        }
    }

    /// An incident as a row of the history.
    fn row(&self, key: &str, ended: Option<i64>) -> Option<IncidentRow> {
        let incident = self.incidents.get(key)?;
        let gravest = self.gravest(incident);
        let title = gravest.and_then(|alert| self.rules.get(&alert.rule)).map(|rule| rule.title.clone());
        Some(IncidentRow {
            id: incident.id.clone(),
            title: title.unwrap_or_else(|| incident.alerts.first().map(|alert| alert.0.clone()).unwrap_or_default()),
            group: incident.group.clone(),
            severity: incident.severity,
            began: incident.began,
            fired: incident.fired,
            ended,
            history: incident.history && incident.told.is_none(),
            rules: incident.alerts.iter().chain(&incident.followers).map(|alert| alert.0.clone()).collect(),
            text: gravest.map(|alert| alert.worst.text.clone()).unwrap_or_default(),
            part_of: None,
        })
    }

    /// The alert of an incident that says most.
    fn gravest(&self, incident: &Incident) -> Option<&Alert> {
        let alerts = incident.alerts.iter().filter_map(|key| self.alerts.get(key));
        alerts.max_by(|left, right| left.severity.cmp(&right.severity).then(right.fired.cmp(&left.fired)))
    }
}

/// Whether a condition looks at counts of mail, which a lagging source makes uncertain.
const fn counts_mail(condition: &Condition) -> bool {
    !matches!(condition, Condition::Deadman(_) | Condition::Finding(_) | Condition::Disk(_) | Condition::LogGap(_))
}
