//! Following logs while they are written, rotated, truncated, replaced and compressed, without losing or doubling a line.
//!
//! [`Tailer::poll`] looks at the files and hands over blocks of whole lines. [`Tailer::states`] says how far everything handed over
//! reaches; the caller commits that together with the rows made from the lines and then calls [`Tailer::committed`]. After a crash a new
//! `Tailer` made from the committed states goes on exactly there, wherever the bytes have moved in the meantime.

mod body;
mod examine;
mod identify;
mod notice;
mod read;
mod scan;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use mailvane_model::{FileId, Position};

pub use notice::Notice;

use crate::blocks::Block;
use crate::error::Error;
use crate::history::LineTime;
use crate::identity::{FileState, Inode};
use body::Body;
use examine::Examination;
use scan::Found;

/// Microseconds in a second.
const SECOND: i64 = 1_000_000;
/// How often the patterns are looked up again, unless something woke us.
const SCAN_EVERY: i64 = SECOND;
/// After this time without growth, a last line without newline in a file that was rotated away is final.
const ROTATED_GRACE: i64 = 5 * SECOND;
/// After this time without growth, a file that was rotated away is closed.
const LINGER: i64 = 60 * SECOND;
/// After this time without growth, a deleted file that nothing has replaced is closed.
const DELETED_LINGER: i64 = 600 * SECOND;
/// How long the rest of a file that is gone is waited for before it is called a gap.
const GAP_GRACE: i64 = 60 * SECOND;
/// For so long newer lines wait for the rest of a file whose bytes are nowhere: in the middle of a rotation one look can miss a file, and
/// the next one finds it under its new name.
const ORDER_WAIT: i64 = 2 * SECOND;
/// An archive that was written to within this time may still be growing.
const PACKING_GRACE: i64 = 60 * SECOND;
/// How long a file is remembered after it was seen last.
pub const REMEMBER: i64 = 90 * 86_400 * SECOND;
/// Files known at once.
pub const MAX_KNOWN_FILES: usize = 50_000;
/// Notices kept for one poll.
const MAX_NOTICES: usize = 1000;

/// What to follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// A path or a pattern that finds a log and its rotations, for example `/var/log/mail.log*`.
    pub pattern: String,
    /// Whose logs these are: part of every identity.
    pub origin: String,
    /// Unknown files last written longer ago than this (microseconds) are not read.
    pub history: i64,
}

/// Whole lines of one file.
#[derive(Debug)]
pub struct TailBlock {
    /// Index of the log, for [`Tailer::source`].
    pub source: usize,
    /// The file the offsets count in.
    pub file: FileId,
    /// When the file was last written, in microseconds since the epoch: for heads without a year.
    pub modified: i64,
    /// The lines.
    pub block: Block,
}

/// What one poll gave.
#[derive(Debug, Default)]
pub struct Poll {
    /// Lines, per source in the order in which they were written.
    pub blocks: Vec<TailBlock>,
    /// What people should know.
    pub notices: Vec<Notice>,
    /// Bytes that were handed over cannot be read again: commit now. Newer files of that log are not read before.
    pub must_commit: bool,
    /// Everything that is there was read.
    pub caught_up: bool,
}

/// How a log stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceState {
    /// Read to its end; waiting for lines.
    Following,
    /// Behind.
    Reading,
    /// No file of it is there.
    Missing,
}

/// One log, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceInfo {
    /// Folder and name without rotation.
    pub log: PathBuf,
    /// Whose log it is.
    pub origin: String,
    /// The file read now (or last).
    pub path: PathBuf,
    /// How it stands.
    pub state: SourceState,
    /// Bytes not read yet, of compressed files in compressed bytes.
    pub bytes_behind: u64,
    /// Bytes of it read.
    pub bytes_read: u64,
    /// Lines of it read.
    pub lines: u64,
    /// Files of it known.
    pub files: usize,
    /// When bytes of it were read last, in microseconds; 0 if never.
    pub last_read: i64,
}

/// A known file and where its bytes are read from.
struct Tracked {
    state: FileState,
    source: usize,
    body: Option<Body>,
    /// Offset of the last commit.
    committed: u64,
    /// Something of `state` is not committed.
    dirty: bool,
    /// Its body stands at the name that is written to.
    is_live: bool,
    /// Its place among the files of the log.
    order_time: i64,
    /// When it grew last, as far as known.
    grown: i64,
    /// Since when its bytes are nowhere.
    missing: Option<i64>,
    /// It was truncated before our eyes: what may be missing is not known to be.
    truncated: bool,
    /// What was handed over cannot be read again: it must be committed before newer files are opened.
    commit_first: bool,
    at_end: bool,
}

impl Tracked {
    fn is_uncommitted(&self) -> bool {
        self.state.offset != self.committed
    }
}

/// What an inode that no body stands on was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The same bytes as this known file, which stood at this offset then.
    Copy { of: usize, offset: u64 },
    /// Not decided; look again when it changes.
    Waits,
    /// Not decided; look again at this time.
    Later(i64),
    /// Too old to be read.
    Old,
    /// Being read through.
    Examining,
}

struct Seen {
    size: u64,
    modified: i64,
    verdict: Verdict,
}

/// Follows the logs that some patterns find.
pub struct Tailer {
    specs: Vec<Spec>,
    sources: Vec<(String, PathBuf)>,
    /// Whether a log was read to its end once since the start.
    settled: Vec<bool>,
    paused: Vec<bool>,
    files: Vec<Tracked>,
    seen: HashMap<Inode, Seen>,
    found: HashMap<Inode, Found>,
    examining: Vec<Examination>,
    troubles: HashMap<PathBuf, String>,
    empty_patterns: Vec<String>,
    notices: Vec<Notice>,
    line_time: Box<LineTime<'static>>,
    /// The time to which the history limit counts back: when a file of ours was seen last before this start.
    stopped_at: Option<i64>,
    scanned: Option<i64>,
    scan_every: i64,
    turn: usize,
}

impl std::fmt::Debug for Tailer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tailer").field("specs", &self.specs).field("files", &self.files.len()).finish_non_exhaustive()
    }
}

impl Tailer {
    /// Begins where `known` (the committed states) stopped. `line_time` tells when a file begins, to put history in order.
    pub fn new(specs: Vec<Spec>, known: Vec<FileState>, line_time: Box<LineTime<'static>>) -> Self {
        let mut tailer = Self {
            specs,
            sources: Vec::new(),
            settled: Vec::new(),
            paused: Vec::new(),
            files: Vec::new(),
            seen: HashMap::new(),
            found: HashMap::new(),
            examining: Vec::new(),
            troubles: HashMap::new(),
            empty_patterns: Vec::new(),
            notices: Vec::new(),
            line_time,
            stopped_at: known.iter().map(|state| state.last_seen).max(),
            scanned: None,
            scan_every: SCAN_EVERY,
            turn: 0,
        };
        for state in known {
            tailer.track(state);
        }
        tailer
    }

    /// Looks the patterns up again after `micros` instead of every second; 0: at each poll.
    pub fn set_scan_interval(&mut self, micros: i64) {
        self.scan_every = micros;
    }

    /// Reads nothing of a log for a while, because it is far ahead of others that carry the same lines ([`crate::Feeds::is_ahead`]).
    pub fn pause(&mut self, source: usize, paused: bool) {
        if let Some(flag) = self.paused.get_mut(source) {
            *flag = paused;
        }
    }

    /// Something changed (a hint of the system): the next poll looks at all files.
    pub fn wake(&mut self) {
        self.scanned = None;
    }

    /// Reads what is new, at most about `budget_bytes` (and at least one block of each log that is behind). `now` in microseconds.
    pub fn poll(&mut self, budget_bytes: usize, now: i64) -> Poll {
        if self.scanned.is_none_or(|at| now - at >= self.scan_every || now < at) {
            self.scanned = Some(now);
            self.look(now);
        }
        let mut poll = Poll::default();
        self.examine(budget_bytes, now);
        let groups = self.groups();
        let share = budget_bytes / groups.len().max(1);
        self.turn = self.turn.wrapping_add(1);
        let first = self.turn % groups.len().max(1);
        let mut done = true;
        for group in groups[first..].iter().chain(&groups[..first]) {
            done &= self.read_group(group, share.max(1), now, &mut poll.blocks);
        }
        self.watch_missing(now);
        poll.notices = std::mem::take(&mut self.notices);
        poll.must_commit = self.files.iter().any(|file| file.commit_first);
        poll.caught_up = done && self.examining.is_empty() && !poll.must_commit;
        poll
    }

    /// The state of every file that moved since the last commit, as of everything handed over so far.
    pub fn states(&self) -> Vec<FileState> {
        self.files.iter().filter(|file| file.dirty).map(|file| file.state.clone()).collect()
    }

    /// Says that these states, and the rows of the lines before them, are on disk.
    pub fn committed(&mut self, states: &[FileState]) {
        let by_file: HashMap<FileId, &FileState> = states.iter().map(|state| (state.file, state)).collect();
        for file in &mut self.files {
            let Some(state) = by_file.get(&file.state.file) else { continue };
            file.committed = state.offset;
            file.dirty = **state != file.state;
            if file.commit_first && !file.is_uncommitted() {
                file.commit_first = false;
                self.scanned = None;
            }
        }
    }

    /// Files not seen for [`REMEMBER`]: they are dropped here, and the caller deletes their states.
    pub fn forget(&mut self, now: i64) -> Vec<FileId> {
        let is_old = |file: &Tracked| file.body.is_none() && !file.dirty && now - file.state.last_seen > REMEMBER;
        let old: Vec<FileId> = self.files.iter().filter(|file| is_old(file)).map(|file| file.state.file).collect();
        if !old.is_empty() {
            self.files.retain(|file| !is_old(file));
            // Verdicts name files by index.
            self.seen.clear();
            self.examining.clear();
            self.scanned = None;
        }
        old
    }

    /// Origin and name of a log.
    pub fn source(&self, index: usize) -> Option<(&str, &Path)> {
        self.sources.get(index).map(|(origin, log)| (origin.as_str(), log.as_path()))
    }

    /// How every log stands, in the order of their indexes.
    pub fn sources(&self) -> Vec<SourceInfo> {
        let mut infos: Vec<SourceInfo> = self.sources.iter().map(|(origin, log)| SourceInfo::new(origin, log)).collect();
        for group in self.groups() {
            for index in group {
                let file = &self.files[index];
                infos[file.source].add(file);
            }
        }
        infos
    }

    /// The line at a position that was handed over, without its newline and at most `most` bytes of it; `None` when its file is not open
    /// (any more) or is an archive.
    pub fn read_line(&self, position: Position, most: usize) -> Option<Vec<u8>> {
        let file = self.files.iter().rev().find(|file| file.state.file == position.file)?;
        (position.offset < file.state.offset).then_some(())?;
        file.body.as_ref()?.read_line(position.offset, most)
    }

    /// Whether bytes of a log are there that were not handed over.
    pub fn is_behind(&self, source: usize) -> bool {
        let unread = |file: &Tracked| file.body.as_ref().is_some_and(|body| !file.at_end && body.bytes_behind(file.state.offset) > 0);
        self.files.iter().any(|file| file.source == source && unread(file))
    }

    /// Paths that cannot be read now, with the reason.
    pub fn troubles(&self) -> impl Iterator<Item = (&Path, &str)> {
        self.troubles.iter().map(|(path, reason)| (path.as_path(), reason.as_str()))
    }

    fn notice(&mut self, notice: Notice) {
        if self.notices.len() < MAX_NOTICES {
            self.notices.push(notice);
        }
    }

    /// Takes up a known (or new) file; its index.
    fn track(&mut self, state: FileState) -> usize {
        let key = (state.origin.clone(), state.log.clone());
        let source = self.sources.iter().position(|source| *source == key).unwrap_or_else(|| {
            self.sources.push(key);
            self.settled.push(false);
            self.paused.push(false);
            self.sources.len() - 1
        });
        self.files.push(Tracked {
            source,
            body: None,
            committed: state.offset,
            dirty: false,
            is_live: false,
            order_time: state.first_time.unwrap_or(state.last_read),
            grown: state.last_read,
            missing: None,
            truncated: false,
            commit_first: false,
            at_end: false,
            state,
        });
        self.files.len() - 1
    }

    /// The files of each log, oldest first.
    fn groups(&self) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = vec![Vec::new(); self.sources.len()];
        for (index, file) in self.files.iter().enumerate() {
            groups[file.source].push(index);
        }
        for group in &mut groups {
            group.sort_by_key(|index| {
                let file = &self.files[*index];
                (file.is_live, file.order_time, file.state.first_time, *index)
            });
        }
        groups
    }

    /// Forgets what copies of this file were judged to be, so that they are looked at again: all, or those judged at another offset.
    fn recheck_copies(&mut self, index: usize, all: bool) {
        let offset = self.files[index].state.offset;
        self.seen.retain(|_, seen| !matches!(seen.verdict, Verdict::Copy { of, offset: then } if of == index && (all || then != offset)));
    }

    /// Calls a file that is nowhere a gap when its rest was not found in time.
    fn watch_missing(&mut self, now: i64) {
        let packing = !self.examining.is_empty();
        let mut gaps = Vec::new();
        for file in &mut self.files {
            if file.body.is_some() || file.state.complete {
                file.missing = None;
                continue;
            }
            let since = *file.missing.get_or_insert(now);
            if now - since < GAP_GRACE || packing || file.commit_first {
                continue;
            }
            file.state.complete = true;
            file.dirty = true;
            let state = &file.state;
            let known = state.known_bytes > state.offset;
            if known || !file.truncated {
                gaps.push(Notice::Gap {
                    file: state.file,
                    path: state.path.clone(),
                    from: state.offset,
                    to: known.then_some(state.known_bytes),
                    since: state.last_read,
                    until: since,
                });
            }
        }
        for gap in gaps {
            self.notice(gap);
        }
    }

    /// Notes that a path cannot be read, once.
    fn trouble(&mut self, path: &Path, error: &Error) {
        let reason = error.to_string();
        if self.troubles.get(path) != Some(&reason) {
            self.troubles.insert(path.to_path_buf(), reason.clone());
            self.notice(Notice::Unreadable { path: path.to_path_buf(), reason });
        }
    }
}

impl SourceInfo {
    fn new(origin: &str, log: &Path) -> Self {
        Self {
            log: log.to_path_buf(),
            origin: origin.to_owned(),
            path: log.to_path_buf(),
            state: SourceState::Missing,
            bytes_behind: 0,
            bytes_read: 0,
            lines: 0,
            files: 0,
            last_read: 0,
        }
    }

    /// Adds one file; they come oldest first.
    fn add(&mut self, file: &Tracked) {
        self.files += 1;
        self.lines += file.state.lines;
        self.bytes_read += file.state.offset;
        self.last_read = self.last_read.max(file.state.last_read);
        self.path.clone_from(&file.state.path);
        if let Some(body) = &file.body {
            self.bytes_behind += body.bytes_behind(file.state.offset);
            let follows = file.at_end && self.state != SourceState::Reading;
            self.state = if follows { SourceState::Following } else { SourceState::Reading };
        }
    }
}

#[cfg(test)]
mod tests;
