//! Where mail for the domain goes (RFC 5321 section 5.1, RFC 7505).

use std::net::IpAddr;

use futures_util::future::join_all;

use super::{addresses_of, unanswered};
use crate::address::Scope;
use crate::check::{Check, View};
use crate::finding::{Finding, Severity};
use crate::lookup::{Boxed, Data, Kind, Outcome, Reply, name};

/// MX hosts of one domain that are looked at.
const HOST_LIMIT: usize = 30;

/// The MX records of a domain and the addresses of their hosts.
pub struct Mx {
    /// The domain.
    pub domain: String,
}

impl Check for Mx {
    fn name(&self) -> &'static str {
        "mx"
    }

    fn subject(&self) -> &str {
        &self.domain
    }

    fn run<'a>(&'a self, view: &'a View) -> Boxed<'a, Vec<Finding>> {
        Box::pin(self.look(view))
    }
}

impl Mx {
    async fn look(&self, view: &View) -> Vec<Finding> {
        let reply = view.resolver.ask(&self.domain, Kind::Mx).await;
        match &reply.outcome {
            Outcome::Found(_) => {}
            outcome if outcome.is_void() => return vec![self.without(view, &reply).await],
            _ => return vec![unanswered("mx.exists", &self.domain, &reply)],
        }
        let hosts = hosts(&reply);
        if hosts.iter().any(|(_, host)| host.is_empty()) {
            return vec![self.null(&reply, hosts.len())];
        }
        let mut findings = vec![self.exists(&reply, &hosts)];
        let looked = join_all(hosts.iter().take(HOST_LIMIT).map(|(_, host)| self.host(view, host))).await;
        findings.extend(self.whole(&looked, &reply));
        findings.extend(self.doubled(&hosts, &reply));
        findings.extend(looked.into_iter().map(|host| host.finding));
        findings
    }

    fn exists(&self, reply: &Reply, hosts: &[(u16, String)]) -> Finding {
        let mut sorted = hosts.to_vec();
        sorted.sort();
        let value = sorted.iter().map(|(preference, host)| format!("{preference} {host}"));
        let what =
            if hosts.len() == 1 { "1 MX host (no second one for when it is down)".to_owned() } else { format!("{} MX hosts", hosts.len()) };
        Finding::ok("mx.exists", &self.domain, what).value(value).from_reply(reply)
    }

    /// No MX: senders go to the domain's own address, if it has one.
    async fn without(&self, view: &View, reply: &Reply) -> Finding {
        let (four, six) = addresses_of(&view.resolver, &self.domain).await;
        let found = matches!(four.outcome, Outcome::Found(_)) || matches!(six.outcome, Outcome::Found(_));
        let silent = !four.outcome.is_definite() || !six.outcome.is_definite();
        let fix = format!(
            "Publish `{} MX 10 mail.{}`, with the name of your mail server. A domain that takes no mail says so with `MX 0 .`.",
            self.domain, self.domain
        );
        let finding = if found {
            Finding::warning(
                "mx.exists",
                &self.domain,
                Severity::Medium,
                "No MX record: senders fall back to the address of the domain itself",
            )
            .means("It works with most senders, and breaks when the web server moves.")
        } else if silent {
            return unanswered("mx.exists", &self.domain, if four.outcome.is_definite() { &six } else { &four }).from_reply(reply);
        } else {
            Finding::problem(
                "mx.exists",
                &self.domain,
                Severity::High,
                "Neither an MX record nor an address: the domain cannot receive mail",
            )
            .means("Replies and bounces to it are lost, and many receivers refuse mail from a domain that cannot be answered.")
        };
        finding.fix(fix).from_reply(reply).from_reply(&four).from_reply(&six)
    }

    fn null(&self, reply: &Reply, hosts: usize) -> Finding {
        if hosts > 1 {
            return Finding::problem("mx.null", &self.domain, Severity::High, "A null MX (`.`) beside other MX records")
                .means("RFC 7505: a null MX has to stand alone; senders differ in what they make of the mixture.")
                .fix("Remove either the `MX 0 .` or all others.")
                .from_reply(reply);
        }
        Finding::warning("mx.null", &self.domain, Severity::High, "Null MX: the domain says that it takes no mail")
            .means("Right for a domain without mail. Mail sent from it is refused (5.7.27), since nobody could answer it.")
            .fix("If the domain sends or receives mail, replace `MX 0 .` by the name of your mail server.")
            .from_reply(reply)
    }

    async fn host(&self, view: &View, host: &str) -> Host {
        let done = |finding: Finding, usable| Host { finding, usable, networks: Vec::new() };
        if host.parse::<IpAddr>().is_ok() || !name::is_host(host) {
            return done(
                Finding::problem("mx.host", host, Severity::High, format!("MX {host} is no host name"))
                    .means("An MX names a host; addresses and other text are not looked up by senders.")
                    .fix("Give the server a name with an A or AAAA record and put that name into the MX."),
                Some(false),
            );
        }
        let (four, six) = addresses_of(&view.resolver, host).await;
        let addresses: Vec<IpAddr> = four.addresses().into_iter().chain(six.addresses()).collect();
        if addresses.is_empty() {
            if let Some(silent) = [&four, &six].into_iter().find(|reply| !reply.outcome.is_definite()) {
                return done(unanswered("mx.host", host, silent), None);
            }
            let finding = Finding::problem("mx.host", host, Severity::High, format!("MX host {host} has no address"))
                .means("Senders skip it; if it is the only one they keep the mail and give up after days.")
                .fix(format!("Publish an A (and AAAA) record for {host}, or remove the MX."));
            return done(finding.from_reply(&four).from_reply(&six), Some(false));
        }
        let networks = addresses.iter().map(|address| network(*address)).collect();
        let finding = self.judged(host, &addresses, &four, &six);
        Host { finding, usable: Some(addresses.iter().any(|address| Scope::of(*address) == Scope::Public)), networks }
    }

    fn judged(&self, host: &str, addresses: &[IpAddr], four: &Reply, six: &Reply) -> Finding {
        let inside: Vec<String> = addresses
            .iter()
            .filter(|address| Scope::of(**address) != Scope::Public)
            .map(|address| format!("{address} ({})", Scope::of(*address).word()))
            .collect();
        let value: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let finding = if !inside.is_empty() {
            Finding::problem(
                "mx.host",
                host,
                Severity::High,
                format!("MX host {host} has an address that nobody outside can reach: {}", inside.join(", ")),
            )
            .means("Senders that pick this address cannot deliver.")
            .fix("Publish only the public addresses of the server in the public zone.")
        } else if !four.aliases.is_empty() || !six.aliases.is_empty() {
            Finding::problem("mx.host", host, Severity::High, format!("MX host {host} is an alias (CNAME)"))
                .means("RFC 2181 section 10.3 and RFC 5321 section 5.1 forbid it; some senders refuse, others loop.")
                .fix("Let the MX name the host that holds the A record.")
        } else {
            Finding::ok("mx.host", host, format!("MX host {host} has {}", value.join(", ")))
        };
        finding.value(value).from_reply(four).from_reply(six)
    }

    /// What is true of all hosts together.
    fn whole(&self, hosts: &[Host], reply: &Reply) -> Vec<Finding> {
        let mut findings = Vec::new();
        if hosts.iter().all(|host| host.usable == Some(false)) {
            findings.push(
                Finding::problem(
                    "mx.usable",
                    &self.domain,
                    Severity::Critical,
                    "No MX host can be reached by anybody: the domain receives no mail",
                )
                .means("None of them has a public address.")
                .fix("See the findings about each host.")
                .from_reply(reply),
            );
        }
        let mut networks: Vec<String> = hosts.iter().flat_map(|host| host.networks.clone()).collect();
        networks.sort();
        networks.dedup();
        if hosts.len() > 1 && networks.len() == 1 {
            findings.push(
                Finding::ok("mx.spread", &self.domain, format!("All MX hosts are in {}", networks[0]))
                    .means("One failure of that network takes all of them away. Senders keep mail for days, so this is a choice, no fault.")
                    .from_reply(reply),
            );
        }
        findings
    }

    fn doubled(&self, hosts: &[(u16, String)], reply: &Reply) -> Option<Finding> {
        let twice = hosts.iter().find(|(_, host)| hosts.iter().filter(|(_, other)| other == host).count() > 1)?;
        Some(
            Finding::warning("mx.duplicate", &self.domain, Severity::Low, format!("{} stands twice among the MX records", twice.1))
                .fix("Remove one of them.")
                .from_reply(reply),
        )
    }
}

struct Host {
    finding: Finding,
    /// Has it a public address? `None`: it could not be found out.
    usable: Option<bool>,
    networks: Vec<String>,
}

fn hosts(reply: &Reply) -> Vec<(u16, String)> {
    let records = reply.outcome.records().iter();
    records
        .filter_map(|record| if let Data::Mx { preference, host } = &record.data { Some((*preference, host.clone())) } else { None })
        .collect()
}

/// The network that is likely to fail as one: a /24, or a /48 of IPv6.
fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}::/48")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::testing::{bad, findings, state};
    use crate::finding::State;
    use crate::lookup::scripted::Scripted;

    fn clean() -> Scripted {
        Scripted::new(1)
            .mx("example.com", &[(10, "mx1.example.com"), (20, "mx2.example.net")])
            .a("mx1.example.com", &["192.0.2.10", "2001:db8::10"])
            .a("mx2.example.net", &["198.51.100.10"])
    }

    fn look(server: &Scripted) -> Vec<Finding> {
        findings(server, &Mx { domain: "example.com".to_owned() })
    }

    #[test]
    fn a_clean_set_up_has_nothing_bad() {
        assert!(look(&clean()).iter().all(|finding| finding.state == State::Ok));
    }

    #[test]
    fn each_fault_is_found() {
        let cases: [(Scripted, &[&str]); 9] = [
            (clean().without("example.com", Kind::Mx), &["mx.exists"]),
            (clean().without("example.com", Kind::Mx).a("example.com", &["192.0.2.1"]), &["mx.exists"]),
            (Scripted::new(1).mx("example.com", &[(0, "")]), &["mx.null"]),
            (clean().mx("example.com", &[(0, "")]), &["mx.null"]),
            (clean().without("mx2.example.net", Kind::A), &["mx.host"]),
            (Scripted::new(1).mx("example.com", &[(10, "gone.example.com")]), &["mx.host", "mx.usable"]),
            (Scripted::new(1).mx("example.com", &[(10, "192.0.2.1")]), &["mx.host", "mx.usable"]),
            (clean().without("mx2.example.net", Kind::A).a("mx2.example.net", &["10.0.0.1"]), &["mx.host"]),
            (clean().mx("example.com", &[(30, "mx1.example.com")]), &["mx.duplicate"]),
        ];
        for (number, (server, expected)) in cases.iter().enumerate() {
            assert_eq!(bad(&look(server)), *expected, "case {number}");
        }
    }

    #[test]
    fn an_alias_is_found() {
        let server = Scripted::new(1)
            .mx("example.com", &[(10, "mx.example.com")])
            .fail("mx.example.com", Kind::A, Outcome::Alias("real.example.com".to_owned()))
            .a("real.example.com", &["192.0.2.1"]);
        assert_eq!(bad(&look(&server)), ["mx.host"]);
    }

    #[test]
    fn silence_is_unknown() {
        for outcome in [Outcome::Timeout, Outcome::Refused, Outcome::ServFail(String::new()), Outcome::Unreachable("x".to_owned())] {
            assert_eq!(state(&look(&clean().fail("example.com", Kind::Mx, outcome.clone())), "mx.exists"), Some(State::Unknown));
            let one = clean().fail("mx2.example.net", Kind::A, outcome);
            assert!(bad(&look(&one)).is_empty());
        }
    }
}
