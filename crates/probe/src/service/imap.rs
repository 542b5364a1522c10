//! IMAP on 143 or 993: greeting, TLS, and that no password is asked for before it (RFC 9051, RFC 8314).

use std::net::SocketAddr;
use std::time::Duration;

use mailvane_model::Time;

use super::mailbox::Words;
use super::{Encryption, Role, Seen, Service, Upgraded, certificate, latency, over_addresses, upgrade};
use crate::check::{Check, Confirmation, View};
use crate::finding::{Evidence, Finding};
use crate::lookup::Boxed;
use crate::talk::imap::{self, Status};
use crate::talk::tls::Secured;
use crate::talk::{Fault, Step, Talk, Way};

/// What is said of it.
const WORDS: Words = Words {
    connect: "imap.connect",
    tls: "imap.tls",
    in_the_clear: "imap.auth-clear",
    login: "imap.login",
    command: "STARTTLS",
    port: 993,
};

/// A server of mailboxes.
#[derive(Clone, Debug)]
pub struct Imap {
    /// Where, and how it is asked.
    pub service: Service,
}

/// What was seen.
#[derive(Clone, Debug, Default)]
struct Session {
    now: Time,
    greeting: Option<(String, String)>,
    before: Vec<String>,
    tls: Option<Result<Secured, Fault>>,
    refused: Option<String>,
    login: Option<(Status, String)>,
    broke: Option<Fault>,
}

type Ended = (Fault, Vec<Step>, Vec<Evidence>);

impl Imap {
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
                let _ = imap::command(&mut talk, "logout", "LOGOUT", "LOGOUT").await;
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
        if let Some(login) = self.service.login.as_ref().filter(|_| matches!(session.tls, Some(Ok(_)))) {
            let text = format!("LOGIN {} {}", imap::quoted(&login.user), imap::quoted(&login.password));
            match imap::command(&mut talk, "login", &text, &format!("LOGIN {} ...", login.user)).await {
                Ok(answer) => session.login = Some((answer.status, answer.text)),
                Err(fault) => return Err((fault, talk.steps, talk.transcript)),
            }
        }
        Ok(talk)
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

    /// Greeting and capabilities; whether TLS may begin now.
    async fn begin(&self, talk: &mut Talk, session: &mut Session) -> Result<bool, Fault> {
        let greeting = imap::greeting(talk).await?;
        let welcome = greeting.0 == "OK";
        session.before = imap::capabilities(std::slice::from_ref(&greeting.1));
        session.greeting = Some(greeting);
        if !welcome {
            return Ok(false);
        }
        if session.before.is_empty() {
            let answer = imap::command(talk, "capability", "CAPABILITY", "CAPABILITY").await?;
            session.before = imap::capabilities(&answer.untagged);
        }
        if self.service.encryption != Encryption::OnDemand || !offers(session, "STARTTLS") {
            return Ok(false);
        }
        let answer = imap::command(talk, "starttls", "STARTTLS", "STARTTLS").await?;
        if answer.status != Status::Ok {
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
            session.greeting.as_ref().map(|(word, text)| (matches!(word.as_str(), "OK" | "PREAUTH"), text.as_str())),
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
        if let (Some(login), Some((status, text))) = (&self.service.login, &session.login) {
            findings.push(WORDS.logged_in(subject, &login.user, *status == Status::Ok, text));
        }
        findings.push(latency::look("imap.latency", subject, seen));
        findings
    }
}

fn offers(session: &Session, word: &str) -> bool {
    session.before.iter().any(|known| known == word)
}

/// Whether a password is taken before TLS.
fn is_open(session: &Session) -> bool {
    !offers(session, "LOGINDISABLED") || offers(session, "AUTH=PLAIN") || offers(session, "AUTH=LOGIN")
}

impl Check for Imap {
    fn name(&self) -> &'static str {
        "imap"
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
            "imap.connect",
            |server, way| self.talk(server, way),
            |seen, session| self.rules(seen, session),
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::finding::State;
    use crate::service::Login;
    use crate::service::testing::{Act, Certificate, Script, bad, probed, state};

    struct Server {
        greeting: &'static str,
        before: &'static str,
        starttls: &'static str,
        login: &'static str,
    }

    const CLEAN: Server = Server {
        greeting: "* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready",
        before: "IMAP4rev1 STARTTLS LOGINDISABLED",
        starttls: "OK begin",
        login: "OK logged in",
    };

    fn look(server: Server, encryption: Encryption) -> Vec<Finding> {
        let script: Arc<Script> = Arc::new(move |line: &str, _: bool| {
            let (tag, rest) = line.split_once(' ').unwrap_or((line, ""));
            match rest.split(' ').next().unwrap_or_default() {
                "" => Act::Say(format!("{}\r\n", server.greeting)),
                "CAPABILITY" => Act::Say(format!("* CAPABILITY {}\r\n{tag} OK done\r\n", server.before)),
                "STARTTLS" if server.starttls.starts_with("OK") => Act::Encrypt(format!("{tag} {}\r\n", server.starttls)),
                "STARTTLS" => Act::Say(format!("{tag} {}\r\n", server.starttls)),
                "LOGIN" => Act::Say(format!("{tag} {}\r\n", server.login)),
                "LOGOUT" => Act::End(format!("* BYE\r\n{tag} OK bye\r\n")),
                _ => Act::Say(format!("{tag} BAD\r\n")),
            }
        });
        probed(&Certificate::default(), encryption, script, |mut service| {
            // To a server, its own address is a friend.
            service.from = Some("127.0.0.2".parse().unwrap());
            service.login = Some(Login { user: "probe@example.com".to_owned(), password: "pass \"word\"".to_owned() });
            Box::new(Imap { service })
        })
    }

    #[test]
    fn a_clean_server_and_each_fault() {
        use Encryption::{Immediate, OnDemand};
        let plain = "* OK ready";
        for (server, encryption, rules) in [
            (CLEAN, OnDemand, ""),
            (Server { greeting: plain, ..CLEAN }, OnDemand, ""),
            (Server { greeting: plain, ..CLEAN }, Immediate, ""),
            (Server { greeting: plain, before: "IMAP4rev1 STARTTLS AUTH=PLAIN", ..CLEAN }, OnDemand, "imap.auth-clear"),
            (Server { greeting: plain, before: "IMAP4rev1 LOGINDISABLED", ..CLEAN }, OnDemand, "imap.tls"),
            (Server { starttls: "NO not now", ..CLEAN }, OnDemand, "imap.tls"),
            (Server { greeting: "* BYE too many", ..CLEAN }, Immediate, "imap.connect"),
            (Server { greeting: "220 mail.example.com ESMTP", ..CLEAN }, Immediate, "imap.connect"),
            (Server { login: "NO [AUTHENTICATIONFAILED] no", ..CLEAN }, Immediate, "imap.login"),
        ] {
            let greeting = server.greeting;
            assert_eq!(bad(&look(server, encryption)).join(" "), rules, "{greeting}");
        }
        let open = Session { before: vec!["AUTH=PLAIN".to_owned()], ..Session::default() };
        assert_eq!(WORDS.in_the_clear("x", is_open(&open), true).state, State::Unknown);
        let findings = look(CLEAN, OnDemand);
        assert_eq!(state(&findings, "imap.login"), Some(State::Ok));
        assert!(!serde_json::to_string(&findings).unwrap().contains("pass \\\\"));
    }
}
