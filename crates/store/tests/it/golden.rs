//! A store of format 1, made once and kept: every later version must read it.
//!
//! `MAILVANE_MAKE_GOLDEN=FOLDER` makes a store of the present format in a new folder, for the day a new format comes.

use std::path::Path;

use mailvane_metric::{Cube, Width};
use mailvane_model::{Batch, Time};
use mailvane_store::{Commit, CommitNumber, Disk, KeptLine, Options, Probe, Store};

use crate::{all, fixture};

/// The rows of the two commits: the first is sealed, the second stays pending and revises some of the first.
fn rows() -> [Batch; 2] {
    let mut first = fixture::batch(0..30);
    (30..40).for_each(|number| fixture::put_message(number, 0, &mut first));
    let mut second = fixture::batch(60..70);
    (30..35).for_each(|number| fixture::put_message(number, 1, &mut second));
    [first, second]
}

fn make(folder: &Path) {
    let mut disk = Disk::open(folder, Options::default()).unwrap();
    let [first, second] = rows();
    let mut commit = Commit::of(&first);
    commit.state = vec![(b"assemble/1".to_vec(), Some(b"a piece".to_vec())), (b"ingest/1".to_vec(), Some(b"an offset".to_vec()))];
    commit.watermarks = vec![(fixture::stream(0).key(), fixture::arrival(29))];
    commit.lines = vec![KeptLine { position: fixture::position(7, 1), time: fixture::arrival(7), text: b"a kept line".to_vec() }];
    disk.commit(&commit).unwrap();
    disk.seal().unwrap();
    disk.commit(&Commit::of(&second)).unwrap();
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn format_1_is_read() {
    if let Some(folder) = std::env::var_os("MAILVANE_MAKE_GOLDEN") {
        make(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1"), folder.path());
    let mut disk = Disk::open(folder.path(), Options::default()).unwrap();
    let snapshot = disk.snapshot().unwrap();
    assert_eq!((snapshot.number(), snapshot.pending().len(), snapshot.all_segments().len()), (CommitNumber(2), 1, 7));
    let [first, second] = rows();
    let mut expected = first.clone();
    crate::disk::append(&second, &mut expected);
    all::assert_same(&all::rows(&snapshot), &all::highest(&expected));
    assert_eq!(disk.state(b"assemble/").unwrap(), [(b"assemble/1".to_vec(), b"a piece".to_vec())]);
    assert_eq!(snapshot.stream(fixture::stream(0).key()).unwrap().watermark, Some(fixture::arrival(29)));
    assert_eq!(snapshot.lines(&[fixture::position(7, 1)]).unwrap(), [Some(b"a kept line".to_vec())]);
    assert_eq!(snapshot.find(Probe::Life(fixture::life(7)), Time(0), Time(i64::MAX)).unwrap().len(), 7);
    let hours = snapshot.rollups(Width::Hour, Cube::Total, Time(0), Time(i64::MAX), None).unwrap();
    assert_eq!(hours.len(), 2);
    // It can be written on.
    disk.commit(&Commit::of(&fixture::batch(80..90))).unwrap();
    disk.seal().unwrap();
    assert_eq!(all::rows(&disk.snapshot().unwrap()).attempts.len(), 50);
}
