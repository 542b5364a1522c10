//! Store to answers: the closed set of queries, over rollups where they can answer, over rows with Polars where they cannot.
//!
//! * [`scope`]: which rows an answer is about.
//! * [`figures`]: sums of a window, by one dimension or over time ([`figures::summary`], [`figures::breakdown`], [`figures::series`]).
//! * [`failures`]: failed attempts grouped by provider, reason and template, with samples.
//! * [`search`]: messages and refused attempts, newest first.
//! * [`logins`]: logins one by one, newest first.
//! * [`lookup`]: one thing by its id.
//! * [`security`]: refusals and logins by network and user, and accounts that look used by somebody else.
//! * [`trouble`]: warnings and worse of the mail daemons, grouped.
//! * [`scan`], [`frames`], [`frame`]: rows out of segments (Polars) and pending batches (plain columns).
//!
//! Every number is a fold of `mailvane_metric`; Polars filters and projects, it defines nothing.

mod condition;
pub mod failures;
pub mod figures;
pub mod frame;
pub mod frames;
pub mod logins;
pub mod lookup;
pub mod scan;
pub mod scope;
pub mod search;
pub mod security;
pub mod trouble;

pub use scope::{Dimension, Filters, Scope, Within};

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store could not be read.
    #[error("the store could not be read: {0}")]
    Store(#[from] mailvane_store::Error),
    /// A segment could not be read.
    #[error("a segment could not be read: {0}")]
    Segment(#[from] polars::error::PolarsError),
    /// The query took longer than it may.
    #[error("the query took too long: narrow the time range")]
    TooLong,
}

/// The result of a query.
pub type Result<T> = std::result::Result<T, Error>;
