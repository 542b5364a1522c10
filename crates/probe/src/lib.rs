//! Active checks: DNS, SMTP, TLS, IMAP, POP3, block lists and web pages. Each check ends as a finding with the evidence it rests on.
//!
//! * [`finding`]: what a check says. [`check`]: what a check is, and how its bad news is confirmed by a second name server.
//! * [`lookup`]: questions to name servers, with every way of failing kept apart.
//! * [`spf`]: SPF, evaluated by RFC 7208.
//! * [`dns`]: the checks of DNS, one file each. [`target`]: the domain they are about, and what its servers really use.

pub mod address;
pub mod check;
pub mod dns;
pub mod fetch;
pub mod finding;
pub mod lookup;
pub mod plan;
pub mod record;
pub mod sheet;
pub mod spf;
pub mod summary;
pub mod target;

pub use check::{Check, Confirmation, Panel, View};
pub use finding::{Evidence, Finding, Severity, State, Vantage};
pub use target::{Learned, Origin, Target};
