//! What every store must do: each function takes a fresh store; the macro runs all of them over both.

use mailvane_metric::{Cell, Cube, Width};
use mailvane_model::{Batch, Time};
use mailvane_store::{Commit, CommitNumber, Disk, Kind, Memory, Options, Snapshot, Store};

use crate::fixture;

fn commit_rows(store: &mut dyn Store, rows: &Batch) -> CommitNumber {
    store.commit(&Commit::of(rows)).unwrap()
}

fn live_messages(snapshot: &Snapshot) -> Vec<(u64, u32)> {
    let mut found = Vec::new();
    for pending in snapshot.pending() {
        let dead = pending.dead(Kind::Messages);
        for (row, message) in pending.rows.messages.iter().enumerate() {
            if dead.binary_search(&(row as u32)).is_err() {
                found.push((message.id, message.rev));
            }
        }
    }
    found.sort_unstable();
    found
}

fn commits_are_numbered_from_one(store: &mut dyn Store) {
    assert_eq!(store.snapshot().unwrap().number(), CommitNumber(0));
    assert_eq!(commit_rows(store, &fixture::batch(0..3)), CommitNumber(1));
    assert_eq!(commit_rows(store, &Batch::default()), CommitNumber(2));
    assert_eq!(store.snapshot().unwrap().number(), CommitNumber(2));
}

fn a_snapshot_does_not_change(store: &mut dyn Store) {
    commit_rows(store, &fixture::batch(0..3));
    let before = store.snapshot().unwrap();
    let copy = before.clone();
    commit_rows(store, &fixture::batch(3..9));
    assert_eq!(live_messages(&before).len(), 3);
    assert_eq!(live_messages(&copy), live_messages(&before));
    assert_eq!(live_messages(&store.snapshot().unwrap()).len(), 9);
}

fn the_highest_revision_is_the_row(store: &mut dyn Store) {
    let mut first = Batch::default();
    fixture::put_message(1, 0, &mut first);
    fixture::put_message(2, 0, &mut first);
    commit_rows(store, &first);
    let mut second = Batch::default();
    fixture::put_message(1, 1, &mut second);
    commit_rows(store, &second);
    // An older revision that comes late changes nothing.
    let mut third = Batch::default();
    fixture::put_message(1, 0, &mut third);
    commit_rows(store, &third);
    let mut expected = vec![(fixture::life(1), 1), (fixture::life(2), 0)];
    expected.sort_unstable();
    assert_eq!(live_messages(&store.snapshot().unwrap()), expected);
}

fn state_is_put_deleted_and_found_by_prefix(store: &mut dyn Store) {
    let rows = Batch::default();
    let put = |key: &[u8], value: &[u8]| (key.to_vec(), Some(value.to_vec()));
    let mut commit = Commit::of(&rows);
    commit.state = vec![put(b"a/1", b"one"), put(b"a/2", b"two"), put(b"b/1", b"three"), put(&[0xff, 0xff], b"last")];
    store.commit(&commit).unwrap();
    let mut commit = Commit::of(&rows);
    commit.state = vec![put(b"a/2", b"draft"), (b"a/1".to_vec(), None), (b"none".to_vec(), None), put(b"a/2", b"new")];
    store.commit(&commit).unwrap();
    assert_eq!(store.state(b"a/").unwrap(), vec![(b"a/2".to_vec(), b"new".to_vec())]);
    assert_eq!(store.state(&[0xff]).unwrap().len(), 1);
    assert_eq!(store.state(b"").unwrap().len(), 3);
    assert_eq!(store.snapshot().unwrap().state(b"b").unwrap(), vec![(b"b/1".to_vec(), b"three".to_vec())]);
}

fn watermarks_only_go_forward(store: &mut dyn Store) {
    let rows = Batch::default();
    let stream = fixture::stream(1);
    for seconds in [100, 300, 200] {
        let mut commit = Commit::of(&rows);
        commit.streams = vec![stream.clone()];
        commit.watermarks = vec![(stream.key(), Time::from_seconds(seconds))];
        store.commit(&commit).unwrap();
    }
    commit_rows(store, &fixture::batch(0..1));
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.streams().len(), 2);
    let found = snapshot.stream(stream.key()).unwrap();
    assert_eq!((&found.stream, found.watermark), (&stream, Some(Time::from_seconds(300))));
}

fn rollups_add_up(store: &mut dyn Store) {
    let mut expected = Vec::new();
    for start in [0, 40, 80] {
        commit_rows(store, &fixture::batch(start..start + 40));
    }
    let all = fixture::batch(0..120);
    mailvane_metric::rollup::deltas(&all, Width::Minute, &mut |cube, time, stream, key, cell: &Cell| {
        if cube == Cube::Provider {
            let mut whole = Cell::default();
            whole.merge(cell);
            expected.push((time, stream, key.to_owned(), whole));
        }
    });
    expected.sort_by(|left, right| (left.0, left.1, &left.2).cmp(&(right.0, right.1, &right.2)));
    let snapshot = store.snapshot().unwrap();
    let far = fixture::START.plus(Time::DAY);
    let all = snapshot.rollups(Width::Minute, Cube::Provider, Time(0), far, None).unwrap();
    let found: Vec<_> = all.iter().map(|rolled| (rolled.time, rolled.stream, rolled.key.clone(), rolled.cell.clone())).collect();
    assert_eq!(found, expected);
    assert!(expected.len() >= 4, "two streams, two minutes");
    let one = [fixture::stream(1).key()];
    let second_minute = fixture::START.plus(Time::MINUTE);
    for rolled in &all {
        let mut one = Vec::new();
        let mut see = |time: Time, stream: u64, key: &str, cell: &Cell| one.push((time, stream, key.to_owned(), cell.clone()));
        snapshot.each_rollup(Width::Minute, Cube::Provider, (Time(0), far), None, Some(&[rolled.key.as_str()]), &mut see).unwrap();
        let of_all: Vec<_> = all.iter().filter(|other| other.key == rolled.key).collect();
        let of_all: Vec<_> = of_all.iter().map(|each| (each.time, each.stream, each.key.clone(), each.cell.clone())).collect();
        one.sort_by_key(|each| (each.0, each.1));
        assert_eq!(one, of_all, "{}", rolled.key);
    }
    let part = snapshot.rollups(Width::Minute, Cube::Provider, second_minute, second_minute.plus(1), Some(&one)).unwrap();
    assert_eq!(part.len(), 1);
}

macro_rules! conformance {
    ($($name:ident)+) => {
        mod memory {
            use super::*;
            $(#[test] fn $name() { super::$name(&mut Memory::default()); })+
        }
        mod disk {
            use super::*;
            $(#[test] fn $name() {
                let folder = tempfile::tempdir().unwrap();
                super::$name(&mut Disk::open(folder.path(), Options::default()).unwrap());
            })+
        }
    };
}

conformance! {
    commits_are_numbered_from_one
    a_snapshot_does_not_change
    the_highest_revision_is_the_row
    state_is_put_deleted_and_found_by_prefix
    watermarks_only_go_forward
    rollups_add_up
}
