//! What changed between two times, steps on the way left out: what came and went again is no difference.

use std::collections::BTreeMap;

use mailvane_model::Time;

use super::Change;
use crate::finding::State;

/// The difference of one rule between two times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Between {
    /// The rule.
    pub check: String,
    /// What it is about.
    pub subject: String,
    /// How it stood at the first time.
    pub before: State,
    /// How it stood at the second.
    pub after: State,
    /// When the last step was.
    pub time: Time,
    /// The last finding in one line.
    pub title: String,
    /// Parts that the second time has and the first had not.
    pub added: Vec<String>,
    /// Parts that the first had and the second has not.
    pub removed: Vec<String>,
    /// Steps on the way.
    pub steps: usize,
}

/// Adds up the changes after `since` and up to `until`; rules whose steps cancel out are left out.
pub fn between(changes: &[Change], since: Time, until: Time) -> Vec<Between> {
    let mut sums: BTreeMap<(&str, &str), Between> = BTreeMap::new();
    let mut within: Vec<&Change> = changes.iter().filter(|change| change.time > since && change.time <= until).collect();
    within.sort_by_key(|change| (change.time, change.confirmed));
    for change in within {
        let sum = sums.entry((&change.check, &change.subject)).or_insert_with(|| Between {
            check: change.check.clone(),
            subject: change.subject.clone(),
            before: change.before,
            after: change.after,
            time: change.time,
            title: String::new(),
            added: Vec::new(),
            removed: Vec::new(),
            steps: 0,
        });
        sum.after = change.after;
        sum.time = change.time;
        sum.title.clone_from(&change.title);
        sum.steps += 1;
        for part in &change.added {
            cancel_or_keep(part, &mut sum.removed, &mut sum.added);
        }
        for part in &change.removed {
            cancel_or_keep(part, &mut sum.added, &mut sum.removed);
        }
    }
    sums.into_values().filter(|sum| sum.before != sum.after || !sum.added.is_empty() || !sum.removed.is_empty()).collect()
}

/// A part that comes back was never away; one that is new is kept.
fn cancel_or_keep(part: &str, opposite: &mut Vec<String>, own: &mut Vec<String>) {
    match opposite.iter().position(|known| known == part) {
        Some(at) => drop(opposite.remove(at)),
        None => own.push(part.to_owned()),
    }
}
