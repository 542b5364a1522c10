//! The daemon is killed at random moments while its log is written and rotated; nothing may be lost or doubled.
//!
//! `MAILVANE_KILL_ROUNDS` says how often it is killed, `MAILVANE_KILL_SEED` when.
#![cfg(feature = "daemon")]
#![allow(clippy::unwrap_used)]

mod daemon;
mod writer;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use daemon::{Daemon, assert_same, folder, rows, run_until};
use mailvane_model::Time;
use mailvane_simulate::HeadForm;
use writer::{Dice, Writer, host};

/// Kills, unless told otherwise.
const ROUNDS: u64 = 6;
/// Longest life of a daemon before it is killed, in milliseconds.
const LONGEST_LIFE: u64 = 900;
/// Bursts of lines between steps of rotation.
const BURSTS: u64 = 12;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Writes until it is told to stop, and gives everything that was written.
fn write(mut writer: Writer, seed: u64, stop: &AtomicBool) -> Writer {
    let mut dice = Dice(seed);
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..=dice.below(BURSTS) {
            writer.write(1 + dice.below(160) as usize);
            std::thread::sleep(Duration::from_millis(dice.below(25)));
        }
        writer.rotate();
    }
    writer.write(1);
    writer
}

#[test]
fn killed_at_any_moment_it_loses_and_doubles_nothing() {
    let (rounds, seed) = (number("MAILVANE_KILL_ROUNDS", ROUNDS), number("MAILVANE_KILL_SEED", 1));
    let folder = folder("kill");
    let logs = folder.join("logs");
    std::fs::create_dir(&logs).unwrap();
    let log = logs.join("mail.log");
    let patterns = [format!("{}*", log.display())];
    let data = folder.join("killed");
    let start = Time::from_chrono(&chrono::Utc::now());
    let fresh = Writer::new(host(seed, start, HeadForm::Rfc3339), &log, seed);
    let stop = AtomicBool::new(false);
    let written = std::thread::scope(|scope| {
        let writing = scope.spawn(|| write(fresh, seed, &stop));
        let mut dice = Dice(seed ^ 0x5eed);
        for _ in 0..rounds {
            let daemon = Daemon::start(&data, &patterns);
            std::thread::sleep(Duration::from_millis(1 + dice.below(LONGEST_LIFE)));
            daemon.kill();
        }
        stop.store(true, Ordering::Relaxed);
        writing.join().unwrap()
    });
    let bytes = written.whole.len() as u64;
    run_until(&data, &patterns, bytes);
    let killed = rows(&data, false);

    // The same bytes in one file that was never rotated, read in one go.
    let whole = folder.join("whole.log");
    std::fs::write(&whole, &written.whole).unwrap();
    let undisturbed = folder.join("undisturbed");
    run_until(&undisturbed, &[whole.display().to_string()], bytes);
    assert_same(&killed, &rows(&undisturbed, false), "killed (left) and undisturbed (right)");

    // The same files, read afterwards: ids and positions are the same, too.
    let afterwards = folder.join("afterwards");
    run_until(&afterwards, &patterns, bytes);
    assert_same(&rows(&data, true), &rows(&afterwards, true), "killed (left) and read afterwards (right)");

    let counts: Vec<String> = killed.iter().map(|(kind, texts)| format!("{} {kind}", texts.len())).collect();
    assert!(killed["outcome"].len() > 100 && killed["attempt"].len() > 100, "{counts:?}");
    let said = format!("{rounds} kills, {} rotations, {bytes} bytes, rows: {}\n", written.rotations, counts.join(", "));
    std::fs::write(folder.join("figures"), said).unwrap();
}
