//! The developer's tool: `cargo xtask run|test|web|tidy|bench|dist`. It does its own set-up and says what it does.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod browser;
mod check;
mod dist;
mod guided;
mod program;
mod run;
mod step;
mod tidy;
mod web;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  run [--dev] [-- ARGUMENTS]   build the dashboard and the program, start it on this machine's mail log, or else on the simulated host
  test [STEP...]               check everything (or only these steps), with a summary at the end
  web                          build the dashboard into web/dist
  tidy                         hold the habits that a machine can hold
  bench report [--megabytes N] [--runs N] [--seed N] [--exim | --no-pflogsumm] [--light] [--guided]
                               `mailvane report` and pflogsumm (--exim: eximstats) side by side on the same simulated log
                               (--light builds the commands on files only: much quicker to build, the same report;
                               --guided as `dist` does, with what a run on other logs tells the compiler)
  bench ingest [--megabytes N] [--rate N] [--seconds N]
                               live ingest with commits
  bench verdicts [--sisimai DIR]
                               how often verdicts are right on the labelled replies, by reason, and verdicts a second;
                               the same on a folder of bounce mails with their truth
  bench alerts [--half train|test] [--every N] [--verbose] [--speed]
                               simulated months with known incidents through the alert rules: recall, delay, false alarms
  bench notices                from a failed delivery to a mail in a mailbox, with a real Postfix in a network of its own (as root)
  bench misconfigurations [WORD...]
                               each misconfiguration of records and servers against Knot, Unbound, Postfix and Dovecot, in a network of
                               their own (as root); with words, only those whose names hold one of them
  bench check                  how long `check` takes for a domain of many DNS facts with every answer 30 ms late
  bench sample --out FILE [--megabytes N] [--seed N]
                               write a simulated log
  dist                         a stripped binary, a Debian package and a systemd unit";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &[][..]),
    };
    let result = match command {
        "run" => run::run(rest),
        "test" => check::run(rest),
        "web" => web::build().map(|()| ExitCode::SUCCESS),
        "tidy" => tidy::run(),
        "bench" => bench::run(rest),
        "dist" => dist::run(),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        other => {
            eprintln!("no command {other:?}\n\n{USAGE}");
            Ok(ExitCode::from(2))
        }
    };
    result.unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::from(2)
    })
}
