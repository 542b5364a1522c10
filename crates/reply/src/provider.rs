//! Who runs a receiving system, from the name of its MX or relay host.
//!
//! `data/providers.toml` lists host suffixes; the longest that fits wins. A host that nobody claims is named by its
//! registrable domain, so that the domains of one small hoster are still one provider.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use ahash::AHashMap;
use serde::Deserialize;

use crate::rule::{self, PackError};

/// The list that ships with Mailvane.
const EMBEDDED: &str = include_str!("../data/providers.toml");

/// Longest host name that is looked at, in bytes (RFC 1035 section 2.3.4).
const MAX_HOST_BYTES: usize = 255;

/// What a provider does with the mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It keeps mailboxes.
    #[default]
    Mailbox,
    /// It filters and passes on to the mailboxes of others: what it refuses may be the policy of its customer.
    Gateway,
    /// It sends for others: as a relay host it is ours.
    Smarthost,
}

/// One who runs receiving systems.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Short name, used in rules, filters and on disk.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// What it does with the mail.
    #[serde(default)]
    pub kind: Kind,
    /// Suffixes of its MX and relay hosts, without a leading dot.
    pub hosts: Vec<String>,
    /// Its page for senders; empty when it has none.
    #[serde(default)]
    pub postmaster: String,
    /// Where to ask for removal from its own list, or a form to write to it; empty when there is none.
    #[serde(default)]
    pub contact: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    provider: Vec<Provider>,
}

/// Why a list of providers cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The text is no such list.
    #[error("{message}; each [[provider]] needs id, name and hosts")]
    Syntax {
        /// The line, from 1; 0 when it is not known.
        line: usize,
        /// What the TOML reader says, and the nearest known name.
        message: String,
    },
    /// A host suffix cannot be one.
    #[error("provider {provider}: {host:?} is no host suffix; give a name such as mx.example.net")]
    Host {
        /// The provider at fault.
        provider: String,
        /// Its suffix.
        host: String,
    },
}

impl ProviderError {
    /// The line of `text` (the list it came from) that is at fault, from 1; 0 when it is not known.
    pub fn line_in(&self, text: &str) -> usize {
        match self {
            ProviderError::Syntax { line, .. } => *line,
            ProviderError::Host { host, .. } => text.lines().position(|line| line.contains(host.as_str())).map_or(0, |line| line + 1),
        }
    }
}

/// The known providers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Providers {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    providers: Vec<Provider>,
    by_suffix: AHashMap<String, u32>,
    by_id: AHashMap<String, u32>,
}

impl Providers {
    /// The list that ships with Mailvane; parsed once per process.
    pub fn embedded() -> Self {
        static LIST: OnceLock<Providers> = OnceLock::new();
        LIST.get_or_init(|| {
            let mut inner = Inner::default();
            // A broken embedded list fails the tests of this crate; in production it would be an empty list.
            if let Ok(providers) = parse(EMBEDDED) {
                inner.add(providers);
            }
            Providers { inner: Arc::new(inner) }
        })
        .clone()
    }

    /// The embedded list with the user's own in front: a suffix or id given again replaces ours.
    pub fn with(texts: &[&str]) -> Result<Self, ProviderError> {
        let mut inner = Inner::default();
        inner.add(parse(EMBEDDED)?);
        for text in texts {
            inner.add(parse(text)?);
        }
        Ok(Providers { inner: Arc::new(inner) })
    }

    /// The id of who runs a host: of the list, or else the host's registrable domain as it is written; empty for
    /// none, for an address literal and for a transport of this machine (`private/lmtp`, `local`).
    pub fn of_host<'a>(&'a self, host: &'a str) -> &'a str {
        let host = host.trim_end_matches('.');
        if host.len() > MAX_HOST_BYTES
            || !host.contains('.')
            || host.contains('/')
            || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
        {
            return "";
        }
        if let Some(found) = self.suffix(host) {
            return &found.id;
        }
        registrable(host)
    }

    /// A provider by its id.
    pub fn get(&self, id: &str) -> Option<&Provider> {
        self.inner.by_id.get(id).map(|index| &self.inner.providers[*index as usize])
    }

    /// The name for people; an id that is not in the list is its own name.
    pub fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.get(id).map_or(id, |provider| &provider.name)
    }

    /// Every provider, in the order of the list.
    pub fn all(&self) -> &[Provider] {
        &self.inner.providers
    }

    /// The longest suffix of the host that is in the list.
    fn suffix(&self, host: &str) -> Option<&Provider> {
        let mut lower = [0_u8; MAX_HOST_BYTES];
        let lower = &mut lower[..host.len()];
        lower.copy_from_slice(host.as_bytes());
        lower.make_ascii_lowercase();
        let mut rest = std::str::from_utf8(lower).ok()?;
        loop {
            if let Some(index) = self.inner.by_suffix.get(rest) {
                return Some(&self.inner.providers[*index as usize]);
            }
            rest = &rest[rest.find('.')? + 1..];
        }
    }
}

impl Inner {
    fn add(&mut self, providers: Vec<Provider>) {
        for provider in providers {
            let index = self.providers.len() as u32;
            for host in &provider.hosts {
                self.by_suffix.insert(host.to_ascii_lowercase(), index);
            }
            self.by_id.insert(provider.id.clone(), index);
            self.providers.push(provider);
        }
    }
}

fn parse(text: &str) -> Result<Vec<Provider>, ProviderError> {
    let file: File = toml::from_str(text).map_err(|error| match rule::syntax(text, &error) {
        PackError::Syntax { line, message } => ProviderError::Syntax { line, message },
        other => ProviderError::Syntax { line: 0, message: other.to_string() },
    })?;
    for provider in &file.provider {
        for host in &provider.hosts {
            let clean = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
            if !clean || host.is_empty() || host.starts_with('.') || host.ends_with('.') {
                return Err(ProviderError::Host { provider: provider.id.clone(), host: host.clone() });
            }
        }
    }
    Ok(file.provider)
}

/// The registrable part of a host name: the last two labels, or three below a suffix such as `co.uk`.
///
/// A short list of suffixes instead of the whole Public Suffix List: a wrong guess only merges or splits the name
/// under which an unlisted host is shown.
pub fn registrable(host: &str) -> &str {
    const SECOND_LEVEL: &[&str] =
        &["ac", "co", "com", "edu", "gob", "gouv", "gov", "gv", "ltd", "mil", "ne", "net", "nom", "or", "org", "plc", "sch"];
    let mut dots = memchr::memrchr_iter(b'.', host.as_bytes());
    let Some(last) = dots.next() else { return host };
    let Some(second) = dots.next() else { return host };
    let country = host.len() - last - 1 == 2;
    let label = &host[second + 1..last];
    if country && SECOND_LEVEL.iter().any(|known| label.eq_ignore_ascii_case(known)) {
        return dots.next().map_or(host, |third| &host[third + 1..]);
    }
    &host[second + 1..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_list_is_sound() {
        let providers = Providers::embedded();
        assert!(providers.all().len() >= 60, "{} providers", providers.all().len());
        let mut ids: Vec<&str> = providers.all().iter().map(|provider| provider.id.as_str()).collect();
        ids.sort_unstable();
        let before = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), before, "an id is used twice");
        let mut hosts: Vec<&str> = providers.all().iter().flat_map(|provider| provider.hosts.iter().map(String::as_str)).collect();
        hosts.sort_unstable();
        let twice: Vec<_> = hosts.windows(2).filter(|pair| pair[0] == pair[1]).collect();
        assert!(twice.is_empty(), "a suffix is claimed twice: {twice:?}");
        assert!(parse(EMBEDDED).is_ok());
    }

    #[test]
    fn the_longest_suffix_wins_whatever_the_case() {
        let providers = Providers::embedded();
        assert_eq!(providers.of_host("gmail-smtp-in.l.google.com"), "google");
        assert_eq!(providers.of_host("ASPMX.L.GOOGLE.COM."), "google");
        assert_eq!(providers.of_host("hotmail-com.olc.protection.outlook.com"), "microsoft_consumer");
        assert_eq!(providers.of_host("example-com.mail.protection.outlook.com"), "exchange_online");
        assert_eq!(providers.of_host("notgoogle.com"), "notgoogle.com");
    }

    #[test]
    fn unknown_hosts_are_named_by_their_registrable_domain_and_local_ones_not_at_all() {
        let providers = Providers::embedded();
        assert_eq!(providers.of_host("mx1.mail.example.net"), "example.net");
        assert_eq!(providers.of_host("mx1.example.co.uk"), "example.co.uk");
        for none in ["", "none", "local", "virtual", "192.0.2.7", "[192.0.2.7]", "2001:db8::1", "mx1.example.net/private/lmtp", "localhost"]
        {
            assert_eq!(providers.of_host(none), "", "{none}");
        }
    }

    #[test]
    fn a_users_list_wins_over_ours() {
        let mine = "[[provider]]\nid = \"mine\"\nname = \"Mine\"\nhosts = [\"l.google.com\"]\n";
        let providers = Providers::with(&[mine]).expect("it is sound");
        assert_eq!(providers.of_host("aspmx.l.google.com"), "mine");
        assert_eq!(providers.of_host("mx.google.com"), "google");
        assert_eq!(providers.name("mine"), "Mine");
        assert!(Providers::with(&["[[provider]]\nid=\"x\"\nname=\"x\"\nhosts=[\".a.example\"]"]).is_err());
    }
}
