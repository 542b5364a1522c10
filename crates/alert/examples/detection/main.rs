//! The detection bench: simulated host-months with known incidents through the rules that ship, beside fixed thresholds.
//!
//! `cargo xtask bench alerts` runs it. Hosts with even seeds are for fixing the rules (`--half train`), those with odd seeds for
//! the table (`--half test`).
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod chance;
mod fixed;
mod host;
mod incident;
mod score;
mod speed;
mod table;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use mailvane_alert::state::Settings;
use mailvane_alert::{Engine, RuleSet, Step};

use fixed::Fixed;
use host::Host;
use score::Score;

/// Messages a day, and how many host-months of each half there are; every second one has incidents.
const HOSTS: [(u32, u64); 6] = [(20, 40), (200, 48), (2_000, 56), (20_000, 40), (200_000, 12), (1_000_000, 4)];

/// Seeds begin here for every size; those below were looked at while the rules were made.
const FIRST_SEED: u64 = 4_000;

struct Wanted {
    half: u64,
    /// Every so-manieth host-month only.
    every: u64,
    verbose: bool,
    largest: u32,
    smallest: u32,
    threads: usize,
    /// One host-month only, of which every incident and change of an alert is printed.
    seed: Option<u64>,
}

fn wanted() -> Result<Wanted, String> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let mut wanted = Wanted { half: 1, every: 1, verbose: false, largest: u32::MAX, smallest: 0, threads, seed: None };
    let mut arguments = std::env::args().skip(1);
    while let Some(option) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{option} needs a value"));
        match option.as_str() {
            "--half" => {
                wanted.half = match value()?.as_str() {
                    "train" => 0,
                    "test" => 1,
                    other => return Err(format!("--half {other:?}: train or test")),
                }
            }
            "--every" => wanted.every = value()?.parse().map_err(|_| "--every needs a number".to_owned())?,
            "--largest" => wanted.largest = value()?.parse().map_err(|_| "--largest needs a number".to_owned())?,
            "--smallest" => wanted.smallest = value()?.parse().map_err(|_| "--smallest needs a number".to_owned())?,
            "--threads" => wanted.threads = value()?.parse().map_err(|_| "--threads needs a number".to_owned())?,
            "--seed" => wanted.seed = Some(value()?.parse().map_err(|_| "--seed needs a number".to_owned())?),
            "--verbose" => wanted.verbose = true,
            "--speed" => {
                speed::run();
                std::process::exit(0);
            }
            other => return Err(format!("no option {other:?}")),
        }
    }
    Ok(wanted)
}

/// One host-month, played.
struct Month {
    size: u32,
    host: Host,
    step: Step,
    fixed: [Vec<fixed::Alarm>; 2],
}

fn month(seed: u64, size: u32, with_incidents: bool) -> Month {
    let mut host = Host::new(seed, f64::from(size), with_incidents);
    let mut engine = Engine::new(RuleSet::embedded(), Settings { trains: false, ..Settings::default() });
    let mut fixed = [Fixed::new(0.05), Fixed::new(0.10)];
    let mut step = Step::default();
    let mut begin = None;
    while let Some(minute) = host.next() {
        let begin = *begin.get_or_insert(minute.start.0);
        for fixed in &mut fixed {
            fixed.step(&minute, begin);
        }
        step.extend(engine.step(&minute, minute.end));
    }
    Month { size, host, step, fixed: fixed.map(|fixed| fixed.alarms) }
}

/// Plays host-months on several threads; the order of the results is that of the jobs.
fn play(jobs: &[(u64, u32, bool)], threads: usize) -> Vec<Month> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((seed, size, with_incidents)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let month = month(*seed, *size, *with_incidents);
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    done.push((*seed, month));
                    eprint!("\r{} of {} host-months", done.len(), jobs.len());
                }
            });
        }
    });
    eprintln!();
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(seed, _)| *seed);
    done.into_iter().map(|(_, month)| month).collect()
}

fn main() {
    let wanted = wanted().unwrap_or_else(|error| {
        eprintln!("{error}");
        std::process::exit(2)
    });
    let begun = Instant::now();
    let mut jobs = Vec::new();
    // The largest first, so that the threads end together.
    for (size, count) in HOSTS.into_iter().rev().filter(|(size, _)| (wanted.smallest..=wanted.largest).contains(size)) {
        for number in (0..count).filter(|number| number % wanted.every == 0) {
            jobs.push((u64::from(size) * 1_000 + FIRST_SEED + number * 2 + wanted.half, size, (number / wanted.every).is_multiple_of(2)));
        }
    }
    jobs.retain(|(seed, ..)| wanted.seed.is_none_or(|only| only == *seed));
    let mut score = Score::default();
    for month in play(&jobs, wanted.threads) {
        if wanted.seed.is_some() {
            table::story(&month.host, &month.step);
        }
        score.add(&month.host, month.size, &month.step, &month.fixed);
    }
    let half = if wanted.half == 0 { "the half for fixing the rules" } else { "the half that was not looked at before" };
    println!("{} host-months of {} days, {half}; rules as they ship.\n", jobs.len(), host::DAYS);
    table::print(&score);
    if wanted.verbose {
        println!("\nmissed:");
        score.missed.iter().for_each(|missed| println!("  {missed}"));
        println!("\nsaid for nothing:");
        score.said.iter().for_each(|said| println!("  {said}"));
    }
    eprintln!("{:.0} s", begun.elapsed().as_secs_f64());
}
