//! What is not as it was: records and certificates, incidents that ended, reasons that are new or far more frequent, how much mail there is.

use std::cmp::Reverse;

use mailvane_alert::event::IncidentRow;
use mailvane_analytics::figures::{breakdown, summary};
use mailvane_analytics::{Dimension, Scope};
use mailvane_metric::{Figure, Figures};
use mailvane_model::Time;

use super::super::Api;
use super::super::breakdown::label;
use super::super::figures::{self, count};
use super::super::problem::Problem;
use super::super::window::Window;
use super::{LINES, Line, about, part};
use crate::live::view::View;

/// Reasons are compared with so much time before.
const PAST: i64 = 7 * Time::DAY;
/// A reason is new from so many failed and deferred tries on.
const NEW_FROM: u64 = 5;
/// It is more frequent from so many on ...
const MORE_FROM: u64 = 30;
/// ... when that is so many times its past.
const MORE_TIMES: f64 = 3.0;
/// How much mail there is has changed by this factor, up or down ...
const VOLUME_TIMES: f64 = 1.6;
/// ... where the larger of both is so much at least.
const VOLUME_FROM: u64 = 100;

/// What was found, the latest first.
#[derive(Default)]
pub(super) struct Changed {
    pub(super) lines: Vec<Line>,
    /// The time that numbers were compared with.
    pub(super) compared_with: Option<(Time, Time)>,
}

pub(super) fn look(api: &Api, view: &View, window: &Window, whole: bool) -> Result<Changed, Problem> {
    let mut changed = Changed::default();
    if whole {
        changed.records(api, &window.scope)?;
        changed.ended(api, &window.scope)?;
    }
    changed.volume(view, &window.scope)?;
    changed.reasons(view, &window.scope)?;
    changed.lines.sort_by_key(|line| Reverse(line.time));
    Ok(changed)
}

fn sums(view: &View, scope: &Scope) -> Result<Figures, Problem> {
    Ok(figures::sum(&summary(&view.snapshot, scope)?, |traffic| scope.has(traffic)))
}

/// Failed and deferred tries.
fn trouble(figures: &Figures) -> u64 {
    [Figure::DeferredAttempts, Figure::Bounced, Figure::Expired].into_iter().map(|figure| count(figures, figure)).sum()
}

/// A number with its unit of thousand, for a sentence.
fn times(now: u64, before: u64) -> String {
    if now >= before {
        format!("{:.1} times as much", now as f64 / before.max(1) as f64)
    } else {
        format!("{:.0} % less", 100.0 - now as f64 * 100.0 / before as f64)
    }
}

impl Changed {
    fn records(&mut self, api: &Api, scope: &Scope) -> Result<(), Problem> {
        let Some(board) = api.shared.probes.get() else { return Ok(()) };
        let changes = board.changes(None, scope.since, scope.until, LINES).map_err(|error| Problem::internal(&format!("{error:#}")))?;
        let probes = board.probes();
        for (kept, change) in changes {
            let is_domain = probes.iter().any(|probe| probe.name == kept.job && probe.kind == crate::probing::settings::Kind::Dns);
            self.lines.push(Line {
                kind: "record",
                severity: if change.after.is_bad() { "ticket" } else { "info" },
                title: format!("{}: {}", change.subject, change.title),
                text: change.sentence(),
                time: Some(change.time),
                page: if is_domain { format!("/domains/{}", part(&kept.scope)) } else { format!("/probes/{}", part(&kept.job)) },
            });
        }
        Ok(())
    }

    fn ended(&mut self, api: &Api, scope: &Scope) -> Result<(), Problem> {
        let kept = api.board.kept.incidents(scope.since, scope.until, LINES).map_err(|error| Problem::internal(&error))?;
        for incident in kept.iter().filter(|incident| incident.ended.is_some_and(|ended| ended < scope.until)) {
            let row: IncidentRow = serde_json::from_slice(&incident.value).map_err(|error| Problem::internal(&error))?;
            if row.part_of.is_some() {
                continue;
            }
            self.lines.push(Line {
                kind: "ended",
                severity: "info",
                title: format!("Over: {}{}", row.title, about(&row.group)),
                text: row.text,
                time: incident.ended,
                page: "/alerts/history".to_owned(),
            });
        }
        Ok(())
    }

    /// Against the same hours a week before where they were read, else against the time just before.
    fn volume(&mut self, view: &View, scope: &Scope) -> Result<(), Problem> {
        let length = scope.until.0.saturating_sub(scope.since.0);
        let Some(from) = view.data_from else { return Ok(()) };
        let end = view.complete_to.map_or(scope.until, |complete| complete.min(scope.until));
        let back = [PAST, length].into_iter().filter(|back| *back >= length).find(|back| scope.since.plus(-back) >= from);
        let Some(back) = back.filter(|_| end > scope.since) else { return Ok(()) };
        let now = Scope { until: end, ..scope.clone() };
        let past = Scope { since: scope.since.plus(-back), until: end.plus(-back), ..scope.clone() };
        self.compared_with = Some((past.since, past.until));
        let tried = |figures: &Figures| count(figures, Figure::Delivered) + count(figures, Figure::Relayed);
        let (now, before) = (tried(&sums(view, &now)?), tried(&sums(view, &past)?));
        let (low, high) = (now.min(before), now.max(before));
        if high >= VOLUME_FROM && high as f64 >= low as f64 * VOLUME_TIMES {
            let than = if back == PAST { "in the same time a week before" } else { "in the time just before" };
            self.lines.push(Line {
                kind: "volume",
                severity: "info",
                title: format!("{} of mail delivered: {}", if now > before { "More" } else { "Less" }, times(now, before)),
                text: format!("{now} recipients, {before} {than}."),
                time: Some(end),
                page: "/deliveries?compare=yes".to_owned(),
            });
        }
        Ok(())
    }

    /// Reasons of failures that the days before did not know, or knew far less.
    fn reasons(&mut self, view: &View, scope: &Scope) -> Result<(), Problem> {
        let length = scope.until.0.saturating_sub(scope.since.0).max(1);
        let Some(from) = view.data_from.filter(|from| from.0 <= scope.since.0 - length.min(PAST)) else { return Ok(()) };
        let past = Scope { since: scope.since.plus(-PAST).max(from), until: scope.since, ..scope.clone() };
        let known = (past.until.0 - past.since.0).max(1);
        let before = breakdown(&view.snapshot, &past, Dimension::Reason)?;
        for group in breakdown(&view.snapshot, scope, Dimension::Reason)?.groups {
            let now = trouble(&figures::sum(&group.cell, |traffic| scope.has(traffic)));
            let earlier = before.groups.iter().find(|other| other.key == group.key);
            let earlier = earlier.map_or(0, |other| trouble(&figures::sum(&other.cell, |traffic| scope.has(traffic))));
            let expected = earlier as f64 * length as f64 / known as f64;
            let name = label(Dimension::Reason, &group.key);
            let (title, text) = if earlier == 0 && now >= NEW_FROM {
                (format!("New: {name}"), format!("{now} failed or deferred tries; none in the days before."))
            } else if now >= MORE_FROM && now as f64 >= expected * MORE_TIMES {
                (format!("More often: {name}"), format!("{now} failed or deferred tries, {expected:.0} would be usual."))
            } else {
                continue;
            };
            let page = format!("/failures?reason={}", part(&group.key));
            self.lines.push(Line { kind: "reason", severity: "ticket", title, text, time: group.first.or(Some(scope.since)), page });
        }
        Ok(())
    }
}
