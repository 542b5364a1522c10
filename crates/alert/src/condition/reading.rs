//! What a condition says about one group.

use mailvane_model::Time;
use serde::{Deserialize, Serialize};

use crate::rule::{Severity, span_words};

/// What an alert is about: a label and its value; both empty for the whole server.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Group {
    /// `provider`, `user`, `client`, ...
    pub label: String,
    /// Which one.
    pub key: String,
}

impl Group {
    /// Of a label and its value.
    pub fn of(label: &str, key: &str) -> Self {
        if label == "all" { Group::default() } else { Group { label: label.to_owned(), key: key.to_owned() } }
    }

    /// Whether it is the whole server.
    pub fn is_whole(&self) -> bool {
        self.label.is_empty()
    }
}

impl std::fmt::Display for Group {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_whole() { Ok(()) } else { write!(formatter, "{} {}", self.label, self.key) }
    }
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It does.
    Holds,
    /// Not quite, but it is not fine either: what fires goes on, nothing begins.
    Between,
    /// All is well.
    #[default]
    Clear,
    /// It cannot be said: nothing fires and nothing ends.
    Unknown,
}

/// What a condition says about one group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Whom.
    pub group: Group,
    /// Whether it holds.
    pub verdict: Verdict,
    /// The value that was compared.
    pub value: f64,
    /// The limit it was compared with.
    pub limit: f64,
    /// How many.
    pub count: f64,
    /// Out of how many; 0 when it is a count.
    pub of: f64,
    /// What it usually is, when that was asked.
    pub usual: Option<f64>,
    /// The window, in microseconds; 0 when there is none.
    pub window: i64,
    /// When what holds began, as far as the window shows.
    pub since: Option<i64>,
    /// The severity that the case asks for, when it is not the rule's.
    pub severity: Option<Severity>,
    /// One sentence with the numbers.
    pub text: String,
}

impl Reading {
    /// Nothing to complain about.
    pub fn clear(group: Group) -> Self {
        Reading { group, ..Reading::default() }
    }

    /// While nothing holds: takes over numbers that are nearer to their limit than those it has. `of` is 0 for a count.
    pub(crate) fn approach(&mut self, (count, of): (f64, f64), limit: f64, window: i64, name: &str) {
        let value = if of > 0.0 { count / of } else { count };
        let nearness = |value: f64, limit: f64| if limit > 0.0 { value / limit } else { 0.0 };
        if self.verdict != Verdict::Clear || (!self.text.is_empty() && nearness(value, limit) <= nearness(self.value, self.limit)) {
            return;
        }
        (self.value, self.limit, self.count, self.of, self.window) = (value, limit, count, of, window);
        let span = span_words(window);
        self.text = if of > 0.0 {
            format!("{} {name} ({count} of {of}) in {span}; limit {}", percent(value), percent(limit))
        } else {
            format!("{count} {name} in {span}; limit {limit:.0}")
        };
    }

    /// When it began.
    pub fn began(&self) -> Option<Time> {
        self.since.map(Time)
    }
}

/// A share as people read it.
pub(crate) fn percent(share: f64) -> String {
    let value = share * 100.0;
    if value >= 10.0 || value == 0.0 { format!("{value:.0} %") } else { format!("{value:.1} %") }
}
