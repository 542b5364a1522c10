//! Records to messages, attempts, outcomes and rejections: one state machine for the lives of messages.
//!
//! * [`Assembler`]: feed it records in the order of each stream, move its clock of log time, take its changed state.
//! * [`config`]: what is ours, and the limits.
//! * Inside: `life`, `lives` (open messages), `chain` (hops joined), `attempt`, `ending` (how lives end), `outcome` (rows),
//!   `leftover` (what is open at the end), `session` (connections by process), `relay` (who took over), `ours` (what was
//!   found to be ours), `inbound` (what the lines of any server come to), `postfix`, `exim`, `sendmail`, `opensmtpd`
//!   (their lines).

mod assembler;
mod attempt;
mod chain;
pub mod config;
mod encoding;
mod ending;
mod exim;
mod inbound;
mod leftover;
mod life;
mod lives;
pub mod network;
mod opensmtpd;
pub mod ours;
mod outcome;
mod piece;
mod postfix;
mod relay;
mod reply;
mod restore;
mod sendmail;
mod session;
mod statistics;
mod streams;
mod text;
mod timer;
mod told;
mod tried;
mod verdict;

pub use assembler::Assembler;
pub use config::{Config, Limits, Ours};
pub use leftover::{Handed, Leftover};
pub use network::Network;
pub use ours::{Evidence, Found, Taken};
pub use reply::stage;
pub use restore::{Change, Error};
pub use statistics::Statistics;
