//! `mailvane alerts check` and `backtest` on the real binary.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mailvane_model::Time;
use mailvane_simulate::{Host, Incident, IncidentKind, Options};
use mailvane_store::Disk;
use serde_json::Value;

const START: Time = Time::from_seconds(1_793_577_600);

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("alerts").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn mailvane(arguments: &[&str], path: Option<&Path>) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_mailvane")).args(arguments).args(path).output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
    output
}

#[test]
fn the_rules_that_ship_are_whole() {
    let output = mailvane(&["alerts", "check"], None);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("outbound_stopped") && text.contains("all are whole"), "{text}");
}

#[test]
fn a_typo_is_named_with_its_line_and_the_other_rules_go_on() {
    let folder = folder("typo");
    let rule = "title = \"T\"\nwhy = \"W\"\nseverity = \"ticket\"\nrunbook = \"R\"\n[condition]\nkind = \"rate_spike\"\nmetrik = \"deferral_rate\"\n";
    std::fs::write(folder.join("mine.toml"), rule).unwrap();
    std::fs::write(folder.join("log_gap.toml"), "# not here\n").unwrap();
    let output = mailvane(&["alerts", "check", "--rules", folder.to_str().unwrap()], None);
    assert_eq!(output.status.code(), Some(1));
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(err.contains("mine.toml, line 7: unknown key `metrik`: did you mean `metric`?"), "{err}");
    assert!(out.contains("outbound_stopped") && !out.contains("log_gap") && !out.contains("mine"), "{out}");
    let output = mailvane(&["alerts", "check", "--json", "--rules", folder.to_str().unwrap()], None);
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["problems"][0]["line"], 7);
    assert_eq!(mailvane(&["alerts", "check", "--rules", "no-such-folder"], None).status.code(), Some(2));
}

#[test]
fn a_backtest_names_the_provider_that_refused() {
    let at = |hour: i64| START.plus(hour * Time::HOUR);
    let refusal = Incident { kind: IncidentKind::Refusal { provider: "Google" }, start: at(9), end: at(11), percent: 100 };
    let options = Options { start: START, end: Some(at(16)), messages_per_day: 4_000, incidents: vec![refusal], ..Options::default() };
    let mut host = Host::new(options);
    let mut log = Vec::new();
    while host.next_line(&mut log).is_some() {}
    let path = folder("backtest").join("mail.log");
    std::fs::write(&path, log).unwrap();
    let clock = ["alerts", "backtest", "--year", "2026", "--timezone", "+01:00"];
    let output = mailvane(&[&clock[..], &["--json"]].concat(), Some(&path));
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    let incidents = value["incidents"].as_array().unwrap();
    let blocked: Vec<&Value> = incidents.iter().filter(|incident| incident["group"]["provider"] == "google").collect();
    assert_eq!(blocked.len(), 1, "{incidents:#?}");
    assert_eq!(blocked[0]["severity"], "page");
    assert!(blocked[0]["began"].as_str().unwrap().starts_with("2026-11-02T10:0"), "{}", blocked[0]["began"]);
    assert!(blocked[0]["ended"].is_string());
    let pages = incidents.iter().filter(|incident| incident["severity"] == "page").count();
    assert_eq!(pages, 1, "nothing else wakes anybody: {incidents:#?}");
    let text = String::from_utf8(mailvane(&clock, Some(&path)).stdout).unwrap();
    assert!(text.contains("A provider") && text.contains("provider google") && text.contains("1 of them pages"), "{text}");
    let data = folder("backtest").join("store");
    let _ = std::fs::remove_dir_all(&data);
    let data = data.to_str().unwrap().to_owned();
    let imported = mailvane(&["import", "--data-dir", &data, "--year", "2026", "--timezone", "+01:00"], Some(&path));
    assert_eq!(imported.status.code(), Some(0), "{}", String::from_utf8_lossy(&imported.stderr));
    // As `serve` does: the store has an owner while it is replayed.
    let owner = Disk::open(Path::new(&data), mailvane_store::Options::default()).unwrap();
    let output = mailvane(&["alerts", "backtest", "--timezone", "+01:00", "--json", "--data-dir", &data], None);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    drop(owner);
    let stored: Value = serde_json::from_slice(&output.stdout).unwrap();
    let told = |value: &Value| -> Vec<String> {
        let rows = value["incidents"].as_array().unwrap().iter();
        let mut told: Vec<String> =
            rows.map(|row| format!("{} {} {} {}", row["group"], row["severity"], row["began"], row["ended"])).collect();
        told.sort();
        told
    };
    assert_eq!(told(&stored), told(&value), "the store tells what the log tells");
}

#[test]
fn a_backtest_without_log_and_store_says_what_to_name() {
    let nowhere = folder("nowhere");
    let output = mailvane(&["alerts", "backtest", "--data-dir", nowhere.to_str().unwrap()], None);
    assert_eq!(output.status.code(), Some(2));
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains("there is no store in") && words.contains("name log files"), "{words}");
}

#[test]
fn an_empty_log_would_have_fired_nothing() {
    let path = folder("empty").join("mail.log");
    std::fs::write(&path, "not a mail log\n").unwrap();
    let output = mailvane(&["alerts", "backtest"], Some(&path));
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("no mail log lines"));
}
