//! Reading the files of one log in the order in which they were written.

use super::{DELETED_LINGER, LINGER, Notice, ORDER_WAIT, ROTATED_GRACE, Seen, TailBlock, Tailer, Verdict};
use crate::blocks::{Block, LastLine};

impl Tailer {
    /// Reads the files of one log, oldest first, for at most `budget` bytes. Whether everything that is there was read.
    pub(super) fn read_group(&mut self, group: &[usize], budget: usize, now: i64, out: &mut Vec<TailBlock>) -> bool {
        let mut left = budget;
        let Some(source) = group.first().map(|index| self.files[*index].source) else { return true };
        if self.paused[source] {
            return false;
        }
        let awaited = self.awaits_examination(source);
        if awaited && !self.settled[source] {
            // At the start, history must be in order before anything is read.
            return false;
        }
        for (place, &index) in group.iter().enumerate() {
            if self.files[index].commit_first {
                return false;
            }
            let file = &self.files[index];
            if file.body.is_none() {
                // The rest of this file may be in an archive that is being looked through, or under a name that it got while the
                // folder was being listed: newer lines wait for it.
                let is_sought = file.missing.is_none_or(|since| now - since < ORDER_WAIT);
                if !file.state.complete && (awaited || is_sought) {
                    return false;
                }
                continue;
            }
            let superseded =
                group[place + 1..].iter().any(|newer| self.files[*newer].body.is_some() || self.files[*newer].state.offset > 0);
            if left == 0 || !self.read_file(index, superseded, &mut left, now, out) {
                return false;
            }
        }
        self.settled[source] = true;
        true
    }

    /// Whether an archive of this log is being looked through.
    fn awaits_examination(&self, source: usize) -> bool {
        let (origin, log) = &self.sources[source];
        self.examining.iter().any(|examination| {
            let found = self.found.get(&examination.inode);
            found.is_some_and(|found| found.name.log == *log && self.specs[found.spec].origin == *origin)
        })
    }

    /// One turn on one file. Whether newer files of the log may be read.
    fn read_file(&mut self, index: usize, superseded: bool, left: &mut usize, now: i64, out: &mut Vec<TailBlock>) -> bool {
        let file = &mut self.files[index];
        let Some(body) = &mut file.body else { return true };
        let idle = now - file.grown;
        let last_line = if superseded && file.at_end && idle >= ROTATED_GRACE { LastLine::Final } else { LastLine::Waits };
        let before = file.state.offset;
        let mut blocks = Vec::new();
        let turn = match body.read(&mut file.state, *left, last_line, &mut blocks) {
            Ok(turn) => turn,
            Err(error) => {
                let path = file.state.path.clone();
                self.trouble(&path, &error);
                return true;
            }
        };
        *left = left.saturating_sub(turn.bytes);
        file.at_end = turn.at_end;
        if file.state.offset != before || !blocks.is_empty() {
            file.grown = now;
            file.state.last_read = now;
            file.state.complete = false;
            file.dirty = true;
        }
        let (source, id) = (file.source, file.state.file);
        for block in blocks {
            file.state.lines += lines_in(&block);
            out.push(TailBlock { source, file: id, modified: turn.modified, block });
        }
        let waiting = body.waiting_bytes();
        let (packed, unlinked) = (body.is_packed(), body.is_unlinked());
        if turn.counts.cut_lines > 0 {
            let path = file.state.path.clone();
            self.notice(Notice::LongLines { path, lines: turn.counts.cut_lines, skipped_bytes: turn.counts.skipped_bytes });
        }
        if turn.replaced {
            self.lose_body(index, now);
            return !self.files[index].commit_first;
        }
        if !turn.at_end {
            return false;
        }
        if let Some(failure) = turn.failure {
            let (file, path) = (self.files[index].state.file, self.files[index].state.path.clone());
            self.notice(Notice::Incomplete { file, path, reason: failure.to_string() });
        }
        if packed {
            self.close(index);
            return true;
        }
        self.settle(index, superseded, unlinked, waiting, now)
    }

    /// A plain file was read to its end: whether newer ones may be read, and whether it is done with.
    fn settle(&mut self, index: usize, superseded: bool, unlinked: bool, waiting: u64, now: i64) -> bool {
        let file = &mut self.files[index];
        if unlinked && file.is_uncommitted() {
            file.commit_first = true;
            return false;
        }
        let idle = now - file.grown;
        if superseded && waiting > 0 {
            return false;
        }
        if (superseded || unlinked) && waiting == 0 && !file.state.complete {
            // Nobody has to look for the rest of it any more. Should it grow all the same, it is read on.
            file.state.complete = true;
            file.dirty = true;
        }
        let done = if superseded { idle >= LINGER } else { unlinked && idle >= DELETED_LINGER };
        if done {
            self.close(index);
        }
        true
    }

    /// The file was rotated away and read to its end.
    fn close(&mut self, index: usize) {
        self.recheck_copies(index, false);
        let file = &mut self.files[index];
        file.state.complete = true;
        file.dirty = true;
        if let Some(body) = file.body.take() {
            // The same inode is looked at again only when it changes.
            let verdict = Verdict::Copy { of: index, offset: file.state.offset };
            self.seen.insert(body.inode, Seen { size: body.size, modified: body.modified, verdict });
        }
    }

    /// The bytes at the place of this file are others now.
    pub(super) fn lose_body(&mut self, index: usize, now: i64) {
        let file = &mut self.files[index];
        file.body = None;
        file.is_live = false;
        file.truncated = true;
        file.missing = Some(now);
        file.commit_first = file.is_uncommitted();
        let notice = Notice::Truncated { file: file.state.file, path: file.state.path.clone(), offset: file.state.offset };
        self.notice(notice);
        self.recheck_copies(index, true);
        self.scanned = None;
    }
}

/// Lines in a block; a last one without newline counts.
fn lines_in(block: &Block) -> u64 {
    let bytes = block.bytes();
    let newlines = memchr::memchr_iter(b'\n', bytes).count() as u64;
    newlines + u64::from(bytes.last().is_some_and(|byte| *byte != b'\n'))
}
