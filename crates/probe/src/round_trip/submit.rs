//! The first leg: the message is submitted as a mail program does it.

use std::fmt;
use std::net::SocketAddr;

use super::RoundTrip;
use crate::check::View;
use crate::finding::Evidence;
use crate::service::{Encryption, Upgraded, upgrade};
use crate::talk::smtp::{self, Capabilities, Reply};
use crate::talk::{Fault, Step, Talk};

/// The message was taken.
#[derive(Clone, Debug)]
pub(super) struct Submitted {
    /// The reply after its last line.
    pub(super) reply: Reply,
    /// The queue id in it.
    pub(super) queue_id: Option<String>,
    /// How long the steps took.
    pub(super) steps: Vec<Step>,
}

/// The message was not taken.
#[derive(Clone, Debug)]
pub(super) enum Refused {
    /// The conversation broke off.
    Fault(Fault),
    /// A command was refused.
    Reply(&'static str, Reply),
    /// TLS is not offered, and the password is not sent without.
    NoTls,
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Fault(fault) => fault.fmt(formatter),
            Refused::Reply(command, reply) => write!(formatter, "{command}: {reply}"),
            Refused::NoTls => formatter.write_str("no TLS, and a password is not sent without it"),
        }
    }
}

type Ended<Value> = Result<(Value, Vec<Evidence>), (Refused, Vec<Evidence>)>;

/// Submits it at the first address of the host that answers.
pub(super) async fn submit(trip: &RoundTrip, view: &View, mark: &str) -> Ended<Submitted> {
    let service = &trip.submission;
    let addresses = service
        .resolve(view, "roundtrip.arrived")
        .await
        .map_err(|finding| (Refused::Fault(Fault::NoRoute(finding.title.clone())), finding.evidence))?;
    let way = service.way(view);
    let mut last = Fault::NoRoute("no address".to_owned());
    for address in addresses {
        match Talk::open(SocketAddr::new(address, service.port), &way).await {
            Ok(talk) => return converse(trip, talk, mark).await,
            Err(fault) => last = fault,
        }
    }
    Err((Refused::Fault(last), Vec::new()))
}

async fn converse(trip: &RoundTrip, mut talk: Talk, mark: &str) -> Ended<Submitted> {
    let service = &trip.submission;
    let mut secure = false;
    if service.encryption == Encryption::Immediate {
        talk = on(upgrade(talk, &service.host).await)?;
        secure = true;
    }
    let hello = format!("EHLO {}", trip.helo);
    let mut offered = match begin(&mut talk, &hello).await {
        Ok(offered) => offered,
        Err(refused) => return Err((refused, talk.transcript)),
    };
    if !secure && offered.get("STARTTLS").is_some() {
        match smtp::command(&mut talk, "starttls", "STARTTLS").await {
            Ok(reply) if reply.is_positive() => {}
            Ok(reply) => return Err((Refused::Reply("STARTTLS", reply), talk.transcript)),
            Err(fault) => return Err((Refused::Fault(fault), talk.transcript)),
        }
        talk = on(upgrade(talk, &service.host).await)?;
        secure = true;
        offered = match smtp::command(&mut talk, "ehlo", &hello).await {
            Ok(reply) => Capabilities::of(&reply),
            Err(fault) => return Err((Refused::Fault(fault), talk.transcript)),
        };
    }
    match hand_over(trip, &mut talk, &offered, secure, mark).await {
        Ok(reply) => {
            smtp::quit(&mut talk).await;
            Ok((Submitted { queue_id: queue_id(&reply.text()), reply, steps: talk.steps }, talk.transcript))
        }
        Err(refused) => {
            smtp::quit(&mut talk).await;
            Err((refused, talk.transcript))
        }
    }
}

fn on(upgraded: Upgraded) -> Result<Talk, (Refused, Vec<Evidence>)> {
    match upgraded {
        Upgraded::On(talk, _) => Ok(*talk),
        Upgraded::Off(fault, _, transcript) => Err((Refused::Fault(fault), transcript)),
    }
}

async fn begin(talk: &mut Talk, hello: &str) -> Result<Capabilities, Refused> {
    let greeting = smtp::greeting(talk).await.map_err(Refused::Fault)?;
    if greeting.code != 220 {
        return Err(Refused::Reply("greeting", greeting));
    }
    let reply = smtp::command(talk, "ehlo", hello).await.map_err(Refused::Fault)?;
    if reply.is_positive() { Ok(Capabilities::of(&reply)) } else { Err(Refused::Reply("EHLO", reply)) }
}

async fn hand_over(trip: &RoundTrip, talk: &mut Talk, offered: &Capabilities, secure: bool, mark: &str) -> Result<Reply, Refused> {
    if let Some(login) = &trip.submission.login {
        if !secure {
            return Err(Refused::NoTls);
        }
        let reply = smtp::login(talk, offered, &login.user, &login.password).await.map_err(Refused::Fault)?;
        if !reply.is_positive() {
            return Err(Refused::Reply("AUTH", reply));
        }
    }
    for (step, command) in [("mail", format!("MAIL FROM:<{}>", trip.from)), ("rcpt", format!("RCPT TO:<{}>", trip.to))] {
        let reply = smtp::command(talk, step, &command).await.map_err(Refused::Fault)?;
        if !reply.is_positive() {
            return Err(Refused::Reply(if step == "mail" { "MAIL" } else { "RCPT" }, reply));
        }
    }
    let reply = smtp::command(talk, "data", "DATA").await.map_err(Refused::Fault)?;
    if reply.code != 354 {
        return Err(Refused::Reply("DATA", reply));
    }
    let message = message(trip, mark, &talk.time());
    let reply = smtp::command(talk, "message", &format!("{message}\r\n.")).await.map_err(Refused::Fault)?;
    if reply.is_positive() { Ok(reply) } else { Err(Refused::Reply("message", reply)) }
}

/// The message: plain, short, and open about what it is.
fn message(trip: &RoundTrip, mark: &str, now: &mailvane_model::Time) -> String {
    let date = chrono::DateTime::from_timestamp(now.seconds(), 0).unwrap_or_default().to_rfc2822();
    format!(
        "From: <{}>\r\nTo: <{}>\r\nSubject: Mailvane round trip\r\nDate: {date}\r\nMessage-ID: <{mark}@{}>\r\n\
         X-Mailvane-Probe: {mark}\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n\
         Mailvane sent this message to see whether mail arrives. It deletes it by itself.",
        trip.from, trip.to, trip.helo
    )
}

/// The queue id that a reply names: `queued as 4ABC`, `OK id=1abc-2-3`, `Message accepted for delivery` (Sendmail: the first word).
pub(super) fn queue_id(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let after = |sign: &[&str]| {
        words
            .windows(sign.len() + 1)
            .find(|window| window.iter().zip(sign).all(|(word, sign)| word.eq_ignore_ascii_case(sign)))
            .map(|window| window[sign.len()])
    };
    let named = words.iter().find_map(|word| word.strip_prefix("id="));
    let sendmail = || words.windows(2).find(|window| window[1] == "Message").map(|window| window[0]).filter(|word| word.len() >= 8);
    let id = after(&["queued", "as"]).or(named).or_else(sendmail)?;
    let id = id.trim_end_matches([',', '.', ';', ')']);
    (!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')).then(|| id.to_owned())
}
