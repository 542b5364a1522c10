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
    ]
}

/// Outcomes as they are now: of each message its revision, its state, and how much later it became final.
type Outcomes = std::collections::BTreeMap<u64, (u32, Outcome)>;

fn put_outcome(number: u64, state: (u32, Outcome), replaced: Option<(u32, Outcome)>, batch: &mut Batch) {
    let mut delivery = Batch::default();
    fixture::put_delivery(number, &mut delivery);
    let attempt = delivery.attempts.get(0);
    let row = |(rev, outcome): (u32, Outcome)| {
        let mut row = fixture::outcome(number, &attempt, rev);
        row.outcome = outcome;
        row.time = row.time.plus(i64::from(rev) * 7 * Time::MINUTE);
        row
    };
    let old = replaced.map(row);
    batch.outcome(&row(state), old.as_ref());
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
                    let mut delivery = Batch::default();
                    fixture::put_delivery(number, &mut delivery);
                    batch.attempt(&delivery.attempts.get(0));
                    outcomes.insert(number, (0, Outcome::Delivered));
                    put_outcome(number, (0, Outcome::Delivered), None, &mut batch);
                }
                Step::Revise(which, outcome) if !outcomes.is_empty() => {
                    let at = (which % outcomes.len() as u64) as usize;
                    let (number, state) = outcomes.iter_mut().nth(at).unwrap();
                    let old = *state;
                    *state = (old.0 + 1, outcome);
                    put_outcome(*number, *state, Some(old), &mut batch);
                }
                Step::Door(number) => if doors.insert(number) {
                    fixture::put_door(number, &mut batch);
                },
                Step::Commit => {
                    disk.commit(Commit::of(&batch)).unwrap();
                    batch = Batch::default();
                }
                Step::Seal => { disk.seal().unwrap(); }
                Step::Reopen => {
                    drop(disk);
                    disk = Disk::open(folder.path(), options()).unwrap();
                }
                Step::Deliver(_) | Step::Revise(..) => {}
            }
        }
        disk.commit(Commit::of(&batch)).unwrap();
        let mut whole = Batch::default();
        for (number, state) in &outcomes {
            fixture::put_message(*number, 0, &mut whole);
            let mut delivery = Batch::default();
            fixture::put_delivery(*number, &mut delivery);
            whole.attempt(&delivery.attempts.get(0));
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
