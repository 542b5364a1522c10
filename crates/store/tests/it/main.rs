//! The store from outside: one conformance suite over everything that implements the trait, and tests of the disk.

mod all;
mod conformance;
mod day;
mod disk;
mod fixture;
mod rollups;
