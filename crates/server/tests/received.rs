//! Lines that cannot be read again - syslog over TCP, the journal - while the daemon is killed: what reached its disk counts once, and nothing else does.
//!
//! `MAILVANE_KILL_ROUNDS` says how often it is killed, `MAILVANE_KILL_SEED` when.
#![cfg(feature = "daemon")]
#![allow(clippy::unwrap_used)]

mod daemon;
mod journald;
mod writer;

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use daemon::{Daemon, LONGEST, assert_same, folder, rows, run_until, states, wait_until};
use journald::Journald;
use mailvane_model::Time;
use mailvane_simulate::HeadForm;
use writer::{Dice, host};

/// Kills, unless told otherwise.
const ROUNDS: u64 = 4;
/// Lines of the simulated log for each kill.
const LINES: u64 = 1_500;
/// Of a gap: what was written to the journal and removed before it was read.
const MISSING: &str = "does not hold the entries any more";
/// Longest life of a daemon before it is killed, in milliseconds.
const LONGEST_LIFE: u64 = 900;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

fn lines(count: u64) -> Vec<String> {
    let mut host = host(11, Time::from_chrono(&chrono::Utc::now()), HeadForm::Rfc3339);
    let mut text = Vec::new();
    for _ in 0..count {
        host.next_line(&mut text).unwrap();
    }
    String::from_utf8(text).unwrap().lines().map(str::to_owned).collect()
}

/// What stands in the spools of a store, in order.
fn spooled(data: &Path) -> String {
    let mut files = Vec::new();
    for folder in std::fs::read_dir(data.join("spool")).into_iter().flatten() {
        files.extend(std::fs::read_dir(folder.unwrap().path()).unwrap().map(|file| file.unwrap().path()));
    }
    // Rotated files end in a date, the one that is written to in nothing.
    files.sort_by_key(|path: &PathBuf| (path.extension().is_some_and(|ending| ending == "log"), path.clone()));
    files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// Whole lines in the spools.
fn kept(data: &Path) -> usize {
    spooled(data).matches('\n').count()
}

fn configured(folder: &Path, source: &str) -> (PathBuf, Vec<String>) {
    let config = folder.join("mailvane.toml");
    // Room for all of it: what is committed would be removed from a full spool, and is asked for at the end.
    let megabytes = 64.max(2 * number("MAILVANE_KILL_ROUNDS", ROUNDS));
    std::fs::write(&config, format!("[spool]\nmegabytes = {megabytes}\n[[source]]\n{source}\n")).unwrap();
    (folder.join("data"), vec!["--config".to_owned(), config.display().to_string()])
}

/// Rows that a line makes at once. Messages and outcomes wait for what may follow, some by the clock: of lines that were written a minute ago two runs
/// need not have told the same yet.
const AT_ONCE: [&str; 3] = ["attempt", "auth", "rejection"];

/// The rows after the kills, beside those of the same lines in a file that is read undisturbed. `is_wanted` says of which kinds.
fn compare(folder: &Path, data: &Path, arguments: &[String], expected: &str, is_wanted: impl Fn(&str) -> bool) {
    assert_eq!(spooled(data).lines().count(), expected.lines().count());
    assert!(spooled(data) == expected, "the spool holds other lines than were sent");
    run_until(data, arguments, expected.len() as u64);
    let whole = folder.join("whole.log");
    std::fs::write(&whole, expected).unwrap();
    let undisturbed = folder.join("undisturbed");
    run_until(&undisturbed, &[whole.display().to_string()], expected.len() as u64);
    let (mut killed, mut read) = (rows(data, false), rows(&undisturbed, false));
    assert!(killed["outcome"].len() > 100, "{} outcomes", killed["outcome"].len());
    killed.retain(|kind, _| is_wanted(kind));
    read.retain(|kind, _| is_wanted(kind));
    assert_same(&killed, &read, "killed (left) and undisturbed (right)");
    assert!(!states(data).is_empty());
}

/// Sends messages when somebody listens, until `deadline`; whoever is killed meanwhile gets the rest another time.
fn send(address: &str, messages: &[String], counted: bool, deadline: Instant) {
    let mut stream = loop {
        match TcpStream::connect(address) {
            Ok(stream) => break stream,
            Err(_) if Instant::now() > deadline => return,
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    for message in messages {
        let framed = if counted { format!("{} {message}", message.len()) } else { format!("{message}\n") };
        if stream.write_all(framed.as_bytes()).is_err() {
            return;
        }
    }
}

#[test]
fn syslog_over_tcp_loses_and_doubles_nothing_that_is_on_disk() {
    let (rounds, seed) = (number("MAILVANE_KILL_ROUNDS", ROUNDS), number("MAILVANE_KILL_SEED", 1));
    let folder = folder("received-tcp");
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (data, arguments) = configured(&folder, &format!("syslog = \"tcp://{address}\""));
    let messages: Vec<String> = lines(LINES * rounds).into_iter().map(|line| format!("<22>{line}")).collect();
    let mut dice = Dice(seed);
    for round in 0..rounds {
        // The sender goes on with what is not on disk.
        let rest = &messages[kept(&data)..];
        let daemon = Daemon::start(&data, &arguments);
        let life = Duration::from_millis(1 + dice.below(LONGEST_LIFE));
        std::thread::scope(|scope| {
            scope.spawn(|| send(&address, rest, round % 2 == 0, Instant::now() + life));
            std::thread::sleep(life);
            daemon.kill();
        });
    }
    let rest = &messages[kept(&data)..];
    let daemon = Daemon::start(&data, &arguments);
    send(&address, rest, false, Instant::now() + LONGEST);
    wait_until(|| kept(&data) >= messages.len());
    daemon.stop();
    let expected: String = messages.iter().map(|message| format!("{message}\n")).collect();
    compare(&folder, &data, &arguments, &expected, |_| true);
}

/// `journalctl` as far as it is needed here: entries of a file from a cursor on, and what is added to it.
const JOURNALCTL: &str = r#"#!/bin/sh
cursor=
for word; do case "$word" in --cursor=*) cursor=${word#--cursor=} ;; esac; done
first=1
if [ -n "$cursor" ]; then first=$(grep -nF "\"__CURSOR\":\"$cursor\"" JOURNAL | cut -d: -f1); fi
exec tail -n "+$first" -f JOURNAL
"#;

fn entry(number: usize, line: &str) -> String {
    let (time, rest) = line.split_once(' ').unwrap();
    let (host, rest) = rest.split_once(' ').unwrap();
    let (tag, message) = rest.split_once(": ").unwrap();
    let (program, pid) = tag.trim_end_matches(']').split_once('[').unwrap_or((tag, "1"));
    let time = chrono::DateTime::parse_from_rfc3339(time).unwrap().timestamp_micros();
    let fields = serde_json::json!({
        "MESSAGE": message, "SYSLOG_IDENTIFIER": program, "SYSLOG_PID": pid, "_HOSTNAME": host,
        "__REALTIME_TIMESTAMP": time.to_string(), "__CURSOR": format!("s=1;i={number:x}"),
    });
    format!("{fields}\n")
}

#[test]
fn the_journal_loses_and_doubles_nothing() {
    let (rounds, seed) = (number("MAILVANE_KILL_ROUNDS", ROUNDS), number("MAILVANE_KILL_SEED", 2));
    let folder = folder("received-journal");
    let (program, journal) = (folder.join("journalctl"), folder.join("journal"));
    std::fs::write(&program, JOURNALCTL.replace("JOURNAL", &journal.display().to_string())).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let source = format!("journald = true\njournalctl = {:?}", program.display().to_string());
    let (data, arguments) = configured(&folder, &source);
    let entries: Vec<String> = lines(LINES * rounds).iter().enumerate().map(|(number, line)| entry(number, line)).collect();
    let mut out = std::fs::File::create(&journal).unwrap();
    let mut dice = Dice(seed);
    for part in entries.chunks(LINES as usize) {
        let daemon = Daemon::start(&data, &arguments);
        for few in part.chunks(1 + dice.below(200) as usize) {
            out.write_all(few.concat().as_bytes()).unwrap();
            std::thread::sleep(Duration::from_millis(dice.below(60)));
        }
        daemon.kill();
    }
    let daemon = Daemon::start(&data, &arguments);
    wait_until(|| kept(&data) >= entries.len());
    daemon.stop();
    compare(&folder, &data, &arguments, &entries.concat(), |_| true);
}

/// How many entries of the facility `mail` are in the spools.
fn mails(data: &Path) -> usize {
    spooled(data).matches(r#""SYSLOG_FACILITY":"2""#).count()
}

/// The messages of the facility `mail` in the spools: what the journal says of itself stands between them.
fn texts(data: &Path) -> Vec<String> {
    let entries = spooled(data);
    let entries = entries.lines().map(|entry| serde_json::from_str::<serde_json::Value>(entry).unwrap());
    entries.filter(|entry| entry["SYSLOG_FACILITY"] == "2").map(|entry| entry["MESSAGE"].as_str().unwrap().to_owned()).collect()
}

/// The real `journalctl` of a real journal, which rotates its files and removes old ones meanwhile.
#[test]
fn a_real_journal_loses_and_doubles_nothing() {
    let journald = match Journald::start() {
        Ok(journald) => journald,
        Err(why) => return eprintln!("not tested with a real journal: {why}"),
    };
    let (rounds, seed) = (number("MAILVANE_KILL_ROUNDS", ROUNDS), number("MAILVANE_KILL_SEED", 3));
    let folder = folder("received-journald");
    let source = format!("journald = true\njournalctl = {:?}", journald.journalctl().display().to_string());
    let (data, arguments) = configured(&folder, &source);
    let lines: Vec<String> =
        lines(LINES * rounds).iter().filter_map(|line| Some(line.split_once(' ')?.1.split_once(' ')?.1.to_owned())).collect();
    let expected: Vec<&str> = lines.iter().map(|line| line.split_once(": ").unwrap().1).collect();
    let mut dice = Dice(seed);
    for (round, part) in lines.chunks(LINES as usize).enumerate() {
        let daemon = Daemon::start(&data, &arguments);
        for few in part.chunks(1 + dice.below(200) as usize) {
            few.iter().for_each(|line| journald.write(&format!("<22>Nov  2 08:15:01 {line}")));
            std::thread::sleep(Duration::from_millis(dice.below(60)));
        }
        if round % 2 == 0 {
            journald.control(&["--rotate"]);
        }
        if round % 3 == 2 {
            // What was read may go.
            wait_until(|| mails(&data) >= (round + 1) * LINES as usize);
            journald.control(&["--rotate", "--vacuum-files=1"]);
        }
        daemon.kill();
    }
    let daemon = Daemon::start(&data, &arguments);
    wait_until(|| mails(&data) >= lines.len());
    daemon.stop();
    assert!(texts(&data) == expected, "the spool holds other messages than were written");
    let before = rows(&data, false);
    assert!(before.get("notice").is_none_or(|notices| notices.iter().all(|notice| !notice.contains(MISSING))), "a gap where there is none");
    compare(&folder, &data, &arguments, &spooled(&data), |kind| AT_ONCE.contains(&kind));

    // Written while nobody reads, and removed before somebody does: the gap is told.
    for message in ["gone 1", "gone 2"] {
        journald.write(&format!("<22>Nov  2 08:15:01 postfix/qmgr[7]: {message}"));
        // Else it may still lie in the socket when the file is changed.
        journald.control(&["--sync"]);
        journald.control(&["--rotate"]);
    }
    journald.control(&["--rotate", "--vacuum-files=1"]);
    journald.write("<22>Nov  2 08:15:01 postfix/qmgr[7]: here again");
    let daemon = Daemon::start(&data, &arguments);
    wait_until(|| mails(&data) > lines.len());
    daemon.stop();
    assert_eq!(texts(&data).last().map(String::as_str), Some("here again"));
    assert!(rows(&data, false)["notice"].iter().any(|notice| notice.contains(MISSING)), "the gap is not told");
}

#[test]
fn standard_input_is_kept_to_its_end() {
    let folder = folder("received-input");
    let (data, text) = (folder.join("data"), lines(LINES * ROUNDS).join("\n") + "\n");
    let input = folder.join("input");
    std::fs::write(&input, &text).unwrap();
    let arguments = ["-".to_owned()];
    let daemon = Daemon::start_reading(&data, &arguments, std::fs::File::open(&input).unwrap().into());
    wait_until(|| spooled(&data).len() >= text.len());
    daemon.stop();
    compare(&folder, &data, &arguments, &text, |_| true);
}
