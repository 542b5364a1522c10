//! `mailvane check`: everything DNS says about a domain that sends or receives mail, and what to do about it.

pub(crate) mod text;

use std::cell::RefCell;
use std::io::{IsTerminal, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use mailvane_model::Time;
use mailvane_probe::fetch::{Fetch, Https, Offline};
use mailvane_probe::lookup::name;
use mailvane_probe::lookup::network::{self, Patience, Server};
use mailvane_probe::lookup::validate::Anchors;
use mailvane_probe::plan::{GROUPS, TRANSPORT, plan, transport};
use mailvane_probe::sheet::{Line, sheet};
use mailvane_probe::talk::tls::Trust;
use mailvane_probe::{Finding, Learned, Origin, Panel, State, Target};

use super::output::Output;
use crate::json::check::{Records, records};
use crate::{Ending, cli, json};

/// The port of name servers.
const PORT: u16 = 53;

/// What a run gave.
pub(crate) struct Outcome {
    /// The domain and what was known of it.
    pub(crate) target: Target,
    /// The groups that were asked for; empty means all.
    pub(crate) only: Vec<String>,
    /// What was found, the worst first.
    pub(crate) findings: Vec<Finding>,
    /// What the records are worth.
    pub(crate) records: Records,
    /// The rules of large receivers.
    pub(crate) sheet: Vec<Line>,
    /// The name servers that were asked.
    pub(crate) resolvers: Vec<SocketAddr>,
    /// Questions that were sent.
    pub(crate) asked: u64,
    /// How long it took.
    pub(crate) took: Duration,
    /// When it began.
    pub(crate) time: Time,
}

/// Runs it.
pub(crate) fn run(arguments: &cli::Check, now: Time) -> Result<Ending> {
    let target = target(arguments)?;
    let resolvers = resolvers(&arguments.resolver)?;
    let believed = Believed::read(arguments)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().context("cannot start")?;
    let looked = runtime.block_on(look(target, arguments, &believed, resolvers, now));
    // A server that nobody reaches may still be waited for.
    runtime.shutdown_background();
    let outcome = looked?;
    if arguments.json {
        let mut out = Output::new(std::io::stdout().lock());
        json::check::outcome(&mut out.buffer, &outcome);
        out.end_line();
        out.finish()?;
    }
    ending(&outcome)
}

fn ending(outcome: &Outcome) -> Result<Ending> {
    if outcome.findings.iter().any(|finding| finding.state == State::Problem) {
        return Ok(Ending::Problems);
    }
    let known = outcome.findings.iter().any(|finding| finding.state != State::Unknown)
        || outcome.records.spf.as_ref().is_some_and(|spf| spf.result.is_some());
    if !known && !outcome.findings.is_empty() {
        let asked: Vec<String> = outcome.resolvers.iter().map(ToString::to_string).collect();
        bail!(
            "nothing could be found out about {}: is the name server {} reachable? Another one: --resolver ADDRESS",
            outcome.target.domain,
            asked.join(", ")
        );
    }
    Ok(Ending::Fine)
}

/// What the operator told us to believe.
#[derive(Default)]
struct Believed {
    web: Https,
    trust: Trust,
    anchors: Anchors,
}

impl Believed {
    fn read(arguments: &cli::Check) -> Result<Self> {
        let mut believed = Believed::default();
        let text = |path: &PathBuf| std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
        if let Some(path) = &arguments.ca {
            believed.trust = super::probe::trust(path)?;
            believed.web.add_pem(&text(path)?).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
        }
        if let Some(path) = &arguments.anchor {
            believed.anchors = Anchors::read(&text(path)?).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
        }
        Ok(believed)
    }
}

/// Runs everything at once. On a terminal the answers of DNS are shown as soon as they are there, and the mail servers, which may take their
/// time, below them.
async fn look(target: Target, arguments: &cli::Check, believed: &Believed, resolvers: Vec<SocketAddr>, now: Time) -> Result<Outcome> {
    let started = Instant::now();
    let web: Arc<dyn Fetch> = if arguments.offline_transport { Arc::new(Offline) } else { Arc::new(believed.web.clone()) };
    let servers: Vec<Server> = resolvers.iter().map(|address| Server::new(*address, Patience::default())).collect();
    let panel = Panel::over_network(now, &servers, !arguments.resolver.is_empty(), &web, &believed.anchors);
    let plan = plan(panel.first(), &target, &arguments.only).await;
    let servers_too = arguments.only.is_empty() || arguments.only.iter().any(|group| group == TRANSPORT[0]);
    let talks =
        if servers_too && !arguments.offline_transport { transport(panel.first(), &target, &believed.trust).await } else { Vec::new() };
    let progress = RefCell::new(Progress::new(plan.checks.len() + talks.len()));
    let names = async {
        let (mut findings, records) = tokio::join!(
            panel.run_all(&plan.checks, |_, _| progress.borrow_mut().step()),
            records(panel.first(), &target, &arguments.only)
        );
        findings.extend(plan.findings.iter().cloned());
        worst_first(&mut findings);
        let sheet = if arguments.only.is_empty() { sheet(&findings, &target, &[]) } else { Vec::new() };
        let asked = panel.first().resolver.count().asked;
        let took = started.elapsed();
        let only = arguments.only.clone();
        let outcome =
            Outcome { target: target.clone(), only, findings, records, sheet, resolvers: resolvers.clone(), asked, took, time: now };
        if !arguments.json {
            progress.borrow().end();
            write(&text::outcome(&outcome, text::Style::of_stdout()))?;
        }
        Ok::<Outcome, anyhow::Error>(outcome)
    };
    let (outcome, mut talked) = tokio::join!(names, panel.run_all(&talks, |_, _| progress.borrow_mut().step()));
    progress.borrow().end();
    let mut outcome = outcome?;
    worst_first(&mut talked);
    if !arguments.json && !talks.is_empty() {
        write(&text::servers(&talked, text::Style::of_stdout()))?;
    }
    outcome.findings.extend(talked);
    worst_first(&mut outcome.findings);
    outcome.took = started.elapsed();
    Ok(outcome)
}

fn worst_first(findings: &mut [Finding]) {
    findings.sort_by_key(|finding| std::cmp::Reverse((finding.state, finding.severity)));
}

fn write(text: &str) -> Result<()> {
    let mut out = Output::new(std::io::stdout().lock());
    out.buffer.extend_from_slice(text.as_bytes());
    Ok(out.finish()?)
}

fn target(arguments: &cli::Check) -> Result<Target> {
    let mut target = Target::new(&arguments.domain);
    if let Some(defect) = name::defect(&target.domain).filter(|_| arguments.only.is_empty()) {
        bail!("`{}` is no domain: {defect}", arguments.domain);
    }
    for group in &arguments.only {
        if !GROUPS.contains(&group.as_str()) && group != TRANSPORT[0] {
            bail!("--only {group}: there is no such check; there are {} and {}", GROUPS.join(", "), TRANSPORT[0]);
        }
    }
    let given = |values: &[String]| values.iter().map(|value| Learned::new(value.clone(), Origin::CommandLine)).collect();
    target.sending = arguments.ip.iter().map(|address| Learned::new(*address, Origin::CommandLine)).collect();
    target.helo = given(&arguments.helo);
    target.senders = given(&arguments.sender);
    target.selectors = given(&arguments.selector);
    target.smarthost = arguments.smarthost.as_deref().map(name::canonical);
    for pair in &arguments.key {
        let (selector, path) = pair.split_once('=').with_context(|| format!("--key {pair}: write SELECTOR=FILE"))?;
        if !target.selectors.iter().any(|known| known.value == selector) {
            target.selectors.push(Learned::new(selector.to_owned(), Origin::CommandLine));
        }
        target.signing_keys.push((selector.to_owned(), PathBuf::from(path)));
    }
    Ok(target)
}

/// The name servers to ask: those given, else those of this machine.
pub(crate) fn resolvers(given: &[String]) -> Result<Vec<SocketAddr>> {
    if given.is_empty() {
        let found = network::of_this_machine().context("cannot read the name servers of this machine; name one with --resolver ADDRESS")?;
        if found.is_empty() {
            bail!("this machine has no name server in /etc/resolv.conf; name one with --resolver ADDRESS");
        }
        return Ok(found);
    }
    given.iter().map(|text| resolver(text)).collect()
}

fn resolver(text: &str) -> Result<SocketAddr> {
    let with_port = text.parse::<SocketAddr>().ok();
    let plain = text.trim_matches(['[', ']']).parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, PORT));
    with_port.or(plain).with_context(|| format!("--resolver {text}: write an address, as 192.0.2.53 or 192.0.2.53:5353"))
}

/// A line on the terminal that says how far it is; nothing when there is no terminal.
pub(crate) struct Progress {
    done: usize,
    total: usize,
    shown: bool,
}

impl Progress {
    /// Nothing is done yet.
    pub(crate) fn new(total: usize) -> Self {
        Progress { done: 0, total, shown: std::io::stderr().is_terminal() }
    }

    /// One more is done.
    pub(crate) fn step(&mut self) {
        self.done += 1;
        if self.shown {
            // When stderr is gone there is nobody to tell.
            let _ = write!(std::io::stderr(), "\r{} of {} checks ", self.done, self.total);
        }
    }

    /// All are done.
    pub(crate) fn end(&self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r{:30}\r", "");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolvers_are_read_with_and_without_port() {
        assert_eq!(resolver("192.0.2.53").unwrap().to_string(), "192.0.2.53:53");
        assert_eq!(resolver("127.0.0.1:5353").unwrap().to_string(), "127.0.0.1:5353");
        assert_eq!(resolver("2001:db8::53").unwrap().to_string(), "[2001:db8::53]:53");
        assert_eq!(resolver("[2001:db8::53]:5353").unwrap().to_string(), "[2001:db8::53]:5353");
        assert!(resolver("example.com").is_err());
    }
}
