//! The words of Mailvane as types. Everything else in the workspace speaks them; nothing here does I/O or asks a clock.
//!
//! * [`word`]: the closed lists (status, outcome, reason, direction, ...), each with its written form and a stable code.
//! * [`row`]: one fact each (message, attempt, outcome, rejection, auth, session, notice), and columns of them.
//! * [`verdict`]: what a reply means.
//! * [`id`], [`time`], [`stream`]: identity and time. [`network`]: ranges of addresses.
//! * [`mod@nearest`]: the known word that a mistyped one was meant to be.

pub mod address;
pub mod column;
pub mod hash;
pub mod id;
pub mod nearest;
pub mod network;
pub mod row;
pub mod shape;
pub mod sink;
pub mod stream;
pub mod time;
pub mod verdict;
pub mod word;

pub use address::Address;
pub use id::{FileId, Position};
pub use nearest::nearest;
pub use network::Network;
pub use row::{AttemptRow, AuthRow, Batch, MessageRow, NoticeRow, OutcomeRow, RejectionRow, SessionRow};
pub use sink::Sink;
pub use stream::Stream;
pub use time::Time;
pub use verdict::Verdict;
