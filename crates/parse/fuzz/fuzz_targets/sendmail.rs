//! Any bytes as what follows `sm-mta[8]: ` of a line: `5AN8F1aB005133: to=<u@example.net>, ...`.
//! Run with `cargo +nightly fuzz run sendmail fuzz/corpus/sendmail fuzz/seeds/sendmail` in `crates/parse`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mailvane_parse::{Body, record};

fuzz_target!(|bytes: &[u8]| {
    let text = [b"Nov  2 08:15:01 mx1 sm-mta[8]: ", bytes].concat();
    let record = record(&text);
    record.visit(&mut |_, _| {});
    if let Body::Sendmail(line) = record.body {
        let inside = |part: &[u8]| part.is_empty() || text.as_ptr_range().contains(&part.as_ptr());
        assert!(line.queue_id.is_none_or(inside));
    }
});
