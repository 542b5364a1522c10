//! Who took a message over: a mailbox, the recipient's MX, a smarthost, a filter, a command, a file; and whether it will come back to us.

use std::sync::LazyLock;

use memchr::memmem::{Finder, FinderRev};

use mailvane_model::word::HandedTo;
use mailvane_reply::peer;

use crate::config::Config;
use crate::life::Place;
use crate::network::{self, Kind};
use crate::ours::Learned;

/// What kind of delivery agent spoke.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Agent {
    /// Not known.
    #[default]
    Other,
    /// An SMTP client.
    Smtp,
    /// An SMTP client that hands everything to one host: a smarthost, or another instance here.
    Relay,
    /// An LMTP client.
    Lmtp,
    /// Local delivery with aliases and forwards.
    Local,
    /// Delivery to mailboxes of virtual domains.
    Virtual,
    /// Delivery to a program.
    Pipe,
    /// Delivery to a file.
    File,
    /// The agent that only ever fails (`error`, `retry`).
    Error,
    /// The agent that throws away.
    Discard,
    /// An automatic reply.
    Reply,
    /// No agent yet: the address could not be routed.
    Router,
}

impl Agent {
    /// Whether it speaks SMTP to another host.
    #[inline]
    pub(crate) const fn is_smtp(self) -> bool {
        matches!(self, Agent::Smtp | Agent::Relay)
    }
}

/// A delivery as the relay sees it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Delivered<'a> {
    pub(crate) agent: Agent,
    pub(crate) relay_host: &'a str,
    pub(crate) relay_ip: &'a str,
    pub(crate) relay_port: u16,
    /// The recipient's domain.
    pub(crate) domain: &'a str,
    /// The reply or reason.
    pub(crate) text: &'a str,
    /// Whether it was accepted.
    pub(crate) accepted: bool,
}

/// Where a delivery leads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Route<'a> {
    /// Who took over, had it been accepted.
    pub(crate) handed_to: HandedTo,
    /// Whether it is a hop of ours: another one follows.
    pub(crate) hop: bool,
    /// Whether that hop is a filter, or anything else on this machine.
    pub(crate) filter: bool,
    /// Whether it was thrown away.
    pub(crate) discarded: bool,
    /// The queue id that the next hop gave.
    pub(crate) next_queue_id: &'a str,
    /// Where the recipient is, as far as the agent says.
    pub(crate) place: Place,
    /// Whether the relay has shown itself to be a smarthost by this delivery.
    pub(crate) proves_smarthost: bool,
}

// Searchers are made once: making one costs more than a search.
static FROM_MTA: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("from MTA("));
static EXIM_ID: LazyLock<FinderRev<'static>> = LazyLock::new(|| FinderRev::new("OK id="));
static QUEUED_AS: LazyLock<FinderRev<'static>> = LazyLock::new(|| FinderRev::new("queued as "));

/// How Sendmail and OpenSMTPD end the reply that names a queue id.
const ACCEPTED: &str = " Message accepted for delivery";

/// Ports on which filters listen by custom.
const FILTER_PORTS: std::ops::RangeInclusive<u16> = 10_023..=10_040;

/// Works out where a delivery leads.
pub(crate) fn route<'a>(config: &Config, learned: &Learned, delivered: &Delivered<'a>) -> Route<'a> {
    // The words of discard(8), also where the head of the line lost the name of the agent.
    if delivered.accepted && delivered.text == "silently" {
        return Route { discarded: true, ..Route::default() };
    }
    match delivered.agent {
        Agent::Smtp | Agent::Relay => smtp(config, learned, delivered),
        Agent::Lmtp => lmtp(delivered),
        Agent::Local => local(delivered),
        Agent::Virtual => Route { handed_to: HandedTo::Mailbox, place: Place::Here, ..Route::default() },
        Agent::Pipe => pipe(delivered),
        Agent::File => Route { handed_to: HandedTo::File, place: Place::Here, ..Route::default() },
        Agent::Discard => Route { discarded: delivered.accepted, ..Route::default() },
        Agent::Reply => Route { handed_to: HandedTo::Command, ..Route::default() },
        // What is ours has another agent, or is known by its domain.
        Agent::Router => Route { place: Place::Remote, ..Route::default() },
        Agent::Error => Route { place: put_aside(delivered), ..Route::default() },
        Agent::Other => Route::default(),
    }
}

/// Where mail goes whose destination the queue manager has put aside, from the host that its reason names. A filter or a mail
/// store here is put aside in the same words, so a host of this machine or of a private network tells nothing.
fn put_aside(delivered: &Delivered<'_>) -> Place {
    let Some(reason) = delivered.text.strip_prefix(peer::SUSPENDED) else { return Place::Unknown };
    if reason.starts_with("Host or domain name not found") {
        return Place::Remote;
    }
    let is_address = delivered.relay_ip.parse::<std::net::IpAddr>().is_ok();
    match network::kind_of(delivered.relay_ip.as_bytes()) {
        Kind::Public if is_address => Place::Remote,
        _ => Place::Unknown,
    }
}

fn smtp<'a>(config: &Config, learned: &Learned, delivered: &Delivered<'a>) -> Route<'a> {
    let kind = network::kind_of(delivered.relay_ip.as_bytes());
    let inside = is_this_machine(delivered, kind) || kind == Kind::Private && FILTER_PORTS.contains(&delivered.relay_port);
    if inside {
        return filter(delivered);
    }
    if !config.ours.hosts.is_empty() && config.ours.hosts.iter().any(|host| host.eq_ignore_ascii_case(delivered.relay_host)) {
        return Route {
            handed_to: HandedTo::Smarthost,
            hop: delivered.accepted,
            next_queue_id: next_queue_id(delivered.text),
            place: Place::Remote,
            ..Route::default()
        };
    }
    let proves = delivered.accepted && serves_others(delivered);
    let smarthost = proves || delivered.agent == Agent::Relay || is_smarthost(learned, delivered, kind);
    let handed_to = if smarthost { HandedTo::Smarthost } else { HandedTo::Remote };
    Route { handed_to, place: Place::Remote, proves_smarthost: proves, ..Route::default() }
}

/// A loopback address is this machine, unless it stands in for another host: another address of 127/8, or a host's name, on the mail port.
fn is_this_machine(delivered: &Delivered<'_>, kind: Kind) -> bool {
    let named_so = || {
        delivered.relay_host.is_empty()
            || delivered.relay_host == delivered.relay_ip
            || delivered.relay_host.starts_with("localhost")
            || network::address(delivered.relay_host.as_bytes()).is_some()
    };
    match kind {
        Kind::Loopback => named_so() || !matches!(delivered.relay_port, 0 | 25),
        Kind::LoopbackAlias => named_so(),
        Kind::Private | Kind::Public => false,
    }
}

fn filter<'a>(delivered: &Delivered<'a>) -> Route<'a> {
    let discarded = delivered.accepted && says_discarded(delivered.text);
    Route {
        handed_to: HandedTo::Filter,
        hop: delivered.accepted && !discarded,
        filter: true,
        discarded,
        next_queue_id: if delivered.accepted { next_queue_id(delivered.text) } else { "" },
        ..Route::default()
    }
}

fn lmtp<'a>(delivered: &Delivered<'a>) -> Route<'a> {
    let text = delivered.text.as_bytes();
    let filters = FILTER_PORTS.contains(&delivered.relay_port)
        || delivered.accepted && (FROM_MTA.find(text).is_some() || QUEUED_AS.rfind(text).is_some());
    if filters {
        return filter(delivered);
    }
    Route { handed_to: HandedTo::Mailbox, place: Place::Here, ..Route::default() }
}

fn local<'a>(delivered: &Delivered<'a>) -> Route<'a> {
    let here = Route { place: Place::Here, ..Route::default() };
    let text = delivered.text;
    if let Some(id) = text.strip_prefix("forwarded as ") {
        return Route { hop: delivered.accepted, next_queue_id: token(id), ..here };
    }
    if text.starts_with("delivered to file: /dev/null") {
        return Route { discarded: delivered.accepted, handed_to: HandedTo::File, ..here };
    }
    let handed_to = if text.starts_with("delivered to command") {
        HandedTo::Command
    } else if text.starts_with("delivered to file") {
        HandedTo::File
    } else {
        HandedTo::Mailbox
    };
    Route { handed_to, ..here }
}

fn pipe<'a>(delivered: &Delivered<'a>) -> Route<'a> {
    let contains = |words: &[&str]| words.iter().any(|word| delivered.relay_host.contains(word));
    if contains(&["filter", "spam", "clam", "amavis", "disclaimer", "altermime", "gpg-mailgate"]) {
        return filter(delivered);
    }
    let store = contains(&["dovecot", "maildrop", "cyrus", "procmail", "deliver", "lda"]);
    Route { handed_to: if store { HandedTo::Mailbox } else { HandedTo::Command }, place: Place::Here, ..Route::default() }
}

/// Whether a filter says that it kept the message: `250 2.7.0 Ok, discarded, id=...`, `... quarantine ...`.
fn says_discarded(text: &str) -> bool {
    if QUEUED_AS.rfind(text.as_bytes()).is_some() {
        return false;
    }
    let lower = text.to_ascii_lowercase();
    lower.contains("discard") || lower.contains("quarantine") || lower.contains("silently dropped")
}

/// The innermost queue id of a reply (`250 2.0.0 from MTA(...): 250 2.0.0 Ok: queued as 4F1A2B3C4D`), empty without one.
pub(crate) fn next_queue_id(text: &str) -> &str {
    if let Some(at) = QUEUED_AS.rfind(text.as_bytes()) {
        return token(&text[at + QUEUED_AS.needle().len()..]);
    }
    // Sendmail and OpenSMTPD: `250 2.0.0 5AN8F1aB005133 Message accepted for delivery`.
    if let Some(before) = text.strip_suffix(ACCEPTED) {
        let id = before.rsplit(' ').next().unwrap_or("");
        return if token(id).len() == id.len() { id } else { "" };
    }
    EXIM_ID.rfind(text.as_bytes()).map_or("", |at| exim_id(&text[at + EXIM_ID.needle().len()..]))
}

/// The id in Exim's `250 OK id=1rABCD-000000001bo-D342`.
fn exim_id(text: &str) -> &str {
    let end = text.bytes().position(|byte| !byte.is_ascii_alphanumeric() && byte != b'-').unwrap_or(text.len());
    let is_id = matches!(end, 16 | 23) && text.as_bytes()[6] == b'-' && text[..end].bytes().filter(|byte| *byte == b'-').count() == 2;
    if is_id { &text[..end] } else { "" }
}

/// The letters and digits that a text begins with, if they are as many as a queue id has at least.
fn token(text: &str) -> &str {
    const SHORTEST: usize = 5;
    let end = text.bytes().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(text.len());
    if end < SHORTEST { "" } else { &text[..end] }
}

fn is_smarthost(learned: &Learned, delivered: &Delivered<'_>, kind: Kind) -> bool {
    let host = delivered.relay_host;
    if host.is_empty() || host == "none" {
        return false;
    }
    matches!(delivered.relay_port, 465 | 587 | 588 | 2525 | 2587)
        || matches!(kind, Kind::Private)
        || host == delivered.relay_ip
        || ["smarthost.", "smtp-relay.", "email-smtp.", "smtp.gmail.com", "smtp.office365.com", "smtp.sendgrid.net"]
            .iter()
            .any(|name| host.starts_with(name))
        || !learned.smarthosts.is_empty() && learned.smarthosts.contains_key(host)
}

/// Domains of large mail systems and the ends of the names of their MX hosts.
const LARGE: &[(&str, &[&str])] = &[
    ("gmail.com", &["google.com", "googlemail.com"]),
    ("googlemail.com", &["google.com", "googlemail.com"]),
    ("outlook.com", &["outlook.com"]),
    ("hotmail.com", &["outlook.com", "hotmail.com"]),
    ("live.com", &["outlook.com", "hotmail.com"]),
    ("yahoo.com", &["yahoodns.net", "yahoo.com"]),
    ("aol.com", &["yahoodns.net", "aol.com"]),
    ("icloud.com", &["icloud.com", "apple.com"]),
    ("gmx.de", &["gmx.net"]),
    ("gmx.net", &["gmx.net"]),
    ("web.de", &["web.de"]),
];

/// Whether the relay took mail for a large domain that it cannot be the MX of.
fn serves_others(delivered: &Delivered<'_>) -> bool {
    let Some((_, ends)) = LARGE.iter().find(|(domain, _)| *domain == delivered.domain) else { return false };
    let host = delivered.relay_host;
    !host.is_empty() && !ends.iter().any(|end| host.len() >= end.len() && host[host.len() - end.len()..].eq_ignore_ascii_case(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead<'a>(agent: Agent, host: &'a str, ip: &'a str, port: u16, text: &'a str) -> Route<'a> {
        let delivered = Delivered { agent, relay_host: host, relay_ip: ip, relay_port: port, domain: "example.net", text, accepted: true };
        route(&Config::default(), &Learned::default(), &delivered)
    }

    #[test]
    fn filters_on_this_machine_are_hops() {
        let route = lead(
            Agent::Smtp,
            "127.0.0.1",
            "127.0.0.1",
            10024,
            "250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 4F1A2B3C4D",
        );
        assert!(route.hop && route.filter);
        assert_eq!(route.next_queue_id, "4F1A2B3C4D");
        let route = lead(Agent::Smtp, "127.0.0.1", "127.0.0.1", 10024, "250 2.7.0 Ok, discarded, id=1 - spam");
        assert!(route.discarded && !route.hop);
        assert!(lead(Agent::Lmtp, "localhost", "127.0.0.1", 10024, "250 2.0.0 ok").hop);
        assert!(lead(Agent::Pipe, "spamassassin", "", 0, "delivered via spamassassin service").hop);
    }

    #[test]
    fn a_name_on_a_loopback_address_stands_for_another_host() {
        assert_eq!(lead(Agent::Smtp, "mx.example.net", "127.0.10.5", 25, "250 2.0.0 Ok: queued as ABCDEF12").handed_to, HandedTo::Remote);
        assert_eq!(lead(Agent::Smtp, "mx.example.net", "::1", 25, "250 2.0.0 Ok").handed_to, HandedTo::Remote);
        assert!(lead(Agent::Smtp, "localhost", "127.0.0.1", 25, "250 2.0.0 Ok: queued as ABCDEF12").hop);
    }

    #[test]
    fn a_destination_put_aside_is_elsewhere_when_its_host_is() {
        let place = |text: &str| {
            let relay_ip = peer::of(text).unwrap_or_default().ip;
            route(&Config::default(), &Learned::default(), &Delivered { agent: Agent::Error, relay_ip, text, ..Delivered::default() }).place
        };
        assert_eq!(place("delivery temporarily suspended: connect to mx.example.net[203.0.113.9]:25: Connection timed out"), Place::Remote);
        assert_eq!(
            place("delivery temporarily suspended: host mx.example.net[203.0.113.9] refused to talk to me: 421 Too busy"),
            Place::Remote
        );
        assert_eq!(
            place(
                "delivery temporarily suspended: Host or domain name not found. Name service error for name=example.net type=MX: Host not found, try again"
            ),
            Place::Remote
        );
        assert_eq!(place("delivery temporarily suspended: connect to 127.0.0.1[127.0.0.1]:10024: Connection refused"), Place::Unknown);
        assert_eq!(
            place("delivery temporarily suspended: connect to mx1.example.com[private/dovecot-lmtp]: No such file or directory"),
            Place::Unknown
        );
        assert_eq!(place("mail for example.net is turned off"), Place::Unknown);
    }

    #[test]
    fn who_took_over() {
        assert_eq!(lead(Agent::Local, "local", "", 0, "delivered to maildir").handed_to, HandedTo::Mailbox);
        assert_eq!(lead(Agent::Local, "local", "", 0, "delivered to command: /usr/bin/x").handed_to, HandedTo::Command);
        assert!(lead(Agent::Local, "local", "", 0, "delivered to file: /dev/null").discarded);
        assert_eq!(lead(Agent::Local, "local", "", 0, "forwarded as 46E82584").next_queue_id, "46E82584");
        assert_eq!(lead(Agent::Lmtp, "mx1", "private/dovecot-lmtp", 0, "250 2.0.0 <a@b> x Saved").handed_to, HandedTo::Mailbox);
        assert_eq!(lead(Agent::Pipe, "dovecot", "", 0, "delivered via dovecot service").handed_to, HandedTo::Mailbox);
        assert_eq!(lead(Agent::Smtp, "relay.example.org", "203.0.113.5", 587, "250 ok").handed_to, HandedTo::Smarthost);
        assert!(lead(Agent::Discard, "none", "", 0, "silently").discarded);
        let delivered = Delivered {
            agent: Agent::Smtp,
            relay_host: "out.example.org",
            relay_ip: "203.0.113.5",
            relay_port: 25,
            domain: "gmail.com",
            text: "250 ok",
            accepted: true,
        };
        assert!(route(&Config::default(), &Learned::default(), &delivered).proves_smarthost);
    }
}
