//! `mailvane report`: the numbers of mail logs, for people or as JSON.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use chrono::{Offset, TimeZone};
use chrono_tz::Tz;
use mailvane_assemble::Assembler;
use mailvane_metric::summary::report::Failure;
use mailvane_metric::summary::{Context, Fold, Options};
use mailvane_model::row::{AttemptRow, AuthRow, MessageRow, NoticeRow, OutcomeRow, RejectionRow, SessionRow};
use mailvane_model::word::{Reason, Stage};
use mailvane_model::{Sink, Time};
use mailvane_render::html;
use mailvane_render::text::{self, Advice, Header, Style, Unnamed, Words};
use mailvane_reply::cluster::{Cluster, Clusters};
use mailvane_reply::explain;
use mailvane_reply::judge::{self, Judge};
use mailvane_reply::provider::Providers;

use super::{assembly, warn};
use crate::pipeline::files::{self, Job, Reading, Watcher};
use crate::pipeline::folding::{self, Folding};
use crate::pipeline::span::Span;
use crate::{Ending, cli, json, rules};

/// Columns when the width of the terminal is not known.
const WIDTH: usize = 100;
/// Lines that were not understood and are shown.
const SAMPLES: usize = 5;
/// Templates without a name that are handed on.
const UNNAMED: usize = 200;

/// Gathers replies that no rule names, and hands every row on to the fold.
struct Gathering<'a> {
    folding: &'a mut Folding,
    unnamed: Clusters,
    span: Span,
}

impl Sink for Gathering<'_> {
    fn message(&mut self, row: &MessageRow<'_>, replaced: Option<&MessageRow<'_>>) {
        self.folding.message(row, replaced);
    }
    fn attempt(&mut self, row: &AttemptRow<'_>) {
        if row.reason == Some(Reason::Unclassified) && self.span.contains(row.time) {
            self.unnamed.add(row.reply_text, row.provider, row.time);
        }
        self.folding.attempt(row);
    }
    fn outcome(&mut self, row: &OutcomeRow<'_>, replaced: Option<&OutcomeRow<'_>>) {
        self.folding.outcome(row, replaced);
    }
    fn rejection(&mut self, row: &RejectionRow<'_>) {
        self.folding.rejection(row);
    }
    fn auth(&mut self, row: &AuthRow<'_>) {
        self.folding.auth(row);
    }
    fn session(&mut self, row: &SessionRow<'_>) {
        self.folding.session(row);
    }
    fn notice(&mut self, row: &NoticeRow<'_>) {
        self.folding.notice(row);
    }
}

impl Watcher for Gathering<'_> {}

/// Runs it.
pub(crate) fn run(arguments: &cli::Report, now: Time) -> Result<Ending> {
    let rules = rules::install(arguments.rules.rules.as_deref())?;
    let mut job = Job::of(&arguments.reading.files, &arguments.reading.clock, now)?;
    job.threads = arguments.threads.max(1);
    let span = Span::parse(&arguments.span, job.zone, now)?;
    let mut options = Options::default();
    if !span.is_all() {
        options.since = arguments.span.since.is_some().then_some(span.since);
        options.until = arguments.span.until.is_some().then_some(span.until);
    }
    let mut assembler = rules::assembler(assembly(&arguments.reading.clock));
    let ((reading, clusters), fold, folding) = folding::beside(job.threads, Fold::new(options), |folding| {
        let mut gathering = Gathering { folding, unnamed: Clusters::default(), span };
        let reading = files::read(&job, &mut assembler, &mut gathering)?;
        assembler.finish(&mut gathering);
        Ok((reading, gathering.unnamed))
    })?;
    let offset = |time: Time| offset_minutes(job.zone, time);
    let report = fold.finish(&Context { offset_minutes: &offset, top: arguments.top });
    let ending = warn(&reading);
    if arguments.timing {
        tell_timing(&reading, folding)?;
    }
    let header = Header { unnamed: unnamed(&clusters), ..header(&assembler, &reading, &job, &options) };
    let (providers, judge) = (&rules.providers, &rules.judge);
    let provider = |id: &str| providers.name(id).to_owned();
    let advice = |failure: &Failure| Some(advice(judge, providers, failure));
    let words = Words { offset_minutes: &offset, provider: &provider, advice: &advice };
    if let Some(path) = &arguments.html {
        let page = html::report(&report, &header, &words, arguments.top);
        std::fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))?;
        if !arguments.json {
            return Ok(ending);
        }
    }
    let mut out = Vec::new();
    if arguments.json {
        json::report::report(&mut out, &report, &header, &offset);
        out.push(b'\n');
    } else if report.is_empty() && !std::io::stdout().is_terminal() {
        // From cron: a day without mail is no mail to the administrator.
        return Ok(ending);
    } else {
        out = text::report(&report, &header, &words, style(arguments.top)).into_bytes();
    }
    std::io::stdout().write_all(&out).context("cannot write the report")?;
    Ok(ending)
}

/// Where the time went. Reading, parsing ahead, assembly and fold each have a thread, so their times run side by side.
fn tell_timing(reading: &Reading, folding: Duration) -> Result<()> {
    let (timing, seconds) = (reading.timing, |time: Duration| time.as_secs_f64());
    writeln!(
        std::io::stderr(),
        "{} bytes in {:.3} s; side by side: reading {:.3} s, parsing {} of {} blocks ahead {:.3} s, parsing the others and assembly {:.3} s \
         (and {:.3} s of waiting), fold {:.3} s",
        reading.bytes,
        seconds(timing.total),
        seconds(timing.reading),
        timing.parsed_ahead,
        timing.blocks,
        seconds(timing.parsing),
        seconds(timing.assembling),
        seconds(timing.waiting),
        seconds(folding),
    )
    .context("cannot write where the time went")
}

/// What to do about a kind of failure: judged again by its first sample, so that the words of the very rule come in.
pub(crate) fn advice(judge: &Judge, providers: &Providers, failure: &Failure) -> Advice {
    let sample = failure.samples.first().map_or("", String::as_str);
    let deferred = failure.bounced + failure.expired == 0;
    let asked = judge::Failure {
        provider: &failure.provider,
        text: sample,
        enhanced_code: &failure.enhanced_code,
        stage: Stage::Unknown,
        deferred,
    };
    let verdict = judge.judge(&asked);
    let explanation = if verdict.reason == Some(failure.reason) {
        explain::verdict(judge, providers, &verdict, &failure.provider)
    } else {
        explain::reason(failure.reason)
    };
    Advice { cause: explanation.cause, steps: explanation.steps, link: explanation.links.into_iter().next().unwrap_or_default() }
}

fn style(top: usize) -> Style {
    let terminal = std::io::stdout().is_terminal();
    let colour = terminal && std::env::var_os("NO_COLOR").is_none() && std::env::var_os("TERM").is_none_or(|name| name != "dumb");
    let width = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).unwrap_or(WIDTH);
    Style { colour, width, top }
}

/// Minutes east of UTC in `zone` at `time`.
pub(crate) fn offset_minutes(zone: Tz, time: Time) -> i32 {
    zone.offset_from_utc_datetime(&time.to_chrono().naive_utc()).fix().local_minus_utc() / 60
}

fn header(assembler: &Assembler, reading: &Reading, job: &Job, options: &Options) -> Header {
    let counts = reading.tally.coverage.total;
    let found = assembler.ours();
    let taken = |list: &[mailvane_assemble::Taken]| {
        list.iter().take(8).map(|one| format!("{} ({}, {})", one.name, one.evidence.word(), one.count)).collect::<Vec<_>>().join(", ")
    };
    let ours = [("Our domains", &found.domains), ("Our clients", &found.clients), ("Our smarthosts", &found.smarthosts)];
    let mut samples = reading.tally.coverage.samples.clone();
    samples.sort_by_key(|sample| std::cmp::Reverse(sample.count));
    Header {
        inputs: reading.files.iter().map(|path| input_name(path)).collect(),
        servers: assembler.streams().map(server_name).collect(),
        ours: ours.into_iter().filter(|(_, list)| !list.is_empty()).map(|(name, list)| (name.to_owned(), taken(list))).collect(),
        zone: job.zone.name().to_owned(),
        since: options.since,
        until: options.until,
        recognised: counts.recognised,
        ignored: counts.ignored,
        unparsed: counts.unparsed,
        unparsed_samples: samples.into_iter().take(SAMPLES).map(|sample| (sample.count, sample.text)).collect(),
        notes: reading.warnings.iter().chain(&reading.notes).cloned().collect(),
        unnamed: Vec::new(),
    }
}

fn unnamed(clusters: &Clusters) -> Vec<Unnamed> {
    let one = |cluster: &Cluster| Unnamed {
        template: cluster.template.clone(),
        count: cluster.count,
        provider: cluster.provider.clone(),
        first: cluster.first,
        last: cluster.last,
        sample: cluster.sample.clone(),
    };
    clusters.top().into_iter().take(UNNAMED).map(one).collect()
}

pub(crate) fn server_name(stream: &mailvane_model::Stream) -> String {
    let host = if stream.host.is_empty() { "this host" } else { &stream.host };
    let usual = stream.instance.is_empty() || stream.instance == stream.mta.word();
    if usual { format!("{} on {host}", stream.mta.word()) } else { format!("{} ({}) on {host}", stream.mta.word(), stream.instance) }
}

fn input_name(path: &Path) -> String {
    if path.as_os_str() == "-" {
        return "standard input".to_owned();
    }
    let size = std::fs::metadata(path).map(|metadata| metadata.len()).unwrap_or_default();
    format!("{} ({:.1} MB)", path.display(), size as f64 / 1e6)
}
