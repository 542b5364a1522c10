//! One file a command.

mod alerts;
#[cfg(feature = "daemon")]
mod bench_ingest;
#[cfg(feature = "daemon")]
mod bench_store;
#[cfg(feature = "active")]
pub(crate) mod check;
#[cfg(feature = "daemon")]
mod demo;
#[cfg(feature = "daemon")]
mod door;
mod events;
mod explain;
#[cfg(feature = "daemon")]
mod import;
mod output;
#[cfg(feature = "active")]
pub(crate) mod probe;
pub(crate) mod queue;
#[cfg(feature = "daemon")]
mod reclassify;
mod records;
pub(crate) mod report;
#[cfg(feature = "daemon")]
mod serve;
mod suppress;
#[cfg(feature = "daemon")]
mod token;
pub(crate) mod trace;
#[cfg(feature = "daemon")]
mod user;

use std::io::Write;

use anyhow::Result;
use mailvane_assemble::Config;
use mailvane_model::Time;

use crate::Ending;
use crate::cli::{self, Arguments, Command};
use crate::pipeline::files::Reading;

/// Runs the command that was asked for.
pub(crate) fn run(arguments: Arguments) -> Result<Ending> {
    let now = Time::from_chrono(&chrono::Utc::now());
    match arguments.command {
        Command::Report(arguments) => report::run(&arguments, now),
        Command::Events(arguments) => events::run(&arguments, now),
        Command::Records(arguments) => records::run(&arguments, now),
        Command::Trace(arguments) => trace::run(&arguments, now),
        Command::Explain(arguments) => explain::run(&arguments),
        #[cfg(feature = "active")]
        Command::Check(arguments) => check::run(&arguments, now),
        #[cfg(feature = "active")]
        Command::Probe(arguments) => probe::run(&arguments, now),
        Command::Alerts(arguments) => alerts::run(&arguments, now),
        Command::Queue(arguments) => queue::run(&arguments, now),
        Command::Suppress(arguments) => suppress::run(&arguments, now),
        #[cfg(feature = "daemon")]
        Command::Reclassify(arguments) => reclassify::run(&arguments),
        #[cfg(feature = "daemon")]
        Command::Serve(arguments) => serve::run(&arguments, now),
        #[cfg(feature = "daemon")]
        Command::Import(arguments) => import::run(&arguments, now),
        #[cfg(feature = "daemon")]
        Command::Demo(arguments) => demo::run(&arguments, now),
        #[cfg(feature = "daemon")]
        Command::User(arguments) => user::run(&arguments, now),
        #[cfg(feature = "daemon")]
        Command::Token(arguments) => token::run(&arguments, now),
        #[cfg(feature = "daemon")]
        Command::BenchIngest(arguments) => bench_ingest::run(&arguments, now),
        #[cfg(feature = "daemon")]
        Command::BenchStore(arguments) => bench_store::run(&arguments, now),
    }
}

/// Says on stderr what could not be read to its end.
fn warn(reading: &Reading) -> Ending {
    for warning in &reading.warnings {
        // When stderr is gone there is nobody left to tell.
        let _ = writeln!(std::io::stderr(), "mailvane: {warning}");
    }
    if reading.warnings.is_empty() { Ending::Fine } else { Ending::Problems }
}

/// How records are assembled, as far as the command line says.
fn assembly(clock: &cli::Clock) -> Config {
    let mut config = Config::default();
    config.ours.domains.extend(clock.our_domains.iter().map(|domain| domain.to_lowercase()));
    config
}
