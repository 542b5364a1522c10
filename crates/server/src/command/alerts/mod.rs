//! `mailvane alerts`: validate rules, replay logs through them, try the routes, see what goes on and act on it.

mod backtest;
mod check;
#[cfg(feature = "daemon")]
mod notify;
#[cfg(feature = "daemon")]
mod people;
mod print;
#[cfg(feature = "daemon")]
mod stored;

use std::io::Write;

use anyhow::Result;
use mailvane_alert::rule::Problem;
use mailvane_model::Time;

use crate::{Ending, cli};

/// Runs one of them.
pub(crate) fn run(arguments: &cli::Alerts, now: Time) -> Result<Ending> {
    match arguments {
        cli::Alerts::Check(arguments) => check::run(arguments),
        cli::Alerts::Backtest(arguments) => backtest::run(arguments, now),
        #[cfg(feature = "daemon")]
        cli::Alerts::Test(arguments) => notify::run(arguments, now),
        #[cfg(feature = "daemon")]
        cli::Alerts::List(arguments) => people::list(arguments, now),
        #[cfg(feature = "daemon")]
        cli::Alerts::Silence(arguments) => people::silence(arguments, now),
        #[cfg(feature = "daemon")]
        cli::Alerts::Unsilence(arguments) => people::end_silence(arguments, now),
        #[cfg(feature = "daemon")]
        cli::Alerts::Ack(arguments) => people::acknowledge(arguments),
    }
}

/// Says on stderr what is wrong with rules.
fn complain(problems: &[Problem]) {
    for problem in problems {
        // When stderr is gone there is nobody left to tell.
        let _ = writeln!(std::io::stderr(), "mailvane: {problem}");
    }
}
