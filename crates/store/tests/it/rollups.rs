//! Rollups by deltas, over any batches and sealings, equal rollups from nothing.

use mailvane_metric::{Cell, Cube, Width};
use mailvane_model::word::Outcome;
use mailvane_model::{Batch, Sink, Time};
use mailvane_store::{Commit, Disk, Options, Store};
use proptest::prelude::*;

use crate::fixture;

/// What happens to a store.
#[derive(Clone, Debug)]
enum Step {
    /// A message comes in and is delivered or bounced.
    Deliver(u64),
    /// The outcome of a message turns out to be another one, at a later time.
    Revise(u64, Outcome),
    /// Something at the door.
    Door(u64),
    /// The batch ends here.
    Commit,
    /// Everything pending is sealed.
    Seal,
    /// The store is closed and opened.
    Reopen,
    /// What is stored is understood in another way: every second message has another provider.
    Rewrite(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop::sample::select(vec![Outcome::Delivered, Outcome::Bounced, Outcome::Expired, Outcome::Unknown]);
    prop_oneof![
        8 => (0..4000_u64).prop_map(Step::Deliver),
        4 => (any::<u64>(), outcome).prop_map(|(which, outcome)| Step::Revise(which, outcome)),
        2 => (0..4000_u64).prop_map(Step::Door),
        3 => Just(Step::Commit),
        1 => Just(Step::Seal),
        1 => Just(Step::Reopen),
        1 => (0..4_u8).prop_map(Step::Rewrite),
    ]
}

/// An outcome as it is now.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Now {
    rev: u32,
    /// How much later than the attempt it became final, in steps.
    steps: u32,
    outcome: Outcome,
    /// Which provider it is said to have, when that was changed.
    provider: Option<u8>,
}

/// Outcomes as they are now, by message.
type Outcomes = std::collections::BTreeMap<u64, Now>;

const PROVIDERS: [&str; 4] = ["one.example", "two.example", "three.example", "four.example"];

fn put_outcome(number: u64, state: Now, replaced: Option<Now>, batch: &mut Batch) {
    let mut delivery = Batch::default();
    fixture::put_delivery(number, &mut delivery);
    let attempt = delivery.attempts.get(0);
    let row = |now: Now| {
        let mut row = fixture::outcome(number, &attempt, now.rev);
        row.outcome = now.outcome;
        row.time = row.time.plus(i64::from(now.steps) * 7 * Time::MINUTE);
        if let Some(provider) = now.provider {
            row.provider = PROVIDERS[usize::from(provider)];
        }
        row
    };
    let old = replaced.map(row);
    batch.outcome(&row(state), old.as_ref());
}

fn put_attempt(number: u64, provider: Option<u8>, batch: &mut Batch) {
    let mut delivery = Batch::default();
    fixture::put_delivery(number, &mut delivery);
    let mut row = delivery.attempts.get(0);
    if let Some(provider) = provider {
        row.provider = PROVIDERS[usize::from(provider)];
    }
    batch.attempt(&row);
}

/// Gives some messages another provider, in their attempts and outcomes.
fn rewrite(disk: &mut Disk, provider: u8, wanted: &std::collections::BTreeSet<u64>) {
    disk.seal().unwrap();
    for part in disk.part_numbers() {
        let name = PROVIDERS[usize::from(provider)];
        let done = disk.rewrite(part, |rows| {
            let old = std::mem::take(&mut rows.attempts);
            for mut row in old.iter() {
                if wanted.contains(&row.message) {
                    row.provider = name;
                }
                rows.attempts.push(&row);
            }
            let old = std::mem::take(&mut rows.outcomes);
            for mut row in old.iter() {
                if wanted.contains(&row.last_message) {
                    row.provider = name;
                }
                rows.outcomes.push(&row);
            }
            vec![(b"rewritten".to_vec(), Some(vec![provider]))]
        });
        done.unwrap();
        assert_eq!(disk.state(b"rewritten").unwrap(), [(b"rewritten".to_vec(), vec![provider])]);
    }
}

fn deltas(batch: &Batch) -> Vec<(Width, Cube, Time, u64, String, Cell)> {
    let mut all = Vec::new();
    for width in Width::ALL {
        mailvane_metric::rollup::deltas(batch, *width, &mut |cube, time, stream, key, cell| {
            let mut whole = Cell::default();
            whole.merge(cell);
            all.push((*width, cube, time, stream, key.to_owned(), whole));
        });
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn by_deltas_as_from_nothing(steps in prop::collection::vec(step(), 1..60)) {
        let folder = tempfile::tempdir().unwrap();
        let options = || Options { sync: false, ..Options::default() };
        let mut disk = Disk::open(folder.path(), options()).unwrap();
        let mut outcomes = Outcomes::new();
        let mut doors = std::collections::BTreeSet::new();
        let mut batch = Batch::default();
        for step in steps {
            match step {
                Step::Deliver(number) if !outcomes.contains_key(&number) => {
                    fixture::put_message(number, 0, &mut batch);
                    put_attempt(number, None, &mut batch);
                    let now = Now { rev: 0, steps: 0, outcome: Outcome::Delivered, provider: None };
                    outcomes.insert(number, now);
                    put_outcome(number, now, None, &mut batch);
                }
                Step::Revise(which, outcome) if !outcomes.is_empty() => {
                    let at = (which % outcomes.len() as u64) as usize;
                    let (number, state) = outcomes.iter_mut().nth(at).unwrap();
                    let old = *state;
                    *state = Now { rev: old.rev + 1, steps: old.steps + 1, outcome, ..old };
                    put_outcome(*number, *state, Some(old), &mut batch);
                }
                Step::Door(number) => if doors.insert(number) {
                    fixture::put_door(number, &mut batch);
                },
                Step::Commit => {
                    disk.commit(&Commit::of(&batch)).unwrap();
                    batch = Batch::default();
                }
                Step::Seal => { disk.seal().unwrap(); }
                Step::Reopen => {
                    drop(disk);
                    disk = Disk::open(folder.path(), options()).unwrap();
                }
                Step::Rewrite(provider) => {
                    disk.commit(&Commit::of(&batch)).unwrap();
                    batch = Batch::default();
                    let mut wanted = std::collections::BTreeSet::new();
                    for (number, now) in outcomes.iter_mut().filter(|(number, _)| *number % 2 == 0) {
                        let mut delivery = Batch::default();
                        fixture::put_delivery(*number, &mut delivery);
                        wanted.insert(delivery.attempts.get(0).message);
                        if now.provider != Some(provider) {
                            (now.rev, now.provider) = (now.rev + 1, Some(provider));
                        }
                    }
                    rewrite(&mut disk, provider, &wanted);
                }
                Step::Deliver(_) | Step::Revise(..) => {}
            }
        }
        disk.commit(&Commit::of(&batch)).unwrap();
        let mut whole = Batch::default();
        for (number, state) in &outcomes {
            fixture::put_message(*number, 0, &mut whole);
            put_attempt(*number, state.provider, &mut whole);
            put_outcome(*number, *state, None, &mut whole);
        }
        doors.iter().for_each(|number| fixture::put_door(*number, &mut whole));
        let snapshot = disk.snapshot().unwrap();
        let mut found = Vec::new();
        for width in Width::ALL {
            for cube in Cube::ALL {
                let all = snapshot.rollups(*width, *cube, Time(0), Time(i64::MAX), None).unwrap();
                found.extend(all.into_iter().map(|rolled| (*width, *cube, rolled.time, rolled.stream, rolled.key, rolled.cell)));
            }
        }
        let expected = deltas(&whole);
        let first = found.iter().zip(&expected).find(|(found, expected)| found != expected);
        prop_assert!(found.len() == expected.len() && first.is_none(), "{} of {}: {:?}", found.len(), expected.len(), first);
    }
}
