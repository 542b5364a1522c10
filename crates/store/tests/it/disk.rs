//! What only a store on disk does: sealing, reopening, locking, finding, keeping lines.

use mailvane_metric::{Cube, Width};
use mailvane_model::{Address, Batch, Sink, Time};
use mailvane_store::{Commit, CommitNumber, Detail, Disk, Error, KeptLine, Kind, Options, Probe, Store};

use crate::{all, fixture};

const EVER: (Time, Time) = (Time(i64::MIN), Time(i64::MAX));

fn open(folder: &std::path::Path) -> Disk {
    Disk::open(folder, Options::default()).unwrap()
}

/// Adds the rows of a batch to another.
pub fn append(from: &Batch, to: &mut Batch) {
    from.messages.iter().for_each(|row| to.message(&row, None));
    from.attempts.iter().for_each(|row| to.attempt(&row));
    from.outcomes.iter().for_each(|row| to.outcome(&row, None));
    from.rejections.iter().for_each(|row| to.rejection(&row));
    from.auths.iter().for_each(|row| to.auth(&row));
    from.sessions.iter().for_each(|row| to.session(&row));
    from.notices.iter().for_each(|row| to.notice(&row));
}

fn joined(batches: &[Batch]) -> Batch {
    let mut all = Batch::default();
    batches.iter().for_each(|batch| append(batch, &mut all));
    all
}

#[test]
fn every_field_comes_back_from_segments() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = open(folder.path());
    let rows = fixture::batch(0..500);
    disk.commit(&Commit::of(&rows)).unwrap();
    let expected = all::highest(&rows);
    all::assert_same(&all::rows(&disk.snapshot().unwrap()), &expected);
    assert!(disk.seal().unwrap() > 0);
    let snapshot = disk.snapshot().unwrap();
    assert!(snapshot.pending().is_empty());
    assert_eq!(snapshot.all_segments().len(), Kind::ALL.len());
    all::assert_same(&all::rows(&snapshot), &expected);
    drop(snapshot);
    drop(disk);
    all::assert_same(&all::rows(&open(folder.path()).snapshot().unwrap()), &expected);
}

#[test]
fn a_bulk_commit_goes_to_segments_of_each_day() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = open(folder.path());
    let near_midnight = 86_400 - 50;
    let rows = fixture::batch(near_midnight..near_midnight + 100);
    let mut commit = Commit::of(&rows);
    commit.bulk = true;
    disk.commit(&commit).unwrap();
    let snapshot = disk.snapshot().unwrap();
    assert!(snapshot.pending().is_empty());
    let days: Vec<i64> = snapshot.segments(Kind::Messages, EVER.0, EVER.1).iter().map(|segment| segment.day).collect();
    assert_eq!(days, [fixture::START.day(), fixture::START.day() + 1]);
    all::assert_same(&all::rows(&snapshot), &all::highest(&rows));
}

#[test]
fn a_revision_supersedes_a_sealed_row_before_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = open(folder.path());
    let mut first = Batch::default();
    for number in 0..40 {
        fixture::put_message(number, 0, &mut first);
        fixture::put_delivery(number, &mut first);
    }
    disk.commit(&Commit::of(&first)).unwrap();
    disk.seal().unwrap();
    let mut second = Batch::default();
    (0..20).for_each(|number| fixture::put_message(number, 1, &mut second));
    disk.commit(&Commit::of(&second)).unwrap();
    let expected = all::highest(&joined(&[first, second]));
    all::assert_same(&all::rows(&disk.snapshot().unwrap()), &expected);
    drop(disk);
    let mut disk = open(folder.path());
    all::assert_same(&all::rows(&disk.snapshot().unwrap()), &expected);
    disk.seal().unwrap();
    all::assert_same(&all::rows(&disk.snapshot().unwrap()), &expected);
    drop(disk);
    let mut disk = open(folder.path());
    all::assert_same(&all::rows(&disk.snapshot().unwrap()), &expected);
    // An older revision that comes late, from a log read again, is not the row.
    let mut late = Batch::default();
    (0..20).for_each(|number| fixture::put_message(number, 1, &mut late));
    (20..40).for_each(|number| fixture::put_message(number, 2, &mut late));
    disk.commit(&Commit::of(&late)).unwrap();
    let revs: Vec<u32> = all::rows(&disk.snapshot().unwrap()).messages.rev.0;
    assert_eq!((revs.len(), revs.iter().sum::<u32>()), (40, 20 + 2 * 20));
}

#[test]
fn merging_keeps_every_row_and_every_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { merge_parts: 4, ..Options::default() };
    let mut disk = Disk::open(folder.path(), options).unwrap();
    let mut batches = Vec::new();
    for step in 0..9_u64 {
        let now = fixture::START.plus(step as i64 * Time::MINUTE);
        let mut batch = fixture::batch(step * 30..step * 30 + 20);
        // Messages that are revised after their part was sealed, some of them while a merge is under way.
        (step * 30 + 20..step * 30 + 30).for_each(|number| fixture::put_message(number, 0, &mut batch));
        if step > 0 {
            (step * 30 - 10..step * 30).for_each(|number| fixture::put_message(number, 1, &mut batch));
        }
        let before = disk.snapshot().unwrap();
        let rows_before = all::rows(&before);
        let merge = disk.next_merge(now);
        let merged = merge.map(|merge| merge.run().unwrap());
        disk.commit(&Commit::of(&batch)).unwrap();
        disk.seal().unwrap();
        batches.push(batch);
        if let Some(merged) = merged {
            disk.finish_merge(merged).unwrap();
        }
        let expected = all::highest(&joined(&batches));
        all::assert_same(&all::rows(&disk.snapshot().unwrap()), &expected);
        all::assert_same(&all::rows(&before), &rows_before);
    }
    let parts = disk.snapshot().unwrap().segments(Kind::Messages, EVER.0, EVER.1).len();
    assert!(parts <= 5, "{parts} parts of 9 are left");
    // Files of replaced segments are gone now that no snapshot holds them.
    let files = std::fs::read_dir(folder.path().join("segments")).unwrap().count();
    assert_eq!(files, disk.snapshot().unwrap().all_segments().len() + parts);
    let expected = all::highest(&joined(&batches));
    drop(disk);
    all::assert_same(&all::rows(&open(folder.path()).snapshot().unwrap()), &expected);
}

#[test]
fn probes_find_lives_in_pending_rows_and_segments() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = open(folder.path());
    disk.commit(&Commit::of(&fixture::batch(0..300))).unwrap();
    disk.seal().unwrap();
    disk.commit(&Commit::of(&fixture::batch(300..400))).unwrap();
    let snapshot = disk.snapshot().unwrap();
    for number in [3, 299, 300, 399] {
        let (queue_id, message_id) = (fixture::queue_id(number), fixture::message_id(number));
        let (local, domain) = (fixture::recipient(number).to_uppercase(), fixture::recipient_domain(number));
        let life = fixture::life(number);
        for probe in [
            Probe::QueueId(&queue_id),
            Probe::MessageId(message_id.trim_matches(['<', '>'])),
            Probe::Recipient(Address { local: &local, domain: &domain }),
            Probe::Life(life),
        ] {
            let hits = snapshot.lives(probe, EVER.0, EVER.1, 100).unwrap();
            assert!(hits.iter().any(|hit| hit.life == life), "{probe:?} of {number}");
        }
        let rows = snapshot.life(&[life]).unwrap();
        assert_eq!((rows.messages.len(), rows.attempts.len(), rows.outcomes.len()), (1, 1, 1));
        assert_eq!((rows.messages.rev.0[0], rows.attempts.get(0).queue_id), (1, &*queue_id));
        assert_eq!(rows.outcomes.get(0).reply_text, rows.attempts.get(0).reply_text);
    }
    let news = Address { local: "news", domain: "example.com" };
    let newest = snapshot.lives(Probe::Sender(news), EVER.0, EVER.1, 5).unwrap();
    assert_eq!(newest.iter().map(|hit| hit.life).collect::<Vec<_>>(), (395..400).rev().map(fixture::life).collect::<Vec<_>>());
    let until = fixture::START.plus(10 * Time::SECOND);
    assert!(snapshot.lives(Probe::Sender(news), EVER.0, until, 500).unwrap().len() <= 11);
    let nobody = Address { local: "nobody", domain: "example.com" };
    assert_eq!(snapshot.rejections(Probe::Recipient(nobody), EVER.0, EVER.1, 30).unwrap().len(), 30);
    assert_eq!(snapshot.rejections(Probe::Recipient(nobody), EVER.0, EVER.1, 3000).unwrap().len(), 80);
    assert!(snapshot.lives(Probe::QueueId("none"), EVER.0, EVER.1, 9).unwrap().is_empty());
    assert!(snapshot.find(Probe::QueueId("none at all"), EVER.0, EVER.1).unwrap().is_empty());
}

#[test]
fn rollups_of_segments_and_pending_rows_are_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = open(folder.path());
    let read = |disk: &Disk| {
        let snapshot = disk.snapshot().unwrap();
        let mut all = Vec::new();
        for cube in Cube::ALL {
            for width in Width::ALL {
                all.extend(snapshot.rollups(*width, *cube, EVER.0, EVER.1, None).unwrap());
            }
        }
        all
    };
    disk.commit(&Commit::of(&fixture::batch(0..200))).unwrap();
    disk.commit(&Commit::of(&fixture::batch(200..260))).unwrap();
    let pending = read(&disk);
    let before = disk.snapshot().unwrap();
    disk.seal().unwrap();
    assert_eq!(read(&disk), pending);
    disk.commit(&Commit::of(&fixture::batch(260..300))).unwrap();
    disk.seal().unwrap();
    disk.tick(fixture::START).unwrap();
    let whole = read(&disk);
    // A snapshot from before two sealings still reads what it read.
    let old = before.rollups(Width::Hour, Cube::Total, Time(0), EVER.1, None).unwrap();
    assert!(!old.is_empty() && old.iter().all(|rolled| pending.contains(rolled)));
    drop(before);
    disk.tick(fixture::START).unwrap();
    drop(disk);
    assert_eq!(read(&open(folder.path())), whole);
    let other = tempfile::tempdir().unwrap();
    let mut at_once = open(other.path());
    at_once.commit(&Commit::of(&fixture::batch(0..300))).unwrap();
    assert_eq!(read(&at_once), whole);
}

#[test]
fn a_store_of_the_first_format_gets_its_days() {
    let folder = tempfile::tempdir().unwrap();
    let days = |disk: &Disk| {
        let snapshot = disk.snapshot().unwrap();
        let of = |cube: &Cube| snapshot.rollups(Width::Day, *cube, EVER.0, EVER.1, None).unwrap();
        Cube::ALL.iter().flat_map(of).collect::<Vec<_>>()
    };
    let mut disk = open(folder.path());
    disk.commit(&Commit::of(&fixture::batch(0..8000))).unwrap();
    disk.seal().unwrap();
    disk.commit(&Commit::of(&fixture::batch(8000..8100))).unwrap();
    let whole = days(&disk);
    assert!(whole.len() > 50);
    drop(disk);
    let manifest = rusqlite::Connection::open(folder.path().join("store.db")).unwrap();
    manifest.execute("DELETE FROM rollup WHERE width = 3", []).unwrap();
    manifest.pragma_update(None, "user_version", 1).unwrap();
    drop(manifest);
    assert_eq!(days(&open(folder.path())), whole);
    assert_eq!(days(&open(folder.path())), whole, "and once only");
}

#[test]
fn a_second_process_is_told_who_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let disk = open(folder.path());
    match Disk::open(folder.path(), Options::default()) {
        Err(error @ Error::Locked { .. }) => assert!(error.to_string().contains(&std::process::id().to_string()), "{error}"),
        _ => panic!("opened twice"),
    }
    drop(disk);
    open(folder.path());
}

#[test]
fn a_second_process_can_look_while_the_owner_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Disk::look(folder.path()), Err(Error::Manifest(_))), "there is none");
    let mut disk = Disk::open(folder.path(), Options { merge_parts: 2, ..Options::default() }).unwrap();
    let mut first = fixture::batch(0..30);
    (30..40).for_each(|number| fixture::put_message(number, 0, &mut first));
    disk.commit(&Commit::of(&first)).unwrap();
    disk.seal().unwrap();
    // The older revision is in a segment, the later one is pending.
    let mut second = fixture::batch(50..60);
    (30..40).for_each(|number| fixture::put_message(number, 1, &mut second));
    disk.commit(&Commit::of(&second)).unwrap();
    let seen = Disk::look(folder.path()).unwrap();
    let times = || [&first, &second].into_iter().flat_map(|batch| batch.outcomes.time.0.iter().chain(&batch.messages.time.0));
    assert!(seen.span().is_some_and(|span| times().all(|time| *time >= span.0 && *time <= span.1) && times().any(|time| *time == span.0)));
    let expected = all::rows(&disk.snapshot().unwrap());
    all::assert_same(&all::rows(&seen), &expected);
    // What the owner merges away is gone for who only looks, and there when looked again.
    disk.seal().unwrap();
    for minute in 0..10 {
        disk.tick(fixture::START.plus(minute * Time::MINUTE)).unwrap();
    }
    let gone = seen.all_segments().iter().map(|segment| seen.read(segment, None)).find_map(Result::err);
    assert!(gone.is_some_and(|error| error.is_gone()));
    all::assert_same(&all::rows(&Disk::look(folder.path()).unwrap()), &expected);
    // Looking left everything where it was.
    drop(disk);
    all::assert_same(&all::rows(&open(folder.path()).snapshot().unwrap()), &expected);
}

#[test]
fn rows_of_a_time_are_those_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = open(folder.path());
    let mut batch = fixture::batch(0..200);
    (0..20).for_each(|number| fixture::put_message(number, 5, &mut batch));
    disk.commit(&Commit { bulk: true, ..Commit::of(&batch) }).unwrap();
    let mut later = Batch::default();
    (0..10).for_each(|number| fixture::put_message(number, 6, &mut later));
    disk.commit(&Commit::of(&later)).unwrap();
    let snapshot = disk.snapshot().unwrap();
    let (from, until) = (fixture::START.plus(50 * Time::SECOND), fixture::START.plus(120 * Time::SECOND));
    for segment in snapshot.all_segments() {
        let whole = snapshot.read(segment, None).unwrap();
        for (span, detail) in [((from, until), Detail::Whole), ((from, until), Detail::Counted), (EVER, Detail::Counted)] {
            let some = snapshot.read_between(segment, span.0, span.1, detail).unwrap();
            let within = |time: &Time| *time >= span.0 && *time < span.1;
            let wanted: Vec<u64> = whole.attempts.iter().filter(|row| within(&row.time)).map(|row| row.id).collect();
            assert_eq!(some.attempts.id.0, wanted);
            let messages: Vec<u64> = whole.messages.iter().filter(|row| within(&row.time)).map(|row| row.id).collect();
            assert_eq!(some.messages.id.0, messages);
            let named = some.messages.iter().any(|row| !row.queue_id.is_empty());
            assert_eq!(named, detail == Detail::Whole && !messages.is_empty());
        }
    }
}

#[test]
fn a_later_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let connection = rusqlite::Connection::open(folder.path().join("store.db")).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    assert!(matches!(Disk::open(folder.path(), Options::default()), Err(Error::Version { found: 99, .. })));
}

#[test]
fn a_failed_commit_changes_nothing_and_can_be_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = open(folder.path());
    let mut first = Batch::default();
    (0..30).for_each(|number| fixture::put_message(number, 0, &mut first));
    disk.commit(&Commit::of(&first)).unwrap();
    disk.seal().unwrap();
    disk.commit(&Commit::of(&fixture::batch(100..120))).unwrap();
    let before = all::rows(&disk.snapshot().unwrap());
    // The folder of segments is a file for a while: nothing can be written in it.
    let segments = folder.path().join("segments");
    let aside = folder.path().join("aside");
    std::fs::rename(&segments, &aside).unwrap();
    std::fs::write(&segments, b"").unwrap();
    let mut second = Batch::default();
    (0..30).for_each(|number| fixture::put_message(number, 1, &mut second));
    let bulk = || {
        let mut commit = Commit::of(&second);
        commit.bulk = true;
        commit.state = vec![(b"key".to_vec(), Some(b"value".to_vec()))];
        commit
    };
    let error = disk.commit(&bulk()).unwrap_err();
    assert!(error.to_string().contains("segments"), "{error}");
    std::fs::remove_file(&segments).unwrap();
    std::fs::rename(&aside, &segments).unwrap();
    assert_eq!(disk.snapshot().unwrap().number(), CommitNumber(2));
    all::assert_same(&all::rows(&disk.snapshot().unwrap()), &before);
    assert!(disk.state(b"key").unwrap().is_empty());
    assert_eq!(disk.commit(&bulk()).unwrap(), CommitNumber(3));
    let expected = all::highest(&joined(&[first, fixture::batch(100..120), second]));
    all::assert_same(&all::rows(&disk.snapshot().unwrap()), &expected);
    assert_eq!(disk.state(b"key").unwrap().len(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_and_the_commit_can_be_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = open(folder.path());
    // Whatever is written to the next part's attempts meets a full disk.
    let next = folder.path().join("segments/00000001-attempts.parquet");
    std::os::unix::fs::symlink("/dev/full", &next).unwrap();
    let rows = fixture::batch(0..50);
    let bulk = || Commit { bulk: true, ..Commit::of(&rows) };
    let error = disk.commit(&bulk()).unwrap_err();
    assert!(error.is_full(), "{error}");
    assert_eq!(disk.snapshot().unwrap().number(), CommitNumber(0));
    assert_eq!(std::fs::read_dir(folder.path().join("segments")).unwrap().count(), 0, "nothing is left of it");
    assert_eq!(disk.commit(&bulk()).unwrap(), CommitNumber(1));
    all::assert_same(&all::rows(&disk.snapshot().unwrap()), &all::highest(&rows));
}

#[test]
fn orphans_are_removed_when_a_store_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = open(folder.path());
    disk.commit(&Commit::of(&fixture::batch(0..10))).unwrap();
    disk.seal().unwrap();
    drop(disk);
    let orphan = folder.path().join("segments/00000099-messages.parquet");
    std::fs::write(&orphan, b"half").unwrap();
    let mut disk = open(folder.path());
    assert!(!orphan.exists());
    disk.commit(&Commit::of(&fixture::batch(10..20))).unwrap();
    disk.seal().unwrap();
    assert!(disk.snapshot().unwrap().all_segments().iter().any(|segment| segment.part > 99), "a number is not used again");
}

#[test]
fn old_rows_rollups_and_lines_go() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { rows_keep: Some(Time::DAY), rollups_keep: 10 * Time::DAY, minutes_keep: 2 * Time::DAY, ..Options::default() };
    let mut disk = Disk::open(folder.path(), options).unwrap();
    let rows = fixture::batch(0..50);
    let mut commit = Commit::of(&rows);
    let line = KeptLine { position: fixture::position(1, 2), time: fixture::START, text: b"a line".to_vec() };
    commit.lines = vec![line.clone(), KeptLine { position: fixture::position(1, 3), text: b"another".to_vec(), ..line.clone() }];
    disk.commit(&commit).unwrap();
    disk.seal().unwrap();
    let lines = |disk: &Disk| disk.snapshot().unwrap().lines(&[fixture::position(1, 3), fixture::position(1, 4), line.position]).unwrap();
    assert_eq!(lines(&disk), [Some(b"another".to_vec()), None, Some(b"a line".to_vec())]);
    let count = |disk: &Disk, width| disk.snapshot().unwrap().rollups(width, Cube::Total, Time(0), EVER.1, None).unwrap().len();
    let held = disk.snapshot().unwrap();
    disk.tick(fixture::START.plus(Time::DAY)).unwrap();
    assert_eq!(disk.snapshot().unwrap().all_segments().len(), Kind::ALL.len());
    let ticked = disk.tick(fixture::START.plus(3 * Time::DAY)).unwrap();
    assert_eq!(ticked.dropped_segments, Kind::ALL.len());
    assert_eq!((count(&disk, Width::Minute), count(&disk, Width::Hour)), (0, 2));
    all::assert_same(&all::rows(&held), &all::highest(&rows));
    drop(held);
    assert_eq!(std::fs::read_dir(folder.path().join("segments")).unwrap().count(), 0);
    disk.tick(fixture::START.plus(40 * Time::DAY)).unwrap();
    assert_eq!(count(&disk, Width::Hour), 0);
    assert_eq!(lines(&disk), [None, None, None]);
}

#[test]
fn the_oldest_parts_go_first_when_the_store_is_too_large() {
    let folder = tempfile::tempdir().unwrap();
    let mut disk = open(folder.path());
    for day in 0..4 {
        let mut rows = Batch::default();
        (0..200).for_each(|number| fixture::put_message(day * 86_400 + number, 0, &mut rows));
        disk.commit(&Commit { bulk: true, ..Commit::of(&rows) }).unwrap();
    }
    let bytes: u64 = disk.snapshot().unwrap().all_segments().iter().map(|segment| segment.bytes).sum();
    drop(disk);
    let mut disk = Disk::open(folder.path(), Options { rows_bytes: Some(bytes * 2 / 3), ..Options::default() }).unwrap();
    disk.tick(fixture::START).unwrap();
    let days: Vec<i64> = disk.snapshot().unwrap().segments(Kind::Messages, EVER.0, EVER.1).iter().map(|segment| segment.day).collect();
    assert!(days.len() < 4 && !days.is_empty());
    assert_eq!(days.last(), Some(&(fixture::START.day() + 3)));
}
