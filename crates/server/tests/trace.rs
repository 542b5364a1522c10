//! `trace` without files: out of a store that nobody uses, and through the `serve` that uses it, with the lines of the log.
#![cfg(feature = "daemon")]
#![allow(clippy::unwrap_used)]

mod daemon;
mod writer;

use std::path::Path;
use std::process::Command;

use daemon::{Daemon, folder, run_until, wait_until};
use mailvane_model::Time;
use mailvane_simulate::HeadForm;
use serde_json::Value;
use writer::host;

/// What it prints, and whether it could do it.
fn trace(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_mailvane")).args(["trace", "--timezone", "UTC"]).args(arguments).output().unwrap();
    let text = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.success(), String::from_utf8(text).unwrap())
}

/// The lives that it prints.
fn lives(arguments: &[&str]) -> Vec<Value> {
    let (fine, text) = trace(&[&["--json", "--limit", "500"], arguments].concat());
    assert!(fine, "{text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What must be equal, whether it comes out of files or of a store: hops, attempts, outcomes, and every line.
fn told(lives: &[Value]) -> Vec<String> {
    let ids = |life: &Value, list: &str| {
        let mut ids: Vec<String> = life[list].as_array().unwrap().iter().map(|row| row["id"].to_string()).collect();
        ids.sort_unstable();
        ids.concat()
    };
    let one = |life: &Value| {
        let outcomes: Vec<&Value> = life["outcomes"].as_array().unwrap().iter().map(|row| &row["outcome"]).collect();
        format!("{} {} {} {outcomes:?} {}", ids(life, "hops"), ids(life, "attempts"), ids(life, "rejections"), life["lines"])
    };
    let mut all: Vec<String> = lives.iter().map(one).collect();
    all.sort_unstable();
    all
}

fn assert_same(store: &[Value], files: &[Value], what: &str) {
    let (store, files) = (told(store), told(files));
    assert_eq!(store.len(), files.len(), "{what}: lives in the store and in the file");
    for (store, file) in store.iter().zip(&files) {
        assert_eq!(store, file, "{what}");
    }
}

/// A log of some hours ago, of which nothing happens by the clock any more.
fn write_log(log: &Path) -> String {
    let mut host = host(3, Time::from_chrono(&chrono::Utc::now()).plus(-5 * Time::HOUR), HeadForm::Rfc3339);
    let mut text = Vec::new();
    for _ in 0..6_000 {
        host.next_line(&mut text).unwrap();
    }
    std::fs::write(log, &text).unwrap();
    String::from_utf8(text).unwrap()
}

fn between<'a>(line: &'a str, before: &str, after: &str) -> &'a str {
    line.split_once(before).unwrap().1.split_once(after).unwrap().0
}

#[test]
fn a_store_tells_what_the_files_tell() {
    let folder = folder("trace");
    let log = folder.join("mail.log");
    let text = write_log(&log);
    let data = folder.join("data");
    let patterns = [log.display().to_string()];
    run_until(&data, &patterns, text.len() as u64);
    let (log, data) = (log.to_str().unwrap(), data.to_str().unwrap());

    // Early in the log, so that its end is there too; one hop, two hops, refused.
    let early: Vec<&str> = text.lines().take(1_500).collect();
    let sent = early.iter().find(|line| line.contains("/smtp[") && line.contains("status=sent") && !line.contains("127.0.0.1")).unwrap();
    let filtered =
        early.iter().find(|line| line.contains("status=sent") && line.contains("queued as") && line.contains("127.0.0.1")).unwrap();
    let refused = early.iter().find(|line| line.contains("NOQUEUE: reject: RCPT") && line.contains("to=<")).unwrap();
    let id = |line: &str| between(line, "]: ", ": ").to_owned();
    let cases = [
        vec![id(sent)],
        vec![id(filtered)],
        vec!["--queue-id".to_owned(), id(filtered)],
        vec![between(sent, "to=<", ">").to_owned()],
        vec!["--recipient".to_owned(), between(refused, "to=<", ">").to_owned()],
        vec!["--recipient".to_owned(), between(sent, "to=<", ">").to_owned(), "--sender".to_owned(), "@".to_owned()],
    ];
    let compare = |what: &str| {
        for case in &cases {
            let case: Vec<&str> = case.iter().map(String::as_str).collect();
            let files = lives(&[&[log], &case[..]].concat());
            assert!(!files.is_empty(), "{case:?} is in the file");
            let stored = lives(&[&["--data-dir", data], &case[..]].concat());
            assert_same(&stored, &files, &format!("{what}, {case:?}"));
        }
        let (fine, text) = trace(&["--data-dir", data, "nobody@nowhere.example"]);
        assert!(fine && text.contains("no trace of nobody@nowhere.example"), "{text}");
    };
    compare("nobody has the store");

    let daemon = Daemon::start(Path::new(data), &patterns);
    wait_until(|| Path::new(data).join("socket").exists() && trace(&["--data-dir", data, "nobody@nowhere.example"]).0);
    compare("`serve` runs");
    daemon.stop();

    let (fine, text) = trace(&["--data-dir", "/nowhere", "4A1B2C3D5E"]);
    assert!(!fine && text.contains("/nowhere"), "{text}");
    let (fine, text) = trace(&[log]);
    assert!(!fine && text.contains("say what to look for"), "{text}");
}
