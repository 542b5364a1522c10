//! How long the report's fold takes for each row, on a made-up stream of a busy server.
//!
//! `cargo run --release -p mailvane-metric --example fold_rate [MESSAGES]`
#![allow(clippy::print_stdout)] // It is a program that prints.

use std::hint::black_box;
use std::time::Instant;

use mailvane_metric::rollup;
use mailvane_metric::summary::{Context, Fold, Options};
use mailvane_model::word::{Direction, HandedTo, Outcome, Reason, Scope, Status};
use mailvane_model::{Address, AttemptRow, Batch, MessageRow, OutcomeRow, Sink, Stream, Time};

/// How many messages are folded when nothing else is asked for.
const MESSAGES: u64 = 1_000_000;
/// How many messages there are in a batch of rollup deltas.
const BATCH: u64 = 50_000;

/// Names as they come: few providers, many recipients.
struct Names {
    senders: Vec<String>,
    recipients: Vec<String>,
    relays: Vec<String>,
    streams: Vec<Stream>,
}

impl Names {
    fn new() -> Self {
        let domain = |number: u64| format!("d{}.example.net", number * number % 5000);
        Names {
            senders: (0..5000).map(|number| format!("user{number}@s{}.example.com", number % 20)).collect(),
            recipients: (0..200_000).map(|number| format!("r{number}@{}", domain(number))).collect(),
            relays: (0..500).map(|number| format!("mx{number}.example.net")).collect(),
            streams: vec![Stream { host: "mail.example.com".into(), instance: "postfix".into(), ..Stream::default() }],
        }
    }
}

/// Hands the rows of one message to a sink; says how many there were.
fn message(number: u64, names: &Names, sink: &mut impl Sink) -> u64 {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let pick = |shift: u32, limit: usize| (mixed >> shift) as usize % limit;
    let stream = &names.streams[0];
    let arrived = Time(1_762_000_000_000_000 + number as i64 * 40_000);
    let sender = Address::split(&names.senders[pick(7, 5000)]);
    // A few recipients get much of the mail.
    let at = if number.is_multiple_of(3) { pick(11, 2000) } else { pick(11, 200_000) };
    let recipient = Address::split(&names.recipients[at]);
    let relay_host = names.relays[pick(17, 500)].as_str();
    let provider = ["google", "microsoft", "yahoo", "example.net"][pick(23, 4)];
    let direction = if pick(29, 5) == 0 { Direction::Inbound } else { Direction::Outbound };
    let size = Some(1000 + (mixed >> 40) % 100_000);
    sink.message(
        &MessageRow {
            id: number,
            time: arrived,
            stream,
            sender,
            size,
            recipients: Some(1),
            direction,
            client_ip: "192.0.2.1",
            ..MessageRow::default()
        },
        None,
    );
    let base = AttemptRow {
        message: number,
        arrived,
        stream,
        sender,
        recipient,
        relay_host,
        provider,
        direction,
        size,
        contacted: true,
        ..AttemptRow::default()
    };
    let mut rows = 1;
    let deferrals = if number.is_multiple_of(10) { 2 } else { 0 };
    let mut previous = None;
    for attempt in 1..=deferrals {
        let time = arrived.plus(i64::from(attempt) * 300 * Time::SECOND);
        let reply_text = "450 4.2.0 mailbox busy, session 4711, please try again later";
        sink.attempt(&AttemptRow {
            time,
            attempt,
            previous,
            status: Status::Deferred,
            reason: Some(Reason::RateLimited),
            reply_text,
            first_deferral: attempt == 1,
            ..base
        });
        previous = Some(time);
        rows += 1;
    }
    let bounced = number.is_multiple_of(33);
    let time = arrived.plus(i64::from(deferrals) * 300 * Time::SECOND + 2_000_000);
    let (status, outcome) = if bounced { (Status::Bounced, Outcome::Bounced) } else { (Status::Delivered, Outcome::Delivered) };
    let reason = bounced.then_some(Reason::UnknownRecipient);
    let reply_text = if bounced { "550 5.1.1 no such user here" } else { "250 2.0.0 OK queued as 4bYxZ123456" };
    let delays_ms = Some([10, 20, 300 + pick(37, 1000) as u32, 400]);
    sink.attempt(&AttemptRow { time, attempt: deferrals + 1, previous, status, reason, reply_text, delays_ms, ..base });
    let row = OutcomeRow {
        id: number,
        time,
        arrived,
        stream,
        message: number,
        sender,
        recipient,
        direction,
        handed_to: HandedTo::Remote,
        outcome,
        deferrals,
        reply_text,
        relay_host,
        provider,
        reason,
        scope: Scope::Recipient,
        permanent: bounced,
        size,
        delay_ms: Some(2000 + (mixed >> 50)),
        ..OutcomeRow::default()
    };
    sink.outcome(&row, None);
    rows + 2
}

/// Only counts: what making the rows costs by itself.
#[derive(Default)]
struct Nothing(u64);

impl Sink for Nothing {
    fn message(&mut self, row: &MessageRow<'_>, _replaced: Option<&MessageRow<'_>>) {
        self.0 += black_box(row).id;
    }
    fn attempt(&mut self, row: &AttemptRow<'_>) {
        self.0 += black_box(row).message;
    }
    fn outcome(&mut self, row: &OutcomeRow<'_>, _replaced: Option<&OutcomeRow<'_>>) {
        self.0 += black_box(row).message;
    }
}

/// Nanoseconds of processor time so far: on a busy machine the clock on the wall says little.
fn spent(begin: Instant) -> f64 {
    let on_processor =
        std::fs::read_to_string("/proc/thread-self/schedstat").ok().and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    on_processor.unwrap_or_else(|| begin.elapsed().as_nanos() as f64)
}

fn measure(what: &str, messages: u64, mut run: impl FnMut() -> u64) -> f64 {
    let begin = Instant::now();
    let before = spent(begin);
    let rows = run();
    let each = (spent(begin) - before) / rows as f64;
    println!("{what:<28} {rows:>10} rows of {messages} messages  {each:>7.1} ns a row");
    each
}

fn main() {
    let messages = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(MESSAGES);
    let names = Names::new();
    for _ in 0..3 {
        let base = measure("rows alone", messages, || {
            let mut sink = Nothing::default();
            (0..messages).map(|number| message(number, &names, &mut sink)).sum()
        });
        let mut fold = Fold::new(Options::default());
        let all = measure("rows and fold", messages, || (0..messages).map(|number| message(number, &names, &mut fold)).sum());
        println!("{:<28} {:>7.1} ns a row", "fold", all - base);
        let begin = Instant::now();
        let report = fold.finish(&Context { offset_minutes: &|_| 0, top: 10 });
        println!("finish: {:.1} ms, {} sections", begin.elapsed().as_secs_f64() * 1000.0, report.sections.len());
    }
    let (mut time, mut rows, mut cells, mut bytes) = (0.0, 0, 0_u64, 0_u64);
    for start in (0..messages.min(10 * BATCH)).step_by(BATCH as usize) {
        let mut batch = Batch::default();
        rows += (start..start + BATCH).map(|number| message(number, &names, &mut batch)).sum::<u64>();
        let begin = Instant::now();
        let before = spent(begin);
        rollup::all_deltas(&batch, &mut |_, _, _, _, _, cell| {
            cells += 1;
            bytes += cell.encode().len() as u64;
        });
        time += spent(begin) - before;
    }
    println!(
        "rollup deltas, all widths: {:.1} ns a row, {cells} cells, {:.1} bytes a cell",
        time / rows as f64,
        bytes as f64 / cells as f64
    );
}
