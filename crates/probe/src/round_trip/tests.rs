//! A whole round trip against two servers of the test, and the small parts.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;

use super::*;
use crate::check::Panel;
use crate::finding::State;
use crate::lookup::Resolver;
use crate::lookup::scripted::{NOW, Scripted, block_on};
use crate::service::testing::{Act, Certificate, HOST, Script, bad, issue, serve, state};
use crate::service::{Encryption, Login};

/// The mail that the two servers share: what was submitted lies in a folder, or is lost.
#[derive(Default)]
struct Mail {
    message: Option<String>,
    deleted: bool,
}

fn submission(mail: Arc<Mutex<Mail>>) -> Arc<Script> {
    let in_data = Mutex::new(None::<String>);
    Arc::new(move |line: &str, _: bool| {
        let mut data = in_data.lock().unwrap();
        if let Some(text) = data.as_mut() {
            if line != "." {
                text.push_str(line);
                text.push_str("\r\n");
                return Act::Say(String::new());
            }
            mail.lock().unwrap().message = data.take();
            return Act::Say("250 2.0.0 Ok: queued as 4ABC12345\r\n".to_owned());
        }
        Act::Say(match line.split([' ', ':']).next().unwrap_or_default() {
            "" => "220 mail.example.com ESMTP\r\n".to_owned(),
            "EHLO" => "250-mail.example.com\r\n250 AUTH PLAIN\r\n".to_owned(),
            "AUTH" => "235 2.7.0 ok\r\n".to_owned(),
            "RCPT" if line.contains("nobody") => "550 5.1.1 no such user\r\n".to_owned(),
            "DATA" => {
                *data = Some(String::new());
                "354 go on\r\n".to_owned()
            }
            "QUIT" => return Act::End("221 bye\r\n".to_owned()),
            _ => "250 ok\r\n".to_owned(),
        })
    })
}

const HEAD: &str = "Authentication-Results: mail.example.com; spf=pass smtp.mailfrom=example.com;\r\n dkim=pass header.d=example.com; dmarc=fail\r\n\
    Received: from mail.example.com by store.example.com; Mon, 21 Sep 2026 12:00:09 +0000 (UTC)\r\n\
    Received: from probe by mail.example.com with ESMTPSA;\r\n\tMon, 21 Sep 2026 14:00:05 +0200\r\n\
    DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=s1; h=from\r\n";

fn mailbox(mail: Arc<Mutex<Mail>>, folder: &'static str) -> Arc<Script> {
    let selected = Mutex::new(String::new());
    Arc::new(move |line: &str, _: bool| {
        let (tag, rest) = line.split_once(' ').unwrap_or((line, ""));
        let mut mail = mail.lock().unwrap();
        Act::Say(match rest.split(' ').next().unwrap_or_default() {
            "" => "* OK ready\r\n".to_owned(),
            "LIST" => format!("* LIST (\\HasNoChildren) \"/\" INBOX\r\n* LIST (\\Junk) \"/\" \"Junk\"\r\n{tag} OK\r\n"),
            "SELECT" => {
                rest["SELECT ".len()..].trim_matches('"').clone_into(&mut selected.lock().unwrap());
                format!("{tag} OK\r\n")
            }
            "UID" if rest.contains("SEARCH") => {
                let id = rest.rsplit('"').nth(1).unwrap_or_default();
                let here = *selected.lock().unwrap() == folder && mail.message.as_ref().is_some_and(|text| text.contains(id));
                format!("* SEARCH{}\r\n{tag} OK\r\n", if here { " 7" } else { "" })
            }
            "UID" if rest.contains("FETCH") => format!("* 1 FETCH (UID 7 BODY[HEADER] {{{}}}\r\n{HEAD})\r\n{tag} OK\r\n", HEAD.len()),
            "UID" if rest.contains("EXPUNGE 7") => {
                mail.deleted = true;
                format!("{tag} OK\r\n")
            }
            "LOGOUT" => return Act::End(format!("* BYE\r\n{tag} OK\r\n")),
            _ => format!("{tag} OK\r\n"),
        })
    })
}

struct Log(HashMap<&'static str, &'static str>);

impl Trail for Log {
    fn lines(&self, queue_id: &str) -> Vec<String> {
        self.0.get(queue_id).map(|line| (*line).to_owned()).into_iter().collect()
    }
}

fn trip(folder: &'static str, to: &str) -> (Vec<Finding>, Arc<Mutex<Mail>>) {
    block_on(async {
        let mail = Arc::new(Mutex::new(Mail::default()));
        let (config, trust) = issue(&Certificate::default());
        let login = Login { user: "probe".to_owned(), password: "secret word".to_owned() };
        let mut services = Vec::new();
        for script in [submission(Arc::clone(&mail)), mailbox(Arc::clone(&mail), folder)] {
            let port = serve(Arc::clone(&config), true, script).await;
            let mut service = Service::new(HOST, port, Encryption::Immediate);
            service.addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
            service.trust = trust.clone();
            service.login = Some(login.clone());
            services.push(service);
        }
        let (inbox, submission) = (services.remove(1), services.remove(0));
        let mut trip = RoundTrip::new(submission, Use::Submissions, inbox, "probe@example.com", to);
        trip.wait = Duration::from_millis(300);
        trip.trail = Some(Arc::new(Log(HashMap::from([("4ABC12345", "4ABC12345: to=<inbox@example.com>, status=deferred")]))));
        let view = View::new(Resolver::new(vec![Arc::new(Scripted::new(1))]), NOW);
        let findings = Panel::new(view, None, false).run(&trip).await;
        (findings, mail)
    })
}

#[test]
fn a_message_arrives_is_read_and_deleted() {
    let (findings, mail) = trip("INBOX", "inbox@example.com");
    assert_eq!(state(&findings, "roundtrip.arrived"), Some(State::Ok), "{findings:#?}");
    assert_eq!(bad(&findings), ["roundtrip.dmarc"]);
    assert!(mail.lock().unwrap().deleted);
    let latency = findings.iter().find(|finding| finding.check == "roundtrip.latency").unwrap();
    assert!(latency.timings.iter().any(|timing| timing.step == "to store.example.com" && timing.took == 4_000_000));
    let signature = findings.iter().find(|finding| finding.check == "roundtrip.signature").unwrap();
    assert_eq!(signature.value, ["d=example.com s=s1"]);
    assert!(!serde_json::to_string(&findings).unwrap().contains("secret word"));
}

#[test]
fn junk_loss_and_refusal_are_told_apart() {
    let (junk, _) = trip("Junk", "inbox@example.com");
    assert!(bad(&junk).contains(&"roundtrip.arrived") && junk[0].title.contains("Junk"));
    let (lost, _) = trip("nowhere", "inbox@example.com");
    assert_eq!(bad(&lost), ["roundtrip.arrived"]);
    assert!(lost[0].title.contains("taken as 4ABC12345") && lost[0].wording.contains("status=deferred"), "{}", lost[0].wording);
    let (refused, _) = trip("INBOX", "nobody@example.com");
    assert!(refused[0].title.contains("550 5.1.1"), "{}", refused[0].title);
}

#[test]
fn queue_ids_of_every_server() {
    for (text, id) in [
        ("2.0.0 Ok: queued as 4ABC12345", Some("4ABC12345")),
        ("OK id=1tAbCd-000000004xY-2zAb", Some("1tAbCd-000000004xY-2zAb")),
        ("2.0.0 4BM9abcd012345 Message accepted for delivery", Some("4BM9abcd012345")),
        ("2.0.0 OK", None),
        ("queued as", None),
    ] {
        assert_eq!(submit::queue_id(text).as_deref(), id, "{text}");
    }
}

#[test]
fn names_of_folders_and_headers_of_any_shape() {
    assert_eq!(fetch::name(r#"(\HasNoChildren) "/" "Junk Mail""#).as_deref(), Some("Junk Mail"));
    assert_eq!(fetch::name(r"(\Noselect) NIL Archive").as_deref(), Some("Archive"));
    assert_eq!(fetch::name("(\\Sent) \".\" {4}\nSent").as_deref(), Some("Sent"));
    assert_eq!(fetch::name("nothing"), None);
    assert_eq!(
        heads::read("Received: nonsense\r\nfolded without a field\r\nAuthentication-Results:\r\nDKIM-Signature: d\r\n"),
        Heads::default()
    );
}
