//! Bytes to records: the heads of log lines and the grammar of each MTA. A parser here never fails a stream:
//! a line it does not know becomes [`Body::Unparsed`], is counted and shown, and the next line goes on.
//!
//! * [`head`]: what stands before the message: syslog in its forms, journald JSON, container wrappers.
//! * [`calendar`]: years and zones for heads that have none.
//! * [`mta`]: one file per MTA.
//! * [`record`]: what a line has become.

pub mod calendar;
pub mod head;
pub mod mta;
pub mod record;
mod syntax;

pub use head::{record, record_of};
pub use record::{Body, Client, Record, Severity, When};
