//! A simulated host knows what it did: what the program counts in its log must be the same.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::Command;

use mailvane_model::Time;
use mailvane_simulate::{HeadForm, Host, Incident, IncidentKind, Options, QueueIds, Truth};
use serde_json::Value;

const START: Time = Time::from_seconds(1_793_577_600);

fn incidents() -> Vec<Incident> {
    let one =
        |hour: i64, kind| Incident { kind, start: START.plus(hour * Time::HOUR), end: START.plus((hour + 3) * Time::HOUR), percent: 80 };
    vec![
        one(2, IncidentKind::DnsFailure),
        one(6, IncidentKind::Refusal { provider: "Google" }),
        one(8, IncidentKind::Throttle { provider: "Microsoft" }),
        one(10, IncidentKind::Unreachable { provider: "GMX" }),
        one(12, IncidentKind::Hijack { messages_per_hour: 100 }),
        one(15, IncidentKind::PolicyDown),
    ]
}

fn write_log(path: &Path, options: Options) -> Truth {
    let mut host = Host::new(options);
    let mut log = Vec::new();
    while host.next_line(&mut log).is_some() {}
    std::fs::write(path, log).unwrap();
    host.truth().clone()
}

/// What the program counts, by kind and its state word; an event told again counts as it was told last.
fn counts(path: &Path) -> BTreeMap<String, u64> {
    let output = Command::new(env!("CARGO_BIN_EXE_mailvane"))
        .args(["events", "--unparsed", "--year", "2026", "--timezone", "+01:00"])
        .arg(path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut latest: HashMap<String, String> = HashMap::new();
    let mut counts = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let word = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
        let name = match event["kind"].as_str().unwrap() {
            "attempt" => format!("attempt {}", word("status")),
            "outcome" => format!("outcome {}", word("outcome")),
            "auth" => format!("auth {}", word("result")),
            kind => kind.to_owned(),
        };
        match event["id"].as_str() {
            Some(id) => drop(latest.insert(format!("{} {id}", word("kind")), name)),
            None => *counts.entry(name).or_insert(0) += 1,
        }
    }
    for name in latest.into_values() {
        *counts.entry(name).or_insert(0) += 1;
    }
    counts
}

#[test]
fn the_program_counts_what_a_simulated_host_did() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let forms =
        [(HeadForm::Rfc3164, QueueIds::Short, true), (HeadForm::Rfc3339, QueueIds::Long, true), (HeadForm::Rfc5424, QueueIds::Long, false)];
    for (form, queue_ids, filter) in forms {
        let path = folder.join(format!("{form:?}.log"));
        let end = Some(START.plus(40 * Time::HOUR));
        let truth = write_log(
            &path,
            Options { start: START, end, messages_per_day: 3_000, form, queue_ids, filter, incidents: incidents(), ..Options::default() },
        );
        let counted = counts(&path);
        let is = |name: &str| counted.get(name).copied().unwrap_or_default();
        assert_eq!(is("unparsed"), 0, "{form:?}");
        assert_eq!(is("message"), truth.messages, "{form:?} messages");
        assert_eq!(is("attempt delivered"), truth.delivered, "{form:?} delivered attempts");
        assert_eq!(is("attempt internal_hop"), truth.internal, "{form:?} internal hops");
        assert_eq!(is("attempt deferred"), truth.deferred, "{form:?} deferred attempts");
        assert_eq!(is("attempt bounced"), truth.bounced, "{form:?} bounced attempts");
        assert_eq!(is("attempt discarded"), truth.discarded, "{form:?} discarded attempts");
        assert_eq!(is("outcome delivered"), truth.delivered, "{form:?} delivered");
        assert_eq!(is("outcome bounced"), truth.bounced, "{form:?} bounced");
        assert_eq!(is("outcome discarded"), truth.discarded, "{form:?} discarded");
        assert_eq!(is("rejection"), truth.refused(), "{form:?} refusals");
        assert_eq!(is("auth failed"), truth.auth_failed, "{form:?} failed logins");
        assert_eq!(is("session"), truth.sessions + truth.hung_up, "{form:?} sessions");
    }
}
