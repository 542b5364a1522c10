//! The word of those who know: the name servers of a zone asked directly, found through a resolver.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use super::network::{Server, now};
use super::{Boxed, Kind, Lookup, Outcome, Question, Reply, Resolver, name};

/// Name servers of one zone that are tried for one question.
const SERVER_LIMIT: usize = 3;
/// Zone cuts passed on the way down to the zone that knows, when a server only refers.
const REFERRAL_LIMIT: usize = 4;
/// The port of name servers.
const PORT: u16 = 53;

/// Makes a lookup of one server's address; tests put their own in its place.
pub type Dial = Arc<dyn Fn(SocketAddr) -> Arc<dyn Lookup> + Send + Sync>;

/// Asks the authoritative servers of whatever zone a name is in.
pub struct Authority {
    resolver: Arc<Resolver>,
    dial: Dial,
}

impl Authority {
    /// Zones and addresses are found through `resolver`; each server is then asked through `dial`.
    pub fn new(resolver: Arc<Resolver>, dial: Dial) -> Self {
        Authority { resolver, dial }
    }

    /// As [`Authority::new`], over the network with the patience of `like`.
    pub fn over_network(resolver: Arc<Resolver>, like: &Server) -> Self {
        let like = like.clone();
        Authority::new(resolver, Arc::new(move |address| Arc::new(like.beside(address)) as Arc<dyn Lookup>))
    }

    async fn reply(&self, question: &Question) -> Reply {
        let direct = Question { recursive: false, unchecked: false, ..question.clone() };
        let mut hosts = match self.servers_of_zone(&question.name, question.kind).await {
            Ok(hosts) => hosts,
            Err(mut reply) => {
                reply.question = question.clone();
                return *reply;
            }
        };
        let mut last = None;
        for _ in 0..REFERRAL_LIMIT {
            let mut reply = self.ask_hosts(&hosts, &direct).await;
            reply.question = question.clone();
            match &reply.outcome {
                Outcome::Referral(next) if *next != hosts => hosts.clone_from(next),
                _ => return reply,
            }
            last = Some(reply);
        }
        last.unwrap_or_else(|| nobody(question, "no name server of the zone is known"))
    }

    /// The hosts that serve the zone of a name. The records of a cut itself (DS) are the parent's.
    async fn servers_of_zone(&self, of: &str, kind: Kind) -> Result<Vec<String>, Box<Reply>> {
        let mut zone = if kind == Kind::Ds { name::parent(of).unwrap_or("") } else { of };
        loop {
            let reply = self.resolver.ask(zone, Kind::Ns).await;
            match &reply.outcome {
                Outcome::Found(_) if reply.aliases.is_empty() => return Ok(reply.pointed()),
                Outcome::Found(_) | Outcome::NoData | Outcome::NxDomain | Outcome::Alias(_) => {}
                _ => return Err(Box::new(reply)),
            }
            zone = name::parent(zone).ok_or_else(|| Box::new(reply))?;
        }
    }

    /// Asks the hosts in turn until one knows.
    async fn ask_hosts(&self, hosts: &[String], question: &Question) -> Reply {
        let mut last = None;
        for host in hosts.iter().take(SERVER_LIMIT) {
            let Some(address) = self.address(host).await else { continue };
            let reply = (self.dial)(SocketAddr::new(address, PORT)).ask(question).await;
            if reply.outcome.is_definite() || matches!(reply.outcome, Outcome::Alias(_) | Outcome::Referral(_)) {
                return reply;
            }
            last = Some(reply);
        }
        last.unwrap_or_else(|| nobody(question, "no name server of the zone has an address"))
    }

    async fn address(&self, host: &str) -> Option<IpAddr> {
        let (four, six) = futures_util::future::join(self.resolver.ask(host, Kind::A), self.resolver.ask(host, Kind::Aaaa)).await;
        four.addresses().into_iter().chain(six.addresses()).next()
    }
}

fn nobody(question: &Question, why: &str) -> Reply {
    let server = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    Reply::bare(question.clone(), server, now(), Outcome::Unreachable(why.to_owned()))
}

impl Lookup for Authority {
    fn ask<'a>(&'a self, question: &'a Question) -> Boxed<'a, Reply> {
        Box::pin(self.reply(question))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookup::Data;
    use crate::lookup::scripted::{Scripted, block_on};

    fn authority(resolver: Scripted, zone: Scripted) -> Authority {
        let resolver = Arc::new(Resolver::new(vec![Arc::new(resolver)]));
        Authority::new(resolver, Arc::new(move |_| Arc::new(zone.clone()) as Arc<dyn Lookup>))
    }

    fn delegated() -> Scripted {
        Scripted::new(1)
            .record("example.com", Kind::Ns, vec![Data::Ns("ns1.example.net".to_owned())])
            .a("ns1.example.net", &["198.51.100.53"])
    }

    #[test]
    fn the_zone_is_found_above_the_name() {
        let zone = Scripted::new(9).txt("_dmarc.example.com", "v=DMARC1; p=none");
        let reply = block_on(authority(delegated(), zone).ask(&Question::new("_dmarc.example.com", Kind::Txt)));
        assert_eq!(reply.texts(), ["v=DMARC1; p=none"]);
        assert_eq!(reply.server.ip().to_string(), "192.0.2.9");
    }

    #[test]
    fn a_failure_on_the_way_is_a_failure_and_no_missing_record() {
        let resolver = Scripted::new(1).fail("example.com", Kind::Ns, Outcome::Timeout);
        let reply = block_on(authority(resolver, Scripted::new(9)).ask(&Question::new("example.com", Kind::Txt)));
        assert_eq!(reply.outcome, Outcome::Timeout);
    }

    #[test]
    fn a_referral_is_followed() {
        let resolver = delegated().a("ns.sub.example.com", &["198.51.100.54"]);
        let zone = Scripted::new(9).fail("a.sub.example.com", Kind::A, Outcome::Referral(vec!["ns.sub.example.com".to_owned()]));
        let below = Scripted::new(10).a("a.sub.example.com", &["192.0.2.77"]);
        let resolver = Arc::new(Resolver::new(vec![Arc::new(resolver)]));
        let dial: Dial = Arc::new(move |address| {
            Arc::new(if address.ip().to_string().ends_with(".54") { below.clone() } else { zone.clone() }) as Arc<dyn Lookup>
        });
        let reply = block_on(Authority::new(resolver, dial).ask(&Question::new("a.sub.example.com", Kind::A)));
        assert_eq!(reply.addresses().len(), 1);
    }
}
