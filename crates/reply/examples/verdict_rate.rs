//! Prints verdicts per second on one core, on a realistic mix: many messages, few kinds of refusals, addresses that differ.
#![allow(clippy::print_stdout)]

use std::time::{Duration, Instant};

use mailvane_reply::bench;
use mailvane_reply::judge::{Failure, Judge};

/// Time spent on a processor by this process, where the system tells (Linux): a busy machine does not distort it.
fn processor_time(begin: Instant) -> Duration {
    let spent = std::fs::read_to_string("/proc/self/schedstat").ok();
    let nanos = spent.and_then(|line| line.split(' ').next()?.parse().ok());
    nanos.map_or_else(|| begin.elapsed(), Duration::from_nanos)
}

const TEXTS: usize = 200_000;
const ROUNDS: usize = 5;

fn main() {
    let judge = Judge::embedded();
    let rows: Vec<_> = bench::labelled().collect();
    // Few kinds of refusals make most of a log: by the fourth power of an even draw, a tenth of the kinds makes a bit over
    // half of the texts. Every text has an address of its own.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let texts: Vec<(usize, String)> = (0..TEXTS)
        .map(|number| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let even = (state >> 33) as f64 / f64::from(1_u32 << 31);
            let row = (even.powi(4) * rows.len() as f64) as usize % rows.len();
            let reply = rows[row].failure.text.replace("joe@", &format!("user{number}@"));
            let framed = reply.as_bytes()[0].is_ascii_digit();
            let text = if framed {
                format!("host mx{}.example.net[198.51.100.{}] said: {reply} (in reply to RCPT TO command)", number % 5, number % 200)
            } else {
                reply
            };
            (row, text)
        })
        .collect();
    let bytes: usize = texts.iter().map(|(_, text)| text.len()).sum();
    let start = Instant::now();
    let mut best = f64::MAX;
    let mut sum = 0_u64;
    for _ in 0..ROUNDS {
        let begin = processor_time(start);
        for (row, text) in &texts {
            let verdict = judge.judge(&Failure { text, ..rows[*row].failure });
            sum += u64::from(verdict.confidence);
        }
        best = best.min(processor_time(start).saturating_sub(begin).as_secs_f64());
    }
    let cold = Judge::with_packs(&[]).map(|judge| {
        let begin = processor_time(start);
        for row in &rows {
            sum += u64::from(judge.weigh(&row.failure).verdict.confidence);
        }
        processor_time(start).saturating_sub(begin).as_secs_f64() / rows.len() as f64
    });
    println!(
        "{:.2} million verdicts/s, {:.0} MB/s of reply text (best of {ROUNDS}, checksum {sum})",
        TEXTS as f64 / best / 1e6,
        bytes as f64 / best / 1e6
    );
    if let Ok(cold) = cold {
        println!("{:.1} microseconds for a reply never seen", cold * 1e6);
    }
}
