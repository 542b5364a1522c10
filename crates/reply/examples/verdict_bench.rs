//! Prints how often verdicts are right on the labelled replies; `--wrong` lists what is wrong and not held out.
#![allow(clippy::print_stdout)]

use mailvane_reply::bench;
use mailvane_reply::judge::Judge;

fn main() {
    let judge = Judge::embedded();
    print!("{}", bench::table(&judge));
    if std::env::args().any(|argument| argument == "--wrong") {
        for (row, verdict) in bench::score(&judge).wrong.iter().filter(|(row, _)| !row.held_out) {
            println!(
                "{} {} -> {:?} {} by {} {:?}\n    {} | {}",
                row.reason, row.scope, verdict.reason, verdict.scope, verdict.rule, verdict.matched, row.failure.provider, row.failure.text
            );
        }
    }
}
