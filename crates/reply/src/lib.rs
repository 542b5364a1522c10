//! Reply text to verdict: what it means, whose fault it is, what to do.
//!
//! * [`codes`]: basic and enhanced codes out of a reply, and the reply out of what an MTA wrote around it.
//! * [`normalise`]: one template for a thousand refusals.
//! * [`peer`]: the far host that a failure names.
//! * [`provider`]: who runs a receiving system, from its host name.
//! * [`rule`], [`pack`], [`matcher`]: rule packs as data, compiled to automata.
//! * [`judge`]: reply to verdict, cached.
//! * [`explain`], [`dialogue`]: verdicts, success codes and commands in plain words.

pub mod bench;
pub mod cluster;
pub mod codes;
pub mod dialogue;
pub mod explain;
pub mod judge;
pub mod ledger;
pub mod matcher;
pub mod normalise;
pub mod pack;
pub mod peer;
pub mod provider;
pub mod quoted;
pub mod reason;
pub mod rule;
pub mod suppress;
mod token;
pub mod user;
