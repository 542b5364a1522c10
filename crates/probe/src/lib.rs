//! Active checks: DNS, SMTP, TLS, IMAP, POP3, block lists and web pages. Each check ends as a finding with the evidence it rests on.
//!
//! * [`finding`]: what a check says. [`check`]: what a check is, and how its bad news is confirmed by a second name server.
//! * [`history`]: findings over time, and what changed.
//! * [`lookup`]: questions to name servers, with every way of failing kept apart.
//! * [`spf`]: SPF, evaluated by RFC 7208.
//! * [`round_trip`]: a message on its whole way.
//! * [`talk`]: conversations with servers. [`service`]: the checks of servers: SMTP, IMAP, POP3, web pages, their certificates.
//! * [`dns`]: the checks of DNS, one file each. [`target`]: the domain they are about, and what its servers really use.

pub mod address;
pub mod check;
pub mod dns;
pub mod fetch;
pub mod finding;
pub mod history;
pub mod lookup;
pub mod plan;
pub mod record;
pub mod round_trip;
pub mod service;
pub mod sheet;
pub mod spf;
pub mod summary;
pub mod talk;
pub mod target;

pub use check::{Check, Confirmation, Panel, View};
pub use finding::{Evidence, Finding, Severity, State, Vantage};
pub use target::{Learned, Origin, Target};
