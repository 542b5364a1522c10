//! Any bytes as what follows `smtpd[8]: ` of a line: `00000000c0ffee01 mta delivery evpid=...`.
//! Run with `cargo +nightly fuzz run opensmtpd fuzz/corpus/opensmtpd fuzz/seeds/opensmtpd` in `crates/parse`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mailvane_parse::{Body, record};

fuzz_target!(|bytes: &[u8]| {
    let text = [b"Nov  2 08:15:01 mx1 smtpd[8]: ", bytes].concat();
    let record = record(&text);
    record.visit(&mut |_, _| {});
    if let Body::OpenSmtpd(line) = record.body {
        let inside = |part: &[u8]| part.is_empty() || text.as_ptr_range().contains(&part.as_ptr());
        assert!(inside(line.session) && inside(line.message()));
    }
});
