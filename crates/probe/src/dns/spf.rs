//! The SPF record: is it there, once, in its grammar, within its limits, strong enough, and does it cover what our servers use?

use std::net::IpAddr;

use super::{texts_at, unanswered};
use crate::check::{Check, View};
use crate::finding::{Finding, Severity};
use crate::lookup::{Boxed, Reply};
use crate::spf::tree::Fault;
use crate::spf::{self, LOOKUP_LIMIT, Mechanism, Qualifier, Record, Request, Tree, Verdict, check_host};

/// Lookups from which on the record is close to its limit.
const LOOKUP_NEAR: u32 = 9;
/// Networks at least this large are too much to vouch for.
const HUGE_FOUR: u8 = 16;
const HUGE_SIX: u8 = 28;
/// Longest answer that passes UDP without EDNS (RFC 7208 section 3.4).
const ANSWER_LIMIT: usize = 512;

/// The SPF record of one domain.
pub struct Spf {
    /// The domain.
    pub domain: String,
    /// Mail leaves through this host: its record has to be included.
    pub smarthost: Option<String>,
}

impl Spf {
    async fn look(&self, view: &View) -> Vec<Finding> {
        let (reply, records) = texts_at(&view.resolver, &self.domain, spf::is_record).await;
        if !reply.outcome.is_definite() {
            return vec![unanswered("spf.record", &self.domain, &reply)];
        }
        let text = match records.as_slice() {
            [] => return vec![self.missing(&reply)],
            [text] => text,
            several => return vec![self.several(several, &reply)],
        };
        let errors = Record::errors(text);
        let exists = Finding::ok("spf.record", &self.domain, "One SPF record")
            .value(text.split(' ').filter(|term| !term.is_empty()))
            .from_reply(&reply);
        let Ok(record) = Record::parse(text) else {
            let listed: Vec<String> = errors.iter().map(ToString::to_string).collect();
            return vec![exists, self.syntax(&listed, &reply)];
        };
        let tree = Tree::walk(&view.resolver, &self.domain).await;
        let mut findings = vec![exists];
        findings.extend(self.limits(&tree, &reply));
        findings.extend(self.faults(&tree, &reply));
        findings.extend(self.strength(&record, &tree, &reply));
        findings.extend(self.form(&record, text, &tree, &reply));
        findings
    }

    fn missing(&self, reply: &Reply) -> Finding {
        Finding::problem("spf.record", &self.domain, Severity::High, "No SPF record")
            .means("Nothing says which servers may send for the domain: Gmail, Yahoo and Microsoft want SPF from everybody.")
            .fix(format!("Publish a TXT record at {}: `v=spf1 mx -all`, with the servers and services that really send.", self.domain))
            .from_reply(reply)
    }

    fn several(&self, records: &[String], reply: &Reply) -> Finding {
        Finding::problem("spf.record", &self.domain, Severity::Critical, format!("{} SPF records; there may be one", records.len()))
            .means("RFC 7208 section 4.5: receivers end with permerror and believe none of them.")
            .fix("Merge them into one record that begins with `v=spf1`.")
            .value(records.to_vec())
            .from_reply(reply)
    }

    fn syntax(&self, errors: &[String], reply: &Reply) -> Finding {
        Finding::problem("spf.syntax", &self.domain, Severity::Critical, format!("The SPF record is broken: {}", errors.join("; ")))
            .means("One error anywhere in it makes the whole record permerror for every receiver.")
            .fix("Mend or remove the terms named.")
            .from_reply(reply)
    }

    fn limits(&self, tree: &Tree, reply: &Reply) -> Vec<Finding> {
        let lookups = format!("{} of {LOOKUP_LIMIT} lookups", tree.lookups);
        let counted = if tree.lookups > LOOKUP_LIMIT {
            Finding::problem("spf.lookups", &self.domain, Severity::Critical, format!("The SPF record needs {lookups}"))
                .means("Receivers stop at the eleventh with permerror: mail from whoever stands late in the record fails SPF.")
                .fix("Remove includes of services that no longer send, or replace `a` and `mx` by their addresses.")
        } else if tree.lookups >= LOOKUP_NEAR {
            Finding::warning("spf.lookups", &self.domain, Severity::Medium, format!("The SPF record needs {lookups}"))
                .means("The next service, or a change inside an include, breaks it.")
                .fix("Remove what no longer sends.")
        } else {
            Finding::ok("spf.lookups", &self.domain, lookups)
        };
        let mut findings = vec![counted.value([tree.lookups.to_string()]).from_reply(reply)];
        if tree.void_lookups > spf::VOID_LIMIT {
            findings.push(
                Finding::problem(
                    "spf.void",
                    &self.domain,
                    Severity::High,
                    format!("{} terms find nothing; more than {} are an error", tree.void_lookups, spf::VOID_LIMIT),
                )
                .means("RFC 7208 section 4.6.4: receivers may end with permerror.")
                .fix("Remove the terms that lead to names without records.")
                .from_reply(reply),
            );
        }
        findings
    }

    fn faults(&self, tree: &Tree, reply: &Reply) -> Vec<Finding> {
        tree.faults.iter().map(|fault| self.fault(fault).from_reply(reply)).collect()
    }

    fn fault(&self, fault: &Fault) -> Finding {
        match fault {
            Fault::Syntax(domain, error) => {
                self.below(domain, format!("The SPF record of {domain}, which this one leads to, is broken: {error}"))
            }
            Fault::Several(domain, count) => self.below(domain, format!("{domain}, which this record leads to, has {count} SPF records")),
            Fault::Missing(term, why) => self.below(term, format!("`{term}` leads to a domain without SPF record ({why})")),
            Fault::Loop(path) => {
                Finding::problem("spf.loop", &self.domain, Severity::Critical, format!("The record leads back to itself: {path}"))
                    .means("Receivers end with permerror.")
                    .fix("Remove the `include` or `redirect` that leads back.")
            }
            Fault::ManyHosts(term, hosts) => Finding::problem(
                "spf.hosts",
                &self.domain,
                Severity::High,
                format!("`{term}` leads to {hosts} MX hosts; more than 10 are an error"),
            )
            .fix("Replace it by `ip4` and `ip6`."),
            Fault::Void(what) => Finding::warning("spf.void-term", &format!("{} {what}", self.domain), Severity::Low, what.clone())
                .fix("Remove the term, or publish what it leads to."),
            Fault::Failed(what) => Finding::unknown(
                "spf.below",
                &format!("{} {what}", self.domain),
                format!("A part of the record could not be looked at: {what}"),
            ),
        }
    }

    fn below(&self, where_: &str, title: String) -> Finding {
        Finding::problem("spf.below", &format!("{} {where_}", self.domain), Severity::Critical, title)
            .means("RFC 7208 section 5.2: receivers that come to it end with permerror, and SPF fails for everything.")
            .fix("Ask the owner of that domain, or remove the term.")
    }

    fn strength(&self, record: &Record, tree: &Tree, reply: &Reply) -> Option<Finding> {
        let last = tree
            .nodes
            .iter()
            .filter(|node| node.path.iter().all(|term| term == "redirect"))
            .filter_map(|node| node.record.as_ref())
            .next_back();
        let all = last.unwrap_or(record).all();
        let finding = match all.map(|term| term.qualifier) {
            Some(Qualifier::Pass) => {
                Finding::problem("spf.strength", &self.domain, Severity::Critical, "`+all` lets the whole world send for the domain")
                    .means("The record is worse than none: forged mail passes.")
                    .fix("End it with `-all` or `~all`.")
            }
            Some(Qualifier::Neutral) => {
                Finding::warning("spf.strength", &self.domain, Severity::High, "`?all` says nothing about other servers")
                    .means("Receivers treat the domain as if it had no SPF for everybody who is not listed.")
                    .fix("End the record with `~all` or `-all`.")
            }
            None if record.redirect.is_none() => {
                Finding::warning("spf.strength", &self.domain, Severity::Medium, "The record ends without `all`")
                    .means("It is then neutral about everybody else, as with `?all`.")
                    .fix("End it with `~all` or `-all`.")
            }
            // Behind a redirect that could not be read nothing is known.
            None => return None,
            Some(qualifier) => Finding::ok("spf.strength", &self.domain, format!("Ends with `{}all`", qualifier.sign())),
        };
        Some(finding.from_reply(reply))
    }

    fn form(&self, record: &Record, text: &str, tree: &Tree, reply: &Reply) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut low = |check: &str, severity, title: String, fix: &str| {
            findings.push(Finding::warning(check, &self.domain, severity, title).fix(fix).from_reply(reply));
        };
        if tree
            .nodes
            .iter()
            .filter_map(|node| node.record.as_ref())
            .flat_map(|record| &record.terms)
            .any(|term| matches!(term.mechanism, Mechanism::Ptr(_)))
        {
            low(
                "spf.ptr",
                Severity::Medium,
                "`ptr` is slow and unreliable (RFC 7208 section 5.5: do not use it)".to_owned(),
                "Replace it by `ip4`, `ip6` or `a`.",
            );
        }
        let after = record.terms.iter().skip_while(|term| term.mechanism != Mechanism::All).count();
        if after > 1 {
            low(
                "spf.after-all",
                Severity::Low,
                "Terms after `all` are never looked at".to_owned(),
                "Move them before `all`, or remove them.",
            );
        }
        if record.all().is_some() && record.redirect.is_some() {
            low("spf.redirect", Severity::Low, "`redirect` beside `all` is never followed".to_owned(), "Remove one of the two.");
        }
        let own = tree.nodes.first().and_then(|node| node.record.as_ref()).map(|record| record.terms.as_slice()).unwrap_or_default();
        for term in own {
            let Mechanism::Ip(address, bits) = term.mechanism else { continue };
            if bits <= if address.is_ipv4() { HUGE_FOUR } else { HUGE_SIX } && term.qualifier == Qualifier::Pass {
                low(
                    "spf.range",
                    Severity::Medium,
                    format!("`{}` vouches for a huge network", term.text),
                    "Name the addresses that really send.",
                );
            }
        }
        if text.len() + self.domain.len() + 40 > ANSWER_LIMIT {
            low(
                "spf.size",
                Severity::Low,
                format!("The record is {} bytes long: some resolvers need a second try over TCP", text.len()),
                "Move parts of it behind an `include`.",
            );
        }
        if let Some(smarthost) = &self.smarthost {
            findings.extend(self.through(smarthost, tree, reply));
        }
        findings
    }

    /// Behind a smarthost its network has to be in the record, by an include of its provider or by address.
    fn through(&self, smarthost: &str, tree: &Tree, reply: &Reply) -> Option<Finding> {
        let zone = organisation(smarthost);
        let included = tree.nodes.iter().any(|node| crate::lookup::name::is_within(&node.domain, zone) && node.domain != self.domain);
        if included || crate::lookup::name::is_within(&self.domain, zone) {
            return None;
        }
        Some(
            Finding::warning(
                "spf.smarthost",
                &self.domain,
                Severity::High,
                format!("Mail leaves through {smarthost}, and no include of {zone} is in the record"),
            )
            .means("What receivers see is an address of the smarthost; unless the record covers it, SPF fails.")
            .fix("Add the include that the provider of the smarthost names.")
            .from_reply(reply),
        )
    }
}

/// The last two labels: enough to recognise a provider by its own names.
fn organisation(host: &str) -> &str {
    let mut dots = host.rmatch_indices('.').map(|(at, _)| at);
    dots.nth(1).map_or(host, |at| &host[at + 1..])
}

impl Check for Spf {
    fn name(&self) -> &'static str {
        "spf"
    }

    fn subject(&self) -> &str {
        &self.domain
    }

    fn run<'a>(&'a self, view: &'a View) -> Boxed<'a, Vec<Finding>> {
        Box::pin(self.look(view))
    }
}

/// What SPF says about one sending address with one sender and HELO name.
pub struct Coverage {
    /// The sending address.
    pub address: IpAddr,
    /// MAIL FROM.
    pub sender: String,
    /// HELO.
    pub helo: String,
    /// Address and sender: the subject of the finding.
    subject: String,
}

impl Coverage {
    /// The check of one combination that our servers use.
    pub fn new(address: IpAddr, sender: &str, helo: &str) -> Self {
        Coverage { address, sender: sender.to_owned(), helo: helo.to_owned(), subject: format!("{address} {sender}") }
    }

    async fn look(&self, view: &View) -> Vec<Finding> {
        let request = Request {
            ip: self.address,
            sender: self.sender.clone(),
            helo: self.helo.clone(),
            receiver: "unknown".to_owned(),
            now: view.now,
        };
        let result = check_host(&view.resolver, &request).await;
        let domain = &result.domain;
        let by = result.matched.as_ref().map_or(String::new(), |(term, of)| format!(" (`{term}` in the record of {of})"));
        let title = format!("SPF of {domain} for {}: {}{by}", self.address, result.verdict.word());
        let finding = match result.verdict {
            Verdict::Pass => Finding::ok("spf.coverage", &self.subject, title),
            Verdict::Fail => Finding::problem("spf.coverage", &self.subject, Severity::Critical, title)
                .means("Mail of ours leaves from this address and is forged in the eyes of receivers.")
                .fix(format!("Add the address to the SPF record of {domain}, or use another envelope sender for what leaves here.")),
            Verdict::SoftFail | Verdict::Neutral | Verdict::None => Finding::warning("spf.coverage", &self.subject, Severity::High, title)
                .means("Mail from this address does not pass SPF.")
                .fix(format!("Add the address to the SPF record of {domain}.")),
            Verdict::PermError => Finding::problem("spf.coverage", &self.subject, Severity::Critical, title)
                .means(result.cause.clone())
                .fix("Mend the record."),
            Verdict::TempError => Finding::unknown("spf.coverage", &self.subject, title).means(result.cause.clone()),
        };
        vec![result.replies.iter().fold(finding.value([result.verdict.word()]), |finding, reply| finding.from_reply(reply))]
    }
}

impl Check for Coverage {
    fn name(&self) -> &'static str {
        "spf"
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
    use crate::dns::testing::{bad, findings, state};
    use crate::finding::State;
    use crate::lookup::scripted::Scripted;
    use crate::lookup::{Kind, Outcome};

    fn with(record: &str) -> Scripted {
        Scripted::new(1)
            .txt("example.com", record)
            .mx("example.com", &[(10, "mx.example.com")])
            .a("mx.example.com", &["192.0.2.10"])
            .a("example.com", &["192.0.2.1"])
    }

    fn look(server: &Scripted) -> Vec<Finding> {
        findings(server, &Spf { domain: "example.com".to_owned(), smarthost: None })
    }

    #[test]
    fn a_clean_record_has_nothing_bad() {
        let found = look(&with("v=spf1 mx a ip4:192.0.2.0/24 -all"));
        assert!(found.iter().all(|finding| finding.state == State::Ok), "{found:?}");
    }

    #[test]
    fn each_fault_is_found() {
        let many = format!("v=spf1 {} -all", "a mx ".repeat(6));
        let near = format!("v=spf1 {}a -all", "a mx ".repeat(4));
        let long = format!("v=spf1 {} -all", (0..40).map(|n| format!("ip4:192.0.2.{n}")).collect::<Vec<_>>().join(" "));
        for (record, rule) in [
            ("other", "spf.record"),
            ("v=spf1 ipv4:192.0.2.1 -all", "spf.syntax"),
            ("v=spf1 a:%{z} -all", "spf.syntax"),
            (&many, "spf.lookups"),
            (&near, "spf.lookups"),
            ("v=spf1 a:a.gone.example a:b.gone.example mx:c.gone.example -all", "spf.void"),
            ("v=spf1 a:a.gone.example -all", "spf.void-term"),
            ("v=spf1 include:gone.example -all", "spf.below"),
            ("v=spf1 include:example.com -all", "spf.loop"),
            ("v=spf1 redirect=example.com", "spf.loop"),
            ("v=spf1 mx +all", "spf.strength"),
            ("v=spf1 mx ?all", "spf.strength"),
            ("v=spf1 mx", "spf.strength"),
            ("v=spf1 ptr -all", "spf.ptr"),
            ("v=spf1 -all mx", "spf.after-all"),
            ("v=spf1 mx -all redirect=example.net", "spf.redirect"),
            ("v=spf1 ip4:192.0.0.0/8 -all", "spf.range"),
            (&long, "spf.size"),
        ] {
            let found = look(&with(record));
            assert!(bad(&found).contains(&rule), "{record}: {:?}", bad(&found));
        }
        assert_eq!(bad(&look(&with("v=spf1 mx -all").txt("example.com", "v=spf1 a -all"))), ["spf.record"]);
    }

    #[test]
    fn many_hosts_are_found() {
        let hosts: Vec<String> = (0..11).map(|number| format!("mx{number}.example.com")).collect();
        let hosts: Vec<(u16, &str)> = hosts.iter().map(|host| (10, host.as_str())).collect();
        let server = Scripted::new(1).txt("example.com", "v=spf1 mx -all").mx("example.com", &hosts);
        assert!(bad(&look(&server)).contains(&"spf.hosts"));
    }

    #[test]
    fn silence_is_unknown() {
        assert_eq!(state(&look(&Scripted::new(1).fail("example.com", Kind::Txt, Outcome::Timeout)), "spf.record"), Some(State::Unknown));
        let below = with("v=spf1 include:slow.example.net -all").fail("slow.example.net", Kind::Txt, Outcome::Timeout);
        let found = look(&below);
        assert!(bad(&found).is_empty(), "{found:?}");
        assert_eq!(state(&found, "spf.below"), Some(State::Unknown));
    }

    #[test]
    fn coverage_of_what_is_used() {
        let coverage = |server: &Scripted, address: &str| {
            let found = findings(server, &Coverage::new(address.parse().unwrap(), "news@example.com", "mail.example.com"));
            found[0].state
        };
        let server = with("v=spf1 mx -all");
        assert_eq!(coverage(&server, "192.0.2.10"), State::Ok);
        assert_eq!(coverage(&server, "198.51.100.1"), State::Problem);
        assert_eq!(coverage(&with("v=spf1 mx ~all"), "198.51.100.1"), State::Warning);
        assert_eq!(coverage(&server.fail("example.com", Kind::Mx, Outcome::Timeout), "192.0.2.10"), State::Unknown);
    }

    #[test]
    fn a_smarthost_wants_its_include() {
        let check = |record: &str| {
            let server = with(record).txt("_spf.relay.example.net", "v=spf1 ip4:198.51.100.0/24 ~all");
            bad(&findings(&server, &Spf { domain: "example.com".to_owned(), smarthost: Some("smtp.relay.example.net".to_owned()) })).len()
        };
        assert_eq!(check("v=spf1 mx -all"), 1);
        assert_eq!(check("v=spf1 include:_spf.relay.example.net -all"), 0);
    }
}
