//! What the probes found, as it stands: for the API and, run by run, for the alerts. Every change is kept before it is shown.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use mailvane_alert::input;
use mailvane_model::Time;
use mailvane_probe::history::{Change, Key, Standing, Standings, Taken, take};
use mailvane_probe::{Finding, State, Target};
use mailvane_store::{KeptChange, KeptFinding, ProbeChanges, Probes};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::run::Looked;
use super::settings::{Kind, Plan};

/// Findings that wait for the alerts, at most: the oldest leave first.
const FEED_LIMIT: usize = 20_000;
/// What was learned from logs is kept under this name, which no probe can have.
const LEARNED: &str = "(learned)";
/// A change that is shown with its neighbours is looked for this far.
pub(crate) const CHANGES_LIMIT: usize = 1_000;

/// One run as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Run {
    /// How long it took, in milliseconds.
    pub(crate) took_ms: u64,
    /// Findings of each state.
    pub(crate) ok: u64,
    /// See `ok`.
    pub(crate) unknown: u64,
    /// See `ok`.
    pub(crate) warnings: u64,
    /// See `ok`.
    pub(crate) problems: u64,
    /// Runs that this one made up for.
    pub(crate) missed: u64,
    /// Findings for which there was no room.
    pub(crate) dropped: u64,
    /// By domain or server: how long its conversation took, in milliseconds, where there was one.
    pub(crate) latency_ms: BTreeMap<String, f64>,
    /// By message of a round trip: how long each leg took, in milliseconds, in their order.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) legs_ms: BTreeMap<String, Vec<(String, f64)>>,
    /// By domain or server: why nothing was found.
    pub(crate) failed: BTreeMap<String, String>,
}

/// One probe as it stands.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// Its name.
    pub(crate) name: String,
    /// What it looks at.
    pub(crate) kind: Kind,
    /// Its line of cron.
    pub(crate) schedule: String,
    /// The zone of that.
    pub(crate) zone: String,
    /// Its domains or servers.
    pub(crate) scopes: Vec<String>,
    /// When it runs next.
    pub(crate) next: Option<Time>,
    /// Since when it runs.
    pub(crate) running: Option<Time>,
    /// Its last run.
    pub(crate) last: Option<(Time, Run)>,
    /// What stands, by domain or server.
    pub(crate) standings: BTreeMap<String, Standings>,
}

struct Inner {
    probes: Vec<Shown>,
    asked: Vec<usize>,
    feed: VecDeque<input::Finding>,
    lost: u64,
}

/// The board.
pub(crate) struct Board {
    kept: Probes,
    inner: Mutex<Inner>,
    wake: Notify,
    plan: Plan,
}

impl Board {
    /// What was kept of the probes of a plan. What was kept of others stays where it is, and is not shown.
    pub(crate) fn open(kept: Probes, plan: &Plan) -> Result<Self> {
        let mut probes: Vec<Shown> = Vec::new();
        for job in &plan.jobs {
            let runs = kept.runs(&job.section.name, Time(i64::MIN), Time(i64::MAX), 1)?;
            let last = runs.into_iter().next().and_then(|(time, value)| serde_json::from_slice(&value).ok().map(|run| (time, run)));
            probes.push(Shown {
                name: job.section.name.clone(),
                kind: job.kind,
                schedule: job.line.text().to_owned(),
                zone: job.zone.to_string(),
                scopes: job.scopes.clone(),
                next: None,
                running: None,
                last,
                standings: BTreeMap::new(),
            });
        }
        for finding in kept.findings()? {
            if finding.job == LEARNED {
                plan.known.learning.take_back(&finding.value);
                continue;
            }
            let Some(probe) = probes.iter_mut().find(|probe| probe.name == finding.job && probe.scopes.contains(&finding.scope)) else {
                continue;
            };
            let standing: Standing = serde_json::from_slice(&finding.value)
                .with_context(|| format!("the history of probes holds {} in a form that this version cannot read", finding.key))?;
            let key = Key { check: standing.finding.check.clone(), subject: standing.finding.subject.clone() };
            probe.standings.entry(finding.scope).or_default().insert(key, standing);
        }
        let inner = Inner { probes, asked: Vec::new(), feed: VecDeque::new(), lost: 0 };
        Ok(Board { kept, inner: Mutex::new(inner), wake: Notify::new(), plan: plan.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every probe as it stands.
    pub(crate) fn probes(&self) -> Vec<Shown> {
        self.lock().probes.clone()
    }

    /// One probe as it stands.
    pub(crate) fn probe(&self, name: &str) -> Option<Shown> {
        self.lock().probes.iter().find(|probe| probe.name == name).cloned()
    }

    /// What is known of the servers of a domain, by the probe that looks at it.
    pub(crate) fn target(&self, probe: &str, domain: &str, now: Time) -> Option<Target> {
        let job = self.plan.jobs.iter().find(|job| job.section.name == probe)?;
        Some(self.plan.known.target(domain, &job.section, now))
    }

    /// Asks for a run out of turn. Whether there is such a probe.
    pub(crate) fn ask(&self, name: &str) -> bool {
        let mut inner = self.lock();
        let Some(job) = inner.probes.iter().position(|probe| probe.name == name) else { return false };
        if !inner.asked.contains(&job) {
            inner.asked.push(job);
        }
        drop(inner);
        self.wake.notify_one();
        true
    }

    /// The changes of one probe, or of all, within a time (the first left out), the latest first.
    pub(crate) fn changes(&self, probe: Option<&str>, since: Time, until: Time, limit: usize) -> Result<Vec<(KeptChange, Change)>> {
        let kept = self.kept.changes(probe, since, until, limit)?;
        kept.into_iter()
            .map(|kept| {
                let change = serde_json::from_slice(&kept.value).context("the history of probes holds a change that cannot be read")?;
                Ok((kept, change))
            })
            .collect()
    }

    /// The runs of a probe within a time, the latest first.
    pub(crate) fn runs(&self, probe: &str, since: Time, until: Time, limit: usize) -> Result<Vec<(Time, Run)>> {
        let kept = self.kept.runs(probe, since, until, limit)?;
        kept.into_iter().map(|(time, value)| Ok((time, serde_json::from_slice(&value).context("a run that cannot be read")?))).collect()
    }

    /// What the runs since the last call found, for the alerts: each finding of each run, as that run saw it.
    pub(crate) fn take_findings(&self) -> Vec<input::Finding> {
        self.lock().feed.drain(..).collect()
    }

    /// Findings that no alert saw, because nobody fetched them.
    #[cfg(test)]
    pub(crate) fn lost(&self) -> u64 {
        self.lock().lost
    }

    /// When a probe ran last.
    pub(super) fn last_run(&self, name: &str) -> Result<Option<Time>> {
        Ok(self.kept.runs(name, Time(i64::MIN), Time(i64::MAX), 1)?.first().map(|run| run.0))
    }

    /// Probes without any run.
    pub(super) fn never_ran(&self) -> Vec<usize> {
        let inner = self.lock();
        (0..inner.probes.len()).filter(|job| inner.probes[*job].last.is_none()).collect()
    }

    /// Probes that somebody asked for.
    pub(super) fn asked(&self) -> Vec<usize> {
        std::mem::take(&mut self.lock().asked)
    }

    /// Waits until somebody asks for a run.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    pub(super) fn set_next(&self, job: usize, next: Option<Time>) {
        self.lock().probes[job].next = next;
    }

    pub(super) fn began(&self, job: usize, now: Time) {
        self.lock().probes[job].running = Some(now);
    }

    /// Sets every job free whose run is lost; which they are.
    pub(super) fn release_all(&self) -> Vec<usize> {
        let mut inner = self.lock();
        let running: Vec<usize> = (0..inner.probes.len()).filter(|job| inner.probes[*job].running.take().is_some()).collect();
        running
    }

    /// Takes what a run found: kept first, then shown.
    pub(crate) fn take(&self, job: usize, begun: Time, missed: u64, looked: &[Looked]) -> Result<()> {
        let (name, mut standings) = {
            let inner = self.lock();
            (inner.probes[job].name.clone(), inner.probes[job].standings.clone())
        };
        let mut run = Run { missed, ..Run::default() };
        let mut changes = ProbeChanges::default();
        let mut feed = Vec::new();
        for looked in looked {
            run.took_ms = run.took_ms.max(looked.took.as_millis() as u64);
            let findings = match &looked.found {
                Ok(findings) => findings,
                Err(why) => {
                    run.failed.insert(looked.scope.clone(), why.clone());
                    continue;
                }
            };
            run.count(&looked.scope, findings);
            let standings = standings.entry(looked.scope.clone()).or_default();
            let taken = take(standings, findings, looked.time);
            run.dropped += taken.dropped;
            feed.extend(taken.touched.iter().filter_map(|key| standings.get(key)).map(for_alerts));
            keep(&name, &looked.scope, standings, taken, &mut changes)?;
        }
        changes.run = Some((name, begun, serde_json::to_vec(&run)?));
        let learned = self.plan.known.learning.take_new();
        changes.findings.extend(learned.map(|value| KeptFinding {
            job: LEARNED.to_owned(),
            scope: String::new(),
            key: String::new(),
            value,
        }));
        let kept = self.kept.keep(&changes);
        let mut inner = self.lock();
        let probe = &mut inner.probes[job];
        probe.running = None;
        kept?;
        probe.standings = standings;
        probe.last = Some((begun, run));
        inner.feed.extend(feed);
        let over = inner.feed.len().saturating_sub(FEED_LIMIT);
        if over > 0 {
            inner.feed.drain(..over);
            inner.lost += over as u64;
            tracing::warn!("{} findings of probes were not judged by the alerts, which did not fetch them", inner.lost);
        }
        Ok(())
    }
}

impl Run {
    fn count(&mut self, scope: &str, findings: &[Finding]) {
        for finding in findings {
            let count = match finding.state {
                State::Ok => &mut self.ok,
                State::Unknown => &mut self.unknown,
                State::Warning => &mut self.warnings,
                State::Problem => &mut self.problems,
            };
            *count += 1;
            if finding.timings.is_empty() {
                continue;
            }
            let milliseconds = |took: u64| took as f64 / 1000.0;
            if finding.group() == Kind::Roundtrip.word() {
                // The last one is the whole way.
                let legs: Vec<_> = finding.timings.iter().map(|timing| (timing.step.clone(), milliseconds(timing.took))).collect();
                self.latency_ms.extend(legs.last().map(|(_, all)| (scope.to_owned(), *all)));
                self.legs_ms.insert(scope.to_owned(), legs);
            } else {
                let all: u64 = finding.timings.iter().map(|timing| timing.took).sum();
                self.latency_ms.insert(scope.to_owned(), milliseconds(all));
            }
        }
    }
}

fn keep(name: &str, scope: &str, standings: &Standings, taken: Taken, changes: &mut ProbeChanges) -> Result<()> {
    let written = |key: &Key| format!("{} {}", key.check, key.subject);
    for key in &taken.touched {
        let Some(standing) = standings.get(key) else { continue };
        let value = serde_json::to_vec(standing)?;
        changes.findings.push(KeptFinding { job: name.to_owned(), scope: scope.to_owned(), key: written(key), value });
    }
    changes.forgotten.extend(taken.forgotten.iter().map(|key| (name.to_owned(), scope.to_owned(), written(key))));
    for change in taken.changes {
        let value = serde_json::to_vec(&change)?;
        changes.changes.push(KeptChange { job: name.to_owned(), scope: scope.to_owned(), time: change.time, value });
    }
    Ok(())
}

/// A finding as the last run saw it: the rules of alerts count runs themselves.
fn for_alerts(standing: &Standing) -> input::Finding {
    let last = standing.candidate.as_ref().map_or(&standing.finding, |candidate| &candidate.finding);
    let state = match last.state {
        _ if standing.is_silent() => input::FindingState::Unknown,
        State::Ok => input::FindingState::Ok,
        State::Warning => input::FindingState::Warning,
        State::Problem => input::FindingState::Problem,
        State::Unknown => input::FindingState::Unknown,
    };
    let lost = standing.lost();
    let was = lost.filter(|parts| !parts.is_empty() && last.value.is_empty()).map(|parts| format!(". It was: {}", parts.join(" ")));
    let text = format!("{}{}", last.title, was.unwrap_or_default());
    input::Finding {
        check: last.check.clone(),
        subject: last.subject.clone(),
        state,
        text,
        lost: lost.is_some(),
        value: last.value.clone(),
    }
}
