//! A day of small commits: few segment files, and no reader is disturbed by a merge.
//!
//! `MAILVANE_COMMIT_SECONDS` says how far the commits are apart: 1 is what a real store does, and takes some minutes.

use mailvane_model::{Batch, Time};
use mailvane_store::{Commit, Disk, Kind, Options, Store};

use crate::{all, fixture};

/// Seconds between two commits unless asked: only the sealing every five minutes makes files.
const STEP: u64 = 20;

#[test]
fn a_day_leaves_few_files_and_every_row() {
    let step = std::env::var("MAILVANE_COMMIT_SECONDS").map_or(STEP, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut disk = Disk::open(folder.path(), Options { sync: false, ..Options::default() }).unwrap();
    let mut most = 0;
    let mut held = None;
    let mut merges = 0;
    let mut count = 0;
    for second in (0..86_400_u64).step_by(step as usize) {
        let mut batch = Batch::default();
        fixture::put_message(second, 0, &mut batch);
        fixture::put_delivery(second, &mut batch);
        fixture::put_door(second, &mut batch);
        if second > 0 {
            fixture::put_message(second - step, 1, &mut batch);
        }
        disk.commit(&Commit::of(&batch)).unwrap();
        count += 1;
        merges += disk.tick(fixture::START.plus(second as i64 * Time::SECOND)).unwrap().merges;
        if second % 3600 == 0 {
            most = most.max(std::fs::read_dir(folder.path().join("segments")).unwrap().count());
            // A reader that began an hour ago and several merges back still reads every row.
            if let Some((snapshot, rows)) = held.replace((disk.snapshot().unwrap(), count)) {
                let found = all::rows(&snapshot);
                assert_eq!((found.attempts.len(), found.messages.len()), (rows, rows));
            }
        }
    }
    drop(held);
    let files = std::fs::read_dir(folder.path().join("segments")).unwrap().count();
    let segments = disk.snapshot().unwrap().all_segments().len();
    assert!(segments <= 200 && files <= 200 && most <= 300, "{segments} segments, {files} files, {most} while readers held some");
    assert!(merges > 30, "{merges} merges");
    // The day is over: what is left of it becomes one part, or as few as parts may be large.
    let rows_before = all::rows(&disk.snapshot().unwrap());
    for minute in 0..90 {
        disk.tick(fixture::START.plus(Time::DAY + Time::HOUR + minute * Time::MINUTE)).unwrap();
    }
    let snapshot = disk.snapshot().unwrap();
    let rows: u64 = snapshot.all_segments().iter().map(|segment| segment.rows).sum();
    let parts = snapshot.segments(Kind::Attempts, Time(0), Time(i64::MAX)).len() as u64;
    assert!(parts <= 1 + 2 * rows / Options::default().merge_rows_max, "{parts} parts of {rows} rows");
    let found = all::rows(&snapshot);
    all::assert_same(&found, &rows_before);
    assert_eq!((found.attempts.len(), found.messages.len()), (count, count));
}
