//! A name server of tests on loopback, authoritative for what it is told, and a domain as it should be.
#![allow(clippy::unwrap_used, dead_code)]

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};

pub(crate) const A: u16 = 1;
pub(crate) const NS: u16 = 2;
pub(crate) const SOA: u16 = 6;
pub(crate) const PTR: u16 = 12;
pub(crate) const MX: u16 = 15;
pub(crate) const TXT: u16 = 16;

/// Records by name and type, in their wire form.
#[derive(Clone, Default)]
pub(crate) struct Zone(HashMap<(String, u16), Vec<Vec<u8>>>);

pub(crate) fn wire(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    labels.flat_map(|label| std::iter::once(label.len() as u8).chain(label.bytes())).chain([0]).collect()
}

impl Zone {
    pub(crate) fn add(mut self, name: &str, kind: u16, data: Vec<u8>) -> Self {
        self.0.entry((name.to_owned(), kind)).or_default().push(data);
        self
    }

    pub(crate) fn without(mut self, name: &str, kind: u16) -> Self {
        self.0.remove(&(name.to_owned(), kind));
        self
    }

    pub(crate) fn a(self, name: &str, address: [u8; 4]) -> Self {
        self.add(name, A, address.to_vec())
    }

    pub(crate) fn mx(self, name: &str, host: &str) -> Self {
        self.add(name, MX, [vec![0, 10], wire(host)].concat())
    }

    pub(crate) fn txt(self, name: &str, text: &str) -> Self {
        self.add(name, TXT, text.as_bytes().chunks(255).flat_map(|part| [vec![part.len() as u8], part.to_vec()].concat()).collect())
    }

    /// The answer to a packet, as an authoritative server gives it.
    fn answer(&self, question: &[u8]) -> Vec<u8> {
        let mut at = 12;
        let mut labels = Vec::new();
        while question[at] != 0 {
            let length = usize::from(question[at]);
            labels.push(String::from_utf8_lossy(&question[at + 1..=at + length]).to_lowercase());
            at += length + 1;
        }
        let name = labels.join(".");
        let kind = u16::from_be_bytes([question[at + 1], question[at + 2]]);
        let found = self.0.get(&(name.clone(), kind)).cloned().unwrap_or_default();
        let exists = self.0.keys().any(|(owner, _)| *owner == name || owner.ends_with(&format!(".{name}")));
        let mut answer = question[..2].to_vec();
        answer.extend([0x84, if exists { 0 } else { 3 }, 0, 1, 0, found.len() as u8, 0, 0, 0, 0]);
        answer.extend(&question[12..at + 5]);
        for data in found {
            answer.extend([0xc0, 12]);
            answer.extend(kind.to_be_bytes());
            answer.extend([0, 1, 0, 0, 1, 44]);
            answer.extend((data.len() as u16).to_be_bytes());
            answer.extend(data);
        }
        answer
    }

    /// Serves it for as long as the test runs.
    pub(crate) fn serve(self) -> SocketAddr {
        Live::new(self).address
    }
}

/// A zone that is served, and can be changed meanwhile. `None` answers nothing.
pub(crate) struct Live {
    /// Where.
    pub(crate) address: SocketAddr,
    zone: Arc<Mutex<Option<Zone>>>,
}

impl Live {
    /// Serves it for as long as the test runs.
    pub(crate) fn new(zone: Zone) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let zone = Arc::new(Mutex::new(Some(zone)));
        let served = Arc::clone(&zone);
        std::thread::spawn(move || {
            let mut buffer = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let answer = served.lock().unwrap().as_ref().map(|zone| zone.answer(&buffer[..length]));
                if let Some(answer) = answer {
                    let _ = socket.send_to(&answer, from);
                }
            }
        });
        Live { address, zone }
    }

    /// Serves another one from now on.
    pub(crate) fn set(&self, zone: Option<Zone>) {
        *self.zone.lock().unwrap() = zone;
    }
}

/// A published key of 2048 bits that signs nothing: a SubjectPublicKeyInfo around a made-up modulus.
pub(crate) fn key() -> String {
    let head = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA";
    // 256 bytes of modulus, then the exponent 65537; base64 of a fixed pattern keeps every length right.
    format!("{head}{}gIDAQAB", "p".repeat(341))
}

pub(crate) fn clean() -> Zone {
    let soa = [
        wire("ns1.example.net"),
        wire("host.example.net"),
        [1u32, 86_400, 7200, 3_600_000, 3600].iter().flat_map(|number| number.to_be_bytes()).collect(),
    ]
    .concat();
    Zone::default()
        .add("example.com", SOA, soa)
        .add("example.com", NS, wire("ns1.example.net"))
        .add("example.com", NS, wire("ns2.example.net"))
        .a("ns1.example.net", [192, 0, 2, 53])
        .a("ns2.example.net", [198, 51, 100, 53])
        .mx("example.com", "mail.example.com")
        .a("mail.example.com", [192, 0, 2, 10])
        .add("10.2.0.192.in-addr.arpa", PTR, wire("mail.example.com"))
        .txt("example.com", "v=spf1 mx -all")
        .txt("_dmarc.example.com", "v=DMARC1; p=reject; rua=mailto:dmarc@example.com")
        .txt("s1._domainkey.example.com", &format!("v=DKIM1; k=rsa; p={}", key()))
        .txt("_smtp._tls.example.com", "v=TLSRPTv1; rua=mailto:tls@example.com")
}
