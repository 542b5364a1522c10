//! Which checks a domain needs, from what is known of it.

use std::net::IpAddr;
use std::time::Duration;

use crate::check::{Check, View};
use crate::dns;
use crate::finding::Finding;
use crate::lookup::{Kind, name};
use crate::service::smtp::{Smtp, Use};
use crate::service::{Encryption, Service};
use crate::talk::tls::Trust;
use crate::target::{Learned, Target};

/// The checks of DNS, by the name that `--only` takes.
pub const GROUPS: &[&str] =
    &["zone", "mx", "ptr", "helo", "spf", "dkim", "dmarc", "mta-sts", "tls-rpt", "dane", "dnssec", "bimi", "caa", "dnsbl"];
/// The checks of servers that belong to a domain, by the name that `--only` takes: their findings begin with these words.
pub const TRANSPORT: &[&str] = &["smtp", "tls", "outgoing"];
/// How long a connection to an MX host may take: a check of a domain is waited for by a person.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a step after it may take.
const STEP: Duration = Duration::from_secs(15);
/// MX hosts whose certificates' records are looked at.
const HOST_LIMIT: usize = 10;
/// Combinations of address and sender that SPF is evaluated for.
const COVERAGE_LIMIT: usize = 200;

/// What is to be done for one domain.
pub struct Plan {
    /// The checks to run.
    pub checks: Vec<Box<dyn Check>>,
    /// What is known to be unknown before anything runs.
    pub findings: Vec<Finding>,
}

/// Plans the checks of a domain. With `only`, those of these groups; else all. The MX hosts are asked for first.
pub async fn plan(view: &View, target: &Target, only: &[String]) -> Plan {
    let wanted = |group: &str| only.is_empty() || only.iter().any(|name| name == group);
    let domain = &target.domain;
    let mut checks: Vec<Box<dyn Check>> = Vec::new();
    let mut findings = Vec::new();
    if wanted("zone") {
        checks.push(Box::new(dns::zone::Zone { domain: domain.clone() }));
    }
    if wanted("mx") {
        checks.push(Box::new(dns::mx::Mx { domain: domain.clone() }));
    }
    if wanted("spf") {
        checks.push(Box::new(dns::spf::Spf { domain: domain.clone(), smarthost: target.smarthost.clone() }));
    }
    if wanted("dmarc") {
        checks.push(Box::new(dns::dmarc::DmarcPolicy { domain: domain.clone() }));
    }
    if wanted("mta-sts") {
        checks.push(Box::new(dns::mta_sts::MtaSts { domain: domain.clone() }));
    }
    if wanted("tls-rpt") {
        checks.push(Box::new(dns::tls_rpt::TlsRpt { domain: domain.clone() }));
    }
    if wanted("dnssec") {
        checks.push(Box::new(dns::dnssec::Dnssec { domain: domain.clone() }));
    }
    if wanted("bimi") {
        checks.push(Box::new(dns::bimi::Bimi { domain: domain.clone() }));
    }
    if wanted("dkim") {
        selectors(target, &mut checks, &mut findings);
    }
    senders(target, &wanted, &mut checks, &mut findings);
    if wanted("dnsbl") {
        listings(dns::dnsbl::Listed::Domain(domain.clone()), &mut checks);
    }
    if wanted("dane") || wanted("caa") {
        let hosts = view.resolver.ask(domain, Kind::Mx).await.pointed();
        for host in hosts.into_iter().filter(|host| name::is_host(host)).take(HOST_LIMIT) {
            if wanted("dane") {
                checks.push(Box::new(dns::dane::Dane { host: host.clone() }));
            }
            if wanted("caa") {
                checks.push(Box::new(dns::caa::Caa { host }));
            }
        }
    }
    Plan { checks, findings }
}

/// The servers that take the domain's mail, each for a session of its own. Nothing is tried that only an operator may try.
pub async fn transport(view: &View, target: &Target, trust: &Trust) -> Vec<Box<dyn Check>> {
    let hosts = view.resolver.ask(&target.domain, Kind::Mx).await.pointed();
    let hosts = hosts.into_iter().filter(|host| name::is_host(host)).take(HOST_LIMIT);
    hosts
        .map(|host| {
            let mut service = Service::new(&host, 25, Encryption::OnDemand);
            (service.connect, service.step) = (CONNECT, STEP);
            service.trust = trust.clone();
            Box::new(Smtp::new(service, Use::Exchange)) as Box<dyn Check>
        })
        .collect()
}

fn selectors(target: &Target, checks: &mut Vec<Box<dyn Check>>, findings: &mut Vec<Finding>) {
    if target.selectors.is_empty() {
        let title = "DKIM selector unknown: give it with --selector";
        findings.push(
            Finding::unknown("dkim.key", &target.domain, title)
                .means("DNS cannot list selectors; they stand in signatures (`s=`) and in the signer's settings."),
        );
    }
    for selector in &target.selectors {
        let key = target.signing_keys.iter().find(|(of, _)| *of == selector.value).map(|(_, path)| path.clone());
        checks.push(Box::new(dns::dkim::Selector::new(&target.domain, &selector.value, selector.origin.word(), key)));
    }
}

/// What depends on the addresses our mail leaves from. Behind a smarthost nobody sees them.
fn senders(target: &Target, wanted: &impl Fn(&str) -> bool, checks: &mut Vec<Box<dyn Check>>, findings: &mut Vec<Finding>) {
    if target.smarthost.is_some() {
        return;
    }
    let missing = |check: &str| Finding::unknown(check, &target.domain, "Sending IP unknown: give it with --ip");
    if target.sending.is_empty() {
        let rules = [("ptr", "ptr.exists"), ("spf", "spf.coverage"), ("dnsbl", "dnsbl.listed")];
        findings.extend(rules.into_iter().filter(|(group, _)| wanted(group)).map(|(_, rule)| missing(rule)));
    }
    let sending: Vec<IpAddr> = target.sending.iter().map(|learned| learned.value).collect();
    for Learned { value: address, origin, .. } in &target.sending {
        if wanted("ptr") {
            checks.push(Box::new(dns::ptr::Ptr::new(*address, origin.word())));
        }
        if wanted("dnsbl") {
            listings(dns::dnsbl::Listed::Address(*address), checks);
        }
    }
    if wanted("helo") {
        for helo in &target.helo {
            checks.push(Box::new(dns::helo::Helo { host: helo.value.clone(), sending: sending.clone() }));
        }
    }
    if wanted("spf") {
        let helo = target.helo.first().map_or("", |helo| helo.value.as_str());
        let senders = target.mail_from();
        let pairs = sending.iter().flat_map(|address| senders.iter().map(move |sender| (address, sender)));
        for (address, sender) in pairs.take(COVERAGE_LIMIT) {
            checks.push(Box::new(dns::spf::Coverage::new(*address, sender, helo)));
        }
    }
}

fn listings(listed: dns::dnsbl::Listed, checks: &mut Vec<Box<dyn Check>>) {
    for check in dns::dnsbl::Dnsbl::all(&listed) {
        checks.push(Box::new(check));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::lookup::Resolver;
    use crate::lookup::scripted::{NOW, Scripted, block_on};
    use crate::target::Origin;

    fn planned(target: &Target, only: &[&str]) -> Plan {
        let server = Scripted::new(1).mx("example.com", &[(10, "mx.example.com")]);
        let view = View::new(Resolver::new(vec![Arc::new(server)]), NOW);
        let only: Vec<String> = only.iter().map(|group| (*group).to_owned()).collect();
        block_on(plan(&view, target, &only))
    }

    #[test]
    fn everything_that_is_known_is_checked() {
        let mut target = Target::new("Example.com.");
        target.sending.push(Learned::new("192.0.2.10".parse().unwrap(), Origin::CommandLine));
        target.helo.push(Learned::new("mail.example.com".to_owned(), Origin::Settings));
        target.selectors.push(Learned::new("s1".to_owned(), Origin::Log));
        let plan = planned(&target, &[]);
        for group in GROUPS {
            assert!(plan.checks.iter().any(|check| check.name() == *group), "{group}");
        }
        assert!(plan.findings.is_empty());
    }

    #[test]
    fn what_is_not_known_is_said() {
        let plan = planned(&Target::new("example.com"), &[]);
        let said: Vec<&str> = plan.findings.iter().map(|finding| finding.check.as_str()).collect();
        assert_eq!(said, ["dkim.key", "ptr.exists", "spf.coverage", "dnsbl.listed"]);
    }

    #[test]
    fn only_what_was_asked_for() {
        let plan = planned(&Target::new("example.com"), &["mx", "dane"]);
        assert_eq!(plan.checks.iter().map(|check| check.name()).collect::<Vec<_>>(), ["mx", "dane"]);
    }

    #[test]
    fn behind_a_smarthost_our_own_address_does_not_matter() {
        let mut target = Target::new("example.com");
        target.smarthost = Some("smtp.example.net".to_owned());
        target.sending.push(Learned::new("192.0.2.10".parse().unwrap(), Origin::Settings));
        let plan = planned(&target, &["ptr", "spf", "dnsbl"]);
        assert!(plan.checks.iter().all(|check| check.name() != "ptr") && plan.findings.is_empty());
    }
}
