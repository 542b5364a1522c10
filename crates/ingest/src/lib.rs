//! The outside world to bytes with positions: files, rotations, compressed history.
//!
//! * [`open`]: one file or standard input as decompressed bytes.
//! * [`blocks`]: blocks of whole lines with offsets, for the hot path.
//! * [`trail`]: anchors, by which a file is known again.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod blocks;
pub mod error;
pub mod open;
pub mod trail;

pub use blocks::{Block, BlockReader, LastLine, MAX_LINE_BYTES};
pub use error::Error;
pub use open::{Compression, Input};
