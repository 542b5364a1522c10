//! Every log below `sample-logs` against the events written by hand beside it, through the real binary.
//!
//! `NAME.events.jsonl` has one object for each event that must come out, with the fields that must be equal; kinds and
//! their counts must be the same. A string `"@QUEUEID"` stands for the id of the message with that queue id. The line
//! `{"kind":"*","unlisted":[...]}` allows events of these kinds that are not listed.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value};

type Object = Map<String, Value>;

/// The events of one kind.
type ByKind = BTreeMap<String, Vec<Object>>;

fn samples(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sample-logs").join(folder);
    let mut found: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "log"))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no samples in {}", folder.display());
    found
}

fn objects(text: &str) -> Vec<Object> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// What the binary says of a log. An event that is told again (a row with a later revision) counts as it was told last.
fn events_of(log: &Path) -> ByKind {
    let output =
        Command::new(env!("CARGO_BIN_EXE_mailvane")).args(["events", "--year", "2026", "--timezone", "UTC"]).arg(log).output().unwrap();
    assert!(output.status.success(), "{}: {}", log.display(), String::from_utf8_lossy(&output.stderr));
    let mut latest: Vec<Object> = Vec::new();
    for event in objects(&String::from_utf8(output.stdout).unwrap()) {
        match latest.iter_mut().find(|other| other["kind"] == event["kind"] && other["id"] == event["id"]) {
            Some(former) => *former = event,
            None => latest.push(event),
        }
    }
    let mut kinds = ByKind::new();
    for event in latest {
        kinds.entry(event["kind"].as_str().unwrap().to_owned()).or_default().push(event);
    }
    kinds
}

/// Whether an actual value is what was expected. Times are equal as instants, numbers as numbers.
fn is_equal(expected: &Value, actual: &Value, ids: &BTreeMap<String, Value>) -> bool {
    match (expected, actual) {
        (Value::String(text), _) if text.starts_with('@') => ids.get(&text[1..]) == Some(actual),
        (Value::Object(fields), Value::Object(whole)) => {
            fields.iter().all(|(key, value)| is_equal(value, whole.get(key).unwrap_or(&Value::Null), ids))
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| is_equal(left, right, ids))
        }
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::String(left), Value::String(right)) => left == right || same_instant(left, right),
        _ => expected == actual,
    }
}

fn same_instant(left: &str, right: &str) -> bool {
    match (chrono::DateTime::parse_from_rfc3339(left), chrono::DateTime::parse_from_rfc3339(right)) {
        (Ok(left), Ok(right)) => left == right && left.offset() == right.offset(),
        _ => false,
    }
}

fn mismatches(expected: &Object, actual: &Object, ids: &BTreeMap<String, Value>) -> Vec<String> {
    let differs = |(key, value): &(&String, &Value)| !is_equal(value, actual.get(key.as_str()).unwrap_or(&Value::Null), ids);
    expected
        .iter()
        .filter(differs)
        .map(|(key, value)| format!("{key}: expected {value}, is {}", actual.get(key).unwrap_or(&Value::Null)))
        .collect()
}

/// Gives every expected event an actual one of its own (augmenting paths), as far as possible: for each actual its expected.
fn assign(fits: &[Vec<usize>], actual: usize) -> Vec<Option<usize>> {
    fn place(expected: usize, fits: &[Vec<usize>], taken: &mut [Option<usize>], seen: &mut [bool]) -> bool {
        for candidate in &fits[expected] {
            if std::mem::replace(&mut seen[*candidate], true) {
                continue;
            }
            if taken[*candidate].is_none_or(|other| place(other, fits, taken, seen)) {
                taken[*candidate] = Some(expected);
                return true;
            }
        }
        false
    }
    let mut taken = vec![None; actual];
    for expected in 0..fits.len() {
        place(expected, fits, &mut taken, &mut vec![false; actual]);
    }
    taken
}

fn compare_kind(kind: &str, expected: &[Object], actual: &[Object], may_have_more: bool, ids: &BTreeMap<String, Value>) -> Vec<String> {
    let fits: Vec<Vec<usize>> = expected
        .iter()
        .map(|wanted| (0..actual.len()).filter(|index| mismatches(wanted, &actual[*index], ids).is_empty()).collect())
        .collect();
    let taken = assign(&fits, actual.len());
    let mut problems = Vec::new();
    let spare: Vec<&Object> = taken.iter().zip(actual).filter(|(by, _)| by.is_none()).map(|(_, object)| object).collect();
    for (index, wanted) in expected.iter().enumerate() {
        if taken.contains(&Some(index)) {
            continue;
        }
        let nearest = spare.iter().map(|object| mismatches(wanted, object, ids)).min_by_key(Vec::len);
        let why = nearest.map_or("no other event of this kind".to_owned(), |fields| fields.join("; "));
        problems.push(format!("missing {kind} {}: {why}", Value::Object(wanted.clone())));
    }
    if actual.len() > expected.len() && !may_have_more {
        problems.push(format!("{} of {kind}, expected {}", actual.len(), expected.len()));
        problems.extend(spare.iter().map(|object| format!("  not expected: {}", Value::Object((*object).clone()))));
    }
    problems
}

fn compare(log: &Path) -> Vec<String> {
    let mut expected = ByKind::new();
    let mut unlisted: Vec<Value> = Vec::new();
    for object in objects(&std::fs::read_to_string(log.with_extension("events.jsonl")).unwrap()) {
        match object["kind"].as_str().unwrap() {
            "*" => unlisted.extend(object["unlisted"].as_array().unwrap().iter().cloned()),
            kind => expected.entry(kind.to_owned()).or_default().push(object),
        }
    }
    let actual = events_of(log);
    let messages = actual.get("message").map_or(&[][..], Vec::as_slice);
    let ids = messages.iter().map(|message| (message["queue_id"].as_str().unwrap_or("").to_owned(), message["id"].clone())).collect();
    let kinds: std::collections::BTreeSet<&String> = expected.keys().chain(actual.keys()).collect();
    let none = Vec::new();
    kinds
        .into_iter()
        .flat_map(|kind| {
            let may_have_more = unlisted.iter().any(|free| free == kind);
            compare_kind(kind, expected.get(kind).unwrap_or(&none), actual.get(kind).unwrap_or(&none), may_have_more, &ids)
        })
        .collect()
}

fn check(folder: &str) {
    let mut wrong = Vec::new();
    for log in samples(folder) {
        let problems = compare(&log);
        if !problems.is_empty() {
            wrong.push(format!("{}:\n  {}", log.file_name().unwrap().display(), problems.join("\n  ")));
        }
    }
    assert!(wrong.is_empty(), "samples differ from the events written beside them:\n{}", wrong.join("\n"));
}

#[test]
fn postfix_samples_give_the_events_written_beside_them() {
    check("postfix");
}

#[test]
fn exim_samples_give_the_events_written_beside_them() {
    check("exim");
}

#[test]
fn sendmail_samples_give_the_events_written_beside_them() {
    check("sendmail");
}

#[test]
fn opensmtpd_samples_give_the_events_written_beside_them() {
    check("opensmtpd");
}

#[test]
fn logs_of_several_mtas_give_the_events_written_beside_them() {
    check("mixed");
}
