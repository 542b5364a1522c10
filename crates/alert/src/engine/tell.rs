//! From firing alerts to notices: one incident, one notice; nothing of what is past, muted, silenced or quiet.

use mailvane_model::{Time, hash};

use super::{Engine, LEARNING, SUMMARY_LINES};
use crate::changes;
use crate::condition::{Condition, can_follow};
use crate::contrast;
use crate::event::{Line, Notice, NoticeKind, Step, Trend};
use crate::rule::{Rule, Severity};
use crate::state::{Alert, Due, Incident, State, due};
use crate::trend;

/// How far back the samples of a notice reach before the beginning of the incident.
const BEFORE: i64 = 5 * Time::MINUTE;

/// Whether one alert can be what another follows from.
fn is_possible_cause(cause: &Alert, alert: &Alert) -> bool {
    cause.rule != alert.rule && can_follow(&cause.group, &alert.group.label, &alert.group.key)
}

impl Engine {
    /// Ends incidents that are over and says what is due.
    pub(super) fn tell(&mut self, wall: Time, step: &mut Step) {
        let behind = self.is_behind(wall);
        if !behind && !self.trained {
            // The history has been read: what ended in it is in its rows, and what still holds is told now, as of its true start.
            self.trained = true;
            self.summary.clear();
        }
        self.release(step);
        let keys: Vec<String> = self.incidents.keys().cloned().collect();
        for key in keys {
            if self.is_settled(&key, wall) {
                continue;
            }
            self.tell_one(&key, behind, wall, step);
        }
        if !behind && self.trained {
            self.tell_summary(wall, step);
        }
    }

    /// Whether an incident goes on, was told, and nothing about it is due: the usual case, and a cheap one.
    fn is_settled(&self, key: &str, wall: Time) -> bool {
        let Some(incident) = self.incidents.get(key) else { return true };
        let firing = || incident.alerts.iter().filter_map(|key| self.alerts.get(key)).filter(|alert| alert.state == State::Firing);
        let gravest = firing().map(|alert| alert.severity).max();
        incident.told.is_some() && gravest.is_some_and(|severity| due(incident, severity, &self.settings, wall.0) == Due::Nothing)
    }

    fn tell_one(&mut self, key: &str, behind: bool, wall: Time, step: &mut Step) {
        let Some(mut incident) = self.incidents.get(key).cloned() else { return };
        if !self.is_firing(&incident) {
            self.end(incident, behind, wall, step);
            return;
        }
        if !self.trained || (behind && !self.is_about_reading(&incident)) {
            return;
        }
        let visible: Vec<&Alert> = self.visible(&incident, wall);
        let Some(severity) = visible.iter().map(|alert| alert.severity).max() else { return };
        let (kind, receivers) = match due(&incident, severity, &self.settings, wall.0) {
            Due::Nothing => return,
            Due::Tell(kind) => (kind, self.receivers(&visible)),
            Due::Escalate(receivers) => {
                incident.escalated += 1;
                (NoticeKind::Escalated, receivers)
            }
        };
        let mut lines: Vec<Line> = visible.iter().filter_map(|alert| self.line(alert)).collect();
        lines.sort_by_key(|line| std::cmp::Reverse(line.severity));
        let mut notice = self.notice(&mut incident, kind, severity, lines);
        notice.receivers = receivers;
        let is_first = incident.told.is_none();
        if is_first {
            incident.first_notice = Some(notice.id.clone());
            incident.first_told_at = wall.0;
        }
        if severity == Severity::Page && incident.told < Some(Severity::Page) {
            incident.paged_at = wall.0;
        }
        incident.told = incident.told.max(Some(severity));
        incident.told_at = wall.0;
        step.notices.push(notice);
        self.incidents.insert(key.to_owned(), incident);
        if is_first {
            // Its row says from now on that it was told.
            step.incidents.extend(self.row(key, None));
        }
    }

    /// Whether an incident says that nothing is read: then what is read lies behind for good.
    fn is_about_reading(&self, incident: &Incident) -> bool {
        let is_clock = |rule: &Rule| matches!(rule.condition, Condition::Deadman(_));
        incident.alerts.iter().any(|(name, _)| self.rules.get(name).is_some_and(is_clock))
    }

    /// The firing alerts of an incident that may be told.
    fn visible(&self, incident: &Incident, wall: Time) -> Vec<&Alert> {
        let alerts = incident.alerts.iter().filter_map(|key| self.alerts.get(key)).filter(|alert| alert.state == State::Firing);
        alerts.filter(|alert| !self.is_muted(alert) && !self.silences.iter().any(|silence| silence.covers(alert, wall.0))).collect()
    }

    /// Whether a graver rule fires of which this alert is a consequence.
    pub(super) fn is_muted(&self, alert: &Alert) -> bool {
        self.rules.get(&alert.rule).is_none() || self.muting(alert).next().is_some()
    }

    /// The firing alerts of graver rules of which this one is a consequence.
    pub(super) fn muting<'a>(&'a self, alert: &'a Alert) -> impl Iterator<Item = &'a Alert> {
        let names = self.rules.get(&alert.rule).map_or(&[][..], |rule| &rule.muted_by);
        names.iter().flat_map(move |name| {
            let firing = self.alerts.values().filter(move |other| other.rule == *name && other.state == State::Firing);
            firing.filter(move |other| is_possible_cause(other, alert))
        })
    }

    fn receivers(&self, alerts: &[&Alert]) -> Vec<String> {
        let mut receivers: Vec<String> = Vec::new();
        for alert in alerts {
            match self.rules.get(&alert.rule) {
                Some(rule) if !rule.notify.is_empty() => receivers.extend(rule.notify.iter().cloned()),
                // One rule for everybody makes the notice one for everybody.
                Some(_) if self.settings.everybody.is_empty() => return Vec::new(),
                Some(_) => receivers.extend(self.settings.everybody.iter().cloned()),
                None => {}
            }
        }
        receivers.sort();
        receivers.dedup();
        receivers
    }

    /// Who hears that an incident is over: who heard that it began, and whom the chain reached.
    fn receivers_to_the_end(&self, incident: &Incident, alerts: &[&Alert]) -> Vec<String> {
        let mut receivers = self.receivers(alerts);
        if !receivers.is_empty() {
            receivers.extend(self.settings.escalation.iter().take(incident.escalated as usize).flatten().cloned());
            receivers.sort();
            receivers.dedup();
        }
        receivers
    }

    fn line(&self, alert: &Alert) -> Option<Line> {
        let rule = self.rules.get(&alert.rule)?;
        Some(Line {
            rule: rule.name.clone(),
            title: rule.title.clone(),
            group: alert.group.clone(),
            severity: alert.severity,
            text: alert.reading.text.clone(),
            reading: alert.reading.clone(),
            why: rule.why.clone(),
            runbook: rule.runbook.clone(),
        })
    }

    fn notice(&self, incident: &mut Incident, kind: NoticeKind, severity: Severity, lines: Vec<Line>) -> Notice {
        let now = self.through.unwrap_or_default();
        let since = Time(incident.began - BEFORE);
        let title = lines.first().map(|line| line.title.clone()).unwrap_or_default();
        let contrast = contrast::explain(&self.facts, &self.book, &incident.group, since, now);
        Notice {
            id: incident.next_id(kind),
            incident: incident.id.clone(),
            answers: incident.first_notice.clone(),
            kind,
            severity,
            title: if incident.group.is_whole() { title } else { format!("{title}: {}", incident.group) },
            at: now.0,
            began: incident.began,
            receivers: Vec::new(),
            lines,
            changes: changes::before(&self.facts, &self.book, &contrast, &incident.group, Time(incident.began), now),
            contrast,
            samples: contrast::samples(&self.facts, &incident.group, since),
            young: self.first.is_some_and(|first| now.0 - first.0 < LEARNING),
            summary: Vec::new(),
            trend: trend::of(&self.book, &incident.group, Time(incident.began), now),
        }
    }

    /// What a notice would say now of each incident that goes on.
    pub fn explained(&self) -> Vec<Notice> {
        let of = |incident: &Incident| {
            let alerts = incident.alerts.iter().filter_map(|key| self.alerts.get(key));
            let mut lines: Vec<Line> = alerts.filter_map(|alert| self.line(alert)).collect();
            lines.sort_by_key(|line| std::cmp::Reverse(line.severity));
            self.notice(&mut incident.clone(), NoticeKind::Fired, incident.severity, lines)
        };
        self.incidents.values().map(of).collect()
    }

    /// An incident none of whose alerts fires any more.
    fn end(&mut self, mut incident: Incident, behind: bool, wall: Time, step: &mut Step) {
        let resolved = incident.alerts.iter().filter_map(|key| self.alerts.get(key)).filter_map(|alert| alert.resolved).max();
        let ended = resolved.or(self.through.map(|through| through.0)).unwrap_or_default();
        let row = self.row(&incident.key, Some(ended));
        self.incidents.remove(&incident.key);
        let text = row.as_ref().map(|row| row.text.clone()).unwrap_or_default();
        let mut lines: Vec<Line> =
            incident.alerts.iter().filter_map(|key| self.alerts.get(key)).filter_map(|alert| self.line(alert)).collect();
        // As in the alarm: the gravest first, which gives the title.
        lines.sort_by_key(|line| std::cmp::Reverse(line.severity));
        let alerts: Vec<&Alert> = incident.alerts.iter().filter_map(|key| self.alerts.get(key)).collect();
        let is_silenced = |alert: &&Alert| self.silences.iter().any(|silence| silence.covers(alert, wall.0));
        if let Some(severity) = incident.told {
            let receivers = self.receivers_to_the_end(&incident, &alerts);
            if self.settings.is_quiet(severity, wall.0) {
                let ended = Time(ended).rfc3339(0);
                self.summary.push(format!("{} {}: over since {ended}", row.as_ref().map_or("", |row| &row.title), incident.group));
            } else if alerts.is_empty() || !alerts.iter().all(is_silenced) {
                let mut notice = self.notice(&mut incident, NoticeKind::Resolved, severity, lines);
                notice.receivers = receivers;
                step.notices.push(notice);
            }
        } else if self.trained
            && !incident.history
            && (behind || self.settings.is_quiet(incident.severity, wall.0))
            && incident.severity > Severity::Info
        {
            let title = row.as_ref().map(|row| row.title.clone()).unwrap_or_default();
            let (began, ended) = (Time(incident.began).rfc3339(0), Time(ended).rfc3339(0));
            if self.summary.len() < SUMMARY_LINES {
                self.summary.push(format!("{title} {}: from {began} to {ended}: {text}", incident.group));
            }
        }
        step.incidents.extend(row);
    }

    /// What came and went while nobody was told.
    fn tell_summary(&mut self, wall: Time, step: &mut Step) {
        if self.summary.is_empty() || self.settings.is_quiet(Severity::Ticket, wall.0) {
            return;
        }
        let summary = std::mem::take(&mut self.summary);
        let now = self.through.unwrap_or_default();
        let words: Vec<u64> = summary.iter().map(|line| hash::bytes(line.as_bytes())).collect();
        step.notices.push(Notice {
            id: format!("{:016x}", hash::words(&words)),
            incident: String::new(),
            answers: None,
            kind: NoticeKind::Summary,
            // It is over, so nobody is woken; what is worth a line of it was a ticket at least, and routes leave out what is less.
            severity: Severity::Ticket,
            title: "what began and ended in the meantime".to_owned(),
            at: now.0,
            began: now.0,
            receivers: self.settings.everybody.clone(),
            lines: Vec::new(),
            contrast: Vec::new(),
            samples: Vec::new(),
            young: false,
            summary,
            trend: Trend::default(),
            changes: Vec::new(),
        });
    }
}
