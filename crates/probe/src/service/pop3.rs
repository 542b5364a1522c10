//! POP3 on 110 or 995: greeting, TLS, and that no password is asked for before it (RFC 1939, RFC 2595, RFC 8314).

use std::net::SocketAddr;
use std::time::Duration;

use mailvane_model::Time;

use super::mailbox::Words;
use super::{Encryption, Role, Seen, Service, Upgraded, certificate, latency, over_addresses, upgrade};
use crate::check::{Check, Confirmation, View};
use crate::finding::{Evidence, Finding};
use crate::lookup::Boxed;
use crate::talk::pop3::{self, Answer};
use crate::talk::tls::Secured;
use crate::talk::{Fault, Step, Talk, Way};

/// What is said of it.
const WORDS: Words =
    Words { connect: "pop3.connect", tls: "pop3.tls", in_the_clear: "pop3.auth-clear", login: "pop3.login", command: "STLS", port: 995 };

/// A server of mailboxes.
#[derive(Clone, Debug)]
pub struct Pop3 {
    /// Where, and how it is asked.
    pub service: Service,
}

/// What was seen.
#[derive(Clone, Debug, Default)]
struct Session {
    now: Time,
    greeting: Option<Answer>,
    before: Vec<String>,
    tls: Option<Result<Secured, Fault>>,
    refused: Option<String>,
    login: Option<Answer>,
    broke: Option<Fault>,
}

type Ended = (Fault, Vec<Step>, Vec<Evidence>);

impl Pop3 {
    async fn talk(&self, server: SocketAddr, way: Way) -> Seen<Session> {
        let talk = match self.service.open(server.ip(), &way).await {
            Ok(talk) => talk,
            Err(fault) => return Seen::down(server, fault),
        };
        let here = talk.here().ip();
        let mut session = Session { now: way.now, ..Session::default() };
        let (steps, transcript) = match self.converse(talk, &mut session).await {
            Ok(mut talk) => {
                // The answer to a farewell does not matter.
                let _ = pop3::command(&mut talk, "quit", "QUIT", "QUIT", false).await;
                (talk.steps, talk.transcript)
            }
            Err((fault, steps, transcript)) => {
                session.broke = Some(fault);
                (steps, transcript)
            }
        };
        Seen { server, here, facts: Ok(session), steps, transcript }
    }

    async fn converse(&self, mut talk: Talk, session: &mut Session) -> Result<Talk, Ended> {
        if self.service.encryption == Encryption::Immediate {
            talk = self.encrypt(talk, session).await?;
        }
        match self.begin(&mut talk, session).await {
            Ok(true) => talk = self.encrypt(talk, session).await?,
            Ok(false) => {}
            Err(fault) => return Err((fault, talk.steps, talk.transcript)),
        }
        if matches!(session.tls, Some(Ok(_))) {
            match self.log_in(&mut talk).await {
                Ok(answer) => session.login = answer,
                Err(fault) => return Err((fault, talk.steps, talk.transcript)),
            }
        }
        Ok(talk)
    }

    async fn log_in(&self, talk: &mut Talk) -> Result<Option<Answer>, Fault> {
        let Some(login) = &self.service.login else { return Ok(None) };
        // A line end in a password would begin another command.
        if login.user.contains(['\r', '\n']) || login.password.contains(['\r', '\n']) {
            return Err(Fault::Garbage("a name or password with a line end cannot be sent".to_owned()));
        }
        let user = format!("USER {}", login.user);
        let named = pop3::command(talk, "login", &user, &user, false).await?;
        if !named.ok {
            return Ok(Some(named));
        }
        pop3::command(talk, "login", &format!("PASS {}", login.password), "PASS ...", false).await.map(Some)
    }

    async fn encrypt(&self, talk: Talk, session: &mut Session) -> Result<Talk, Ended> {
        match upgrade(talk, &self.service.host).await {
            Upgraded::On(talk, secured) => {
                session.tls = Some(Ok(secured));
                Ok(*talk)
            }
            Upgraded::Off(fault, steps, transcript) => {
                session.tls = Some(Err(fault.clone()));
                Err((fault, steps, transcript))
            }
        }
    }

    async fn begin(&self, talk: &mut Talk, session: &mut Session) -> Result<bool, Fault> {
        let greeting = pop3::greeting(talk).await?;
        let welcome = greeting.ok;
        session.greeting = Some(greeting);
        if !welcome {
            return Ok(false);
        }
        let answer = pop3::command(talk, "capability", "CAPA", "CAPA", true).await?;
        session.before = answer.lines.iter().map(|line| line.to_ascii_uppercase()).collect();
        if self.service.encryption != Encryption::OnDemand || !session.before.iter().any(|line| line == "STLS") {
            return Ok(false);
        }
        let answer = pop3::command(talk, "starttls", "STLS", "STLS", false).await?;
        if !answer.ok {
            session.refused = Some(answer.text);
            return Ok(false);
        }
        Ok(true)
    }

    fn rules(&self, seen: &Seen<Session>, session: &Session) -> Vec<Finding> {
        let subject = self.service.subject();
        let tls = session.tls.as_ref();
        let mut findings = vec![WORDS.greeting(
            subject,
            session.greeting.as_ref().map(|answer| (answer.ok, answer.text.as_str())),
            tls,
            session.broke.as_ref(),
        )];
        if session.greeting.is_some() || session.tls.is_some() {
            findings.push(WORDS.encryption(subject, self.service.encryption, tls, session.refused.as_deref()));
        }
        if self.service.encryption == Encryption::OnDemand && session.greeting.is_some() {
            findings.push(WORDS.in_the_clear(subject, is_open(session), seen.here == seen.server.ip()));
        }
        if let Some(Ok(secured)) = &session.tls {
            findings.extend(certificate::look(subject, &self.service.host, Role::Clients, secured, session.now));
        }
        if let (Some(login), Some(answer)) = (&self.service.login, &session.login) {
            findings.push(WORDS.logged_in(subject, &login.user, answer.ok, &answer.text));
        }
        findings.push(latency::look("pop3.latency", subject, seen));
        findings
    }
}

/// Whether a password is taken before TLS.
fn is_open(session: &Session) -> bool {
    session.before.iter().any(|line| {
        line == "USER" || line.strip_prefix("SASL ").is_some_and(|ways| ways.split(' ').any(|way| matches!(way, "PLAIN" | "LOGIN")))
    })
}

impl Check for Pop3 {
    fn name(&self) -> &'static str {
        "pop3"
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
            "pop3.connect",
            |server, way| self.talk(server, way),
            |seen, session| self.rules(seen, session),
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::service::Login;
    use crate::service::testing::{Act, Certificate, Script, bad, probed};

    #[derive(Clone, Copy)]
    struct Server {
        greeting: &'static str,
        before: &'static str,
        stls: &'static str,
        pass: &'static str,
    }

    const CLEAN: Server = Server { greeting: "+OK ready", before: "TOP\r\nSTLS\r\n", stls: "+OK begin", pass: "+OK" };

    fn look(server: Server, encryption: Encryption) -> String {
        let script: Arc<Script> = Arc::new(move |line: &str, _: bool| match line.split(' ').next().unwrap_or_default() {
            "" => Act::Say(format!("{}\r\n", server.greeting)),
            "CAPA" => Act::Say(format!("+OK\r\n{}.\r\n", server.before)),
            "STLS" if server.stls.starts_with('+') => Act::Encrypt(format!("{}\r\n", server.stls)),
            "STLS" => Act::Say(format!("{}\r\n", server.stls)),
            "USER" => Act::Say("+OK\r\n".to_owned()),
            "PASS" => Act::Say(format!("{}\r\n", server.pass)),
            "QUIT" => Act::End("+OK bye\r\n".to_owned()),
            _ => Act::Say("-ERR\r\n".to_owned()),
        });
        let findings = probed(&Certificate::default(), encryption, script, |mut service| {
            // To a server, its own address is a friend.
            service.from = Some("127.0.0.2".parse().unwrap());
            service.login = Some(Login { user: "probe".to_owned(), password: "pass word".to_owned() });
            Box::new(Pop3 { service })
        });
        bad(&findings).join(" ")
    }

    #[test]
    fn a_clean_server_and_each_fault() {
        use Encryption::{Immediate, OnDemand};
        assert_eq!(look(CLEAN, OnDemand), "");
        assert_eq!(look(CLEAN, Immediate), "");
        assert_eq!(look(Server { before: "USER\r\nSTLS\r\n", ..CLEAN }, OnDemand), "pop3.auth-clear");
        assert_eq!(look(Server { before: "SASL LOGIN PLAIN\r\nSTLS\r\n", ..CLEAN }, OnDemand), "pop3.auth-clear");
        assert_eq!(look(Server { before: "TOP\r\n", ..CLEAN }, OnDemand), "pop3.tls");
        assert_eq!(look(Server { stls: "-ERR no", ..CLEAN }, OnDemand), "pop3.tls");
        assert_eq!(look(Server { greeting: "-ERR too many", ..CLEAN }, Immediate), "pop3.connect");
        assert_eq!(look(Server { pass: "-ERR [AUTH] no", ..CLEAN }, Immediate), "pop3.login");
    }
}
