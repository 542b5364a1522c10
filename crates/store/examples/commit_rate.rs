//! How fast rows are committed and sealed, and how large they are: `commit_rate [MESSAGES] [MESSAGES_A_COMMIT]`.
//! Then how fast half a million pieces of state are loaded. Times are of this thread on a processor.
#![allow(clippy::print_stdout, clippy::unwrap_used, unreachable_pub)]

use std::time::Duration;

use mailvane_model::{Batch, Time, hash};
use mailvane_store::{Commit, Disk, Kind, Options, Store};

#[allow(dead_code)]
#[path = "../tests/it/fixture.rs"]
mod fixture;

/// Time that this thread ran on a processor, so that other programs do not disturb the measure.
fn ran() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

fn main() {
    let argument = |at: usize, default: u64| std::env::args().nth(at).map_or(default, |text| text.parse().unwrap());
    let (messages, step) = (argument(1, 400_000), argument(2, 20_000));
    let folder = tempfile::tempdir().unwrap();
    let options = Options { merge_bytes_per_second: 1 << 40, ..Options::default() };
    let mut disk = Disk::open(folder.path(), options).unwrap();
    let (mut spent, mut rows) = (Duration::ZERO, 0);
    for start in (0..messages).step_by(step as usize) {
        let batch = fixture::batch(start..(start + step).min(messages));
        rows += batch.len();
        let began = ran();
        disk.commit(&Commit::of(&batch)).unwrap();
        spent += ran().saturating_sub(began);
    }
    let began = ran();
    disk.seal().unwrap();
    spent += ran().saturating_sub(began);
    println!("{rows} rows in {spent:.2?} of processor time: {:.0} rows/s committed and sealed", rows as f64 / spent.as_secs_f64());
    sizes(&disk);
    let began = ran();
    let now = fixture::START.plus(messages as i64 * Time::SECOND + 2 * Time::DAY);
    let merges: usize = (0..2000).map(|second| disk.tick(now.plus(second * Time::MINUTE)).unwrap().merges).sum();
    println!("{merges} merges in {:.2?} of processor time", ran().saturating_sub(began));
    sizes(&disk);
    state(&mut disk);
}

fn sizes(disk: &Disk) {
    let snapshot = disk.snapshot().unwrap();
    for kind in Kind::ALL {
        let segments = snapshot.segments(kind, Time(i64::MIN), Time(i64::MAX));
        let (rows, bytes) = segments.iter().fold((0, 0), |sum, segment| (sum.0 + segment.rows, sum.1 + segment.bytes));
        println!("  {:10} {:4} files {rows:9} rows {:6.1} bytes a row", kind.word(), segments.len(), bytes as f64 / (rows.max(1) as f64));
    }
}

fn state(disk: &mut Disk) {
    let rows = Batch::default();
    let piece = |number: u64| {
        let value: Vec<u8> = (0..25).flat_map(|word| hash::words(&[number, word]).to_le_bytes()).collect();
        (hash::words(&[number]).to_be_bytes().to_vec(), Some(value))
    };
    for part in 0..10 {
        let state = (part * 50_000..(part + 1) * 50_000).map(piece).collect();
        disk.commit(&Commit { state, ..Commit::of(&rows) }).unwrap();
    }
    let began = ran();
    let pieces = disk.state(b"").unwrap();
    println!("{} pieces of state loaded in {:.2?}", pieces.len(), ran().saturating_sub(began));
}
