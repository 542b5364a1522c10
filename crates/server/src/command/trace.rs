//! `mailvane trace`: the life of matching messages.

use anyhow::Result;
use mailvane_model::Time;

use crate::{Ending, cli};

/// Runs it.
pub(crate) fn run(arguments: &cli::Trace, _now: Time) -> Result<Ending> {
    anyhow::bail!("trace ({} files): not in this version yet", arguments.files.len())
}
