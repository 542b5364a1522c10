//! A page over HTTP: webmail, autoconfiguration. Its status, its certificate, and that HTTP leads to HTTPS.

use std::net::SocketAddr;
use std::time::Duration;

use mailvane_model::Time;

use super::{Encryption, Role, Seen, Service, Upgraded, certificate, latency, over_addresses, upgrade};
use crate::check::{Check, Confirmation, View};
use crate::finding::{Evidence, Finding, Severity};
use crate::lookup::Boxed;
use crate::talk::http::{self, Answer};
use crate::talk::tls::Secured;
use crate::talk::{Fault, Step, Talk, Way};

/// A page.
#[derive(Clone, Debug)]
pub struct Web {
    /// Where.
    pub service: Service,
    /// The path, `/webmail/`.
    pub path: String,
}

#[derive(Clone, Debug, Default)]
struct Session {
    now: Time,
    tls: Option<Result<Secured, Fault>>,
    answer: Option<Answer>,
    broke: Option<Fault>,
}

impl Web {
    async fn talk(&self, server: SocketAddr, way: Way) -> Seen<Session> {
        let talk = match self.service.open(server.ip(), &way).await {
            Ok(talk) => talk,
            Err(fault) => return Seen::down(server, fault),
        };
        let here = talk.here().ip();
        let mut session = Session { now: way.now, ..Session::default() };
        let (steps, transcript) = self.converse(talk, &mut session).await;
        Seen { server, here, facts: Ok(session), steps, transcript }
    }

    async fn converse(&self, mut talk: Talk, session: &mut Session) -> (Vec<Step>, Vec<Evidence>) {
        if self.service.encryption == Encryption::Immediate {
            match upgrade(talk, &self.service.host).await {
                Upgraded::On(secure, secured) => {
                    session.tls = Some(Ok(secured));
                    talk = *secure;
                }
                Upgraded::Off(fault, steps, transcript) => {
                    session.tls = Some(Err(fault));
                    return (steps, transcript);
                }
            }
        }
        match http::get(&mut talk, &self.service.host, &self.path).await {
            Ok(answer) => session.answer = Some(answer),
            Err(fault) => session.broke = Some(fault),
        }
        (talk.steps, talk.transcript)
    }

    fn rules(&self, seen: &Seen<Session>, session: &Session) -> Vec<Finding> {
        let subject = self.service.subject();
        let mut findings = vec![Finding::ok("http.connect", subject, "The server is reached")];
        match &session.tls {
            Some(Ok(secured)) => {
                findings.push(Finding::ok("http.tls", subject, format!("{} with {}", secured.version, secured.cipher)));
                findings.extend(certificate::look(subject, &self.service.host, Role::Clients, secured, session.now));
            }
            Some(Err(fault)) if fault.may_be_ours() => {
                findings.push(Finding::unknown("http.tls", subject, format!("Whether TLS works was not seen: {fault}")));
            }
            Some(Err(fault)) => findings.push(
                Finding::problem("http.tls", subject, Severity::High, format!("TLS does not work: {fault}"))
                    .means("Browsers show an error instead of the page.")
                    .fix("Look into the log of the web server."),
            ),
            None => {}
        }
        if let Some(answer) = &session.answer {
            findings.push(status(subject, &self.path, answer));
            if self.service.encryption == Encryption::Never {
                findings.push(led_to_tls(subject, answer));
            }
        }
        if let Some(fault) = &session.broke {
            findings.push(
                Finding::problem("http.status", subject, Severity::High, format!("The page does not come: {fault}"))
                    .means("Users see an error.")
                    .fix("Look into the log of the web server and of the program behind it."),
            );
        }
        findings.push(latency::look("http.latency", subject, seen));
        findings
    }
}

fn status(subject: &str, path: &str, answer: &Answer) -> Finding {
    let code = answer.status;
    let value = [code.to_string()];
    match code {
        200..=399 => Finding::ok("http.status", subject, format!("{path} answers {code}")),
        // A page behind a login is there.
        401 => Finding::ok("http.status", subject, format!("{path} asks for a login ({code})")),
        400..=499 => Finding::problem("http.status", subject, Severity::Medium, format!("{path} answers {code}"))
            .means("Users do not get the page.")
            .fix("Is the path right, and is the site switched on in the web server?"),
        _ => Finding::problem("http.status", subject, Severity::High, format!("{path} answers {code}"))
            .means("The program behind the web server does not work: users cannot read their mail there.")
            .fix("Look into its log; is it running, does it reach its database and the IMAP server?"),
    }
    .value(value)
}

fn led_to_tls(subject: &str, answer: &Answer) -> Finding {
    let to = answer.head("location").unwrap_or_default();
    if (300..400).contains(&answer.status) && to.to_ascii_lowercase().starts_with("https://") {
        return Finding::ok("http.redirect", subject, format!("HTTP leads to {to}"));
    }
    Finding::warning("http.redirect", subject, Severity::Medium, "The page comes over HTTP, without leading to HTTPS")
        .means("Passwords typed there go over the network in the clear.")
        .fix("Let the web server answer every request on port 80 with a redirect to https://.")
}

impl Check for Web {
    fn name(&self) -> &'static str {
        "http"
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
            "http.connect",
            |server, way| self.talk(server, way),
            |seen, session| self.rules(seen, session),
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::service::testing::{Act, Certificate, Script, bad, probed};

    /// The greeting of a script is not what HTTP waits for: the answer is said at the empty line that ends the heads.
    fn look(head: &'static str, encryption: Encryption, certificate: &Certificate) -> String {
        let started = std::sync::atomic::AtomicBool::new(false);
        let script: Arc<Script> = Arc::new(move |line: &str, _: bool| {
            let begun = started.swap(true, std::sync::atomic::Ordering::Relaxed);
            if line.is_empty() && begun { Act::End(format!("{head}\r\n\r\n<p>")) } else { Act::Say(String::new()) }
        });
        let findings = probed(certificate, encryption, script, |mut service| {
            service.thorough = false;
            Box::new(Web { service, path: "/mail/".to_owned() })
        });
        bad(&findings).join(" ")
    }

    #[test]
    fn a_clean_page_and_each_fault() {
        let good = Certificate::default();
        let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html";
        assert_eq!(look(page, Encryption::Immediate, &good), "");
        assert_eq!(look("HTTP/1.1 401 Unauthorized", Encryption::Immediate, &good), "");
        assert_eq!(look("HTTP/1.1 404 Not Found", Encryption::Immediate, &good), "http.status");
        assert_eq!(look("HTTP/1.1 502 Bad Gateway", Encryption::Immediate, &good), "http.status");
        assert_eq!(look("SSH-2.0-OpenSSH", Encryption::Immediate, &good), "http.status");
        assert_eq!(look(page, Encryption::Never, &good), "http.redirect");
        assert_eq!(look("HTTP/1.1 301 Moved\r\nLocation: https://mail.example.com/", Encryption::Never, &good), "");
        assert_eq!(look(page, Encryption::Immediate, &Certificate { until: (2026, 9, 1), ..good }), "tls.expiry");
    }
}
