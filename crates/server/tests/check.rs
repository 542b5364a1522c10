//! `mailvane check` on the real program, against a name server of the test on loopback: a clean domain, each misconfiguration, silence.
#![cfg(feature = "active")]
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;

const A: u16 = 1;
const NS: u16 = 2;
const SOA: u16 = 6;
const PTR: u16 = 12;
const MX: u16 = 15;
const TXT: u16 = 16;

/// Records by name and type, in their wire form.
#[derive(Clone, Default)]
struct Zone(HashMap<(String, u16), Vec<Vec<u8>>>);

fn wire(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    labels.flat_map(|label| std::iter::once(label.len() as u8).chain(label.bytes())).chain([0]).collect()
}

impl Zone {
    fn add(mut self, name: &str, kind: u16, data: Vec<u8>) -> Self {
        self.0.entry((name.to_owned(), kind)).or_default().push(data);
        self
    }

    fn without(mut self, name: &str, kind: u16) -> Self {
        self.0.remove(&(name.to_owned(), kind));
        self
    }

    fn a(self, name: &str, address: [u8; 4]) -> Self {
        self.add(name, A, address.to_vec())
    }

    fn mx(self, name: &str, host: &str) -> Self {
        self.add(name, MX, [vec![0, 10], wire(host)].concat())
    }

    fn txt(self, name: &str, text: &str) -> Self {
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
    fn serve(self) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut buffer = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let _ = socket.send_to(&self.answer(&buffer[..length]), from);
            }
        });
        address
    }
}

/// A published key of 2048 bits that signs nothing: a SubjectPublicKeyInfo around a made-up modulus.
fn key() -> String {
    let head = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA";
    // 256 bytes of modulus, then the exponent 65537; base64 of a fixed pattern keeps every length right.
    format!("{head}{}gIDAQAB", "p".repeat(341))
}

fn clean() -> Zone {
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

struct Ended {
    code: Option<i32>,
    json: serde_json::Value,
    err: String,
}

fn check(server: SocketAddr, arguments: &[&str]) -> Ended {
    let resolver = server.to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mailvane"));
    command.args(["check", "example.com", "--json", "--offline-transport", "--resolver", &resolver]).args(arguments);
    let output = command.output().unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_default();
    Ended { code: output.status.code(), json, err: String::from_utf8_lossy(&output.stderr).into_owned() }
}

const KNOWN: [&str; 6] = ["--ip", "192.0.2.10", "--helo", "mail.example.com", "--selector", "s1"];

/// The rules with a problem, over all groups.
fn problems(ended: &Ended) -> Vec<String> {
    let groups = ended.json.as_object().into_iter().flatten().filter_map(|(_, group)| group.get("findings")?.as_array().cloned());
    let bad = groups.flatten().filter(|finding| finding["state"] == "problem");
    bad.map(|finding| finding["check"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_clean_domain_has_no_problem() {
    let ended = check(clean().serve(), &KNOWN);
    assert_eq!(problems(&ended), Vec::<String>::new(), "{}", ended.json);
    assert_eq!((ended.code, ended.json["spf"]["result"].as_str()), (Some(0), Some("pass")));
    let failed = ended.json["sheet"].as_array().unwrap().iter().filter(|line| line["result"] == "fail").count();
    assert_eq!(failed, 0, "{}", ended.json["sheet"]);
}

#[test]
fn each_misconfiguration_is_found() {
    let cases: [(Zone, &str); 16] = [
        (clean().without("example.com", MX), "mx.exists"),
        (clean().mx("example.com", "gone.example.com"), "mx.host"),
        (clean().mx("example.com", "inside.example.com").a("inside.example.com", [10, 0, 0, 1]), "mx.host"),
        (clean().mx("example.com", ""), "mx.null"),
        (clean().without("10.2.0.192.in-addr.arpa", PTR), "ptr.exists"),
        (clean().without("mail.example.com", A).a("mail.example.com", [192, 0, 2, 99]), "ptr.confirmed"),
        (clean().without("example.com", TXT), "spf.record"),
        (clean().txt("example.com", "v=spf1 a -all"), "spf.record"),
        (clean().without("example.com", TXT).txt("example.com", "v=spf1 mx include:gone.example.net -all"), "spf.below"),
        (clean().without("example.com", TXT).txt("example.com", "v=spf1 ipv4:192.0.2.10 -all"), "spf.syntax"),
        (clean().without("example.com", TXT).txt("example.com", "v=spf1 ip4:198.51.100.1 -all"), "spf.coverage"),
        (clean().without("s1._domainkey.example.com", TXT), "dkim.key"),
        (clean().without("s1._domainkey.example.com", TXT).txt("s1._domainkey.example.com", "v=DKIM1; p="), "dkim.key"),
        (clean().without("_dmarc.example.com", TXT), "dmarc.record"),
        (clean().txt("_dmarc.example.com", "v=DMARC1; p=none"), "dmarc.record"),
        (clean().txt("_mta-sts.example.com", "v=STSv1; id=1"), "mta-sts.policy"),
    ];
    for (zone, rule) in cases {
        let ended = check(zone.serve(), &KNOWN);
        assert!(problems(&ended).iter().any(|found| found == rule), "{rule}: {:?}", problems(&ended));
        assert_eq!(ended.code, Some(1), "{rule}");
    }
}

#[test]
fn one_client_is_evaluated_with_its_lookups_counted() {
    let ended = check(clean().serve(), &["--only", "spf", "--ip", "198.51.100.7", "--sender", "a@example.com", "--helo", "x.example.net"]);
    let spf = &ended.json["spf"];
    assert_eq!((spf["result"].as_str(), spf["lookups"].as_u64(), spf["void_lookups"].as_u64()), (Some("fail"), Some(1), Some(0)));
    assert_eq!(ended.json.as_object().map(serde_json::Map::len), Some(1), "only what was asked for");
}

#[test]
fn a_silent_server_is_no_missing_record() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let ended = check(silent.local_addr().unwrap(), &["--only", "mx"]);
    assert_eq!(ended.code, Some(2));
    assert!(problems(&ended).is_empty());
    assert!(ended.err.contains("nothing could be found out about example.com"), "{}", ended.err);
}

#[test]
fn wrong_arguments_are_named() {
    for (arguments, word) in [(["--only", "spff"], "spff"), (["--resolver", "nowhere"], "nowhere"), (["--key", "file"], "SELECTOR=FILE")] {
        let ended = check(SocketAddr::from(([127, 0, 0, 1], 9)), &arguments);
        assert_eq!(ended.code, Some(2));
        assert!(ended.err.contains(word), "{}", ended.err);
    }
}
