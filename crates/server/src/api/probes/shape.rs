//! Findings, changes and runs as JSON.

use mailvane_model::Time;
use mailvane_probe::history::{Between, Change, Standing, Standings};
use mailvane_probe::{Evidence, State};
use serde_json::{Value, json};

use crate::api::json::{moment, text};
use crate::probing::board::Run;

/// What wants something first.
pub(super) fn sorted<'a>(standings: impl IntoIterator<Item = &'a Standing>) -> Vec<&'a Standing> {
    let mut sorted: Vec<&Standing> = standings.into_iter().collect();
    sorted.sort_by_key(|standing| std::cmp::Reverse((standing.finding.state, standing.finding.severity)));
    sorted
}

/// Findings of each state.
pub(super) fn counts<'a>(standings: impl IntoIterator<Item = &'a Standing>) -> Value {
    let mut counts = [0_u64; 4];
    for standing in standings {
        counts[standing.finding.state as usize] += 1;
    }
    json!({"ok": counts[0], "unknown": counts[1], "warnings": counts[2], "problems": counts[3]})
}

/// Without findings nothing is known.
pub(super) fn shown_state(state: State, standings: Option<&Standings>) -> &'static str {
    if standings.is_none_or(Standings::is_empty) { State::Unknown.word() } else { state.word() }
}

/// One finding with its past.
pub(super) fn finding(scope: &str, standing: &Standing) -> Value {
    let finding = &standing.finding;
    json!({
        "scope": scope,
        "check": finding.check,
        "subject": finding.subject,
        "state": finding.state.word(),
        "severity": finding.severity.word(),
        "title": finding.title,
        "means": text(&finding.wording),
        "fix": text(&finding.fix),
        "value": finding.value,
        "vantage": finding.vantage.word(),
        "evidence": finding.evidence.iter().map(evidence).collect::<Vec<_>>(),
        "timings": finding.timings.iter().map(|timing| json!({"step": timing.step, "ms": timing.took as f64 / 1000.0})).collect::<Vec<_>>(),
        "first_seen": moment(standing.first_seen),
        "last_seen": moment(standing.last_seen),
        "since": moment(standing.since),
        "candidate": standing.candidate.as_ref().map(|candidate| json!({
            "state": candidate.finding.state.word(),
            "severity": candidate.finding.severity.word(),
            "title": candidate.finding.title,
            "since": moment(candidate.since),
            "runs": candidate.runs,
        })),
        "silent": standing.silent.as_ref().map(|silent| json!({"since": moment(silent.since), "title": silent.title})),
    })
}

fn evidence(evidence: &Evidence) -> Value {
    json!({
        "question": evidence.question,
        "answer": evidence.answer,
        "server": evidence.server,
        "time": moment(evidence.time),
        "ttl": evidence.ttl,
    })
}

/// One change.
pub(super) fn change(probe: &str, scope: &str, change: &Change) -> Value {
    json!({
        "probe": probe,
        "scope": scope,
        "time": moment(change.time),
        "confirmed": moment(change.confirmed),
        "check": change.check,
        "subject": change.subject,
        "before": change.before.word(),
        "after": change.after.word(),
        "severity": change.severity.word(),
        "title": change.title,
        "added": change.added,
        "removed": change.removed,
        "sentence": change.sentence(),
    })
}

/// What differs between two times.
pub(super) fn difference(between: &Between) -> Value {
    json!({
        "check": between.check,
        "subject": between.subject,
        "before": between.before.word(),
        "after": between.after.word(),
        "last_change": moment(between.time),
        "title": between.title,
        "added": between.added,
        "removed": between.removed,
        "steps": between.steps,
    })
}

/// One run.
pub(super) fn run(time: Time, run: &Run) -> Value {
    json!({
        "time": moment(time),
        "took_ms": run.took_ms,
        "counts": {"ok": run.ok, "unknown": run.unknown, "warnings": run.warnings, "problems": run.problems},
        "missed": run.missed,
        "dropped": run.dropped,
        "latency_ms": run.latency_ms.iter().map(|(scope, ms)| json!({"scope": scope, "ms": ms, "legs": legs(run, scope)})).collect::<Vec<_>>(),
        "failed": run.failed.iter().map(|(scope, why)| json!({"scope": scope, "why": why})).collect::<Vec<_>>(),
    })
}

/// The legs of a round trip; none for a single conversation.
fn legs(run: &Run, scope: &str) -> Vec<Value> {
    run.legs_ms.get(scope).into_iter().flatten().map(|(step, ms)| json!({"step": step, "ms": ms})).collect()
}
