//! `mailvane check` on the real program, against a name server of the test on loopback: a clean domain, each misconfiguration, silence.
#![cfg(feature = "active")]
#![allow(clippy::unwrap_used)]

mod zone;

use std::net::{SocketAddr, UdpSocket};
use std::process::Command;

use zone::{A, MX, PTR, TXT, Zone, clean};

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
