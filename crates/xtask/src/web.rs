//! The dashboard: its packages, its tests, its build.

use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};

use crate::{program, workspace};

/// What to say when Node is not here.
pub(crate) const NODE_HINT: &str =
    "the dashboard needs Node.js 20 or later with npm: `sudo apt install nodejs npm` (Debian, Ubuntu), or see https://nodejs.org";

/// The oldest Node.js that builds the dashboard.
const OLDEST_NODE: u32 = 20;

/// Whether Node and npm are here and new enough; else why not.
pub(crate) fn node() -> Result<()> {
    if program::find("npm").is_none() {
        bail!("npm was not found; {NODE_HINT}");
    }
    let output = Command::new("node").arg("--version").output().with_context(|| format!("node was not found; {NODE_HINT}"))?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let major: u32 = version.trim_start_matches('v').split('.').next().and_then(|word| word.parse().ok()).unwrap_or_default();
    if major < OLDEST_NODE {
        bail!("this is Node.js {version}; {NODE_HINT}");
    }
    Ok(())
}

/// npm in the dashboard's folder.
pub(crate) fn npm(arguments: &[&str]) -> Command {
    let mut command = Command::new("npm");
    command.args(arguments).current_dir(workspace::web());
    command
}

/// Installs the packages when they are missing or older than the lock file.
pub(crate) fn packages() -> Result<()> {
    node()?;
    let web = workspace::web();
    let installed = modified(&web.join("node_modules/.package-lock.json"));
    let wanted = modified(&web.join("package-lock.json")).context("web/package-lock.json is missing: this is not a whole checkout")?;
    if installed.is_some_and(|installed| installed >= wanted) {
        return Ok(());
    }
    println!("installing the dashboard's packages (npm ci)");
    program::run(&mut npm(&["ci", "--no-audit", "--no-fund"]))
}

/// Builds the dashboard when it is older than its sources.
pub(crate) fn build() -> Result<()> {
    packages()?;
    if is_fresh() {
        println!("web/dist is up to date");
        return Ok(());
    }
    println!("building the dashboard (npm run build)");
    program::run(&mut npm(&["run", "build"]))
}

/// Whether there is a built dashboard at all.
pub(crate) fn is_built() -> bool {
    workspace::web().join("dist/index.html").is_file()
}

fn is_fresh() -> bool {
    let web = workspace::web();
    let Some(built) = modified(&web.join("dist/index.html")) else { return false };
    let sources = ["src", "public", "scripts", "index.html", "package-lock.json", "package.json", "tsconfig.json", "vite.config.ts"];
    sources.iter().filter_map(|name| newest(&web.join(name))).all(|changed| changed <= built)
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}

/// The latest change in a file or below a folder.
fn newest(path: &Path) -> Option<SystemTime> {
    let own = modified(path)?;
    let Ok(entries) = std::fs::read_dir(path) else { return Some(own) };
    entries.filter_map(|entry| newest(&entry.ok()?.path())).chain([own]).max()
}
