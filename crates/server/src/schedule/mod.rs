//! When probes run: lines of cron, and a timetable over them. No clock here: `now` is an argument.
//!
//! * [`line`]: five-field lines of POSIX, in a time zone. [`timetable`]: what is due, how much at once, what was missed.

pub(crate) mod line;
pub(crate) mod timetable;

#[cfg(test)]
mod tests;
