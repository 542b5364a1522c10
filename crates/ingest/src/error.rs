//! What can go wrong on the way from the outside world to bytes: what, where, and what to do.

use std::io;
use std::path::{Path, PathBuf};

/// Why a file, an archive or a saved state could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing is there.
    #[error("{}: no such file: check the name, or the pattern that should find it", path.display())]
    Missing {
        /// Where.
        path: PathBuf,
    },
    /// A pattern of several files fits none.
    #[error("{pattern}: no file fits this pattern: check the folder and the name")]
    NothingFits {
        /// The pattern as given.
        pattern: String,
    },
    /// A pattern cannot be understood.
    #[error("{pattern}: {why}: use *, ? and [abc] in one part of a path")]
    Pattern {
        /// The pattern as given.
        pattern: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The process has no right to read it.
    #[error("{}: permission denied: run as root or as a member of the file's group (often `adm` or `systemd-journal`)", path.display())]
    Denied {
        /// Where.
        path: PathBuf,
    },
    /// A directory where a file was expected.
    #[error("{0}: is a directory: name the files in it, for example {0}/mail.log*", path.display())]
    Directory {
        /// Where.
        path: PathBuf,
    },
    /// A file without a byte.
    #[error("{}: is empty: nothing to read", path.display())]
    Empty {
        /// Where.
        path: PathBuf,
    },
    /// Not a text of lines.
    #[error("{}: is not a text log ({looks_like}): {hint}", path.display())]
    Binary {
        /// Where.
        path: PathBuf,
        /// What it seems to be.
        looks_like: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// A compressed file stops before its end; everything before that point was handed over.
    #[error("{}: the archive ended too early, after {bytes} readable bytes: it was cut or is still being written", path.display())]
    EndedEarly {
        /// Where.
        path: PathBuf,
        /// Decompressed bytes that could be read.
        bytes: u64,
    },
    /// A compressed file holds bytes that do not decode; everything before that point was handed over.
    #[error("{}: the archive is damaged after {bytes} readable bytes ({reason}): restore it from a backup", path.display())]
    Damaged {
        /// Where.
        path: PathBuf,
        /// Decompressed bytes that could be read.
        bytes: u64,
        /// The decoder's words.
        reason: String,
    },
    /// Any other failure of the system.
    #[error("{}: {source}", path.display())]
    Read {
        /// Where.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// A spool holds as much as it may, and nothing of it may go: it is not committed yet.
    #[error("{}: the spool is full ({bytes} bytes that are not in the store yet): what arrives is refused until ingest catches up", path.display())]
    SpoolFull {
        /// The file that is appended to.
        path: PathBuf,
        /// Bytes that it may hold.
        bytes: u64,
    },
    /// A place to listen at that cannot be understood or opened.
    #[error("syslog = \"{address}\": {reason}")]
    Listen {
        /// As given.
        address: String,
        /// What is wrong.
        reason: String,
    },
    /// The journal cannot be read.
    #[error("the journal cannot be read: {0}")]
    Journal(String),
    /// Saved bytes that are not a state this version can read.
    #[error("saved state of a log file cannot be used ({0}): it was written by a newer version or is damaged")]
    State(&'static str),
}

impl Error {
    /// Any failure of the system at `path`.
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        Error::Read { path: path.to_path_buf(), source }
    }

    /// From a failed open or stat of `path`.
    pub(crate) fn of_open(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::NotFound => Error::Missing { path },
            io::ErrorKind::PermissionDenied => Error::Denied { path },
            io::ErrorKind::IsADirectory => Error::Directory { path },
            _ => Error::Read { path, source },
        }
    }

    /// From a failed read after `bytes` good ones.
    pub(crate) fn of_read(path: &Path, bytes: u64, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::UnexpectedEof => Error::EndedEarly { path, bytes },
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => {
                Error::Damaged { path, bytes, reason: source.to_string() }
            }
            _ => Self::of_open(&path, source),
        }
    }

    /// Whether bytes were handed over before this error, so that what was read still counts.
    pub fn is_partial(&self) -> bool {
        matches!(self, Error::EndedEarly { .. } | Error::Damaged { .. })
    }
}
