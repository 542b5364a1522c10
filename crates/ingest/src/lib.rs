//! The outside world to bytes with positions: files, rotations, compressed history. Nothing here parses a log line; where a time or a
//! key of a line is needed, the caller passes a function.
//!
//! * [`open`]: one file or standard input as decompressed bytes.
//! * [`blocks`]: blocks of whole lines with offsets, for the hot path.
//! * [`history`]: the files of a command line as logical logs, each read once and in order; [`names`] and [`pattern`] serve it.
//! * [`tail`]: following logs while they are written and rotated, restartable at any instant; [`watch`] wakes it early.
//! * [`identity`] and [`trail`]: what is remembered of a file, by which it is known again wherever it turns up.
//! * [`intake`]: what cannot be read again (syslog, the journal, standard input), by way of a spool on disk.
//! * [`feed`]: which source feeds a stream when several carry the same lines.
//!
//! For history: [`arrange`] the names, and read every [`Part`] of every [`LogicalLog`] with [`Part::blocks`]; ask a [`feed::Feeds`]
//! about each line only if [`History::may_overlap`]. For live logs: [`Tailer::poll`], then commit the rows with [`Tailer::states`] in one
//! transaction, then [`Tailer::committed`].

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::format_collect, clippy::case_sensitive_file_extension_comparisons))]

pub mod blocks;
pub mod error;
pub mod feed;
pub mod history;
pub mod identity;
pub mod intake;
pub mod names;
pub mod open;
pub mod pattern;
pub mod tail;
pub mod trail;
pub mod watch;

pub use blocks::{Block, BlockReader, LastLine, MAX_LINE_BYTES};
pub use error::Error;
pub use feed::Feeds;
pub use history::{HeadLine, History, LogicalLog, Part, arrange};
pub use identity::FileState;
pub use open::{Compression, Input};
pub use tail::{Notice, Poll, SourceInfo, SourceState, Spec, TailBlock, Tailer};
pub use watch::Watch;
