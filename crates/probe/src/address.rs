//! Kinds of IP addresses, as far as mail cares, and the names under which DNS files them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address can be reached from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Anywhere.
    Public,
    /// This machine only.
    Loopback,
    /// A private network (RFC 1918, RFC 4193, RFC 6598).
    Private,
    /// One link (RFC 3927, RFC 4291).
    LinkLocal,
    /// Not an address of a host: unspecified, multicast, reserved, broadcast.
    Special,
}

impl Scope {
    /// The scope of an address. Documentation networks count as public: they stand for public ones.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Scope::of_v4(address),
            IpAddr::V6(address) => Scope::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        let [first, second, ..] = address.octets();
        match (first, second) {
            (127, _) => Scope::Loopback,
            (10, _) | (192, 168) | (172, 16..=31) | (100, 64..=127) => Scope::Private,
            (169, 254) => Scope::LinkLocal,
            (0 | 224..=255, _) => Scope::Special,
            _ => Scope::Public,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        if let Some(mapped) = address.to_ipv4_mapped() {
            return Scope::of_v4(mapped);
        }
        match address.segments()[0] {
            _ if address.is_loopback() => Scope::Loopback,
            _ if address.is_unspecified() => Scope::Special,
            first if first & 0xfe00 == 0xfc00 => Scope::Private,
            first if first & 0xffc0 == 0xfe80 => Scope::LinkLocal,
            first if first & 0xff00 == 0xff00 => Scope::Special,
            _ => Scope::Public,
        }
    }

    /// The written form.
    pub const fn word(self) -> &'static str {
        match self {
            Scope::Public => "public",
            Scope::Loopback => "loopback",
            Scope::Private => "private",
            Scope::LinkLocal => "link-local",
            Scope::Special => "not a host's address",
        }
    }
}

/// The address reversed for a lookup, without a suffix: `4.3.2.1`, or 32 nibbles for IPv6 (RFC 5782 sections 2.1 and 2.4).
pub fn reversed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}")
        }
        IpAddr::V6(address) => {
            let nibbles = address.octets().into_iter().flat_map(|octet| [octet >> 4, octet & 15]);
            let mut reversed: Vec<String> = nibbles.map(|nibble| format!("{nibble:x}")).collect();
            reversed.reverse();
            reversed.join(".")
        }
    }
}

/// The name whose PTR record names the address (RFC 1035 section 3.5, RFC 3596 section 2.5).
pub fn reverse_name(address: IpAddr) -> String {
    let suffix = if address.is_ipv4() { "in-addr.arpa" } else { "ip6.arpa" };
    format!("{}.{suffix}", reversed(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes() {
        for (address, scope) in [
            ("192.0.2.1", Scope::Public),
            ("127.0.0.1", Scope::Loopback),
            ("10.1.2.3", Scope::Private),
            ("172.31.0.1", Scope::Private),
            ("172.32.0.1", Scope::Public),
            ("100.64.0.1", Scope::Private),
            ("169.254.1.1", Scope::LinkLocal),
            ("0.0.0.0", Scope::Special),
            ("255.255.255.255", Scope::Special),
            ("2001:db8::1", Scope::Public),
            ("::1", Scope::Loopback),
            ("::", Scope::Special),
            ("fd00::1", Scope::Private),
            ("fe80::1", Scope::LinkLocal),
            ("ff02::1", Scope::Special),
            ("::ffff:10.0.0.1", Scope::Private),
        ] {
            assert_eq!(Scope::of(address.parse().unwrap()), scope, "{address}");
        }
    }

    #[test]
    fn names_of_addresses() {
        assert_eq!(reverse_name("192.0.2.10".parse().unwrap()), "10.2.0.192.in-addr.arpa");
        assert_eq!(
            reverse_name("2001:db8::1".parse().unwrap()),
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
        );
    }
}
