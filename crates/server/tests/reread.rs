//! The same lines met again - rotated, compressed, in several files at once - change nothing.
#![cfg(feature = "daemon")]
#![allow(clippy::unwrap_used)]

mod daemon;
mod writer;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use daemon::{Daemon, assert_same, folder, rows, run_until, states};
use mailvane_model::Time;
use mailvane_simulate::HeadForm;
use serde_json::Value;
use writer::{compress, host};

/// Lines of the simulated log.
const LINES: usize = 6_000;

/// A day long past, so that nothing depends on the clock.
const START: Time = Time::from_seconds(1_793_577_600);

fn log(form: HeadForm) -> Vec<u8> {
    let mut host = host(7, START, form);
    let mut text = Vec::new();
    for _ in 0..LINES {
        host.next_line(&mut text).unwrap();
    }
    text
}

/// What a command prints, which must go well.
fn printed(command: &str, options: &[&str], files: &[&Path]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_mailvane"))
        .arg(command)
        .args(options)
        .args(["--year", "2026", "--timezone", "UTC"])
        .args(files)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Events without the name of the file they came from, sorted.
fn events(files: &[&Path]) -> Vec<String> {
    let without_source = |line: &str| {
        let mut event: Value = serde_json::from_str(line).unwrap();
        event.as_object_mut().unwrap().remove("source");
        event.to_string()
    };
    let mut events: Vec<String> = printed("events", &[], files).lines().map(without_source).collect();
    events.sort_unstable();
    events
}

#[test]
fn a_log_that_was_rotated_and_compressed_since_is_not_read_again() {
    let folder = folder("reread");
    let log_path = folder.join("mail.log");
    let text = log(HeadForm::Rfc3339);
    std::fs::write(&log_path, &text).unwrap();
    let patterns = [format!("{}*", log_path.display())];
    let data = folder.join("data");
    run_until(&data, &patterns, text.len() as u64);
    let before = rows(&data, true);
    assert!(before["outcome"].len() > 100);

    let rotated = folder.join("mail.log.1");
    std::fs::rename(&log_path, &rotated).unwrap();
    compress(&rotated);
    std::fs::write(&log_path, b"").unwrap();
    let daemon = Daemon::start(&data, &patterns);
    std::thread::sleep(Duration::from_millis(1500));
    daemon.stop();
    assert_eq!(states(&data).iter().map(|state| state.offset).sum::<u64>(), text.len() as u64);
    assert_same(&before, &rows(&data, true), "before (left) and after the rotation (right)");
}

#[test]
fn compressed_files_and_copies_give_the_same_events() {
    let folder = folder("copies");
    let plain = folder.join("mail.log");
    let text = log(HeadForm::Rfc3164);
    std::fs::write(&plain, &text).unwrap();
    let alone = events(&[&plain]);
    assert!(alone.len() > 100);
    let copy = folder.join("mail.log.1");
    std::fs::copy(&plain, &copy).unwrap();
    assert_eq!(alone, events(&[&plain, &copy]), "a copy beside it");
    compress(&copy);
    let packed = folder.join("mail.log.1.gz");
    assert_eq!(alone, events(&[&packed]), "compressed");
    assert_eq!(alone, events(&[&packed, &plain]), "both");
}

/// The same traffic as a syslog daemon with its usual rules writes it into four files.
fn four_files(folder: &Path) -> [PathBuf; 4] {
    let paths = ["mail.log", "mail.info", "mail.err", "syslog"].map(|name| folder.join(name));
    let text = log(HeadForm::Rfc3164);
    let (mut errors, mut everything) = (Vec::new(), Vec::new());
    for (number, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        if number % 9 == 0 {
            // "Mon dd hh:mm:ss host " in front of another program.
            let head = &line[..16];
            everything.extend_from_slice(head);
            everything.extend_from_slice(b"mx1 CRON[4711]: (root) CMD (/usr/sbin/example)\n");
        }
        everything.extend_from_slice(line);
        let is_error = [&b"]: error: "[..], b"]: fatal: ", b"]: panic: "].iter().any(|word| memchr::memmem::find(line, word).is_some());
        if is_error || number % 97 == 0 {
            errors.extend_from_slice(line);
        }
    }
    for (path, text) in paths.iter().zip([&text, &text, &errors, &everything]) {
        std::fs::write(path, text).unwrap();
    }
    paths
}

/// The report without what tells of the files themselves.
fn report(files: &[&Path]) -> serde_json::Map<String, Value> {
    let report: Value = serde_json::from_str(&printed("report", &["--json"], files)).unwrap();
    let mut sections = report.as_object().unwrap().clone();
    sections.remove("read").unwrap();
    sections
}

#[test]
fn the_same_traffic_in_four_files_counts_once_in_a_report() {
    let folder = folder("four");
    let [log, info, err, syslog] = four_files(&folder);
    let alone = report(&[&log]);
    let together = report(&[&log, &info, &err, &syslog]);
    assert_eq!(alone.keys().collect::<Vec<_>>(), together.keys().collect::<Vec<_>>());
    for (name, section) in &alone {
        assert_eq!(section, &together[name], "{name}");
    }
    assert!(alone.len() >= 3, "{:?}", alone.keys());
}

#[test]
fn the_same_traffic_in_two_files_gives_the_same_rows() {
    let folder = folder("two");
    let [log, _, _, syslog] = four_files(&folder);
    let bytes = |paths: &[&PathBuf]| paths.iter().map(|path| std::fs::metadata(path).unwrap().len()).sum::<u64>();
    let name = |path: &PathBuf| path.display().to_string();
    let (one, two) = (folder.join("one-data"), folder.join("two-data"));
    run_until(&one, &[name(&log)], bytes(&[&log]));
    run_until(&two, &[name(&log), name(&syslog)], bytes(&[&log, &syslog]));
    assert_same(&rows(&one, false), &rows(&two, false), "one file (left) and two (right)");
}
