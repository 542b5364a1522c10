//! The engine from outside: minutes in, changes and notices out.
#![allow(clippy::unwrap_used)]

mod ends;
mod engine;
mod minutes;
mod silence;
