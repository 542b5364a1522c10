//! From bytes to facts: the one engine behind `report`, `events`, `trace`, `import` and `serve`.
//!
//! * [`files`]: logs as they lie there, from start to end.
//! * [`coverage`]: how much of the input was understood.
//! * [`span`]: spans of time as people type them.
//! * [`clip`]: only the facts of a span.

pub(crate) mod clip;
pub(crate) mod coverage;
pub(crate) mod files;
pub(crate) mod progress;
pub(crate) mod span;
