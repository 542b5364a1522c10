//! The misconfigurations that Mailvane has to find: one table. Each row changes one thing of a clean set-up and names the rules that have to
//! speak up, no more and no fewer.
//!
//! * [`dns`]: records. They run against the name server of the tests, and against real ones. [`signed`]: DNSSEC and DANE.
//! * [`servers`]: what is set in Postfix, Dovecot and a web server. [`list`]: the table for people.
#![allow(clippy::unwrap_used, dead_code)]

pub(crate) mod dns;
pub(crate) mod list;
pub(crate) mod outcome;
pub(crate) mod servers;
pub(crate) mod signed;

pub(crate) use outcome::Outcome;

/// The domain of the set-up.
pub(crate) const DOMAIN: &str = "example.test";

/// One misconfiguration.
pub(crate) struct Row<Change> {
    /// Its name in the list.
    pub(crate) name: &'static str,
    /// What is changed against the clean set-up.
    pub(crate) change: Change,
    /// The rules that have to be bad, sorted; none for a failure of the network, which is no news about the domain.
    pub(crate) expected: &'static [&'static str],
}
