//! What a check has to say: one finding for each thing looked at, with the evidence it rests on.

use mailvane_model::Time;
use serde::{Deserialize, Serialize};

use crate::lookup::Reply;

/// How it stands. The order is the order of attention: the greatest is shown first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// Could not be found out: a step of ours failed, or the servers asked do not agree. Never an alarm.
    Unknown,
    /// Works, and will or may hurt.
    Warning,
    /// Broken: mail is or will be lost, refused or distrusted.
    Problem,
}

impl State {
    /// The written form.
    pub const fn word(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Unknown => "unknown",
            State::Warning => "warning",
            State::Problem => "problem",
        }
    }

    /// Is something wrong (and must therefore be confirmed)?
    pub const fn is_bad(self) -> bool {
        matches!(self, State::Warning | State::Problem)
    }
}

/// How much it matters when the state is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Untidy.
    Low,
    /// Will hurt some mail, some day.
    Medium,
    /// Hurts mail at some receivers.
    High,
    /// Mail as a whole suffers.
    Critical,
}

impl Severity {
    /// The written form.
    pub const fn word(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

/// From where a result is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vantage {
    /// This machine itself: loopback, its own files.
    Host,
    /// The network of this machine: private addresses, a resolver inside.
    Network,
    /// What everybody outside sees: public resolvers, authoritative servers, machines elsewhere.
    Outside,
}

impl Vantage {
    /// The written form.
    pub const fn word(self) -> &'static str {
        match self {
            Vantage::Host => "host",
            Vantage::Network => "network",
            Vantage::Outside => "outside",
        }
    }

    /// The vantage of an answer that came from this address.
    pub fn of(address: std::net::IpAddr) -> Self {
        use crate::address::Scope;
        match Scope::of(address) {
            Scope::Loopback => Vantage::Host,
            Scope::Public => Vantage::Outside,
            _ => Vantage::Network,
        }
    }
}

/// One thing that was asked and what came back, as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// What was asked: `example.com MX`, `EHLO probe.example.net`.
    pub question: String,
    /// The raw answer, or how it failed (`NXDOMAIN`, `timeout`).
    pub answer: String,
    /// Who answered: address and port, or a file.
    pub server: String,
    /// When.
    #[serde(with = "micros")]
    pub time: Time,
    /// How long the answer may be kept, in seconds, where it says.
    pub ttl: Option<u32>,
}

impl Evidence {
    /// Most bytes of one raw answer that are kept.
    pub const LIMIT: usize = 4096;

    /// Evidence from any exchange; a long answer is cut at [`Evidence::LIMIT`] and says so.
    pub fn new(question: impl Into<String>, answer: impl Into<String>, server: impl Into<String>, time: Time) -> Self {
        let mut answer = answer.into();
        if answer.len() > Self::LIMIT {
            let cut = (0..=Self::LIMIT).rev().find(|at| answer.is_char_boundary(*at)).unwrap_or(0);
            let left = answer.len() - cut;
            answer.truncate(cut);
            answer.push_str(&format!(" ... ({left} bytes more)"));
        }
        Evidence { question: question.into(), answer, server: server.into(), time, ttl: None }
    }
}

impl From<&Reply> for Evidence {
    fn from(reply: &Reply) -> Self {
        let mut evidence = Evidence::new(reply.question.to_string(), reply.to_string(), reply.server.to_string(), reply.time);
        evidence.ttl = reply.ttl;
        evidence
    }
}

/// One result of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which rule, stable over versions: `spf.lookups`, `mx.null`. The part before the dot is the check.
    pub check: String,
    /// What it is about: a domain, an address, a host, a selector's name. With `check` it is the key of a finding over time.
    pub subject: String,
    /// How it stands.
    pub state: State,
    /// How much it matters while it is bad.
    pub severity: Severity,
    /// One line: what was found.
    pub title: String,
    /// What it means for mail; empty when the title says all.
    pub wording: String,
    /// What to do; empty when there is nothing to do.
    pub fix: String,
    /// The checked fact in comparable parts (terms of an SPF record, MX hosts): a diff of two runs is a diff of these.
    pub value: Vec<String>,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
    /// How long the steps took that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timings: Vec<Timing>,
    /// From where it is true.
    pub vantage: Vantage,
}

/// A step of a conversation and how long it took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// Its name: `connect`, `greeting`, `tls`.
    pub step: String,
    /// Microseconds.
    pub took: u64,
}

impl Finding {
    /// A finding without wording, fix, value and evidence yet; the vantage is outside until evidence says otherwise.
    pub fn new(check: &str, subject: &str, state: State, severity: Severity, title: impl Into<String>) -> Self {
        Finding {
            check: check.to_owned(),
            subject: subject.to_owned(),
            state,
            severity,
            title: title.into(),
            wording: String::new(),
            fix: String::new(),
            value: Vec::new(),
            evidence: Vec::new(),
            timings: Vec::new(),
            vantage: Vantage::Outside,
        }
    }

    /// All is well.
    pub fn ok(check: &str, subject: &str, title: impl Into<String>) -> Self {
        Finding::new(check, subject, State::Ok, Severity::Info, title)
    }

    /// Works, and will or may hurt.
    pub fn warning(check: &str, subject: &str, severity: Severity, title: impl Into<String>) -> Self {
        Finding::new(check, subject, State::Warning, severity, title)
    }

    /// Broken.
    pub fn problem(check: &str, subject: &str, severity: Severity, title: impl Into<String>) -> Self {
        Finding::new(check, subject, State::Problem, severity, title)
    }

    /// Could not be found out.
    pub fn unknown(check: &str, subject: &str, title: impl Into<String>) -> Self {
        Finding::new(check, subject, State::Unknown, Severity::Info, title)
    }

    /// Says what it means.
    #[must_use]
    pub fn means(mut self, wording: impl Into<String>) -> Self {
        self.wording = wording.into();
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }

    /// Keeps the fact in comparable parts.
    #[must_use]
    pub fn value<Part: Into<String>>(mut self, parts: impl IntoIterator<Item = Part>) -> Self {
        self.value = parts.into_iter().map(Into::into).collect();
        self
    }

    /// Adds one piece of evidence.
    #[must_use]
    pub fn with(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }

    /// Adds a reply of a name server as evidence, and takes its vantage when that is nearer than the one so far.
    #[must_use]
    pub fn from_reply(mut self, reply: &Reply) -> Self {
        self.vantage = self.vantage.min(reply.vantage());
        self.with(Evidence::from(reply))
    }

    /// The check it belongs to: `spf` of `spf.lookups`.
    pub fn group(&self) -> &str {
        self.check.split('.').next().unwrap_or(&self.check)
    }
}

/// Times as microseconds since the epoch in whatever a finding is written to.
pub(crate) mod micros {
    use mailvane_model::Time;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    pub(crate) fn serialize<Target: Serializer>(time: &Time, target: Target) -> Result<Target::Ok, Target::Error> {
        target.serialize_i64(time.0)
    }

    pub(crate) fn deserialize<'de, Source: Deserializer<'de>>(source: Source) -> Result<Time, Source::Error> {
        i64::deserialize(source).map(Time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_states_is_the_order_of_attention() {
        assert!(State::Problem > State::Warning && State::Warning > State::Unknown && State::Unknown > State::Ok);
        assert!(Severity::Critical > Severity::High && Severity::Low > Severity::Info);
    }

    #[test]
    fn a_long_answer_is_cut_and_says_so() {
        let evidence = Evidence::new("example.com TXT", "ü".repeat(3000), "192.0.2.53:53", Time(0));
        assert!(evidence.answer.len() < Evidence::LIMIT + 40);
        assert!(evidence.answer.ends_with("(1904 bytes more)"), "{}", &evidence.answer[evidence.answer.len() - 30..]);
    }

    #[test]
    fn a_finding_survives_being_written() {
        let finding = Finding::problem("mx.address", "example.com", Severity::Critical, "No MX host has an address")
            .means("Nobody can deliver")
            .fix("Publish A")
            .value(["10 mx.example.com"])
            .with(Evidence::new("mx.example.com A", "NXDOMAIN", "192.0.2.53:53", Time(1_000_001)));
        let text = serde_json::to_string(&finding).unwrap();
        assert_eq!(serde_json::from_str::<Finding>(&text).unwrap(), finding);
        assert_eq!(finding.group(), "mx");
    }
}
