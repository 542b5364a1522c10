//! `check_host()` (RFC 7208 section 4): is this client allowed to send for this sender? With every lookup counted.

use std::net::IpAddr;

use mailvane_model::Time;

use super::macros::{Macros, Values};
use super::record::{Mechanism, Prefix, Qualifier, Record, Term};
use super::{HOST_LIMIT, LOOKUP_LIMIT, VOID_LIMIT};
use crate::address::reverse_name;
use crate::lookup::{Boxed, Kind, Outcome, Reply, Resolver, name};

/// The result of a check (section 2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The domain says nothing.
    None,
    /// The domain does not want to say.
    Neutral,
    /// Allowed.
    Pass,
    /// Not allowed.
    Fail,
    /// Probably not allowed.
    SoftFail,
    /// A lookup failed; later it may not.
    TempError,
    /// The record cannot be understood or asks too much.
    PermError,
}

impl Verdict {
    /// The written form.
    pub const fn word(self) -> &'static str {
        match self {
            Verdict::None => "none",
            Verdict::Neutral => "neutral",
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::SoftFail => "softfail",
            Verdict::TempError => "temperror",
            Verdict::PermError => "permerror",
        }
    }

    const fn of(qualifier: Qualifier) -> Self {
        match qualifier {
            Qualifier::Pass => Verdict::Pass,
            Qualifier::Fail => Verdict::Fail,
            Qualifier::SoftFail => Verdict::SoftFail,
            Qualifier::Neutral => Verdict::Neutral,
        }
    }
}

/// Who wants to send what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The client's address.
    pub ip: IpAddr,
    /// MAIL FROM; empty for notices, whose HELO name then is the identity (section 2.4).
    pub sender: String,
    /// The name in HELO.
    pub helo: String,
    /// The name of the receiving host, for explanations.
    pub receiver: String,
    /// The time, for explanations.
    pub now: Time,
}

/// What the check gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// The result.
    pub verdict: Verdict,
    /// What the domain has to say to refused senders, if anything.
    pub explanation: Option<String>,
    /// Terms evaluated that count as lookups (section 4.6.4).
    pub lookups: u32,
    /// Lookups that found nothing (section 4.6.4).
    pub void_lookups: u32,
    /// Why, for errors and for `none`.
    pub cause: String,
    /// The term that matched, and in whose record it stands.
    pub matched: Option<(String, String)>,
    /// The domain that was checked.
    pub domain: String,
    /// Every answer that was used.
    pub replies: Vec<Reply>,
}

/// Checks a client by the record of the sender's domain, or of HELO when the sender is empty.
pub async fn check_host(resolver: &Resolver, request: &Request) -> Evaluation {
    let (local, domain) = identity(request);
    // Section 5: an IPv4 client written as mapped into IPv6 is an IPv4 client.
    let request = &Request { ip: request.ip.to_canonical(), ..request.clone() };
    let mut session = Session {
        resolver,
        request,
        local: &local,
        sender_domain: &domain,
        lookups: 0,
        void_lookups: 0,
        cause: String::new(),
        matched: None,
        replies: Vec::new(),
    };
    let ended = session.check(name::canonical(&domain), true).await;
    let (verdict, explanation) = match ended {
        Ok(ended) => (ended.verdict, ended.explanation),
        Err(stop) => {
            session.cause = stop.cause;
            (stop.verdict, None)
        }
    };
    Evaluation {
        verdict,
        explanation,
        lookups: session.lookups,
        void_lookups: session.void_lookups,
        cause: session.cause,
        matched: session.matched,
        replies: session.replies,
        domain: name::canonical(&domain),
    }
}

/// Local part and domain of the identity that is checked (section 4.3: without a local part it is `postmaster`).
fn identity(request: &Request) -> (String, String) {
    let sender = request.sender.trim_matches(|letter| letter == '<' || letter == '>');
    let (local, domain) = match sender.rsplit_once('@') {
        Some((local, domain)) => (local, domain),
        None if sender.is_empty() => ("", request.helo.as_str()),
        None => ("", sender),
    };
    (if local.is_empty() { "postmaster" } else { local }.to_owned(), domain.to_owned())
}

/// An evaluation that cannot go on.
struct Stop {
    verdict: Verdict,
    cause: String,
}

fn permanent<Value>(cause: impl Into<String>) -> Result<Value, Stop> {
    Err(Stop { verdict: Verdict::PermError, cause: cause.into() })
}

struct Ended {
    verdict: Verdict,
    explanation: Option<String>,
}

struct Session<'a> {
    resolver: &'a Resolver,
    request: &'a Request,
    local: &'a str,
    sender_domain: &'a str,
    lookups: u32,
    void_lookups: u32,
    cause: String,
    matched: Option<(String, String)>,
    replies: Vec<Reply>,
}

impl Session<'_> {
    /// Section 4.3 to 4.7 for one domain.
    fn check(&mut self, domain: String, explain: bool) -> Boxed<'_, Result<Ended, Stop>> {
        Box::pin(async move {
            let Some(text) = self.record_of(&domain).await? else { return Ok(Ended { verdict: Verdict::None, explanation: None }) };
            let record = match Record::parse(&text) {
                Ok(record) => record,
                Err(error) => return permanent(format!("{domain}: {error}")),
            };
            for term in &record.terms {
                if self.matches(term, &domain).await? {
                    let verdict = Verdict::of(term.qualifier);
                    self.matched = Some((term.text.clone(), domain.clone()));
                    let explanation = match &record.explanation {
                        Some(at) if explain && verdict == Verdict::Fail => self.explanation(at, &domain).await,
                        _ => None,
                    };
                    return Ok(Ended { verdict, explanation });
                }
            }
            match &record.redirect {
                Some(target) => self.redirect(target, &domain, explain).await,
                None => Ok(Ended { verdict: Verdict::Neutral, explanation: None }),
            }
        })
    }

    /// The one SPF record of a domain; `None` means `none` (section 4.3 to 4.5).
    async fn record_of(&mut self, domain: &str) -> Result<Option<String>, Stop> {
        if let Some(defect) = name::defect(domain).or_else(|| (!domain.contains('.')).then_some("not a fully qualified name")) {
            self.cause = format!("`{domain}` cannot be asked for: {defect}");
            return Ok(None);
        }
        let reply = self.ask(domain, Kind::Txt).await;
        if !reply.outcome.is_definite() {
            return Err(Stop { verdict: Verdict::TempError, cause: format!("{}: {}", reply.question, reply.outcome) });
        }
        let mut records: Vec<String> = reply.texts().into_iter().filter(|text| super::is_record(text)).collect();
        match records.len() {
            0 => {
                self.cause = format!("{domain} has no SPF record");
                Ok(None)
            }
            1 => Ok(records.pop()),
            count => permanent(format!("{domain} has {count} SPF records; there may be one")),
        }
    }

    async fn redirect(&mut self, target: &Macros, domain: &str, explain: bool) -> Result<Ended, Stop> {
        self.count_lookup()?;
        let target = self.name(target, domain).await;
        let ended = self.check(name::canonical(&target), explain).await?;
        // Section 6.1: a target without a record is an error.
        if ended.verdict == Verdict::None { permanent(format!("`redirect={target}`: {}", self.cause)) } else { Ok(ended) }
    }

    async fn matches(&mut self, term: &Term, domain: &str) -> Result<bool, Stop> {
        if term.mechanism.looks_up() {
            self.count_lookup()?;
        }
        match &term.mechanism {
            Mechanism::All => Ok(true),
            Mechanism::Ip(network, bits) => Ok(within(self.request.ip, *network, *bits)),
            Mechanism::Include(target) => self.include(target, domain).await,
            Mechanism::A(target, prefix) => {
                let target = self.target(target.as_ref(), domain).await;
                self.has_address(&target, *prefix).await
            }
            Mechanism::Mx(target, prefix) => {
                let target = self.target(target.as_ref(), domain).await;
                self.mx(&target, *prefix).await
            }
            Mechanism::Ptr(target) => {
                let target = self.target(target.as_ref(), domain).await;
                self.ptr(&target).await
            }
            Mechanism::Exists(target) => {
                let target = self.name(target, domain).await;
                Ok(matches!(self.lookup(&target, Kind::A).await?, Outcome::Found(_)))
            }
        }
    }

    /// Section 5.2: the table of results.
    async fn include(&mut self, target: &Macros, domain: &str) -> Result<bool, Stop> {
        let target = name::canonical(&self.name(target, domain).await);
        match self.check(target.clone(), false).await?.verdict {
            Verdict::Pass => Ok(true),
            Verdict::Fail | Verdict::SoftFail | Verdict::Neutral => {
                self.matched = None;
                Ok(false)
            }
            Verdict::None | Verdict::TempError | Verdict::PermError => permanent(format!("`include:{target}`: {}", self.cause)),
        }
    }

    async fn has_address(&mut self, host: &str, prefix: Prefix) -> Result<bool, Stop> {
        let outcome = self.lookup(host, Kind::of_address(self.request.ip)).await?;
        let ip = self.request.ip;
        Ok(outcome.records().iter().filter_map(|record| record.data.address()).any(|address| covered(ip, address, prefix)))
    }

    async fn mx(&mut self, target: &str, prefix: Prefix) -> Result<bool, Stop> {
        let outcome = self.lookup(target, Kind::Mx).await?;
        let hosts: Vec<String> = outcome.records().iter().filter_map(|record| record.data.pointed().map(str::to_owned)).collect();
        if hosts.len() > HOST_LIMIT {
            return permanent(format!("{target} has {} MX hosts; at most {HOST_LIMIT} may be asked for", hosts.len()));
        }
        for host in hosts {
            if !host.is_empty() && self.has_address(&host, prefix).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Section 5.5. Errors are no match here.
    async fn ptr(&mut self, target: &str) -> Result<bool, Stop> {
        let target = name::canonical(target);
        let names = self.validated_names().await?;
        Ok(names.iter().any(|host| name::is_within(host, &target)))
    }

    /// Names of the client that lead back to it.
    async fn validated_names(&mut self) -> Result<Vec<String>, Stop> {
        let reply = self.ask(&reverse_name(self.request.ip), Kind::Ptr).await;
        self.count_void(&reply.outcome)?;
        let mut validated = Vec::new();
        for host in reply.pointed().into_iter().take(HOST_LIMIT) {
            let reply = self.ask(&host, Kind::of_address(self.request.ip)).await;
            if reply.addresses().contains(&self.request.ip) {
                validated.push(host);
            }
        }
        Ok(validated)
    }

    /// `%{p}` (section 7.3): the domain itself if validated, else a name under it, else any.
    async fn validated_name(&mut self, domain: &str) -> String {
        let names = self.validated_names().await.unwrap_or_default();
        let exact = names.iter().find(|host| *host == domain);
        let under = || names.iter().find(|host| name::is_within(host, domain));
        exact.or_else(under).or_else(|| names.first()).cloned().unwrap_or_else(|| "unknown".to_owned())
    }

    /// Section 6.2: one TXT record, expanded; anything wrong with it means that there is none.
    async fn explanation(&mut self, at: &Macros, domain: &str) -> Option<String> {
        let at = self.name(at, domain).await;
        let reply = self.ask(&at, Kind::Txt).await;
        let [text] = reply.texts().try_into().ok()?;
        let text: String = text;
        let macros = Macros::parse(&text, true).ok()?;
        let validated = if macros.uses_validated_name() { self.validated_name(domain).await } else { String::new() };
        Some(macros.expand(&self.values(domain, &validated)))
    }

    async fn target(&mut self, target: Option<&Macros>, domain: &str) -> String {
        match target {
            Some(target) => self.name(target, domain).await,
            None => domain.to_owned(),
        }
    }

    async fn name(&mut self, macros: &Macros, domain: &str) -> String {
        let validated = if macros.uses_validated_name() { self.validated_name(domain).await } else { String::new() };
        macros.expand_to_name(&self.values(domain, &validated))
    }

    fn values<'v>(&'v self, domain: &'v str, validated: &'v str) -> Values<'v> {
        Values {
            local: self.local,
            sender_domain: self.sender_domain,
            domain,
            ip: self.request.ip,
            validated,
            helo: &self.request.helo,
            receiver: &self.request.receiver,
            now: self.request.now.seconds(),
        }
    }

    async fn ask(&mut self, name: &str, kind: Kind) -> Reply {
        let reply = self.resolver.ask(name, kind).await;
        if !self.replies.iter().any(|old| old.question == reply.question) {
            self.replies.push(reply.clone());
        }
        reply
    }

    /// A lookup of a term: a failure ends everything, nothing found is counted.
    async fn lookup(&mut self, name: &str, kind: Kind) -> Result<Outcome, Stop> {
        let reply = self.ask(name, kind).await;
        if matches!(reply.outcome, Outcome::BadName(_)) {
            // A name that macros made unaskable matches nobody.
            return Ok(Outcome::NxDomain);
        }
        if !reply.outcome.is_definite() {
            return Err(Stop { verdict: Verdict::TempError, cause: format!("{}: {}", reply.question, reply.outcome) });
        }
        self.count_void(&reply.outcome)?;
        Ok(reply.outcome)
    }

    fn count_lookup(&mut self) -> Result<(), Stop> {
        self.lookups += 1;
        if self.lookups > LOOKUP_LIMIT { permanent(format!("more than {LOOKUP_LIMIT} terms that need lookups")) } else { Ok(()) }
    }

    fn count_void(&mut self, outcome: &Outcome) -> Result<(), Stop> {
        if outcome.is_void() {
            self.void_lookups += 1;
            if self.void_lookups > VOID_LIMIT {
                return permanent(format!("more than {VOID_LIMIT} lookups that found nothing"));
            }
        }
        Ok(())
    }
}

/// Is a client covered by an address with the prefix of its family?
fn covered(client: IpAddr, address: IpAddr, prefix: Prefix) -> bool {
    within(client, address, if address.is_ipv4() { prefix.four } else { prefix.six })
}

/// Is a client in a network? An IPv4 client stays one when written as mapped into IPv6 (section 5).
pub(super) fn within(client: IpAddr, network: IpAddr, bits: u8) -> bool {
    let (client, network) = (client.to_canonical(), network);
    match (client, network) {
        (IpAddr::V4(client), IpAddr::V4(network)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
            client.to_bits() & mask == network.to_bits() & mask
        }
        (IpAddr::V6(client), IpAddr::V6(network)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0);
            client.to_bits() & mask == network.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::lookup::scripted::{NOW, Scripted, block_on};

    fn check(server: Scripted, ip: &str, sender: &str) -> Evaluation {
        let resolver = Resolver::new(vec![Arc::new(server)]);
        let request = Request {
            ip: ip.parse().unwrap(),
            sender: sender.to_owned(),
            helo: "mail.example.com".to_owned(),
            receiver: "here.example".to_owned(),
            now: NOW,
        };
        block_on(check_host(&resolver, &request))
    }

    fn server(record: &str) -> Scripted {
        Scripted::new(1).txt("example.com", record)
    }

    #[test]
    fn networks() {
        for (client, network, bits, inside) in [
            ("192.0.2.10", "192.0.2.0", 24, true),
            ("192.0.3.10", "192.0.2.0", 24, false),
            ("203.0.113.1", "192.0.2.0", 0, true),
            ("2001:db8::1", "2001:db8::", 32, true),
            ("2001:db9::1", "2001:db8::", 32, false),
            ("::ffff:192.0.2.10", "192.0.2.10", 32, true),
            ("192.0.2.10", "::", 0, false),
        ] {
            assert_eq!(within(client.parse().unwrap(), network.parse().unwrap(), bits), inside, "{client} {network}/{bits}");
        }
    }

    #[test]
    fn verdicts_and_what_matched() {
        let result = check(server("v=spf1 ip4:192.0.2.0/24 -all"), "192.0.2.7", "a@example.com");
        assert_eq!((result.verdict, result.lookups), (Verdict::Pass, 0));
        assert_eq!(result.matched, Some(("ip4:192.0.2.0/24".to_owned(), "example.com".to_owned())));
        assert_eq!(check(server("v=spf1 ip4:192.0.2.0/24 -all"), "198.51.100.7", "a@example.com").verdict, Verdict::Fail);
        assert_eq!(check(server("v=spf1 ip4:192.0.2.0/24"), "198.51.100.7", "a@example.com").verdict, Verdict::Neutral);
        assert_eq!(check(server("other"), "192.0.2.7", "a@example.com").verdict, Verdict::None);
        assert_eq!(check(server("v=spf1 foo"), "192.0.2.7", "a@example.com").verdict, Verdict::PermError);
    }

    #[test]
    fn a_mapped_address_is_one_of_version_4() {
        let server = server("v=spf1 a -all").a("example.com", &["192.0.2.7"]);
        assert_eq!(check(server, "::ffff:192.0.2.7", "a@example.com").verdict, Verdict::Pass);
    }

    #[test]
    fn the_empty_sender_is_checked_by_helo() {
        let server = Scripted::new(1).txt("mail.example.com", "v=spf1 a -all").a("mail.example.com", &["192.0.2.7"]);
        assert_eq!(check(server, "192.0.2.7", "<>").verdict, Verdict::Pass);
    }

    #[test]
    fn silence_and_servfail_are_temporary() {
        for outcome in [Outcome::Timeout, Outcome::ServFail(String::new()), Outcome::Refused, Outcome::Bogus(String::new())] {
            let server = Scripted::new(1).fail("example.com", Kind::Txt, outcome.clone());
            assert_eq!(check(server, "192.0.2.7", "a@example.com").verdict, Verdict::TempError, "{outcome:?}");
            let server = server_with_failing_a(outcome);
            assert_eq!(check(server, "192.0.2.7", "a@example.com").verdict, Verdict::TempError);
        }
    }

    fn server_with_failing_a(outcome: Outcome) -> Scripted {
        server("v=spf1 a -all").fail("example.com", Kind::A, outcome)
    }

    #[test]
    fn lookups_are_counted_through_includes_and_end_at_the_limit() {
        let mut chain = server("v=spf1 include:s1.example.com -all");
        for number in 1..=12 {
            let next = format!("v=spf1 include:s{}.example.com -all", number + 1);
            chain = chain.txt(&format!("s{number}.example.com"), &next);
        }
        let result = check(chain, "192.0.2.7", "a@example.com");
        assert_eq!((result.verdict, result.lookups), (Verdict::PermError, 11));
        assert!(result.cause.contains("more than 10"), "{}", result.cause);
    }

    #[test]
    fn a_third_lookup_without_an_answer_is_too_many() {
        let result = check(server("v=spf1 a:a.example.net a:b.example.net -all"), "192.0.2.7", "a@example.com");
        assert_eq!((result.verdict, result.void_lookups), (Verdict::Fail, 2));
        let result = check(server("v=spf1 a:a.example.net a:b.example.net mx:c.example.net -all"), "192.0.2.7", "a@example.com");
        assert_eq!(result.verdict, Verdict::PermError);
    }

    #[test]
    fn a_loop_ends() {
        let result = check(server("v=spf1 include:example.com -all"), "192.0.2.7", "a@example.com");
        assert_eq!(result.verdict, Verdict::PermError);
    }

    #[test]
    fn an_include_without_record_is_an_error_and_names_it() {
        let result = check(server("v=spf1 include:none.example.net -all"), "192.0.2.7", "a@example.com");
        assert_eq!(result.verdict, Verdict::PermError);
        assert!(result.cause.contains("include:none.example.net"), "{}", result.cause);
    }

    #[test]
    fn the_explanation_is_expanded() {
        let server = server("v=spf1 -all exp=why.example.com").txt("why.example.com", "%{i} is not ours, says %{d}");
        assert_eq!(check(server, "192.0.2.7", "a@example.com").explanation.as_deref(), Some("192.0.2.7 is not ours, says example.com"));
    }
}
