//! The daemon's core: logs are followed, assembled, committed, and shown to the API as views.
//!
//! * [`view`]: what the API sees, one immutable value a commit.
//! * [`engine`]: the loop that reads and assembles.
//! * [`committer`]: the thread that owns the store.
//! * [`import`]: older files, read beside; [`border`]: where they meet what is there.
//! * [`kept`]: which raw lines are kept.
//! * [`sources`]: what cannot be read again, by way of a spool.
//! * [`past`]: what is told of the time before this start.

mod border;
mod clocks;
pub(crate) mod committer;
pub(crate) mod engine;
pub(crate) mod import;
pub(crate) mod kept;
mod lanes;
mod lines;
mod past;
mod rejudging;
pub(crate) mod sources;
// Without pages nobody reads all of it.
#[cfg_attr(not(feature = "daemon"), allow(dead_code))]
pub(crate) mod view;
