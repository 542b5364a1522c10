//! Bytes to records: the heads of log lines and the grammar of each MTA. A parser here never fails a stream:
//! a line it does not know becomes [`Body::Unparsed`], is counted and shown, and the next line goes on.
//!
//! * [`head`]: what stands before the message: syslog in its forms, journald JSON, container wrappers.
//! * [`calendar`]: years and zones for heads that have none.
//! * [`wrap`]: JSON around a line, taken off before anything else.
//! * [`mta`]: one file per MTA.
//! * [`listing`]: what `postqueue -j` and `exim -bp` say.
//! * [`fields`]: everything understood, by name, for people and programs.
//! * [`record`]: what a line has become.

pub mod calendar;
pub mod fields;
pub mod head;
pub mod listing;
pub mod mta;
pub mod record;
pub mod signer;
mod syntax;
pub mod wrap;

pub use fields::Field;
pub use head::{record, record_of};
pub use record::{Body, Client, Record, Severity, When};
