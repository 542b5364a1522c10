//! Networks of addresses, and what kind of address a client or relay has.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network in CIDR form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads `192.0.2.0/24`, `2001:db8::/32`, Postfix's `[2001:db8::]/32`, or a single address.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.trim_matches(['[', ']']).parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= most)?,
            None => most,
        };
        Some(Network { address, bits })
    }

    /// Whether the address lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, unmapped(address)) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                shifted(u32::from(network).into(), self.bits, 32) == shifted(u32::from(address).into(), self.bits, 32)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                shifted(network.into(), self.bits, 128) == shifted(address.into(), self.bits, 128)
            }
            _ => false,
        }
    }
}

fn shifted(value: u128, bits: u8, width: u8) -> u128 {
    value.checked_shr(u32::from(width - bits)).unwrap_or(0)
}

fn unmapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(six) => six.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// An address as it is written everywhere else: Sendmail writes IPv6 addresses in full (`0:0:0:0:0:0:0:1`).
pub(crate) fn plain(ip: &[u8]) -> Cow<'_, [u8]> {
    if !ip.contains(&b':') {
        return Cow::Borrowed(ip);
    }
    match address(ip) {
        Some(address) => Cow::Owned(address.to_string().into_bytes()),
        None => Cow::Borrowed(ip),
    }
}

/// The kind of an address, as far as it says whose it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Anybody's, or no address.
    #[default]
    Public,
    /// `127.0.0.1` or `::1`: this host. Other addresses of 127/8 are often given to stand-ins for other hosts.
    Loopback,
    /// The rest of 127/8.
    LoopbackAlias,
    /// RFC 1918, RFC 4193, RFC 6598 and link-local addresses.
    Private,
}

/// The kind of an address as written in a line. Most lines hold a public IPv4 address, which its first bytes tell.
#[inline]
pub(crate) fn kind_of(bytes: &[u8]) -> Kind {
    const NOT_PUBLIC: [&[u8]; 6] = [b"10.", b"127.", b"192.168.", b"172.", b"100.", b"169.254."];
    match bytes {
        [] => Kind::Public,
        [b'1', ..] if NOT_PUBLIC.iter().any(|start| bytes.starts_with(start)) => kind(address(bytes)),
        [b'0'..=b'9', b'0'..=b'9' | b'.', b'0'..=b'9' | b'.', ..] if bytes.contains(&b'.') => Kind::Public,
        _ => kind(address(bytes)),
    }
}

/// The kind of an address in a line.
pub(crate) fn kind(address: Option<IpAddr>) -> Kind {
    match address.map(unmapped) {
        Some(IpAddr::V4(four)) if four == Ipv4Addr::LOCALHOST => Kind::Loopback,
        Some(IpAddr::V4(four)) if four.is_loopback() => Kind::LoopbackAlias,
        Some(IpAddr::V4(four)) => {
            let [a, b, ..] = four.octets();
            let shared = a == 100 && (64..128).contains(&b);
            if four.is_private() || four.is_link_local() || shared { Kind::Private } else { Kind::Public }
        }
        Some(IpAddr::V6(six)) if six == Ipv6Addr::LOCALHOST => Kind::Loopback,
        Some(IpAddr::V6(six)) => {
            let first = six.segments()[0];
            if first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80 { Kind::Private } else { Kind::Public }
        }
        None => Kind::Public,
    }
}

/// The address in a line, without a zone (`fe80::1%eth0`) and Postfix's `IPv6:` prefix.
pub(crate) fn address(bytes: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(bytes).ok()?;
    let text = text.strip_prefix("IPv6:").unwrap_or(text);
    text.split('%').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses() {
        let network = Network::parse("192.0.2.0/25").unwrap();
        assert!(network.contains("192.0.2.127".parse().unwrap()));
        assert!(!network.contains("192.0.2.128".parse().unwrap()));
        assert!(network.contains("::ffff:192.0.2.1".parse().unwrap()));
        assert!(Network::parse("[2001:db8::]/32").unwrap().contains("2001:db8::9".parse().unwrap()));
        assert!(Network::parse("0.0.0.0/0").unwrap().contains("203.0.113.9".parse().unwrap()));
        assert_eq!(Network::parse("192.0.2.0/33"), None);
        assert_eq!(Network::parse("example.com"), None);
    }

    #[test]
    fn kinds_of_addresses() {
        assert_eq!(kind(address(b"127.0.0.1")), Kind::Loopback);
        assert_eq!(kind(address(b"127.0.10.1")), Kind::LoopbackAlias);
        assert_eq!(kind(address(b"::1")), Kind::Loopback);
        assert_eq!(kind(address(b"10.1.2.3")), Kind::Private);
        assert_eq!(kind(address(b"fe80::1%eth0")), Kind::Private);
        assert_eq!(kind(address(b"203.0.113.9")), Kind::Public);
        assert_eq!(kind(address(b"private/dovecot-lmtp")), Kind::Public);
        for text in [
            "127.0.0.1",
            "127.0.10.1",
            "::1",
            "10.1.2.3",
            "100.64.0.1",
            "100.1.0.1",
            "169.254.1.1",
            "172.16.0.9",
            "192.168.1.1",
            "203.0.113.9",
            "8.8.8.8",
            "1.2.3.4",
            "198.51.100.7",
            "192.0.2.1",
            "172.32.0.1",
        ] {
            assert_eq!(kind_of(text.as_bytes()), kind(address(text.as_bytes())), "{text}");
        }
        for text in
            ["2001:db8::1", "fd00::1", "fe80::1%eth0", "IPv6:::1", "private/lmtp", "", "1", "x", "::ffff:10.0.0.1", "100::1", "1080::1"]
        {
            assert_eq!(kind_of(text.as_bytes()), kind(address(text.as_bytes())), "{text}");
        }
    }
}
