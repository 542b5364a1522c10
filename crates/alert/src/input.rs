//! What the engine is fed with: minutes of log time, or the parts of them that are known so far.

use std::sync::Arc;

use mailvane_metric::Cell;
use mailvane_model::Time;
use mailvane_model::word::{Level, Reason};
use serde::{Deserialize, Serialize};

/// By what the numbers of a minute are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Not at all: the key is empty.
    All,
    /// Who runs the receiving system.
    Provider,
    /// As `Provider`, and of failures only those whose reason says that our mail is not wanted ([`is_block`]).
    Blocked,
    /// The reason of a failure or a rejection.
    Reason,
    /// The recipient's domain.
    Domain,
    /// The sender's domain.
    SenderDomain,
    /// The SASL user.
    User,
    /// The address of the client that brought the message, was refused, or tried to log in.
    Client,
}

impl Dimension {
    /// Every one.
    pub const ALL: [Dimension; 8] = [
        Dimension::All,
        Dimension::Provider,
        Dimension::Blocked,
        Dimension::Reason,
        Dimension::Domain,
        Dimension::SenderDomain,
        Dimension::User,
        Dimension::Client,
    ];

    /// The written form, as in `group_by` and as the name of a label.
    pub const fn word(self) -> &'static str {
        match self {
            Dimension::All => "all",
            Dimension::Provider => "provider",
            Dimension::Blocked => "blocked",
            Dimension::Reason => "reason",
            Dimension::Domain => "domain",
            Dimension::SenderDomain => "sender_domain",
            Dimension::User => "user",
            Dimension::Client => "client",
        }
    }
}

/// Whether a reason says that the far side does not want our mail, whoever it is for.
pub const fn is_block(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::IpBlocklisted
            | Reason::Reputation
            | Reason::AuthSpf
            | Reason::AuthDkim
            | Reason::AuthDmarc
            | Reason::AuthMissing
            | Reason::PtrHelo
            | Reason::RateLimited
            | Reason::TooManyConnections
            | Reason::SenderRejected
            | Reason::SmarthostAuth
    )
}

/// A minute of log time, or a part of one. Parts of one minute are handed over in order; what comes for a minute that is
/// already behind (a source that lagged) is filed under its time and judges nothing.
#[derive(Clone, Debug, Default)]
pub struct Minute {
    /// From.
    pub start: Time,
    /// Until (not included): every stream that is not lagging has been read up to here.
    pub end: Time,
    /// What the rows of this time add, by dimension and key.
    pub cells: Vec<(Dimension, Arc<str>, Cell)>,
    /// Logins by user and client.
    pub logins: Vec<Logins>,
    /// Some of the failures, with everything that is known of them.
    pub samples: Vec<Sample>,
    /// Warnings and worse of mail daemons.
    pub troubles: Vec<Trouble>,
    /// Missing lines.
    pub gaps: Vec<Gap>,
    /// How much of the log was understood.
    pub coverage: Option<Coverage>,
    /// A look at the live queue.
    pub queue: Option<QueueSample>,
    /// Results of probes.
    pub findings: Vec<Finding>,
    /// A look at the file system of the logs.
    pub disks: Vec<Disk>,
    /// Streams that have not been read up to `end`.
    pub lagging: Vec<Arc<str>>,
}

/// Logins of one user from one client in one minute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logins {
    /// The user name; empty where the log does not say.
    pub user: Arc<str>,
    /// The client's address.
    pub client: Arc<str>,
    /// Accepted.
    pub ok: u32,
    /// Refused.
    pub failed: u32,
}

/// One failed attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// When.
    pub time: i64,
    /// How many failures it stands for.
    pub weight: u32,
    /// Who runs the receiving system.
    pub provider: String,
    /// The reason's word.
    pub reason: String,
    /// The recipient's domain.
    pub domain: String,
    /// The normalised sender.
    pub sender: String,
    /// The SASL user.
    pub user: String,
    /// The client that brought it.
    pub client: String,
    /// The address of ours that the far side saw, where known.
    pub sending_ip: String,
    /// The reply as logged.
    pub reply: String,
    /// Whether it was called final.
    pub permanent: bool,
}

/// A kind of message of a mail daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The daemon.
    pub daemon: String,
    /// How grave.
    pub level: Level,
    /// The text, with what varies taken out.
    pub template: String,
    /// One of them in full.
    pub sample: String,
    /// How many.
    pub count: u32,
}

/// Bytes or lines that are missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gap {
    /// Where they are missing.
    pub source: String,
    /// What is known of them.
    pub text: String,
}

/// How much was understood of the lines of a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Lines.
    pub lines: u32,
    /// Of them: neither recognised nor known to be without use.
    pub unparsed: u32,
}

/// A look at the queue. Held, frozen and null-sender mail is left out of everything but `held`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QueueSample {
    /// Messages that wait for a retry.
    pub deferred: u64,
    /// Messages that come in or are being tried.
    pub active: u64,
    /// Messages on hold or frozen.
    pub held: u64,
    /// Recipients still to deliver.
    pub recipients: u64,
    /// The age of the oldest deferred message, seconds.
    pub oldest_deferred: u64,
    /// The 95th percentile of the age of what is active, seconds.
    pub active_age: u64,
    /// By destination (provider): its name, recipients waiting.
    pub destinations: Vec<(String, u64)>,
    /// Messages that reach their lifetime within so many seconds unless they are accepted before.
    pub expiring: Vec<(u64, u64)>,
}

/// The result of one check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was found, in parts that can be compared: records, names, addresses; empty where there is nothing to compare.
    #[serde(default)]
    pub value: Vec<String>,
    /// What was checked: `dns.spf`, `tls.expiry`.
    pub check: String,
    /// Of what: a domain, a host.
    pub subject: String,
    /// How it went.
    pub state: FindingState,
    /// In words.
    pub text: String,
    /// It was in order in an earlier run: what is bad now got lost, and was not always missing.
    #[serde(default)]
    pub lost: bool,
}

/// How a check went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingState {
    /// Well.
    Ok,
    /// Could be better.
    Warning,
    /// Broken.
    Problem,
    /// It could not be found out: never an alarm.
    #[default]
    Unknown,
}

/// The file system that holds logs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// Where it is mounted, or the folder of the logs.
    pub path: String,
    /// Bytes left for the mail system.
    pub free: u64,
    /// Bytes in all.
    pub total: u64,
}
