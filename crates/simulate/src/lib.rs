//! A seeded mail host: traffic and incidents to log lines with their truth.
//!
//! [`Host`] plays a busy Postfix server: users, a web application, a weekly newsletter, the world outside with its spam and
//! its login guessing, providers with their own kinds of refusal, dead domains that wait for days. The same [`Options`]
//! give the same bytes on every machine; [`Truth`] counts what was written, at the moment it was written.
//! Nothing here reads, sends or asks a clock. Every address is of a reserved range; nothing generated is ever delivered.

mod head;
mod host;
mod incident;
mod message;
mod people;
mod prng;
mod process;
mod queue_id;
mod remote;
mod rhythm;
mod text;
mod timeline;
mod traffic;
mod truth;
mod world;

pub use head::HeadForm;
pub use host::{Host, Options};
pub use incident::{Incident, IncidentKind};
pub use queue_id::QueueIds;
pub use truth::{Ending, ProviderTruth, RecipientRecord, RefusalKind, Truth};
pub use world::PROVIDERS;
