//! How long many open messages take to be stored and restored: `assemble_restore [COUNT]`.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::time::Duration;

use mailvane_assemble::{Assembler, Config};
use mailvane_model::{Batch, FileId, Position, Time};

/// Time that this thread ran on a processor, so that other programs do not disturb the measure.
fn ran() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

fn main() {
    let count: u64 = std::env::args().nth(1).map_or(500_000, |text| text.parse().unwrap());
    let mut assembler = Assembler::new(Config::default());
    let mut batch = Batch::default();
    for number in 0..count {
        let lines = [
            format!("Nov  2 08:15:01 mx1 postfix/smtpd[812]: 4A{number:08X}: client=mail.example.org[192.0.2.7]"),
            format!("Nov  2 08:15:01 mx1 postfix/cleanup[820]: 4A{number:08X}: message-id=<20261102.{number}.abcdef@app1.example.org>"),
            format!(
                "Nov  2 08:15:01 mx1 postfix/qmgr[510]: 4A{number:08X}: from=<joe.{number}@example.org>, size=2345, nrcpt=1 (queue active)"
            ),
            format!(
                "Nov  2 08:15:02 mx1 postfix/smtp[840]: 4A{number:08X}: to=<box{number}@example.com>, relay=mx.example.com[203.0.113.1]:25, delay=1, delays=0.1/0/0/0.9, dsn=4.2.0, status=deferred (host mx.example.com[203.0.113.1] said: 450 4.2.0 <box{number}@example.com>: Recipient address rejected: Greylisted (in reply to RCPT TO command))"
            ),
        ];
        for (ordinal, line) in (0..).zip(&lines) {
            let record = mailvane_parse::head::record(line.as_bytes());
            assembler.record(
                "here",
                Position { file: FileId(1), offset: number * 1000 + ordinal },
                Time::from_seconds(1_793_606_401),
                &record,
                &mut batch,
            );
        }
        batch = Batch::default();
    }
    let began = ran();
    let pieces: Vec<(Vec<u8>, Vec<u8>)> = assembler.take_changes().into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    let stored = ran().saturating_sub(began);
    let bytes: usize = pieces.iter().map(|(key, value)| key.len() + value.len()).sum();
    drop(assembler);
    let began = ran();
    let restored = Assembler::restore(Config::default(), pieces.into_iter()).unwrap();
    println!(
        "{} open messages: {bytes} bytes of state, stored in {stored:?}, restored in {:?}",
        restored.statistics().lives,
        ran().saturating_sub(began)
    );
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    println!("{}", status.lines().find(|line| line.starts_with("VmRSS")).unwrap());
}
