//! `mailvane alerts backtest`: logs through the same pipeline and the same engine as `serve`, as fast as they can be read.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use mailvane_alert::fold::Fold;
use mailvane_alert::state::Settings;
use mailvane_alert::{Engine, RuleSet, Step};
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
    let (set, problems) = rules::load(folder_of_rules(arguments)?.as_deref())?;
    complain(&problems);
    if arguments.files.is_empty() {
        let ending = of_store(arguments, set, now)?;
        return Ok(if problems.is_empty() { ending } else { Ending::Problems });
    }
    let job = Job::of(&arguments.files, &arguments.clock, now)?;
    let span = Span::parse(&arguments.span, job.zone, now)?;
    let mut assembler = Assembler::new(assembly(&arguments.clock));
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
    say(&told, arguments.json)?;
    Ok(if problems.is_empty() { ending } else { Ending::Problems })
}

/// The folder of rules that was named, or that of the configuration.
fn folder_of_rules(arguments: &cli::AlertsBacktest) -> Result<Option<PathBuf>> {
    let typed = || arguments.rules.clone();
    #[cfg(feature = "daemon")]
    let configured = || Ok(super::super::serve::configuration(arguments.store.config.as_deref())?.alerts.rules);
    #[cfg(not(feature = "daemon"))]
    let configured = || Ok(None);
    typed().map_or_else(configured, |folder| Ok(Some(folder)))
}

#[cfg(not(feature = "daemon"))]
fn of_store(_: &cli::AlertsBacktest, _: RuleSet, _: Time) -> Result<Ending> {
    anyhow::bail!("name the log files, for example `mailvane alerts backtest /var/log/mail.log*`: this build has no store")
}

#[cfg(feature = "daemon")]
fn of_store(arguments: &cli::AlertsBacktest, set: RuleSet, now: Time) -> Result<Ending> {
    let zone = crate::pipeline::span::zone(arguments.clock.timezone.as_deref())?;
    let span = Span::parse(&arguments.span, zone, now)?;
    let begun = std::time::Instant::now();
    let replayed = super::stored::replay(&arguments.store, set, span)?;
    let offset = |time: Time| offset_minutes(zone, time);
    let told = Told {
        engine: &replayed.replay.engine,
        step: &replayed.step,
        span,
        first: replayed.first,
        last: replayed.last,
        minutes: replayed.replay.minutes,
        seconds: begun.elapsed().as_secs_f64(),
        offset: &offset,
    };
    say(&told, arguments.json)?;
    Ok(Ending::Fine)
}

fn say(told: &Told<'_>, as_json: bool) -> Result<()> {
    let out = if as_json { print::json(told) } else { print::text(told) };
    std::io::stdout().write_all(out.as_bytes()).context("cannot write the result")
}
