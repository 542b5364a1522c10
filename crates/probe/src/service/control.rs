//! Whose fault is silence? When a server does not answer, others are tried that are known to: if they do not answer either, it is our
//! network, and nothing is said about the server.

use std::net::{IpAddr, SocketAddr};

use super::Service;
use crate::address::Scope;
use crate::check::View;
use crate::dns::addresses_of;
use crate::finding::{Finding, Severity};
use crate::talk::{Fault, Talk};

/// Servers that take mail from anybody. They are connected to and left at once.
const EXCHANGES: [&str; 2] = ["gmail-smtp-in.l.google.com", "mx-aol.mail.gm0.yahoodns.net"];
/// Servers that nearly always answer on 443.
const WEB: [&str; 2] = ["www.google.com", "www.yahoo.com"];

/// What is connected to when a server does not answer.
#[derive(Clone, Debug)]
pub struct Controls {
    /// For port 25: host and port.
    pub exchanges: Vec<(String, u16)>,
    /// For every other port.
    pub others: Vec<(String, u16)>,
}

impl Default for Controls {
    fn default() -> Self {
        let of = |hosts: [&str; 2], port| hosts.map(|host| (host.to_owned(), port)).to_vec();
        Controls { exchanges: of(EXCHANGES, 25), others: of(WEB, 443) }
    }
}

/// Whose fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blame {
    /// Others were reached: it is the server, or the way near it.
    Theirs,
    /// Ours, and why that is so.
    Ours(String),
    /// Not known.
    Unknown,
}

/// Finds out whose fault it is.
pub(super) async fn blame(service: &Service, view: &View, server: SocketAddr, fault: &Fault) -> Blame {
    match fault {
        Fault::NoRoute(why) => return Blame::Ours(format!("This machine has no way there ({why}).")),
        // A firewall on our side can refuse port 25 as well as drop it.
        Fault::Refused if server.port() == 25 && Scope::of(server.ip()) == Scope::Public => {}
        Fault::Refused | Fault::Closed | Fault::Garbage(_) | Fault::Tls(_) => return Blame::Theirs,
        Fault::Broken(_) => return Blame::Unknown,
        Fault::Timeout(_) => {}
    }
    if Scope::of(server.ip()) != Scope::Public {
        // There is no network of others between here and there.
        return Blame::Theirs;
    }
    let exchange = server.port() == 25;
    if exchange {
        if reached(service, view, &service.controls.exchanges, server.ip()).await {
            return Blame::Theirs;
        }
        if reached(service, view, &service.controls.others, server.ip()).await {
            return Blame::Ours(PORT_BLOCKED.to_owned());
        }
    } else if reached(service, view, &service.controls.others, server.ip()).await {
        return Blame::Theirs;
    }
    Blame::Ours("Servers that are always there did not answer either: the network of this machine is down or closed.".to_owned())
}

const PORT_BLOCKED: &str = "No server answers on port 25, and others do on other ports: outgoing port 25 is blocked here.";

/// The finding that stands for all that could not be seen for this one reason.
pub(super) fn blocked(server: SocketAddr, why: &str) -> Option<Finding> {
    (server.port() == 25 && why == PORT_BLOCKED).then(|| {
        Finding::warning("outgoing.port25", "this machine", Severity::Medium, "Outgoing port 25 is blocked here")
            .means("Checks that need it say nothing. A server that delivers to other servers itself cannot work on this network.")
            .fix("Ask the provider to open it, send through a smarthost on 587, or run the probe from another machine.")
    })
}

/// Is one of these there, over the address family of the silent server?
async fn reached(service: &Service, view: &View, hosts: &[(String, u16)], like: IpAddr) -> bool {
    let way = service.way(view);
    for (host, port) in hosts {
        let addresses = match host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => {
                let (four, six) = addresses_of(&view.resolver, host).await;
                four.addresses().into_iter().chain(six.addresses()).collect()
            }
        };
        let Some(address) = addresses.into_iter().find(|address| address.is_ipv4() == like.is_ipv4()) else { continue };
        if Talk::open(SocketAddr::new(address, *port), &way).await.is_ok() {
            return true;
        }
    }
    false
}
