//! Incidents: alerts about the same thing, told as one.

use mailvane_model::hash;
use serde::{Deserialize, Serialize};

use super::Settings;
use crate::condition::Group;
use crate::event::NoticeKind;
use crate::rule::Severity;

/// Somebody has seen it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Who.
    pub author: String,
    /// When, on the wall.
    pub at: i64,
}

/// One incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Its id.
    pub id: String,
    /// What its alerts have in common.
    pub key: String,
    /// Whom it is about.
    pub group: Group,
    /// Its alerts: rule and group.
    pub alerts: Vec<(String, Group)>,
    /// Alerts that follow from one of them: they are a part of it while they are muted by it, and do not keep it open.
    #[serde(default)]
    pub followers: Vec<(String, Group)>,
    /// When it began, log time.
    pub began: i64,
    /// When its first alert fired.
    pub fired: i64,
    /// The gravest severity so far.
    pub severity: Severity,
    /// The severity that was told; `None` while nobody heard of it.
    pub told: Option<Severity>,
    /// When it was told last, and first, on the wall.
    pub told_at: i64,
    /// See `told_at`.
    pub first_told_at: i64,
    /// When it was told as a page first: the escalation chain counts from here.
    #[serde(default)]
    pub paged_at: i64,
    /// The id of the first notice.
    pub first_notice: Option<String>,
    /// Notices so far: makes their ids.
    pub notices: u32,
    /// Steps of the escalation chain taken.
    pub escalated: u32,
    /// Whether somebody has seen it.
    pub acknowledged: Option<Acknowledgement>,
    /// Whether it began in history that only trains.
    pub history: bool,
}

impl Incident {
    pub(crate) fn begin(key: String, rule: &str, group: Group, began: i64, fired: i64, history: bool) -> Self {
        let words = [key.as_bytes(), rule.as_bytes()].map(hash::bytes);
        Incident {
            id: format!("{:016x}", hash::words(&[words[0], words[1], fired as u64])),
            key,
            group,
            alerts: Vec::new(),
            followers: Vec::new(),
            began,
            fired,
            severity: Severity::Info,
            told: None,
            told_at: 0,
            first_told_at: 0,
            paged_at: 0,
            first_notice: None,
            notices: 0,
            escalated: 0,
            acknowledged: None,
            history,
        }
    }

    /// The id of its next notice.
    pub(crate) fn next_id(&mut self, kind: NoticeKind) -> String {
        let id = hash::words(&[hash::bytes(self.id.as_bytes()), kind as u64, u64::from(self.notices)]);
        self.notices += 1;
        format!("{id:016x}")
    }
}

/// What an incident asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing.
    Nothing,
    /// To be told.
    Tell(NoticeKind),
    /// To be told to the receivers of a step of the chain.
    Escalate(Vec<String>),
}

/// What is due for an incident whose gravest alert that may be told has this severity.
pub(crate) fn due(incident: &Incident, severity: Severity, settings: &Settings, wall: i64) -> Due {
    if settings.is_quiet(severity, wall) {
        return Due::Nothing;
    }
    let Some(told) = incident.told else { return Due::Tell(NoticeKind::Fired) };
    if severity > told {
        return Due::Tell(NoticeKind::Worse);
    }
    if incident.acknowledged.is_some() {
        return Due::Nothing;
    }
    let step = incident.escalated as usize;
    if severity == Severity::Page
        && let Some(receivers) = settings.escalation.get(step)
        && wall - incident.paged_at >= settings.escalate_after * (step as i64 + 1)
    {
        return Due::Escalate(receivers.clone());
    }
    match settings.repeat(severity) {
        Some(after) if wall - incident.told_at >= after => Due::Tell(NoticeKind::Repeat),
        _ => Due::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use mailvane_model::Time;

    use super::*;

    #[test]
    fn a_page_is_told_escalated_and_repeated_until_somebody_saw_it() {
        let settings = Settings { escalation: vec![vec!["second".to_owned()]], ..Settings::default() };
        let mut incident = Incident::begin("k".into(), "r", Group::default(), 0, 0, false);
        assert_eq!(due(&incident, Severity::Page, &settings, 0), Due::Tell(NoticeKind::Fired));
        incident.told = Some(Severity::Ticket);
        assert_eq!(due(&incident, Severity::Page, &settings, 1), Due::Tell(NoticeKind::Worse));
        incident.told = Some(Severity::Page);
        assert_eq!(due(&incident, Severity::Page, &settings, Time::MINUTE), Due::Nothing);
        assert_eq!(due(&incident, Severity::Page, &settings, 15 * Time::MINUTE), Due::Escalate(vec!["second".to_owned()]));
        incident.escalated = 1;
        assert_eq!(due(&incident, Severity::Page, &settings, 30 * Time::MINUTE), Due::Nothing);
        assert_eq!(due(&incident, Severity::Page, &settings, 4 * Time::HOUR), Due::Tell(NoticeKind::Repeat));
        incident.acknowledged = Some(Acknowledgement { author: "alice".into(), at: 1 });
        assert_eq!(due(&incident, Severity::Page, &settings, 40 * Time::HOUR), Due::Nothing);
    }

    #[test]
    fn notices_of_an_incident_have_ids_of_their_own_and_the_same_again() {
        let ids = || {
            let mut incident = Incident::begin("provider:google".into(), "r", Group::default(), 0, 7, false);
            [NoticeKind::Fired, NoticeKind::Repeat, NoticeKind::Repeat].map(|kind| incident.next_id(kind))
        };
        assert_eq!(ids(), ids());
        assert!(ids()[0] != ids()[1] && ids()[1] != ids()[2]);
    }
}
