//! What is committed, from one time to another: rows of the store into a sink.

use std::collections::HashMap;

use mailvane_model::{Batch, Sink, Time};
use mailvane_store::{CommitNumber, Detail, Kind, Result, Snapshot};

/// So much is read at a time where much is read: bounds the memory.
const READ: i64 = 4 * Time::HOUR;

/// Where to stop reading, of what is from `from` to `until`.
pub(crate) fn stop(from: Time, until: Time) -> Time {
    until.min(from.floor(READ).plus(READ))
}

/// Rows of a time, `until` not included, as far as is wanted of those in segments. Rows that a later revision superseded are left out.
pub(crate) fn between(snapshot: &Snapshot, (from, until): (Time, Time), detail: Detail, sink: &mut impl Sink) -> Result<()> {
    let within = |time: Time| time >= from && time < until;
    for kind in Kind::ALL {
        for segment in snapshot.segments(kind, from, until) {
            let rows = snapshot.read_between(&segment, from, until, detail)?;
            play(&rows, |_| &[], within, sink);
            last_words(&rows, |_| &[], within, sink);
        }
    }
    for pending in snapshot.pending() {
        play(&pending.rows, |kind| pending.dead(kind), within, sink);
        last_words(&pending.rows, |kind| pending.dead(kind), within, sink);
    }
    Ok(())
}

/// Rows that came in commits after `number` for a time before `from`: a source that lagged. What was sealed at once (an import) is history.
pub(crate) fn late(snapshot: &Snapshot, number: CommitNumber, from: Time, sink: &mut impl Sink) {
    for pending in snapshot.pending().iter().filter(|pending| pending.number > number) {
        let within = |time: Time| time < from;
        play(&pending.rows, |kind| pending.dead(kind), within, sink);
        revisions(&pending.rows, within, sink);
    }
}

/// Hands over every revision of messages and outcomes with what it takes back, superseded ones too: what came before was counted.
fn revisions(rows: &Batch, within: impl Fn(Time) -> bool, sink: &mut impl Sink) {
    let former: HashMap<_, _> = rows.replaced_messages.iter().map(|row| ((row.id, row.rev + 1), row)).collect();
    for row in rows.messages.iter().filter(|row| within(row.time)) {
        sink.message(&row, former.get(&(row.id, row.rev)));
    }
    let former: HashMap<_, _> = rows.replaced_outcomes.iter().map(|row| ((row.id, row.rev + 1), row)).collect();
    for row in rows.outcomes.iter() {
        let old = former.get(&(row.id, row.rev)).filter(|old| within(old.time));
        if within(row.time) {
            sink.outcome(&row, old);
        }
    }
}

/// Hands over the last revisions of the messages and outcomes of a batch whose time is wanted.
fn last_words<'a>(rows: &'a Batch, dead: impl Fn(Kind) -> &'a [u32], within: impl Fn(Time) -> bool, sink: &mut impl Sink) {
    let mut is_alive = alive(dead(Kind::Messages));
    for (number, time) in rows.messages.time.0.iter().enumerate() {
        if within(*time) && is_alive(number) {
            sink.message(&rows.messages.get(number), None);
        }
    }
    let mut is_alive = alive(dead(Kind::Outcomes));
    for (number, time) in rows.outcomes.time.0.iter().enumerate() {
        if within(*time) && is_alive(number) {
            sink.outcome(&rows.outcomes.get(number), None);
        }
    }
}

/// Whether a row is none of the dead. Numbers ascend, so the list of the dead is gone through once.
fn alive(mut dead: &[u32]) -> impl FnMut(usize) -> bool {
    move |number| {
        while dead.first().is_some_and(|first| (*first as usize) < number) {
            dead = &dead[1..];
        }
        dead.first().is_none_or(|first| *first as usize != number)
    }
}

/// Hands over the rows of a batch that are never revised and whose time is wanted.
fn play<'a>(rows: &'a Batch, dead: impl Fn(Kind) -> &'a [u32], within: impl Fn(Time) -> bool, sink: &mut impl Sink) {
    macro_rules! hand_over {
        ($($kind:ident $column:ident $method:ident),+) => {
            $({
                let mut alive = alive(dead(Kind::$kind));
                for (number, time) in rows.$column.time.0.iter().enumerate() {
                    if within(*time) && alive(number) {
                        sink.$method(&rows.$column.get(number));
                    }
                }
            })+
        };
    }
    hand_over!(Attempts attempts attempt, Rejections rejections rejection, Auths auths auth, Sessions sessions session, Notices notices notice);
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use mailvane_model::row::OutcomeRow;
    use mailvane_model::word::Direction;
    use mailvane_model::{AttemptRow, MessageRow};
    use mailvane_store::{Commit, Disk, Options, Store};

    use super::*;

    #[derive(Default)]
    struct Ids(Mutex<Vec<u64>>);

    impl Sink for Ids {
        fn attempt(&mut self, row: &AttemptRow<'_>) {
            self.0.get_mut().expect("alone").push(row.id);
        }
        fn outcome(&mut self, row: &OutcomeRow<'_>, _: Option<&OutcomeRow<'_>>) {
            self.0.get_mut().expect("alone").push(row.id);
        }
    }

    fn ids(fill: impl FnOnce(&mut Ids)) -> Vec<u64> {
        let mut ids = Ids::default();
        fill(&mut ids);
        let mut ids = ids.0.into_inner().expect("alone");
        ids.sort_unstable();
        ids
    }

    fn attempts(rows: &[(u64, i64)]) -> Batch {
        let mut batch = Batch::default();
        for (id, second) in rows {
            batch.attempt(&AttemptRow { id: *id, time: Time::from_seconds(*second), ..AttemptRow::default() });
        }
        batch
    }

    /// Messages by direction, as sums take them.
    #[derive(Default)]
    struct Sum([i64; 8]);

    impl Sink for Sum {
        fn message(&mut self, row: &MessageRow<'_>, replaced: Option<&MessageRow<'_>>) {
            self.0[usize::from(row.direction.code())] += 1;
            if let Some(old) = replaced {
                self.0[usize::from(old.direction.code())] -= 1;
            }
        }
    }

    #[test]
    fn a_revision_that_comes_late_takes_back_what_came_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut store = Disk::open(folder.path(), Options::default()).expect("a store");
        let told = MessageRow { id: 1, time: Time::from_seconds(5), ..MessageRow::default() };
        let known = MessageRow { rev: 1, direction: Direction::Outbound, ..told };
        let commit = |row: &MessageRow<'_>, replaced: Option<&MessageRow<'_>>, store: &mut Disk| {
            let mut batch = Batch::default();
            batch.message(row, replaced);
            store.commit(&Commit::of(&batch)).expect("kept");
            store.snapshot().expect("a snapshot")
        };
        let begin = store.snapshot().expect("a snapshot").number();
        let first = commit(&told, None, &mut store);
        let second = commit(&known, Some(&told), &mut store);
        let sum = |snapshot: &Snapshot, number| {
            let mut sum = Sum::default();
            late(snapshot, number, Time::from_seconds(20), &mut sum);
            (sum.0[usize::from(Direction::Unknown.code())], sum.0[usize::from(Direction::Outbound.code())])
        };
        assert_eq!((sum(&first, begin), sum(&second, first.number())), ((1, 0), (-1, 1)));
        assert_eq!(sum(&second, begin), (0, 1), "both at once");
    }

    #[test]
    fn each_row_is_handed_over_once_wherever_it_stands() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut store = Disk::open(folder.path(), Options::default()).expect("a store");
        let (sealed, pending) = (attempts(&[(1, 10), (2, 20), (3, 30)]), attempts(&[(4, 25), (5, 35), (6, 5)]));
        store.commit(&Commit { bulk: true, ..Commit::of(&sealed) }).expect("kept");
        let before = store.snapshot().expect("a snapshot").number();
        store.commit(&Commit::of(&pending)).expect("kept");
        let snapshot = store.snapshot().expect("a snapshot");
        let all = ids(|sink| between(&snapshot, (Time::from_seconds(20), Time::from_seconds(35)), Detail::Whole, sink).expect("read"));
        assert_eq!(all, [2, 3, 4]);
        assert_eq!(ids(|sink| late(&snapshot, before, Time::from_seconds(20), sink)), [6]);
        assert_eq!(ids(|sink| late(&snapshot, snapshot.number(), Time::from_seconds(20), sink)), [] as [u64; 0]);
    }
}
