//! Probes of servers: one conversation with each address of a host, then rules over what was seen, one file each.
//!
//! * [`Service`]: which server, and how it is asked. [`control`]: whose fault it is when nobody answers.
//! * [`certificate`]: the certificate, for every protocol. [`smtp`], [`imap`], [`pop3`], [`web`]: the protocols.

pub mod bare;
pub mod certificate;
pub mod control;
pub mod imap;
pub mod latency;
mod mailbox;
pub mod pop3;
pub mod smtp;
#[cfg(test)]
pub(crate) mod testing;
pub mod web;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use mailvane_model::Time;

use crate::address::Scope;
use crate::check::View;
use crate::dns::addresses_of;
use crate::finding::{Evidence, Finding, Severity, State, Vantage};
use crate::talk::tls::{Secured, Trust};
use crate::talk::{Fault, Step, Talk, Way};
use control::Controls;

/// Addresses of one host that are probed.
pub const ADDRESS_LIMIT: usize = 4;
/// How long one probe may take, over all addresses of the host.
pub const TIME_LIMIT: Duration = Duration::from_secs(180);
/// A connection that failed is tried once more after this.
const AGAIN_AFTER: Duration = Duration::from_millis(300);

/// Who talks to a server: that decides how bad a bad certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Other servers, on port 25: most encrypt without looking at names.
    Exchange,
    /// Mail programs and browsers.
    Clients,
}

/// When TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// With the first byte (465, 993, 995, 443).
    Immediate,
    /// When the client asks (STARTTLS, STLS).
    OnDemand,
    /// Never (80).
    Never,
}

/// A name and password of a mailbox that the operator gave for probing.
#[derive(Clone)]
pub struct Login {
    /// The name.
    pub user: String,
    /// The password; never shown.
    pub password: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Login({})", self.user)
    }
}

/// One server, and how it is asked.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name, or an address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// When TLS begins.
    pub encryption: Encryption,
    /// These addresses instead of what DNS says.
    pub addresses: Vec<IpAddr>,
    /// The address of this machine to come from.
    pub from: Option<IpAddr>,
    /// How long a connection may take.
    pub connect: Duration,
    /// How long each step may take.
    pub step: Duration,
    /// Who may sign certificates.
    pub trust: Trust,
    /// A mailbox to log in to.
    pub login: Option<Login>,
    /// Look also for what takes connections of its own: banned versions of TLS, commands smuggled in before TLS. It shows in the server's log.
    pub thorough: bool,
    /// What is connected to when this server does not answer.
    pub controls: Controls,
    /// `mail.example.com:25`: the subject of its findings.
    subject: String,
}

impl Service {
    /// A server with the usual patience.
    pub fn new(host: &str, port: u16, encryption: Encryption) -> Self {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let subject = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        Service {
            host,
            port,
            encryption,
            addresses: Vec::new(),
            from: None,
            connect: Duration::from_secs(10),
            step: Duration::from_secs(30),
            trust: Trust::default(),
            login: None,
            thorough: false,
            controls: Controls::default(),
            subject,
        }
    }

    /// The subject of its findings.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    pub(crate) fn way(&self, view: &View) -> Way {
        Way { from: self.from, connect: self.connect, step: self.step, ..Way::new(view.now, self.trust.clone()) }
    }

    /// The addresses to probe, those of IPv4 first; a finding when there are none.
    pub(crate) async fn resolve(&self, view: &View, rule: &str) -> Result<Vec<IpAddr>, Box<Finding>> {
        if !self.addresses.is_empty() {
            return Ok(self.addresses.iter().copied().take(ADDRESS_LIMIT).collect());
        }
        if let Ok(address) = self.host.parse() {
            return Ok(vec![address]);
        }
        if self.host == "localhost" {
            return Ok(vec![Ipv4Addr::LOCALHOST.into()]);
        }
        let (four, six) = addresses_of(&view.resolver, &self.host).await;
        let addresses: Vec<IpAddr> = four.addresses().into_iter().chain(six.addresses()).take(ADDRESS_LIMIT).collect();
        if addresses.is_empty() {
            let title = format!("{} could not be reached: its address is not known ({})", self.host, four.outcome);
            let finding = Finding::unknown(rule, &self.subject, title).fix("Look at the name; the checks of DNS say more.");
            return Err(Box::new(finding.from_reply(&four).from_reply(&six)));
        }
        Ok(addresses)
    }

    /// Opens a connection, tried twice.
    async fn open(&self, address: IpAddr, way: &Way) -> Result<Talk, Fault> {
        let server = SocketAddr::new(address, self.port);
        match Talk::open(server, way).await {
            Err(Fault::NoRoute(why)) => Err(Fault::NoRoute(why)),
            Err(_) => {
                tokio::time::sleep(AGAIN_AFTER).await;
                Talk::open(server, way).await
            }
            talk => talk,
        }
    }
}

/// From where an address is seen when it is reached from `here`.
pub(crate) fn vantage(here: IpAddr, server: IpAddr) -> Vantage {
    match Scope::of(server) {
        Scope::Loopback => Vantage::Host,
        _ if here == server => Vantage::Host,
        Scope::Public => Vantage::Outside,
        _ => Vantage::Network,
    }
}

/// What a protocol saw at one address.
pub(crate) struct Seen<Facts> {
    /// The address.
    pub(crate) server: SocketAddr,
    /// This side's address; the other's when there was no connection.
    pub(crate) here: IpAddr,
    /// What the protocol saw, or why the conversation never began.
    pub(crate) facts: Result<Facts, Fault>,
    /// How long the steps took.
    pub(crate) steps: Vec<Step>,
    /// What was said.
    pub(crate) transcript: Vec<Evidence>,
}

impl<Facts> Seen<Facts> {
    pub(crate) fn down(server: SocketAddr, fault: Fault) -> Self {
        Seen { server, here: server.ip(), facts: Err(fault), steps: Vec::new(), transcript: Vec::new() }
    }

    pub(crate) fn vantage(&self) -> Vantage {
        vantage(self.here, self.server.ip())
    }
}

/// A conversation that goes on after its TLS handshake, or what is left of it.
pub(crate) enum Upgraded {
    /// It goes on.
    On(Box<Talk>, Secured),
    /// The handshake failed.
    Off(Fault, Vec<Step>, Vec<Evidence>),
}

/// Changes to TLS.
pub(crate) async fn upgrade(talk: Talk, host: &str) -> Upgraded {
    match talk.secure(host).await {
        Ok((talk, secured)) => Upgraded::On(Box::new(talk), secured),
        Err((fault, steps, transcript)) => Upgraded::Off(fault, steps, transcript),
    }
}

/// The rule about the connection itself, for one address.
pub(crate) fn unreached(rule: &str, subject: &str, server: SocketAddr, fault: &Fault, blame: &control::Blame, now: Time) -> Finding {
    let finding = match (fault, blame) {
        (_, control::Blame::Ours(why)) => Finding::unknown(rule, subject, format!("{server} was not reached: {fault}"))
            .means(format!("{why} This says nothing about the server.")),
        (Fault::Refused, _) => Finding::problem(rule, subject, Severity::High, format!("Nobody listens at {server}: {fault}"))
            .means("Mail for it waits at the senders and comes back after days; mail programs show an error.")
            .fix("Is the service running, does it listen on this address (`ss -ltn`), does a firewall refuse it?"),
        (Fault::Timeout(_), control::Blame::Theirs) => {
            Finding::problem(rule, subject, Severity::High, format!("{server} does not answer: {fault}"))
                .means("Other servers were reached at the same time. Mail for it waits at the senders and comes back after days.")
                .fix("Is the machine up, and does a firewall (also that of the provider) drop the packets?")
        }
        _ => Finding::unknown(rule, subject, format!("{server} was not reached: {fault}"))
            .means("Whether the fault is here or there is not known."),
    };
    finding.with(Evidence::new(format!("connect to {server}"), fault.to_string(), server.to_string(), now))
}

/// One finding a rule out of those of all addresses: the worst, and what the others say beside it.
pub(crate) fn merged(per_address: Vec<(SocketAddr, Vec<Finding>)>) -> Vec<Finding> {
    let count = per_address.len();
    let mut merged: Vec<(Finding, Vec<(SocketAddr, State)>)> = Vec::new();
    for (server, findings) in per_address {
        for finding in findings {
            let known = merged.iter_mut().find(|(known, _)| (&known.check, &known.subject) == (&finding.check, &finding.subject));
            match known {
                Some((known, states)) => {
                    states.push((server, finding.state));
                    if (finding.state, finding.severity) > (known.state, known.severity) {
                        *known = finding;
                    }
                }
                None => {
                    let state = finding.state;
                    merged.push((finding, vec![(server, state)]));
                }
            }
        }
    }
    merged.into_iter().map(|(finding, states)| if count > 1 { with_places(finding, &states) } else { finding }).collect()
}

fn with_places(mut finding: Finding, states: &[(SocketAddr, State)]) -> Finding {
    let here: Vec<String> = states.iter().filter(|(_, state)| *state == finding.state).map(|(server, _)| server.ip().to_string()).collect();
    let other: Vec<String> = states
        .iter()
        .filter(|(_, state)| *state != finding.state)
        .map(|(server, state)| format!("{} ({})", server.ip(), state.word()))
        .collect();
    if !other.is_empty() {
        let places = format!("Seen at {}; not at {}.", here.join(", "), other.join(", "));
        let wording = format!("{places} {}", finding.wording);
        wording.trim_end().clone_into(&mut finding.wording);
    }
    finding
}

/// Runs one protocol over all addresses of a host, one after the other, and its rules over what was seen.
pub(crate) async fn over_addresses<Facts, Talking>(
    service: &Service,
    view: &View,
    rule: &'static str,
    talk: impl Fn(SocketAddr, Way) -> Talking,
    rules: impl Fn(&Seen<Facts>, &Facts) -> Vec<Finding>,
) -> Vec<Finding>
where
    Talking: Future<Output = Seen<Facts>>,
{
    let addresses = match service.resolve(view, rule).await {
        Ok(addresses) => addresses,
        Err(finding) => return vec![*finding],
    };
    let started = Instant::now();
    let mut seen = Vec::new();
    for address in addresses {
        let mut way = service.way(view);
        way.now = Time(view.now.0 + started.elapsed().as_micros() as i64);
        seen.push(talk(SocketAddr::new(address, service.port), way).await);
    }
    // An address family that this machine has no way for says nothing, where another was reached.
    let reached = seen.iter().any(|seen| !matches!(seen.facts, Err(Fault::NoRoute(_))));
    seen.retain(|seen| !reached || !matches!(seen.facts, Err(Fault::NoRoute(_))));
    let mut findings = Vec::new();
    let mut blocked = None;
    for seen in &seen {
        let mut of_one = match &seen.facts {
            Ok(facts) => rules(seen, facts),
            Err(fault) => {
                let blame = control::blame(service, view, seen.server, fault).await;
                if let control::Blame::Ours(why) = &blame {
                    blocked = control::blocked(seen.server, why).or(blocked);
                }
                vec![unreached(rule, &service.subject, seen.server, fault, &blame, view.now)]
            }
        };
        for finding in &mut of_one {
            finding.vantage = seen.vantage();
            if finding.evidence.is_empty() {
                finding.evidence.clone_from(&seen.transcript);
            }
        }
        findings.push((seen.server, of_one));
    }
    let mut findings = merged(findings);
    findings.extend(blocked);
    findings
}
