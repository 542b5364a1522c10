//! Any bytes as what follows `postfix/` of a line: `smtpd[8]: connect from h[192.0.2.7]`.
//! Run with `cargo +nightly fuzz run postfix fuzz/corpus/postfix fuzz/seeds/postfix` in `crates/parse`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mailvane_parse::{Body, record};

fuzz_target!(|bytes: &[u8]| {
    let line = [b"Nov  2 08:15:01 mx1 postfix/", bytes].concat();
    let record = record(&line);
    record.visit(&mut |_, _| {});
    if let Body::Postfix(postfix) = record.body {
        let inside = |text: &[u8]| text.is_empty() || line.as_ptr_range().contains(&text.as_ptr());
        assert!(inside(postfix.service) && postfix.queue_id.is_none_or(inside));
    }
});
