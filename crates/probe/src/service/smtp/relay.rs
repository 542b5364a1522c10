//! Does the server relay for strangers? Only an address that it does not trust can tell; what it trusts is asked of its own settings.

use std::net::IpAddr;

use mailvane_model::Network;

use super::session::{Purpose, Session};
use super::{Smtp, Use};
use crate::finding::{Finding, Severity, Vantage};
use crate::service::vantage;

/// A network shorter than this in `mynetworks` trusts half of the world.
const WIDE_V4: u8 = 15;
/// The same for IPv6.
const WIDE_V6: u8 = 31;

/// Whether the server has a reason to relay for us.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Trusted {
    Yes(String),
    No,
}

fn trusted(probe: &Smtp, here: IpAddr, server: IpAddr) -> Trusted {
    let known = probe.own.as_ref().and_then(|own| own.trusted.as_ref());
    if let Some(networks) = known {
        return match networks.iter().find(|network| network.contains(here)) {
            Some(network) => Trusted::Yes(format!("{here} is within {network}, for which the server relays")),
            None => Trusted::No,
        };
    }
    match vantage(here, server) {
        Vantage::Outside => Trusted::No,
        Vantage::Host => Trusted::Yes("this machine is the server itself, and servers trust themselves".to_owned()),
        Vantage::Network => Trusted::Yes(format!("{here} is in the network of the server, which it may trust")),
    }
}

/// The rule about relaying.
pub(super) fn look(probe: &Smtp, session: &Session, here: IpAddr, server: IpAddr) -> Vec<Finding> {
    if probe.own.is_none() {
        return Vec::new();
    }
    let subject = probe.service.subject();
    let of = |purpose| session.tried.iter().filter(move |tried| tried.purpose == purpose);
    let taken: Vec<String> = of(Purpose::Relay)
        .filter(|tried| tried.reply.is_positive())
        .map(|tried| format!("from <{}> to <{}>", tried.from, tried.to))
        .collect();
    let put_off = of(Purpose::Relay).find(|tried| tried.reply.code / 100 == 4 && !says_relay(&tried.reply.text()));
    let finding = match (taken.is_empty(), trusted(probe, here, server)) {
        (false, Trusted::No) => Finding::problem("smtp.relay", subject, Severity::Critical, format!("Open relay: it takes mail {}", taken.join(" and ")))
            .means("Anybody can send spam through it; within hours its address is on block lists.")
            .fix(match probe.purpose {
                Use::Exchange => "Postfix: `smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination`, and look at `mynetworks`.",
                _ => "Submission has to ask for a login: Postfix `smtpd_relay_restrictions = permit_sasl_authenticated, reject` in master.cf.",
            }),
        (false, Trusted::Yes(why)) => Finding::unknown("smtp.relay", subject, "Whether strangers may relay cannot be seen from here")
            .means(format!("It relays for us, but {why}."))
            .fix("Run `mailvane probe smtp HOST --own` from a machine outside."),
        (true, Trusted::Yes(_)) => Finding::ok("smtp.relay", subject, "It does not relay, even for an address that it may trust"),
        (true, Trusted::No) => match put_off {
            Some(tried) => Finding::unknown("smtp.relay", subject, format!("Relaying is put off, not refused: {}", tried.reply)),
            None => Finding::ok("smtp.relay", subject, "Strangers may not relay"),
        },
    };
    let mut findings = vec![finding];
    findings.extend(disguised(probe, session, here, server));
    findings
}

fn says_relay(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["relay", "5.7.1", "4.7.1", "not permitted", "authenticat"].iter().any(|word| text.contains(word))
}

/// Addresses like `user%elsewhere@here`: old servers send them on. Where a mailbox that nobody has is taken, the answer means nothing.
fn disguised(probe: &Smtp, session: &Session, here: IpAddr, server: IpAddr) -> Option<Finding> {
    let nobody_refused = session.tried.iter().any(|tried| tried.purpose == Purpose::Nobody && tried.reply.is_permanent());
    let taken = session.tried.iter().find(|tried| tried.purpose == Purpose::Disguised && tried.reply.is_positive())?;
    (nobody_refused && trusted(probe, here, server) == Trusted::No).then(|| {
        Finding::problem(
            "smtp.relay-disguised",
            probe.service.subject(),
            Severity::Critical,
            format!("It takes <{}>, and may send it on", taken.to),
        )
        .means("Spammers use such addresses to get past the check of the domain.")
        .fix("Postfix: `allow_untrusted_routing = no` and `swap_bangpath`, `allow_percent_hack` as they ship.")
    })
}

/// What the settings of Postfix say about relaying: `smtpd_relay_restrictions`, `smtpd_recipient_restrictions`, `mynetworks`, as
/// `postconf -x` gives them.
pub fn settings(subject: &str, relay: &str, recipient: &str, networks: &str) -> Vec<Finding> {
    let refuses = |list: &str| {
        words(list).find_map(|word| match word {
            "reject_unauth_destination" | "defer_unauth_destination" | "reject" | "defer" => Some(true),
            "permit" => Some(false),
            _ => None,
        })
    };
    let mut findings = vec![
        match (refuses(relay), refuses(recipient)) {
            (Some(true), _) | (_, Some(true)) => Finding::ok("relay.settings", subject, "The settings refuse to relay for strangers"),
            _ => Finding::problem("relay.settings", subject, Severity::Critical, "The settings do not refuse to relay for strangers")
                .means("Neither `smtpd_relay_restrictions` nor `smtpd_recipient_restrictions` ends in a refusal of foreign destinations.")
                .fix("`smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination`"),
        }
        .value([format!("smtpd_relay_restrictions {relay}"), format!("smtpd_recipient_restrictions {recipient}")]),
    ];
    let wide: Vec<&str> = words(networks).filter(|word| Network::parse(word).is_some_and(|network| is_wide(&network))).collect();
    findings.push(if wide.is_empty() {
        Finding::ok("relay.networks", subject, "mynetworks names small networks").value(words(networks).map(str::to_owned))
    } else {
        Finding::problem("relay.networks", subject, Severity::Critical, format!("mynetworks trusts {}", wide.join(", ")))
            .means("Everybody in there may send through this server without a login.")
            .fix("Name the machines that need it: `mynetworks = 127.0.0.0/8 [::1]/128`.")
    });
    for finding in &mut findings {
        finding.vantage = Vantage::Host;
    }
    findings
}

fn is_wide(network: &Network) -> bool {
    let private = crate::address::Scope::of(network.address()) != crate::address::Scope::Public;
    // 10.0.0.0/8 and 127.0.0.0/8 are usual.
    network.length() <= if network.address().is_ipv4() { WIDE_V4 } else { WIDE_V6 } && (!private || network.length() == 0)
}

fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split([',', ' ', '\t', '\n']).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_in_their_order() {
        let state = |relay, recipient, networks| {
            let findings = settings("this host", relay, recipient, networks);
            (findings[0].state.is_bad(), findings[1].state.is_bad())
        };
        let usual = "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination";
        assert_eq!(state(usual, "", "127.0.0.0/8 [::1]/128 10.0.0.0/8"), (false, false));
        assert_eq!(state("", "permit_mynetworks reject_unauth_destination", "192.0.2.0/28"), (false, false));
        assert_eq!(state("permit_mynetworks, permit", "", "127.0.0.0/8"), (true, false));
        assert_eq!(state("permit_mynetworks", "", "0.0.0.0/0"), (true, true));
        assert_eq!(state(usual, "", "127.0.0.0/8 64.0.0.0/4"), (false, true));
    }
}
