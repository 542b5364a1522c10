//! A change of what stands, in words.

use mailvane_model::Time;
use serde::{Deserialize, Serialize};

use crate::finding::{Finding, Severity, State};

/// What was told before and what is told now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// When it was first seen.
    #[serde(with = "crate::finding::micros")]
    pub time: Time,
    /// When it was borne out.
    #[serde(with = "crate::finding::micros")]
    pub confirmed: Time,
    /// The rule.
    pub check: String,
    /// What it is about.
    pub subject: String,
    /// How it stood.
    pub before: State,
    /// How it stands.
    pub after: State,
    /// How much it matters while it is bad.
    pub severity: Severity,
    /// The finding in one line.
    pub title: String,
    /// Parts of the fact that came.
    pub added: Vec<String>,
    /// Parts of the fact that went.
    pub removed: Vec<String>,
}

impl Change {
    pub(super) fn new(before: &Finding, after: &Finding, time: Time, confirmed: Time) -> Self {
        let missing_in = |parts: &[String], other: &[String]| parts.iter().filter(|part| !other.contains(part)).cloned().collect();
        Change {
            time,
            confirmed,
            check: after.check.clone(),
            subject: after.subject.clone(),
            before: before.state,
            after: after.state,
            severity: if after.state.is_bad() { after.severity } else { before.severity },
            title: after.title.clone(),
            added: missing_in(&after.value, &before.value),
            removed: missing_in(&before.value, &after.value),
        }
    }

    /// `spf.record of example.com: ok, now problem: No SPF record; removed ip4:203.0.113.7`.
    pub fn sentence(&self) -> String {
        let what = if self.before == self.after {
            format!("{} of {} changed", self.check, self.subject)
        } else {
            format!("{} of {}: {}, now {}: {}", self.check, self.subject, self.before.word(), self.after.word(), self.title)
        };
        let mut parts = vec![what];
        if !self.added.is_empty() {
            parts.push(format!("added {}", self.added.join(" ")));
        }
        if !self.removed.is_empty() {
            parts.push(format!("removed {}", self.removed.join(" ")));
        }
        parts.join("; ")
    }

    /// Is it bad news?
    pub fn is_worse(&self) -> bool {
        self.after > self.before && self.after.is_bad()
    }
}
