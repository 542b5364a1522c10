//! The conversation with one address: greeting, EHLO, TLS, then what may be tried. It ends with QUIT wherever it can.

use std::net::SocketAddr;

use mailvane_model::Time;

use super::{MARK, Smtp, Use};
use crate::service::{Encryption, Seen, Upgraded, upgrade};
use crate::talk::old_tls::{self, Answer};
use crate::talk::smtp::{self, Capabilities, Reply};
use crate::talk::tls::Secured;
use crate::talk::{Fault, Talk, Way};

/// Domains of ours whose postmaster is tried in one session.
const DOMAIN_LIMIT: usize = 5;

/// What was seen.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// When it was.
    pub now: Time,
    /// The greeting.
    pub greeting: Option<Reply>,
    /// The reply to the first EHLO.
    pub hello: Option<Reply>,
    /// What is offered before TLS.
    pub before: Capabilities,
    /// The reply to STARTTLS.
    pub starttls: Option<Reply>,
    /// The handshake.
    pub tls: Option<Result<Secured, Fault>>,
    /// What is offered within TLS.
    pub within: Option<Capabilities>,
    /// The end of a login.
    pub login: Option<Result<Reply, Fault>>,
    /// Recipients that were tried.
    pub tried: Vec<Tried>,
    /// Replies to VRFY of a mailbox that every server has, and of one that nobody has.
    pub verify: Option<(Reply, Reply)>,
    /// A command sent before TLS was answered within it.
    pub smuggled: Option<bool>,
    /// What became of an offer of TLS 1.1.
    pub old_tls: Option<Answer>,
    /// Why it ended early.
    pub broke: Option<Fault>,
}

impl Session {
    /// What is offered to those who know how to ask: within TLS where there is TLS.
    pub fn offered(&self) -> &Capabilities {
        self.within.as_ref().unwrap_or(&self.before)
    }
}

/// Why a recipient was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// From strangers to strangers: it must be refused.
    Relay,
    /// The mailbox that every domain has.
    Postmaster,
    /// The mailbox for complaints.
    Abuse,
    /// A mailbox that nobody has.
    Nobody,
    /// A stranger's address in the clothes of a local one.
    Disguised,
}

/// A recipient and what was said to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Why.
    pub purpose: Purpose,
    /// The envelope sender.
    pub from: String,
    /// The recipient.
    pub to: String,
    /// The reply to RCPT, or to MAIL when that was refused.
    pub reply: Reply,
}

/// Talks to one address.
pub(super) async fn talk(probe: &Smtp, server: SocketAddr, way: Way) -> Seen<Session> {
    let opened = match probe.service.open(server.ip(), &way).await {
        Ok(talk) => talk,
        Err(fault) => return Seen::down(server, fault),
    };
    let mut seen = Seen { server, here: opened.here().ip(), facts: Ok(Session::default()), steps: Vec::new(), transcript: Vec::new() };
    let mut session = Session { now: way.now, ..Session::default() };
    match converse(probe, opened, &mut session).await {
        Ok(mut talk) => {
            smtp::quit(&mut talk).await;
            (seen.steps, seen.transcript) = (talk.steps, talk.transcript);
        }
        Err(ended) => {
            session.broke = Some(ended.fault);
            (seen.steps, seen.transcript) = (ended.steps, ended.transcript);
        }
    }
    if probe.service.thorough && session.before.get("STARTTLS").is_some() && matches!(session.tls, Some(Ok(_))) {
        session.smuggled = smuggle(probe, server, &way).await;
    }
    if probe.service.thorough && matches!(session.tls, Some(Ok(_))) {
        session.old_tls = offer_old(probe, server, &way).await;
    }
    seen.facts = Ok(session);
    seen
}

/// A conversation that ended early, with what was heard until then.
struct Ended {
    fault: Fault,
    steps: Vec<crate::talk::Step>,
    transcript: Vec<crate::finding::Evidence>,
}

impl Ended {
    fn of(talk: Talk, fault: Fault) -> Self {
        Ended { fault, steps: talk.steps, transcript: talk.transcript }
    }
}

async fn converse(probe: &Smtp, talk: Talk, session: &mut Session) -> Result<Talk, Ended> {
    let mut talk = talk;
    if probe.service.encryption == Encryption::Immediate {
        talk = encrypt(probe, talk, session).await?;
    }
    if let Err(fault) = begin(probe, &mut talk, session).await {
        return Err(Ended::of(talk, fault));
    }
    if session.hello.is_none() {
        return Ok(talk);
    }
    if probe.service.encryption == Encryption::OnDemand && session.before.get("STARTTLS").is_some() {
        match smtp::command(&mut talk, "starttls", "STARTTLS").await {
            Ok(reply) => session.starttls = Some(reply),
            Err(fault) => return Err(Ended::of(talk, fault)),
        }
        if session.starttls.as_ref().is_some_and(Reply::is_positive) {
            talk = encrypt(probe, talk, session).await?;
            match smtp::command(&mut talk, "ehlo", &format!("EHLO {}", probe.helo)).await {
                Ok(reply) => session.within = reply.is_positive().then(|| Capabilities::of(&reply)),
                Err(fault) => return Err(Ended::of(talk, fault)),
            }
        }
    } else if matches!(session.tls, Some(Ok(_))) {
        session.within = Some(session.before.clone());
    }
    match attempts(probe, &mut talk, session).await {
        Ok(()) => Ok(talk),
        Err(fault) => Err(Ended::of(talk, fault)),
    }
}

async fn encrypt(probe: &Smtp, talk: Talk, session: &mut Session) -> Result<Talk, Ended> {
    match upgrade(talk, &probe.service.host).await {
        Upgraded::On(talk, secured) => {
            session.tls = Some(Ok(secured));
            Ok(*talk)
        }
        Upgraded::Off(fault, steps, transcript) => {
            session.tls = Some(Err(fault.clone()));
            Err(Ended { fault, steps, transcript })
        }
    }
}

async fn begin(probe: &Smtp, talk: &mut Talk, session: &mut Session) -> Result<(), Fault> {
    let greeting = smtp::greeting(talk).await?;
    let welcome = greeting.code == 220;
    session.greeting = Some(greeting);
    if !welcome {
        return Ok(());
    }
    let mut hello = smtp::command(talk, "ehlo", &format!("EHLO {}", probe.helo)).await?;
    if hello.is_positive() {
        session.before = Capabilities::of(&hello);
    } else {
        let old = smtp::command(talk, "helo", &format!("HELO {}", probe.helo)).await?;
        if old.is_positive() {
            session.before.name = Capabilities::of(&old).name;
        } else {
            hello = old;
        }
    }
    session.hello = Some(hello);
    Ok(())
}

/// What may be tried: a login with a mailbox of the operator's, recipients on a server of his own.
async fn attempts(probe: &Smtp, talk: &mut Talk, session: &mut Session) -> Result<(), Fault> {
    if let Some(own) = &probe.own {
        let strangers = [(format!("{MARK}@example.org"), "mailvane-probe@example.net"), (String::new(), "mailvane-probe@example.net")];
        for (from, to) in strangers {
            recipient(talk, session, Purpose::Relay, &from, to).await?;
        }
        for (at, domain) in own.domains.iter().take(DOMAIN_LIMIT).enumerate().filter(|_| probe.purpose == Use::Exchange) {
            recipient(talk, session, Purpose::Postmaster, "", &format!("postmaster@{domain}")).await?;
            recipient(talk, session, Purpose::Abuse, "", &format!("abuse@{domain}")).await?;
            if at == 0 {
                recipient(talk, session, Purpose::Nobody, "", &format!("{MARK}-nobody@{domain}")).await?;
                recipient(talk, session, Purpose::Disguised, "", &format!("{MARK}%example.net@{domain}")).await?;
                recipient(talk, session, Purpose::Disguised, "", &format!("\"{MARK}@example.net\"@{domain}")).await?;
            }
        }
        if let Some(domain) = own.domains.first().filter(|_| probe.purpose == Use::Exchange) {
            let there = smtp::command(talk, "vrfy", &format!("VRFY postmaster@{domain}")).await?;
            let nobody = smtp::command(talk, "vrfy", &format!("VRFY {MARK}-nobody@{domain}")).await?;
            session.verify = Some((there, nobody));
        }
    }
    if let Some(login) = &probe.service.login
        && matches!(session.tls, Some(Ok(_)))
    {
        let offered = session.offered().clone();
        session.login = Some(smtp::login(talk, &offered, &login.user, &login.password).await);
    }
    Ok(())
}

async fn recipient(talk: &mut Talk, session: &mut Session, purpose: Purpose, from: &str, to: &str) -> Result<(), Fault> {
    let mut reply = smtp::command(talk, "mail", &format!("MAIL FROM:<{from}>")).await?;
    if reply.is_positive() {
        reply = smtp::command(talk, "rcpt", &format!("RCPT TO:<{to}>")).await?;
    }
    smtp::command(talk, "rset", "RSET").await?;
    session.tried.push(Tried { purpose, from: from.to_owned(), to: to.to_owned(), reply });
    Ok(())
}

/// Sends a command together with STARTTLS, in one packet: a server that answers it within TLS took what a man in the middle could
/// have put there (CVE-2011-0411).
async fn smuggle(probe: &Smtp, server: SocketAddr, way: &Way) -> Option<bool> {
    let mut talk = Talk::open(server, way).await.ok()?;
    smtp::greeting(&mut talk).await.ok()?;
    smtp::command(&mut talk, "ehlo", &format!("EHLO {}", probe.helo)).await.ok()?;
    talk.send(b"STARTTLS\r\nNOOP\r\n").await.ok()?;
    let reply = smtp::reply(&mut talk).await.ok()?;
    if !reply.is_positive() {
        smtp::quit(&mut talk).await;
        return None;
    }
    if !talk.leftover().is_empty() {
        // It answered the second command in the clear: it was not taken into TLS.
        return Some(false);
    }
    let Upgraded::On(mut talk, _) = upgrade(talk, &probe.service.host).await else { return None };
    // The answer to EHLO has the server's name in it and further lines; that to NOOP has neither.
    let first = smtp::command(&mut talk, "ehlo", &format!("EHLO {}", probe.helo)).await.ok()?;
    let second = smtp::command(&mut talk, "quit", "QUIT").await.ok()?;
    if second.code == 221 {
        return Some(false);
    }
    smtp::quit(&mut talk).await;
    Some(first.is_positive() && second.is_positive())
}

async fn offer_old(probe: &Smtp, server: SocketAddr, way: &Way) -> Option<Answer> {
    let mut talk = Talk::open(server, way).await.ok()?;
    if probe.service.encryption == Encryption::OnDemand {
        smtp::greeting(&mut talk).await.ok()?;
        smtp::command(&mut talk, "ehlo", &format!("EHLO {}", probe.helo)).await.ok()?;
        let reply = smtp::command(&mut talk, "starttls", "STARTTLS").await.ok()?;
        if !reply.is_positive() {
            return None;
        }
    }
    old_tls::offer(&mut talk, &probe.service.host).await.ok()
}
