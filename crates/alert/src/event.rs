//! What the engine says: changes of state, incidents to be kept, notices to be sent. All are values with ids that follow from
//! the log, so that the same minutes after a crash give the same ids.

use serde::{Deserialize, Serialize};

use crate::condition::{Group, Reading};
use crate::contrast::Excess;
use crate::input::Sample;
use crate::rule::Severity;
use crate::state::State;

/// Everything that came out of one step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// Changes of state of single alerts.
    pub transitions: Vec<Transition>,
    /// Incidents that began, changed or ended: rows of the history, to be kept by id.
    pub incidents: Vec<IncidentRow>,
    /// What is to be sent. Keep it before it is sent, and send the same id once.
    pub notices: Vec<Notice>,
}

impl Step {
    /// Whether nothing came out.
    pub fn is_empty(&self) -> bool {
        self.transitions.is_empty() && self.incidents.is_empty() && self.notices.is_empty()
    }

    /// Takes over what another step said.
    pub fn extend(&mut self, other: Step) {
        self.transitions.extend(other.transitions);
        self.incidents.extend(other.incidents);
        self.notices.extend(other.notices);
    }
}

/// A change of state of one alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// Of this change.
    pub id: String,
    /// The rule.
    pub rule: String,
    /// Whom it is about.
    pub group: Group,
    /// Before; `None` when there was no alert.
    pub from: Option<State>,
    /// After.
    pub to: State,
    /// When, in log time (microseconds).
    pub at: i64,
    /// When what it is about began.
    pub began: i64,
    /// How grave.
    pub severity: Severity,
    /// Whether it comes from history that only trains.
    pub history: bool,
    /// The numbers.
    pub reading: Reading,
}

/// One incident, as a row of the history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncidentRow {
    /// Its id.
    pub id: String,
    /// The title of its gravest rule.
    pub title: String,
    /// Whom it is about.
    pub group: Group,
    /// The gravest severity so far.
    pub severity: Severity,
    /// When it began.
    pub began: i64,
    /// When its first alert fired.
    pub fired: i64,
    /// When it ended; `None` while it goes on.
    pub ended: Option<i64>,
    /// Whether it comes from history that only trains.
    pub history: bool,
    /// The rules that fired.
    pub rules: Vec<String>,
    /// The numbers of the gravest rule, at their worst.
    pub text: String,
    /// The incident of which it turned out to be a part: that one's row is shown, and this one is not.
    #[serde(default)]
    pub part_of: Option<String>,
}

/// What a notice says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// Something began.
    Fired,
    /// It became graver.
    Worse,
    /// It goes on, and nobody has acknowledged it.
    Repeat,
    /// It goes on, nobody has acknowledged it: the next in the chain is told.
    Escalated,
    /// It is over.
    Resolved,
    /// What began and ended while nobody was told: a pause of ours, quiet hours.
    Summary,
    /// A report on a schedule: its words are a [`Sheet`](crate::notify::Sheet) of their own.
    Report,
}

/// One rule's part in a notice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The rule.
    pub rule: String,
    /// Its title.
    pub title: String,
    /// Whom it is about.
    pub group: Group,
    /// How grave.
    pub severity: Severity,
    /// The numbers in one sentence.
    pub text: String,
    /// The numbers.
    pub reading: Reading,
    /// Why anybody should care.
    pub why: String,
    /// What to do.
    pub runbook: String,
}

/// How a group did over the time of an incident and before it: what a notice draws.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    /// The start of the first step, microseconds.
    pub from: i64,
    /// The length of a step, microseconds.
    pub step: i64,
    /// By step: attempts that were accepted.
    pub accepted: Vec<u32>,
    /// By step: attempts that were refused or deferred.
    pub refused: Vec<u32>,
}

impl Trend {
    /// Whether there is nothing to draw.
    pub fn is_empty(&self) -> bool {
        self.accepted.iter().chain(&self.refused).all(|count| *count == 0)
    }
}

/// Something to be sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Its id: the same notice has the same id, whenever it is made again.
    pub id: String,
    /// The incident; empty for a summary.
    pub incident: String,
    /// The id of the first notice of the incident, which this one answers.
    pub answers: Option<String>,
    /// What it says.
    pub kind: NoticeKind,
    /// How grave.
    pub severity: Severity,
    /// In one line.
    pub title: String,
    /// When it was made, in log time.
    pub at: i64,
    /// When the incident began.
    pub began: i64,
    /// The receivers; empty: all.
    pub receivers: Vec<String>,
    /// The rules that fire, the gravest first.
    pub lines: Vec<Line>,
    /// Which groups explain the excess.
    pub contrast: Vec<Excess>,
    /// Three sample replies.
    pub samples: Vec<Sample>,
    /// Whether the baselines are young, so that this is no page (yet).
    pub young: bool,
    /// Of a summary: what began and ended.
    pub summary: Vec<String>,
    /// What is drawn.
    #[serde(default)]
    pub trend: Trend,
    /// What changed shortly before it began.
    #[serde(default)]
    pub changes: Vec<String>,
}
