//! A name server of tests on loopback, authoritative for what it is told, and a domain as it should be. The same records can be written
//! out as a zone file for a real server.
#![allow(clippy::unwrap_used, dead_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const A: u16 = 1;
pub(crate) const NS: u16 = 2;
pub(crate) const CNAME: u16 = 5;
pub(crate) const SOA: u16 = 6;
pub(crate) const PTR: u16 = 12;
pub(crate) const MX: u16 = 15;
pub(crate) const TXT: u16 = 16;
pub(crate) const TLSA: u16 = 52;
pub(crate) const CAA: u16 = 257;

/// How a server fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It says nothing.
    Silent,
    /// SERVFAIL.
    Broken,
    /// REFUSED.
    Refused,
}

/// Records by name and type, in their wire form.
#[derive(Clone, Default)]
pub(crate) struct Zone {
    records: BTreeMap<(String, u16), Vec<Vec<u8>>>,
    /// Names below which questions fail.
    failing: Vec<(String, Failure)>,
    /// Each answer comes this much later.
    pub(crate) latency: Duration,
}

pub(crate) fn wire(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    labels.flat_map(|label| std::iter::once(label.len() as u8).chain(label.bytes())).chain([0]).collect()
}

fn is_below(name: &str, top: &str) -> bool {
    name == top || name.ends_with(&format!(".{top}"))
}

impl Zone {
    pub(crate) fn add(mut self, name: &str, kind: u16, data: Vec<u8>) -> Self {
        self.records.entry((name.to_owned(), kind)).or_default().push(data);
        self
    }

    pub(crate) fn without(mut self, name: &str, kind: u16) -> Self {
        self.records.remove(&(name.to_owned(), kind));
        self
    }

    /// Without anything at a name and below it.
    pub(crate) fn without_all(mut self, top: &str) -> Self {
        self.records.retain(|(name, _), _| !is_below(name, top));
        self
    }

    /// Questions about a name and what is below it fail.
    pub(crate) fn failing(mut self, top: &str, how: Failure) -> Self {
        self.failing.push((top.to_owned(), how));
        self
    }

    pub(crate) fn a(self, name: &str, address: [u8; 4]) -> Self {
        self.add(name, A, address.to_vec())
    }

    pub(crate) fn mx(self, name: &str, host: &str) -> Self {
        self.add(name, MX, [vec![0, 10], wire(host)].concat())
    }

    pub(crate) fn cname(self, name: &str, target: &str) -> Self {
        self.add(name, CNAME, wire(target))
    }

    pub(crate) fn txt(self, name: &str, text: &str) -> Self {
        self.add(name, TXT, text.as_bytes().chunks(255).flat_map(|part| [vec![part.len() as u8], part.to_vec()].concat()).collect())
    }

    /// The text at a name, and no other.
    pub(crate) fn only_txt(self, name: &str, text: &str) -> Self {
        self.without(name, TXT).txt(name, text)
    }

    pub(crate) fn caa(self, name: &str, tag: &str, value: &str) -> Self {
        self.add(name, CAA, [&[0, tag.len() as u8], tag.as_bytes(), value.as_bytes()].concat())
    }

    /// The start of a zone; `numbers`: refresh, retry, expire, minimum.
    pub(crate) fn soa(self, name: &str, numbers: [u32; 4]) -> Self {
        let numbers = [1].iter().chain(&numbers).flat_map(|number: &u32| number.to_be_bytes()).collect();
        self.without(name, SOA).add(name, SOA, [wire("ns1.example.net"), wire("host.example.net"), numbers].concat())
    }

    /// Names under which something was made to fail.
    pub(crate) fn failures(&self) -> &[(String, Failure)] {
        &self.failing
    }

    /// A zone file of all that is at `top` and below, without what is in a zone of its own (`cut`).
    pub(crate) fn file(&self, top: &str, cut: &[&str]) -> String {
        let inside = |name: &str| (top.is_empty() || is_below(name, top)) && !cut.iter().any(|cut| is_below(name, cut));
        let records = self.records.iter().filter(|((name, _), _)| inside(name));
        let lines = records.flat_map(|((name, kind), all)| {
            all.iter().map(move |data| {
                let digits: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("{name}. 300 IN TYPE{kind} \\# {} {digits}\n", data.len())
            })
        });
        lines.collect()
    }

    /// Is anything there?
    pub(crate) fn has(&self, name: &str, kind: u16) -> bool {
        self.records.contains_key(&(name.to_owned(), kind))
    }

    /// The answer to a packet, as an authoritative server gives it.
    fn answer(&self, question: &[u8]) -> Option<Vec<u8>> {
        let mut at = 12;
        let mut labels = Vec::new();
        while question[at] != 0 {
            let length = usize::from(question[at]);
            labels.push(String::from_utf8_lossy(&question[at + 1..=at + length]).to_lowercase());
            at += length + 1;
        }
        let name = labels.join(".");
        let kind = u16::from_be_bytes([question[at + 1], question[at + 2]]);
        let fails = self.failing.iter().find(|(top, _)| is_below(&name, top)).map(|(_, how)| *how);
        let alias = self.records.get(&(name.clone(), CNAME)).filter(|_| kind != CNAME);
        let (kind, found) = match alias {
            Some(alias) => (CNAME, alias.clone()),
            None => (kind, self.records.get(&(name.clone(), kind)).cloned().unwrap_or_default()),
        };
        let exists = self.records.keys().any(|(owner, _)| is_below(owner, &name));
        let code = match fails {
            Some(Failure::Silent) => return None,
            Some(Failure::Broken) => 2,
            Some(Failure::Refused) => 5,
            None if exists => 0,
            None => 3,
        };
        let found = if fails.is_some() { Vec::new() } else { found };
        let mut answer = question[..2].to_vec();
        answer.extend([0x84, code, 0, 1, 0, found.len() as u8, 0, 0, 0, 0]);
        answer.extend(&question[12..at + 5]);
        for data in found {
            answer.extend([0xc0, 12]);
            answer.extend(kind.to_be_bytes());
            answer.extend([0, 1, 0, 0, 1, 44]);
            answer.extend((data.len() as u16).to_be_bytes());
            answer.extend(data);
        }
        Some(answer)
    }

    /// Serves it for as long as the test runs.
    pub(crate) fn serve(self) -> SocketAddr {
        Live::new(self).address
    }
}

/// Name and type of the question of a packet, the name in lower case.
fn question(packet: &[u8]) -> Vec<u8> {
    let end = packet[12..].iter().position(|byte| *byte == 0).map_or(packet.len(), |at| (12 + at + 3).min(packet.len()));
    packet[12..end].to_ascii_lowercase()
}

/// A zone that is served, and can be changed meanwhile. `None` answers nothing.
pub(crate) struct Live {
    /// Where.
    pub(crate) address: SocketAddr,
    zone: Arc<Mutex<Option<Zone>>>,
    asked: Arc<Mutex<Asked>>,
}

/// What a server was asked: every name and type, and how many questions there were.
#[derive(Default)]
struct Asked {
    facts: BTreeSet<Vec<u8>>,
    questions: usize,
}

impl Live {
    /// Serves it for as long as the test runs.
    pub(crate) fn new(zone: Zone) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let zone = Arc::new(Mutex::new(Some(zone)));
        let served = Arc::clone(&zone);
        let asked = Arc::<Mutex<Asked>>::default();
        let heard = Arc::clone(&asked);
        std::thread::spawn(move || {
            let mut buffer = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                {
                    let mut asked = heard.lock().unwrap();
                    asked.questions += 1;
                    asked.facts.insert(question(&buffer[..length]));
                }
                let zone = served.lock().unwrap();
                let Some(answer) = zone.as_ref().and_then(|zone| zone.answer(&buffer[..length])) else { continue };
                let latency = zone.as_ref().map_or(Duration::ZERO, |zone| zone.latency);
                drop(zone);
                if latency.is_zero() {
                    let _ = socket.send_to(&answer, from);
                    continue;
                }
                let socket = socket.try_clone().unwrap();
                std::thread::spawn(move || {
                    std::thread::sleep(latency);
                    let _ = socket.send_to(&answer, from);
                });
            }
        });
        Live { address, zone, asked }
    }

    /// How many names and types were asked for, in how many questions.
    pub(crate) fn asked(&self) -> (usize, usize) {
        let asked = self.asked.lock().unwrap();
        (asked.facts.len(), asked.questions)
    }

    /// Serves another one from now on.
    pub(crate) fn set(&self, zone: Option<Zone>) {
        *self.zone.lock().unwrap() = zone;
    }
}

/// Base64.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let number = part.iter().chain([0, 0].iter()).take(3).fold(0usize, |number, byte| number << 8 | usize::from(*byte));
        for place in 0..4 {
            let letter = LETTERS[number >> (18 - 6 * place) & 63];
            text.push(if place <= part.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = match content.len() {
        short @ 0..128 => vec![short as u8],
        middle @ 128..256 => vec![0x81, middle as u8],
        long => vec![0x82, (long >> 8) as u8, long as u8],
    };
    [vec![tag], length, content.to_vec()].concat()
}

/// A published RSA key of so many bits that signs nothing: a SubjectPublicKeyInfo around a made-up modulus.
pub(crate) fn rsa(bits: usize) -> String {
    let modulus: Vec<u8> = [0].into_iter().chain((0..bits / 8).map(|at| (at * 91 % 251) as u8 | 0x81)).collect();
    let numbers = [der(2, &modulus), der(2, &[1, 0, 1])].concat();
    let kind = der(0x30, &[der(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1]), der(5, &[])].concat());
    let key = der(3, &[vec![0], der(0x30, &numbers)].concat());
    base64(&der(0x30, &[kind, key].concat()))
}

/// A domain as it should be: `example.com`, with its mail server at 192.0.2.10.
pub(crate) fn clean() -> Zone {
    clean_of("example.com")
}

/// The same under another name.
pub(crate) fn clean_of(domain: &str) -> Zone {
    let at = |name: &str| format!("{name}.{domain}");
    Zone::default()
        .soa(domain, [86_400, 7200, 3_600_000, 3600])
        .add(domain, NS, wire("ns1.example.net"))
        .add(domain, NS, wire("ns2.example.net"))
        .a("ns1.example.net", [192, 0, 2, 53])
        .a("ns2.example.net", [198, 51, 100, 53])
        .mx(domain, &at("mail"))
        .a(&at("mail"), [192, 0, 2, 10])
        .add("10.2.0.192.in-addr.arpa", PTR, wire(&at("mail")))
        .txt(domain, "v=spf1 mx -all")
        .txt(&at("_dmarc"), &format!("v=DMARC1; p=reject; rua=mailto:dmarc@{domain}"))
        .txt(&at("s1._domainkey"), &format!("v=DKIM1; k=rsa; p={}", rsa(2048)))
        .txt(&at("_smtp._tls"), &format!("v=TLSRPTv1; rua=mailto:tls@{domain}"))
}
