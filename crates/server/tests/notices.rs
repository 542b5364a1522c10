//! Notices of the real daemon: what it reads in a log arrives in a mailbox, once, by the route that works.
#![cfg(feature = "daemon")]
#![allow(clippy::unwrap_used)]

mod mailbox;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use mailbox::Mailbox;

/// Longest wait for a mail: the machine may be busy.
const LONGEST: Duration = Duration::from_secs(120);

/// One recipient a line, refused by google between two times.
fn log(path: &Path, begin: DateTime<Utc>, end: DateTime<Utc>, refused: (DateTime<Utc>, DateTime<Utc>)) {
    let (mut text, mut time, mut number) = (String::new(), begin, 0);
    while time < end {
        number += 1;
        let at = time.format("%Y-%m-%dT%H:%M:%S+00:00");
        let id = format!("4{number:07X}");
        let is_google = number % 2 == 0;
        let (host, domain) = if is_google { ("gmail-smtp-in.l.google.com", "gmail.com") } else { ("mx.example.net", "example.net") };
        let fails = is_google && time >= refused.0 && time < refused.1;
        let result = if fails {
            format!(
                "dsn=5.7.1, status=bounced (host {host}[203.0.113.7] said: 550-5.7.1 [192.0.2.1] Our system has detected that this message is likely suspicious due to the very low reputation of the sending IP address, number {number} (in reply to end of DATA command))"
            )
        } else {
            "dsn=2.0.0, status=sent (250 2.0.0 OK)".to_owned()
        };
        let head = format!("{at} mx1 postfix");
        text.push_str(&format!(
            "{head}/submission/smtpd[1]: {id}: client=desk.example.com[192.0.2.10], sasl_method=PLAIN, sasl_username=ann\n"
        ));
        text.push_str(&format!("{head}/cleanup[2]: {id}: message-id=<{number}@example.com>\n"));
        text.push_str(&format!("{head}/qmgr[3]: {id}: from=<ann@example.com>, size=900, nrcpt=1 (queue active)\n"));
        text.push_str(&format!(
            "{head}/smtp[4]: {id}: to=<r{number}@{domain}>, relay={host}[203.0.113.7]:25, delay=1, delays=0.1/0/0.4/0.5, {result}\n"
        ));
        text.push_str(&format!("{head}/qmgr[3]: {id}: removed\n"));
        time += chrono::TimeDelta::seconds(3);
    }
    std::fs::write(path, text).unwrap();
}

/// A folder of a test, with rules that end soon, a log and a configuration.
struct Place {
    folder: PathBuf,
}

impl Place {
    fn new(name: &str, notify: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(folder.join("rules")).unwrap();
        let ours = include_str!("../../../alerts/provider_block.toml").replace("resolve_after = \"15m\"", "resolve_after = \"1m\"");
        std::fs::write(folder.join("rules/provider_block.toml"), ours).unwrap();
        // What the same bounces say in other words is not of this test.
        for rule in
            ["bounce_spike", "sender_bounces", "sender_refused", "account_hijacked", "provider_refuses", "sender_silent", "backscatter"]
        {
            std::fs::write(folder.join(format!("rules/{rule}.toml")), "# off\n").unwrap();
        }
        let config = format!(
            "[alerts]\nrules = \"{}\"\nhost = \"mx1.example.com\"\nlink = \"https://vane.example.com\"\n{notify}",
            folder.join("rules").display()
        );
        std::fs::write(folder.join("mailvane.toml"), config).unwrap();
        Place { folder }
    }

    fn log(&self) -> PathBuf {
        self.folder.join("mail.log")
    }

    fn mailvane(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mailvane"));
        command.args(arguments).args(["--config".as_ref(), self.folder.join("mailvane.toml").as_os_str()]).output().unwrap()
    }

    /// A daemon on the log; gone with its value.
    fn serve(&self) -> Daemon {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mailvane"))
            .args(["serve", "--history", "all", "--listen", "127.0.0.1:0", "--timezone", "UTC", "--config"])
            .arg(self.folder.join("mailvane.toml"))
            .arg("--data-dir")
            .arg(self.folder.join("data"))
            .arg(format!("{}*", self.log().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (said, page) = std::sync::mpsc::channel();
        // Read to its end: a daemon whose words nobody reads would stop.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(page) = line.strip_prefix("page at http://") {
                    drop(said.send(page.to_owned()));
                }
            }
        });
        let page = page.recv_timeout(LONGEST).unwrap();
        Daemon { child, page }
    }
}

struct Daemon {
    child: Child,
    page: String,
}

impl Daemon {
    /// `kill -TERM`, and its end.
    fn stop(mut self) {
        assert!(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }

    /// Asks the API until the answer is as wanted.
    fn until(&self, path: &str, wanted: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
        let begun = std::time::Instant::now();
        loop {
            let answer = self.ask(path);
            if wanted(&answer) {
                return answer;
            }
            assert!(begun.elapsed() < LONGEST, "{path}: {answer:#}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn ask(&self, path: &str) -> serde_json::Value {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(&self.page).unwrap();
        write!(stream, "GET /api/v1{path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.page).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let body = if head.to_lowercase().contains("transfer-encoding: chunked") { unchunked(body) } else { body.to_owned() };
        serde_json::from_str(&body).unwrap_or_default()
    }
}

fn unchunked(body: &str) -> String {
    let (mut out, mut rest) = (String::new(), body);
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        if size == 0 {
            break;
        }
        out.push_str(&after[..size]);
        rest = &after[size + 2..];
    }
    out
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn ago(minutes: i64) -> DateTime<Utc> {
    Utc::now() - chrono::TimeDelta::minutes(minutes)
}

#[test]
fn a_block_arrives_by_the_route_that_works_is_resolved_and_never_repeated() {
    let (broken, mailbox) = (Mailbox::with(Arc::new(|_| "451 4.3.0 try later".to_owned())), Mailbox::open());
    let notify = format!(
        "[notify.ops]\nemail = [\"ops@example.org\"]\nfrom = \"vane@example.com\"\nsmtp = \"smtp://{}\"\n[[notify.ops.route]]\nkind = \"email\"\nsmtp = \"smtp://{}\"\n",
        broken.address, mailbox.address
    );
    let place = Place::new("notices-block", &notify);
    log(&place.log(), ago(90), ago(0), (ago(8), ago(5)));
    let daemon = place.serve();
    let alarm = mailbox.next(LONGEST).unwrap();
    assert!(alarm.header("Subject").is_some_and(|subject| subject.contains("A provider blocks us: provider google")), "{}", alarm.text);
    assert_eq!((alarm.from.as_str(), alarm.to.as_slice()), ("vane@example.com", ["ops@example.org".to_owned()].as_slice()));
    assert_eq!(alarm.header("Auto-Submitted").as_deref(), Some("auto-generated"));
    for part in ["multipart/alternative", "text/html", "image/png", "low reputation", "https://vane.example.com/alerts?incident"] {
        assert!(alarm.text.replace("=\r\n", "").replace("=3D", "=").contains(part), "{part} in {}", alarm.text);
    }
    let over = mailbox.next(LONGEST).unwrap();
    assert!(over.header("Subject").is_some_and(|subject| subject.starts_with("[resolved]")), "{}\nafter\n{}", over.text, alarm.text);
    assert_eq!(over.header("In-Reply-To"), alarm.header("Message-ID"));
    let notices = daemon.until("/alerts/notices", |answer| {
        answer["notices"].as_array().is_some_and(|all| all.len() == 2 && all.iter().all(|notice| notice["standing"] == "accepted"))
    });
    let tries = &notices["notices"][1]["tries"];
    assert_eq!((tries[0]["said"].as_str(), tries[1]["said"].as_str()), (Some("deferred"), Some("accepted")), "{notices:#}");
    assert!(tries[0]["reply"].as_str().is_some_and(|reply| reply.contains("try later")), "{notices:#}");
    daemon.stop();
    // After a restart everything is known, and nothing is said again.
    let daemon = place.serve();
    daemon.until("/alerts", |answer| answer["judged_to"].is_string() && answer["learning"] == false);
    let history = daemon.ask("/alerts/history?since=1d");
    assert_eq!(history["incidents"].as_array().map(Vec::len), Some(1), "{history:#}");
    assert_eq!(daemon.ask("/alerts/notices")["notices"].as_array().map(Vec::len), Some(2));
    daemon.stop();
    assert!(mailbox.next(Duration::ZERO).is_none());
}

#[test]
fn history_is_learned_from_and_nobody_is_told() {
    let mailbox = Mailbox::open();
    let place =
        Place::new("notices-history", &format!("[notify.ops]\nemail = [\"ops@example.org\"]\nsmtp = \"smtp://{}\"\n", mailbox.address));
    log(&place.log(), ago(48 * 60), ago(46 * 60), (ago(47 * 60), ago(47 * 60 - 10)));
    let daemon = place.serve();
    let of_google = |row: &&serde_json::Value| row["group"]["key"] == "google";
    let history = daemon.until("/alerts/history?since=7d", |answer| {
        answer["incidents"].as_array().is_some_and(|all| all.iter().find(of_google).is_some_and(|row| row["ended"].is_string()))
    });
    let block = history["incidents"].as_array().unwrap().iter().find(of_google).unwrap();
    assert_eq!(block["history"], true, "{history:#}");
    daemon.until("/alerts", |answer| answer["learning"] == false);
    assert!(
        daemon.ask("/alerts/notices")["notices"].as_array().is_some_and(|all| all.iter().all(|notice| notice["incident"] != block["id"]))
    );
    daemon.stop();
}

#[test]
fn edited_rules_are_taken_up_and_a_typo_is_named_while_the_others_go_on() {
    let place = Place::new("notices-reload", "");
    log(&place.log(), ago(20), ago(0), (ago(20), ago(20)));
    let daemon = place.serve();
    let rules = |answer: &serde_json::Value| answer["rules"].as_array().cloned().unwrap_or_default();
    let before = rules(&daemon.until("/alerts/rules", |answer| !rules(answer).is_empty())).len();
    let file = place.folder.join("rules/much_mail.toml");
    let rule = "title = \"Much mail\"\nwhy = \"It is much.\"\nseverity = \"ticket\"\nrunbook = \"Look.\"\n[condition]\nkind = \"threshold\"\nmetric = \"attempts\"\nabove = 5\nwindow = \"15m\"\n";
    std::fs::write(&file, rule.replace("above", "abovee")).unwrap();
    let warned = daemon.until("/alerts", |answer| answer["warnings"].as_array().is_some_and(|all| !all.is_empty()));
    let warning = warned["warnings"][0].as_str().unwrap();
    assert!(warning.contains("much_mail.toml") && warning.contains("above"), "{warning}");
    assert_eq!(rules(&daemon.ask("/alerts/rules")).len(), before);
    std::fs::write(&file, rule).unwrap();
    let found = daemon.until("/alerts/rules", |answer| rules(answer).len() == before + 1);
    assert!(rules(&found).iter().any(|rule| rule["title"] == "Much mail"));
    assert_eq!(daemon.until("/alerts", |answer| answer["warnings"] == serde_json::json!([]))["warnings"], serde_json::json!([]));
    let of_mine = |rule: &serde_json::Value| {
        rule["name"] == "much_mail" && rule["nearest"]["text"].as_str().is_some_and(|text| text.contains("attempts"))
    };
    daemon.until("/alerts/rules", |answer| rules(answer).iter().any(of_mine));
    daemon.stop();
}

#[test]
fn a_heartbeat_says_that_we_are_alive() {
    let ear = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = ear.local_addr().unwrap();
    let (said, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in ear.incoming().map_while(Result::ok) {
            let mut line = String::new();
            if BufReader::new(&stream).read_line(&mut line).is_ok() && said.send(line).is_err() {
                return;
            }
            // Whoever beats may have gone.
            let _ = std::io::Write::write_all(&mut &stream, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    let place = Place::new("notices-heartbeat", &format!("heartbeat = \"http://{address}/ping/secret\"\nheartbeat_every = \"10s\"\n"));
    log(&place.log(), ago(20), ago(0), (ago(20), ago(20)));
    let daemon = place.serve();
    for _ in 0..2 {
        assert!(heard.recv_timeout(LONGEST).unwrap().contains(" /ping/secret HTTP/1.1"));
    }
    daemon.stop();
}

#[test]
fn a_test_notice_says_what_each_server_answered() {
    let (mailbox, broken) = (Mailbox::open(), Mailbox::with(Arc::new(|_| "550 5.7.1 we do not relay".to_owned())));
    let notify = format!(
        "[notify.ops]\nemail = [\"ops@example.org\"]\nfrom = \"vane@example.invalid\"\nsmtp = \"smtp://{}\"\n[[notify.ops.route]]\nkind = \"email\"\nsmtp = \"smtp://{}\"\n[[notify.ops.route]]\nkind = \"command\"\ncommand = [\"/bin/sh\", \"-c\", \"echo told\"]\n",
        mailbox.address, broken.address
    );
    let place = Place::new("notices-test", &notify);
    let output = place.mailvane(&["alerts", "test"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in ["accepted after", "queued as 4TEST12345", "refused after", "we do not relay", "told", "accepted is not arrived"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    let mail = mailbox.next(LONGEST).unwrap();
    assert!(mail.header("Subject").is_some_and(|subject| subject.contains("Test notice of Mailvane on mx1.example.com")), "{}", mail.text);
    let none = place.mailvane(&["alerts", "test", "--receiver", "nobody"]);
    assert_eq!(none.status.code(), Some(2));
}

#[test]
fn a_report_comes_by_mail_at_its_time_and_once_over_a_kill() {
    let mailbox = Mailbox::open();
    let notify = format!(
        "[notify.ops]\nemail = [\"ops@example.org\"]\nfrom = \"vane@example.com\"\nsmtp = \"smtp://{}\"\n[report]\nschedule = \"* * * * *\"\nperiod = \"2h\"\n",
        mailbox.address
    );
    let place = Place::new("report", &notify);
    log(&place.log(), ago(60), ago(30), (ago(60), ago(60)));
    let mut daemon = place.serve();
    let report = loop {
        // What the rules say of this log is not of this test.
        let mail = mailbox.next(LONGEST).unwrap();
        if mail.header("Subject").is_some_and(|subject| subject.starts_with("Mail report of mx1.example.com")) {
            break mail;
        }
    };
    let text = report.text.replace("=\r\n", "").replace("=3D", "=");
    for part in [
        "multipart/alternative",
        "multipart/related",
        "text/plain",
        "text/html",
        "<img src=\"cid:chart-1\"",
        "Content-ID: <chart-1>",
        "image/png",
        "Content-Security-Policy",
        "google",
        "Auto-Submitted",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("src=\"http") && !text.contains("<script") && !text.contains("<svg"), "it needs nothing else");
    let reports = |answer: &serde_json::Value| {
        let all = answer["notices"].as_array().cloned().unwrap_or_default();
        all.into_iter().filter(|notice| notice["kind"] == "report").collect::<Vec<_>>()
    };
    let told = daemon.until("/alerts/notices", |answer| reports(answer).iter().any(|notice| notice["standing"] == "accepted"));
    let first = reports(&told)[0]["id"].clone();
    daemon.child.kill().unwrap();
    daemon.child.wait().unwrap();
    drop(daemon);
    let daemon = place.serve();
    let told = daemon.until("/alerts/notices", |answer| !reports(answer).is_empty());
    assert!(reports(&told).iter().any(|notice| notice["id"] == first && notice["standing"] == "accepted"), "{told:#}");
    daemon.stop();
    let again = std::iter::from_fn(|| mailbox.next(Duration::ZERO)).find(|mail| mail.header("Message-ID") == report.header("Message-ID"));
    assert!(again.is_none(), "the same report twice");
}
