//! Where things are: the checkout, the target directory, the built program.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The root of the checkout.
pub(crate) fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.ancestors().nth(2).map_or_else(|| here.clone(), Path::to_path_buf)
}

/// The folder of the dashboard's sources.
pub(crate) fn web() -> PathBuf {
    root().join("web")
}

/// Cargo, as this tool was started by it. The environment goes through unchanged, `CARGO_TARGET_DIR` with it.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    // `cargo xtask` runs this program with the variables of its own package; build scripts that look at them (that of `ring`) would
    // build everything behind them anew each time cargo is called from here and from a shell in turn.
    for (name, _) in std::env::vars_os() {
        let own = name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"));
        if own {
            command.env_remove(name);
        }
    }
    command
}

/// Where cargo builds.
pub(crate) fn target() -> Result<PathBuf> {
    let output = cargo(&["metadata", "--format-version", "1", "--no-deps", "--offline"]).output().context("cannot start cargo")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let key = "\"target_directory\":\"";
    let Some(start) = text.find(key) else {
        bail!("`cargo metadata` does not name the target directory: {}", String::from_utf8_lossy(&output.stderr).trim());
    };
    let rest = &text[start + key.len()..];
    Ok(PathBuf::from(&rest[..rest.find('"').unwrap_or(rest.len())]))
}

/// What of the program is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Build {
    /// All of it.
    Whole,
    /// Only the commands that read files: without store and dashboard, built in a fraction of the time.
    Light,
}

/// Builds the program and says where it is. Cargo shows its own progress.
pub(crate) fn build_program(profile: &str, build: Build) -> Result<PathBuf> {
    if !build_command(profile, build).status().context("cannot start cargo")?.success() {
        bail!("the program does not build: see above");
    }
    Ok(program_in(&target()?, profile))
}

/// The command that builds it.
pub(crate) fn build_command(profile: &str, build: Build) -> Command {
    // Of the whole workspace, so that libraries have the same features as in tests and are not built a second time.
    match build {
        Build::Whole => cargo(&["build", "--workspace", "--bin", "mailvane", "--profile", profile]),
        Build::Light => cargo(&["build", "--package", "mailvane-server", "--no-default-features", "--profile", profile]),
    }
}

/// Where cargo puts it below a target directory.
pub(crate) fn program_in(target: &Path, profile: &str) -> PathBuf {
    target.join(if profile == "dev" { "debug" } else { profile }).join("mailvane")
}
