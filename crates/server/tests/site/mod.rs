//! The real program, served on a free port, and a small HTTP client that sends what it is told, byte for byte.
#![allow(clippy::unwrap_used, dead_code)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Longest wait for the daemon to do what it must.
const LONGEST: Duration = Duration::from_secs(120);
/// The password of every user of these tests.
pub(crate) const PASSWORD: &str = "stone bridge tram";

/// A folder for one test, empty.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("site-{name}"));
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The log of a day on which strangers wrote what they liked. `{n}` is minutes before now.
pub(crate) fn log() -> String {
    let at = |minutes: i64| (chrono::Utc::now() - chrono::Duration::minutes(minutes)).format("%Y-%m-%dT%H:%M:%S+00:00").to_string();
    let mut text = String::new();
    let mut line = |minutes: i64, rest: &str| text.push_str(&format!("{} mx1 postfix/{rest}\n", at(minutes)));
    // From a user here to two domains; one answer has markup in it.
    line(30, "submission/smtpd[101]: 4AAAA11111: client=desk.example.com[192.0.2.10], sasl_method=PLAIN, sasl_username=annabel");
    line(30, "cleanup[102]: 4AAAA11111: message-id=<one@example.com>");
    line(30, "qmgr[103]: 4AAAA11111: from=<annabel@example.com>, size=1200, nrcpt=2 (queue active)");
    line(
        30,
        "smtp[104]: 4AAAA11111: to=<robert@example.net>, relay=mx.example.net[198.51.100.7]:25, delay=2.1, delays=0.1/0/1/1, dsn=2.0.0, status=sent (250 2.0.0 OK)",
    );
    line(
        30,
        "smtp[105]: 4AAAA11111: to=<evelyn@example.org>, relay=mx.example.org[198.51.100.8]:25, delay=3.1, delays=0.1/0/1/2, dsn=5.1.1, status=bounced (host mx.example.org[198.51.100.8] said: 550 5.1.1 <img src=x onerror=alert(1)> no evelyn here (in reply to RCPT TO command))",
    );
    line(30, "qmgr[103]: 4AAAA11111: removed");
    // From outside, with a sender that is no name.
    line(20, "smtpd[111]: 4BBBB22222: client=unknown[203.0.113.9]");
    line(20, "cleanup[112]: 4BBBB22222: message-id=<two@example.test>");
    line(20, "qmgr[103]: 4BBBB22222: from=<<script>alert(document.cookie)</script>@example.test>, size=900, nrcpt=1 (queue active)");
    line(
        20,
        "local[113]: 4BBBB22222: to=<kimberly@example.com>, relay=local, delay=0.5, delays=0.1/0/0/0.4, dsn=2.0.0, status=sent (delivered to maildir)",
    );
    line(20, "qmgr[103]: 4BBBB22222: removed");
    // A refusal, with control characters where the client could put them.
    line(
        10,
        "smtpd[114]: NOQUEUE: reject: RCPT from unknown[203.0.113.5]: 554 5.7.1 <annabel@example.com>: Relay access denied; from=<x\u{1b}[31m\u{7f}@example.test> to=<annabel@example.com> proto=ESMTP helo=<\"><svg onload=alert(2)>>",
    );
    text
}

/// Runs the program with something on standard input.
pub(crate) fn run(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mailvane"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// A site that is served.
pub(crate) struct Site {
    child: Child,
    /// Where.
    pub(crate) address: SocketAddr,
    /// Its data.
    pub(crate) data: PathBuf,
    /// The secret of the link that was printed.
    pub(crate) secret: Option<String>,
}

impl Site {
    /// Serves [`log`] with a configuration and users (name, role, domains), and waits until it is read.
    pub(crate) fn start(name: &str, config: &str, users: &[(&str, &str, &[&str])]) -> Self {
        let folder = folder(name);
        let data = folder.join("data");
        let file = folder.join("mailvane.toml");
        std::fs::write(&file, config).unwrap();
        std::fs::write(folder.join("mail.log"), log()).unwrap();
        for (name, role, domains) in users {
            add_user(&data, name, role, domains);
        }
        Self::serve(&folder, &["--listen", "127.0.0.1:0"])
    }

    /// Serves what is in a folder.
    pub(crate) fn serve(folder: &Path, arguments: &[&str]) -> Self {
        let data = folder.join("data");
        let mut child = Command::new(env!("CARGO_BIN_EXE_mailvane"))
            .args(["serve", "--history", "all", "--timezone", "UTC", "--config"])
            .arg(folder.join("mailvane.toml"))
            .arg("--data-dir")
            .arg(&data)
            .args(arguments)
            .arg(folder.join("mail.log"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(folder.join("err")).unwrap())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let (mut address, mut secret, mut is_tls) = (None::<SocketAddr>, None, false);
        let mut line = String::new();
        // Without an administrator the link comes after the page's address.
        while out.read_line(&mut line).unwrap() > 0 {
            if let Some(found) = line.trim().strip_prefix("page at ") {
                is_tls = found.starts_with("https://");
                address = Some(found.split("://").nth(1).unwrap().parse().unwrap());
                if has_administrator(&data) {
                    break;
                }
            }
            secret = secret.or(line.trim().split("/setup#").nth(1).map(str::to_owned));
            if secret.is_some() {
                break;
            }
            line.clear();
        }
        let mut address = address.unwrap_or_else(|| panic!("it did not start: {}", std::fs::read_to_string(folder.join("err")).unwrap()));
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        // Whatever is said later goes nowhere, and does not block.
        std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
        let site = Site { child, address, data, secret };
        if !is_tls {
            site.wait("ingest", || site.ask("GET", "/readyz", &[], "").status == 200);
        }
        site
    }

    /// Waits for something.
    pub(crate) fn wait(&self, what: &str, mut done: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !done() {
            assert!(begun.elapsed() < LONGEST, "waited too long for {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends one request, and reads the answer to its end.
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        if !headers.iter().any(|header| header.0.eq_ignore_ascii_case("host")) {
            head += &format!("host: {}\r\n", self.address);
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() {
            head += &format!("content-length: {}\r\n", body.len());
            if !headers.iter().any(|header| header.0.eq_ignore_ascii_case("content-type")) {
                head += "content-type: application/json\r\n";
            }
        }
        self.send(format!("{head}\r\n{body}").as_bytes())
    }

    /// Sends bytes as they are, and reads until the other end closes.
    pub(crate) fn send(&self, bytes: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(LONGEST)).unwrap();
        // The other end may close before it has heard all.
        let _ = stream.write_all(bytes);
        let mut read = Vec::new();
        let _ = stream.read_to_end(&mut read);
        Answer::of(&read)
    }

    /// Logs in, and gives what a browser then holds.
    pub(crate) fn log_in(&self, name: &str) -> Browser<'_> {
        let answer = self.ask("POST", "/api/v1/session", &[], &json!({"name": name, "password": PASSWORD}).to_string());
        assert_eq!(answer.status, 200, "{}", answer.body);
        Browser::of(self, &answer)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn has_administrator(data: &Path) -> bool {
    let out = run(&["user", "list", "--data-dir", data.to_str().unwrap()], "");
    String::from_utf8(out.stdout).unwrap().contains(" administrator ")
}

/// Adds a user on the command line.
pub(crate) fn add_user(data: &Path, name: &str, role: &str, domains: &[&str]) {
    let mut arguments = vec!["user", "add", name, "--role", role, "--data-dir", data.to_str().unwrap(), "--password-file", "-"];
    for domain in domains {
        arguments.extend(["--domain", domain]);
    }
    let out = run(&arguments, &format!("{PASSWORD}\n"));
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// 0: the connection was closed without one.
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    /// Out of the bytes of a connection.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|word| word.parse().ok()).unwrap_or(0);
        let headers: Vec<(String, String)> =
            lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect();
        Answer { status, headers, body: body.to_owned() }
    }

    /// A header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.0 == name).map(|header| header.1.as_str())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.body))
    }

    /// The word of an error.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// Somebody who is logged in.
#[derive(Clone)]
pub(crate) struct Browser<'s> {
    site: &'s Site,
    /// `name=value`.
    pub(crate) cookie: String,
    pub(crate) csrf: String,
}

impl<'s> Browser<'s> {
    /// Takes the cookie and the mark out of an answer.
    pub(crate) fn of(site: &'s Site, answer: &Answer) -> Self {
        let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        Browser { site, cookie, csrf: answer.json()["csrf"].as_str().unwrap().to_owned() }
    }

    /// Asks.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.site.ask("GET", path, &[("cookie", &self.cookie)], "")
    }

    /// Changes something, as a page of ours does.
    pub(crate) fn send(&self, method: &str, path: &str, body: Value) -> Answer {
        let origin = format!("http://{}", self.site.address);
        let headers = [("cookie", self.cookie.as_str()), ("x-mailvane-csrf", &self.csrf), ("origin", &origin)];
        self.site.ask(method, path, &headers, &if body.is_null() { String::new() } else { body.to_string() })
    }
}
