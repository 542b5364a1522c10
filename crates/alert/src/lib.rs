//! Rules over numbers and findings, the states of alerts, and the notices that go out by routes which work when mail does not.
//!
//! The engine is pure: [`input::Minute`]s go in, [`event::Step`]s (changes of state and notices to be sent) come out, and
//! the time is the time in the log. Nothing is read or asked here, and nothing is sent but by the senders of `notify`.
//!
//! * [`rule`]: rules from TOML, with the nearest right name for what is mistyped.
//! * [`input`], [`fold`]: what the engine is fed with, and how rows become it.
//! * [`series`]: what is remembered of every group: the last minutes, quarters and hours, and what a week usually is.
//! * [`condition`]: one file for each kind of condition.
//! * [`state`]: alerts, incidents, silences, and when a notice is due.
//! * [`engine`]: all of it together.
//! * [`notify`] (with the feature of that name): notices in words, the routes they take, and the outbox that remembers them.

mod changes;
pub mod condition;
pub mod contrast;
pub mod engine;
mod error;
pub mod event;
pub mod fact;
pub mod fold;
pub mod input;
pub mod measure;
#[cfg(feature = "notify")]
pub mod notify;
pub mod rule;
pub mod series;
pub mod state;
pub mod statistics;
mod trend;

pub use engine::Engine;
pub use error::Error;
pub use event::{Notice, Step, Transition};
pub use input::Minute;
pub use rule::{Rule, RuleSet, Severity};
