//! Findings over time: what stands, since when, and every change, told only when a second run bears it out.
//!
//! * [`Standing`]: one finding with its past. [`take`]: a run's findings into what stands; [`Change`]: what there is to tell.
//! * [`between`]: what changed between two times.

mod between;
mod change;

use std::collections::BTreeMap;

use mailvane_model::Time;
use serde::{Deserialize, Serialize};

use crate::finding::{Finding, Severity, State};
pub use between::{Between, between};
pub use change::Change;

/// Runs that have to say the same before a change is told.
pub const CONFIRMING_RUNS: u32 = 2;
/// Findings that one job may have; more are not kept, and counted.
pub const FINDINGS_LIMIT: usize = 5_000;
/// A finding that no run has seen for so long is forgotten.
const FORGET_AFTER: i64 = 30 * 24 * 3600 * 1_000_000;

/// The key of a finding over time: its rule and what it is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The rule.
    pub check: String,
    /// What it is about.
    pub subject: String,
}

impl Key {
    /// The key of a finding.
    pub fn of(finding: &Finding) -> Self {
        Key { check: finding.check.clone(), subject: finding.subject.clone() }
    }
}

/// A finding that differs from what stands, and is not yet borne out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The finding of the last run.
    pub finding: Finding,
    /// When it was first seen.
    #[serde(with = "crate::finding::micros")]
    pub since: Time,
    /// In how many runs, one after the other.
    pub runs: u32,
}

/// One finding with its past.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// What is told: borne out by as many runs as [`CONFIRMING_RUNS`], or by the very first when nothing is wrong.
    pub finding: Finding,
    /// When the rule was first looked at for this subject.
    #[serde(with = "crate::finding::micros")]
    pub first_seen: Time,
    /// When it was last looked at and the answer was known.
    #[serde(with = "crate::finding::micros")]
    pub last_seen: Time,
    /// Since when it stands as it does.
    #[serde(with = "crate::finding::micros")]
    pub since: Time,
    /// What the last run says instead, when that is not borne out yet.
    pub candidate: Option<Candidate>,
    /// The fact as it stood when it was last in order, while it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Vec<String>>,
    /// Why the last run could not say, and since when runs cannot.
    pub silent: Option<Silent>,
}

/// Runs that could not find out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silent {
    /// The first of them.
    #[serde(with = "crate::finding::micros")]
    pub since: Time,
    /// What the last of them says.
    pub title: String,
}

/// What stands, by key.
pub type Standings = BTreeMap<Key, Standing>;

/// What a run did to what stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// What there is to tell, in the order of the findings.
    pub changes: Vec<Change>,
    /// The keys of all that has to be kept anew.
    pub touched: Vec<Key>,
    /// The keys that are forgotten.
    pub forgotten: Vec<Key>,
    /// Findings for which there was no room.
    pub dropped: u64,
}

/// Takes the findings of one run that began at `now`.
pub fn take(standings: &mut Standings, findings: &[Finding], now: Time) -> Taken {
    let mut taken = Taken::default();
    let mut seen: BTreeMap<Key, &Finding> = BTreeMap::new();
    for finding in findings {
        seen.entry(Key::of(finding))
            .and_modify(|known| {
                if (finding.state, finding.severity) > (known.state, known.severity) {
                    *known = finding;
                }
            })
            .or_insert(finding);
    }
    for (key, finding) in &seen {
        let full = standings.len() >= FINDINGS_LIMIT;
        match standings.get_mut(key) {
            Some(standing) => taken.changes.extend(standing.see(finding, now)),
            None if full => {
                taken.dropped += 1;
                continue;
            }
            None => {
                standings.insert(key.clone(), Standing::begin(finding, now));
            }
        }
        taken.touched.push(key.clone());
    }
    absent(standings, findings, &seen, now, &mut taken);
    taken
}

/// Rules that only speak up when something is wrong fall silent when it is put right. But they fall silent, too, when the conversation
/// never got so far: then nothing changes.
fn absent(standings: &mut Standings, findings: &[Finding], seen: &BTreeMap<Key, &Finding>, now: Time, taken: &mut Taken) {
    let missing: Vec<Key> = standings.keys().filter(|key| !seen.contains_key(*key)).cloned().collect();
    for key in missing {
        let Some(standing) = standings.get_mut(&key) else { continue };
        if now.0 - standing.last_seen.0 > FORGET_AFTER {
            standings.remove(&key);
            taken.forgotten.push(key);
            continue;
        }
        if !standing.finding.state.is_bad() && standing.candidate.is_none() {
            continue;
        }
        let group = standing.finding.group().to_owned();
        let mut near = findings.iter().filter(|finding| finding.subject == key.subject || finding.group() == group).peekable();
        let looked_at = near.peek().is_some() && near.all(|finding| matches!(finding.state, State::Ok | State::Warning));
        if looked_at {
            let gone = Finding::ok(&key.check, &key.subject, format!("No longer: {}", standing.finding.title));
            taken.changes.extend(standing.see(&gone, now));
            taken.touched.push(key);
        }
    }
}

/// Do two findings say the same thing? Titles hold numbers that move (days left), so what counts is state, severity and the fact.
fn same(one: &Finding, other: &Finding) -> bool {
    (one.state, &one.value) == (other.state, &other.value) && (!one.state.is_bad() || one.severity == other.severity)
}

impl Standing {
    /// The first sight of a rule. Bad news stand from the second run on.
    fn begin(finding: &Finding, now: Time) -> Self {
        let mut standing =
            Standing { finding: finding.clone(), first_seen: now, last_seen: now, since: now, candidate: None, before: None, silent: None };
        if finding.state.is_bad() {
            let title = "Seen once, not yet borne out by a second run";
            standing.finding = Finding::unknown(&finding.check, &finding.subject, title);
            standing.candidate = Some(Candidate { finding: finding.clone(), since: now, runs: 1 });
        }
        standing
    }

    /// The state that the page shows: what is told, or unknown when the last runs could not find out.
    pub const fn is_silent(&self) -> bool {
        self.silent.is_some()
    }

    fn see(&mut self, finding: &Finding, now: Time) -> Option<Change> {
        if finding.state == State::Unknown {
            // What stands goes on standing: not to know is no news about the world.
            let since = self.silent.as_ref().map_or(now, |silent| silent.since);
            if self.finding.state == State::Unknown && self.candidate.is_none() {
                self.finding = finding.clone();
            }
            self.silent = Some(Silent { since, title: finding.title.clone() });
            return None;
        }
        self.silent = None;
        self.last_seen = now;
        if same(&self.finding, finding) {
            self.candidate = None;
            // The same news with fresh evidence.
            self.finding = finding.clone();
            return None;
        }
        if self.finding.state == State::Unknown && !finding.state.is_bad() {
            // From not knowing to knowing that all is well: nothing to tell.
            self.stand(finding, now);
            return None;
        }
        let candidate = match self.candidate.take() {
            Some(candidate) if same(&candidate.finding, finding) => {
                Candidate { finding: finding.clone(), runs: candidate.runs + 1, ..candidate }
            }
            _ => Candidate { finding: finding.clone(), since: now, runs: 1 },
        };
        if candidate.runs < CONFIRMING_RUNS {
            self.candidate = Some(candidate);
            return None;
        }
        let change = Change::new(&self.finding, finding, candidate.since, now);
        self.stand(finding, candidate.since);
        Some(change)
    }

    /// What got lost, when the last run found a problem where all was well before: the fact as it was.
    pub fn lost(&self) -> Option<&[String]> {
        let fine = |state| matches!(state, State::Ok | State::Warning);
        let now = self.candidate.as_ref().map_or(self.finding.state, |candidate| candidate.finding.state);
        if now != State::Problem {
            return None;
        }
        if fine(self.finding.state) { Some(&self.finding.value) } else { self.before.as_deref() }
    }

    fn stand(&mut self, finding: &Finding, since: Time) {
        if finding.state != State::Problem {
            self.before = None;
        } else if matches!(self.finding.state, State::Ok | State::Warning) {
            self.before = Some(std::mem::take(&mut self.finding.value));
        }
        self.finding = finding.clone();
        self.since = since;
        self.candidate = None;
    }
}

/// The worst of many: what a domain or a probe is shown as.
pub fn worst<'a>(standings: impl IntoIterator<Item = &'a Standing>) -> (State, Severity) {
    let states = standings.into_iter().map(|standing| (standing.finding.state, standing.finding.severity));
    states.max().unwrap_or((State::Unknown, Severity::Info))
}

#[cfg(test)]
mod tests;
