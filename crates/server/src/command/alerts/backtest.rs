//! `mailvane alerts backtest`: logs through the same pipeline and the same engine as `serve`, as fast as they can be read.

use std::io::Write;

use anyhow::{Context as _, Result};
use mailvane_alert::fold::Fold;
use mailvane_alert::state::Settings;
use mailvane_alert::{Engine, Step};
use mailvane_assemble::Assembler;
use mailvane_model::row::{AttemptRow, AuthRow, MessageRow, NoticeRow, OutcomeRow, RejectionRow, SessionRow};
use mailvane_model::{Sink, Time};

use super::super::report::offset_minutes;
use super::super::{assembly, warn};
use super::complain;
use super::print::{self, Told};
use crate::alerting::rules;
use crate::pipeline::coverage::{Understanding, understanding};
use crate::pipeline::files::{self, Job, Seen, Watcher};
use crate::pipeline::span::Span;
use crate::{Ending, cli};

/// Outcomes of a moment may become known this much later than its lines were read (held lines, links between hops).
const SETTLE: i64 = 2 * Time::MINUTE;

/// The rows of logs on their way through the engine.
struct Replay {
    fold: Fold,
    engine: Engine,
    step: Step,
    /// The latest time of a line that may move the clock.
    clock: Option<Time>,
    /// What lies later than this is a wrong date.
    latest: Time,
    minutes: u64,
}

impl Replay {
    fn advance(&mut self, until: Option<Time>) {
        let Replay { fold, engine, step, minutes, .. } = self;
        // Every minute is judged as if it had just passed.
        let mut each = |minute: mailvane_alert::Minute| {
            *minutes += 1;
            step.extend(engine.step(&minute, minute.end));
        };
        match until {
            Some(until) => fold.take(until, &mut each),
            None => fold.finish(&mut each),
        }
    }
}

impl Sink for Replay {
    fn message(&mut self, row: &MessageRow<'_>, replaced: Option<&MessageRow<'_>>) {
        self.fold.message(row, replaced);
    }
    fn attempt(&mut self, row: &AttemptRow<'_>) {
        self.fold.attempt(row);
    }
    fn outcome(&mut self, row: &OutcomeRow<'_>, replaced: Option<&OutcomeRow<'_>>) {
        self.fold.outcome(row, replaced);
    }
    fn rejection(&mut self, row: &RejectionRow<'_>) {
        self.fold.rejection(row);
    }
    fn auth(&mut self, row: &AuthRow<'_>) {
        self.fold.auth(row);
    }
    fn session(&mut self, row: &SessionRow<'_>) {
        self.fold.session(row);
    }
    fn notice(&mut self, row: &NoticeRow<'_>) {
        self.fold.notice(row);
    }
}

impl Watcher for Replay {
    fn line(&mut self, seen: &Seen<'_>) {
        let Some(time) = seen.time.filter(|time| *time <= self.latest) else { return };
        self.fold.line(time, understanding(seen.record) == Understanding::Unparsed);
        let before = self.clock.unwrap_or(time);
        let clock = before.max(time);
        self.clock = Some(clock);
        if before.floor(Time::MINUTE) < clock.floor(Time::MINUTE) {
            self.advance(Some(clock.plus(-SETTLE)));
        }
    }
}

/// Runs it.
pub(super) fn run(arguments: &cli::AlertsBacktest, now: Time) -> Result<Ending> {
    let (set, problems) = rules::load(arguments.rules.as_deref())?;
    complain(&problems);
    let job = Job::of(&arguments.reading.files, &arguments.reading.clock, now)?;
    let span = Span::parse(&arguments.span, job.zone, now)?;
    let mut assembler = Assembler::new(assembly(&arguments.reading.clock));
    let settings = Settings { trains: false, ..Settings::default() };
    let mut replay = Replay {
        fold: Fold::new(Time::MINUTE),
        engine: Engine::new(set, settings),
        step: Step::default(),
        clock: None,
        latest: now.plus(Time::DAY),
        minutes: 0,
    };
    let begun = std::time::Instant::now();
    let reading = files::read(&job, &mut assembler, &mut replay)?;
    // What is open when the log ends has no end yet: it stands at the last line.
    assembler.finish(&mut replay);
    replay.advance(replay.clock.map(|clock| clock.floor(Time::MINUTE).plus(Time::MINUTE)));
    let ending = warn(&reading);
    let offset = |time: Time| offset_minutes(job.zone, time);
    let told = Told {
        engine: &replay.engine,
        step: &replay.step,
        span,
        first: reading.tally.first,
        last: reading.tally.last,
        minutes: replay.minutes,
        seconds: begun.elapsed().as_secs_f64(),
        offset: &offset,
    };
    let out = if arguments.json { print::json(&told) } else { print::text(&told) };
    std::io::stdout().write_all(out.as_bytes()).context("cannot write the result")?;
    Ok(if problems.is_empty() { ending } else { Ending::Problems })
}
