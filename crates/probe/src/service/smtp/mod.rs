//! A mail server on 25, 465 or 587: one session, and rules over what was seen in it. Nothing is ever sent past RCPT.
//!
//! * [`session`]: the conversation. [`banner`], [`capabilities`], [`encryption`], [`dane`], [`login`], [`recipients`], [`relay`]: the rules.

pub mod banner;
pub mod capabilities;
pub mod dane;
pub mod encryption;
pub mod login;
pub mod recipients;
pub mod relay;
pub mod session;

use std::time::Duration;

use mailvane_model::Network;

use super::{Encryption, Role, Seen, Service, certificate, latency, over_addresses};
use crate::check::{Check, Confirmation, View};
use crate::finding::Finding;
use crate::lookup::{Boxed, Reply};
use session::Session;

/// What a port is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Mail from other servers (25).
    Exchange,
    /// Mail of our users: 587, TLS on demand.
    Submission,
    /// Mail of our users: 465, TLS from the first byte.
    Submissions,
}

impl Use {
    /// What a port is for by its number.
    pub const fn of_port(port: u16) -> Self {
        match port {
            465 => Use::Submissions,
            587 => Use::Submission,
            _ => Use::Exchange,
        }
    }

    /// When TLS begins.
    pub const fn encryption(self) -> Encryption {
        if matches!(self, Use::Submissions) { Encryption::Immediate } else { Encryption::OnDemand }
    }

    pub(super) const fn role(self) -> Role {
        if matches!(self, Use::Exchange) { Role::Exchange } else { Role::Clients }
    }
}

/// What may be tried on a server of our own.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// Domains whose mailboxes it has: their postmaster has to be taken.
    pub domains: Vec<String>,
    /// Networks it relays for (`mynetworks`), where they are known.
    pub trusted: Option<Vec<Network>>,
}

/// A mail server.
#[derive(Clone, Debug)]
pub struct Smtp {
    /// Where, and how it is asked.
    pub service: Service,
    /// What the port is for.
    pub purpose: Use,
    /// The name we say in EHLO. It begins with [`MARK`], so that the server's own log tells who it was.
    pub helo: String,
    /// The server is ours: recipients and relaying are tried too.
    pub own: Option<Own>,
}

/// What names and addresses of probes begin with.
pub const MARK: &str = "mailvane-probe";

impl Smtp {
    /// A server of whom nothing is known.
    pub fn new(service: Service, purpose: Use) -> Self {
        Smtp { service, purpose, helo: format!("{MARK}.invalid"), own: None }
    }

    async fn look(&self, view: &View) -> Vec<Finding> {
        let records = dane::records(self, view).await;
        over_addresses(
            &self.service,
            view,
            "smtp.connect",
            |server, way| session::talk(self, server, way),
            |seen, session| self.rules(seen, session, records.as_ref()),
        )
        .await
    }

    fn rules(&self, seen: &Seen<Session>, session: &Session, records: Option<&Reply>) -> Vec<Finding> {
        let subject = self.service.subject();
        let mut findings = banner::look(self, session);
        if session.hello.is_some() {
            findings.extend(capabilities::look(self, session));
            findings.extend(encryption::look(self, session));
            findings.extend(login::look(self, session));
            findings.extend(recipients::look(self, session));
            findings.extend(relay::look(self, session, seen.here, seen.server.ip()));
        }
        if let Some(Ok(secured)) = &session.tls {
            findings.extend(certificate::look(subject, &self.service.host, self.purpose.role(), secured, session.now));
        }
        findings.extend(dane::look(self, session, records));
        findings.push(latency::look("smtp.latency", subject, seen));
        findings
    }
}

impl Check for Smtp {
    fn name(&self) -> &'static str {
        "smtp"
    }

    fn subject(&self) -> &str {
        self.service.subject()
    }

    fn confirmation(&self) -> Confirmation {
        Confirmation::Own
    }

    fn time_limit(&self) -> Duration {
        super::TIME_LIMIT
    }

    fn run<'a>(&'a self, view: &'a View) -> Boxed<'a, Vec<Finding>> {
        Box::pin(self.look(view))
    }
}

#[cfg(test)]
mod tests;
