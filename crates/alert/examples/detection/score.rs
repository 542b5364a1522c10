//! Which incidents were found, how soon, and what was said for nothing.

use std::collections::BTreeMap;

use mailvane_alert::Severity;
use mailvane_alert::event::{NoticeKind, Step};
use mailvane_alert::state::State;

use crate::fixed::Alarm;
use crate::host::{Host, minute_of};
use crate::incident::{Incident, Kind};

/// What was found this long after the end still counts, in minutes: a day's window is judged when the day is over.
const AFTER: i64 = 90;
/// What is said this long after an incident follows from it, in minutes.
const WAKE: i64 = 12 * 60;

/// What counts for one group of incidents.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) all: u32,
    pub(crate) found: u32,
    pub(crate) paged: u32,
    pub(crate) delays: Vec<i64>,
    /// Found by a fixed threshold of 5 % and of 10 %.
    pub(crate) fixed: [u32; 2],
}

/// What counts for one size of host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Noise {
    pub(crate) months: u32,
    pub(crate) pages: u32,
    pub(crate) tickets: u32,
    pub(crate) fixed: [u32; 2],
    /// What was said for nothing: rule and how often.
    pub(crate) rules: BTreeMap<String, u32>,
}

/// The score of all hosts.
#[derive(Default)]
pub(crate) struct Score {
    /// By kind and size of host, large incidents only.
    pub(crate) large: BTreeMap<(Kind, u32), Tally>,
    /// By size of incident, those that cannot be expected to be found.
    pub(crate) small: BTreeMap<u32, Tally>,
    pub(crate) noise: BTreeMap<u32, Noise>,
    /// Incidents that were missed, in words.
    pub(crate) missed: Vec<String>,
    /// What was said for nothing, in words.
    pub(crate) said: Vec<String>,
}

/// Which rules of which group tell of a kind.
fn tells(kind: Kind, rule: &str, key: &str, target: &str) -> bool {
    let provider = ["provider_block", "provider_refuses", "bounce_spike", "deferral_spike"].contains(&rule) && key == target;
    match kind {
        Kind::Refusal | Kind::Throttle | Kind::Unreachable => provider,
        Kind::NoWayOut => rule == "outbound_stopped" || rule == "backlog_growing" || rule == "provider_refuses" || rule == "deferral_spike",
        Kind::Hijack | Kind::BadList => {
            (["account_hijacked", "sender_bounces", "user_limit_hour"].contains(&rule) && key == target)
                || (rule == "sender_refused" && key == "example.com")
        }
        Kind::SenderBroken => (rule == "sender_refused" && key == target) || (rule == "provider_block" || rule == "outbound_stopped"),
        Kind::SenderSilent => (rule == "sender_silent" && key == target) || rule == "mail_not_going_out",
        Kind::InboundSilent => rule == "mail_not_coming_in",
        Kind::PolicyDown => rule == "our_refusals" || rule == "mail_not_coming_in",
        Kind::Guessed => rule == "login_after_guessing" && key == target,
        Kind::Backscatter => rule == "backscatter",
        Kind::Forged => rule == "forged_sender_wave",
    }
}

impl Score {
    /// Adds a host-month.
    pub(crate) fn add(&mut self, host: &Host, size: u32, step: &Step, fixed: &[Vec<Alarm>; 2]) {
        for incident in &host.incidents {
            self.incident(host, incident, size, step, fixed);
        }
        let during = |minute: i64| host.incidents.iter().any(|one| one.start <= minute && minute <= one.end + WAKE);
        let noise = self.noise.entry(size).or_default();
        noise.months += 1;
        for notice in step.notices.iter().filter(|notice| matches!(notice.kind, NoticeKind::Fired | NoticeKind::Worse)) {
            if during(minute_of(notice.at)) {
                continue;
            }
            match notice.severity {
                Severity::Page => noise.pages += 1,
                Severity::Ticket => noise.tickets += 1,
                Severity::Info => continue,
            }
            let rule = notice.lines.first().map(|line| format!("{} {}", line.severity.word(), line.rule)).unwrap_or_default();
            let lines = notice.lines.first().map(|line| format!("{:?} {}", line.group.key, line.text)).unwrap_or_default();
            self.said.push(format!(
                "{rule} at host {} of {size} a day, day {:.2}: {lines}",
                host.seed,
                minute_of(notice.at) as f64 / 1440.0
            ));
            *noise.rules.entry(rule).or_default() += 1;
        }
        for (at, alarms) in fixed.iter().enumerate() {
            noise.fixed[at] += alarms.iter().filter(|alarm| !during(alarm.0)).count() as u32;
        }
    }

    fn incident(&mut self, host: &Host, incident: &Incident, size: u32, step: &Step, fixed: &[Vec<Alarm>; 2]) {
        let Some(first) = incident.first else { return };
        let target = host.target(incident);
        let in_time = |minute: i64| minute >= first && minute <= incident.end + AFTER;
        let firing = step.transitions.iter().filter(|transition| {
            transition.to == State::Firing
                && in_time(minute_of(transition.at))
                && tells(incident.kind, &transition.rule, &transition.group.key, &target)
        });
        let found: Vec<_> = firing.collect();
        let soonest = found.iter().map(|transition| minute_of(transition.at) - first).min();
        let tally = if incident.is_large() {
            self.large.entry((incident.kind, size)).or_default()
        } else {
            self.small.entry(incident.size).or_default()
        };
        tally.all += 1;
        if let Some(delay) = soonest {
            tally.found += 1;
            tally.paged += u32::from(found.iter().any(|transition| transition.severity == Severity::Page));
            tally.delays.push(delay);
        } else if incident.is_large() {
            self.missed.push(format!(
                "{} at host {} of {size} a day, day {:.2}: {} of {} messages of {target:?} in {} min",
                incident.kind.word(),
                host.seed,
                incident.start as f64 / 1440.0,
                incident.touched,
                incident.of,
                incident.end - incident.start
            ));
        }
        for (at, alarms) in fixed.iter().enumerate() {
            let is_there = |alarm: &Alarm| {
                incident.kind == Kind::NoWayOut
                    || !matches!(incident.kind, Kind::Refusal | Kind::Throttle | Kind::Unreachable)
                    || *alarm.1 == *target
            };
            let found = incident.kind.is_failure() && alarms.iter().any(|alarm| in_time(alarm.0) && is_there(alarm));
            tally.fixed[at] += u32::from(found);
        }
    }
}

/// The one in the middle.
pub(crate) fn median(mut values: Vec<i64>) -> Option<i64> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}
