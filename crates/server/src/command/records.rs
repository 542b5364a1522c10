//! `mailvane records`: one JSON object for each input line.

use std::path::Path;

use anyhow::Result;
use mailvane_assemble::{Assembler, Config};
use mailvane_model::{FileId, Sink, Time};

use super::output::Output;
use super::warn;
use crate::pipeline::files::{self, Job, Seen, Watcher};
use crate::{Ending, cli, json};

struct Printer<W: std::io::Write> {
    output: Output<W>,
    source: String,
    raw: bool,
}

impl<W: std::io::Write> Sink for Printer<W> {}

impl<W: std::io::Write> Watcher for Printer<W> {
    fn source(&mut self, name: &Path, _file: FileId) {
        self.source = name.display().to_string();
    }

    fn line(&mut self, seen: &Seen<'_>) {
        json::record::record(&mut self.output.buffer, seen, &self.source, self.raw);
        self.output.end_line();
    }

    fn is_done(&self) -> bool {
        self.output.is_broken()
    }
}

/// Runs it.
pub(crate) fn run(arguments: &cli::Records, now: Time) -> Result<Ending> {
    let mut job = Job::of(&arguments.reading.files, &arguments.reading.clock, now)?;
    job.assemble = false;
    let mut printer = Printer { output: Output::new(std::io::stdout().lock()), source: String::new(), raw: arguments.raw };
    let reading = files::read(&job, &mut Assembler::new(Config::default()), &mut printer)?;
    printer.output.finish()?;
    Ok(warn(&reading))
}
