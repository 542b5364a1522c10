//! Any bytes as what follows the time of a line in a file of Exim: `1rABCD-0005MB-00 => a@example.net R=r T=t`.
//! Run with `cargo +nightly fuzz run exim fuzz/corpus/exim` in `crates/parse`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mailvane_model::word::Mta;
use mailvane_parse::{Body, head};

fuzz_target!(|bytes: &[u8]| {
    let line = [b"2026-11-02 08:15:01 ", bytes].concat();
    let record = head::record_of(&line, Some(Mta::Exim));
    record.visit(&mut |_, _| {});
    if let Body::Exim(exim) = record.body {
        let inside = |text: &[u8]| text.is_empty() || line.as_ptr_range().contains(&text.as_ptr());
        assert!(exim.message_id.is_none_or(inside));
    }
});
