//! What changed shortly before an incident: findings that turned, senders and accounts that were never seen before.

use mailvane_model::Time;

use crate::contrast::Excess;
use crate::fact::Facts;
use crate::input::{Dimension, FindingState};
use crate::series::{Book, outbound};

/// How long before an incident a change may be its cause.
const BEFORE: i64 = Time::DAY;
/// Changes that are told, at most.
const MOST: usize = 6;

/// What changed in the day before `began`, or since.
pub(crate) fn before(facts: &Facts, book: &Book, contrast: &[Excess], began: Time) -> Vec<String> {
    let since = began.0 - BEFORE;
    let turned = facts.findings.values().filter(|fact| fact.since >= since && fact.finding.state != FindingState::Unknown).map(|fact| {
        let how = match fact.finding.state {
            FindingState::Ok => "fine",
            FindingState::Warning => "not as it should be",
            FindingState::Problem | FindingState::Unknown => "broken",
        };
        let finding = &fact.finding;
        format!(
            "{} of {} is {how} since {}: {}",
            finding.check,
            finding.subject,
            Time(fact.since).floor(Time::SECOND).rfc3339(0),
            finding.text
        )
    });
    let whole = book.get(outbound(), Dimension::All, "").map(|series| series.first().0);
    let fresh = contrast.iter().filter_map(|excess| {
        let dimension = Dimension::ALL.into_iter().find(|known| known.word() == excess.label)?;
        let first = book.get(outbound(), dimension, &excess.key)?.first();
        // Where everything is new, nothing is.
        let is_new = first.0 >= since && whole.is_some_and(|whole| whole < since);
        is_new.then(|| format!("mail of {} {} was first seen at {}", excess.label, excess.key, first.rfc3339(0)))
    });
    turned.chain(fresh).take(MOST).collect()
}
