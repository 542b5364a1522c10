//! The detection bench of the alert rules: simulated host-months with known incidents, in release mode.

use anyhow::Result;

use crate::{program, workspace};

/// Runs it; the bench prints its tables. Its own options are handed on.
pub(super) fn run(options: &[String]) -> Result<()> {
    let fixed = ["run", "--release", "--quiet", "--package", "mailvane-alert", "--no-default-features", "--example", "detection", "--"];
    program::run(workspace::cargo(&fixed).args(options))
}
