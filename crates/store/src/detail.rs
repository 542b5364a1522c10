//! How much of a row is read: all of it, or what it counts by.

use crate::kind::Kind;
use crate::part::file::Columns;

/// How much of each row is read out of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// All of it.
    #[default]
    Whole,
    /// What numbers are made of: without the names of messages, hosts and programs, and of replies only those of attempts. The left-out read as
    /// absent. A third of the bytes, and nothing has to be looked up in another segment.
    Counted,
    /// What a failure is told by: of attempts everything but names, delays, sizes and how the connection was secured; of others
    /// all.
    Judged,
}

impl Detail {
    /// The columns of a kind.
    pub(crate) fn columns(self, kind: Kind) -> Columns<'static> {
        match (self, kind) {
            (Detail::Counted, _) => Columns::Without(uncounted(kind)),
            (Detail::Judged, Kind::Attempts) => Columns::Without(UNJUDGED),
            _ => Columns::All,
        }
    }
}

const UNJUDGED: &[&str] = &[
    "queue_id",
    "message_id",
    "arrived",
    "size",
    "relay_ip",
    "relay_port",
    "orig_recipient_local",
    "orig_recipient_domain",
    "tls_version",
    "tls_cipher",
    "tls_verification",
    "delay_ms",
    "delays_ms_a",
    "delays_ms_b",
    "delays_ms_c",
    "delays_ms_d",
];

/// What no number is made of.
const fn uncounted(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Messages => &["queue_id", "message_id", "lines", "client_name", "service", "removed", "next_hop", "bounce_of"],
        Kind::Attempts => &[
            "queue_id",
            "message_id",
            "relay_host",
            "relay_ip",
            "relay_port",
            "orig_recipient_local",
            "orig_recipient_domain",
            "enhanced_code",
            "tls_version",
            "tls_cipher",
            "tls_verification",
            "rule",
            "rules",
        ],
        Kind::Outcomes => &[
            "queue_id",
            "message_id",
            "last_queue_id",
            "relay_host",
            "relay_ip",
            "recipient_local",
            "orig_recipient_local",
            "orig_recipient_domain",
            "enhanced_code",
            "reply_text",
            "note",
            "attempt_row",
        ],
        Kind::Rejections => &["reply_text", "helo", "client_name", "rule", "enhanced_code", "service"],
        Kind::Auths => &["client_name", "reply_text", "method"],
        Kind::Sessions => &["client_name", "service", "commands"],
        Kind::Notices => &[],
    }
}
