//! The mail servers of a domain, for notices that go straight there.

use std::sync::Arc;

use mailvane_alert::notify::send::{Exchanges, FindExchanges};
use mailvane_probe::lookup::network::{self, Patience, Server};
use mailvane_probe::lookup::{Data, Kind, Lookup, Resolver};

/// Asks the name servers of this machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dns;

impl FindExchanges for Dns {
    fn of<'a>(&'a self, domain: &'a str) -> Exchanges<'a> {
        Box::pin(find(domain))
    }
}

async fn find(domain: &str) -> Result<Vec<String>, String> {
    let servers = network::of_this_machine().map_err(|error| format!("no name server is known: {error}"))?;
    let lookups = servers.into_iter().map(|address| Arc::new(Server::new(address, Patience::default())) as Arc<dyn Lookup>);
    // Made anew each time: what was true an hour ago may be what is wrong.
    let resolver = Resolver::new(lookups.collect());
    let reply = resolver.ask(domain, Kind::Mx).await;
    if !reply.outcome.is_definite() {
        return Err(reply.outcome.to_string());
    }
    let mut found: Vec<(u16, String)> = Vec::new();
    for record in reply.outcome.records() {
        if let Data::Mx { preference, host } = &record.data {
            found.push((*preference, host.trim_end_matches('.').to_owned()));
        }
    }
    found.sort();
    let hosts: Vec<String> = found.into_iter().map(|exchange| exchange.1).collect();
    if hosts.iter().any(String::is_empty) {
        return Err("it says that it takes no mail (null MX)".to_owned());
    }
    if !hosts.is_empty() {
        return Ok(hosts);
    }
    // RFC 5321 section 5.1: without an MX record the host itself.
    let addresses = resolver.ask(domain, Kind::A).await;
    if addresses.addresses().is_empty() { Err(reply.outcome.to_string()) } else { Ok(vec![domain.to_owned()]) }
}
