//! Questions to name servers and what came back, with every way of failing kept apart.
//!
//! * [`Lookup`]: the seam. One server (or a stand-in of a test) that answers one question, without a cache.
//! * [`Resolver`]: one view of DNS: several servers in order, each question of a run asked once.
//! * [`network`]: the real servers, over UDP and TCP. Only `wire`, `network` and `validate` know hickory.

pub mod authority;
#[cfg(test)]
mod loopback;
pub mod name;
pub mod network;
mod resolver;
#[cfg(test)]
pub(crate) mod scripted;
pub mod validate;
mod wire;

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use mailvane_model::Time;

use crate::finding::Vantage;
pub use resolver::{Count, Resolver};

/// A future that can be kept in a box, as traits with futures need it.
pub type Boxed<'a, Output> = Pin<Box<dyn Future<Output = Output> + Send + 'a>>;

/// A type of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names of record types speak for themselves")]
pub enum Kind {
    A,
    Aaaa,
    Caa,
    Cname,
    Dnskey,
    Ds,
    Mx,
    Ns,
    Ptr,
    Rrsig,
    Soa,
    Spf,
    Tlsa,
    Txt,
}

impl Kind {
    /// The written form.
    pub const fn word(self) -> &'static str {
        match self {
            Kind::A => "A",
            Kind::Aaaa => "AAAA",
            Kind::Caa => "CAA",
            Kind::Cname => "CNAME",
            Kind::Dnskey => "DNSKEY",
            Kind::Ds => "DS",
            Kind::Mx => "MX",
            Kind::Ns => "NS",
            Kind::Ptr => "PTR",
            Kind::Rrsig => "RRSIG",
            Kind::Soa => "SOA",
            Kind::Spf => "SPF",
            Kind::Tlsa => "TLSA",
            Kind::Txt => "TXT",
        }
    }

    /// The kind of address record that holds addresses of this family.
    pub const fn of_address(address: IpAddr) -> Kind {
        match address {
            IpAddr::V4(_) => Kind::A,
            IpAddr::V6(_) => Kind::Aaaa,
        }
    }
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    /// The name: lower case, without a final dot; empty for the root.
    pub name: String,
    /// The type of record.
    pub kind: Kind,
    /// Ask a resolver to find the answer (else an authoritative server, for what it knows itself).
    pub recursive: bool,
    /// Ask a validating resolver to hand out also what it judges bogus (RFC 4035 section 3.2.2).
    pub unchecked: bool,
}

impl Question {
    /// A question to a resolver.
    pub fn new(name: &str, kind: Kind) -> Self {
        Question { name: name::canonical(name), kind, recursive: true, unchecked: false }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.name.is_empty() { "." } else { &self.name };
        write!(formatter, "{name} {}", self.kind.word())
    }
}

/// The data of a record. Names are in lower case, without a final dot; the root is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields are named as in the RFCs")]
pub enum Data {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    Caa { critical: bool, tag: String, value: String },
    Cname(String),
    Dnskey { flags: u16, algorithm: u8, key: Vec<u8>, tag: u16 },
    Ds { tag: u16, algorithm: u8, digest_type: u8 },
    Mx { preference: u16, host: String },
    Ns(String),
    Ptr(String),
    Rrsig { covers: String, algorithm: u8, inception: i64, expiration: i64, signer: String, tag: u16 },
    Soa { mname: String, rname: String, serial: u32, refresh: i64, retry: i64, expire: i64, minimum: u32 },
    Tlsa { usage: u8, selector: u8, matching: u8, data: Vec<u8> },
    Txt(Vec<Vec<u8>>),
    Other(String),
}

impl Data {
    /// The strings of a TXT record joined without spaces (RFC 7208 section 3.3), each byte that is not ASCII as it is in Latin-1,
    /// so that no byte is lost and none becomes two.
    pub fn text(&self) -> Option<String> {
        match self {
            Data::Txt(parts) => Some(parts.iter().flatten().map(|byte| char::from(*byte)).collect()),
            _ => None,
        }
    }

    /// The address of an address record.
    pub const fn address(&self) -> Option<IpAddr> {
        match self {
            Data::A(address) => Some(IpAddr::V4(*address)),
            Data::Aaaa(address) => Some(IpAddr::V6(*address)),
            _ => None,
        }
    }

    /// The name that a record points to.
    pub fn pointed(&self) -> Option<&str> {
        match self {
            Data::Cname(name) | Data::Ns(name) | Data::Ptr(name) | Data::Mx { host: name, .. } => Some(name),
            _ => None,
        }
    }
}

/// One record of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its owner: the name asked, or where aliases led.
    pub name: String,
    /// How long it may be kept, in seconds.
    pub ttl: u32,
    /// Its data.
    pub data: Data,
}

/// How a question ended. The first three are facts about the zone, the others are not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// At least one record of the kind asked.
    Found(Vec<Record>),
    /// The name exists, without a record of this kind.
    NoData,
    /// The name does not exist.
    NxDomain,
    /// An alias that the server did not follow: ask for this name.
    Alias(String),
    /// The server knows only who else might know (RFC 1034 section 4.3.1): these hosts.
    Referral(Vec<String>),
    /// The server could not find out; what it says about why (RFC 8914).
    ServFail(String),
    /// A validating resolver has an answer and does not believe its signatures.
    Bogus(String),
    /// The server does not want to answer us.
    Refused,
    /// Another error code (RFC 1035 section 4.1.1, RFC 6895), by its word.
    Code(String),
    /// No answer in time.
    Timeout,
    /// The server could not be reached from here.
    Unreachable(String),
    /// Bytes came back that are no answer to the question.
    Malformed(String),
    /// The name cannot be asked for: a label of no or over 63 bytes, or over 255 bytes in all.
    BadName(String),
}

impl Outcome {
    /// Is it a fact about the zone: records, none of this kind, or no such name?
    pub const fn is_definite(&self) -> bool {
        matches!(self, Outcome::Found(_) | Outcome::NoData | Outcome::NxDomain)
    }

    /// Is it definite that there is no such record? (RFC 7208 section 4.6.4 calls this a void lookup.)
    pub const fn is_void(&self) -> bool {
        matches!(self, Outcome::NoData | Outcome::NxDomain)
    }

    /// The records; none unless found.
    pub fn records(&self) -> &[Record] {
        match self {
            Outcome::Found(records) => records,
            _ => &[],
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Found(records) => write!(formatter, "{} records", records.len()),
            Outcome::NoData => formatter.write_str("no record of this type"),
            Outcome::NxDomain => formatter.write_str("NXDOMAIN: no such name"),
            Outcome::Alias(target) => write!(formatter, "an alias of {target} that was not followed"),
            Outcome::Referral(hosts) => write!(formatter, "a referral to {}", hosts.join(", ")),
            Outcome::ServFail(why) if why.is_empty() => formatter.write_str("SERVFAIL"),
            Outcome::ServFail(why) => write!(formatter, "SERVFAIL ({why})"),
            Outcome::Bogus(why) if why.is_empty() => formatter.write_str("bogus: DNSSEC signatures do not hold"),
            Outcome::Bogus(why) => write!(formatter, "bogus: DNSSEC signatures do not hold ({why})"),
            Outcome::Refused => formatter.write_str("REFUSED"),
            Outcome::Code(word) => formatter.write_str(word),
            Outcome::Timeout => formatter.write_str("timeout: no answer in time"),
            Outcome::Unreachable(why) => write!(formatter, "not reachable: {why}"),
            Outcome::Malformed(why) => write!(formatter, "not an answer: {why}"),
            Outcome::BadName(why) => write!(formatter, "not a name: {why}"),
        }
    }
}

/// What one server said to one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What was asked.
    pub question: Question,
    /// How it ended.
    pub outcome: Outcome,
    /// Who answered.
    pub server: SocketAddr,
    /// When the answer was complete.
    pub time: Time,
    /// How long it took.
    pub took: Duration,
    /// The shortest time to live of the records, or of the proof that there are none (RFC 2308).
    pub ttl: Option<u32>,
    /// The server speaks for the zone (AA).
    pub authoritative: bool,
    /// The server says that it checked the signatures (AD).
    pub authentic: bool,
    /// Bytes of the answer.
    pub size: usize,
    /// Names that lead from the one asked to the owner of the records, by CNAME.
    pub aliases: Vec<String>,
    /// The records of the answer section in their text form.
    pub raw: String,
}

impl Reply {
    /// A reply that holds nothing but its outcome.
    pub fn bare(question: Question, server: SocketAddr, time: Time, outcome: Outcome) -> Self {
        Reply {
            question,
            outcome,
            server,
            time,
            took: Duration::ZERO,
            ttl: None,
            authoritative: false,
            authentic: false,
            size: 0,
            aliases: Vec::new(),
            raw: String::new(),
        }
    }

    /// From where this answer is true.
    pub fn vantage(&self) -> Vantage {
        Vantage::of(self.server.ip())
    }

    /// The texts of TXT records, each joined ([`Data::text`]).
    pub fn texts(&self) -> Vec<String> {
        self.outcome.records().iter().filter_map(|record| record.data.text()).collect()
    }

    /// The addresses of address records.
    pub fn addresses(&self) -> Vec<IpAddr> {
        self.outcome.records().iter().filter_map(|record| record.data.address()).collect()
    }

    /// The names that the records point to.
    pub fn pointed(&self) -> Vec<String> {
        self.outcome.records().iter().filter_map(|record| record.data.pointed().map(str::to_owned)).collect()
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.outcome.records().is_empty() { write!(formatter, "{}", self.outcome) } else { formatter.write_str(&self.raw) }
    }
}

/// Something that answers questions without a cache: one server, or a stand-in for tests.
pub trait Lookup: Send + Sync {
    /// Asks one question. Every failure is an outcome.
    fn ask<'a>(&'a self, question: &'a Question) -> Boxed<'a, Reply>;
}
