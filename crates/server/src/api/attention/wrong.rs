//! What is wrong now: incidents, bad findings, sources that are blind, a queue that grows.

use std::cmp::Reverse;

use mailvane_alert::Severity as Gravity;
use mailvane_alert::state::State as AlertState;
use mailvane_ingest::tail::SourceState;
use mailvane_model::Time;
use mailvane_probe::{Severity, State};

use super::super::Api;
use super::{Line, about, part};
use crate::live::view::View;

/// The queue is compared with what it was so long ago.
const QUEUE_BACK: i64 = Time::HOUR;
/// It grows when it holds so many times as many recipients ...
const QUEUE_TIMES: f64 = 1.5;
/// ... and so many more at least.
const QUEUE_MORE: u64 = 50;

/// What was found, the gravest first, and what was looked at.
#[derive(Default)]
pub(super) struct Wrong {
    pub(super) lines: Vec<Line>,
    pub(super) looked_at: Vec<String>,
}

fn several(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

impl Wrong {
    pub(super) fn look(&mut self, api: &Api, view: &View) {
        self.alerts(api);
        self.findings(api);
        self.sources(view);
        self.queue(api);
        let rank = |line: &Line| ["page", "ticket", "info"].iter().position(|word| *word == line.severity);
        self.lines.sort_by_key(|line| (rank(line), Reverse(line.time)));
    }

    fn alerts(&mut self, api: &Api) {
        let board = api.board.state();
        for incident in &board.incidents {
            let alert = board.alerts.iter().find(|alert| incident.alerts.contains(&(alert.rule.clone(), alert.group.clone())));
            let rule = incident.alerts.first().and_then(|(rule, _)| board.rules.get(rule));
            let title = rule.map_or("An incident", |rule| rule.title.as_str());
            let seen = incident.acknowledged.as_ref().map(|seen| format!(" Acknowledged by {}.", seen.author));
            self.lines.push(Line {
                kind: "incident",
                severity: incident.severity.word(),
                title: format!("{title}{}", about(&incident.group)),
                text: format!("{}{}", alert.map_or("", |alert| alert.reading.text.as_str()), seen.unwrap_or_default()),
                time: Some(Time(incident.began)),
                page: format!("/alerts?incident={}", part(&incident.id)),
            });
        }
        let is_pending = |alert: &&mailvane_alert::state::Alert| alert.state == AlertState::Pending && alert.severity > Gravity::Info;
        for alert in board.alerts.iter().filter(is_pending) {
            let title = board.rules.get(&alert.rule).map_or(alert.rule.as_str(), |rule| rule.title.as_str());
            self.lines.push(Line {
                kind: "pending",
                severity: "info",
                title: format!("Perhaps: {title}{}", about(&alert.group)),
                text: format!("{} Not for long enough yet to be sure.", alert.reading.text),
                time: Some(Time(alert.began)),
                page: "/alerts".to_owned(),
            });
        }
        let rules = several(board.rules.rules().len(), "rule", "rules");
        self.looked_at.push(match board.through {
            Some(through) => format!("{rules} on the log up to {}", through.rfc3339(0)),
            None => format!("{rules}, which have judged nothing yet"),
        });
    }

    fn findings(&mut self, api: &Api) {
        let Some(board) = api.shared.probes.get() else { return };
        let (mut checks, mut last) = (0, None);
        for probe in board.probes() {
            last = last.max(probe.last.as_ref().map(|(time, _)| *time));
            for (scope, standings) in &probe.standings {
                checks += standings.len();
                for standing in standings.values().filter(|standing| standing.finding.state.is_bad()) {
                    let finding = &standing.finding;
                    let severity = match (finding.state, finding.severity) {
                        (State::Problem, Severity::Critical) => "page",
                        (State::Problem, _) | (_, Severity::Critical | Severity::High) => "ticket",
                        // Untidy records stand on the page of the domain.
                        _ => continue,
                    };
                    let is_domain = probe.kind == crate::probing::settings::Kind::Dns;
                    let page = if is_domain { format!("/domains/{}", part(scope)) } else { format!("/probes/{}", part(&probe.name)) };
                    self.lines.push(Line {
                        kind: "finding",
                        severity,
                        title: format!("{}: {}", finding.subject, finding.title),
                        text: finding.fix.clone(),
                        time: Some(standing.since),
                        page,
                    });
                }
            }
        }
        if checks > 0 {
            let run = last.map(|time| format!(", last run {}", time.rfc3339(0))).unwrap_or_default();
            self.looked_at.push(format!("{} of DNS, certificates and servers{run}", several(checks, "check", "checks")));
        }
    }

    fn sources(&mut self, view: &View) {
        for (path, reason) in view.troubles.iter() {
            self.blind(format!("{path} cannot be read"), reason.clone(), None);
        }
        let is_told = |name: &str| view.troubles.iter().any(|(path, _)| path == name);
        for info in view.sources.iter().filter(|info| info.state == SourceState::Missing) {
            let name = info.log.display().to_string();
            if !is_told(&name) && !is_told(&info.path.display().to_string()) && info.lines > 0 {
                self.blind(format!("{name} is gone"), "It was read before and no file of it is there now.".to_owned(), None);
            }
        }
        if let Some(reason) = &view.stopped {
            self.blind("Reading has stopped".to_owned(), reason.clone(), Some(view.made));
        }
        self.looked_at.push(several(view.sources.len(), "source of log lines", "sources of log lines"));
    }

    fn blind(&mut self, title: String, text: String, time: Option<Time>) {
        self.lines.push(Line { kind: "source", severity: "ticket", title, text, time, page: "/sources".to_owned() });
    }

    fn queue(&mut self, api: &Api) {
        let board = api.board.state();
        let history = &board.queue.history;
        let Some((time, last)) = history.last() else { return };
        self.looked_at.push(format!("the live queue ({})", several(last.recipients as usize, "recipient", "recipients")));
        let earlier = history.iter().rev().find(|(then, _)| then.0 <= time.0 - QUEUE_BACK).or_else(|| history.first());
        let Some((then, before)) = earlier.filter(|(then, _)| then < time) else { return };
        let grows = last.recipients as f64 >= before.recipients as f64 * QUEUE_TIMES && last.recipients >= before.recipients + QUEUE_MORE;
        if grows {
            let worst = last.destinations.iter().max_by_key(|(_, waiting)| *waiting);
            let text = worst.map(|(name, waiting)| format!("Most wait for {name}: {waiting}.")).unwrap_or_default();
            self.lines.push(Line {
                kind: "queue",
                severity: "ticket",
                title: format!("The queue grows: {} recipients, {} before", last.recipients, before.recipients),
                text,
                time: Some(*then),
                page: "/queue".to_owned(),
            });
        }
    }
}
