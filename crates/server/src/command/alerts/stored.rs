//! `mailvane alerts backtest` without files: what the store holds, whether or not `serve` runs on it.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use mailvane_alert::{RuleSet, Step};
use mailvane_model::Time;
use mailvane_store::{Disk, Snapshot};

use crate::alerting::replay::Replay;
use crate::cli;
use crate::command::serve;
use crate::pipeline::progress::Progress;
use crate::pipeline::span::Span;

/// How often it is looked again when the owner of the store has merged away what was to be read.
const LOOKS: usize = 20;

/// What a replay of the store left.
pub(super) struct Replayed {
    pub(super) replay: Replay,
    pub(super) step: Step,
    pub(super) first: Option<Time>,
    pub(super) last: Option<Time>,
}

/// Replays what the store holds up to the end of the span. It begins with the first row: rules learn from what came before.
pub(super) fn replay(stored: &cli::Stored, rules: RuleSet, span: Span) -> Result<Replayed> {
    let config = serve::configuration(stored.config.as_deref())?;
    let folder = serve::data_folder(stored.data_dir.as_deref(), &config);
    if !folder.join("store.db").exists() {
        bail!("there is no store in {}: name log files, or start `mailvane serve` first", folder.display());
    }
    let mut snapshot = look(&folder)?;
    let (first, last) = snapshot.span().unzip();
    // The minute of the last row counts too.
    let until = last.map_or(span.until, |last| last.plus(Time::MINUTE).min(span.until));
    let mut replay = Replay::new(rules, &snapshot, Time(i64::MIN), until);
    let mut progress = Progress::new(Some(bytes_until(&snapshot, until)));
    let (mut step, mut looks) = (Step::default(), 0);
    loop {
        match replay.next(&snapshot) {
            Ok(Some(more)) => step.extend(more),
            Ok(None) => break,
            Err(error) if error.is_gone() && looks < LOOKS => {
                looks += 1;
                snapshot = look(&folder)?;
            }
            Err(error) => return Err(error).context("cannot read the store"),
        }
        progress.show(bytes_until(&snapshot, replay.through), replay.minutes);
    }
    Ok(Replayed { replay, step, first, last })
}

fn look(folder: &Path) -> Result<Snapshot> {
    Disk::look(folder).with_context(|| format!("cannot read the store in {}", folder.display()))
}

/// Bytes of the segments that begin before a time.
fn bytes_until(snapshot: &Snapshot, until: Time) -> u64 {
    snapshot.all_segments().iter().filter(|segment| segment.time_min < until).map(|segment| segment.bytes).sum()
}
