//! What our servers really use: sending addresses, HELO names, the smarthost, each with where it was learned.

use std::net::IpAddr;
use std::sync::Arc;

use mailvane_model::Time;
use mailvane_probe::address::Scope;
use mailvane_probe::lookup::name;
use mailvane_probe::{Learned, Origin, Target};

use super::learning::Learning;
use super::settings::Section;

/// What is known without the configuration, and whose domains these are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// Domains of ours, by the configuration.
    pub(crate) ours: Vec<String>,
    /// Addresses that mail leaves from.
    pub(crate) sending: Vec<Learned<IpAddr>>,
    /// Names said in HELO.
    pub(crate) helo: Vec<Learned<String>>,
    /// The host that mail leaves through.
    pub(crate) smarthost: Option<String>,
    /// `smtpd_relay_restrictions`, `smtpd_recipient_restrictions` and `mynetworks` of the Postfix of this machine.
    pub(crate) relaying: Option<[String; 3]>,
    /// What the logs tell.
    pub(crate) learning: Arc<Learning>,
}

/// What the Postfix of this machine says, as `postconf -x` gives it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Postfix {
    /// `smtp_bind_address` and `smtp_bind_address6`.
    pub(crate) bind: [String; 2],
    /// `inet_interfaces`.
    pub(crate) interfaces: String,
    /// `smtp_helo_name`, which is `myhostname` unless set.
    pub(crate) helo: String,
    /// `relayhost`.
    pub(crate) relay_host: String,
    /// As in [`Known::relaying`]; none where Postfix is not installed.
    pub(crate) relaying: Option<[String; 3]>,
}

impl Known {
    /// Out of the settings of Postfix. What is not visible there (an address behind NAT, `inet_interfaces = all`) stays unknown.
    pub(crate) fn of_postfix(ours: Vec<String>, postfix: &Postfix) -> Self {
        let mut known = Known { ours, relaying: postfix.relaying.clone(), ..Known::default() };
        let words = postfix.bind.iter().chain([&postfix.interfaces]).flat_map(|list| list.split([',', ' ', '\t']));
        for word in words {
            let address: Option<IpAddr> = word.trim_matches(['[', ']']).parse().ok();
            if let Some(address) = address.filter(|address| Scope::of(*address) == Scope::Public)
                && !known.sending.iter().any(|learned| learned.value == address)
            {
                known.sending.push(Learned::new(address, Origin::Settings));
            }
        }
        if !postfix.helo.is_empty() {
            known.helo.push(Learned::new(postfix.helo.clone(), Origin::Settings));
        }
        let relay = postfix.relay_host.split([' ', ',']).next().unwrap_or_default();
        let relay = relay.rsplit_once(':').map_or(relay, |(host, _)| host).trim_matches(['[', ']']);
        known.smarthost = (!relay.is_empty()).then(|| name::canonical(relay));
        known
    }

    /// A domain and what is known of its servers: the configuration first.
    pub(crate) fn target(&self, domain: &str, section: &Section, now: Time) -> Target {
        let given = |values: &[String]| values.iter().map(|value| Learned::new(value.clone(), Origin::Configuration)).collect::<Vec<_>>();
        let mut target = Target::new(domain);
        target.sending = section.ip.iter().map(|address| Learned::new(*address, Origin::Configuration)).collect();
        target.helo = given(&section.helo);
        target.senders = given(&section.sender);
        target.selectors = given(&section.selector);
        target.smarthost = section.smarthost.as_deref().map(name::canonical);
        if target.sending.is_empty() && target.smarthost.is_none() {
            target.sending.clone_from(&self.sending);
            target.smarthost.clone_from(&self.smarthost);
        }
        if target.helo.is_empty() {
            target.helo.clone_from(&self.helo);
        }
        self.learning.complete(&mut target, now);
        target
    }
}
