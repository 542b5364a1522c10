//! What assembly is told from outside, and the limits that bound its memory.

use mailvane_model::Time;

use crate::network::Network;

/// How to assemble. The default works on a bare file.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// What is ours, as far as the operator said so (or `postconf` did); the rest is found in the log.
    pub ours: Ours,
    /// The origin of sources that name none.
    pub origin: String,
    /// Envelope senders of Mailvane's own mail, in lower case; it is left out of every figure.
    pub own_senders: Vec<String>,
    /// The bounds.
    pub limits: Limits,
}

/// Domains, networks and hosts of ours, as given.
#[derive(Clone, Debug, Default)]
pub struct Ours {
    /// Domains whose mailboxes are here (`[domains] ours`), in lower case.
    pub domains: Vec<String>,
    /// Client networks that may send outside through us (`mynetworks`).
    pub networks: Vec<Network>,
    /// Names of hosts of ours whose logs are read too: a delivery to one of them waits for its next hop.
    pub hosts: Vec<String>,
}

/// The bounds of what is kept in memory. Reaching one raises a counter; nothing is lost silently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open messages. Past it the one with the oldest arrival is closed as unknown.
    pub lives: usize,
    /// Recipients kept of one message. Past it attempts are still reported, each as a recipient of its own.
    pub recipients: usize,
    /// Positions of lines kept of one message.
    pub lines: usize,
    /// Inbound connections known by process.
    pub sessions: usize,
    /// Outgoing connections with TLS known by process.
    pub tls: usize,
    /// Microseconds of log time without a line after which an open message is given up: the longest queue lifetime and a day.
    pub lifetime: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { lives: 2_000_000, recipients: 100_000, lines: 4_096, sessions: 200_000, tls: 50_000, lifetime: 6 * Time::DAY }
    }
}

/// Lines of one log may be out of order by this much (microseconds of log time).
pub(crate) const LATE: i64 = 10 * Time::SECOND;

/// A message still open after this long is told even though it may yet change; so are outcomes that waited for a former hop.
pub(crate) const ANNOUNCE_WAIT: i64 = 30 * Time::SECOND;

/// A delivery to a host whose log we read is provisional for this long.
pub(crate) const LINK_WAIT: i64 = 10 * Time::MINUTE;

/// What a filter took must come back within this time.
pub(crate) const FILTER_WAIT: i64 = Time::HOUR;

/// A message of an MTA that writes no end is over when all of it is final and nothing was said of it for this long.
pub(crate) const QUIET_WAIT: i64 = 10 * Time::MINUTE;

/// A connection without an end is forgotten after this long.
pub(crate) const SESSION_WAIT: i64 = Time::DAY;
