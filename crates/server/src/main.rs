//! The `mailvane` binary: reads the command line, runs one command, turns its end into an exit code.
//!
//! Exit codes: 0 fine; 1 done, with problems found; 2 could not do it.

#[cfg(feature = "daemon")]
mod access;
mod alerting;
#[cfg(feature = "daemon")]
mod api;
mod cli;
mod command;
#[cfg(feature = "daemon")]
mod config;
#[cfg(feature = "daemon")]
mod discover;
mod json;
#[cfg(feature = "daemon")]
mod live;
mod pipeline;
#[cfg(feature = "daemon")]
mod probing;
mod queue;
#[cfg(feature = "daemon")]
mod reclassify;
#[cfg(feature = "daemon")]
mod reporting;
mod rules;
#[cfg(any(feature = "daemon", all(test, feature = "active")))]
mod schedule;
#[cfg(feature = "daemon")]
mod socket;
mod suppression;
#[cfg(feature = "daemon")]
mod voice;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

/// How a command ended, when it could do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Nothing to complain about.
    Fine,
    /// Done, and problems were found.
    Problems,
}

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    match command::run(arguments) {
        Ok(Ending::Fine) => ExitCode::SUCCESS,
        Ok(Ending::Problems) => ExitCode::from(1),
        // The reader of a pipe went away (`| head`): that is not our error.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // When even stderr is gone there is nobody left to tell.
            let _ = writeln!(std::io::stderr(), "mailvane: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe))
}
