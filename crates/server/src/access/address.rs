//! From where somebody asks, and under which name: the connection, and what a trusted proxy adds.

use std::net::IpAddr;

use axum::http::{HeaderMap, header};

use super::settings::Settings;

/// What a proxy adds to requests; from anybody else it is ignored, and suspicious where no proxy can be.
const FORWARDED: &[&str] = &["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"];
/// Addresses of `X-Forwarded-For` that are looked at.
const HOPS_MAX: usize = 32;

/// One end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// The address of the other end.
    pub(crate) address: IpAddr,
    /// Whether the connection is TLS.
    pub(crate) secure: bool,
}

/// From where and how a request comes.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The other end of the connection.
    pub(crate) peer: IpAddr,
    /// The address of whoever asks, as far as it can be trusted.
    pub(crate) address: IpAddr,
    /// Whether the browser speaks TLS.
    pub(crate) secure: bool,
    /// Whether the connection is from a trusted proxy.
    pub(crate) proxied: bool,
    /// Whether it says that a proxy stands between.
    pub(crate) forwarded: bool,
    /// The names under which the browser may have asked, with their port: `Host`, and what the proxy says.
    pub(crate) hosts: Vec<String>,
}

impl Origin {
    /// Of a request.
    pub(crate) fn of(peer: Peer, headers: &HeaderMap, settings: &Settings) -> Self {
        let proxied = settings.is_proxy(peer.address);
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let mut hosts: Vec<String> = text(header::HOST.as_str()).into_iter().map(str::to_lowercase).collect();
        let (mut address, mut secure) = (peer.address, peer.secure);
        if proxied {
            address = client(headers, settings).unwrap_or(address);
            secure |= text("x-forwarded-proto").is_some_and(|word| word.eq_ignore_ascii_case("https"));
            hosts.extend(text("x-forwarded-host").map(str::to_lowercase));
        }
        let forwarded = FORWARDED.iter().any(|name| headers.contains_key(*name));
        Origin { peer: peer.address, address: address.to_canonical(), secure, proxied, forwarded, hosts }
    }
}

/// The last address of `X-Forwarded-For` that is not a proxy's: what stands before it was written by anybody.
fn client(headers: &HeaderMap, settings: &Settings) -> Option<IpAddr> {
    let lists = headers.get_all("x-forwarded-for").into_iter().filter_map(|value| value.to_str().ok());
    let addresses: Vec<&str> = lists.flat_map(|list| list.split(',')).map(str::trim).collect();
    let mut last = None;
    for text in addresses.iter().rev().take(HOPS_MAX) {
        let address: IpAddr = text.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
        last = Some(address);
        if !settings.is_proxy(address) {
            break;
        }
    }
    last
}

/// The name in a host with or without a port.
pub(crate) fn name_of(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

/// Whether a host names this machine's loopback.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    let name = name_of(host);
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::settings::{Proxy, Section};

    fn settings() -> Settings {
        let proxy = Proxy { networks: vec!["192.0.2.0/24".into()], ..Proxy::default() };
        Settings::read(&Section { proxy, ..Section::default() }).expect("fine")
    }

    fn origin(peer: &str, pairs: &[(&'static str, &'static str)]) -> Origin {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().expect("a value"));
        }
        Origin::of(Peer { address: peer.parse().expect("an address"), secure: false }, &headers, &settings())
    }

    #[test]
    fn only_loopback_names_are_loopback() {
        for host in ["127.0.0.1:8624", "localhost", "LOCALHOST:1", "[::1]:8624", "127.0.0.1"] {
            assert!(is_loopback_host(host), "{host}");
        }
        for host in ["example.com", "192.0.2.1:8624", "127.0.0.1.example.com", "[2001:db8::1]:80", ""] {
            assert!(!is_loopback_host(host), "{host}");
        }
    }

    #[test]
    fn only_the_proxy_is_believed_and_only_what_it_wrote_itself() {
        let far = [("host", "a.example"), ("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "https")];
        let direct = origin("198.51.100.1", &far);
        assert_eq!(direct.address.to_string(), "198.51.100.1");
        assert!(!direct.secure && direct.forwarded && direct.hosts == ["a.example"]);
        let proxied = origin("192.0.2.1", &far);
        assert_eq!(proxied.address.to_string(), "203.0.113.9");
        assert!(proxied.secure && proxied.proxied);
        let forged = origin("192.0.2.1", &[("x-forwarded-for", "127.0.0.1, 203.0.113.9, 192.0.2.7")]);
        assert_eq!(forged.address.to_string(), "203.0.113.9");
        let twice = origin("192.0.2.1", &[("x-forwarded-for", "127.0.0.1"), ("x-forwarded-for", "203.0.113.8")]);
        assert_eq!(twice.address.to_string(), "203.0.113.8");
    }
}
