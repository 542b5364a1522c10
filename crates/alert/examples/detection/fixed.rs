//! What others do, for comparison: an alarm when more than a fixed share of the attempts of a quarter of an hour fail.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use mailvane_alert::Minute;
use mailvane_alert::input::Dimension;
use mailvane_metric::{Figure, Traffic};
use mailvane_model::Time;

/// The window, in minutes.
const WINDOW: i64 = 15;
/// Fewer attempts are not looked at.
const LEAST: i64 = 10;
/// An alarm is not said again for so long, in minutes.
const QUIET: i64 = 60;

/// An alarm: when (minutes), and at which provider.
pub(crate) type Alarm = (i64, Arc<str>);

/// Fixed thresholds on failing attempts by provider.
pub(crate) struct Fixed {
    share: f64,
    recent: BTreeMap<Arc<str>, VecDeque<(i64, i64, i64)>>,
    told: BTreeMap<Arc<str>, i64>,
    pub(crate) alarms: Vec<Alarm>,
}

impl Fixed {
    pub(crate) fn new(share: f64) -> Self {
        Fixed { share, recent: BTreeMap::new(), told: BTreeMap::new(), alarms: Vec::new() }
    }

    pub(crate) fn step(&mut self, minute: &Minute, begin: i64) {
        let now = (minute.start.0 - begin) / Time::MINUTE;
        for (dimension, key, cell) in &minute.cells {
            let attempts = cell.get(Traffic::DEFAULT, Figure::Attempts);
            if *dimension != Dimension::Provider || attempts == 0 {
                continue;
            }
            let failed = attempts - cell.get(Traffic::DEFAULT, Figure::Accepted);
            let recent = self.recent.entry(Arc::clone(key)).or_default();
            recent.push_back((now, attempts, failed));
            while recent.front().is_some_and(|first| first.0 <= now - WINDOW) {
                recent.pop_front();
            }
            let (all, bad) = recent.iter().fold((0, 0), |sum, one| (sum.0 + one.1, sum.1 + one.2));
            let quiet = self.told.get(key).is_some_and(|told| now - told < QUIET);
            if all >= LEAST && bad as f64 > all as f64 * self.share && !quiet {
                self.alarms.push((now, Arc::clone(key)));
                self.told.insert(Arc::clone(key), now);
            }
        }
    }
}
