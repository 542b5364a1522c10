//! `mailvane serve` and `mailvane demo`: follow logs, show the dashboard.

use std::collections::HashMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use mailvane_alert::notify::route::Own;
use mailvane_assemble::{Config as Assembly, Network};
use mailvane_ingest::Spec;
use mailvane_ingest::feed::Policy;
use mailvane_ingest::intake::SPOOL_BYTES;
use mailvane_ingest::intake::listen::Address;
use mailvane_ingest::intake::tls::Pair;
use mailvane_model::Time;
use mailvane_model::word::Mta;
use serde_json::{Value, json};

use super::door::Door;
use super::trace::stored::{self, Place};
use crate::alerting::board::Board;
use crate::alerting::settings::{Plan, host_name};
use crate::api::live_queue;
use crate::config::Config;
use crate::live::committer::Handle;
use crate::live::engine::{Engine, Settings};
use crate::live::import::{COMMIT_ROWS, import};
use crate::live::kept::Keep;
use crate::live::sources;
use crate::live::view::{About, Shared};
use crate::pipeline::files::Job;
use crate::pipeline::span;
use crate::probing::known::Known;
use crate::socket::{self, Question};
use crate::{Ending, alerting, cli, discover, probing, reporting, rules};

/// Where the dashboard is unless told otherwise.
pub(crate) const LISTEN: &str = "127.0.0.1:8624";
/// How far back history is read at the first start.
const HISTORY: &str = "7d";
/// How long rows are kept.
const ROWS: &str = "90d";

/// Runs `serve`.
pub(crate) fn run(arguments: &cli::Serve, now: Time) -> Result<Ending> {
    let config = configuration(arguments.config.as_deref())?;
    let rules = rules::install(arguments.rules.rules.as_deref().or(config.rules.as_deref()))?;
    let listen = listen_address(arguments.listen.as_deref().or(config.listen.as_deref()).unwrap_or(LISTEN))?;
    let door = Door::read(listen, &config)?;
    let found = discover::machine();
    let mut plan = plan(arguments, &config, &found)?;
    let own = Own {
        host: found.host.clone().unwrap_or_else(host_name),
        domains: plan.assembly.ours.domains.clone(),
        smarthost: found.smarthost.clone(),
    };
    let mut alerts = Plan::read(&config.alerts, &config.notify, own, plan.zone)?;
    alerts.report = reporting::settings::Plan::read(&config.report, &alerts.receivers, plan.zone)?;
    plan.assembly.own_senders = alerts.senders();
    let known = Known::of_postfix(config.domains.ours.clone(), &found.postfix);
    let probes = probing::settings::Plan::read(&config.probe, &config.domains.ours, plan.zone, known)?;
    plan.assembly.own_senders.extend(probes.senders());
    if arguments.check {
        let warnings = alerts.warnings();
        for warning in &warnings {
            // When stderr is gone there is nobody left to tell.
            let _ = writeln!(std::io::stderr(), "mailvane: {warning}");
        }
        let own = if rules.files > 0 { format!(", {} rules of your own in {} files", rules.rules, rules.files) } else { String::new() };
        let is_fine = rules.doubts.is_empty() && warnings.is_empty();
        let fine = if is_fine { "the configuration is fine" } else { "the configuration can be used" };
        writeln!(std::io::stdout(), "{fine}: {} sources, data in {}{own}", plan.specs.len() + plan.intakes.len(), plan.folder.display())?;
        return Ok(if is_fine { Ending::Fine } else { Ending::Problems });
    }
    let about = About {
        started: now,
        zone: plan.zone,
        listen: listen.to_string(),
        software: found.software.clone(),
        facts: found.facts(),
        logs: plan.specs.iter().map(|spec| spec.pattern.clone()).chain(plan.intakes.iter().map(|intake| intake.name.clone())).collect(),
        banner: None,
        demo: false,
        hints: found.hints.clone(),
    };
    follow(plan, about, door, alerts, probes, None)
}

/// The configuration of a file; without one every key has its default.
pub(crate) fn configuration(path: Option<&Path>) -> Result<Config> {
    path.map_or_else(|| Ok(Config::default()), Config::load)
}

/// A background task that goes on while the daemon runs (the simulated host of `demo`).
pub(crate) type Beside = Box<dyn FnOnce(&AtomicBool) -> Result<()> + Send>;

/// Follows until the process is told to stop.
pub(crate) fn follow(
    settings: Settings,
    about: About,
    door: Door,
    alerts: Plan,
    mut probes: probing::settings::Plan,
    beside: Option<Beside>,
) -> Result<Ending> {
    crate::voice::begin();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().context("cannot start the runtime")?;
    // Before anything is said: whoever saw us start may tell us to stop.
    let terminate = {
        let _inside = runtime.enter();
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok()
    };
    let (entrance, listen) = runtime.block_on(door.open_up(&settings.folder))?;
    let about = About { listen, ..about };
    first_screen(&settings, &about)?;
    entrance.first_screen(&about)?;
    let shared = Arc::new(Shared::new(about));
    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&shared);
    probes.known.learning = Arc::clone(&shared.learning);
    let (found, runner) = probing::begin(probes, &settings.folder, clock())?;
    // Nobody else sets it: it was made here.
    let _ = shared.probes.set(found);
    let stopped = Arc::clone(&stop);
    runtime.spawn(async move { runner.run(&stopped).await });
    let (report, host) = (alerts.report.clone(), alerts.own.host.clone());
    let (board, watch, back) = alerting::begin(alerts, &settings.folder, &shared, runtime.handle())?;
    let reporting = report.map(|plan| {
        let (shared, last) = (Arc::clone(&shared), alerting::report::Report::last(&board.kept)?);
        spawn("report", &stop, move |stop| {
            reporting::run(&plan, &shared, last, &host, &back, stop);
            Ok(())
        })
    });
    let reporting = reporting.transpose()?;
    let watching = spawn("alerts", &stop, move |stop| {
        watch.run(stop);
        Ok(())
    })?;
    let of_ingest = Arc::clone(&board);
    let following = spawn("ingest", &stop, move |stop| ingest(settings, seen, of_ingest, stop))?;
    let beside = beside.map(|task| spawn("simulate", &stop, move |stop| task(stop))).transpose()?;
    let stopped = Arc::clone(&stop);
    runtime.block_on(entrance.serve(shared, board, async move { told_to_stop(&stopped, terminate).await }));
    stop.store(true, Ordering::Relaxed);
    runtime.shutdown_background();
    join(following, "ingest")?;
    join(watching, "alerts")?;
    if let Some(reporting) = reporting {
        join(reporting, "the report")?;
    }
    if let Some(beside) = beside {
        join(beside, "the simulated host")?;
    }
    Ok(Ending::Fine)
}

fn clock() -> Time {
    Time::from_chrono(&chrono::Utc::now())
}

/// Follows the logs, and answers commands that find the store in use.
fn ingest(settings: Settings, shared: Arc<Shared>, board: Arc<Board>, stop: &Arc<AtomicBool>) -> Result<()> {
    let (folder, assembly) = (settings.folder.clone(), settings.assembly.clone());
    let engine = Engine::open(settings, Arc::clone(&shared), stop)?;
    let answers = Answers { handle: engine.handle(&shared), shared, board, assembly };
    // Without it everything goes on; only commands beside cannot ask.
    let listening = socket::listen(&folder, Arc::new(answers)).inspect_err(|error| tracing::warn!("{error:#}"));
    let result = engine.run(stop);
    drop(listening);
    result
}

/// What a running `serve` answers.
struct Answers {
    handle: Option<Handle>,
    shared: Arc<Shared>,
    board: Arc<Board>,
    assembly: Assembly,
}

impl socket::Answer for Answers {
    fn answer(&self, question: Question, progress: &mut dyn FnMut(&str) -> Result<()>) -> Result<Value> {
        match question {
            Question::Status => {
                let view = self.shared.view().context("just starting")?;
                let lines: u64 = view.sources.iter().map(|source| source.lines).sum();
                let behind: u64 = view.sources.iter().map(|source| source.bytes_behind).sum();
                Ok(json!({ "lines": lines, "bytes_behind": behind, "commit": view.snapshot.number().0, "stopped": view.stopped }))
            }
            Question::Queue => {
                let view = self.shared.view().context("just starting")?;
                live_queue::outlook(&view, &self.board.state().queue).map_err(|problem| anyhow::anyhow!("{problem:?}"))
            }
            Question::Trace(asked) => {
                let view = self.shared.view().context("just starting")?;
                let place = Place { snapshot: &view.snapshot, open: &view.open, files: &view.files };
                Ok(Value::String(stored::answer(&place, &asked, clock())?))
            }
            Question::Import { files, clock } => {
                let mut handle = self.handle.clone().context("the daemon is stopping")?;
                let job = Job::of(&files, &clock, Time::from_chrono(&chrono::Utc::now()))?;
                let done = import(&job, &self.assembly, COMMIT_ROWS, &mut handle, progress)?;
                Ok(serde_json::to_value(done)?)
            }
        }
    }
}

type Running = std::thread::JoinHandle<Result<()>>;

/// Starts a thread; when it fails, everything stops.
fn spawn(name: &str, stop: &Arc<AtomicBool>, work: impl FnOnce(&Arc<AtomicBool>) -> Result<()> + Send + 'static) -> Result<Running> {
    let stop = Arc::clone(stop);
    let builder = std::thread::Builder::new().name(name.to_owned());
    builder
        .spawn(move || {
            let result = work(&stop);
            stop.store(true, Ordering::Relaxed);
            result
        })
        .with_context(|| format!("cannot start the thread {name}"))
}

fn join(running: Running, name: &str) -> Result<()> {
    running.join().map_err(|_| anyhow::anyhow!("{name} broke off"))?
}

/// Waits for a signal, or for a thread that ended.
async fn told_to_stop(stop: &AtomicBool, mut terminate: Option<tokio::signal::unix::Signal>) {
    let ended = async {
        while !stop.load(Ordering::Relaxed) {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    let terminated = async {
        match &mut terminate {
            Some(signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
        () = ended => {}
    }
}

/// What is said on the terminal at the start.
fn first_screen(settings: &Settings, about: &About) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if let Some(banner) = &about.banner {
        writeln!(out, "{banner}")?;
    }
    if let Some(software) = &about.software {
        writeln!(out, "found {software}")?;
    }
    for fact in &about.facts {
        writeln!(out, "  {fact}")?;
    }
    for hint in &about.hints {
        writeln!(out, "note: {hint}")?;
    }
    writeln!(out, "following {}", about.logs.join(", "))?;
    writeln!(out, "data in {}", settings.folder.display())?;
    writeln!(out, "page at {}", about.listen)?;
    out.flush()?;
    Ok(())
}

/// An address with a port.
pub(crate) fn listen_address(text: &str) -> Result<SocketAddr> {
    text.parse().with_context(|| format!("`{text}` is not an address with a port: use 127.0.0.1:8624"))
}

/// Where the store is kept.
pub(crate) fn data_folder(typed: Option<&Path>, config: &Config) -> PathBuf {
    if let Some(folder) = typed.or(config.data_dir.as_deref()) {
        return folder.to_path_buf();
    }
    if let Some(folder) = std::env::var_os("STATE_DIRECTORY") {
        return PathBuf::from(folder);
    }
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let user = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).or(home.map(|home| home.join(".local/state")));
    let shared = Path::new("/var/lib/mailvane");
    // Root and the service user own the shared folder; everybody else keeps data in his own.
    let owns =
        shared.is_dir() && std::fs::OpenOptions::new().write(true).create(true).truncate(false).open(shared.join(".writable")).is_ok();
    match user {
        Some(user) if !owns && std::env::var("USER").as_deref() != Ok("root") => user.join("mailvane"),
        _ => shared.to_path_buf(),
    }
}

fn plan(arguments: &cli::Serve, config: &Config, found: &discover::Found) -> Result<Settings> {
    let zone = span::zone(arguments.clock.timezone.as_deref())?;
    let history = arguments.history.as_deref().or(config.history.as_deref()).unwrap_or(HISTORY);
    let history = if history == "all" {
        i64::MAX / 4
    } else {
        span::length(history).with_context(|| format!("history `{history}`: use 7d, 12h or all"))?
    };
    let folder = data_folder(arguments.data_dir.as_deref(), config);
    let (specs, intakes, policies) = followed(arguments, config, found, &folder, history)?;
    if specs.is_empty() && intakes.is_empty() {
        let hints: String = found.hints.iter().map(|hint| format!("\n  {hint}")).collect();
        bail!(
            "found no mail log on this machine{hints}\n  name one: `mailvane serve /var/log/mail.log*`, or see how it looks: `mailvane demo`"
        );
    }
    let mut assembly = Assembly::default();
    assembly.ours.domains =
        config.domains.ours.iter().chain(&arguments.clock.our_domains).chain(&found.domains).map(|domain| domain.to_lowercase()).collect();
    for network in config.domains.networks.iter().chain(&found.networks) {
        match Network::parse(network) {
            Some(network) => assembly.ours.networks.push(network),
            None if config.domains.networks.contains(network) => {
                bail!("networks: `{network}` is not a network: use 192.0.2.0/24 or 2001:db8::/32")
            }
            None => {}
        }
    }
    let mta = arguments.clock.mta.as_deref().filter(|name| *name != "auto");
    let mta = mta.map(|name| Mta::from_word(name).with_context(|| format!("--mta {name}: not known"))).transpose()?;
    Ok(Settings {
        specs,
        intakes,
        spool_bytes: config.spool.megabytes.map_or(SPOOL_BYTES, |megabytes| megabytes.max(1) << 20),
        policies,
        zone,
        year: arguments.clock.year,
        mta,
        assembly,
        folder,
        keep: keep(config),
        store: store_options(config)?,
        history_rows: arguments.commit_rows,
    })
}

/// Files to follow, what is received beside, and how each takes part.
type Followed = (Vec<Spec>, Vec<sources::Plan>, HashMap<String, Policy>);

fn followed(arguments: &cli::Serve, config: &Config, found: &discover::Found, folder: &Path, history: i64) -> Result<Followed> {
    let (mut specs, mut intakes, mut policies) = (Vec::new(), Vec::new(), HashMap::new());
    let journal = |program: Option<&Path>| sources::journal(program, history, Time::from_chrono(&chrono::Utc::now()));
    let plan = |name: &str, kind, origin: Option<&String>| sources::Plan {
        name: name.to_owned(),
        kind,
        origin: origin.cloned().unwrap_or_default(),
    };
    if !arguments.logs.is_empty() {
        for pattern in &arguments.logs {
            match pattern.as_str() {
                "-" => intakes.push(plan("standard input", sources::Kind::Input, None)),
                _ => specs.push(Spec { pattern: pattern.clone(), origin: String::new(), history }),
            }
        }
    } else if !config.source.is_empty() {
        for source in &config.source {
            let origin = source.origin.as_ref();
            if let Some(text) = &source.syslog {
                let pair = match (&source.certificate, &source.key) {
                    (Some(certificate), Some(key)) => Some(Pair { certificate: certificate.clone(), key: key.clone() }),
                    _ => None,
                };
                intakes.push(plan(text, sources::Kind::Syslog(Address::parse(text)?, pair), origin));
            } else if source.journald {
                intakes.push(plan("journald", journal(source.journalctl.as_deref()), origin));
            } else if source.stdin {
                intakes.push(plan("standard input", sources::Kind::Input, origin));
            } else {
                specs.push(Spec { pattern: source.path.clone(), origin: source.origin.clone().unwrap_or_default(), history });
                policies.insert(source.path.clone(), policy(source.feeds.as_deref()));
                continue;
            }
            if let Some(last) = intakes.last() {
                policies.insert(last.pattern(folder), policy(source.feeds.as_deref()));
            }
        }
    } else {
        specs.extend(found.logs.iter().map(|pattern| Spec { pattern: pattern.clone(), origin: String::new(), history }));
        if found.journal {
            intakes.push(plan("journald", journal(None), None));
        }
    }
    Ok((specs, intakes, policies))
}

fn policy(word: Option<&str>) -> Policy {
    match word {
        Some("always") => Policy::Always,
        Some("never") => Policy::Never,
        _ => Policy::Auto,
    }
}

fn keep(config: &Config) -> Keep {
    let retention = &config.retention;
    match (retention.keep_lines, retention.keep_failed_lines.unwrap_or(true)) {
        (true, _) => Keep::All,
        (false, true) => Keep::Failed,
        (false, false) => Keep::Nothing,
    }
}

fn store_options(config: &Config) -> Result<mailvane_store::Options> {
    let keep = |text: &str| span::length(text).with_context(|| format!("retention `{text}`: use 90d or 12w"));
    let mut options = mailvane_store::Options {
        rows_keep: Some(keep(config.retention.rows.as_deref().unwrap_or(ROWS))?),
        ..mailvane_store::Options::default()
    };
    options.rows_bytes = config.retention.rows_megabytes.map(|megabytes| megabytes << 20);
    if let Some(rollups) = &config.retention.rollups {
        options.rollups_keep = keep(rollups)?;
    }
    if let Some(lines) = &config.retention.lines {
        options.lines_keep = keep(lines)?;
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port() {
        for fine in ["127.0.0.1:0", "[::1]:8624", "0.0.0.0:8624"] {
            assert!(listen_address(fine).is_ok(), "{fine}");
        }
        for refused in ["localhost", "8624", "192.0.2.1"] {
            assert!(listen_address(refused).is_err(), "{refused}");
        }
    }
}
