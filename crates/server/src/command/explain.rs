//! `mailvane explain`: what a reply means, whose fault it is, and what to do.

use anyhow::Result;

use crate::{Ending, cli};

/// Runs it.
pub(crate) fn run(arguments: &cli::Explain) -> Result<Ending> {
    anyhow::bail!("explain {}: not in this version yet", arguments.reply.join(" "))
}
