//! The list from the store: refusals first, then the successes of the addresses that were refused.

use mailvane_model::row::{AttemptColumns, Batch, OutcomeColumns};
use mailvane_model::word::Status;
use mailvane_model::{Address, AttemptRow, Time};
use mailvane_reply::ledger::{self, Happened, Ledger};
use mailvane_store::{Kind, Result, Snapshot};

use super::Made;

/// What happened, kept until all of it can be put in the order of time.
#[derive(Default)]
struct Events {
    refused: AttemptColumns,
    given_up: OutcomeColumns,
    delivered: Vec<(Time, String, String)>,
}

/// The list from everything stored between two times (`until` not included).
pub(crate) fn of_snapshot(snapshot: &Snapshot, since: Time, until: Time) -> Result<Made> {
    let mut events = Events::default();
    each(snapshot, Kind::Attempts, since, until, |rows| {
        let wanted = |row: &AttemptRow<'_>| row.status == Status::Bounced && row.time >= since && row.time < until;
        rows.attempts.iter().filter(|row| wanted(row) && ledger::of_attempt(row).is_some()).for_each(|row| events.refused.push(&row));
    })?;
    each(snapshot, Kind::Outcomes, since, until, |rows| {
        let rows = rows.outcomes.iter().filter(|row| row.time >= since && row.time < until && ledger::of_outcome(row).is_some());
        rows.for_each(|row| events.given_up.push(&row));
    })?;
    let mut refused = addresses(&events);
    each(snapshot, Kind::Attempts, since, until, |rows| {
        for row in rows.attempts.iter().filter(|row| row.status == Status::Delivered && row.time >= since && row.time < until) {
            if ledger::of_attempt(&row).is_some() && refused.has_case(row.recipient) {
                events.delivered.push((row.time, row.recipient.local.to_owned(), row.recipient.domain.to_owned()));
            }
        }
    })?;
    Ok(Made {
        list: in_order(&events).finish(),
        since: (since > Time(i64::MIN)).then_some(since),
        until: (until < Time(i64::MAX)).then_some(until),
    })
}

/// The newest revision of every row of a kind, a segment or pending batch at a time.
fn each(snapshot: &Snapshot, kind: Kind, since: Time, until: Time, mut take: impl FnMut(&Batch)) -> Result<()> {
    for segment in snapshot.segments(kind, since, until) {
        take(&snapshot.read(&segment, None)?);
    }
    for pending in snapshot.pending() {
        if kind == Kind::Attempts {
            take(&pending.rows);
            continue;
        }
        let dead = pending.dead(kind);
        let mut alive = Batch::default();
        let rows = pending.rows.outcomes.iter().enumerate().filter(|(row, _)| dead.binary_search(&(*row as u32)).is_err());
        rows.for_each(|(_, row)| alive.outcomes.push(&row));
        take(&alive);
    }
    Ok(())
}

/// A book in which only the refusals stand, to ask of whom successes matter.
fn addresses(events: &Events) -> Ledger {
    let mut ledger = Ledger::default();
    for row in events.refused.iter() {
        if let Some(happened) = ledger::of_attempt(&row) {
            ledger.add(row.recipient, row.time, happened);
        }
    }
    for row in events.given_up.iter() {
        if let Some(happened) = ledger::of_outcome(&row) {
            ledger.add(row.recipient, row.time, happened);
        }
    }
    ledger
}

/// The book with everything in the order of time.
fn in_order(events: &Events) -> Ledger {
    /// Where an event stands.
    enum From {
        Refused(usize),
        GivenUp(usize),
        Delivered(usize),
    }
    let mut order: Vec<(Time, From)> = Vec::new();
    order.extend(events.refused.time.0.iter().enumerate().map(|(row, time)| (*time, From::Refused(row))));
    order.extend(events.given_up.time.0.iter().enumerate().map(|(row, time)| (*time, From::GivenUp(row))));
    order.extend(events.delivered.iter().enumerate().map(|(row, event)| (event.0, From::Delivered(row))));
    order.sort_by_key(|event| event.0);
    let mut ledger = Ledger::default();
    for (time, from) in order {
        match from {
            From::Refused(row) => {
                let row = events.refused.get(row);
                if let Some(happened) = ledger::of_attempt(&row) {
                    ledger.add(row.recipient, time, happened);
                }
            }
            From::GivenUp(row) => {
                let row = events.given_up.get(row);
                if let Some(happened) = ledger::of_outcome(&row) {
                    ledger.add(row.recipient, time, happened);
                }
            }
            From::Delivered(row) => {
                let (_, local, domain) = &events.delivered[row];
                ledger.add(Address { local, domain }, time, Happened::Delivered);
            }
        }
    }
    ledger
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailvane_model::Sink;
    use mailvane_model::word::{Direction, Population, Reason};
    use mailvane_store::{Commit, Memory, Store};

    fn attempt(id: u64, local: &str, hours: i64, status: Status, batch: &mut Batch) {
        let reason = (status == Status::Bounced).then_some(Reason::UnknownRecipient);
        batch.attempt(&AttemptRow {
            id,
            message: id,
            time: Time::from_seconds(hours * 3600),
            recipient: Address { local, domain: "example.net" },
            population: Population::Ordinary,
            direction: Direction::Outbound,
            provider: "example.net",
            status,
            reason,
            permanent: reason.is_some(),
            confidence: 90,
            ..AttemptRow::default()
        });
    }

    #[test]
    fn stored_rows_are_put_in_the_order_of_time() {
        let mut store = Memory::default();
        let mut batch = Batch::default();
        attempt(1, "ann", 30, Status::Bounced, &mut batch);
        attempt(2, "bob", 10, Status::Bounced, &mut batch);
        store.commit(&Commit::of(&batch)).expect("committed");
        let mut batch = Batch::default();
        attempt(3, "ann", 5, Status::Delivered, &mut batch);
        attempt(4, "bob", 20, Status::Delivered, &mut batch);
        attempt(5, "eve", 20, Status::Delivered, &mut batch);
        store.commit(&Commit::of(&batch)).expect("committed");
        let made = of_snapshot(&store.snapshot().expect("a snapshot"), Time(0), Time(i64::MAX)).expect("read");
        let names = |entries: &[ledger::Entry]| entries.iter().map(|entry| entry.address.clone()).collect::<Vec<_>>();
        assert_eq!(names(&made.list.suppress), ["ann@example.net"]);
        assert_eq!(made.list.suppress[0].delivered_before, Some(Time::from_seconds(5 * 3600)));
        assert_eq!(names(&made.list.works_again), ["bob@example.net"]);
    }
}
