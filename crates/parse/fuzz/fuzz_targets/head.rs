//! Any bytes as a line: heads, wrappings, the choice of the MTA and the calendar.
//! Run with `cargo +nightly fuzz run head fuzz/corpus/head fuzz/seeds/head` in `crates/parse`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mailvane_model::Time;
use mailvane_parse::calendar::{Calendar, Zone};
use mailvane_parse::{record, wrap};

fuzz_target!(|bytes: &[u8]| {
    let mut calendar = Calendar::new(Zone::Fixed(60), Time(1_793_607_301_000_000));
    let mut scratch = Vec::new();
    for line in wrap::plain_block(bytes).split(|byte| *byte == b'\n') {
        let record = record(wrap::plain(line, &mut scratch));
        record.visit(&mut |_, _| {});
        calendar.resolve(record.when);
    }
});
