//! Reply text to verdict: what it means, whose fault it is, what to do.
//!
//! * [`codes`]: basic and enhanced codes out of a reply.
//! * [`provider`]: who runs a receiving system, from its host name.
//! * [`judge`]: reply to verdict.

pub mod codes;
pub mod judge;
pub mod provider;
