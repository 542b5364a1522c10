//! Older files read into a store: with an assembly of their own, since what they tell is over, up to the border where the store begins.
//!
//! The same files give the same rows in the same order. How many of them are committed is committed with them, so that an import that was
//! interrupted goes on behind them when it is started again; at the end the files are known to the store and never read again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use mailvane_assemble::{Assembler, Config};
use mailvane_ingest::FileState;
use mailvane_model::row::{AttemptRow, AuthRow, MessageRow, NoticeRow, OutcomeRow, RejectionRow, SessionRow};
use mailvane_model::{Batch, FileId, Sink, hash};
use mailvane_store::{Commit, Disk, Snapshot, Store};

use super::border;
use super::engine::FILES;
use crate::pipeline::files::{self, Job, Seen, Watcher};

/// Rows of one commit.
pub(crate) const COMMIT_ROWS: usize = 200_000;
/// Lines between two words of progress.
const PROGRESS_LINES: u64 = 500_000;
/// Prefix of the state keys of imports that are not over.
const UNFINISHED: &[u8] = b"import/";

/// Where the rows go.
pub(crate) trait Target {
    /// Keeps a commit.
    fn commit(&mut self, commit: Commit) -> Result<()>;
    /// The store as it is.
    fn snapshot(&self) -> Result<Snapshot>;
}

/// A store that no `serve` uses.
impl Target for Disk {
    fn commit(&mut self, commit: Commit) -> Result<()> {
        Store::commit(self, &commit)?;
        self.tick(mailvane_model::Time::from_chrono(&chrono::Utc::now()))?;
        Ok(())
    }

    fn snapshot(&self) -> Result<Snapshot> {
        Ok(Store::snapshot(self)?)
    }
}

/// What an import did.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Imported {
    /// Files read.
    pub(crate) files: Vec<PathBuf>,
    /// Files left out, because the store knows them.
    pub(crate) known: Vec<PathBuf>,
    /// Lines read.
    pub(crate) lines: u64,
    /// Rows added.
    pub(crate) rows: u64,
    /// Messages that go on in what the store had: their rows there were completed.
    pub(crate) joined: u64,
    /// What could not be read to its end.
    pub(crate) warnings: Vec<String>,
}

/// Reads the files of a job into a store, so many rows in one commit. `progress` says on the way how far it is, and may end it.
pub(crate) fn import(
    job: &Job,
    config: &Config,
    commit_rows: usize,
    target: &mut dyn Target,
    progress: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<Imported> {
    let snapshot = target.snapshot()?;
    let mut known = HashMap::new();
    for (_, value) in snapshot.state(FILES)? {
        let state = FileState::decode(&value).context("the store holds the state of a log file that this version cannot read")?;
        known.insert(state.base, state.path);
    }
    let name = name_of(job)?;
    let skip = unfinished(&snapshot, &name)?;
    let mut importing = Importing {
        target,
        progress,
        known,
        name,
        commit_rows,
        batch: Batch::default(),
        skip,
        seen: 0,
        files: Vec::new(),
        done: Imported::default(),
        failed: None,
    };
    let mut assembler = Assembler::new(config.clone());
    let reading = files::read(job, &mut assembler, &mut importing)?;
    if let Some(error) = importing.failed.take() {
        return Err(error);
    }
    importing.close(&assembler)?;
    let mut done = importing.done;
    done.warnings = reading.warnings;
    done.files = reading.files;
    Ok(done)
}

/// The name of an import: its files, whatever they are called.
fn name_of(job: &Job) -> Result<Vec<u8>> {
    let mut words = Vec::new();
    for path in &job.files {
        let path = std::fs::canonicalize(path).with_context(|| format!("cannot read {}", path.display()))?;
        words.push(hash::bytes(path.as_os_str().as_encoded_bytes()));
    }
    words.sort_unstable();
    Ok([UNFINISHED, &hash::words(&words).to_be_bytes()].concat())
}

/// How many rows of this import were committed before it was interrupted.
fn unfinished(snapshot: &Snapshot, name: &[u8]) -> Result<u64> {
    let mut rows = 0;
    for (key, value) in snapshot.state(UNFINISHED)? {
        let (count, files) =
            value.split_first_chunk::<8>().context("the store holds the state of an import that this version cannot read")?;
        if key != name {
            let files = String::from_utf8_lossy(files);
            bail!("an import was interrupted before: finish it first, with exactly its files: mailvane import {files}");
        }
        rows = u64::from_le_bytes(*count);
    }
    Ok(rows)
}

struct Importing<'a> {
    target: &'a mut dyn Target,
    progress: &'a mut dyn FnMut(&str) -> Result<()>,
    /// Files that the store knows, by the id of their first line.
    known: HashMap<FileId, PathBuf>,
    name: Vec<u8>,
    commit_rows: usize,
    batch: Batch,
    /// So many rows were committed before an interruption.
    skip: u64,
    /// Rows that came so far.
    seen: u64,
    /// What is remembered of the files that were read.
    files: Vec<FileState>,
    done: Imported,
    failed: Option<anyhow::Error>,
}

impl Importing<'_> {
    /// Whether the row that comes now is to be committed.
    fn is_new(&mut self) -> bool {
        self.seen += 1;
        self.done.rows += u64::from(self.seen > self.skip);
        self.seen > self.skip
    }

    fn commit(&mut self, state: Vec<(Vec<u8>, Option<Vec<u8>>)>) -> Result<()> {
        let rows = std::mem::take(&mut self.batch);
        let mut commit = Commit { state, bulk: true, ..Commit::of(&Batch::default()) };
        commit.rows = std::sync::Arc::new(rows);
        self.target.commit(commit)
    }

    /// Commits what came so far, and that it came.
    fn commit_part(&mut self, files: &[PathBuf]) -> Result<()> {
        let names: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
        let value = [&self.seen.max(self.skip).to_le_bytes()[..], names.join(" ").as_bytes()].concat();
        let state = vec![(self.name.clone(), Some(value))];
        self.commit(state)
    }

    /// The end: what is open is joined to what the store has, or told as it is.
    fn close(&mut self, assembler: &Assembler) -> Result<()> {
        let mut open = Batch::default();
        assembler.finish(&mut open);
        let snapshot = self.target.snapshot()?;
        self.done.joined = border::join(assembler.leftovers(), &open, &snapshot, self)?;
        let mut state: Vec<_> = vec![(self.name.clone(), None)];
        for file in &self.files {
            state.push(([FILES, &file.file.0.to_be_bytes()].concat(), Some(file.encode())));
        }
        self.commit(state)
    }
}

macro_rules! passed_on {
    ($($name:ident, $row:ident;)+) => { $(
        fn $name(&mut self, row: &$row<'_>) {
            if self.is_new() {
                self.batch.$name(row);
            }
        }
    )+ };
}

impl Sink for Importing<'_> {
    passed_on! {
        attempt, AttemptRow;
        rejection, RejectionRow;
        auth, AuthRow;
        session, SessionRow;
        notice, NoticeRow;
    }

    fn message(&mut self, row: &MessageRow<'_>, replaced: Option<&MessageRow<'_>>) {
        if self.is_new() {
            self.batch.message(row, replaced);
        }
    }

    fn outcome(&mut self, row: &OutcomeRow<'_>, replaced: Option<&OutcomeRow<'_>>) {
        if self.is_new() {
            self.batch.outcome(row, replaced);
        }
    }
}

impl Watcher for Importing<'_> {
    fn leaves_out(&mut self, path: &Path, file: FileId) -> bool {
        let known = self.known.contains_key(&file);
        if known {
            self.done.known.push(path.to_path_buf());
        }
        known
    }

    fn finished(&mut self, state: FileState) {
        self.files.push(state);
    }

    fn line(&mut self, seen: &Seen<'_>) {
        self.done.lines += 1;
        let mut result = Ok(());
        if self.done.lines.is_multiple_of(PROGRESS_LINES) {
            let at = seen.time.map_or_else(String::new, |time| format!(", at {}", time.to_chrono().format("%Y-%m-%d %H:%M")));
            result = (self.progress)(&format!("{} lines, {} rows{at}", self.done.lines, self.done.rows));
        }
        if result.is_ok() && self.batch.len() >= self.commit_rows {
            let files: Vec<PathBuf> = self.files.iter().map(|state| state.path.clone()).collect();
            result = self.commit_part(&files);
        }
        if let Err(error) = result {
            self.failed.get_or_insert(error);
        }
    }

    fn is_done(&self) -> bool {
        self.failed.is_some()
    }
}
