//! Silences: somebody knows, and says until when nothing shall be told.

use serde::{Deserialize, Serialize};

use super::Alert;
use crate::condition::scope_matches;

/// A silence. What it covers goes on in the background; when it ends, what still fires is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Its id.
    pub id: String,
    /// Who made it.
    pub author: String,
    /// Why.
    pub comment: String,
    /// From, microseconds on the wall.
    pub from: i64,
    /// Until (not included).
    pub until: i64,
    /// A pattern of rule names; `*` for all.
    pub rule: String,
    /// A pattern of labels' values (`google`, `*@example.com`); `*` for all.
    pub key: String,
}

impl Silence {
    /// Whether it covers an alert at a time.
    pub fn covers(&self, alert: &Alert, wall: i64) -> bool {
        self.from <= wall && wall < self.until && scope_matches(&self.rule, &alert.rule) && scope_matches(&self.key, &alert.group.key)
    }
}
