//! `kill -9` at random moments: after it every acknowledged commit is there exactly once, and nothing by halves.
//!
//! This program runs itself as the process that is killed, so it has a `main` of its own.

// Tests may unwrap, and share their fixtures between two programs.
#![allow(clippy::unwrap_used, unreachable_pub)]

#[path = "it/all.rs"]
mod all;
#[allow(dead_code)]
#[path = "it/fixture.rs"]
mod fixture;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mailvane_metric::{Cube, Width};
use mailvane_model::{Batch, Time, hash};
use mailvane_store::{Commit, Disk, Options, Snapshot, Store};

/// Names the folder in which the child works.
const FOLDER: &str = "MAILVANE_CRASH_FOLDER";
/// Rounds of one run; `MAILVANE_CRASH_ROUNDS` sets another number.
const ROUNDS: u64 = 24;
/// Rounds on one store: reading all of it after each kill is what takes time.
const ROUNDS_A_STORE: u64 = 8;
/// Messages of one commit.
const MESSAGES: u64 = 12;

fn main() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        commit_for_ever(Path::new(&folder));
    }
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.iter().any(|argument| argument == "--list") {
        if !arguments.iter().any(|argument| argument == "--ignored") {
            say("kill_at_random_moments: test");
        }
        return;
    }
    let rounds = std::env::var("MAILVANE_CRASH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let mut commits = 0;
    for store in 0..rounds.div_ceil(ROUNDS_A_STORE) {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..ROUNDS_A_STORE.min(rounds - store * ROUNDS_A_STORE) {
            let acknowledged = run_and_kill(folder.path(), store * ROUNDS_A_STORE + round);
            commits = check(folder.path(), acknowledged);
        }
    }
    say(&format!("{rounds} kills, {commits} commits in the last store, each there once: ok"));
}

fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn options() -> Options {
    Options { seal_rows: 150, merge_parts: 3, ..Options::default() }
}

/// What commit `number` (from 1) brings: new messages, and the second revision of those of the commit before.
fn rows_of(number: u64) -> Batch {
    let mut batch = Batch::default();
    for message in (number - 1) * MESSAGES..number * MESSAGES {
        fixture::put_message(message, 0, &mut batch);
        fixture::put_delivery(message, &mut batch);
        if message.is_multiple_of(5) {
            fixture::put_door(message, &mut batch);
        }
    }
    for message in (number - 1) * MESSAGES..number * MESSAGES {
        if message >= MESSAGES {
            fixture::put_message(message - MESSAGES, 1, &mut batch);
        }
    }
    batch
}

/// The child: commits until it is killed, and says the number of each commit after it was acknowledged.
fn commit_for_ever(folder: &Path) -> ! {
    let mut disk = Disk::open(folder, options()).unwrap();
    let mut number = disk.snapshot().unwrap().number().0;
    loop {
        number += 1;
        let rows = rows_of(number);
        let mut commit = Commit::of(&rows);
        commit.bulk = number.is_multiple_of(9);
        commit.state =
            vec![(b"number".to_vec(), Some(number.to_string().into_bytes())), (format!("key/{number}").into_bytes(), Some(vec![1]))];
        if number > 3 {
            commit.state.push((format!("key/{}", number - 3).into_bytes(), None));
        }
        disk.commit(&commit).unwrap();
        say(&number.to_string());
        disk.tick(fixture::START.plus(Time::SECOND * 60 * number as i64)).unwrap();
    }
}

/// Runs the child, and kills it some commits and a moment later. Returns the last number that it said.
fn run_and_kill(folder: &Path, seed: u64) -> Option<u64> {
    let program = std::env::current_exe().unwrap();
    let mut child = Command::new(program).env(FOLDER, folder).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut last = None;
    let mut line = String::new();
    for _ in 0..hash::words(&[seed, 1]) % 20 {
        line.clear();
        if said.read_line(&mut line).unwrap() == 0 {
            break;
        }
        last = line.trim().parse().ok();
    }
    let moment = Duration::from_micros(hash::words(&[seed, 2]) % 8000);
    let start = Instant::now();
    while start.elapsed() < moment {
        std::hint::spin_loop();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    // A line that was cut by the kill was not said.
    let whole = rest.rfind('\n').map_or("", |end| &rest[..end]);
    whole.lines().last().and_then(|line| line.trim().parse().ok()).or(last)
}

/// Opens the store and compares all of it with what its number of commits must have made.
fn check(folder: &Path, acknowledged: Option<u64>) -> u64 {
    let disk = Disk::open(folder, options()).unwrap();
    let snapshot = disk.snapshot().unwrap();
    let number = snapshot.number().0;
    let acknowledged = acknowledged.unwrap_or(0);
    assert!(number >= acknowledged, "commit {acknowledged} was acknowledged, the store has {number}");
    let mut expected = Batch::default();
    for commit in 1..=number {
        append(&rows_of(commit), &mut expected);
    }
    all::assert_same(&all::rows(&snapshot), &all::highest(&expected));
    check_state(&disk, number);
    check_rollups(&snapshot, &expected);
    number
}

fn append(from: &Batch, to: &mut Batch) {
    use mailvane_model::Sink;
    from.messages.iter().for_each(|row| to.message(&row, None));
    from.attempts.iter().for_each(|row| to.attempt(&row));
    from.outcomes.iter().for_each(|row| to.outcome(&row, None));
    from.rejections.iter().for_each(|row| to.rejection(&row));
    from.auths.iter().for_each(|row| to.auth(&row));
    from.sessions.iter().for_each(|row| to.session(&row));
    from.notices.iter().for_each(|row| to.notice(&row));
}

fn check_state(disk: &Disk, number: u64) {
    if number == 0 {
        return;
    }
    assert_eq!(disk.state(b"number").unwrap()[0].1, number.to_string().into_bytes());
    let mut keys: Vec<Vec<u8>> = (number.saturating_sub(2).max(1)..=number).map(|number| format!("key/{number}").into_bytes()).collect();
    keys.sort();
    assert_eq!(disk.state(b"key/").unwrap().into_iter().map(|pair| pair.0).collect::<Vec<_>>(), keys);
}

fn check_rollups(snapshot: &Snapshot, rows: &Batch) {
    for width in Width::ALL {
        let mut expected = Vec::new();
        mailvane_metric::rollup::deltas(rows, *width, &mut |cube, time, stream, key, cell| {
            let mut whole = mailvane_metric::Cell::default();
            whole.merge(cell);
            expected.push((cube, time, stream, key.to_owned(), whole));
        });
        let mut found = Vec::new();
        for cube in Cube::ALL {
            let all = snapshot.rollups(*width, *cube, Time(0), Time(i64::MAX), None).unwrap();
            found.extend(all.into_iter().map(|rolled| (*cube, rolled.time, rolled.stream, rolled.key, rolled.cell)));
        }
        assert!(found == expected, "rollups by {} differ", width.word());
    }
}
