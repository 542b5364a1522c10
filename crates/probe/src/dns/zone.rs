//! The zone itself: its name servers and its SOA (RFC 1034, RFC 1912 section 2.2, RFC 2182).

use futures_util::future::join_all;

use super::{addresses_of, unanswered};
use crate::check::{Check, View};
use crate::finding::{Finding, Severity};
use crate::lookup::{Boxed, Data, Kind, Outcome, Reply, name};

/// Name servers of one zone that are looked at.
const SERVER_LIMIT: usize = 16;
/// Secondaries drop a zone that its primary has not confirmed for this long: less than a week is short (RFC 1912 section 2.2).
const EXPIRE_SHORT: i64 = 7 * 86_400;
/// "There is none" is remembered this long at most in practice (RFC 2308 section 5 recommends at most a day).
const MINIMUM_LONG: u32 = 86_400;

/// The zone that holds a domain.
pub struct Zone {
    /// The domain.
    pub domain: String,
}

impl Zone {
    async fn look(&self, view: &View) -> Vec<Finding> {
        let mut at = name::canonical(&self.domain);
        loop {
            let reply = view.resolver.ask(&at, Kind::Ns).await;
            match &reply.outcome {
                Outcome::Found(_) if reply.aliases.is_empty() => return self.judged(view, &at, &reply).await,
                Outcome::Found(_) | Outcome::NoData => {}
                Outcome::NxDomain if at == self.domain => {
                    return vec![
                        Finding::problem("zone.exists", &self.domain, Severity::Critical, format!("{} does not exist", self.domain))
                            .means("No mail goes to it, and none from it is believed.")
                            .fix("Look at the registration: has it run out, is it spelt right?")
                            .from_reply(&reply),
                    ];
                }
                _ => return vec![unanswered("zone.servers", &self.domain, &reply)],
            }
            match name::parent(&at) {
                Some(parent) if parent.contains('.') => at = parent.to_owned(),
                _ => {
                    return vec![
                        Finding::unknown("zone.servers", &self.domain, "No name servers of the zone were found").from_reply(&reply),
                    ];
                }
            }
        }
    }

    async fn judged(&self, view: &View, zone: &str, reply: &Reply) -> Vec<Finding> {
        let mut servers = reply.pointed();
        servers.sort();
        let count = if servers.len() < 2 {
            Finding::warning("zone.servers", &self.domain, Severity::Medium, format!("Only one name server for {zone}"))
                .means("When it is away the domain is away, and mail to and from it waits or is refused.")
                .fix("Add a second name server in another network (RFC 2182).")
        } else {
            Finding::ok("zone.servers", &self.domain, format!("{} name servers for {zone}", servers.len()))
        };
        let mut findings = vec![count.value(servers.clone()).from_reply(reply)];
        findings.extend(join_all(servers.iter().take(SERVER_LIMIT).map(|host| self.server(view, host))).await.into_iter().flatten());
        findings.extend(self.soa(view, zone).await);
        findings
    }

    async fn server(&self, view: &View, host: &str) -> Option<Finding> {
        let (four, six) = addresses_of(&view.resolver, host).await;
        if !four.aliases.is_empty() {
            return Some(
                Finding::warning("zone.server", host, Severity::Medium, format!("The name server {host} is an alias (CNAME)"))
                    .means("RFC 2181 section 10.3 forbids it; some resolvers then do not find the zone.")
                    .fix("Let the NS record name the host that holds the A record.")
                    .from_reply(&four),
            );
        }
        let nowhere = four.outcome.is_void() && six.outcome.is_void();
        nowhere.then(|| {
            Finding::problem("zone.server", host, Severity::High, format!("The name server {host} has no address"))
                .means("A part of all questions about the domain is lost or late.")
                .fix("Publish its address, or remove the NS record.")
                .from_reply(&four)
                .from_reply(&six)
        })
    }

    async fn soa(&self, view: &View, zone: &str) -> Option<Finding> {
        let reply = view.resolver.ask(zone, Kind::Soa).await;
        let Some(Data::Soa { mname, serial, refresh, retry, expire, minimum, .. }) =
            reply.outcome.records().first().map(|record| &record.data)
        else {
            return (!reply.outcome.is_definite()).then(|| unanswered("zone.soa", &self.domain, &reply));
        };
        let mut odd = Vec::new();
        if *expire < EXPIRE_SHORT {
            odd.push(format!("expire {expire} s: secondaries forget the zone within a week"));
        }
        if retry > refresh {
            odd.push(format!("retry {retry} s is longer than refresh {refresh} s"));
        }
        if *minimum > MINIMUM_LONG {
            odd.push(format!("minimum {minimum} s: a new record is not seen for over a day"));
        }
        let finding = if odd.is_empty() {
            Finding::ok("zone.soa", &self.domain, format!("SOA of {mname}"))
        } else {
            Finding::warning("zone.soa", &self.domain, Severity::Low, format!("SOA: {}", odd.join("; ")))
                .fix("Usual values: refresh 86400, retry 7200, expire 3600000, minimum 3600.")
        };
        Some(finding.value([format!("serial {serial}")]).from_reply(&reply))
    }
}

impl Check for Zone {
    fn name(&self) -> &'static str {
        "zone"
    }

    fn subject(&self) -> &str {
        &self.domain
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

    fn soa(expire: i64, minimum: u32) -> Vec<Data> {
        vec![Data::Soa {
            mname: "ns1.example.net".to_owned(),
            rname: "host.example.net".to_owned(),
            serial: 1,
            refresh: 86_400,
            retry: 7200,
            expire,
            minimum,
        }]
    }

    fn clean() -> Scripted {
        Scripted::new(1)
            .record("example.com", Kind::Ns, vec![Data::Ns("ns1.example.net".to_owned()), Data::Ns("ns2.example.net".to_owned())])
            .record("example.com", Kind::Soa, soa(3_600_000, 3600))
            .a("ns1.example.net", &["192.0.2.53"])
            .a("ns2.example.net", &["2001:db8::53"])
    }

    fn look(server: &Scripted, domain: &str) -> Vec<Finding> {
        findings(server, &Zone { domain: domain.to_owned() })
    }

    #[test]
    fn clean_and_each_fault() {
        assert!(bad(&look(&clean(), "example.com")).is_empty());
        assert!(bad(&look(&clean().a("mail.example.com", &["192.0.2.1"]), "mail.example.com")).is_empty());
        assert_eq!(bad(&look(&Scripted::new(1), "example.com")), ["zone.exists"]);
        assert_eq!(bad(&look(&clean().without("ns2.example.net", Kind::Aaaa), "example.com")), ["zone.server"]);
        let one = clean().without("example.com", Kind::Ns).record("example.com", Kind::Ns, vec![Data::Ns("ns1.example.net".to_owned())]);
        assert_eq!(bad(&look(&one, "example.com")), ["zone.servers"]);
        assert_eq!(
            bad(&look(&clean().without("example.com", Kind::Soa).record("example.com", Kind::Soa, soa(3600, 3600)), "example.com")),
            ["zone.soa"]
        );
    }

    #[test]
    fn silence_is_unknown() {
        assert_eq!(
            state(&look(&clean().fail("example.com", Kind::Ns, Outcome::Timeout), "example.com"), "zone.servers"),
            Some(State::Unknown)
        );
        assert!(bad(&look(&clean().fail("ns1.example.net", Kind::A, Outcome::Timeout), "example.com")).is_empty());
    }
}
