//! Probes of the daemon: what is looked at, when, what was found, and what there is to tell.
//!
//! * [`settings`]: the configuration read into jobs. [`known`]: what our servers really use, and where that was learned. [`learning`]: from logs.
//! * [`run`]: one run of one job. [`runner`]: the timetable, carried out. [`board`]: what stands, for the API and the alerts.

pub(crate) mod board;
pub(crate) mod known;
pub(crate) mod learning;
pub(crate) mod run;
pub(crate) mod runner;
pub(crate) mod settings;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use mailvane_model::Time;
use mailvane_store::Probes;

use board::Board;
use runner::Runner;
use settings::Plan;

/// Opens what was kept, and makes what shows it and what carries the plan out.
pub(crate) fn begin(plan: Plan, folder: &Path, now: Time) -> Result<(Arc<Board>, Runner)> {
    let kept = Probes::open(folder).with_context(|| format!("cannot open the history of probes in {}", folder.display()))?;
    let board = Arc::new(Board::open(kept, &plan)?);
    let runner = Runner::new(plan, Arc::clone(&board), now)?;
    Ok((board, runner))
}

#[cfg(test)]
mod tests;
