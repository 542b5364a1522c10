//! The log a bench reads: simulated, seeded, kept in the target directory for the next run.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use mailvane_simulate::{Host, Options};

use super::{Wanted, exim_log};
use crate::workspace;

/// The version of what a seed means: a change of the simulated host makes new files.
const VERSION: u32 = 1;
/// Lines are written in pieces of this size.
const PIECE: usize = 1 << 20;

/// The log of the wanted size, made when it is not there yet.
pub(super) fn log(wanted: &Wanted) -> Result<PathBuf> {
    let folder = workspace::target()?.join("bench");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let kind = if wanted.exim { "exim" } else { "postfix" };
    let path = folder.join(format!("{kind}-v{VERSION}-{}MB-seed{}.log", wanted.megabytes, wanted.seed));
    if !path.is_file() {
        // The name appears only when the file is whole.
        let unfinished = path.with_extension("unfinished");
        write(&unfinished, wanted)?;
        std::fs::rename(&unfinished, &path)?;
    }
    Ok(path)
}

/// The log of a size, a seed and a kind, for others than benches.
pub(crate) fn of(megabytes: u64, seed: u64, exim: bool) -> Result<PathBuf> {
    log(&Wanted { megabytes, seed, exim, ..Wanted::default() })
}

/// Writes the log where the command line says.
pub(super) fn write_out(wanted: &Wanted) -> Result<()> {
    let out = wanted.out.as_deref().context("bench sample needs --out FILE")?;
    write(Path::new(out), wanted)
}

fn write(path: &Path, wanted: &Wanted) -> Result<()> {
    if wanted.exim {
        return write_exim(path, wanted);
    }
    let mut host = Host::new(Options { seed: wanted.seed, ..Options::default() });
    let mut file = BufWriter::with_capacity(PIECE, File::create(path).with_context(|| format!("cannot write {}", path.display()))?);
    let mut line = Vec::with_capacity(4096);
    while host.truth().bytes < wanted.megabytes * 1_000_000 && host.next_line(&mut line).is_some() {
        file.write_all(&line)?;
        line.clear();
    }
    file.flush()?;
    let truth = host.truth();
    println!(
        "{}: {} MB, {} lines, {} messages, {} attempts, {} refusals, {} logins failed",
        path.display(),
        truth.bytes / 1_000_000,
        truth.lines,
        truth.messages,
        truth.attempts,
        truth.refused(),
        truth.auth_failed
    );
    Ok(())
}

fn write_exim(path: &Path, wanted: &Wanted) -> Result<()> {
    let mut file = BufWriter::with_capacity(PIECE, File::create(path).with_context(|| format!("cannot write {}", path.display()))?);
    let written = exim_log::write(&mut file, wanted.seed, wanted.megabytes * 1_000_000)?;
    file.flush()?;
    println!("{}: {} MB, {} lines, {} messages", path.display(), written.bytes / 1_000_000, written.lines, written.messages);
    Ok(())
}
