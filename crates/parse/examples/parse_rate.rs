//! Parses a file several times on one core and prints lines and megabytes a second, and what the lines became.
//!
//! `cargo run --release -p mailvane-parse --example parse_rate -- FILE [ROUNDS]`

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::hint::black_box;
use std::time::Instant;

use mailvane_parse::head::read;
use mailvane_parse::mta::{dovecot, exim, postfix};
use mailvane_parse::{Body, Record, record};

/// Lines parsed into one vector, as a worker does with a block.
const BLOCK_LINES: usize = 2000;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let Some(path) = arguments.next() else {
        eprintln!("usage: parse_rate FILE [ROUNDS]");
        return Ok(());
    };
    let rounds: u32 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(5);
    let bytes = std::fs::read(path)?;
    let blocks = blocks(&bytes);
    // The best time of each block: other work on the machine disturbs some rounds, not all.
    let mut best = vec![f64::MAX; blocks.len()];
    let mut records = Vec::with_capacity(BLOCK_LINES);
    for _ in 0..rounds {
        for (block, best) in blocks.iter().zip(&mut best) {
            let start = Instant::now();
            let mut from = 0;
            for end in memchr::memchr_iter(b'\n', block) {
                records.push(Record::default());
                if let Some(slot) = records.last_mut() {
                    read(&block[from..end], None, slot);
                }
                from = end + 1;
            }
            black_box(&records);
            *best = best.min(start.elapsed().as_secs_f64());
            records.clear();
        }
    }
    let best: f64 = best.iter().sum();
    let lines = memchr::memchr_iter(b'\n', &bytes).count();
    let per_line = best * 1e9 / lines as f64;
    println!("{lines} lines, {} bytes, record of {} bytes", bytes.len(), size_of::<Record<'_>>());
    println!("{:.0} lines/s, {:.0} MB/s, {per_line:.1} ns a line", lines as f64 / best, bytes.len() as f64 / 1e6 / best);
    kinds(&bytes);
    Ok(())
}

/// The file in blocks of whole lines.
fn blocks(bytes: &[u8]) -> Vec<&[u8]> {
    let (mut blocks, mut from, mut lines) = (Vec::new(), 0, 0);
    for end in memchr::memchr_iter(b'\n', bytes) {
        lines += 1;
        if lines == BLOCK_LINES {
            blocks.push(&bytes[from..=end]);
            (from, lines) = (end + 1, 0);
        }
    }
    blocks.push(&bytes[from..]);
    blocks
}

/// Counts what the lines became, and shows some that are not known.
fn kinds(bytes: &[u8]) {
    let (mut recognised, mut ignored, mut unparsed, mut shown) = (0u64, 0u64, 0u64, 0u32);
    for line in bytes.split(|byte| *byte == b'\n') {
        let known = match record(line).body {
            Body::Unparsed => false,
            Body::Postfix(line) => line.event != postfix::Event::Unknown,
            Body::Exim(line) => line.event != exim::Event::Unknown,
            Body::Ignored | Body::Empty => {
                ignored += 1;
                continue;
            }
            Body::Dovecot(dovecot::Line { event: dovecot::Event::Ignored, .. }) => {
                ignored += 1;
                continue;
            }
            _ => true,
        };
        if known {
            recognised += 1;
            continue;
        }
        unparsed += 1;
        if shown < 30 {
            shown += 1;
            println!("  not known: {}", String::from_utf8_lossy(line));
        }
    }
    println!("recognised {recognised}, ignored {ignored}, unparsed {unparsed}");
}
