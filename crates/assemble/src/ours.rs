//! What is ours: domains whose mailboxes are here, clients that may send outside through us, relays that take everything.
//! Given by the operator, or found in the log, with the evidence counted so that a wrong guess is seen.

use ahash::AHashMap;

use mailvane_model::hash;

use crate::config::Config;
use crate::network::{self, Kind};

/// A client from outside that reached this many recipient domains through us without a login must be one of ours:
/// Postfix answers everybody else "Relay access denied".
const DOMAINS_OF_A_RELAY_CLIENT: usize = 3;

/// How many names of each kind one stream may learn. Past it no more are learned.
const LEARNED_NAMES: usize = 20_000;

/// How a domain was found to be ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evidence {
    /// The operator said so.
    #[default]
    Given,
    /// Mail for it ends in a mailbox, a program or a file here.
    DeliveredHere,
    /// Mail from outside for it goes on to a private address.
    RelayedInside,
    /// The client relayed mail to several domains without a login.
    RelayedOutside,
    /// The relay took mail for domains that other systems serve.
    TookEverything,
    /// What was handed to it came back from it.
    CameBack,
}

impl Evidence {
    /// In words.
    pub const fn word(self) -> &'static str {
        match self {
            Evidence::Given => "given",
            Evidence::DeliveredHere => "delivered here",
            Evidence::RelayedInside => "relayed inside",
            Evidence::RelayedOutside => "relayed outside without a login",
            Evidence::TookEverything => "took mail for other systems' domains",
            Evidence::CameBack => "hands back what it was handed",
        }
    }

    pub(crate) const fn code(self) -> u8 {
        self as u8
    }

    pub(crate) const fn from_code(code: u8) -> Self {
        match code {
            1 => Evidence::DeliveredHere,
            2 => Evidence::RelayedInside,
            3 => Evidence::RelayedOutside,
            4 => Evidence::TookEverything,
            5 => Evidence::CameBack,
            _ => Evidence::Given,
        }
    }
}

/// Something taken for ours, for the report to show.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Taken {
    /// The domain, client address or relay host.
    pub name: String,
    /// Why.
    pub evidence: Evidence,
    /// How many lines said so (0 for what was given).
    pub count: u64,
}

/// What was taken for ours, most evidence first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Domains whose mailboxes are here.
    pub domains: Vec<Taken>,
    /// Client addresses that send outside through us.
    pub clients: Vec<Taken>,
    /// Relay hosts that are smarthosts and not the recipients' MX.
    pub smarthosts: Vec<Taken>,
}

/// What the lines of one stream showed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Learned {
    pub(crate) domains: AHashMap<Box<str>, (Evidence, u64)>,
    pub(crate) clients: AHashMap<Box<str>, Reach>,
    pub(crate) smarthosts: AHashMap<Box<str>, u64>,
    /// Addresses of filters and instances of ours: what was handed to one came back from it.
    pub(crate) addresses: AHashMap<Box<str>, u64>,
    /// Whether a filter on this machine takes mail without naming the queue id under which it comes back.
    pub(crate) filters: bool,
    /// Names that are new, or whose count doubled, since the changes were taken: their kind and name.
    pub(crate) news: Vec<(u8, Box<str>)>,
}

/// Which domains a client reached: hashes of the first few, and how many recipients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    pub(crate) domains: [u64; DOMAINS_OF_A_RELAY_CLIENT],
    pub(crate) count: u64,
}

impl Reach {
    /// True when there is something to store.
    fn add(&mut self, domain: &str) -> bool {
        self.count += 1;
        let domain = hash::bytes(domain.as_bytes()).max(1);
        let is_new = match self.domains.iter_mut().find(|place| **place == 0 || **place == domain) {
            Some(place) => std::mem::replace(place, domain) != domain,
            None => false,
        };
        is_new || self.count.is_power_of_two()
    }

    fn is_ours(&self) -> bool {
        self.domains.iter().all(|domain| *domain != 0)
    }
}

impl Learned {
    /// Kinds of names, as they are stored.
    pub(crate) const DOMAIN: u8 = 0;
    /// A client.
    pub(crate) const CLIENT: u8 = 1;
    /// A relay.
    pub(crate) const SMARTHOST: u8 = 2;
    /// An address of ours.
    pub(crate) const ADDRESS: u8 = 3;

    /// Mail for this domain ended here, or went on to a private address.
    #[inline]
    pub(crate) fn domain(&mut self, domain: &str, evidence: Evidence) {
        if domain.is_empty() {
            return;
        }
        let is_news = if let Some((_, count)) = self.domains.get_mut(domain) {
            *count += 1;
            count.is_power_of_two()
        } else if self.domains.len() < LEARNED_NAMES {
            self.domains.insert(domain.into(), (evidence, 1));
            true
        } else {
            false
        };
        self.note(is_news, Self::DOMAIN, domain);
    }

    /// A client from outside reached a domain elsewhere without a login and without an alias in between.
    pub(crate) fn reached(&mut self, client: &str, domain: &str) {
        if client.is_empty() {
            return;
        }
        let is_news = if let Some(reach) = self.clients.get_mut(client) {
            reach.add(domain)
        } else if self.clients.len() < LEARNED_NAMES {
            let mut reach = Reach::default();
            reach.add(domain);
            self.clients.insert(client.into(), reach);
            true
        } else {
            false
        };
        self.note(is_news, Self::CLIENT, client);
    }

    /// A relay took mail for a domain that another system serves.
    pub(crate) fn smarthost(&mut self, relay: &str) {
        let is_news = count(&mut self.smarthosts, relay);
        self.note(is_news, Self::SMARTHOST, relay);
    }

    /// What was handed to this address came back from it.
    pub(crate) fn address(&mut self, ip: &str) {
        let is_news = count(&mut self.addresses, ip);
        self.note(is_news, Self::ADDRESS, ip);
    }

    /// Whether an address was found to be that of a filter or instance of ours.
    pub(crate) fn is_address(&self, ip: &[u8]) -> bool {
        !self.addresses.is_empty() && std::str::from_utf8(ip).is_ok_and(|ip| self.addresses.contains_key(ip))
    }

    fn note(&mut self, is_news: bool, sort: u8, name: &str) {
        if is_news {
            self.news.push((sort, name.into()));
        }
    }
}

/// Counts a name. True when there is something to store.
fn count(names: &mut AHashMap<Box<str>, u64>, name: &str) -> bool {
    if let Some(count) = names.get_mut(name) {
        *count += 1;
        return count.is_power_of_two();
    }
    let room = names.len() < LEARNED_NAMES;
    if room {
        names.insert(name.into(), 1);
    }
    room
}

/// Whether the domain's mailboxes are here.
#[inline]
pub(crate) fn is_domain(config: &Config, learned: &Learned, domain: &str) -> bool {
    learned.domains.contains_key(domain) || config.ours.domains.iter().any(|each| each == domain)
}

/// Whether a client is this host or a host of ours, by its address or by a name that was given.
pub(crate) fn is_given_client(config: &Config, name: &[u8], ip: &[u8]) -> bool {
    name.starts_with(b"localhost")
        || is_network(config, ip)
        || config.ours.hosts.iter().any(|host| host.as_bytes().eq_ignore_ascii_case(name))
}

/// Whether a client from outside is a host of ours all the same: by a name verified under a domain of ours, or by what it was allowed to do.
pub(crate) fn is_client(config: &Config, learned: &Learned, name: &str, ip: &str) -> bool {
    if learned.clients.get(ip).is_some_and(Reach::is_ours) {
        return true;
    }
    if name == "unknown" || learned.domains.is_empty() && config.ours.domains.is_empty() {
        return false;
    }
    // Every parent of the name that has a dot itself.
    let last = memchr::memrchr(b'.', name.as_bytes()).unwrap_or(0);
    memchr::memchr_iter(b'.', name.as_bytes()).take_while(|dot| *dot < last).any(|dot| is_domain(config, learned, &name[dot + 1..]))
}

/// Whether an address lies in a network of ours: given, this host, or private.
fn is_network(config: &Config, ip: &[u8]) -> bool {
    if matches!(network::kind_of(ip), Kind::Loopback | Kind::Private) {
        return true;
    }
    !config.ours.networks.is_empty()
        && network::address(ip).is_some_and(|address| config.ours.networks.iter().any(|network| network.contains(address)))
}

/// Everything taken for ours, over all streams.
pub(crate) fn found<'a>(config: &Config, streams: impl Iterator<Item = &'a Learned>) -> Found {
    let mut domains: AHashMap<String, (Evidence, u64)> =
        config.ours.domains.iter().map(|name| (name.clone(), (Evidence::Given, 0))).collect();
    let mut clients: AHashMap<String, (Evidence, u64)> = AHashMap::new();
    let mut smarthosts: AHashMap<String, (Evidence, u64)> = AHashMap::new();
    for learned in streams {
        for (name, (evidence, count)) in &learned.domains {
            domains.entry(name.to_string()).or_insert((*evidence, 0)).1 += count;
        }
        for (name, reach) in learned.clients.iter().filter(|(_, reach)| reach.is_ours()) {
            clients.entry(name.to_string()).or_insert((Evidence::RelayedOutside, 0)).1 += reach.count;
        }
        for (name, count) in &learned.addresses {
            clients.entry(name.to_string()).or_insert((Evidence::CameBack, 0)).1 += count;
        }
        for (name, count) in &learned.smarthosts {
            smarthosts.entry(name.to_string()).or_insert((Evidence::TookEverything, 0)).1 += count;
        }
    }
    Found { domains: sorted(domains), clients: sorted(clients), smarthosts: sorted(smarthosts) }
}

fn sorted(names: AHashMap<String, (Evidence, u64)>) -> Vec<Taken> {
    let mut list: Vec<Taken> = names.into_iter().map(|(name, (evidence, count))| Taken { name, evidence, count }).collect();
    list.sort_by(|left, right| right.count.cmp(&left.count).then_with(|| left.name.cmp(&right.name)));
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Network;

    #[test]
    fn a_client_becomes_ours_by_relaying_to_several_domains() {
        let (config, mut learned) = (Config::default(), Learned::default());
        for domain in ["a.example", "b.example", "a.example"] {
            learned.reached("203.0.113.9", domain);
        }
        assert!(!is_client(&config, &learned, "unknown", "203.0.113.9"));
        learned.reached("203.0.113.9", "c.example");
        assert!(is_client(&config, &learned, "unknown", "203.0.113.9"));
        let found = found(&config, std::iter::once(&learned));
        assert_eq!(found.clients, [Taken { name: "203.0.113.9".into(), evidence: Evidence::RelayedOutside, count: 4 }]);
    }

    #[test]
    fn a_verified_name_under_our_domain_is_a_host_of_ours() {
        let (mut config, mut learned) = (Config::default(), Learned::default());
        assert!(!is_client(&config, &learned, "app1.example.com", "203.0.113.9"));
        learned.domain("example.com", Evidence::DeliveredHere);
        assert!(is_client(&config, &learned, "app1.example.com", "203.0.113.9"));
        assert!(!is_client(&config, &learned, "example.org", "203.0.113.9"));
        config.ours.networks.push(Network::parse("198.51.100.0/24").unwrap());
        assert!(is_given_client(&config, b"unknown", b"198.51.100.7"));
        assert!(is_given_client(&config, b"unknown", b"10.0.0.7"));
        assert!(!is_given_client(&config, b"unknown", b"203.0.113.9"));
    }
}
