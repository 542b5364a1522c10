//! From a failed delivery to a mail in the operator's mailbox, with a real Postfix on loopback and scripted far sides: how long it takes, part
//! by part. Needs Postfix (Debian and Ubuntu: `apt install postfix`) and root, for a Postfix of its own.
//!
//! `cargo xtask bench notices` runs it in a network of its own, in which the names `mx.good.example` and so on are 203.0.113.11 and on. A provider refuses, another throttles, a third is not there at all, and an account
//! sends to strangers; then one more refuses while the watched Postfix is stopped, and the alarm takes the second route. With
//! `--resolutions` the providers come to their senses, and mail to all of them goes on until the end of each of their incidents is told, which
//! takes half an hour. (What an account sent is judged over six hours: its end is not waited for.)
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
use std::sync::atomic::{AtomicBool, Ordering};
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
             minimal_backoff_time = 30s\nqueue_run_delay = 10s\nsmtp_destination_concurrency_failed_cohort_limit = 100\nsmtpd_authorized_xclient_hosts = 127.0.0.0/8\n",
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
        self.send_as(None, SENDER, to, number);
    }

    /// Hands over a message of somebody who logged in.
    fn send_as(&self, login: Option<&str>, from: &str, to: &str, number: usize) {
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
        // What a login leaves in the log, without a login service.
        let login = login.map(|user| ["EHLO desk.example.com".to_owned(), format!("XCLIENT LOGIN={user}")]);
        let commands = ["HELO desk.example.com", &format!("MAIL FROM:<{from}>"), &format!("RCPT TO:<{to}>"), "DATA"].map(str::to_owned);
        let commands = login.into_iter().flatten().chain(commands);
        for command in commands.chain([format!("Subject: {number}\r\n\r\nHello\r\n.")]) {
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

/// What goes wrong.
struct Scene {
    what: &'static str,
    /// The domain that fails.
    domain: &'static str,
    /// Who sends, and logged in as whom.
    sender: &'static str,
    login: Option<&'static str>,
    per_minute: u32,
    /// What the subject of its alarm says.
    subject: &'static str,
    /// What its text names.
    names: &'static [&'static str],
    /// The alarm is in the mailbox so long after the first failed attempt.
    within: Duration,
}

/// One after the other.
const SCENES: [Scene; 5] = [
    Scene {
        what: "a provider refuses (550)",
        domain: "blocked.example",
        sender: SENDER,
        login: None,
        per_minute: 30,
        subject: "blocked.example",
        names: &["blocked.example", SENDER],
        within: Duration::from_secs(120),
    },
    Scene {
        what: "a provider throttles (421)",
        domain: "throttled.example",
        sender: SENDER,
        login: None,
        per_minute: 30,
        subject: "throttled.example",
        names: &["throttled.example", SENDER],
        within: Duration::from_secs(120),
    },
    Scene {
        what: "a provider is not there: nobody listens, the queue grows",
        domain: "gone.example",
        sender: SENDER,
        login: None,
        per_minute: 30,
        subject: "gone.example",
        names: &["gone.example", SENDER],
        within: Duration::from_secs(120),
    },
    Scene {
        what: "a provider refuses (550), 100 messages a minute",
        domain: "busy.example",
        sender: SENDER,
        login: None,
        per_minute: 100,
        subject: "busy.example",
        names: &["busy.example", SENDER],
        within: Duration::from_secs(60),
    },
    Scene {
        what: "an account sends to strangers, of whom every third does not exist",
        domain: "strangers.example",
        sender: "bob@example.com",
        login: Some("bob"),
        per_minute: 100,
        subject: "bob",
        names: &["bob"],
        within: Duration::from_secs(60),
    },
];

/// Sends messages at a rate until a mail comes whose subject names what is wanted.
fn until_alarm(postfix: &Watched, scene: &Scene, mailbox: &Mailbox) -> Option<(Mail, chrono::DateTime<chrono::Local>)> {
    let (begun, pause) = (Instant::now(), Duration::from_secs(60) / scene.per_minute);
    let mut number = 0;
    while begun.elapsed() < LONGEST {
        number += 1;
        postfix.send_as(scene.login, scene.sender, &format!("r{number}@{}", scene.domain), number);
        if number % 2 == 0 {
            postfix.send(&format!("r{number}@good.example"), number);
        }
        if let Some(mail) = mailbox.next(pause) {
            let subject = mail.header("Subject").unwrap_or_default();
            println!("  mail: {subject}");
            if subject.contains(scene.subject) {
                return Some((mail, chrono::Local::now()));
            }
        }
    }
    None
}

/// The notice of a mail.
fn notice_of(notices: &serde_json::Value, mail: &Mail) -> serde_json::Value {
    let id = mail.header("X-Mailvane-Alert").unwrap_or_default();
    let of_mail = |notice: &&serde_json::Value| notice["id"].as_str().is_some_and(|known| id.starts_with(known));
    notices["notices"].as_array().and_then(|notices| notices.iter().find(of_mail)).cloned().unwrap_or_default()
}

fn tell(postfix: &Watched, serve: &Serve, scene: &Scene, found: Option<&(Mail, chrono::DateTime<chrono::Local>)>) -> bool {
    let Some((mail, arrived)) = found else {
        println!("  NOT FOUND within {} s\n{:#}", LONGEST.as_secs(), serve.notices());
        return false;
    };
    let Some(first) = postfix.first_failure(scene.domain) else { return false };
    let notice = notice_of(&serve.notices(), mail);
    let made = notice["made"].as_str().and_then(|made| chrono::DateTime::parse_from_rfc3339(made).ok());
    let seconds = |from: chrono::DateTime<chrono::Local>| {
        made.map_or(f64::NAN, |made| (made.with_timezone(&chrono::Local) - from).num_milliseconds() as f64 / 1000.0)
    };
    let total = (*arrived - first).num_milliseconds() as f64 / 1000.0;
    println!(
        "  first failed attempt in the log to notice made: {:.1} s; made to mailbox: {:.1} s; in all {total:.1} s",
        seconds(first),
        total - seconds(first)
    );
    let text = mail.text.replace("=\r\n", "").replace("=3D", "=");
    let missing: Vec<&str> = scene.names.iter().copied().filter(|name| !text.contains(name)).collect();
    println!(
        "  names {}: {}",
        scene.names.join(", "),
        if missing.is_empty() { "yes".to_owned() } else { format!("NOT {}", missing.join(", ")) }
    );
    for tried in notice["tries"].as_array().into_iter().flatten() {
        println!(
            "  {}: {} {}",
            tried["route"].as_str().unwrap_or("log"),
            tried["said"].as_str().unwrap_or_default(),
            tried["reply"].as_str().unwrap_or_default()
        );
    }
    missing.is_empty() && total <= scene.within.as_secs_f64()
}

/// Sends mail to everybody until each alarm was answered by its end, in the same thread of mail.
fn resolutions(postfix: &Watched, mailbox: &Mailbox, alarms: &[(Mail, chrono::DateTime<chrono::Local>)]) -> bool {
    let domains: Vec<&str> = SCENES.iter().filter(|scene| scene.login.is_none()).map(|scene| scene.domain).collect();
    let mut open: Vec<String> = alarms.iter().filter_map(|(mail, _)| mail.header("Message-ID")).collect();
    let begun = Instant::now();
    let mut number = 10_000;
    while !open.is_empty() && begun.elapsed() < Duration::from_secs(45 * 60) {
        number += 1;
        postfix.send(&format!("r{number}@good.example"), number);
        postfix.send(&format!("r{number}@{}", domains[number % domains.len()]), number);
        if let Some(mail) = mailbox.next(Duration::from_secs(3)) {
            println!("  mail after {} s: {}", begun.elapsed().as_secs(), mail.header("Subject").unwrap_or_default());
            let answers = mail.header("References").unwrap_or_default() + &mail.header("In-Reply-To").unwrap_or_default();
            open.retain(|id| !answers.contains(id.as_str()));
        }
    }
    println!("  {} of {} alarms are answered", alarms.len() - open.len(), alarms.len());
    open.is_empty()
}

fn main() {
    if TcpListener::bind("203.0.113.11:0").is_err() {
        println!("run it by `cargo xtask bench notices`: it makes the network that this needs");
        std::process::exit(2);
    }
    let folder = std::env::temp_dir().join(format!("mailvane-notices-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let recovered = Arc::new(AtomicBool::new(false));
    let say = |text: &'static str| -> mailbox::Say {
        let recovered = Arc::clone(&recovered);
        Arc::new(move |_| if recovered.load(Ordering::Relaxed) { "250 2.1.5 Ok".to_owned() } else { text.to_owned() })
    };
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
    let refuse: mailbox::Say = Arc::new(|_| "550 5.7.1 Service unavailable; client host is blocked: listed at bl.example.net".to_owned());
    let late = Mailbox::at("203.0.113.14:0", refuse);
    let (mailbox, second) = (Mailbox::at("203.0.113.15:0", say("250 2.1.5 Ok")), Mailbox::at("203.0.113.16:0", say("250 2.1.5 Ok")));
    let busy = Mailbox::at("203.0.113.17:0", say("550 5.7.1 Mail from this address is refused: poor reputation"));
    let strangers: mailbox::Say = Arc::new(|to| {
        let number: u32 = to.trim_start_matches('r').split('@').next().and_then(|number| number.parse().ok()).unwrap_or(0);
        if number.is_multiple_of(3) {
            "550 5.1.1 The email account that you tried to reach does not exist".into()
        } else {
            "250 2.1.5 Ok".into()
        }
    });
    let strangers = Mailbox::at("203.0.113.18:0", strangers);
    let nobody = TcpListener::bind("203.0.113.19:0").unwrap().local_addr().unwrap();
    let routes = [
        ("good.example", good.address.port()),
        ("blocked.example", blocked.address.port()),
        ("throttled.example", throttled.address.port()),
        ("late.example", late.address.port()),
        ("elsewhere.example", mailbox.address.port()),
        ("busy.example", busy.address.port()),
        ("strangers.example", strangers.address.port()),
        ("gone.example", nobody.port()),
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
    let mut alarms = Vec::new();
    println!("alarms by the watched Postfix to a mailbox elsewhere");
    for scene in &SCENES {
        println!("{}, {} messages a minute", scene.what, scene.per_minute);
        let found = until_alarm(&postfix, scene, &mailbox);
        all_well &= tell(&postfix, &serve, scene, found.as_ref());
        alarms.extend(found);
    }
    if std::env::args().any(|argument| argument == "--resolutions") {
        println!("the ends of these incidents");
        recovered.store(true, Ordering::Relaxed);
        let _back = Mailbox::at(&nobody.to_string(), say("250 2.1.5 Ok"));
        let of_providers = alarms.len().min(SCENES.iter().filter(|scene| scene.login.is_none()).count());
        all_well &= resolutions(&postfix, &mailbox, &alarms[..of_providers]);
    }
    println!("one more provider refuses, and the watched Postfix is stopped: by the second route");
    for number in 0..40 {
        // At once: the alarm must not find the server still running.
        postfix.send(&format!("r{number}@late.example"), number);
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
    let late = Scene { domain: "late.example", names: &["late.example", SENDER], within: Duration::from_secs(120), ..SCENES[0] };
    all_well &= tell(&postfix, &serve, &late, found.as_ref());
    drop((serve, postfix));
    if all_well {
        drop(std::fs::remove_dir_all(&folder));
    } else {
        println!("something took longer than it may, or did not come: see {}", folder.display());
        std::process::exit(1);
    }
}
