//! Every row of a snapshot, wherever it stands, as one batch in a fixed order.

use mailvane_model::row::Batch;
use mailvane_model::{Sink, Time};
use mailvane_store::{Kind, Snapshot};

/// Every row once, in its highest revision, sorted by id.
pub fn rows(snapshot: &Snapshot) -> Batch {
    let mut found = Batch::default();
    for pending in snapshot.pending() {
        add(&pending.rows, &|kind, row| pending.dead(kind).binary_search(&(row as u32)).is_err(), &mut found);
    }
    for kind in Kind::ALL {
        for segment in snapshot.segments(kind, Time(i64::MIN), Time(i64::MAX)) {
            let batch = snapshot.read(&segment, None).unwrap();
            add(&batch, &|_, _| true, &mut found);
        }
    }
    sorted(&found)
}

/// The rows of a batch, each in its highest revision, sorted by id.
pub fn highest(batch: &Batch) -> Batch {
    let mut found = Batch::default();
    let mut revs = std::collections::HashMap::new();
    for row in batch.messages.iter() {
        let rev = revs.entry((0, row.id)).or_insert(row.rev);
        *rev = row.rev.max(*rev);
    }
    for row in batch.outcomes.iter() {
        let rev = revs.entry((1, row.id)).or_insert(row.rev);
        *rev = row.rev.max(*rev);
    }
    add(
        batch,
        &|kind, row| match kind {
            Kind::Messages => revs[&(0, batch.messages.id.0[row])] == batch.messages.rev.0[row],
            Kind::Outcomes => revs[&(1, batch.outcomes.id.0[row])] == batch.outcomes.rev.0[row],
            _ => true,
        },
        &mut found,
    );
    sorted(&found)
}

fn add(from: &Batch, keep: &dyn Fn(Kind, usize) -> bool, to: &mut Batch) {
    from.messages.iter().enumerate().filter(|(row, _)| keep(Kind::Messages, *row)).for_each(|(_, row)| to.message(&row, None));
    from.attempts.iter().for_each(|row| to.attempt(&row));
    from.outcomes.iter().enumerate().filter(|(row, _)| keep(Kind::Outcomes, *row)).for_each(|(_, row)| to.outcome(&row, None));
    from.rejections.iter().for_each(|row| to.rejection(&row));
    from.auths.iter().for_each(|row| to.auth(&row));
    from.sessions.iter().for_each(|row| to.session(&row));
    from.notices.iter().for_each(|row| to.notice(&row));
}

fn sorted(batch: &Batch) -> Batch {
    fn order(ids: &[u64]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..ids.len()).collect();
        order.sort_by_key(|row| ids[*row]);
        order
    }
    let mut found = Batch::default();
    order(&batch.messages.id.0).into_iter().for_each(|row| found.message(&batch.messages.get(row), None));
    order(&batch.attempts.id.0).into_iter().for_each(|row| found.attempt(&batch.attempts.get(row)));
    order(&batch.outcomes.id.0).into_iter().for_each(|row| found.outcome(&batch.outcomes.get(row), None));
    order(&batch.rejections.id.0).into_iter().for_each(|row| found.rejection(&batch.rejections.get(row)));
    order(&batch.auths.id.0).into_iter().for_each(|row| found.auth(&batch.auths.get(row)));
    order(&batch.sessions.id.0).into_iter().for_each(|row| found.session(&batch.sessions.get(row)));
    order(&batch.notices.id.0).into_iter().for_each(|row| found.notice(&batch.notices.get(row)));
    found
}

/// Compares two batches kind by kind and row by row; streams are compared as streams.
pub fn assert_same(found: &Batch, expected: &Batch) {
    macro_rules! kind {
        ($($field:ident)+) => { $(
            assert_eq!(found.$field.len(), expected.$field.len(), concat!("count of ", stringify!($field)));
            for (found, expected) in found.$field.iter().zip(expected.$field.iter()) {
                assert_eq!(found, expected);
            }
        )+ };
    }
    kind!(messages attempts outcomes rejections auths sessions notices);
}
