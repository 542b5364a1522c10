//! `/domains` and `/domains/{domain}`: what DNS says of our domains, and the rules of Gmail, Yahoo and Microsoft with evidence.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::Uri;
use mailvane_analytics::figures::breakdown;
use mailvane_analytics::{Dimension, Scope as Traffic};
use mailvane_metric::Figure;
use mailvane_model::Time;
use mailvane_probe::history::{Standings, worst};
use mailvane_probe::lookup::name;
use mailvane_probe::sheet::{Line, Scope, Volume, sheet};
use mailvane_probe::{Finding, Learned, State as FindingState, Target};
use serde_json::{Value, json};

use super::{board, broken, shape};
use crate::api::figures;
use crate::api::json::{optional_moment, text};
use crate::api::problem::Problem;
use crate::api::question::Question;
use crate::api::reader::Reader;
use crate::api::{Api, now};
use crate::live::view::View;
use crate::probing::board::Shown;
use crate::probing::settings::Kind;

/// Changes of a domain that its sheet shows.
const CHANGES: usize = 100;
/// Days of our own mail that are counted.
const VOLUME_DAYS: u32 = 7;
/// The large receivers of the sheet, and their ids among the providers.
const PROVIDERS: [(&str, &str); 3] = [("Gmail", "google"), ("Yahoo", "yahoo"), ("Microsoft", "microsoft_consumer")];

fn last_run(probe: &Shown) -> Option<Time> {
    probe.last.as_ref().map(|(time, _)| *time)
}

/// `/domains`: each domain that a probe looks at.
pub(crate) async fn domains(State(api): State<Arc<Api>>, _: Reader, uri: Uri) -> Result<Json<Value>, Problem> {
    Question::read(&uri, &[])?;
    let probes = board(&api)?.probes();
    let of = |probe: &Shown, domain: &String| {
        let standings = probe.standings.get(domain);
        let all = || standings.into_iter().flat_map(|standings| standings.values());
        let (state, severity) = worst(all());
        let first =
            shape::sorted(all()).first().filter(|standing| standing.finding.state.is_bad()).map(|standing| standing.finding.title.clone());
        json!({
            "domain": domain,
            "probe": probe.name,
            "state": shape::shown_state(state, standings),
            "severity": severity.word(),
            "counts": shape::counts(all()),
            "worst": first,
            "last_run": optional_moment(last_run(probe)),
            "next_run": optional_moment(probe.next),
        })
    };
    let dns = probes.iter().filter(|probe| probe.kind == Kind::Dns);
    let domains: Vec<Value> = dns.flat_map(|probe| probe.scopes.iter().map(move |domain| of(probe, domain))).collect();
    Ok(Json(json!({"domains": domains})))
}

/// `/domains/{domain}`: its sheet.
pub(crate) async fn domain(State(api): State<Arc<Api>>, _: Reader, Path(domain): Path<String>, uri: Uri) -> Result<Json<Value>, Problem> {
    Question::read(&uri, &[])?;
    let board = board(&api)?;
    let domain = name::canonical(&domain);
    let probe = board.probes().into_iter().find(|probe| probe.kind == Kind::Dns && probe.scopes.contains(&domain));
    let Some(probe) = probe else {
        return Err(Problem::not_found(format!("no probe looks at `{domain}`")).hint("name it in [domains] ours or in a [[probe]]"));
    };
    let view = api.shared.view();
    let work = move || -> Result<Value, Problem> {
        let volumes = view.as_ref().map(|view| volumes(view, now())).transpose()?.unwrap_or_default();
        let standings = probe.standings.get(&domain).cloned().unwrap_or_default();
        let target = board.target(&probe.name, &domain, now()).unwrap_or_else(|| Target::new(&domain));
        let changes = board.changes(Some(&probe.name), Time(i64::MIN), Time(i64::MAX), CHANGES * 10).map_err(|error| broken(&error))?;
        let of_domain = changes.iter().filter(|(kept, _)| kept.scope == domain).take(CHANGES);
        let (state, severity) = worst(standings.values());
        Ok(json!({
            "domain": domain,
            "probe": probe.name,
            "state": shape::shown_state(state, Some(&standings)),
            "severity": severity.word(),
            "counts": shape::counts(standings.values()),
            "last_run": optional_moment(last_run(&probe)),
            "next_run": optional_moment(probe.next),
            "running_since": optional_moment(probe.running),
            "learned": learned(&target),
            "sheet": lines(&standings, &target, &volumes),
            "findings": shape::sorted(standings.values()).into_iter().map(|standing| shape::finding(&domain, standing)).collect::<Vec<_>>(),
            "changes": of_domain.map(|(kept, change)| shape::change(&kept.job, &kept.scope, change)).collect::<Vec<_>>(),
        }))
    };
    api.gate.run(work).await.map(Json)
}

/// How much the large receivers took of our mail on the busiest of the last days, out of the rollups.
fn volumes(view: &View, now: Time) -> Result<Vec<Volume>, Problem> {
    let mut volumes: Vec<Volume> = PROVIDERS.iter().map(|(provider, _)| Volume { provider, busiest: 0, days: VOLUME_DAYS }).collect();
    for day in 0..i64::from(VOLUME_DAYS) {
        let until = now.plus(-day * Time::DAY);
        let scope = Traffic::between(until.plus(-Time::DAY), until);
        for group in breakdown(&view.snapshot, &scope, Dimension::Provider)?.groups {
            let Some(at) = PROVIDERS.iter().position(|(_, id)| *id == group.key) else { continue };
            let figures = figures::sum(&group.cell, |traffic| scope.has(traffic));
            volumes[at].busiest = volumes[at].busiest.max(figures::count(&figures, Figure::Delivered));
        }
    }
    Ok(volumes)
}

/// The rules of large receivers. What the last runs could not find out is unknown here, whatever stood before.
fn lines(standings: &Standings, target: &Target, volumes: &[Volume]) -> Vec<Value> {
    if standings.is_empty() {
        return Vec::new();
    }
    let now = |standing: &mailvane_probe::history::Standing| {
        let mut finding: Finding = standing.finding.clone();
        if let Some(silent) = &standing.silent {
            finding.state = FindingState::Unknown;
            finding.title.clone_from(&silent.title);
        }
        finding
    };
    let findings: Vec<Finding> = standings.values().map(now).collect();
    sheet(&findings, target, volumes).iter().map(line).collect()
}

fn line(line: &Line) -> Value {
    json!({
        "provider": line.provider,
        "for": if line.scope == Scope::Bulk { "bulk" } else { "all" },
        "rule": line.rule,
        "result": line.mark.word(),
        "because": text(&line.because),
    })
}

/// What the domain's servers use, each value with where it was learned.
fn learned(target: &Target) -> Vec<Value> {
    let mut found = Vec::new();
    let mut add = |what: &str, value: String, origin: &str, last_seen: Option<Time>| {
        found.push(json!({"what": what, "value": value, "source": origin, "last_seen": optional_moment(last_seen)}));
    };
    for Learned { value, origin, last_seen } in &target.sending {
        add("sending_ip", value.to_string(), origin.word(), *last_seen);
    }
    for (what, values) in [("helo", &target.helo), ("sender", &target.senders), ("selector", &target.selectors)] {
        for Learned { value, origin, last_seen } in values {
            add(what, value.clone(), origin.word(), *last_seen);
        }
    }
    if let Some(smarthost) = &target.smarthost {
        add("smarthost", smarthost.clone(), "from the settings", None);
    }
    found
}
