//! Profile-guided builds: the program is built once so that it counts which branches it takes, reads simulated logs, and is built again with
//! what it counted. Reading logs takes about a fifth less time by it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::bench::sample;
use crate::program;
use crate::workspace::{self, Build};

/// Of each kind of log.
const MEGABYTES: u64 = 100;
/// No bench measures on a log of this seed.
const SEED: u64 = 4_711;

/// The tool that puts counts together, a component of the toolchain; `None` with a word on how to have it.
pub(crate) fn tool() -> Option<PathBuf> {
    let output = Command::new("rustc").args(["--print", "target-libdir"]).output().ok()?;
    let tool = Path::new(String::from_utf8_lossy(&output.stdout).trim()).parent()?.join("bin/llvm-profdata");
    if !tool.is_file() {
        println!("no llvm-profdata: the build is not guided by a run. To have it: `rustup component add llvm-tools`");
        return None;
    }
    Some(tool)
}

/// Builds the program with what a run of it tells, in folders of its own, so that other builds keep theirs.
pub(crate) fn build_program(tool: &Path, profile: &str, build: Build) -> Result<PathBuf> {
    let folder = workspace::target()?.join("guided");
    let counts = folder.join("counts");
    if counts.exists() {
        std::fs::remove_dir_all(&counts).with_context(|| format!("cannot clear {}", counts.display()))?;
    }
    let counting = built(&folder.join("counting"), &format!("-Cprofile-generate={}", counts.display()), profile, Build::Light)?;
    for exim in [false, true] {
        let log = sample::of(MEGABYTES, SEED, exim)?;
        let status = Command::new(&counting).arg("report").arg(&log).stdout(Stdio::null()).status().context("cannot start mailvane")?;
        if !status.success() {
            bail!("the report that is to be counted failed on {}", log.display());
        }
    }
    let learned = folder.join("learned.profdata");
    program::run(Command::new(tool).args(["merge", "--output"]).arg(&learned).arg(&counts))?;
    built(&folder.join("built"), &format!("-Cprofile-use={}", learned.display()), profile, build)
}

fn built(target: &Path, flag: &str, profile: &str, build: Build) -> Result<PathBuf> {
    let flags = std::env::var("RUSTFLAGS").map_or_else(|_| flag.to_owned(), |others| format!("{others} {flag}"));
    let mut command = workspace::build_command(profile, build);
    program::run(command.env("RUSTFLAGS", flags).env("CARGO_TARGET_DIR", target))?;
    Ok(workspace::program_in(target, profile))
}
