//! How long `mailvane check` takes for a domain of many DNS facts, when every answer of the resolver comes 30 ms late.
//! `cargo xtask bench check` runs it in release mode.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

#[path = "../tests/zone/mod.rs"]
mod zone;

use std::process::Command;
use std::time::{Duration, Instant};

use zone::{Live, PTR, Zone, clean, rsa, wire};

const LATENCY: Duration = Duration::from_millis(30);
const RUNS: usize = 11;
/// Selectors, sending addresses and networks of others in the SPF record, so that the domain has facts enough.
const SELECTORS: usize = 12;
const ADDRESSES: u8 = 8;
const INCLUDED: usize = 6;

fn domain() -> Zone {
    let mut zone = clean();
    for number in 2..=SELECTORS {
        zone = zone.txt(&format!("s{number}._domainkey.example.com"), &format!("v=DKIM1; k=rsa; p={}", rsa(2048)));
    }
    for last in 11..11 + ADDRESSES {
        let name = format!("out{last}.example.com");
        zone = zone.a(&name, [192, 0, 2, last]).add(&format!("{last}.2.0.192.in-addr.arpa"), PTR, wire(&name));
    }
    let mut record = "v=spf1 mx".to_owned();
    for number in 1..=INCLUDED {
        record.push_str(&format!(" include:spf{number}.example.net"));
        zone = zone.txt(&format!("spf{number}.example.net"), &format!("v=spf1 ip4:198.51.100.{number} -all"));
    }
    zone.only_txt("example.com", &format!("{record} ip4:192.0.2.0/24 -all"))
}

fn arguments() -> Vec<String> {
    let mut all: Vec<String> = ["check", "example.com", "--json", "--offline-transport"].map(str::to_owned).into();
    for number in 1..=SELECTORS {
        all.extend(["--selector".to_owned(), format!("s{number}")]);
    }
    for last in 10..11 + ADDRESSES {
        all.extend(["--ip".to_owned(), format!("192.0.2.{last}")]);
    }
    all.extend(["--helo".to_owned(), "mail.example.com".to_owned()]);
    all
}

fn main() {
    let program = std::env::var_os("MAILVANE_BIN").expect("run it by `cargo xtask bench check`");
    let mut took = Vec::new();
    let mut last = (0, 0, serde_json::Value::Null);
    for _ in 0..RUNS {
        let mut slow = domain();
        slow.latency = LATENCY;
        let live = Live::new(slow);
        let begun = Instant::now();
        let output = Command::new(&program).args(arguments()).args(["--resolver", &live.address.to_string()]).output().unwrap();
        took.push(begun.elapsed());
        let (facts, packets) = live.asked();
        last = (facts, packets, serde_json::from_slice(&output.stdout).unwrap());
    }
    took.sort_unstable();
    let findings: usize = last.2.as_object().unwrap().values().filter_map(|group| group.get("findings")?.as_array().map(Vec::len)).sum();
    println!(
        "{} DNS facts (name and type) in {} questions, each answered {} ms late: {findings} findings",
        last.0,
        last.1,
        LATENCY.as_millis()
    );
    println!(
        "{RUNS} runs: {} ms at best, {} ms median, {} ms at worst",
        took[0].as_millis(),
        took[RUNS / 2].as_millis(),
        took[RUNS - 1].as_millis()
    );
}
