//! History that is read - by `import` and by `serve` - is killed at random moments: what is told in the end is what an undisturbed run tells.
//!
//! `MAILVANE_KILL_ROUNDS` says how often it is killed, `MAILVANE_KILL_SEED` when.
#![cfg(feature = "daemon")]
#![allow(clippy::unwrap_used)]

mod daemon;
mod writer;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use daemon::{Daemon, LONGEST, assert_same, folder, rows, run_until, states};
use mailvane_model::Time;
use mailvane_simulate::HeadForm;
use writer::{Dice, compress, host};

/// Kills, unless told otherwise.
const ROUNDS: u64 = 6;
/// Lines of each file that is imported.
const LINES: usize = 9_000;
/// Lines of each file that the daemon reads: enough for several commits.
const MANY_LINES: usize = 40_000;
/// Longest life of a daemon that reads before it is killed, in milliseconds.
const LONGEST_LIFE: u64 = 1_200;
/// Rows of one commit: few, so that there are many.
const COMMIT_ROWS: u64 = 1_500;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// A log with its rotations, as they lie there when the first of them is read: two compressed ones, a plain one, and the live file. Its
/// bytes in all, decompressed.
fn write_history(folder: &Path, seed: u64, lines: usize) -> (Vec<PathBuf>, u64) {
    let start = Time::from_chrono(&chrono::Utc::now()).plus(-6 * Time::HOUR);
    let mut host = host(seed, start, HeadForm::Rfc3339);
    let mut bytes = 0;
    let mut files = Vec::new();
    for name in ["mail.log.3", "mail.log.2", "mail.log.1", "mail.log"] {
        let mut text = Vec::new();
        for _ in 0..lines {
            host.next_line(&mut text).unwrap();
        }
        bytes += text.len() as u64;
        let path = folder.join(name);
        std::fs::write(&path, &text).unwrap();
        files.push(match name {
            "mail.log.3" => {
                compress(&path);
                folder.join("mail.log.3.gz")
            }
            "mail.log.2" => {
                let packed = folder.join("mail.log.2.zst");
                zstd::stream::copy_encode(&text[..], File::create(&packed).unwrap(), 3).unwrap();
                std::fs::remove_file(&path).unwrap();
                packed
            }
            _ => path,
        });
    }
    (files, bytes)
}

fn import(data: &Path, files: &[PathBuf]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_mailvane"))
        .args(["import", "--timezone", "UTC", "--commit-rows", &COMMIT_ROWS.to_string(), "--data-dir"])
        .arg(data)
        .args(files)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits for the end of an import, at most so long; whether it ended.
fn ended(child: &mut Child, within: Duration) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < within {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "the import failed: {status}");
            return true;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    false
}

#[test]
fn an_import_that_is_killed_goes_on_where_it_was() {
    let (rounds, seed) = (number("MAILVANE_KILL_ROUNDS", ROUNDS), number("MAILVANE_KILL_SEED", 4));
    let folder = folder("history-import");
    let (files, _) = write_history(&folder, seed, LINES);
    let undisturbed = folder.join("undisturbed");
    let begun = Instant::now();
    assert!(ended(&mut import(&undisturbed, &files), LONGEST));
    let whole = u64::try_from(begun.elapsed().as_millis()).unwrap();
    let expected = rows(&undisturbed, true);
    assert!(expected["outcome"].len() > 1_000, "{} outcomes", expected["outcome"].len());

    let mut dice = Dice(seed);
    let (mut kills, mut stores, mut halves) = (0, 0, 0);
    while kills < rounds {
        let data = folder.join("killed");
        loop {
            let mut child = import(&data, &files);
            let life = if kills < rounds { Duration::from_millis(1 + dice.below(whole)) } else { LONGEST };
            if ended(&mut child, life) {
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
            halves += u64::from(is_unfinished(&data));
        }
        stores += 1;
        assert_same(&rows(&data, true), &expected, "killed (left) and undisturbed (right)");
        assert_eq!(states(&data).len(), files.len(), "files that the store knows at the end");
        std::fs::remove_dir_all(&data).unwrap();
    }
    let said = format!("{kills} kills, {halves} of them between the commits of an import, {stores} stores\n");
    std::fs::write(folder.join("figures"), said).unwrap();
}

/// Whether a part of an import is committed, and not all of it.
fn is_unfinished(data: &Path) -> bool {
    use mailvane_store::{Disk, Options, Store};
    data.exists() && !Disk::open(data, Options::default()).unwrap().state(b"import/").unwrap().is_empty()
}

#[test]
fn a_daemon_that_is_killed_while_it_reads_history_loses_and_doubles_nothing() {
    let (rounds, seed) = (number("MAILVANE_KILL_ROUNDS", ROUNDS), number("MAILVANE_KILL_SEED", 5));
    let folder = folder("history-serve");
    let logs = folder.join("logs");
    std::fs::create_dir(&logs).unwrap();
    let (_, bytes) = write_history(&logs, seed, MANY_LINES);
    let patterns = [format!("{}*", logs.join("mail.log").display())];
    let undisturbed = folder.join("undisturbed");
    run_until(&undisturbed, &patterns, bytes);
    let expected = rows(&undisturbed, true);
    assert!(expected["outcome"].len() > 1_000, "{} outcomes", expected["outcome"].len());

    let mut dice = Dice(seed);
    let (mut kills, mut stores, mut halves) = (0, 0, 0);
    while kills < rounds {
        let data = folder.join("killed");
        // Few lives are enough for all of it; then it begins anew.
        for _ in 0..3 {
            let mut daemon = Daemon::start_in_steps(&data, &patterns, COMMIT_ROWS);
            daemon.wait_for_words();
            std::thread::sleep(Duration::from_millis(1 + dice.below(LONGEST_LIFE)));
            daemon.kill();
            kills += 1;
            let read: u64 = if data.exists() { states(&data).iter().map(|state| state.offset).sum() } else { 0 };
            halves += u64::from(read > 0 && read < bytes);
        }
        run_until(&data, &patterns, bytes);
        stores += 1;
        assert_same(&rows(&data, true), &expected, "killed (left) and undisturbed (right)");
        std::fs::remove_dir_all(&data).unwrap();
    }
    let said = format!("{kills} kills, {halves} of them with a part of the history read, {stores} stores\n");
    std::fs::write(folder.join("figures"), said).unwrap();
}
