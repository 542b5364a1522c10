//! `mailvane probe` and the probes of `serve`, on the real program, against servers of the test on loopback.
#![cfg(feature = "daemon")]
#![allow(clippy::unwrap_used)]

mod site;
mod zone;

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;

use serde_json::Value;
use site::Site;
use zone::{Live, TXT, clean};

/// A mail server without TLS: what it answers to RCPT.
fn mail_server(rcpt: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let _ = stream.write_all(b"220 mail.example.com ESMTP\r\n");
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                for line in lines.map_while(Result::ok) {
                    let answer = match line.split([' ', ':']).next().unwrap_or_default() {
                        "EHLO" => "250-mail.example.com\r\n250-PIPELINING\r\n250-SIZE 30000000\r\n250 8BITMIME",
                        "RCPT" => rcpt,
                        "VRFY" => "502 5.5.1 no",
                        "QUIT" => "221 2.0.0 Bye",
                        _ => "250 2.0.0 Ok",
                    };
                    let _ = stream.write_all(format!("{answer}\r\n").as_bytes());
                }
            });
        }
    });
    address
}

struct Ended {
    code: Option<i32>,
    json: Value,
    out: String,
    err: String,
}

fn probe(arguments: &[&str]) -> Ended {
    let output = Command::new(env!("CARGO_BIN_EXE_mailvane")).arg("probe").args(arguments).output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    Ended { code: output.status.code(), json: serde_json::from_str(&out).unwrap_or_default(), out, err }
}

fn state(ended: &Ended, check: &str) -> String {
    let findings = ended.json["findings"].as_array().unwrap();
    findings.iter().find(|finding| finding["check"] == check).map_or("none", |finding| finding["state"].as_str().unwrap()).to_owned()
}

#[test]
fn a_server_is_told_in_full_and_a_problem_is_exit_code_1() {
    let server = mail_server("554 5.7.1 Relay access denied").to_string();
    let ended = probe(&["smtp", &server, "--json"]);
    assert_eq!((ended.code, state(&ended, "smtp.starttls").as_str(), state(&ended, "smtp.relay").as_str()), (Some(1), "problem", "none"));
    let evidence = ended.json["findings"][0]["evidence"].to_string();
    assert!(evidence.contains("EHLO mailvane-probe") && evidence.contains("250-PIPELINING"), "{evidence}");
    let text = probe(&["smtp", &server]);
    assert!(text.out.contains("PROBLEM  STARTTLS is not offered") && text.out.contains("smtpd_tls_security_level"), "{}", text.out);
}

#[test]
fn an_open_relay_is_seen_from_an_address_it_does_not_trust_only() {
    let server = mail_server("250 2.1.5 Ok").to_string();
    let stranger = probe(&["smtp", &server, "--own", "--trusted", "192.0.2.0/24", "--json"]);
    assert_eq!(state(&stranger, "smtp.relay"), "problem");
    for trusted in [&["--trusted", "127.0.0.0/8"][..], &[]] {
        let friend = probe(&[&["smtp", &server, "--own", "--json"], trusted].concat());
        assert_eq!(state(&friend, "smtp.relay"), "unknown");
    }
    let closed = mail_server("554 5.7.1 Relay access denied").to_string();
    assert_eq!(state(&probe(&["smtp", &closed, "--own", "--trusted", "192.0.2.0/24", "--json"]), "smtp.relay"), "ok");
}

#[test]
fn nobody_there_and_wrong_words() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for kind in ["smtp", "imap", "pop3", "tls", "http"] {
        let ended = probe(&[kind, &free, "--json"]);
        assert_eq!(ended.code, Some(1), "{kind}: {}", ended.err);
        assert!(ended.out.contains("Nobody listens"), "{}", ended.out);
    }
    for (arguments, word) in [
        (&["smtp", "a b"][..], "no server"),
        (&["smtp", "mail.example.com", "--as", "relay"], "submission"),
        (&["smtp", "mail.example.com", "--ca", "/nowhere.pem"], "/nowhere.pem"),
        (&["http", "ftp://mail.example.com/"], "ftp"),
        (&["smtp", "mail.example.com", "--control", "x"], "HOST:PORT"),
    ] {
        let ended = probe(arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?}");
        assert!(ended.err.contains(word), "{}", ended.err);
    }
}

/// Asks for a run, as a page of ours does.
fn ask_for(site: &Site, probe: &str) -> site::Answer {
    let mark = site.ask("GET", "/api/v1/session", &[], "").json()["csrf"].as_str().unwrap().to_owned();
    site.ask("POST", &format!("/api/v1/probes/{probe}/run"), &[("x-mailvane-csrf", &mark)], "")
}

/// Asks for a run and waits for its end.
fn run(site: &Site, probe: &str) {
    let last = || site.ask("GET", &format!("/api/v1/probes/{probe}"), &[], "").json()["probe"]["last"]["time"].to_string();
    let before = last();
    let asked = ask_for(site, probe);
    assert_eq!(asked.status, 202, "{}", asked.body);
    site.wait("a run", || last() != before);
}

#[test]
fn serve_runs_probes_and_tells_what_changed() {
    let zone = Live::new(clean());
    let server = mail_server("554 5.7.1 Relay access denied");
    let config = format!(
        "[domains]\nours = [\"example.com\"]\n[[probe]]\nname = \"dns\"\nschedule = \"0 0 1 1 *\"\nresolvers = [\"{}\"]\nip = [\"192.0.2.10\"]\nselector = [\"s1\"]\nhelo = [\"mail.example.com\"]\n\
         [[probe]]\nname = \"mx\"\nkind = \"smtp\"\nschedule = \"0 0 1 1 *\"\nhosts = [\"{server}\"]\n",
        zone.address
    );
    let site = Site::start("probes", &config, &[]);
    let get = |path: &str| site.ask("GET", &format!("/api/v1{path}"), &[], "").json();
    // What never ran is run at the start.
    site.wait("the first runs", || get("/probes")["probes"].as_array().unwrap().iter().all(|probe| !probe["last"].is_null()));
    let sheet = get("/domains/example.com");
    assert_eq!(sheet["counts"]["problems"], 0, "{sheet:#}");
    run(&site, "dns");
    run(&site, "mx");
    assert_eq!(
        (&get("/probes/mx")["probe"]["state"], &get("/domains")["domains"][0]["counts"]["problems"]),
        (&"problem".into(), &0.into())
    );
    // A record goes: one run is not enough, two are.
    zone.set(Some(clean().without("example.com", TXT)));
    run(&site, "dns");
    assert_eq!(get("/domains/example.com")["counts"]["problems"], 0);
    run(&site, "dns");
    let sheet = get("/domains/example.com");
    let change = sheet["changes"].as_array().unwrap().iter().find(|change| change["check"] == "spf.record").unwrap();
    assert_eq!((&change["after"], &change["removed"][1]), (&"problem".into(), &"mx".into()), "{change:#}");
    let history = get("/probes/dns/history");
    assert_eq!(history["runs"].as_array().map(Vec::len), Some(4));
    // The page of a name with dots is a page.
    assert_eq!(site.ask("GET", "/domains/example.com", &[], "").status, 200);
    assert_eq!(ask_for(&site, "other").status, 404);
}

/// A recipient of a log; every other one is at google, which refuses in the middle.
fn line_at(time: chrono::DateTime<chrono::Utc>, number: i64) -> String {
    let head = format!("{} mx1 postfix", time.format("%Y-%m-%dT%H:%M:%S+00:00"));
    let id = format!("4AB{number:05}");
    let (host, result) = match (number % 2, (240..480).contains(&number)) {
        (0, true) => (
            "gmail-smtp-in.l.google.com",
            "dsn=5.7.1, status=bounced (host gmail-smtp-in.l.google.com[203.0.113.7] said: 550-5.7.1 [192.0.2.1] Our system has detected that this message is likely suspicious due to the very low reputation of the sending IP address (in reply to end of DATA command))",
        ),
        (0, false) => ("gmail-smtp-in.l.google.com", "dsn=2.0.0, status=sent (250 2.0.0 OK)"),
        _ => ("mx.example.net", "dsn=2.0.0, status=sent (250 2.0.0 OK)"),
    };
    format!(
        "{head}/submission/smtpd[1]: {id}: client=desk.example.com[192.0.2.10], sasl_method=PLAIN, sasl_username=ann\n\
         {head}/qmgr[3]: {id}: from=<ann@example.com>, size=900, nrcpt=1 (queue active)\n\
         {head}/smtp[4]: {id}: to=<r{number}@example.net>, relay={host}[203.0.113.7]:25, delay=1, delays=0.1/0/0.4/0.5, {result}\n\
         {head}/qmgr[3]: {id}: removed\n"
    )
}

#[test]
fn a_finding_is_told_before_the_first_line_of_a_log_and_history_that_comes_later_is_learned_from() {
    let zone = Live::new(clean());
    let folder = site::folder("probes-empty-log");
    let config = format!(
        "[domains]\nours = [\"example.com\"]\n[notify.ops]\n[[notify.ops.route]]\nkind = \"command\"\ncommand = [\"/bin/true\"]\n\
         [[probe]]\nname = \"dns\"\nschedule = \"0 0 1 1 *\"\nresolvers = [\"{}\"]\nip = [\"192.0.2.10\"]\nselector = [\"s1\"]\nhelo = [\"mail.example.com\"]\n",
        zone.address
    );
    std::fs::write(folder.join("mailvane.toml"), config).unwrap();
    std::fs::write(folder.join("mail.log"), "").unwrap();
    let site = Site::serve(&folder, &["--listen", "127.0.0.1:0"]);
    let get = |path: &str| site.ask("GET", &format!("/api/v1{path}"), &[], "").json();
    site.wait("the first run", || !get("/probes/dns")["probe"]["last"].is_null());
    zone.set(Some(clean().without("example.com", TXT)));
    run(&site, "dns");
    run(&site, "dns");
    let of_spf = |incident: &Value| incident["group"]["key"].as_str().is_some_and(|key| key.contains("spf.record"));
    let rows = || get("/alerts/history?since=7d")["incidents"].as_array().cloned().unwrap_or_default();
    site.wait("the incident", || rows().iter().any(of_spf));
    let told = || get("/alerts/notices")["notices"].as_array().cloned().unwrap_or_default();
    site.wait("the notice", || told().iter().any(|notice| notice["standing"] == "accepted"));
    let before = told().len();
    // The log comes to light: two hours of the day before yesterday, in which a provider blocked us.
    let begin = chrono::Utc::now() - chrono::TimeDelta::days(2);
    let lines: String = (0..720).map(|number| line_at(begin + chrono::TimeDelta::seconds(number * 10), number)).collect();
    std::fs::write(folder.join("mail.log"), lines).unwrap();
    let of_block = |incident: &Value| incident["group"]["key"] == "google" && incident["history"] == true;
    site.wait("the incident in history", || rows().iter().any(of_block));
    site.wait("the end of learning", || get("/alerts")["learning"] == false);
    assert!(rows().iter().any(|incident| of_spf(incident) && incident["ended"].is_null()), "{:#?}", rows());
    assert_eq!(told().len(), before, "{:#?}", told());
}

#[test]
fn mistakes_in_a_probe_are_named_before_anything_starts() {
    let folder = site::folder("probe-mistakes");
    for (text, word) in [
        ("[[probe]]\nname = \"a\"\nschedul = \"* * * * *\"\ndomains = [\"example.com\"]\n", "schedule"),
        ("[[probe]]\nname = \"a\"\nschedule = \"* * * *\"\ndomains = [\"example.com\"]\n", "4 fields"),
        ("[[probe]]\nname = \"a\"\nkind = \"smtp\"\n", "hosts"),
    ] {
        let file = folder.join("mailvane.toml");
        std::fs::write(&file, text).unwrap();
        let out = site::run(&["serve", "--check", "--config", file.to_str().unwrap(), "/dev/null"], "");
        let err = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(2), "{err}");
        assert!(err.contains(word), "{word}: {err}");
    }
}
