//! The network of a client: what groups addresses that one party uses.

use std::net::IpAddr;

/// The network that an address belongs to: /24, or /48 for IPv6 (what one customer is given, RFC 6177). What is no address stands for
/// itself.
pub fn of(client: &str) -> String {
    match client.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V4(address)) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}::/48")
        }
        Err(_) => client.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn addresses_of_one_party_have_one_network() {
        for (client, network) in [
            ("192.0.2.77", "192.0.2.0/24"),
            ("::ffff:192.0.2.77", "192.0.2.0/24"),
            ("2001:db8:7:1::5", "2001:db8:7::/48"),
            ("unknown", "unknown"),
            ("", ""),
        ] {
            assert_eq!(super::of(client), network);
        }
    }
}
