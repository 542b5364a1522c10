//! From bytes to facts: the one engine behind `report`, `events`, `trace`, `import` and `serve`.
//!
//! * [`files`]: logs as they lie there, from start to end.
//! * [`folding`]: the report's fold beside the assembly.
//! * [`merged`]: logs that cover the same time, lines counted once.
//! * [`conveyor`]: blocks on their way to the assembly.
//! * [`sheet`]: blocks of lines to records, and records to times.
//! * [`coverage`]: how much of the input was understood.
//! * [`span`]: spans of time as people type them.

mod conveyor;
pub(crate) mod coverage;
pub(crate) mod files;
pub(crate) mod folding;
pub(crate) mod merged;
pub(crate) mod progress;
pub(crate) mod sheet;
pub(crate) mod span;
