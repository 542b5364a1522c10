//! Block lists for addresses and domains (RFC 5782): listed or not, and whether a list can be believed at all.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::OnceLock;

use serde::Deserialize;

use super::unanswered;
use crate::address::reversed;
use crate::check::{Check, View};
use crate::finding::{Finding, Severity};
use crate::lookup::{Boxed, Kind, Outcome, Reply};

/// The lists that are asked, kept as data: `data/blocklists.json`.
const LISTS: &str = include_str!("../../data/blocklists.json");

/// One list.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// Its name.
    pub name: String,
    /// The zone to ask under.
    pub zone: String,
    /// It lists IPv4 addresses.
    #[serde(default)]
    ipv4: bool,
    /// It lists IPv6 addresses.
    #[serde(default)]
    ipv6: bool,
    /// It lists domains.
    #[serde(default)]
    domain: bool,
    /// A domain that it always lists; else `TEST` (RFC 5782 section 5).
    test: Option<String>,
    /// Where one asks to be taken off.
    remove: String,
    /// What its answers mean.
    codes: Vec<Code>,
    /// Answers that mean "not for you": no listing.
    #[serde(default)]
    refused: Vec<Range>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Code {
    answer: Range,
    means: String,
    severity: Weight,
}

/// How much a listing matters; `good` is praise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Weight {
    Good,
    Info,
    Low,
    Medium,
    High,
    Critical,
}

/// One address, or a first and a last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct Range {
    first: Ipv4Addr,
    last: Ipv4Addr,
}

impl TryFrom<String> for Range {
    type Error = std::net::AddrParseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (first, last) = text.split_once('-').unwrap_or((&text, &text));
        Ok(Range { first: first.parse()?, last: last.parse()? })
    }
}

impl Range {
    fn holds(self, address: Ipv4Addr) -> bool {
        (self.first..=self.last).contains(&address)
    }
}

/// Every list that is asked; dead ones are not among them.
pub fn lists() -> &'static [List] {
    static READ: OnceLock<Vec<List>> = OnceLock::new();
    // The file is part of the program and read by a test.
    READ.get_or_init(|| serde_json::from_str(LISTS).unwrap_or_default())
}

/// What is looked for on a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// A sending address.
    Address(IpAddr),
    /// A domain.
    Domain(String),
}

/// One address or domain on one list.
pub struct Dnsbl {
    list: &'static List,
    listed: Listed,
    subject: String,
}

impl Dnsbl {
    /// The checks of one address or domain: one for each list that knows its kind.
    pub fn all(listed: &Listed) -> Vec<Dnsbl> {
        let fits = |list: &&List| match listed {
            Listed::Address(IpAddr::V4(_)) => list.ipv4,
            Listed::Address(IpAddr::V6(_)) => list.ipv6,
            Listed::Domain(_) => list.domain,
        };
        let shown = match listed {
            Listed::Address(address) => address.to_string(),
            Listed::Domain(domain) => domain.clone(),
        };
        lists().iter().filter(fits).map(|list| Dnsbl { list, listed: listed.clone(), subject: format!("{shown} {}", list.zone) }).collect()
    }

    fn shown(&self) -> &str {
        self.subject.split(' ').next().unwrap_or(&self.subject)
    }

    async fn look(&self, view: &View) -> Vec<Finding> {
        let under = match &self.listed {
            Listed::Address(address) => reversed(*address),
            Listed::Domain(domain) => domain.clone(),
        };
        let name = format!("{under}.{}", self.list.zone);
        let (reply, tested) = futures_util::future::join(view.resolver.ask(&name, Kind::A), self.tested(view)).await;
        if !reply.outcome.is_definite() {
            return vec![unanswered("dnsbl.listed", &self.subject, &reply)];
        }
        let answers: Vec<Ipv4Addr> =
            reply.addresses().iter().filter_map(|address| if let IpAddr::V4(address) = address { Some(*address) } else { None }).collect();
        if let Some(refusal) = answers.iter().find(|answer| self.list.refused.iter().any(|range| range.holds(**answer))) {
            return vec![self.refused(*refusal).from_reply(&reply)];
        }
        if let Err(why) = tested {
            return vec![
                Finding::unknown("dnsbl.listed", &self.subject, format!("{} is left out: {why}", self.list.name)).from_reply(&reply),
            ];
        }
        let finding = self.judged(view, &name, &answers).await;
        vec![finding.value(answers.iter().map(ToString::to_string)).from_reply(&reply)]
    }

    fn refused(&self, answer: Ipv4Addr) -> Finding {
        Finding::unknown("dnsbl.listed", &self.subject, format!("{} does not answer this resolver ({answer})", self.list.name))
            .means("The list refuses public and very busy resolvers. This says nothing about the address.")
            .fix("Ask over a resolver of your own: --resolver 127.0.0.1")
    }

    /// RFC 5782 section 5: a list that works lists its test entry, and not everything.
    async fn tested(&self, view: &View) -> Result<(), String> {
        let (present, absent) = match &self.listed {
            Listed::Address(_) => ("2.0.0.127".to_owned(), "1.0.0.127"),
            Listed::Domain(_) => (self.list.test.clone().unwrap_or_else(|| "test".to_owned()), "invalid"),
        };
        let ask = |entry: &str| {
            let name = format!("{entry}.{}", self.list.zone);
            async move { view.resolver.ask(&name, Kind::A).await.outcome }
        };
        let (present, absent) = futures_util::future::join(ask(&present), ask(absent)).await;
        match (present, absent) {
            (Outcome::Found(_), Outcome::Found(_)) => Err("it lists the address that must never be listed".to_owned()),
            (Outcome::Found(_), outcome) if outcome.is_void() => Ok(()),
            (outcome, _) if outcome.is_void() => {
                Err("it does not list its own test entry: it is dead, or does not answer this resolver".to_owned())
            }
            _ => Err("its self-test was not answered".to_owned()),
        }
    }

    async fn judged(&self, view: &View, name: &str, answers: &[Ipv4Addr]) -> Finding {
        let known = |answer: &Ipv4Addr| self.list.codes.iter().find(|code| code.answer.holds(*answer));
        let worst = answers.iter().filter_map(known).max_by_key(|code| code.severity);
        let Some(code) = worst else {
            return Finding::ok("dnsbl.listed", &self.subject, format!("{} is not on {}", self.shown(), self.list.name));
        };
        let title = format!("{} is on {}: {}", self.shown(), self.list.name, code.means);
        let finding = match code.severity {
            Weight::Good => return Finding::ok("dnsbl.listed", &self.subject, title),
            Weight::Critical => Finding::problem("dnsbl.listed", &self.subject, Severity::Critical, title),
            Weight::High => Finding::problem("dnsbl.listed", &self.subject, Severity::High, title),
            Weight::Medium => Finding::warning("dnsbl.listed", &self.subject, Severity::Medium, title),
            Weight::Low => Finding::warning("dnsbl.listed", &self.subject, Severity::Low, title),
            Weight::Info => Finding::warning("dnsbl.listed", &self.subject, Severity::Info, title),
        };
        let texts: Reply = view.resolver.ask(name, Kind::Txt).await;
        let said = texts.texts().join(" ");
        let means = if said.is_empty() { String::new() } else { format!("The list says: {said}") };
        finding.means(means).fix(format!(
            "Find and stop the cause first (a hijacked account, a form, a stale address list), then ask: {}",
            self.list.remove
        ))
    }
}

impl Check for Dnsbl {
    fn name(&self) -> &'static str {
        "dnsbl"
    }

    fn subject(&self) -> &str {
        &self.subject
    }

    fn run<'a>(&'a self, view: &'a View) -> Boxed<'a, Vec<Finding>> {
        Box::pin(self.look(view))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::testing::findings;
    use crate::finding::State;
    use crate::lookup::scripted::Scripted;

    /// The two block lists of Spamhaus, working, and nothing listed.
    fn working() -> Scripted {
        Scripted::new(1).a("2.0.0.127.zen.spamhaus.org", &["127.0.0.2"]).a("dbltest.com.dbl.spamhaus.org", &["127.0.1.2"])
    }

    fn state(server: &Scripted, listed: &Listed, zone: &str) -> State {
        let checks = Dnsbl::all(listed);
        let check = checks.iter().find(|check| check.list.zone == zone).unwrap();
        findings(server, check)[0].state
    }

    fn zen(server: &Scripted) -> State {
        state(server, &Listed::Address("192.0.2.10".parse().unwrap()), "zen.spamhaus.org")
    }

    #[test]
    fn the_data_can_be_read() {
        let lists: Vec<List> = serde_json::from_str(LISTS).unwrap();
        assert!(lists.len() >= 15 && lists.iter().all(|list| !list.codes.is_empty()));
        assert!(lists.iter().any(|list| list.ipv6) && lists.iter().any(|list| list.domain));
    }

    #[test]
    fn listed_or_not() {
        let at = "10.2.0.192.zen.spamhaus.org";
        assert_eq!(zen(&working()), State::Ok);
        assert_eq!(zen(&working().a(at, &["127.0.0.3"])), State::Problem);
        assert_eq!(zen(&working().a(at, &["127.0.0.10"])), State::Warning);
        assert_eq!(zen(&working().a(at, &["127.0.0.10", "127.0.0.4"])), State::Problem);
    }

    #[test]
    fn a_refusal_is_no_listing() {
        assert_eq!(zen(&working().a("10.2.0.192.zen.spamhaus.org", &["127.255.255.254"])), State::Unknown);
    }

    #[test]
    fn a_list_that_fails_its_test_is_not_believed() {
        let at = "10.2.0.192.zen.spamhaus.org";
        assert_eq!(zen(&Scripted::new(1).a(at, &["127.0.0.2"])), State::Unknown);
        assert_eq!(zen(&working().a("1.0.0.127.zen.spamhaus.org", &["127.0.0.2"]).a(at, &["127.0.0.2"])), State::Unknown);
        assert_eq!(zen(&Scripted::new(1)), State::Unknown);
    }

    #[test]
    fn silence_is_unknown() {
        assert_eq!(zen(&working().fail("10.2.0.192.zen.spamhaus.org", Kind::A, Outcome::Timeout)), State::Unknown);
        assert_eq!(zen(&working().fail("2.0.0.127.zen.spamhaus.org", Kind::A, Outcome::Timeout)), State::Unknown);
    }

    #[test]
    fn version_6_and_domains() {
        let six = Listed::Address("2001:db8::1".parse().unwrap());
        let at = format!("{}.zen.spamhaus.org", reversed("2001:db8::1".parse().unwrap()));
        assert_eq!(state(&working(), &six, "zen.spamhaus.org"), State::Ok);
        assert_eq!(state(&working().a(&at, &["127.0.0.2"]), &six, "zen.spamhaus.org"), State::Problem);
        let domain = Listed::Domain("example.com".to_owned());
        assert_eq!(state(&working(), &domain, "dbl.spamhaus.org"), State::Ok);
        assert_eq!(state(&working().a("example.com.dbl.spamhaus.org", &["127.0.1.4"]), &domain, "dbl.spamhaus.org"), State::Problem);
        assert_eq!(state(&working().a("example.com.dbl.spamhaus.org", &["127.0.1.255"]), &domain, "dbl.spamhaus.org"), State::Unknown);
    }
}
