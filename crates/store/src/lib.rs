//! Rows to disk and back: pending rows, segments, manifest, state, rollups.
//!
//! # The contract
//!
//! * [`Store`] is the trait: [`Store::commit`], [`Store::snapshot`], [`Store::state`]. [`Disk`] keeps it in a folder,
//!   [`Memory`] in memory (tests, `demo`). One conformance suite runs over both.
//! * A [`Commit`] is one atomic step: rows, changed state, watermarks. After an error nothing of it is kept and the same
//!   commit can be tried again; after success it survives a crash.
//! * A [`Snapshot`] is one commit as it was, for as long as it is held: cheap to clone, `Send + Sync`, never blocked by
//!   ingest. Segments that a snapshot holds are not unlinked.
//!
//! # How rows are read
//!
//! Rows are in two places: [`Snapshot::pending`] (column batches in memory, the newest rows) and
//! [`Snapshot::segments`] (Parquet files, one a kind and day and group). **A row of either may be superseded** by one of
//! the same id with a higher `rev` (messages and outcomes only): skip the row numbers in [`Pending::dead`] and
//! [`Segment::dead`]. Whoever does this sees each row once, in its highest revision. Batches from [`Snapshot::read`],
//! [`Snapshot::read_between`], [`Snapshot::life`] and [`Snapshot::lives`] have done it already.
//!
//! [`schema`] says what a Parquet file holds: nearly every field of the row under its own name, and which fields are
//! left out because they follow from others ([`Snapshot::read`] puts those back).
//!
//! Rollups ([`Snapshot::rollups`]) are exact for the rows of the snapshot, pending ones included.
//!
//! # Access
//!
//! [`access`] keeps users, sessions, tokens and the audit log beside the store, in a file of their own.
//!
//! # Alerts
//!
//! [`alerts`] keeps the state of alerts, their history and the outbox of notices, in a file of their own too.
//!
//! # Housekeeping
//!
//! [`Disk::tick`] seals, merges, and drops what is too old. There are no threads here: the owner calls it, often.

pub mod access;
pub mod alerts;
mod chunk;
mod column;
mod commit;
mod detail;
mod disk;
mod error;
mod filter;
mod kind;
mod line;
mod memory;
mod part;
mod pending;
mod private;
mod probes;
mod read;
mod recent;
mod revise;
mod rollup;
pub mod schema;
mod segment;
mod sizes;
mod snapshot;

pub use commit::{Commit, CommitNumber, KeptLine, StatePairs, Store};
pub use detail::Detail;
pub use disk::{Disk, MINUTES_KEEP, Merge, Merged, Options, Rewritten, StateChange, Ticked};
pub use error::{Error, Result};
pub use filter::Probe;
pub use kind::Kind;
pub use memory::Memory;
pub use pending::Pending;
pub use probes::{KeptChange, KeptFinding, ProbeChanges, Probes};
pub use read::Hit;
pub use rollup::{OTHER, Rolled};
pub use segment::Segment;
pub use sizes::Sizes;
pub use snapshot::{Snapshot, StreamState};
