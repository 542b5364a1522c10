//! `mailvane events`: every fact as one JSON object a line.

use std::path::Path;

use anyhow::Result;
use mailvane_model::row::{AttemptRow, AuthRow, MessageRow, NoticeRow, OutcomeRow, RejectionRow, SessionRow};
use mailvane_model::{FileId, Sink, Time};

use super::output::Output;
use super::{assembly, warn};
use crate::json::event::{self, Context};
use crate::json::object::Object;
use crate::pipeline::coverage::{Understanding, understanding};
use crate::pipeline::files::{self, Job, Seen, Watcher};
use crate::pipeline::span::Span;
use crate::{Ending, cli, rules};

struct Printer<W: std::io::Write> {
    output: Output<W>,
    source: String,
    offset_minutes: i32,
    span: Span,
    unparsed: bool,
    silent: bool,
}

impl<W: std::io::Write> Printer<W> {
    fn print(&mut self, time: Time, write: impl FnOnce(&mut Vec<u8>, &Context<'_>)) {
        if self.silent || !self.span.contains(time) {
            return;
        }
        write(&mut self.output.buffer, &Context { source: &self.source, offset_minutes: self.offset_minutes });
        self.output.end_line();
    }
}

impl<W: std::io::Write> Sink for Printer<W> {
    fn message(&mut self, row: &MessageRow<'_>, _replaced: Option<&MessageRow<'_>>) {
        self.print(row.time, |out, context| event::message(out, row, context));
    }
    fn attempt(&mut self, row: &AttemptRow<'_>) {
        self.print(row.time, |out, context| event::attempt(out, row, context));
    }
    fn outcome(&mut self, row: &OutcomeRow<'_>, _replaced: Option<&OutcomeRow<'_>>) {
        self.print(row.time, |out, context| event::outcome(out, row, context));
    }
    fn rejection(&mut self, row: &RejectionRow<'_>) {
        self.print(row.time, |out, context| event::rejection(out, row, context));
    }
    fn auth(&mut self, row: &AuthRow<'_>) {
        self.print(row.time, |out, context| event::auth(out, row, context));
    }
    fn session(&mut self, row: &SessionRow<'_>) {
        self.print(row.time, |out, context| event::session(out, row, context));
    }
    fn notice(&mut self, row: &NoticeRow<'_>) {
        self.print(row.time, |out, context| event::notice(out, row, context));
    }
}

impl<W: std::io::Write> Watcher for Printer<W> {
    fn source(&mut self, name: &Path, _file: FileId) {
        self.source = name.display().to_string();
    }

    fn line(&mut self, seen: &Seen<'_>) {
        self.offset_minutes = seen.offset_minutes;
        if self.unparsed
            && !self.silent
            && understanding(seen.record) == Understanding::Unparsed
            && seen.time.is_none_or(|time| self.span.contains(time))
        {
            let context = Context { source: &self.source, offset_minutes: self.offset_minutes };
            event::unparsed(&mut self.output.buffer, seen.time, seen.record.host, seen.record.program, seen.line, &context);
            self.output.end_line();
        }
    }

    fn is_done(&self) -> bool {
        self.output.is_broken()
    }
}

/// Runs it.
pub(crate) fn run(arguments: &cli::Events, now: Time) -> Result<Ending> {
    rules::install(arguments.rules.rules.as_deref())?;
    let job = Job::of(&arguments.reading.files, &arguments.reading.clock, now)?;
    let span = Span::parse(&arguments.span, job.zone, now)?;
    let mut assembler = rules::assembler(assembly(&arguments.reading.clock));
    let mut printer = Printer {
        output: Output::new(std::io::stdout().lock()),
        source: String::new(),
        offset_minutes: 0,
        span,
        unparsed: arguments.unparsed,
        silent: arguments.stats,
    };
    let reading = files::read(&job, &mut assembler, &mut printer)?;
    assembler.finish(&mut printer);
    if arguments.stats {
        let counts = reading.tally.coverage.total;
        let mut object = Object::open(&mut printer.output.buffer);
        object
            .number("lines", counts.lines())
            .number("recognised", counts.recognised)
            .number("ignored", counts.ignored)
            .number("unparsed", counts.unparsed);
        object.close();
        printer.output.end_line();
    }
    printer.output.finish()?;
    Ok(warn(&reading))
}
