//! What is checked: a domain and what its servers really use, each value with where it was learned.

use std::net::IpAddr;
use std::path::PathBuf;

use mailvane_model::Time;

/// Where a value was learned, in order of trust: the greatest is believed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A remote server's reply quoted it as ours.
    Reply,
    /// A line of our own log (Exim's `I=`, OpenDKIM, Rspamd, amavis).
    Log,
    /// The settings of the MTA (`smtp_bind_address`, `myhostname`).
    Settings,
    /// The headers of a round-trip message.
    RoundTrip,
    /// Mailvane's configuration.
    Configuration,
    /// The command line.
    CommandLine,
}

impl Origin {
    /// The written form.
    pub const fn word(self) -> &'static str {
        match self {
            Origin::Reply => "quoted in remote replies",
            Origin::Log => "seen in the log",
            Origin::Settings => "from the MTA's settings",
            Origin::RoundTrip => "from the round trip",
            Origin::Configuration => "from the configuration",
            Origin::CommandLine => "given on the command line",
        }
    }
}

/// A value and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learned<Value> {
    /// The value.
    pub value: Value,
    /// Where it was learned.
    pub origin: Origin,
    /// When it was last seen in use, where that is known.
    pub last_seen: Option<Time>,
}

impl<Value> Learned<Value> {
    /// A value that was given or found just now.
    pub const fn new(value: Value, origin: Origin) -> Self {
        Learned { value, origin, last_seen: None }
    }
}

/// A domain that sends or receives mail, and what is known of its servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// The domain, in lower case, without a final dot.
    pub domain: String,
    /// Addresses from which its mail leaves.
    pub sending: Vec<Learned<IpAddr>>,
    /// Names its servers say in HELO.
    pub helo: Vec<Learned<String>>,
    /// Envelope senders (MAIL FROM) its mail leaves with; without any, `postmaster@` the domain.
    pub senders: Vec<Learned<String>>,
    /// DKIM selectors its mail is signed with.
    pub selectors: Vec<Learned<String>>,
    /// Private keys of the signer, by selector: files to compare with what DNS says.
    pub signing_keys: Vec<(String, PathBuf)>,
    /// Mail leaves through this host instead of going to recipients' servers: PTR, block lists and SPF of our own address do not apply then.
    pub smarthost: Option<String>,
}

impl Target {
    /// A domain of which nothing else is known.
    pub fn new(domain: &str) -> Self {
        Target { domain: domain.trim_end_matches('.').to_ascii_lowercase(), ..Target::default() }
    }

    /// The envelope senders that SPF is evaluated for.
    pub fn mail_from(&self) -> Vec<String> {
        if self.senders.is_empty() {
            return vec![format!("postmaster@{}", self.domain)];
        }
        self.senders.iter().map(|sender| sender.value.clone()).collect()
    }
}
