//! Judges replies from standard input: one a line, or `provider<TAB>stage<TAB>enhanced code<TAB>deferred|bounced<TAB>text`.
//! Prints reason, scope, permanence, confidence, rule, matched words and text, parted by tabs.
#![allow(clippy::print_stdout)]

use std::io::BufRead;

use mailvane_model::word::{Reason, Stage};
use mailvane_reply::judge::{Failure, Judge};

fn main() -> std::io::Result<()> {
    let judge = Judge::embedded();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let fields: Vec<&str> = line.split('\t').collect();
        let failure = match fields[..] {
            [provider, stage, enhanced_code, end, text] => {
                Failure { provider, text, enhanced_code, stage: Stage::from_word(stage).unwrap_or_default(), deferred: end == "deferred" }
            }
            _ => Failure { text: &line, ..Failure::default() },
        };
        let weighing = judge.weigh(&failure);
        let verdict = &weighing.verdict;
        println!(
            "{}\t{}\t{}\t{}{}\t{}\t{}\t{}",
            verdict.reason.map_or("none", Reason::word),
            verdict.scope,
            if verdict.permanent { "permanent" } else { "passing" },
            verdict.confidence,
            if weighing.disagree { "!" } else { "" },
            verdict.rule,
            verdict.matched,
            failure.text
        );
    }
    Ok(())
}
