//! A log that came into the store in two parts, the later one first, says what it says in one piece: messages that are open where the parts
//! meet are one message, and hops one chain.
#![cfg(feature = "daemon")]
#![allow(clippy::unwrap_used)]

mod daemon;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;

use daemon::{folder, run_until};
use mailvane_metric::{Cube, Figure, Width};
use mailvane_model::row::Batch;
use mailvane_model::{MessageRow, Time};
use mailvane_simulate::{HeadForm, Host, Incident, IncidentKind, Options};
use mailvane_store::{Disk, Snapshot, Store};

/// Messages a day.
const MESSAGES: u32 = 12_000;
/// Borders that are tried.
const PARTS: usize = 12;
/// Figures that a message or a recipient adds to once.
const ROLLED: [Figure; 10] = [
    Figure::Received,
    Figure::ReceivedBytes,
    Figure::ReceivedRecipients,
    Figure::Delivered,
    Figure::Relayed,
    Figure::Bounced,
    Figure::Expired,
    Figure::FinalDeferred,
    Figure::Discarded,
    Figure::Unknown,
];

/// The lines of some hours with a filter, whose mail has two hops, and with deferrals.
fn lines(start: Time, hours: i64) -> Vec<Vec<u8>> {
    let one = |kind| Incident { kind, start, end: start.plus(hours * Time::HOUR), percent: 40 };
    let incidents = vec![one(IncidentKind::Throttle { provider: "Microsoft" }), one(IncidentKind::Unreachable { provider: "GMX" })];
    let end = Some(start.plus(hours * Time::HOUR));
    let mut host = Host::new(Options {
        start,
        end,
        messages_per_day: MESSAGES,
        form: HeadForm::Rfc3339,
        filter: true,
        incidents,
        ..Options::default()
    });
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        if host.next_line(&mut line).is_none() {
            return lines;
        }
        lines.push(line);
    }
}

fn import(data: &Path, file: &Path) {
    let output = Command::new(env!("CARGO_BIN_EXE_mailvane"))
        .args(["import", "--timezone", "UTC", "--data-dir"])
        .arg(data)
        .arg(file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A store with these files, read one after the other.
fn store(folder: &Path, name: &str, parts: &[&[Vec<u8>]]) -> PathBuf {
    let data = folder.join(name);
    for (number, part) in parts.iter().enumerate() {
        let file = folder.join(format!("{name}.{number}.log"));
        std::fs::write(&file, part.concat()).unwrap();
        import(&data, &file);
    }
    data
}

/// What a store says, in words that do not depend on how its lines came.
#[derive(Debug, Default)]
struct Told {
    /// First hops: how often each was received.
    received: BTreeMap<String, usize>,
    outcomes: BTreeMap<String, usize>,
    /// Outcomes without what is known of the first hop.
    ends: BTreeMap<String, usize>,
    attempts: BTreeMap<String, usize>,
    /// What the rollups add up to.
    rolled: BTreeMap<&'static str, i64>,
}

fn rows(snapshot: &Snapshot) -> Batch {
    let mut all = Batch::default();
    let sealed = snapshot.all_segments().iter().map(|segment| snapshot.read(segment, None).unwrap());
    for batch in sealed {
        batch.messages.iter().for_each(|row| all.messages.push(&row));
        batch.outcomes.iter().for_each(|row| all.outcomes.push(&row));
        batch.attempts.iter().for_each(|row| all.attempts.push(&row));
    }
    all
}

/// `is_over`: nobody reads on, so that every message was told.
fn told(data: &Path, is_over: bool) -> Told {
    let mut store = Disk::open(data, mailvane_store::Options::default()).unwrap();
    store.seal().unwrap();
    let snapshot = store.snapshot().unwrap();
    let rows = rows(&snapshot);
    let messages: HashMap<u64, MessageRow<'_>> = rows.messages.iter().map(|row| (row.id, row)).collect();
    let mut told = Told::default();
    for row in rows.messages.iter() {
        for id in [row.chain, row.previous_hop, row.next_hop] {
            assert!(!is_over || id == 0 || messages.contains_key(&id), "{} names a message that is not there", row.queue_id);
        }
        if row.previous_hop == 0 && row.chain == row.id {
            let text =
                format!("{} {} {} {}[{}] {:?}", row.time.rfc3339(0), row.queue_id, row.sender, row.client_name, row.client_ip, row.size);
            *told.received.entry(text).or_default() += 1;
        }
    }
    for row in rows.outcomes.iter() {
        let head = messages.get(&row.message);
        assert!(!is_over || head.is_some_and(|head| head.queue_id == row.queue_id), "no message of the outcome of {}", row.queue_id);
        let text = format!(
            "{} {} {} {} ({}) {:?} {:?} {} {}",
            row.queue_id,
            row.last_queue_id,
            row.sender,
            row.recipient,
            row.orig_recipient,
            row.outcome,
            row.arrived,
            row.deferrals,
            row.first_attempt.map_or(0, |time| time.0)
        );
        *told.outcomes.entry(text).or_default() += 1;
        *told.ends.entry(format!("{} {} {:?}", row.last_queue_id, row.recipient, row.outcome)).or_default() += 1;
    }
    for row in rows.attempts.iter() {
        assert!(!is_over || messages.contains_key(&row.message), "no message of an attempt of {}", row.queue_id);
        *told.attempts.entry(format!("{} {} {:?} {:?}", row.queue_id, row.recipient, row.status, row.time)).or_default() += 1;
    }
    for rolled in snapshot.rollups(Width::Day, Cube::Total, Time(i64::MIN), Time(i64::MAX), None).unwrap() {
        for (_, figures) in rolled.cell.parts() {
            for figure in ROLLED {
                *told.rolled.entry(figure.word()).or_default() += figures.get(figure);
            }
        }
    }
    told
}

fn difference(left: &BTreeMap<String, usize>, right: &BTreeMap<String, usize>) -> String {
    let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    let differs = |key: &&&String| left.get(**key) != right.get(**key);
    let lines: Vec<String> = keys.iter().filter(differs).map(|key| format!("{:?} {:?} {key}", left.get(*key), right.get(*key))).collect();
    format!("{} differ, for example\n{}", lines.len(), lines[..lines.len().min(12)].join("\n"))
}

#[test]
fn what_is_imported_in_two_parts_is_told_as_one() {
    let folder = folder("border");
    let lines = lines(Time::from_seconds(1_793_577_600), 4);
    let whole = told(&store(&folder, "whole", &[&lines]), true);
    assert!(whole.received.len() > 1_000, "{}", whole.received.len());
    for number in 0..PARTS {
        // Borders all over the log, and at each line of a few seconds of it.
        let at = if number % 2 == 0 { lines.len() * (number + 1) / (PARTS + 2) } else { lines.len() / 2 + number };
        let (early, late) = lines.split_at(at);
        let parts = told(&store(&folder, &format!("parts-{number}"), &[late, early]), true);
        let where_to = |what: &str| format!("cut before line {at}, {what}");
        assert!(parts.attempts == whole.attempts, "{} {}", where_to("attempts"), difference(&whole.attempts, &parts.attempts));
        assert!(parts.received == whole.received, "{} {}", where_to("received"), difference(&whole.received, &parts.received));
        assert!(parts.outcomes == whole.outcomes, "{} {}", where_to("outcomes"), difference(&whole.outcomes, &parts.outcomes));
        assert_eq!(parts.rolled, whole.rolled, "{}", where_to("rollups"));
    }
}

/// The later part is still being read when the earlier one comes: what is open of it is told by whoever reads it, and the earlier part is only
/// put beside.
#[test]
fn what_is_imported_beside_open_messages_counts_once() {
    let folder = folder("border-open");
    let lines = lines(Time::from_chrono(&chrono::Utc::now()).plus(-4 * Time::HOUR), 2);
    let serve = |name: &str, lines: &[Vec<u8>]| {
        let (data, log) = (folder.join(name), folder.join(format!("{name}.log")));
        std::fs::write(&log, lines.concat()).unwrap();
        run_until(&data, &[log.display().to_string()], std::fs::metadata(&log).unwrap().len());
        data
    };
    let (early, late) = lines.split_at(lines.len() * 9 / 10);
    let whole = told(&serve("whole", &lines), false);
    let data = serve("late", late);
    let earlier = folder.join("early.log");
    std::fs::write(&earlier, early.concat()).unwrap();
    import(&data, &earlier);
    let parts = told(&data, false);
    // What still waits and was not tried again: the earlier files do not say that it does.
    let known =
        |ends: &BTreeMap<String, usize>| ends.clone().into_iter().filter(|end| !end.0.ends_with("Unknown")).collect::<BTreeMap<_, _>>();
    let (whole_ends, parts_ends) = (known(&whole.ends), known(&parts.ends));
    assert!(parts_ends == whole_ends, "outcomes {}", difference(&whole_ends, &parts_ends));
    for figure in [Figure::Received, Figure::Delivered, Figure::Bounced] {
        assert_eq!(parts.rolled[figure.word()], whole.rolled[figure.word()], "{}", figure.word());
    }
}
