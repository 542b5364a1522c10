//! From a failed delivery to a mail in the operator's mailbox, with a real Postfix on loopback and scripted far sides: how long it takes, part
//! by part. Needs Postfix (Debian and Ubuntu: `apt install postfix`) and root, for a Postfix of its own.
//!
//! `cargo xtask bench notices` runs it in a network of its own, in which the names `mx.good.example` and so on are 203.0.113.11 and on. A provider refuses, another throttles; then a third refuses while the watched Postfix is
//! stopped, and the alarm takes the second route.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

#[path = "../tests/mailbox/mod.rs"]
mod mailbox;
#[path = "../tests/postfix/mod.rs"]
mod postfix;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mailbox::{Mail, Mailbox};
use postfix::Postfix;

/// Longest wait for an alarm.
const LONGEST: Duration = Duration::from_secs(150);
/// The sender of all mail.
const SENDER: &str = "ann@example.com";

/// The watched server.
struct Watched {
    postfix: Postfix,
    port: u16,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Watched {
    fn start(folder: &Path, routes: &[(&str, u16)]) -> Self {
        let port = free_port();
        let transports: Vec<String> = routes.iter().map(|(domain, port)| format!("{{{domain} = smtp:[mx.{domain}]:{port}}}")).collect();
        let main = format!(
            "myhostname = mx1.example.com\nmydestination =\n\
             local_recipient_maps =\nalias_maps =\nalias_database =\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmynetworks = 127.0.0.0/8\n\
             smtpd_relay_restrictions = permit_mynetworks, reject\nsmtpd_client_connection_count_limit = 0\nsmtp_dns_support_level = disabled\n\
             smtp_host_lookup = native\nsmtp_tls_security_level = none\nsmtpd_tls_security_level = none\ntransport_maps = inline:{{ {routes} }}\n\
             minimal_backoff_time = 30s\nqueue_run_delay = 10s\nsmtp_destination_concurrency_failed_cohort_limit = 100\n",
            routes = transports.join(", "),
        );
        let postfix = Postfix::start(folder, &main, &[format!("127.0.0.1:{port} inet n - n - - smtpd")]);
        Watched { postfix, port }
    }

    fn log(&self) -> PathBuf {
        self.postfix.log()
    }

    /// Hands over a message.
    fn send(&self, to: &str, number: usize) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let mut replies = BufReader::new(stream.try_clone().unwrap());
        let mut reply = || {
            let mut line = String::new();
            while line.is_empty() || line.chars().nth(3) == Some('-') {
                line.clear();
                assert!(replies.read_line(&mut line).unwrap() > 0, "Postfix hung up");
            }
            line
        };
        reply();
        let commands = ["HELO desk.example.com", &format!("MAIL FROM:<{SENDER}>"), &format!("RCPT TO:<{to}>"), "DATA"].map(str::to_owned);
        for command in commands.into_iter().chain([format!("Subject: {number}\r\n\r\nHello\r\n.")]) {
            write!(stream, "{command}\r\n").unwrap();
            let said = reply();
            assert!(said.starts_with(['2', '3']), "{command}: {said}");
        }
        write!(stream, "QUIT\r\n").unwrap();
    }

    /// The first failure of a domain in the log.
    fn first_failure(&self, domain: &str) -> Option<chrono::DateTime<chrono::Local>> {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let failed =
            |line: &&str| line.contains(&format!("@{domain}>")) && (line.contains("status=bounced") || line.contains("status=deferred"));
        let head = log.lines().find(failed)?;
        let year = chrono::Local::now().format("%Y").to_string();
        let time = chrono::NaiveDateTime::parse_from_str(&format!("{year} {}", head.get(..15)?), "%Y %b %e %H:%M:%S").ok()?;
        time.and_local_timezone(chrono::Local).earliest()
    }
}

/// `mailvane serve` on the log; it ends with its value.
struct Serve {
    child: Child,
    page: String,
}

impl Serve {
    fn start(folder: &Path, log: &Path) -> Self {
        let program = std::env::var("MAILVANE_BIN").expect("MAILVANE_BIN names the program");
        let mut child = Command::new(program)
            .args(["serve", "--history", "all", "--listen", "127.0.0.1:0", "--config"])
            .arg(folder.join("mailvane.toml"))
            .arg("--data-dir")
            .arg(folder.join("store"))
            .arg(log)
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(folder.join("mailvane.err")).unwrap())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (said, page) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(page) = line.strip_prefix("page at http://") {
                    drop(said.send(page.to_owned()));
                }
            }
        });
        Serve { child, page: page.recv_timeout(LONGEST).unwrap() }
    }

    fn notices(&self) -> serde_json::Value {
        let mut stream = TcpStream::connect(&self.page).unwrap();
        write!(stream, "GET /api/v1/alerts/notices HTTP/1.0\r\nhost: {}\r\n\r\n", self.page).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap_or_default()
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Sends messages at a rate until a mail comes whose subject names what is wanted.
fn until_alarm(
    postfix: &Watched,
    domain: &str,
    per_minute: u32,
    mailbox: &Mailbox,
    wanted: &str,
) -> Option<(Mail, chrono::DateTime<chrono::Local>)> {
    let (begun, pause) = (Instant::now(), Duration::from_secs(60) / per_minute);
    let mut number = 0;
    while begun.elapsed() < LONGEST {
        number += 1;
        postfix.send(&format!("r{number}@{domain}"), number);
        if number % 2 == 0 {
            postfix.send(&format!("r{number}@good.example"), number);
        }
        if let Some(mail) = mailbox.next(pause) {
            let subject = mail.header("Subject").unwrap_or_default();
            println!("  mail: {subject}");
            if subject.contains(wanted) {
                return Some((mail, chrono::Local::now()));
            }
        }
    }
    None
}

fn tell(postfix: &Watched, serve: &Serve, domain: &str, provider: &str, found: Option<(Mail, chrono::DateTime<chrono::Local>)>) -> bool {
    let Some((mail, arrived)) = found else {
        println!("  NOT FOUND within {} s\n{:#}", LONGEST.as_secs(), serve.notices());
        return false;
    };
    let Some(first) = postfix.first_failure(domain) else { return false };
    let notices = serve.notices();
    let id = mail.header("X-Mailvane-Alert").unwrap_or_default();
    let notice = notices["notices"]
        .as_array()
        .unwrap()
        .iter()
        .find(|notice| notice["id"].as_str().is_some_and(|known| id.starts_with(known)))
        .cloned()
        .unwrap_or_default();
    let made = notice["made"].as_str().and_then(|made| chrono::DateTime::parse_from_rfc3339(made).ok());
    let seconds = |from: chrono::DateTime<chrono::Local>| {
        made.map_or(f64::NAN, |made| (made.with_timezone(&chrono::Local) - from).num_milliseconds() as f64 / 1000.0)
    };
    let total = (arrived - first).num_milliseconds() as f64 / 1000.0;
    println!(
        "  first failed attempt in the log to notice made: {:.1} s; made to mailbox: {:.1} s; in all {total:.1} s",
        seconds(first),
        total - seconds(first)
    );
    let text = mail.text.replace("=\r\n", "").replace("=3D", "=");
    println!("  names the provider: {}, the sender: {}", text.contains(provider), text.contains(SENDER));
    for tried in notice["tries"].as_array().into_iter().flatten() {
        println!(
            "  {}: {} {}",
            tried["route"].as_str().unwrap_or("log"),
            tried["said"].as_str().unwrap_or_default(),
            tried["reply"].as_str().unwrap_or_default()
        );
    }
    total <= 120.0
}

fn main() {
    if TcpListener::bind("203.0.113.11:0").is_err() {
        println!("run it by `cargo xtask bench notices`: it makes the network that this needs");
        std::process::exit(2);
    }
    let folder = std::env::temp_dir().join(format!("mailvane-notices-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let say = |text: &'static str| -> mailbox::Say { Arc::new(move |_| text.to_owned()) };
    let good = Mailbox::at("203.0.113.11:0", say("250 2.1.5 Ok"));
    let blocked = Mailbox::at(
        "203.0.113.12:0",
        say(
            "550 5.7.1 Our system has detected that this message is likely suspicious due to the very low reputation of the sending IP address",
        ),
    );
    let throttled = Mailbox::at(
        "203.0.113.13:0",
        say("421 4.7.28 Our system has detected an unusual rate of mail from your IP address, try again later"),
    );
    let late = Mailbox::at("203.0.113.14:0", say("550 5.7.1 Service unavailable; client host is blocked: listed at bl.example.net"));
    let (mailbox, second) = (Mailbox::at("203.0.113.15:0", say("250 2.1.5 Ok")), Mailbox::at("203.0.113.16:0", say("250 2.1.5 Ok")));
    let routes = [
        ("good.example", good.address.port()),
        ("blocked.example", blocked.address.port()),
        ("throttled.example", throttled.address.port()),
        ("late.example", late.address.port()),
        ("elsewhere.example", mailbox.address.port()),
    ];
    let postfix = Watched::start(&folder, &routes);
    let config = format!(
        "[alerts]\nhost = \"mx1.example.com\"\nlist_queue = false\n[notify.ops]\nemail = [\"ops@elsewhere.example\"]\nfrom = \"vane@mx1.example.com\"\n\
         smtp = \"smtp://127.0.0.1:{}\"\naccept_within = \"30s\"\n[[notify.ops.route]]\nkind = \"email\"\nsmtp = \"smtp://{}\"\n",
        postfix.port, second.address
    );
    std::fs::write(folder.join("mailvane.toml"), config).unwrap();
    for number in 0..60 {
        postfix.send(&format!("r{number}@good.example"), number);
    }
    let serve = Serve::start(&folder, &postfix.log());
    let mut all_well = true;
    let rate = 30;
    println!("{rate} messages a minute, alarms by the watched Postfix to a mailbox elsewhere");
    println!("a provider refuses (550)");
    let found = until_alarm(&postfix, "blocked.example", rate, &mailbox, "A provider");
    all_well &= tell(&postfix, &serve, "blocked.example", "blocked.example", found);
    println!("a provider throttles (421)");
    let found = until_alarm(&postfix, "throttled.example", rate, &mailbox, "throttled");
    all_well &= tell(&postfix, &serve, "throttled.example", "throttled.example", found);
    println!("a third provider refuses, and the watched Postfix is stopped: by the second route");
    for number in 0..40 {
        postfix.send(&format!("r{number}@late.example"), number);
        std::thread::sleep(Duration::from_millis(50));
    }
    postfix.postfix.command("stop");
    let begun = Instant::now();
    let mut found = None;
    while begun.elapsed() < LONGEST && found.is_none() {
        if let Some(mail) = second.next(Duration::from_secs(5)) {
            let subject = mail.header("Subject").unwrap_or_default();
            println!("  mail: {subject}");
            found = subject.contains("late.example").then(|| (mail, chrono::Local::now()));
        }
    }
    all_well &= tell(&postfix, &serve, "late.example", "late.example", found);
    drop((serve, postfix));
    if all_well {
        drop(std::fs::remove_dir_all(&folder));
    } else {
        println!("something took longer than 120 s or did not come: see {}", folder.display());
        std::process::exit(1);
    }
}
