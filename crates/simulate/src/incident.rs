//! What goes wrong on purpose, with its beginning, its end and its size.

use mailvane_model::Time;

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IncidentKind {
    /// A provider refuses our mail for good (550, our address is on its list). The name is one of [`crate::PROVIDERS`].
    Refusal {
        /// The provider.
        provider: &'static str,
    },
    /// A provider throttles us (421).
    Throttle {
        /// The provider.
        provider: &'static str,
    },
    /// A provider, or with an empty name every destination, does not answer: connections time out.
    Unreachable {
        /// The provider; empty for all.
        provider: &'static str,
    },
    /// The account of one of our users sends spam to strangers.
    Hijack {
        /// Messages an hour.
        messages_per_hour: u32,
    },
    /// Our resolver fails: lookups give temporary errors, inbound and outbound.
    DnsFailure,
    /// The policy service of our own server does not answer: clients get 451 4.3.5.
    PolicyDown,
}

/// Something that goes wrong between two times.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// What.
    pub kind: IncidentKind,
    /// From.
    pub start: Time,
    /// Until (not included).
    pub end: Time,
    /// Which share of what it could touch it does touch, 0 to 100 percent.
    pub percent: u32,
}

/// What the incidents mean for one attempt to deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disturbance {
    Refused,
    Throttled,
    Unreachable,
    NoDns,
}

impl Incident {
    pub(crate) fn is_on(&self, time: Time) -> bool {
        self.start <= time && time < self.end
    }

    /// What it does to an attempt at a provider, if it is on.
    pub(crate) fn disturbs(&self, provider: &str, time: Time) -> Option<Disturbance> {
        if !self.is_on(time) {
            return None;
        }
        match &self.kind {
            IncidentKind::Refusal { provider: name } if *name == provider => Some(Disturbance::Refused),
            IncidentKind::Throttle { provider: name } if *name == provider => Some(Disturbance::Throttled),
            IncidentKind::Unreachable { provider: name } if name.is_empty() || *name == provider => Some(Disturbance::Unreachable),
            IncidentKind::DnsFailure => Some(Disturbance::NoDns),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incident_touches_its_provider_and_its_time_only() {
        let incident = Incident { kind: IncidentKind::Throttle { provider: "Yahoo" }, start: Time(10), end: Time(20), percent: 100 };
        assert_eq!(incident.disturbs("Yahoo", Time(10)), Some(Disturbance::Throttled));
        assert_eq!(incident.disturbs("Yahoo", Time(20)), None);
        assert_eq!(incident.disturbs("Google", Time(15)), None);
    }
}
