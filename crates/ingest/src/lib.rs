//! The outside world to bytes with positions: files, rotations, compressed history.
//!
//! * [`open`]: one file or standard input as decompressed bytes.
//! * [`blocks`]: blocks of whole lines with offsets, for the hot path.
//! * [`history`]: the files of a command line as logical logs, each read once and in order; [`names`] and [`pattern`] serve it.
//! * [`trail`]: anchors, by which a file is known again.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::format_collect, clippy::case_sensitive_file_extension_comparisons))]

pub mod blocks;
pub mod error;
pub mod history;
pub mod names;
pub mod open;
pub mod pattern;
pub mod trail;

pub use blocks::{Block, BlockReader, LastLine, MAX_LINE_BYTES};
pub use error::Error;
pub use history::{HeadLine, History, LogicalLog, Part, arrange};
pub use open::{Compression, Input};
