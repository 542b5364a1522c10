//! The result of a probe, when it was the same several times in a row. *Unknown* is never an alarm, and ends none.

use super::{Group, Reading, Scene, Verdict, scope};
use crate::input::FindingState;
use crate::rule::Severity;
use crate::rule::read::Reader;

const STATES: [(&str, FindingState); 2] = [("warning", FindingState::Warning), ("problem", FindingState::Problem)];

/// The condition.
#[derive(Clone, Debug)]
pub struct FindingOf {
    /// Patterns of check names; all when there are none.
    checks: Vec<String>,
    except: Vec<String>,
    /// These count only when they were in order before.
    only_lost: Vec<String>,
    /// These do not count when they were in order before.
    except_lost: Vec<String>,
    /// From this state on.
    state: FindingState,
    times: u32,
    /// A warning is a ticket at most.
    soften: bool,
}

impl FindingOf {
    pub(crate) fn read(reader: &Reader<'_>) -> Self {
        let lower = |key| reader.texts(key).into_iter().map(str::to_lowercase).collect();
        FindingOf {
            checks: lower("checks"),
            except: lower("except"),
            only_lost: lower("only_lost"),
            except_lost: lower("except_lost"),
            state: reader.word("state", Some(FindingState::Problem), &STATES).unwrap_or(FindingState::Problem),
            times: reader.number("times", 2.0).max(1.0) as u32,
            soften: true,
        }
    }

    pub(crate) fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Reading>) {
        for (key, fact) in &scene.facts.findings {
            let finding = &fact.finding;
            let any = |patterns: &[String]| patterns.iter().any(|pattern| scope::matches(pattern, &finding.check));
            if !(self.checks.is_empty() || any(&self.checks)) || any(&self.except) {
                continue;
            }
            if any(if finding.lost { &self.except_lost } else { &self.only_lost }) {
                continue;
            }
            let mut reading = Reading::clear(Group::of("check", key));
            reading.verdict = match finding.state {
                FindingState::Unknown => Verdict::Unknown,
                FindingState::Ok => Verdict::Clear,
                FindingState::Warning if self.state == FindingState::Problem => Verdict::Between,
                _ if fact.times >= self.times => Verdict::Holds,
                _ => Verdict::Between,
            };
            if self.soften && finding.state == FindingState::Warning {
                reading.severity = Some(Severity::Ticket);
            }
            (reading.value, reading.count) = (f64::from(fact.times), f64::from(fact.times));
            reading.since = Some(fact.since);
            reading.text.clone_from(&finding.text);
            reading.limit = f64::from(self.times);
            let is_bad = matches!(reading.verdict, Verdict::Holds | Verdict::Between);
            if reading.verdict == Verdict::Holds || scene.is_open("check", key) || (scene.surveys && is_bad) {
                out.push(reading);
            }
        }
    }
}
