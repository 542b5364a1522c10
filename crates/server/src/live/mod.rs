//! The daemon's core: logs are followed, assembled, committed, and shown to the API as views.
//!
//! * [`view`]: what the API sees, one immutable value a commit.
//! * [`engine`]: the loop that reads, assembles and commits.

pub(crate) mod engine;
mod lanes;
mod rejudging;
pub(crate) mod view;
