//! One case each: what may happen to a log, and what is read and said.

use super::*;

fn reader(host: &Host) -> Keeper {
    Keeper::new(host)
}

fn has(keeper: &Keeper, wanted: impl Fn(&Notice) -> bool) -> bool {
    keeper.notices.iter().any(wanted)
}

#[test]
fn history_is_read_in_order_and_copies_are_not() {
    let mut host = Host::new(false);
    let mut chance = Chance(1);
    for round in 0..4 {
        host.write(40, &mut chance);
        host.shift();
        host.rotate_by_rename("mail.log.1");
        host.now += 100 * SECOND;
        let bytes = fs::read(host.path("mail.log.1")).unwrap();
        let (ending, packed) = pack(round, &bytes);
        host.put(&format!("mail.log.1.{ending}"), &packed);
        if round % 2 == 0 {
            fs::remove_file(host.path("mail.log.1")).unwrap();
        }
        host.create();
    }
    host.write(5, &mut chance);
    host.now += 100 * SECOND;
    let mut keeper = reader(&host);
    keeper.drain(&mut host);
    assert_eq!(keeper.lines, host.lines);
    let infos = keeper.tailer.sources();
    assert_eq!(infos.len(), 1);
    assert_eq!((infos[0].state, infos[0].bytes_behind, infos[0].lines, infos[0].files), (SourceState::Following, 0, 165, 5));
    assert!(infos[0].path.ends_with("mail.log"));
}

#[test]
fn old_history_is_left_alone() {
    let mut host = Host::new(false);
    host.write(10, &mut Chance(1));
    host.rotate_by_rename("mail.log.1");
    host.now += 8 * 86_400 * SECOND;
    host.create();
    host.write(3, &mut Chance(2));
    let mut keeper = reader(&host);
    keeper.drain(&mut host);
    assert_eq!(keeper.lines, host.lines[10..]);
}

#[test]
fn newer_lines_wait_for_a_file_that_one_look_missed() {
    let mut host = Host::new(false);
    let mut chance = Chance(1);
    host.write(20, &mut chance);
    let mut keeper = reader(&host);
    keeper.poll(host.now, 1 << 20);
    keeper.commit();
    host.write(20, &mut chance);
    // A folder is not listed in one instant: a file that is being renamed can be missing under both names.
    host.rotate_by_rename("elsewhere");
    host.create();
    host.write(5, &mut chance);
    keeper.kill(&host);
    host.now += SECOND;
    keeper.poll(host.now, 1 << 20);
    keeper.commit();
    assert_eq!(keeper.lines, host.lines[..20]);
    fs::rename(host.path("elsewhere"), host.path("mail.log.1")).unwrap();
    keeper.drain(&mut host);
    assert_eq!(keeper.lines, host.lines);
    assert_eq!(keeper.gaps, 0);
}

#[test]
fn what_cannot_be_read_again_is_committed_before_the_new_file_is_opened() {
    let mut host = Host::new(false);
    host.write(10, &mut Chance(1));
    let mut keeper = reader(&host);
    assert!(!keeper.poll(host.now, 1 << 20));
    fs::remove_file(host.path("mail.log")).unwrap();
    host.create();
    host.write(5, &mut Chance(2));
    assert!(keeper.poll(host.now, 1 << 20));
    assert!(keeper.poll(host.now, 1 << 20), "asked again until it is done");
    assert_eq!(keeper.pending.len(), 10);
    keeper.commit();
    assert!(!keeper.poll(host.now, 1 << 20));
    assert_eq!(keeper.pending.len(), 5);
}

#[test]
fn bytes_gone_before_they_were_read_are_a_gap() {
    let mut host = Host::new(false);
    host.lines.extend((0..20_000).map(|n| format!("t{n} {}", "x".repeat(90))));
    host.append(&(host.lines.join("\n") + "\n"));
    let mut keeper = reader(&host);
    keeper.poll(host.now, 1);
    keeper.commit();
    let read = keeper.lines.len();
    assert!((1..20_000).contains(&read));
    fs::File::options().write(true).open(host.path("mail.log")).unwrap().set_len(0).unwrap();
    host.write(3, &mut Chance(2));
    keeper.drain(&mut host);
    assert!(has(&keeper, |notice| matches!(notice, Notice::Truncated { .. })));
    assert_eq!(keeper.gaps, 0, "the rest may still turn up");
    host.now += 70 * SECOND;
    keeper.drain(&mut host);
    assert_eq!(keeper.gaps, 1);
    assert_eq!(keeper.lines[read..], host.lines[20_000..]);
    keeper.kill(&host);
    host.now += 70 * SECOND;
    keeper.drain(&mut host);
    assert_eq!(keeper.gaps, 1, "told once");
}

#[test]
fn a_file_that_vanished_while_nobody_looked_is_told() {
    let mut host = Host::new(false);
    host.write(10, &mut Chance(1));
    let mut keeper = reader(&host);
    keeper.drain(&mut host);
    fs::remove_file(host.path("mail.log")).unwrap();
    keeper.kill(&host);
    keeper.drain(&mut host);
    assert!(has(&keeper, |notice| matches!(notice, Notice::NothingThere { .. })));
    host.now += 70 * SECOND;
    keeper.drain(&mut host);
    assert!(has(&keeper, |notice| matches!(notice, Notice::Gap { to: None, .. })));
    assert_eq!(keeper.tailer.sources()[0].state, SourceState::Missing);
    host.create();
    host.write(3, &mut Chance(2));
    keeper.drain(&mut host);
    assert_eq!(keeper.lines, host.lines);
}

#[test]
fn a_link_may_be_switched_to_another_file() {
    let mut host = Host::new(false);
    fs::remove_file(host.path("mail.log")).unwrap();
    let mut keeper = reader(&host);
    for day in 1..4 {
        let name = format!("real-{day}");
        let _ = fs::remove_file(host.path("mail.log"));
        fs::write(host.path(&name), "").unwrap();
        std::os::unix::fs::symlink(host.path(&name), host.path("mail.log")).unwrap();
        host.write(10, &mut Chance(day));
        host.now += SECOND;
        keeper.drain(&mut host);
        // A line that comes late goes to the old file, and is read.
        host.write(1, &mut Chance(day));
    }
    keeper.drain(&mut host);
    assert_eq!(keeper.lines, host.lines);
    assert_eq!(keeper.gaps, 0);
}

#[test]
fn daily_files_that_are_never_renamed_are_followed() {
    let mut host = Host::new(false);
    let mut keeper = reader(&host);
    let mut expected = Vec::new();
    for day in 1..4 {
        for part in 0..3 {
            let line = format!("t{} part {part}", day * 10 + part);
            let mut file = fs::File::options().append(true).create(true).open(host.path(&format!("mail.log-2026110{day}"))).unwrap();
            file.write_all(format!("{line}\n").as_bytes()).unwrap();
            expected.push(line);
            host.touch(&format!("mail.log-2026110{day}"));
            keeper.drain(&mut host);
        }
    }
    assert_eq!(keeper.lines, expected);
    assert_eq!(keeper.tailer.sources()[0].state, SourceState::Following);
}

#[test]
fn twins_are_one_file_until_they_differ() {
    let mut host = Host::new(false);
    let spec = |name: &str| Spec { pattern: host.path(name).to_string_lossy().into_owned(), origin: "o".to_owned(), history: REMEMBER };
    let mut tailer = Tailer::new(vec![spec("mail.log"), spec("mail.info")], Vec::new(), Box::new(time_of));
    tailer.set_scan_interval(0);
    let mut lines = |host: &mut Host, text: &str, both: bool| {
        host.append(text);
        if both {
            let mut twin = fs::File::options().append(true).create(true).open(host.path("mail.info")).unwrap();
            twin.write_all(text.as_bytes()).unwrap();
            host.touch("mail.info");
        }
        host.now += SECOND;
        let mut read: Vec<(usize, String)> = Vec::new();
        for _ in 0..3 {
            let poll = tailer.poll(1 << 20, host.now);
            read.extend(poll.blocks.iter().map(|block| (block.source, String::from_utf8(block.block.bytes().to_vec()).unwrap())));
        }
        read
    };
    assert_eq!(lines(&mut host, "t1 a\n", true), [(0, "t1 a\n".to_owned())]);
    assert_eq!(lines(&mut host, "t2 b\n", true), [(0, "t2 b\n".to_owned())]);
    assert_eq!(lines(&mut host, "t3 debug\n", false), [(0, "t3 debug\n".to_owned())]);
    // From here the twin is another file, which is read from its start; `feed` knows its lines as copies.
    let read = lines(&mut host, "t4 c\n", true);
    assert!(read.contains(&(0, "t4 c\n".to_owned())), "{read:?}");
    assert!(read.contains(&(1, "t1 a\nt2 b\nt4 c\n".to_owned())), "{read:?}");
}

#[test]
fn a_huge_line_in_a_live_file_is_cut_when_it_ends_and_not_before() {
    let mut host = Host::new(false);
    let mut keeper = reader(&host);
    host.append("t1 first\nt2 ");
    for _ in 0..40 {
        host.append(&"x".repeat(100_000));
        keeper.drain(&mut host);
        if keeper.lines.len() == 1 && host.now % 3 == 0 {
            keeper.kill(&host);
        }
    }
    assert_eq!(keeper.lines, ["t1 first"]);
    host.append("\nt3 last\n");
    keeper.drain(&mut host);
    assert_eq!(keeper.lines.len(), 3);
    assert_eq!(keeper.lines[1].len(), crate::MAX_LINE_BYTES);
    assert_eq!(keeper.lines[2], "t3 last");
    assert!(has(&keeper, |notice| matches!(notice, Notice::LongLines { lines: 1, skipped_bytes: 3_934_468, .. })), "{:?}", keeper.notices);
    keeper.kill(&host);
    keeper.drain(&mut host);
    assert_eq!(keeper.lines.len(), 3);
}

#[test]
fn a_writer_that_keeps_its_offset_leaves_a_hole_and_its_lines_are_read() {
    use std::os::unix::fs::FileExt;
    let mut host = Host::new(false);
    host.write(50, &mut Chance(1));
    let mut keeper = reader(&host);
    keeper.drain(&mut host);
    let offset = fs::metadata(host.path("mail.log")).unwrap().len() + 100_000;
    let file = fs::File::options().write(true).open(host.path("mail.log")).unwrap();
    file.set_len(0).unwrap();
    file.write_all_at(b"t50 after\n", offset).unwrap();
    host.touch("mail.log");
    keeper.drain(&mut host);
    assert_eq!(keeper.lines.last().map(String::as_str), Some("t50 after"));
    assert_eq!(keeper.lines.len(), 51);
}

#[test]
fn folders_and_binaries_that_fit_are_told_once_and_disturb_nothing() {
    let mut host = Host::new(false);
    fs::create_dir(host.path("mail.log.d")).unwrap();
    host.put("mail.log.db", b"SQLite format 3\0......");
    host.write(3, &mut Chance(1));
    let mut keeper = reader(&host);
    keeper.drain(&mut host);
    keeper.drain(&mut host);
    assert_eq!(keeper.lines, host.lines);
    let told = keeper.notices.iter().filter(|notice| matches!(notice, Notice::Unreadable { .. })).count();
    assert_eq!(told, 1, "{:?}", keeper.notices);
    assert_eq!(keeper.tailer.troubles().count(), 1);
    host.put("mail.log.db", b"t3 a log after all\n");
    keeper.drain(&mut host);
    assert!(has(&keeper, |notice| matches!(notice, Notice::ReadableAgain { .. })));
    assert_eq!(keeper.lines.last().map(String::as_str), Some("t3 a log after all"));
}

#[test]
fn a_damaged_archive_gives_what_it_has_and_is_told() {
    let mut host = Host::new(false);
    let text: String = (0..5000).map(|n| format!("t{n} line {}\n", mailvane_model::hash::words(&[n]))).collect();
    let (_, packed) = pack(0, text.as_bytes());
    host.put("mail.log.1.gz", &packed[..packed.len() / 2]);
    host.now += 120 * SECOND;
    let mut keeper = reader(&host);
    keeper.drain(&mut host);
    assert!(keeper.lines.len() > 1000);
    assert!(has(&keeper, |notice| matches!(notice, Notice::Incomplete { .. })));
    // The whole archive comes after all: only the rest is read.
    host.put("mail.log.1.gz", &packed);
    keeper.drain(&mut host);
    assert_eq!(keeper.lines, text.lines().collect::<Vec<_>>());
}

#[test]
fn files_gone_for_long_are_forgotten() {
    let mut host = Host::new(false);
    host.write(3, &mut Chance(1));
    let mut keeper = reader(&host);
    keeper.drain(&mut host);
    fs::remove_file(host.path("mail.log")).unwrap();
    host.now += DELETED_LINGER + SECOND;
    keeper.drain(&mut host);
    assert_eq!(keeper.tailer.forget(host.now), []);
    assert_eq!(keeper.tailer.forget(host.now + REMEMBER).len(), 1);
    assert_eq!(keeper.tailer.forget(host.now + REMEMBER), []);
}

#[test]
fn a_paused_log_waits() {
    let mut host = Host::new(false);
    host.write(3, &mut Chance(1));
    let mut keeper = reader(&host);
    keeper.drain(&mut host);
    host.write(3, &mut Chance(1));
    keeper.tailer.pause(0, true);
    keeper.poll(host.now, 1 << 20);
    assert!(keeper.pending.is_empty());
    keeper.tailer.pause(0, false);
    keeper.drain(&mut host);
    assert_eq!(keeper.lines, host.lines);
}
