//! What following files has to tell people.

use std::fmt;
use std::path::PathBuf;

use mailvane_model::FileId;

/// Something an operator should know about a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Bytes are gone that were not read.
    Gap {
        /// The file that held them.
        file: FileId,
        /// Where it was.
        path: PathBuf,
        /// From this offset...
        from: u64,
        /// ... to this one, if known.
        to: Option<u64>,
        /// After this time (microseconds: the last read)...
        since: i64,
        /// ... and before this one.
        until: i64,
    },
    /// A file was truncated in place, or filled anew: what follows is a new file.
    Truncated {
        /// The file as it was.
        file: FileId,
        /// Where.
        path: PathBuf,
        /// What had been read of it.
        offset: u64,
    },
    /// A file or folder cannot be read (permission, a directory, no text). Reading goes on by itself when that changes.
    Unreadable {
        /// Where.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// What could not be read can be read again.
    ReadableAgain {
        /// Where.
        path: PathBuf,
    },
    /// No file fits a pattern (any more).
    NothingThere {
        /// The pattern.
        pattern: String,
    },
    /// A compressed file stops too early or is damaged; what could be read of it was read.
    Incomplete {
        /// The file.
        file: FileId,
        /// Where.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file may be any of several known ones: nothing of it is read until more of it shows which.
    Ambiguous {
        /// Where.
        path: PathBuf,
        /// The known files it may be.
        files: Vec<FileId>,
    },
    /// Lines beyond the limit were cut.
    LongLines {
        /// Where.
        path: PathBuf,
        /// How many.
        lines: u64,
        /// Bytes left out.
        skipped_bytes: u64,
    },
    /// A limit was reached; what is beyond it is not followed.
    Limit {
        /// Which one.
        what: &'static str,
        /// Its value.
        limit: usize,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Gap { path, from, to: Some(to), .. } => {
                write!(
                    formatter,
                    "{}: {} bytes (offset {from} to {to}) were gone before they could be read",
                    path.display(),
                    to.saturating_sub(*from)
                )
            }
            Notice::Gap { path, from, to: None, .. } => {
                write!(formatter, "{}: the file is gone; what was written to it after offset {from} could not be read", path.display())
            }
            Notice::Truncated { path, offset, .. } => {
                write!(formatter, "{}: truncated after {offset} bytes were read; it is followed from its new start", path.display())
            }
            Notice::Unreadable { path, reason } => {
                write!(formatter, "{reason}")?;
                if reason.contains(&*path.to_string_lossy()) { Ok(()) } else { write!(formatter, " ({})", path.display()) }
            }
            Notice::ReadableAgain { path } => write!(formatter, "{}: can be read again", path.display()),
            Notice::NothingThere { pattern } => write!(formatter, "{pattern}: no file fits; waiting for one"),
            Notice::Incomplete { reason, .. } => write!(formatter, "{reason}"),
            Notice::Ambiguous { path, files } => {
                write!(
                    formatter,
                    "{}: may be any of {} files read before; waiting until its content shows which",
                    path.display(),
                    files.len()
                )
            }
            Notice::LongLines { path, lines, skipped_bytes } => {
                write!(formatter, "{}: {lines} lines longer than 64 KiB were cut ({skipped_bytes} bytes left out)", path.display())
            }
            Notice::Limit { what, limit } => write!(formatter, "more than {limit} {what}: the rest is not followed"),
        }
    }
}
