//! Mail servers of tests: a clean one, and each way to get it wrong.

use std::sync::Arc;

use super::*;
use crate::finding::State;
use crate::service::testing::{Act, Certificate, Script, bad, probed, state};

/// A server as it should be, which each test changes.
#[derive(Clone)]
struct Server {
    greeting: &'static str,
    before: Vec<&'static str>,
    within: Vec<&'static str>,
    starttls: &'static str,
    /// Replies to RCPT by what the recipient holds; the first that fits.
    recipients: Vec<(&'static str, &'static str)>,
    vrfy: &'static str,
    freeze_at: &'static str,
    hang_up_at: &'static str,
    smuggle: bool,
    login: &'static str,
}

fn exchange() -> Server {
    let offers = vec!["PIPELINING", "SIZE 30000000", "ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8"];
    Server {
        greeting: "220 mail.example.com ESMTP",
        before: [offers.clone(), vec!["STARTTLS"]].concat(),
        within: offers,
        starttls: "220 2.0.0 Ready to start TLS",
        recipients: vec![
            ("@example.net", "554 5.7.1 Relay access denied"),
            ("%", "554 5.7.1 Relay access denied"),
            ("nobody", "550 5.1.1 User unknown"),
            ("", "250 2.1.5 Ok"),
        ],
        vrfy: "502 5.5.1 VRFY command is disabled",
        freeze_at: "",
        hang_up_at: "",
        smuggle: false,
        login: "235 2.7.0 Authentication successful",
    }
}

fn submission() -> Server {
    let mut server = exchange();
    server.within.push("AUTH PLAIN LOGIN");
    server.recipients = vec![("", "530 5.7.0 Authentication required")];
    server
}

impl Server {
    fn script(self) -> Arc<Script> {
        let listed = |lines: &[&str]| {
            let lines = std::iter::once(&"mail.example.com").chain(lines);
            let all: Vec<String> = lines.map(|line| format!("250-{line}\r\n")).collect();
            let mut text = all.concat();
            let last = text.len() - all.last().map_or(0, String::len) + 3;
            text.replace_range(last..=last, " ");
            text
        };
        Arc::new(move |line: &str, secure: bool| {
            let upper = line.to_ascii_uppercase();
            let word = upper.split([' ', ':']).next().unwrap_or_default();
            if !self.freeze_at.is_empty() && upper.starts_with(self.freeze_at) {
                return Act::Freeze;
            }
            if !self.hang_up_at.is_empty() && upper.starts_with(self.hang_up_at) {
                return Act::End(String::new());
            }
            let say = |text: &str| Act::Say(format!("{text}\r\n"));
            match word {
                "" => say(self.greeting),
                "EHLO" => Act::Say(listed(if secure { &self.within } else { &self.before })),
                "STARTTLS" if self.smuggle => Act::EncryptAndKeep(format!("{}\r\n", self.starttls)),
                "STARTTLS" if self.starttls.starts_with("220") => Act::Encrypt(format!("{}\r\n", self.starttls)),
                "STARTTLS" => say(self.starttls),
                "RCPT" => say(self.recipients.iter().find(|(part, _)| line.contains(part)).map_or("250 Ok", |(_, reply)| reply)),
                "VRFY" if line.contains("nobody") => say("550 5.1.1 User unknown"),
                "VRFY" => say(self.vrfy),
                "AUTH" => say(self.login),
                "QUIT" => Act::End("221 2.0.0 Bye\r\n".to_owned()),
                _ => say("250 2.0.0 Ok"),
            }
        })
    }

    fn look(self, purpose: Use, certificate: &Certificate, dress: impl FnOnce(&mut Smtp)) -> Vec<Finding> {
        probed(certificate, purpose.encryption(), self.script(), |service| {
            let mut probe = Smtp::new(service, purpose);
            // 127.0.0.1 is a stranger to this server.
            let trusted = Some(vec![Network::parse("192.0.2.0/24").unwrap()]);
            probe.own = Some(Own { domains: vec!["example.com".to_owned()], trusted });
            dress(&mut probe);
            Box::new(probe)
        })
    }

    fn found(self, purpose: Use) -> String {
        bad(&self.look(purpose, &Certificate::default(), |_| {})).join(" ")
    }
}

#[test]
fn nothing_is_wrong_with_servers_as_they_should_be() {
    assert_eq!(exchange().found(Use::Exchange), "");
    assert_eq!(submission().found(Use::Submission), "");
    let findings = exchange().look(Use::Exchange, &Certificate::default(), |_| {});
    for rule in ["smtp.relay", "smtp.postmaster", "tls.expiry", "tls.name", "tls.chain", "tls.old", "smtp.injection", "smtp.latency"] {
        assert_eq!(state(&findings, rule), Some(State::Ok), "{rule}");
    }
    let timings = &findings.iter().find(|finding| finding.check == "smtp.latency").unwrap().timings;
    assert!(["connect", "greeting", "tls", "quit"].iter().all(|step| timings.iter().any(|timing| timing.step == *step)));
}

#[test]
fn each_fault_of_an_exchange_is_found() {
    let without = |word: &str| {
        let mut server = exchange();
        server.before.retain(|line| !line.starts_with(word));
        server.within.retain(|line| !line.starts_with(word));
        server
    };
    let cases: Vec<(Server, &str)> = vec![
        (Server { greeting: "220 localhost ESMTP", ..exchange() }, "smtp.banner"),
        (Server { greeting: "220 mail.example.com ESMTP Postfix 3.7.11", ..exchange() }, "smtp.version"),
        (Server { greeting: "220 mail.example.com ESMTP Exim 4.96", ..exchange() }, "smtp.version"),
        (Server { greeting: "554 5.7.1 No mail from you", ..exchange() }, "smtp.connect"),
        (Server { greeting: "421 4.3.2 Too many connections", ..exchange() }, "smtp.connect"),
        (Server { greeting: "HTTP/1.1 400 Bad Request", ..exchange() }, "smtp.connect"),
        (without("SIZE"), "smtp.size"),
        (Server { within: vec!["PIPELINING", "8BITMIME", "SIZE 1000000"], ..exchange() }, "smtp.size"),
        (without("PIPELINING"), "smtp.pipelining"),
        (without("8BITMIME"), "smtp.8bitmime"),
        (without("STARTTLS"), "smtp.starttls"),
        (Server { starttls: "454 4.7.0 TLS not available due to local problem", ..exchange() }, "smtp.starttls"),
        (Server { smuggle: true, ..exchange() }, "smtp.injection"),
        (Server { within: [exchange().within, vec!["AUTH PLAIN"]].concat(), ..exchange() }, "smtp.auth-exchange"),
        (Server { before: [exchange().before, vec!["AUTH PLAIN LOGIN"]].concat(), ..exchange() }, "smtp.auth-clear"),
        (
            Server {
                recipients: vec![("postmaster", "550 5.1.1 User unknown"), ("@example.net", "554 5.7.1 no"), ("%", "550 5.1.1 no")],
                ..exchange()
            },
            "smtp.postmaster",
        ),
        (
            Server {
                recipients: vec![("abuse", "550 5.1.1 User unknown"), ("@example.net", "554 5.7.1 no"), ("%", "550 5.1.1 no")],
                ..exchange()
            },
            "smtp.abuse",
        ),
        (Server { recipients: vec![], ..exchange() }, "smtp.relay"),
        (Server { recipients: vec![("@example.net>", "554 5.7.1 no"), ("nobody", "550 5.1.1 no")], ..exchange() }, "smtp.relay-disguised"),
        (Server { vrfy: "252 2.0.0 postmaster", ..exchange() }, "smtp.vrfy"),
        (Server { hang_up_at: "RCPT", ..exchange() }, "smtp.session"),
    ];
    for (server, rule) in cases {
        let greeting = server.greeting;
        assert_eq!(server.found(Use::Exchange), rule, "{greeting}");
    }
}

#[test]
fn each_fault_of_submission_is_found() {
    let with_auth = |line| {
        let mut server = submission();
        server.within.retain(|line| !line.starts_with("AUTH"));
        server.within.push(line);
        server
    };
    let mut silent = submission();
    silent.within.retain(|line| !line.starts_with("AUTH"));
    let cases = [
        (silent, "smtp.auth"),
        (with_auth("AUTH CRAM-MD5"), "smtp.auth"),
        (with_auth("AUTH PLAIN CRAM-MD5"), "smtp.auth"),
        (Server { before: [submission().before, vec!["AUTH LOGIN"]].concat(), ..submission() }, "smtp.auth-clear"),
        (Server { before: vec!["PIPELINING", "SIZE 30000000", "8BITMIME"], ..submission() }, "smtp.starttls"),
        (Server { recipients: vec![], ..submission() }, "smtp.relay"),
    ];
    for (server, rule) in cases {
        assert_eq!(server.found(Use::Submission), rule);
    }
    let mut wrapped = submission();
    wrapped.within = submission().within;
    assert_eq!(wrapped.found(Use::Submissions), "");
}

#[test]
fn certificates() {
    let of = |purpose, certificate: Certificate| {
        let server = if purpose == Use::Exchange { exchange() } else { submission() };
        let findings = server.look(purpose, &certificate, |_| {});
        let states = findings.iter().filter(|finding| finding.state.is_bad());
        states.map(|finding| format!("{} {}", finding.check, finding.state.word())).collect::<Vec<_>>().join(", ")
    };
    let base = Certificate::default;
    // The run is on 21 September 2026.
    assert_eq!(of(Use::Exchange, Certificate { until: (2026, 9, 1), ..base() }), "tls.expiry problem");
    assert_eq!(of(Use::Exchange, Certificate { until: (2026, 9, 25), ..base() }), "tls.expiry warning");
    assert_eq!(of(Use::Exchange, Certificate { until: (2026, 10, 5), ..base() }), "tls.expiry warning");
    assert_eq!(of(Use::Exchange, Certificate { from: (2026, 12, 1), ..base() }), "tls.expiry problem");
    let other = || Certificate { names: vec!["other.example.com".to_owned()], ..base() };
    assert_eq!(of(Use::Exchange, other()), "tls.name warning");
    assert_eq!(of(Use::Submission, other()), "tls.name problem");
    assert_eq!(of(Use::Submission, Certificate { names: vec!["*.example.com".to_owned()], ..base() }), "");
    assert_eq!(of(Use::Submission, Certificate { names: vec!["*.com".to_owned()], ..base() }), "tls.name problem");
    assert_eq!(of(Use::Exchange, Certificate { own: true, ..base() }), "tls.chain warning");
    assert_eq!(of(Use::Submissions, Certificate { own: true, ..base() }), "tls.chain problem");
    assert_eq!(of(Use::Submission, Certificate { incomplete: true, ..base() }), "tls.chain problem");
}

#[test]
fn an_open_relay_is_no_news_from_an_address_that_it_trusts() {
    let open = || Server { recipients: vec![("nobody", "550 5.1.1 no")], ..exchange() };
    let relay = |networks: Option<&str>| {
        let findings = open().look(Use::Exchange, &Certificate::default(), |probe| {
            let trusted = networks.map(|network| vec![Network::parse(network).unwrap()]);
            probe.own = Some(Own { domains: Vec::new(), trusted });
        });
        state(&findings, "smtp.relay").unwrap()
    };
    assert_eq!(relay(Some("127.0.0.0/8")), State::Unknown);
    assert_eq!(relay(None), State::Unknown);
    assert_eq!(relay(Some("10.0.0.0/8")), State::Problem);
    let not_mine = open().look(Use::Exchange, &Certificate::default(), |probe| probe.own = None);
    assert_eq!((state(&not_mine, "smtp.relay"), state(&not_mine, "smtp.postmaster")), (None, None));
}

#[test]
fn greylisting_and_refusals_of_us_are_no_fault_of_a_mailbox() {
    for reply in ["451 4.7.1 Greylisted", "550 5.7.1 Client host blocked"] {
        let server = Server { recipients: vec![("@example.net", "554 5.7.1 no"), ("%", "554 5.7.1 no"), ("", reply)], ..exchange() };
        let findings = server.look(Use::Exchange, &Certificate::default(), |_| {});
        assert_eq!(state(&findings, "smtp.postmaster"), Some(State::Unknown), "{reply}");
    }
}

#[test]
fn a_server_that_freezes_is_unknown_and_one_that_never_greets_a_problem() {
    let frozen = Server { freeze_at: "RCPT", ..exchange() }.look(Use::Exchange, &Certificate::default(), |_| {});
    assert_eq!(state(&frozen, "smtp.session"), Some(State::Unknown));
    let script: Arc<Script> = Arc::new(|_: &str, _: bool| Act::Freeze);
    let mute = probed(&Certificate::default(), Encryption::OnDemand, script, |service| Box::new(Smtp::new(service, Use::Exchange)));
    assert_eq!(state(&mute, "smtp.connect"), Some(State::Problem));
}

#[test]
fn logins_are_tried_within_tls_only_and_kept_out_of_the_evidence() {
    let login = |server: Server| {
        server.look(Use::Submission, &Certificate::default(), |probe| {
            probe.service.login =
                Some(crate::service::Login { user: "probe@example.com".to_owned(), password: "correct horse".to_owned() });
        })
    };
    let good = login(submission());
    assert_eq!(state(&good, "smtp.login"), Some(State::Ok));
    let written = serde_json::to_string(&good).unwrap();
    assert!(!written.contains("correct horse") && !written.contains("Y29ycmVjdCBob3JzZQ"));
    assert_eq!(
        state(&login(Server { login: "535 5.7.8 Error: authentication failed", ..submission() }), "smtp.login"),
        Some(State::Problem)
    );
    let open = Server { before: vec!["SIZE 30000000", "AUTH PLAIN"], ..submission() };
    assert_eq!(state(&login(open), "smtp.login"), None);
}

#[test]
fn nobody_listening_is_a_problem_on_this_host_and_no_way_is_unknown() {
    use crate::check::{Panel, View};
    use crate::lookup::Resolver;
    use crate::lookup::scripted::{NOW, Scripted, block_on};
    let run = |host: &str| {
        block_on(async {
            let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = free.local_addr().unwrap().port();
            drop(free);
            let view = View::new(Resolver::new(vec![Arc::new(Scripted::new(1))]), NOW);
            let probe = Smtp::new(Service::new(host, port, Encryption::OnDemand), Use::Exchange);
            Panel::new(view, None, false).run(&probe).await
        })
    };
    assert_eq!(state(&run("127.0.0.1"), "smtp.connect"), Some(State::Problem));
    assert_eq!(state(&run("gone.example.com"), "smtp.connect"), Some(State::Unknown));
}
