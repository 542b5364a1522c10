//! The certificate of any server that speaks TLS from the first byte, and nothing else.

use std::net::SocketAddr;
use std::time::Duration;

use mailvane_model::Time;

use super::smtp::encryption::old;
use super::{Role, Seen, Service, Upgraded, certificate, latency, over_addresses, upgrade};
use crate::check::{Check, Confirmation, View};
use crate::finding::{Finding, Severity};
use crate::lookup::Boxed;
use crate::talk::old_tls::{self, Answer};
use crate::talk::tls::Secured;
use crate::talk::{Fault, Talk, Way};

/// A server of which only TLS is looked at.
#[derive(Clone, Debug)]
pub struct Bare {
    /// Where.
    pub service: Service,
}

struct Session {
    now: Time,
    tls: Result<Secured, Fault>,
    old: Option<Answer>,
}

impl Bare {
    async fn talk(&self, server: SocketAddr, way: Way) -> Seen<Session> {
        let talk = match self.service.open(server.ip(), &way).await {
            Ok(talk) => talk,
            Err(fault) => return Seen::down(server, fault),
        };
        let here = talk.here().ip();
        let mut session = Session { now: way.now, tls: Err(Fault::Closed), old: None };
        let (steps, transcript) = match upgrade(talk, &self.service.host).await {
            Upgraded::On(talk, secured) => {
                session.tls = Ok(secured);
                (talk.steps, talk.transcript)
            }
            Upgraded::Off(fault, steps, transcript) => {
                session.tls = Err(fault);
                (steps, transcript)
            }
        };
        if self.service.thorough
            && session.tls.is_ok()
            && let Ok(mut talk) = Talk::open(server, &way).await
        {
            session.old = old_tls::offer(&mut talk, &self.service.host).await.ok();
        }
        Seen { server, here, facts: Ok(session), steps, transcript }
    }

    fn rules(&self, seen: &Seen<Session>, session: &Session) -> Vec<Finding> {
        let subject = self.service.subject();
        let mut findings = Vec::new();
        match &session.tls {
            Ok(secured) => {
                findings.push(Finding::ok("tls.connect", subject, format!("{} with {}", secured.version, secured.cipher)));
                findings.extend(certificate::look(subject, &self.service.host, Role::Clients, secured, session.now));
            }
            Err(fault) if fault.may_be_ours() => {
                findings.push(Finding::unknown("tls.connect", subject, format!("Whether TLS works was not seen: {fault}")));
            }
            Err(fault) => findings.push(
                Finding::problem("tls.connect", subject, Severity::High, format!("TLS does not work: {fault}"))
                    .means("Nobody can connect.")
                    .fix("Does the port speak TLS from the first byte? Look into the log of the server."),
            ),
        }
        findings.extend(session.old.as_ref().map(|answer| old(subject, answer)));
        findings.push(latency::look("tls.latency", subject, seen));
        findings
    }
}

impl Check for Bare {
    fn name(&self) -> &'static str {
        "tls"
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
        Box::pin(over_addresses(
            &self.service,
            view,
            "tls.connect",
            |server, way| self.talk(server, way),
            |seen, session| self.rules(seen, session),
        ))
    }
}
