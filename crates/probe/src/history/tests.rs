//! Findings over days: what is told, what is not, and that order and number of flaps do not matter.

use proptest::prelude::*;

use super::*;
use crate::finding::Evidence;

const MINUTE: i64 = 60_000_000;

fn at(minute: i64) -> Time {
    Time(1_790_000_000_000_000 + minute * MINUTE)
}

fn spf(state: State, parts: &[&str]) -> Finding {
    Finding::new("spf.record", "example.com", state, Severity::High, state.word()).value(parts.iter().copied())
}

/// Runs of one finding, a quarter of an hour apart; the sentences that are told, with the run that told them.
fn told(runs: &[Finding]) -> Vec<(usize, String)> {
    let mut standings = Standings::new();
    let mut told = Vec::new();
    for (run, finding) in runs.iter().enumerate() {
        let taken = take(&mut standings, std::slice::from_ref(finding), at(run as i64 * 15));
        told.extend(taken.changes.into_iter().map(|change| (run, change.sentence())));
    }
    told
}

#[test]
fn a_record_that_disappears_is_told_with_the_second_run_and_the_diff() {
    let there = spf(State::Ok, &["v=spf1", "ip4:203.0.113.7", "-all"]);
    let gone = spf(State::Problem, &[]);
    let told = told(&[there.clone(), there, gone.clone(), gone.clone(), gone]);
    assert_eq!(told, [(3, "spf.record of example.com: ok, now problem: problem; removed v=spf1 ip4:203.0.113.7 -all".to_owned())]);
}

#[test]
fn a_changed_value_is_told_once_it_stays() {
    let before = spf(State::Ok, &["v=spf1", "ip4:203.0.113.7", "-all"]);
    let after = spf(State::Ok, &["v=spf1", "ip4:203.0.113.8", "-all"]);
    let told = told(&[before.clone(), after.clone(), before.clone(), after.clone(), after]);
    assert_eq!(told, [(4, "spf.record of example.com changed; added ip4:203.0.113.8; removed ip4:203.0.113.7".to_owned())]);
}

#[test]
fn ten_minutes_of_silence_are_no_news() {
    let there = spf(State::Ok, &["v=spf1", "-all"]);
    let silent = Finding::unknown("spf.record", "example.com", "timeout");
    let mut runs = vec![there.clone()];
    runs.extend(vec![silent.clone(); 10]);
    runs.push(there.clone());
    assert!(told(&runs).is_empty());
    let mut standings = Standings::new();
    take(&mut standings, &[there], at(0));
    take(&mut standings, std::slice::from_ref(&silent), at(1));
    take(&mut standings, &[silent], at(2));
    let standing = standings.values().next().unwrap();
    assert_eq!((standing.finding.state, standing.last_seen), (State::Ok, at(0)));
    assert_eq!(standing.silent, Some(Silent { since: at(1), title: "timeout".to_owned() }));
}

#[test]
fn bad_news_at_first_sight_wait_for_the_second_run() {
    let gone = spf(State::Problem, &[]);
    let mut standings = Standings::new();
    assert!(take(&mut standings, std::slice::from_ref(&gone), at(0)).changes.is_empty());
    assert_eq!(worst(standings.values()).0, State::Unknown);
    let taken = take(&mut standings, &[gone], at(15));
    assert_eq!((taken.changes.len(), taken.changes[0].time), (1, at(0)));
    assert!(taken.changes[0].is_worse());
    assert_eq!(worst(standings.values()).0, State::Problem);
}

#[test]
fn a_rule_that_falls_silent_is_put_right_only_when_its_host_was_seen() {
    let host = "mail.example.com:25";
    let connect = |state| Finding::new("smtp.connect", host, state, Severity::High, "connect");
    let weak = Finding::warning("tls.key", host, Severity::High, "weak");
    let mut standings = Standings::new();
    let mut run = |minute, findings: &[Finding]| take(&mut standings, findings, at(minute)).changes.len();
    assert_eq!(run(0, &[connect(State::Ok), weak.clone()]), 0);
    assert_eq!(run(1, &[connect(State::Ok), weak]), 1);
    assert_eq!(run(2, &[connect(State::Unknown)]) + run(3, &[connect(State::Unknown)]), 0);
    assert_eq!(run(4, &[connect(State::Problem)]), 0);
    assert_eq!(run(5, &[connect(State::Problem)]), 1, "only the connection is told");
    assert_eq!(run(6, &[connect(State::Ok)]), 0);
    assert_eq!(run(7, &[connect(State::Ok)]), 2, "both are put right");
}

#[test]
fn numbers_in_titles_and_fresh_evidence_are_no_change() {
    let run = |day: i64| {
        let seen = Evidence::new("TLS handshake", format!("day {day}"), "192.0.2.1:25", at(day));
        Finding::ok("tls.expiry", "mail.example.com:25", format!("{} days", 90 - day)).value(["until 2027-03-01"]).with(seen)
    };
    assert!(told(&[run(0), run(1), run(2)]).is_empty());
}

#[test]
fn differences_between_two_times_leave_out_what_came_back() {
    let parts: [&[&str]; 3] = [&["a", "b"], &["a", "c"], &["a", "b"]];
    let mut standings = Standings::new();
    let mut changes = Vec::new();
    for (step, parts) in parts.iter().enumerate() {
        for run in 0..2 {
            changes.extend(take(&mut standings, &[spf(State::Ok, parts)], at(step as i64 * 100 + run)).changes);
        }
    }
    assert_eq!(changes.len(), 2);
    assert!(between(&changes, at(0), at(1000)).is_empty());
    let half = between(&changes, at(0), at(150));
    assert_eq!((half[0].added.as_slice(), half[0].removed.as_slice()), (["c".to_owned()].as_slice(), ["b".to_owned()].as_slice()));
}

#[test]
fn more_findings_than_there_is_room_for_are_counted() {
    let many: Vec<Finding> = (0..FINDINGS_LIMIT + 3).map(|number| Finding::ok("mx.host", &format!("host{number}"), "x")).collect();
    assert_eq!(take(&mut Standings::new(), &many, at(0)).dropped, 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever the runs say: no change is told that two runs in a row (those without an answer left out) did not say, and what is told
    /// last is what stands.
    #[test]
    fn every_change_is_borne_out(states in proptest::collection::vec(0..4u8, 1..40)) {
        let of = |code: u8| [State::Ok, State::Unknown, State::Warning, State::Problem][usize::from(code)];
        let mut standings = Standings::new();
        let mut known: Vec<State> = Vec::new();
        let mut last = None;
        for (run, code) in states.iter().enumerate() {
            let state = of(*code);
            let taken = take(&mut standings, &[spf(state, &[])], at(run as i64));
            if state != State::Unknown {
                known.push(state);
            }
            for change in taken.changes {
                prop_assert!(known.len() >= 2 && known[known.len() - 2..].iter().all(|said| *said == change.after));
                prop_assert!(change.before != change.after);
                last = Some(change.after);
            }
        }
        let standing = standings.values().next().unwrap();
        prop_assert!(last.is_none_or(|last| last == standing.finding.state));
    }
}
