//! New rules applied to history while the daemon runs: a part now and then, so that live lines do not wait long.

use std::time::{Duration, Instant};

use anyhow::Result;
use mailvane_store::Disk;

use crate::reclassify::{self, Reclassification};
use crate::rules::Rules;

/// After a part the daemon does other things for so many times what it took.
const REST_FACTOR: u32 = 2;
/// How often it is asked whether rows that were too young can be judged now.
const LOOK_AGAIN: Duration = Duration::from_mins(5);

/// The work, and when it may go on.
pub(crate) struct Rejudging {
    rules: &'static Rules,
    /// None while rows that were too young are waited for.
    work: Option<Reclassification>,
    next: Instant,
}

impl Rejudging {
    /// The work that is to be done on a store that was judged by other rules.
    pub(crate) fn due(store: &mut Disk, rules: &'static Rules) -> Result<Option<Self>> {
        let work = begin(store, rules)?;
        if work.is_none() && !reclassify::is_pending(store, rules)? {
            return Ok(None);
        }
        Ok(Some(Rejudging { rules, work, next: Instant::now() }))
    }

    /// Does a part when it is time; whether there is more, now or later.
    pub(crate) fn goes_on(&mut self, store: &mut Disk) -> bool {
        if Instant::now() < self.next {
            return true;
        }
        match self.step(store) {
            Ok(more) => more,
            Err(error) => {
                tracing::error!("judging the stored mail again stopped, and goes on after the next start: {error:#}");
                false
            }
        }
    }

    fn step(&mut self, store: &mut Disk) -> Result<bool> {
        let begun = Instant::now();
        let Some(work) = &mut self.work else {
            self.next = begun + LOOK_AGAIN;
            self.work = begin(store, self.rules)?;
            return Ok(true);
        };
        if work.step(store)? {
            self.next = Instant::now() + (begun.elapsed() * REST_FACTOR).min(Duration::from_mins(1));
            return Ok(true);
        }
        if work.total > 0 {
            tracing::info!("{} stored rows were judged by the rules of now, {} changed", work.done.rows, work.done.changed);
        }
        self.work = None;
        reclassify::is_pending(store, self.rules)
    }
}

/// The work that is due now.
fn begin(store: &mut Disk, rules: &'static Rules) -> Result<Option<Reclassification>> {
    if !reclassify::is_due(store, rules)? {
        return Ok(None);
    }
    let work = Reclassification::begin(store, rules)?;
    if work.total > 0 {
        tracing::info!("the rules are others than those by which the stored mail was judged: {} parts are judged again", work.total);
    }
    Ok(Some(work))
}
