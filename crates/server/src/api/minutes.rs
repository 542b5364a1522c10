//! Counts per minute of log time, hot rows included.

use std::sync::{Arc, Mutex, PoisonError};

use mailvane_analytics::figures::{self as sums, Step};
use mailvane_metric::{Door, Figure};
use mailvane_model::Time;
use mailvane_model::word::Population;
use serde_json::{Value, json};

use super::figures::{count, sum};
use super::json::moment;
use crate::live::view::View;

/// How far back the live panel looks.
const SPAN: i64 = 60 * Time::MINUTE;

/// One minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Minute {
    start: Time,
    counts: [u64; 7],
}

const NAMES: [&str; 7] = ["received", "delivered", "deferred", "bounced", "expired", "rejected", "auth_failed"];

impl Minute {
    fn of(step: &Step) -> Self {
        let ordinary = sum(&step.cell, |traffic| traffic.population == Population::Ordinary);
        let count = |figure| count(&ordinary, figure);
        let door = |door| step.cell.door(door).max(0) as u64;
        let counts = [
            count(Figure::Received),
            count(Figure::Accepted),
            count(Figure::DeferredAttempts),
            count(Figure::RefusedAttempts),
            count(Figure::Expired),
            door(Door::Rejected) + door(Door::RejectedTemporarily),
            door(Door::AuthFailed),
        ];
        Minute { start: step.start, counts }
    }

    /// As it stands in a tick.
    pub(crate) fn write(&self) -> Value {
        let mut object = json!({"start": moment(self.start)});
        for (name, count) in NAMES.iter().zip(self.counts) {
            object[*name] = json!(count);
        }
        object
    }
}

type Known = (u64, Arc<Vec<Minute>>);

/// The last hour of the latest view, worked out once for all listeners.
#[derive(Default)]
pub(crate) struct Cache(Mutex<Option<Known>>);

impl Cache {
    /// The minutes of the last hour that hold anything. May block: call it where that is allowed.
    pub(crate) fn get(&self, view: &View) -> Arc<Vec<Minute>> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((revision, minutes)) = &*held
            && *revision == view.revision
        {
            return Arc::clone(minutes);
        }
        let steps = sums::minutes(&view.snapshot, view.made.plus(-SPAN), view.made.plus(Time::MINUTE));
        let minutes = match steps {
            Ok(steps) => Arc::new(steps.iter().map(Minute::of).collect()),
            Err(error) => {
                tracing::warn!(%error, "the counts per minute could not be read");
                Arc::default()
            }
        };
        *held = Some((view.revision, Arc::clone(&minutes)));
        minutes
    }
}

/// The sums of some minutes, by name.
pub(crate) fn sums(minutes: &[Minute]) -> [(&'static str, u64); 7] {
    let mut sums = NAMES.map(|name| (name, 0));
    for minute in minutes {
        for (sum, count) in sums.iter_mut().zip(minute.counts) {
            sum.1 += count;
        }
    }
    sums
}

/// Those of `minutes` that are not in `known` as they are.
pub(crate) fn changed<'m>(minutes: &'m [Minute], known: &'m [Minute]) -> impl Iterator<Item = &'m Minute> {
    minutes
        .iter()
        .filter(move |minute| known.binary_search_by_key(&minute.start, |known| known.start).map_or(true, |at| known[at] != **minute))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_told() {
        let minute = |start, received| Minute { start: Time(start), counts: [received, 0, 0, 0, 0, 0, 0] };
        let known = [minute(1, 5), minute(2, 6)];
        let minutes = [minute(1, 5), minute(2, 7), minute(3, 1)];
        assert_eq!(changed(&minutes, &known).map(|minute| minute.start.0).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(minute(0, 3).write()["received"], 3);
    }
}
