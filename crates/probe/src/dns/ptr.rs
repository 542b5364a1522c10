//! The name of a sending address, and whether it leads back (RFC 1912 section 2.1; Gmail, Yahoo and Microsoft ask for it).

use std::net::IpAddr;

use futures_util::future::join_all;

use super::unanswered;
use crate::address::Scope;
use crate::check::{Check, View};
use crate::finding::{Finding, Severity};
use crate::lookup::{Boxed, Kind, Outcome, Reply};

/// Names of one address that are looked at.
const NAME_LIMIT: usize = 10;

/// PTR and forward confirmation of one sending address.
pub struct Ptr {
    /// The address.
    pub address: IpAddr,
    /// Its written form: the subject of the findings.
    subject: String,
    /// Where the address was learned.
    pub learned: String,
}

impl Ptr {
    /// The check of one address.
    pub fn new(address: IpAddr, learned: &str) -> Self {
        Ptr { address, subject: address.to_string(), learned: learned.to_owned() }
    }

    async fn look(&self, view: &View) -> Vec<Finding> {
        if Scope::of(self.address) != Scope::Public {
            let title = format!("{} is {}: what receivers see is another address", self.subject, Scope::of(self.address).word());
            return vec![Finding::unknown("ptr.exists", &self.subject, title).fix("Give the public address with --ip.")];
        }
        let reply = view.resolver.ask(&crate::address::reverse_name(self.address), Kind::Ptr).await;
        match &reply.outcome {
            Outcome::Found(_) => {}
            outcome if outcome.is_void() => return vec![self.missing(&reply)],
            _ => return vec![unanswered("ptr.exists", &self.subject, &reply)],
        }
        let names = reply.pointed();
        let mut findings = vec![
            Finding::ok("ptr.exists", &self.subject, format!("{} is called {}", self.subject, names.join(", ")))
                .value(names.clone())
                .from_reply(&reply),
        ];
        findings.push(self.confirmed(view, &names, &reply).await);
        findings.extend(self.generic(&names, &reply));
        findings
    }

    fn missing(&self, reply: &Reply) -> Finding {
        Finding::problem("ptr.exists", &self.subject, Severity::Critical, format!("{} has no name (no PTR record)", self.subject))
            .means(format!(
                "Gmail, Yahoo, Microsoft and most others refuse or distrust mail from an address without a name. The address is {}.",
                self.learned
            ))
            .fix("Set the reverse name in the panel of whoever gave you the address, to the name that the server says in HELO.")
            .from_reply(reply)
    }

    /// Does one of the names lead back to the address?
    async fn confirmed(&self, view: &View, names: &[String], reply: &Reply) -> Finding {
        let forward = join_all(names.iter().take(NAME_LIMIT).map(|host| view.resolver.ask(host, Kind::of_address(self.address)))).await;
        if forward.iter().any(|reply| reply.addresses().contains(&self.address)) {
            let finding =
                Finding::ok("ptr.confirmed", &self.subject, format!("The name of {} leads back to it", self.subject)).from_reply(reply);
            return forward.iter().fold(finding, |finding, reply| finding.from_reply(reply));
        }
        if let Some(silent) = forward.iter().find(|reply| !reply.outcome.is_definite()) {
            return unanswered("ptr.confirmed", &self.subject, silent).from_reply(reply);
        }
        let leads: Vec<String> = forward.iter().map(|reply| format!("{} has {}", reply.question.name, listed(reply))).collect();
        let finding = Finding::problem(
            "ptr.confirmed",
            &self.subject,
            Severity::High,
            format!("The name of {} does not lead back to it", self.subject),
        )
        .means(format!("{}. Receivers treat such a name as forged.", leads.join("; ")))
        .fix(format!(
            "Add {} to the {} record of that name, or set the PTR to a name that has it.",
            self.subject,
            Kind::of_address(self.address).word()
        ))
        .from_reply(reply);
        forward.iter().fold(finding, |finding, reply| finding.from_reply(reply))
    }

    fn generic(&self, names: &[String], reply: &Reply) -> Option<Finding> {
        let host = names.iter().find(|host| looks_generic(host, self.address))?;
        Some(
            Finding::warning(
                "ptr.generic",
                &self.subject,
                Severity::Medium,
                format!("The name {host} looks like one of a dial-up or rented address"),
            )
            .means("Filters give such names bad marks, and Microsoft refuses addresses that look dynamic.")
            .fix("Set the PTR to the name of the mail server, for example mail.example.com.")
            .from_reply(reply),
        )
    }
}

fn listed(reply: &Reply) -> String {
    let addresses: Vec<String> = reply.addresses().iter().map(ToString::to_string).collect();
    if addresses.is_empty() { "no address of this kind".to_owned() } else { addresses.join(", ") }
}

/// A name made from the address, or with a word of access networks in it.
fn looks_generic(host: &str, address: IpAddr) -> bool {
    let words = [
        "dynamic",
        "dyn",
        "dhcp",
        "dialup",
        "dial",
        "pool",
        "ppp",
        "dsl",
        "adsl",
        "cable",
        "broadband",
        "residential",
        "customer",
        "client",
        "unassigned",
    ];
    let parts: Vec<&str> = host.split(['.', '-', '_']).collect();
    if parts.iter().any(|part| words.contains(part)) {
        return true;
    }
    let IpAddr::V4(address) = address else { return false };
    let numbers: Vec<u16> = parts.iter().filter_map(|part| part.trim_start_matches("ip").parse().ok()).collect();
    let octets = address.octets().map(u16::from);
    let packed: String = octets.iter().map(|octet| format!("{octet:03}")).collect();
    octets.iter().all(|octet| numbers.contains(octet)) || host.contains(&packed)
}

impl Check for Ptr {
    fn name(&self) -> &'static str {
        "ptr"
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

    fn look(server: &Scripted) -> Vec<Finding> {
        findings(server, &Ptr::new("192.0.2.10".parse().unwrap(), "given"))
    }

    fn clean() -> Scripted {
        Scripted::new(1).ptr("192.0.2.10", &["mail.example.com"]).a("mail.example.com", &["192.0.2.10"])
    }

    #[test]
    fn clean_and_each_fault() {
        assert!(bad(&look(&clean())).is_empty());
        assert_eq!(bad(&look(&Scripted::new(1))), ["ptr.exists"]);
        assert_eq!(bad(&look(&clean().without("mail.example.com", Kind::A).a("mail.example.com", &["192.0.2.11"]))), ["ptr.confirmed"]);
        assert_eq!(bad(&look(&clean().without("mail.example.com", Kind::A))), ["ptr.confirmed"]);
        let generic = Scripted::new(1).ptr("192.0.2.10", &["192-0-2-10.example.net"]).a("192-0-2-10.example.net", &["192.0.2.10"]);
        assert_eq!(bad(&look(&generic)), ["ptr.generic"]);
    }

    #[test]
    fn silence_is_unknown() {
        let silent = clean().fail("10.2.0.192.in-addr.arpa", Kind::Ptr, Outcome::Timeout);
        assert_eq!(state(&look(&silent), "ptr.exists"), Some(State::Unknown));
        let silent = clean().fail("mail.example.com", Kind::A, Outcome::ServFail(String::new()));
        assert_eq!(state(&look(&silent), "ptr.confirmed"), Some(State::Unknown));
    }

    #[test]
    fn a_private_address_is_not_what_receivers_see() {
        let found = findings(&Scripted::new(1), &Ptr::new("10.0.0.5".parse().unwrap(), "given"));
        assert_eq!(state(&found, "ptr.exists"), Some(State::Unknown));
    }

    #[test]
    fn generic_names() {
        let address = "192.0.2.10".parse().unwrap();
        for (host, generic) in [
            ("mail.example.com", false),
            ("mx2.example.com", false),
            ("static.10.2.0.192.example.net", true),
            ("host.dyn.example.net", true),
            ("ip-192-0-2-10.example.net", true),
        ] {
            assert_eq!(looks_generic(host, address), generic, "{host}");
        }
    }
}
