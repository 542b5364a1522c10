//! The report that goes out by mail on a schedule.
//!
//! * [`settings`]: `[report]`. [`write`]: the report of a time, out of the store.
//!
//! This thread waits for the time, and for the log to be read up to it; it hands the report to the thread of alerts, which keeps it with its
//! deliveries in one transaction before anything is sent. What was kept is not made again: a restart neither loses nor doubles a report.

pub(crate) mod settings;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

use mailvane_alert::notify::Sheet;
use mailvane_model::Time;

use self::settings::Plan;
use crate::alerting::order::Message;
use crate::live::view::Shared;

/// How often is looked whether it is time.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A log that is not read up to the time after so long is reported as it is, and the report says so.
const PATIENCE: i64 = 30 * Time::MINUTE;
/// Missed times are passed over up to this many at a time: the last one is reported.
const MISSED_LIMIT: usize = 10_000;

/// A report that is due, with its receivers.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    /// The time of the schedule.
    pub(crate) at: Time,
    /// Receivers by name.
    pub(crate) to: Vec<String>,
    /// What it says; none when there is nothing to say.
    pub(crate) sheet: Option<Sheet>,
}

/// The work of a thread: until it is told to stop.
pub(crate) fn run(plan: &Plan, shared: &Arc<Shared>, last: Option<Time>, host: &str, back: &Sender<Message>, stop: &AtomicBool) {
    // The first report is about the time after the first start: history was not ours to report.
    let mut last = last.unwrap_or_else(crate::api::now);
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(LOOK_EVERY);
        let now = crate::api::now();
        let Some(at) = due(plan, last, now) else { continue };
        let Some(view) = shared.view() else { continue };
        // An idle log is read up to now: its last line says nothing of the time after it.
        let is_read = view.caught_up && view.sources.iter().all(|source| source.bytes_behind == 0);
        let waits = !is_read && view.complete_to.is_none_or(|complete| complete < at) && now < at.plus(PATIENCE);
        if waits {
            continue;
        }
        match write::sheet(plan, &view, at, host) {
            Ok(sheet) => {
                if back.send(Message::Report(Due { at, to: plan.to.clone(), sheet })).is_err() {
                    return;
                }
                last = at;
            }
            Err(error) => {
                tracing::error!("the report cannot be made and is tried again: {error:#}");
                std::thread::sleep(LOOK_EVERY);
            }
        }
    }
}

/// The last time of the schedule that has come since the last report.
fn due(plan: &Plan, last: Time, now: Time) -> Option<Time> {
    let mut found = None;
    let mut at = last;
    for _ in 0..MISSED_LIMIT {
        match plan.line.after(at).filter(|next| *next <= now) {
            Some(next) => (at, found) = (next, Some(next)),
            None => break,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::schedule::line::Line;

    #[test]
    fn of_missed_times_the_last_is_reported_once() {
        let line = Line::read("0 7 * * *", Tz::UTC).expect("a line");
        let plan = Plan { line, zone: Tz::UTC, period: Time::DAY, to: Vec::new(), top: 5, even_if_empty: false };
        let day = |day: i64, hour: i64| Time::from_seconds(1_790_000_000).floor(Time::DAY).plus(day * Time::DAY + hour * Time::HOUR);
        assert_eq!(due(&plan, day(0, 7), day(1, 6)), None);
        assert_eq!(due(&plan, day(0, 7), day(1, 7)), Some(day(1, 7)));
        assert_eq!(due(&plan, day(0, 7), day(5, 9)), Some(day(5, 7)));
        assert_eq!(due(&plan, day(5, 7), day(5, 9)), None);
    }
}
