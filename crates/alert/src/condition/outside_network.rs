//! A login from outside the networks that a user belongs to, as the rule lists them.

use std::net::IpAddr;

use mailvane_model::Time;

use super::{Group, Reading, Scene, Verdict, scope};
use crate::rule::read::Reader;

/// A network in CIDR form.
#[derive(Clone, Copy, Debug)]
struct Network {
    bits: u128,
    length: u32,
    is_v4: bool,
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Some(most), |length| length.parse::<u32>().ok()).filter(|length| *length <= most)?;
        Some(Network { bits: bits(address), length: length + 128 - most, is_v4: address.is_ipv4() })
    }

    fn contains(self, address: IpAddr) -> bool {
        let shift = 128 - self.length;
        self.is_v4 == address.is_ipv4() && (shift >= 128 || bits(address) >> shift == self.bits >> shift)
    }
}

const fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits() as u128,
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The condition.
#[derive(Clone, Debug)]
pub struct OutsideNetwork {
    /// User pattern and where these users belong.
    users: Vec<(String, Vec<Network>)>,
    window: i64,
}

impl OutsideNetwork {
    pub(crate) fn read(reader: &Reader<'_>) -> Self {
        let mut users = Vec::new();
        if let Some(inner) = reader.inner("networks") {
            for (pattern, texts) in inner.entries() {
                let mut networks = Vec::new();
                for text in texts {
                    match Network::parse(text) {
                        Some(network) => networks.push(network),
                        None => reader.wrong("networks", format!("{text:?} is no network: write \"192.0.2.0/24\" or \"2001:db8::/32\"")),
                    }
                }
                users.push((pattern.to_lowercase(), networks));
            }
            reader.absorb_free(inner);
        }
        OutsideNetwork { users, window: reader.span("window", Time::HOUR).min(Time::HOUR) }
    }

    pub(crate) fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Reading>) {
        let from = scene.now.0 - self.window;
        for login in scene.facts.logins.iter().filter(|login| login.time >= from && login.ok > 0) {
            let Ok(address) = login.client.parse::<IpAddr>() else { continue };
            let belongs = self.users.iter().find(|(pattern, _)| scope::matches(pattern, &login.user));
            let is_told = out.iter().any(|reading| reading.group.key == login.user);
            if let Some((_, networks)) = belongs
                && !networks.iter().any(|network| network.contains(address))
                && !is_told
            {
                out.push(Reading {
                    verdict: Verdict::Holds,
                    count: f64::from(login.ok),
                    value: f64::from(login.ok),
                    window: self.window,
                    since: Some(login.time),
                    text: format!("a login from {address}, outside the networks it belongs to"),
                    ..Reading::clear(Group::of("user", &login.user))
                });
            }
        }
        let told: Vec<String> = out.iter().map(|reading| reading.group.key.clone()).collect();
        out.extend(scene.open.iter().filter(|group| !told.contains(&group.key)).cloned().map(Reading::clear));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses() {
        for (network, address, inside) in [
            ("192.0.2.0/24", "192.0.2.77", true),
            ("192.0.2.0/24", "192.0.3.1", false),
            ("192.0.2.9", "192.0.2.9", true),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("0.0.0.0/0", "198.51.100.1", true),
            ("::/0", "198.51.100.1", false),
        ] {
            let found = Network::parse(network).unwrap().contains(address.parse().unwrap());
            assert_eq!(found, inside, "{address} in {network}");
        }
        for wrong in ["", "192.0.2.0/33", "2001:db8::/129", "example.com", "192.0.2.0/x"] {
            assert!(Network::parse(wrong).is_none(), "{wrong}");
        }
    }
}
