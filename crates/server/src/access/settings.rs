//! What the configuration says of access: names that are answered, blurring, lifetimes, a proxy that is trusted, TLS.

use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use mailvane_assemble::Network;
use mailvane_model::Time;
use serde::Deserialize;

use super::role::{Role, role_words};
use crate::pipeline::span;

/// `[access]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Section {
    /// Host names under which the dashboard is reached, beside loopback. Default: any, once there is an administrator.
    pub(crate) hosts: Vec<String>,
    /// Roles that see addresses without their local parts: `["viewer"]`. Default: none.
    pub(crate) blur: Vec<String>,
    /// A session ends when it is not used for so long: `12h`. Default: `12h`.
    pub(crate) session_idle: Option<String>,
    /// A session ends after so long however it is used: `7d`. Default: `7d`.
    pub(crate) session_life: Option<String>,
    /// A reverse proxy that is trusted.
    pub(crate) proxy: Proxy,
}

/// `[access.proxy]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Proxy {
    /// Addresses of the proxy, in CIDR form: `["127.0.0.1/32"]`. From these `X-Forwarded-For` and `X-Forwarded-Proto` are believed. Default: none.
    pub(crate) networks: Vec<String>,
    /// The header in which the proxy names the user who has logged in there: `Remote-User`. Default: none, people log in here.
    pub(crate) user_header: Option<String>,
    /// The role of users whom the proxy names and nobody has added here: `viewer` or `operator`. Default: none, they are refused.
    pub(crate) unknown_users: Option<String>,
}

/// `[tls]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tls {
    /// The certificate with its chain, PEM. Read again when it changes.
    pub(crate) certificate: Option<PathBuf>,
    /// The private key, PEM. Read again when it changes.
    pub(crate) key: Option<PathBuf>,
}

/// Keys of `[access]`.
pub(crate) const ACCESS: &[&str] = &["hosts", "blur", "session_idle", "session_life", "proxy"];
/// Keys of `[access.proxy]`.
pub(crate) const PROXY: &[&str] = &["networks", "user_header", "unknown_users"];
/// Keys of `[tls]`.
pub(crate) const TLS: &[&str] = &["certificate", "key"];

/// A session ends when it is not used for so long.
const IDLE: i64 = 12 * Time::HOUR;
/// A session ends after so long.
const LIFE: i64 = 7 * Time::DAY;

/// The settings, checked.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Names that are answered beside loopback; empty means any, once there is an administrator.
    pub(crate) hosts: Vec<String>,
    /// Roles that see addresses blurred.
    pub(crate) blur: Vec<Role>,
    /// How long a session may be silent, in microseconds.
    pub(crate) idle: i64,
    /// How long a session lives, in microseconds.
    pub(crate) life: i64,
    /// Where the proxy is.
    pub(crate) proxies: Vec<Network>,
    /// The header that names the user, in lower case.
    pub(crate) user_header: Option<String>,
    /// The role of users whom only the proxy knows.
    pub(crate) unknown_users: Option<Role>,
}

impl Settings {
    /// Checks a section.
    pub(crate) fn read(section: &Section) -> Result<Self> {
        let length = |name: &str, text: Option<&str>, default: i64| {
            let Some(text) = text else { return Ok(default) };
            span::length(text).filter(|length| *length > 0).with_context(|| format!("[access] {name} = \"{text}\": use 30m, 12h or 7d"))
        };
        let role = |key: &str, word: &str| {
            Role::of_user(word).with_context(|| format!("[access] {key}: `{word}` is not a role; use {}", role_words()))
        };
        let proxy = &section.proxy;
        let unknown_users = proxy.unknown_users.as_deref().map(|word| role("proxy.unknown_users", word)).transpose()?;
        if unknown_users == Some(Role::Administrator) {
            bail!("[access.proxy] unknown_users: nobody becomes administrator unasked; use viewer or operator, and `mailvane user add`");
        }
        if proxy.user_header.is_some() && proxy.networks.is_empty() {
            bail!("[access.proxy] user_header needs `networks`: without it anybody could name himself in that header");
        }
        let network =
            |text: &String| Network::parse(text).with_context(|| format!("[access.proxy] networks: `{text}` is not 192.0.2.0/24"));
        Ok(Settings {
            hosts: section.hosts.iter().map(|host| host.to_lowercase()).collect(),
            blur: section.blur.iter().map(|word| role("blur", word)).collect::<Result<_>>()?,
            idle: length("session_idle", section.session_idle.as_deref(), IDLE)?,
            life: length("session_life", section.session_life.as_deref(), LIFE)?,
            proxies: proxy.networks.iter().map(network).collect::<Result<_>>()?,
            user_header: proxy.user_header.as_ref().map(|name| name.to_lowercase()),
            unknown_users,
        })
    }

    /// Whether an address is that of the proxy.
    pub(crate) fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(address.to_canonical()))
    }

    /// Whether somebody of a role sees addresses blurred.
    pub(crate) fn blurs(&self, role: Role) -> bool {
        self.blur.contains(&role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings> {
        Settings::read(&toml::from_str(text).expect("TOML"))
    }

    #[test]
    fn the_defaults_are_read() {
        let settings = read("").expect("fine");
        assert_eq!((settings.idle, settings.life), (IDLE, LIFE));
        assert!(settings.blur.is_empty());
    }

    #[test]
    fn a_proxy_is_known_by_its_network() {
        let settings = read("[proxy]\nnetworks = [\"192.0.2.0/24\", \"2001:db8::/32\"]\nuser_header = \"Remote-User\"").expect("fine");
        assert!(settings.is_proxy("192.0.2.7".parse().expect("an address")));
        assert!(settings.is_proxy("::ffff:192.0.2.7".parse().expect("an address")));
        assert!(!settings.is_proxy("198.51.100.7".parse().expect("an address")));
        assert_eq!(settings.user_header.as_deref(), Some("remote-user"));
    }

    #[test]
    fn what_would_open_the_door_is_refused() {
        for text in [
            "[proxy]\nuser_header = \"Remote-User\"",
            "[proxy]\nnetworks = [\"192.0.2.0/24\"]\nunknown_users = \"administrator\"",
            "[proxy]\nnetworks = [\"everywhere\"]",
            "blur = [\"guest\"]",
            "session_idle = \"soon\"",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
