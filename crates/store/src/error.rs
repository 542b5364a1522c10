//! What can go wrong in a store, in words for the person who runs it.

use std::io;
use std::path::{Path, PathBuf};

/// The result of a store operation.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process owns the store.
    #[error("the store {path} is in use by process {pid}: stop it, or ask it over its socket", path = path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
        /// The process that holds the lock; `?` when it did not say.
        pid: String,
    },
    /// The disk is full. Nothing of the commit was kept; it can be tried again.
    #[error("no space left for the store {path}: free some, nothing is lost and the commit is tried again", path = path.display())]
    Full {
        /// The folder.
        path: PathBuf,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The manifest could not be read or written.
    #[error("the manifest of the store: {0}")]
    Manifest(rusqlite::Error),
    /// A segment could not be read or written.
    #[error("the segment {path}: {source}", path = path.display())]
    Segment {
        /// The file.
        path: PathBuf,
        /// Why.
        source: parquet::errors::ParquetError,
    },
    /// Bytes on disk are not what this version writes.
    #[error("{what} is damaged or of a later version")]
    Format {
        /// Which bytes.
        what: String,
    },
    /// The store was made by a later version of Mailvane.
    #[error("the store is of format {found}, this Mailvane reads up to {known}: use a later version")]
    Version {
        /// The format of the store.
        found: i64,
        /// The highest format that this version knows.
        known: i64,
    },
}

impl Error {
    /// Whether a file that the manifest named is not there any more: its owner has merged or dropped it.
    pub fn is_gone(&self) -> bool {
        matches!(self, Error::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// An I/O error at a path; a full disk has its own words.
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::StorageFull || source.kind() == io::ErrorKind::QuotaExceeded {
            return Error::Full { path: path.to_path_buf() };
        }
        Error::Io { path: path.to_path_buf(), source }
    }

    /// Bytes that cannot be understood.
    pub(crate) fn format(what: impl Into<String>) -> Self {
        Error::Format { what: what.into() }
    }

    /// A Parquet error at a path; a full disk has its own words.
    pub(crate) fn segment(path: &Path, source: parquet::errors::ParquetError) -> Self {
        let text = source.to_string();
        if text.contains("StorageFull") || text.contains("No space left") {
            return Error::Full { path: path.to_path_buf() };
        }
        Error::Segment { path: path.to_path_buf(), source }
    }

    /// Whether trying again later can succeed without anybody changing the store.
    pub fn is_full(&self) -> bool {
        matches!(self, Error::Full { .. })
    }
}

impl From<rusqlite::Error> for Error {
    fn from(source: rusqlite::Error) -> Self {
        if source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) {
            return Error::Full { path: PathBuf::from("store.db") };
        }
        Error::Manifest(source)
    }
}
