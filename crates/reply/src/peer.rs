//! The far host in what Postfix wrote of a failure: who was tried, or who answered. A reply code tells those apart.

/// A host as a failure names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peer<'a> {
    /// Its name, or its address again.
    pub name: &'a str,
    /// Its address, or the path of its socket.
    pub ip: &'a str,
    /// Its port, 0 where it is not written.
    pub port: u16,
}

/// What stands before the reason when the queue manager put the destination aside: nothing was tried this time.
pub const SUSPENDED: &str = "delivery temporarily suspended: ";

/// How Postfix begins the reasons in which it names the host, as `name[address]` or `name[address]:port`. What strangers say comes later.
const BEFORE_HOST: &[&str] = &[
    "connect to ",
    "host ",
    "lost connection with ",
    "conversation with ",
    "SASL authentication failed; server ",
    "SASL authentication failed; cannot authenticate to server ",
    "TLS is required, but was not offered by host ",
];

/// The host that a failure in Postfix's words names.
pub fn of(text: &str) -> Option<Peer<'_>> {
    let reason = text.strip_prefix(SUSPENDED).unwrap_or(text);
    let rest = BEFORE_HOST.iter().find_map(|before| reason.strip_prefix(before))?;
    let (name, rest) = rest.split_once('[')?;
    let (ip, after) = rest.split_once(']')?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    let is_socket = ip.starts_with('/') || ip.contains('/');
    if name.is_empty() || !name.bytes().all(is_name) || !is_socket && ip.parse::<std::net::IpAddr>().is_err() {
        return None;
    }
    let digits = after.strip_prefix(':').map(|port| port.split(|byte: char| !byte.is_ascii_digit()).next().unwrap_or_default());
    Some(Peer { name, ip, port: digits.and_then(|digits| digits.parse().ok()).unwrap_or(0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host<'a>(name: &'a str, ip: &'a str, port: u16) -> Peer<'a> {
        Peer { name, ip, port }
    }

    #[test]
    fn failures_name_the_host_that_was_tried() {
        let cases = [
            ("connect to mx.example.net[192.0.2.1]:25: Connection timed out", host("mx.example.net", "192.0.2.1", 25)),
            ("connect to mx.example.net[2001:db8::1]:25: Network is unreachable", host("mx.example.net", "2001:db8::1", 25)),
            ("lost connection with mx.example.net[192.0.2.1] while sending RCPT TO", host("mx.example.net", "192.0.2.1", 0)),
            (
                "conversation with mx.example.net[192.0.2.1] timed out while receiving the initial server greeting",
                host("mx.example.net", "192.0.2.1", 0),
            ),
            ("host mx.example.net[192.0.2.1] refused to talk to me: 421 [x] busy", host("mx.example.net", "192.0.2.1", 0)),
            (
                "delivery temporarily suspended: connect to mx.example.net[192.0.2.1]:587: Connection refused",
                host("mx.example.net", "192.0.2.1", 587),
            ),
            (
                "connect to mx1.example.com[private/dovecot-lmtp]: No such file or directory",
                host("mx1.example.com", "private/dovecot-lmtp", 0),
            ),
            (
                "SASL authentication failed; server relay.example.org[192.0.2.9] said: 535 5.7.8 no",
                host("relay.example.org", "192.0.2.9", 0),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(of(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_strangers_say_and_names_that_were_not_found_are_no_hosts() {
        for text in [
            "Host or domain name not found. Name service error for name=mx.example.net type=A: Host not found",
            "550 5.1.1 try host mx.example.net[192.0.2.1] instead",
            "connect to mx.example.net[not an address]: no",
            "connect to mx.example.net[192.0.2.1",
            "host [192.0.2.1] said: 550 no",
            "host a b[192.0.2.1] said: 550 no",
            "unknown user: \"x\"",
            "",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
