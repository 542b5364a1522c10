//! How long a check of a domain takes when DNS answers slowly.

use anyhow::Result;

use crate::{program, workspace};

/// What a check needs, and no more: the store and its columns take long to build.
const PARTS: [&str; 6] = ["--release", "--package", "mailvane-server", "--no-default-features", "--features", "active"];

/// Runs it on the release program.
pub(super) fn run() -> Result<()> {
    program::run(workspace::cargo(&["build", "--bin", "mailvane"]).args(PARTS))?;
    let mailvane = workspace::target()?.join("release/mailvane");
    program::run(workspace::cargo(&["run", "--quiet", "--example", "check_latency"]).args(PARTS).env("MAILVANE_BIN", mailvane))
}
