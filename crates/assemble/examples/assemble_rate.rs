//! How fast lines are parsed and assembled: `assemble_rate FILE [ROUNDS]`. Nothing is kept of the rows; the file is read once, into memory.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::time::Duration;

use mailvane_assemble::{Assembler, Config};
use mailvane_model::{AttemptRow, FileId, MessageRow, OutcomeRow, Position, Sink};
use mailvane_parse::Record;
use mailvane_parse::calendar::{Calendar, Zone};

#[derive(Default)]
struct Counter {
    messages: u64,
    attempts: u64,
    outcomes: u64,
    revised: u64,
}

impl Sink for Counter {
    fn message(&mut self, row: &MessageRow<'_>, _replaced: Option<&MessageRow<'_>>) {
        self.messages += u64::from(row.rev == 0);
    }
    fn attempt(&mut self, _row: &AttemptRow<'_>) {
        self.attempts += 1;
    }
    fn outcome(&mut self, _row: &OutcomeRow<'_>, replaced: Option<&OutcomeRow<'_>>) {
        self.outcomes += 1;
        self.revised += u64::from(replaced.is_some());
    }
}

/// Time that this thread ran on a processor, so that other programs do not disturb the measure.
fn ran() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

fn main() {
    const BLOCK_BYTES: usize = 256 * 1024;
    let path = std::env::args().nth(1).unwrap();
    let bytes = std::fs::read(path).unwrap();
    let mut assembler = Assembler::new(Config::default());
    let mut counter = Counter::default();
    let mut calendar = Calendar::with_year(Zone::Fixed(0), 2026);
    let (mut parsing, mut assembling, mut lines) = (Duration::ZERO, Duration::ZERO, 0_u64);
    let mut records: Vec<(u64, Record<'_>)> = Vec::new();
    let mut start = 0;
    while start < bytes.len() {
        let end = bytes.len().min(start + BLOCK_BYTES);
        let end = bytes[start..end].iter().rposition(|byte| *byte == b'\n').map_or(bytes.len(), |at| start + at + 1);
        let began = ran();
        records.clear();
        let mut offset = start as u64;
        for line in bytes[start..end].split_inclusive(|byte| *byte == b'\n') {
            records.push((offset, mailvane_parse::head::record(line)));
            offset += line.len() as u64;
        }
        let parsed = ran();
        let mut clock = None;
        for (offset, record) in &records {
            if let Some((time, _)) = calendar.resolve(record.when) {
                assembler.record("rate", Position { file: FileId(1), offset: *offset }, time, record, &mut counter);
                clock = Some(time);
            }
        }
        if let Some(clock) = clock {
            assembler.advance(clock, &mut counter);
        }
        lines += records.len() as u64;
        parsing += parsed.saturating_sub(began);
        assembling += ran().saturating_sub(parsed);
        start = end;
    }
    let open = assembler.statistics();
    assembler.finish(&mut counter);
    let each = |time: Duration| time.as_nanos() as f64 / lines as f64;
    println!(
        "{lines} lines: parse {:.0} ns a line, assemble {:.0} ns a line, together {:.2} million lines/s",
        each(parsing),
        each(assembling),
        1000.0 / each(parsing + assembling)
    );
    println!(
        "{} messages, {} attempts, {} outcomes ({} revised); {open:?}",
        counter.messages, counter.attempts, counter.outcomes, counter.revised
    );
}
