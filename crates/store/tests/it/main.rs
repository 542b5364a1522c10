//! The store from outside: one conformance suite over everything that implements the trait, and tests of the disk.

// Tests may unwrap, and share their fixtures between two programs.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod all;
mod conformance;
mod day;
mod disk;
mod fixture;
mod golden;
mod rollups;
