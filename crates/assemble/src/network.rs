//! Networks of addresses, and what kind of address a client or relay has.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use mailvane_model::Network;
use mailvane_model::network::unmapped;

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
