//! Knot, which signs and serves the zones, and Unbound, which resolves and validates for the program under test.

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::mailboxes::{LONGEST, end};
use super::misconfigured::DOMAIN;
use super::misconfigured::signed::Change;
use super::zone::{Failure, Zone, wire};

/// The resolvers: two addresses of one Unbound.
pub(crate) const RESOLVERS: [SocketAddr; 2] = [
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 54)), 53),
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 54)), 53),
];
const KNOT: &str = "192.0.2.53";
const SILENT: &str = "192.0.2.55";
/// The parent of the domain: signed, and the one whose key is believed.
const PARENT: &str = "test";
const DAY: i64 = 86_400;

/// Both servers; they are stopped with their value.
pub(crate) struct NameServers {
    folder: PathBuf,
    running: Vec<Child>,
    /// The delegation of the domain that its parent publishes.
    delegation: String,
    // Takes questions and answers none.
    _silent: UdpSocket,
}

impl NameServers {
    /// Makes the keys of the zones. Nothing is served yet.
    pub(crate) fn new(folder: &Path) -> Self {
        let folder = folder.join("names");
        for name in ["plain", "zones", "kasp", "run", "unbound"] {
            std::fs::create_dir_all(folder.join(name)).unwrap();
        }
        let mut names =
            NameServers { folder, running: Vec::new(), delegation: String::new(), _silent: UdpSocket::bind((SILENT, 53)).unwrap() };
        names.write("sign.conf", &names.signing(14));
        names.write("ending.conf", &names.signing(2));
        for zone in [PARENT, DOMAIN] {
            // As old as the oldest signature that is made with them.
            let since = chrono::Utc::now().timestamp() - 60 * DAY;
            let times = ["created", "publish", "ready", "active"].map(|word| format!("{word}={since}"));
            let words = [&[zone, "generate", "algorithm=ecdsap256sha256", "ksk=yes", "zsk=yes"][..], &times.each_ref().map(String::as_str)]
                .concat();
            names.keymgr(&words);
        }
        let key = names.keymgr(&[PARENT, "dnskey"]);
        let anchor = key.lines().find(|line| line.contains("DNSKEY")).unwrap().replace(" DNSKEY", " 3600 IN DNSKEY");
        std::fs::write(names.folder.join("../anchor"), format!("{anchor}\n")).unwrap();
        let ds = names.keymgr(&[DOMAIN, "ds"]);
        // The one with SHA-256.
        names.delegation = ds.lines().find(|line| line.split_whitespace().nth(4) == Some("2")).unwrap().replace(" DS", " 300 IN DS");
        names
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.join(name), text).unwrap();
    }

    /// The settings to sign with: keys are kept, signatures live so many days.
    fn signing(&self, days: u32) -> String {
        let refresh = if days > 3 { "7d" } else { "1h" };
        format!(
            "server:\n  rundir: {folder}/run\ndatabase:\n  storage: {folder}/kasp\npolicy:\n  - id: main\n    manual: on\n    single-type-signing: on\n    \
             algorithm: ecdsap256sha256\n    rrsig-lifetime: {days}d\n    rrsig-refresh: {refresh}\n    rrsig-pre-refresh: 30m\n    dnskey-ttl: 300\n    zone-max-ttl: 300\n    propagation-delay: 1\n\
             zone:\n  - domain: {PARENT}\n    file: {folder}/plain/{PARENT}.zone\n    dnssec-signing: on\n    dnssec-policy: main\n  - domain: {DOMAIN}\n    \
             file: {folder}/plain/{DOMAIN}.zone\n    dnssec-signing: on\n    dnssec-policy: main\n",
            folder = self.folder.display()
        )
    }

    fn keymgr(&self, words: &[&str]) -> String {
        let output = Command::new("keymgr").arg("-c").arg(self.folder.join("sign.conf")).args(words).output().unwrap();
        assert!(output.status.success(), "keymgr {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn sign(&self, zone: &str, settings: &str, time: Option<i64>) {
        let mut command = Command::new("kzonesign");
        command.arg("-c").arg(self.folder.join(settings)).arg("-o").arg(self.folder.join("zones"));
        if let Some(time) = time {
            command.args(["-t", &time.to_string()]);
        }
        let output = command.arg(zone).output().unwrap();
        assert!(
            output.status.success(),
            "kzonesign {zone}: {}{}",
            String::from_utf8_lossy(&output.stderr),
            String::from_utf8_lossy(&output.stdout)
        );
    }

    /// Serves a zone from now on; `spoiled`: what happened to it after signing.
    pub(crate) fn serve(&mut self, zone: &Zone, spoiled: Option<Change>) {
        self.stop();
        let there = zone.has(DOMAIN, super::zone::SOA);
        let delegation = match spoiled {
            Some(Change::NoKey) => String::new(),
            Some(Change::OtherKey) => {
                let (head, _) = self.delegation.rsplit_once(' ').unwrap();
                format!("{head} {}", "ab".repeat(32))
            }
            _ => self.delegation.clone(),
        };
        let numbers = "ns1.example.net. host.example.net. 1 86400 7200 3600000 300";
        let delegated = if there { format!("{DOMAIN}. 300 IN NS ns1.example.net.\n{delegation}\n") } else { String::new() };
        self.write("plain/test.zone", &format!("{PARENT}. 300 IN SOA {numbers}\n{PARENT}. 300 IN NS ns1.example.net.\n{delegated}"));
        self.write("zones/root.zone", &format!(". 300 IN SOA {numbers}\n. 300 IN NS ns1.example.net.\n{}", zone.file("", &[PARENT])));
        self.sign(PARENT, "sign.conf", None);
        if there {
            self.write("plain/example.test.zone", &zone.file(DOMAIN, &[]));
            match spoiled {
                Some(Change::Ending) => self.sign(DOMAIN, "ending.conf", Some(chrono::Utc::now().timestamp() - DAY)),
                Some(Change::Expired) => self.sign(DOMAIN, "sign.conf", Some(chrono::Utc::now().timestamp() - 45 * DAY)),
                _ => self.sign(DOMAIN, "sign.conf", None),
            }
            self.spoil(spoiled);
        }
        self.start(zone, there);
    }

    fn spoil(&self, spoiled: Option<Change>) {
        let path = self.folder.join("zones").join(format!("{DOMAIN}.zone"));
        let text = std::fs::read_to_string(&path).unwrap();
        let is_signature = |line: &str, of: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words.windows(2).any(|pair| pair == ["RRSIG", of])
        };
        let changed = |line: &str| -> String {
            match spoiled {
                Some(Change::WrongSignature) if is_signature(line, "MX") => {
                    let (head, signature) = line.rsplit_once(|letter: char| letter.is_whitespace()).unwrap();
                    let first = if signature.starts_with('A') { 'B' } else { 'A' };
                    format!("{head} {first}{}\n", &signature[1..])
                }
                Some(Change::ChangedRecord)
                    if line.split_whitespace().any(|word| word == "MX") && !line.contains("RRSIG") && !line.contains("NSEC") =>
                {
                    line.replace("mail.example.test.", "www.example.test.") + "\n"
                }
                Some(Change::NoSignatures) if line.contains("RRSIG") => String::new(),
                _ => format!("{line}\n"),
            }
        };
        std::fs::write(&path, text.lines().map(changed).collect::<String>()).unwrap();
    }

    fn start(&mut self, zone: &Zone, there: bool) {
        let folder = self.folder.display();
        let failing = zone.failures();
        let broken = failing
            .iter()
            .filter(|(_, how)| *how == Failure::Broken)
            .map(|(name, _)| format!("  - domain: {name}\n    file: {folder}/zones/none\n"));
        let own = if there { format!("  - domain: {DOMAIN}\n    file: {folder}/zones/{DOMAIN}.zone\n") } else { String::new() };
        self.write(
            "knot.conf",
            &format!(
                "server:\n  rundir: {folder}/run\n  listen: [{KNOT}@53, 198.51.100.53@53]\nlog:\n  - target: {folder}/knot.log\n    any: info\n\
                 database:\n  storage: {folder}/run\ntemplate:\n  - id: default\n    zonefile-load: whole\n    zonefile-sync: -1\n    journal-content: none\n\
                 zone:\n  - domain: .\n    file: {folder}/zones/root.zone\n  - domain: {PARENT}\n    file: {folder}/zones/{PARENT}.zone\n{own}{}",
                broken.collect::<String>()
            ),
        );
        let stub = |name: &str, address: &str| format!("stub-zone:\n  name: \"{name}\"\n  stub-addr: {address}\n  stub-prime: no\n");
        let mut stubs = stub(".", KNOT);
        for (name, how) in failing {
            stubs += &stub(name, if *how == Failure::Silent { SILENT } else { KNOT });
        }
        self.write(
            "unbound/unbound.conf",
            &format!(
                "server:\n  interface: {}\n  interface: {}\n  do-ip6: no\n  do-daemonize: no\n  username: \"\"\n  chroot: \"\"\n  directory: \"{folder}/unbound\"\n  \
                 pidfile: \"\"\n  use-syslog: no\n  logfile: \"{folder}/unbound/log\"\n  access-control: 0.0.0.0/0 allow\n  do-not-query-localhost: no\n  \
                 trust-anchor-file: \"{folder}/../anchor\"\n  module-config: \"validator iterator\"\n  unblock-lan-zones: yes\n  local-zone: \"test.\" nodefault\n  \
                 local-zone: \"2.0.192.in-addr.arpa.\" nodefault\n  num-threads: 1\n  val-log-level: 2\n  target-fetch-policy: \"0 0 0 0 0\"\n  harden-below-nxdomain: no\n{stubs}\
                 remote-control:\n  control-enable: no\n",
                RESOLVERS[0].ip(),
                RESOLVERS[1].ip()
            ),
        );
        let mut run = |program: &str, words: &[&str], asked: &str| {
            let child =
                Command::new(program).args(words).current_dir(&self.folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            self.running.push(child);
            wait_for_answer(asked);
        };
        run("knotd", &["-c", "knot.conf"], &format!("{KNOT}:53"));
        run("unbound", &["-d", "-c", "unbound/unbound.conf"], &RESOLVERS[0].to_string());
    }

    fn stop(&mut self) {
        self.running.iter_mut().for_each(end);
        self.running.clear();
    }
}

impl Drop for NameServers {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Waits until a name server says something about the address of a name server.
fn wait_for_answer(address: &str) {
    let begun = Instant::now();
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let question = [vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], wire("ns1.example.net"), vec![0, 1, 0, 1]].concat();
    let mut buffer = [0; 512];
    loop {
        let answered = socket.send_to(&question, address).is_ok() && socket.recv_from(&mut buffer).is_ok();
        if answered && buffer[3] % 16 == 0 {
            return;
        }
        assert!(begun.elapsed() < LONGEST, "no answer from {address}");
    }
}
