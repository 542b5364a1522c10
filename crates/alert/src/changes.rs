//! What changed shortly before an incident: records and certificates, senders and accounts that were never seen before, volume.

use mailvane_metric::Figure;
use mailvane_model::Time;

use crate::condition::Group;
use crate::contrast::Excess;
use crate::fact::{Facts, FindingFact};
use crate::input::{Dimension, FindingState};
use crate::measure::Measure;
use crate::series::{Book, outbound};

/// How long before an incident a change may be its cause.
const BEFORE: i64 = Time::DAY;
/// Changes that are told, at most.
const MOST: usize = 6;
/// How long before an incident more mail than usual may be its cause.
const VOLUME: i64 = Time::HOUR;
/// So many times the usual, and so many recipients, are more mail than usual.
const MUCH: (f64, f64) = (3.0, 30.0);

/// What changed in the day before `began`, or since: whom it is about first, then records, the latest first.
pub(crate) fn before(facts: &Facts, book: &Book, contrast: &[Excess], group: &Group, began: Time, now: Time) -> Vec<String> {
    let since = began.0 - BEFORE;
    let whole = book.get(outbound(), Dimension::All, "").map(|series| series.first().0);
    let own = [(group.label.as_str(), group.key.as_str())];
    let groups = own.into_iter().chain(contrast.iter().map(|excess| (excess.label.as_str(), excess.key.as_str())));
    let mut told = Vec::new();
    for (label, key) in groups.filter(|(label, _)| matches!(*label, "user" | "sender_domain" | "client" | "provider")) {
        let Some(dimension) = Dimension::ALL.into_iter().find(|known| known.word() == label) else { continue };
        let Some(first) = book.get(outbound(), dimension, key).map(|series| series.first()) else { continue };
        // Where everything is new, nothing is.
        if first.0 >= since && whole.is_some_and(|whole| whole < since) {
            told.push(format!("mail of {} {key} was first seen at {}", label.replace('_', " "), first.rfc3339(0)));
        } else {
            told.extend(volume(book, dimension, key, began, now).map(|text| format!("{} {key} {text}", label.replace('_', " "))));
        }
    }
    told.extend(volume(book, Dimension::All, "", began, now).map(|text| format!("this server {text}")));
    let mut turned: Vec<&FindingFact> = facts.findings.values().filter(|fact| fact.changed.is_some_and(|at| at >= since)).collect();
    turned.sort_by_key(|fact| std::cmp::Reverse(fact.changed));
    told.extend(turned.into_iter().map(finding));
    told.truncate(MOST);
    told
}

/// Far more mail than usual around the beginning.
fn volume(book: &Book, dimension: Dimension, key: &str, began: Time, now: Time) -> Option<String> {
    let series = book.get(outbound(), dimension, key)?;
    let measure = Measure::Figure(Figure::RecipientsFirstTried);
    // Up to an hour is known to the minute.
    let from = began.plus(-VOLUME).max(now.plus(-VOLUME));
    let count = measure.of(&series.window(now, now.0 - from.0)).count as f64;
    let (usual, _) = series.expected(measure, from, now);
    let is_much = count >= MUCH.1 && count >= usual.max(1.0) * MUCH.0;
    is_much.then(|| format!("sent to {count} recipients since {}; usual {usual:.0}", from.rfc3339(0)))
}

/// A finding that turned, or a record that became another one.
fn finding(fact: &FindingFact) -> String {
    let finding = &fact.finding;
    let at = Time(fact.changed.unwrap_or(fact.since)).floor(Time::SECOND).rfc3339(0);
    let without = |all: &[String], others: &[String]| {
        let left: Vec<&str> = all.iter().filter(|part| !others.contains(part)).map(String::as_str).collect();
        left.join(" ")
    };
    let (gone, come) = (without(&fact.was, &finding.value), without(&finding.value, &fact.was));
    let parts = [("gone", gone), ("new", come)].into_iter().filter(|(_, parts)| !parts.is_empty());
    let parts: Vec<String> = parts.map(|(word, parts)| format!("{word}: {parts}")).collect();
    let how = match finding.state {
        FindingState::Ok => "fine",
        FindingState::Warning => "not as it should be",
        FindingState::Problem => "broken",
        FindingState::Unknown => "not known",
    };
    let parts = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join("; ")) };
    format!("{} of {} changed at {at} and is {how}: {}{parts}", finding.check, finding.subject, finding.text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Finding, Minute};

    fn looked(facts: &mut Facts, hour: i64, check: &str, value: &[&str], state: FindingState) {
        let value = value.iter().map(|part| (*part).to_owned()).collect();
        let finding = Finding { check: check.into(), subject: "example.com".into(), state, text: "One record".into(), lost: false, value };
        let time = Time(hour * Time::HOUR);
        facts.add(&Minute { start: time, end: time.plus(Time::MINUTE), findings: vec![finding], ..Minute::default() });
    }

    #[test]
    fn what_is_seen_first_is_no_change_and_another_record_is_one() {
        let mut facts = Facts::default();
        for hour in [1, 2] {
            looked(&mut facts, hour, "bimi.record", &[], FindingState::Ok);
            looked(&mut facts, hour, "spf.record", &["ip4:192.0.2.1", "ip4:192.0.2.2"], FindingState::Ok);
        }
        let told = |facts: &Facts| before(facts, &Book::default(), &[], &Group::default(), Time(4 * Time::HOUR), Time(4 * Time::HOUR));
        assert_eq!(told(&facts), Vec::<String>::new());
        looked(&mut facts, 3, "spf.record", &["ip4:192.0.2.1"], FindingState::Ok);
        assert_eq!(
            told(&facts),
            ["spf.record of example.com changed at 1970-01-01T03:01:00Z and is fine: One record (gone: ip4:192.0.2.2)"]
        );
    }

    #[test]
    fn a_server_that_does_not_answer_for_once_changes_nothing() {
        let mut facts = Facts::default();
        looked(&mut facts, 1, "spf.record", &["a"], FindingState::Ok);
        looked(&mut facts, 2, "spf.record", &[], FindingState::Unknown);
        looked(&mut facts, 3, "spf.record", &["a"], FindingState::Ok);
        assert!(facts.findings.values().all(|fact| fact.changed.is_none()), "{:?}", facts.findings);
    }
}
