//! A stream: one MTA instance on one origin.

use crate::hash;
use crate::word::Mta;

/// One MTA instance on one origin. Queue ids are unique only inside a stream (and only for a time).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stream {
    /// The machine or container whose log it is. Part of every identity.
    pub origin: String,
    /// The host word of the lines: a label.
    pub host: String,
    /// The instance: the first part of Postfix's `syslog_name` (`postfix`, `postfix-out`), empty where there is none.
    pub instance: String,
    /// The software.
    pub mta: Mta,
}

impl Stream {
    /// The stable key of this stream.
    pub fn key(&self) -> u64 {
        hash::words(&[
            hash::bytes(self.origin.as_bytes()),
            hash::bytes(self.host.as_bytes()),
            hash::bytes(self.instance.as_bytes()),
            u64::from(self.mta.code()),
        ])
    }
}

static NO_STREAM: Stream = Stream { origin: String::new(), host: String::new(), instance: String::new(), mta: Mta::Unknown };

impl Default for &Stream {
    fn default() -> Self {
        &NO_STREAM
    }
}
