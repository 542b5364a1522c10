//! Which raw lines are kept in the store: those of messages that failed, were deferred or refused; or all.

use std::collections::HashMap;

use mailvane_assemble::Assembler;
use mailvane_ingest::Tailer;
use mailvane_model::word::Status;
use mailvane_model::{Batch, Position, Stream, Time};
use mailvane_store::KeptLine;

/// Open messages with a failure that are remembered; of further ones only the lines of failures are kept.
const FAILING_MAX: usize = 200_000;
/// Bytes of a kept line; a longer one is cut.
const LINE_BYTES_MAX: usize = 16 << 10;

/// Which lines are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Keep {
    /// None.
    Nothing,
    /// Those of messages that failed or were deferred, and of refusals.
    #[default]
    Failed,
    /// All.
    All,
}

/// Finds the lines to keep.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    keep: Keep,
    /// Messages with a failure that are open, and how many of their lines are kept.
    failing: HashMap<u64, usize>,
    /// Lines of this batch, when all are kept.
    all: Vec<KeptLine>,
}

impl Kept {
    /// For this choice.
    pub(crate) fn new(keep: Keep) -> Self {
        Kept { keep, ..Kept::default() }
    }

    /// A line was read.
    #[inline]
    pub(crate) fn line(&mut self, position: Position, time: Time, line: &[u8]) {
        if self.keep == Keep::All {
            self.all.push(KeptLine { position, time, text: line[..line.len().min(LINE_BYTES_MAX)].to_vec() });
        }
    }

    /// The lines to keep with these rows. A line whose file is gone already is left out: it could not be read.
    pub(crate) fn take(&mut self, rows: &Batch, assembler: &Assembler, tailer: &Tailer) -> Vec<KeptLine> {
        if self.keep != Keep::Failed {
            return std::mem::take(&mut self.all);
        }
        let mut wanted: Vec<(Position, Time)> = Vec::new();
        self.failures(rows, assembler, &mut wanted);
        self.messages(rows, &mut wanted);
        wanted.extend(rows.rejections.iter().map(|row| (row.position, row.time)));
        wanted.sort_unstable();
        wanted.dedup_by_key(|line| line.0);
        let read =
            |(position, time): (Position, Time)| tailer.read_line(position, LINE_BYTES_MAX).map(|text| KeptLine { position, time, text });
        wanted.into_iter().filter_map(read).collect()
    }

    /// A message that failed: what is known of it so far, and the line of the failure.
    fn failures(&mut self, rows: &Batch, assembler: &Assembler, wanted: &mut Vec<(Position, Time)>) {
        for row in rows.attempts.iter() {
            if !matches!(row.status, Status::Deferred | Status::Bounced | Status::Expired) {
                continue;
            }
            let stream: &Stream = row.stream;
            let known = assembler.lines(stream, row.queue_id, row.message);
            let mut none = 0;
            let has_room = self.failing.len() < FAILING_MAX || self.failing.contains_key(&row.message);
            let count = if has_room { self.failing.entry(row.message).or_default() } else { &mut none };
            if known.is_empty() {
                // It has ended: its row follows, with all its lines.
                wanted.push((row.position, row.time));
            }
            wanted.extend(known.iter().skip(*count).map(|position| (*position, row.time)));
            *count = known.len().max(*count);
        }
    }

    /// The further lines of a message with a failure, when it is told again.
    fn messages(&mut self, rows: &Batch, wanted: &mut Vec<(Position, Time)>) {
        if self.failing.is_empty() {
            return;
        }
        for row in rows.messages.iter() {
            let Some(count) = self.failing.get_mut(&row.id) else { continue };
            let time = row.removed.unwrap_or(row.time);
            wanted.extend(row.lines.iter().skip(*count).map(|position| (*position, time)));
            *count = row.lines.len().max(*count);
            if row.removed.is_some() {
                self.failing.remove(&row.id);
            }
        }
    }
}
