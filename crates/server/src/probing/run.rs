//! One run of one job: its checks, domain by domain and server by server, with never two conversations at once with one host.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use mailvane_model::Time;
use mailvane_probe::fetch::{Fetch, Https};
use mailvane_probe::lookup::network::{Patience, Server};
use mailvane_probe::lookup::validate::Anchors;
use mailvane_probe::plan::plan;
use mailvane_probe::service::smtp::relay;
use mailvane_probe::{Finding, Panel};

use super::known::Known;
use super::settings::{Job, Kind};
use crate::command;

/// Domains or servers of one job that are looked at together.
const TOGETHER: usize = 8;
/// How long one domain or server may take.
const TIME_LIMIT: Duration = Duration::from_secs(240);

/// Hosts that a conversation is going on with.
#[derive(Debug, Default)]
pub(crate) struct Hosts(Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>);

impl Hosts {
    fn of(&self, scope: &str) -> Arc<tokio::sync::Mutex<()>> {
        let host = scope.rsplit_once("://").map_or(scope, |(_, rest)| rest);
        let host = host.split('/').next().unwrap_or(host);
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
        Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(host.to_owned()).or_default())
    }
}

/// What was found of one domain or server.
#[derive(Debug)]
pub(crate) struct Looked {
    /// Which.
    pub(crate) scope: String,
    /// When that began.
    pub(crate) time: Time,
    /// How long it took.
    pub(crate) took: Duration,
    /// What was found; none when it did not end in time or could not begin, with why.
    pub(crate) found: Result<Vec<Finding>, String>,
}

/// Runs a job: the answer for each of its domains or servers, as it comes.
pub(crate) async fn run(job: &Job, known: &Known, hosts: &Hosts, clock: fn() -> Time) -> Vec<Looked> {
    let one = |scope: String| async move {
        let host = hosts.of(&scope);
        let _alone = host.lock().await;
        let (time, started) = (clock(), Instant::now());
        let looking = tokio::time::timeout(TIME_LIMIT, look(job, known, &scope, time));
        let found = looking.await.unwrap_or_else(|_| Err(format!("it did not end within {} s", TIME_LIMIT.as_secs())));
        Looked { scope, time, took: started.elapsed(), found }
    };
    futures_util::stream::iter(job.scopes.iter().cloned().map(one)).buffer_unordered(TOGETHER).collect().await
}

async fn look(job: &Job, known: &Known, scope: &str, now: Time) -> Result<Vec<Finding>, String> {
    let words = |error: anyhow::Error| format!("{error:#}");
    let resolvers = command::check::resolvers(&job.section.resolvers);
    let resolvers = match resolvers {
        Ok(resolvers) => resolvers,
        Err(error) if job.kind == Kind::Dns => return Err(words(error)),
        // A server with a fixed address needs no name server.
        Err(_) => Vec::new(),
    };
    let servers: Vec<Server> = resolvers.into_iter().map(|address| Server::new(address, Patience::default())).collect();
    let web: Arc<dyn Fetch> = Arc::new(Https::default());
    let panel = Panel::over_network(now, &servers, !job.section.resolvers.is_empty(), &web, &Anchors::default());
    if job.kind == Kind::Dns {
        let plan = plan(panel.first(), &known.target(scope, &job.section, now), &[]).await;
        let mut findings = panel.run_all(&plan.checks, |_, _| {}).await;
        findings.extend(plan.findings);
        return Ok(findings);
    }
    let checks = command::probe::checks(&job.command(scope, &known.ours)).map_err(words)?;
    let mut findings = panel.run_all(&checks, |_, _| {}).await;
    if let Some([relaying, recipients, networks]) = known.relaying.as_ref().filter(|_| job.kind == Kind::Smtp && job.section.own) {
        findings.extend(relay::settings("Postfix of this machine", relaying, recipients, networks));
    }
    Ok(findings)
}
