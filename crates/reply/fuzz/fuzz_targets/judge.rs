//! Any text: no panic, and one text has one verdict.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mailvane_reply::judge::{Failure, Judge};
use mailvane_reply::{codes, dialogue, normalise, peer, quoted};

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let failure = Failure { text: &text, ..Failure::default() };
    let judge = Judge::embedded();
    let verdict = judge.judge(&failure);
    assert_eq!(judge.weigh(&failure).verdict, verdict);
    let _ = (codes::of(&text), peer::of(&text), normalise::template(&text), quoted::of(&text), dialogue::find(&text));
});
