//! The world outside: providers, the domains they host, and domains that are dead.

use crate::people::company;
use crate::prng::{Prng, mix};

/// The providers the truth names, as Mailvane names them where it knows them.
pub const PROVIDERS: [&str; 16] = [
    "Google",
    "Microsoft",
    "Microsoft 365",
    "Yahoo",
    "GMX",
    "Apple",
    "T-Online",
    "Orange",
    "Comcast",
    "Mail.ru",
    "Proofpoint",
    "Mimecast",
    "Barracuda",
    "other",
    "nobody",
    "local",
];

/// The index of destinations without a well-known provider.
pub(crate) const OTHER: u8 = 13;
/// The index for mail that found no host to go to.
pub(crate) const NOBODY: u8 = 14;
/// The index of our own mailboxes.
pub(crate) const LOCAL: u8 = 15;

/// How many company domains we write to.
const COMPANIES: u64 = 1500;
/// The table from which destinations are drawn: more entries, finer shares.
const DRAWS: usize = 16_384;

/// Why a domain takes no mail at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dead {
    /// It does not exist.
    NoDomain,
    /// Its name servers do not answer.
    NoAnswer,
    /// Its host refuses connections.
    Refused,
    /// Its host does not answer.
    Timeout,
    /// It says that it takes no mail (RFC 7505).
    NullMx,
}

/// A domain we send mail to.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    pub(crate) domain: String,
    pub(crate) provider: u8,
    /// Its mail hosts in order of preference.
    pub(crate) hosts: Vec<String>,
    /// The address of the first host; the others follow it.
    pub(crate) address: u32,
    pub(crate) dead: Option<Dead>,
    pub(crate) greylists: bool,
    /// Whether it offers TLS.
    pub(crate) tls: bool,
    /// Whether it is a free provider with many people.
    pub(crate) free: bool,
    /// How many different people there are.
    pub(crate) people: u64,
    /// The mean time of a transmission there, in microseconds.
    pub(crate) latency: i64,
}

/// All destinations and how often each is written to.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) destinations: Vec<Destination>,
    draws: Vec<u16>,
    dead: Vec<u16>,
}

struct Free {
    provider: u8,
    share: u32,
    domains: &'static [&'static str],
    hosts: &'static [&'static str],
    latency: i64,
}

/// Free providers: share of all mail in thousandths, for each domain.
const FREE: [Free; 15] = [
    Free {
        provider: 0,
        share: 250,
        domains: &["gmail.com"],
        hosts: &["gmail-smtp-in.l.google.com", "alt1.gmail-smtp-in.l.google.com", "alt2.gmail-smtp-in.l.google.com"],
        latency: 620_000,
    },
    Free {
        provider: 0,
        share: 6,
        domains: &["googlemail.com"],
        hosts: &["gmail-smtp-in.l.google.com", "alt1.gmail-smtp-in.l.google.com"],
        latency: 620_000,
    },
    Free { provider: 1, share: 52, domains: &["outlook.com"], hosts: &["outlook-com.olc.protection.outlook.com"], latency: 900_000 },
    Free { provider: 1, share: 48, domains: &["hotmail.com"], hosts: &["hotmail-com.olc.protection.outlook.com"], latency: 900_000 },
    Free { provider: 1, share: 12, domains: &["live.com"], hosts: &["live-com.olc.protection.outlook.com"], latency: 900_000 },
    Free {
        provider: 3,
        share: 44,
        domains: &["yahoo.com"],
        hosts: &["mta5.am0.yahoodns.net", "mta6.am0.yahoodns.net", "mta7.am0.yahoodns.net"],
        latency: 1_200_000,
    },
    Free { provider: 3, share: 9, domains: &["aol.com"], hosts: &["mx-aol.mail.gm0.yahoodns.net"], latency: 1_200_000 },
    Free { provider: 4, share: 30, domains: &["gmx.net"], hosts: &["mx00.emig.gmx.net", "mx01.emig.gmx.net"], latency: 240_000 },
    Free { provider: 4, share: 26, domains: &["web.de"], hosts: &["mx-ha02.web.de", "mx-ha03.web.de"], latency: 240_000 },
    Free { provider: 5, share: 30, domains: &["icloud.com"], hosts: &["mx01.mail.icloud.com", "mx02.mail.icloud.com"], latency: 1_500_000 },
    Free { provider: 6, share: 22, domains: &["t-online.de"], hosts: &["mx00.t-online.de", "mx01.t-online.de"], latency: 180_000 },
    Free { provider: 7, share: 14, domains: &["orange.fr"], hosts: &["smtp-in.orange.fr"], latency: 300_000 },
    Free { provider: 7, share: 5, domains: &["wanadoo.fr"], hosts: &["smtp-in.orange.fr"], latency: 300_000 },
    Free { provider: 8, share: 12, domains: &["comcast.net"], hosts: &["mx1h1.comcast.net", "mx2h1.comcast.net"], latency: 700_000 },
    Free { provider: 9, share: 8, domains: &["mail.ru"], hosts: &["mxs.mail.ru"], latency: 500_000 },
];

const DEAD: [(&str, Dead); 14] = [
    ("gmial-typo.example", Dead::NoDomain),
    ("hotmal-typo.example", Dead::NoDomain),
    ("closed-shop.example", Dead::NoDomain),
    ("old-brand.example", Dead::NoDomain),
    ("lame-delegation.example", Dead::NoAnswer),
    ("broken-dns.example", Dead::NoAnswer),
    ("switched-off.example", Dead::Timeout),
    ("lost-host.example", Dead::Timeout),
    ("parked-domain.example", Dead::Timeout),
    ("gone-office.example", Dead::Timeout),
    ("no-smtp.example", Dead::Refused),
    ("web-only.example", Dead::Refused),
    ("takes-no-mail.example", Dead::NullMx),
    ("nomail-policy.example", Dead::NullMx),
];

/// An address out of 198.18.0.0/15, the range for measurements (RFC 2544): the world of the simulation.
pub(crate) fn world_address(bits: u64) -> u32 {
    0xc612_0000 | (bits as u32 & 0x0001_ffff)
}

impl World {
    pub(crate) fn new(prng: &mut Prng) -> Self {
        let mut destinations = Vec::new();
        let mut shares = Vec::new();
        for free in &FREE {
            for domain in free.domains {
                destinations.push(free_destination(free, domain));
                shares.push(u64::from(free.share) * 1000);
            }
        }
        for number in 0..COMPANIES {
            destinations.push(company_destination(number, prng));
            // The long tail: what remains of the thousand, by rank.
            shares.push(430_000 * 128 / (number + 12) / 620 + 1);
        }
        let draws = draw_table(&shares);
        let first_dead = destinations.len() as u16;
        destinations.extend(DEAD.iter().map(|(domain, dead)| dead_destination(domain, *dead)));
        let dead = (first_dead..destinations.len() as u16).collect();
        World { destinations, draws, dead }
    }

    /// A destination, as often as it is written to.
    pub(crate) fn draw(&self, prng: &mut Prng) -> u16 {
        *prng.pick(&self.draws)
    }

    /// A destination that takes no mail.
    pub(crate) fn draw_dead(&self, prng: &mut Prng) -> u16 {
        *prng.pick(&self.dead)
    }

    pub(crate) fn get(&self, index: u16) -> &Destination {
        &self.destinations[usize::from(index)]
    }
}

fn draw_table(shares: &[u64]) -> Vec<u16> {
    let total: u64 = shares.iter().sum();
    let mut draws = Vec::with_capacity(DRAWS);
    let mut index = 0;
    let mut upto = shares[0];
    for draw in 0..DRAWS as u64 {
        let point = draw * total / DRAWS as u64;
        while point >= upto && index + 1 < shares.len() {
            index += 1;
            upto += shares[index];
        }
        draws.push(index as u16);
    }
    draws
}

fn free_destination(free: &Free, domain: &str) -> Destination {
    Destination {
        domain: domain.to_owned(),
        provider: free.provider,
        hosts: free.hosts.iter().map(|host| (*host).to_owned()).collect(),
        address: world_address(mix(u64::from(free.provider) + 77)),
        dead: None,
        greylists: false,
        tls: true,
        free: true,
        people: 20_000,
        latency: free.latency,
    }
}

fn company_destination(number: u64, prng: &mut Prng) -> Destination {
    let domain = company(number);
    let dashed = domain.replace('.', "-");
    let hash = prng.below(1000);
    let customer = 100 + number;
    let (provider, hosts) = match number * 379 % 100 {
        0..24 => (0, vec!["aspmx.l.google.com".to_owned(), "alt1.aspmx.l.google.com".to_owned()]),
        24..52 => (2, vec![format!("{dashed}.mail.protection.outlook.com")]),
        52..58 => (10, vec![format!("mx0a-00{customer:06}.pphosted.com"), format!("mx0b-00{customer:06}.pphosted.com")]),
        58..62 => (11, vec!["eu-smtp-inbound-1.mimecast.com".to_owned(), "eu-smtp-inbound-2.mimecast.com".to_owned()]),
        62..65 => (12, vec![format!("d{customer}a.ess.barracudanetworks.com"), format!("d{customer}b.ess.barracudanetworks.com")]),
        65..85 => (OTHER, vec![format!("mail.{domain}")]),
        _ => (OTHER, vec![format!("mx1.{domain}"), format!("mx2.{domain}")]),
    };
    let own = provider == OTHER;
    Destination {
        address: world_address(mix(if own { number } else { (u64::from(provider) << 20) | (number % 8) })),
        provider,
        hosts,
        dead: None,
        greylists: own && hash < 300,
        tls: !own || hash < 930,
        free: false,
        people: 6 + hash / 10,
        latency: if own { 150_000 + hash as i64 * 400 } else { 700_000 },
        domain,
    }
}

fn dead_destination(domain: &str, dead: Dead) -> Destination {
    Destination {
        domain: domain.to_owned(),
        provider: NOBODY,
        hosts: vec![format!("mx.{domain}")],
        address: world_address(mix(domain.len() as u64 * 31 + u64::from(domain.as_bytes()[0]))),
        dead: Some(dead),
        greylists: false,
        tls: false,
        free: false,
        people: 40,
        latency: 100_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_the_mail_goes_to_the_largest_provider() {
        let mut prng = Prng::new(1);
        let world = World::new(&mut prng);
        let at_google = (0..20_000).filter(|_| world.get(world.draw(&mut prng)).domain == "gmail.com").count();
        assert!((4_400..5_600).contains(&at_google), "{at_google}");
    }

    #[test]
    fn every_destination_has_a_known_provider_and_a_host() {
        let world = World::new(&mut Prng::new(1));
        assert!(
            world
                .destinations
                .iter()
                .all(|destination| usize::from(destination.provider) < PROVIDERS.len() && !destination.hosts.is_empty())
        );
    }
}
