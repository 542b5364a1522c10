//! New rules applied to history while the daemon runs: a part now and then, so that live lines do not wait long.

use std::time::{Duration, Instant};

use anyhow::Result;
use mailvane_store::Disk;

use crate::reclassify::{self, Reclassification};
use crate::rules::Rules;

/// After a part the daemon does other things for so many times what it took.
const REST_FACTOR: u32 = 2;

/// The work, and when it may go on.
pub(super) struct Rejudging {
    work: Reclassification,
    next: Instant,
}

impl Rejudging {
    /// The work that is to be done on a store that was judged by other rules.
    pub(super) fn due(store: &mut Disk, rules: &'static Rules) -> Result<Option<Self>> {
        if !reclassify::is_due(store, rules)? {
            return Ok(None);
        }
        let work = Reclassification::begin(store, rules)?;
        if work.total > 0 {
            tracing::info!("the rules are others than those by which the stored mail was judged: {} parts are judged again", work.total);
        }
        Ok(Some(Rejudging { work, next: Instant::now() }))
    }

    /// Does a part when it is time; whether there is more.
    pub(super) fn goes_on(&mut self, store: &mut Disk) -> bool {
        if Instant::now() < self.next {
            return true;
        }
        let begun = Instant::now();
        match self.work.step(store) {
            Ok(true) => {
                self.next = Instant::now() + (begun.elapsed() * REST_FACTOR).min(Duration::from_mins(1));
                true
            }
            Ok(false) => {
                if self.work.total > 0 {
                    tracing::info!(
                        "{} stored rows were judged by the rules of now, {} changed",
                        self.work.done.rows,
                        self.work.done.changed
                    );
                }
                false
            }
            Err(error) => {
                tracing::error!("judging the stored mail again stopped, and goes on after the next start: {error:#}");
                false
            }
        }
    }
}
