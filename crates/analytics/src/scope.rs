//! Which rows an answer is about: a span of time, a traffic, and filters.

use std::sync::Arc;

use mailvane_metric::Traffic;
use mailvane_metric::sender;
use mailvane_model::word::{Direction, Population, Reason};
use mailvane_model::{AttemptRow, AuthRow, MessageRow, OutcomeRow, RejectionRow, Time};

/// What groups can be made by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// Who runs the receiving system.
    Provider,
    /// The recipient's domain.
    Domain,
    /// The sender's domain.
    SenderDomain,
    /// The sender, with ids in it folded.
    Sender,
    /// The host that was spoken to.
    Relay,
    /// The sending instance: host and instance.
    Instance,
    /// The reason of failures.
    Reason,
    /// The client's address.
    Client,
    /// The SASL user.
    User,
}

impl Dimension {
    /// Every dimension with its written form.
    pub const ALL: &'static [(&'static str, Dimension)] = &[
        ("provider", Dimension::Provider),
        ("domain", Dimension::Domain),
        ("sender_domain", Dimension::SenderDomain),
        ("sender", Dimension::Sender),
        ("relay", Dimension::Relay),
        ("instance", Dimension::Instance),
        ("reason", Dimension::Reason),
        ("client", Dimension::Client),
        ("user", Dimension::User),
    ];

    /// The dimension of a written form.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|known| known.0 == word).map(|known| known.1)
    }

    /// The written form.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|known| known.1 == self).map_or("", |known| known.0)
    }
}

/// Equality filters: every one that is set must hold. A row without the field does not match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    /// By dimension, the value wanted.
    pub wanted: Vec<(Dimension, String)>,
    /// Only mail of these domains, for a reader who may see no other; `None` sets no limit.
    pub within: Option<Within>,
}

/// The domains whose mail a reader may see.
///
/// Mail is theirs when it goes to one of them, or when it was sent from one of them by a user or host of ours: the sender of what comes
/// from outside can be forged, and proves nothing. What belongs to no domain (logins, connections, warnings) is nobody's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Within(pub Arc<[String]>);

impl Within {
    /// Whether a domain is one of them.
    pub fn has(&self, domain: &str) -> bool {
        !domain.is_empty() && self.0.iter().any(|known| known.eq_ignore_ascii_case(domain))
    }

    fn of_sender(&self, domain: &str, direction: Direction) -> bool {
        matches!(direction, Direction::Outbound | Direction::Local) && self.has(domain)
    }

    /// Whether an attempt is theirs.
    pub fn has_attempt(&self, row: &AttemptRow<'_>) -> bool {
        self.has(row.recipient.domain) || self.of_sender(row.sender.domain, row.direction)
    }

    /// Whether an outcome is theirs.
    pub fn has_outcome(&self, row: &OutcomeRow<'_>) -> bool {
        self.has(row.recipient.domain) || self.of_sender(row.sender.domain, row.direction)
    }

    /// Whether a message as a whole is theirs; of others single recipients may be.
    pub fn has_message(&self, row: &MessageRow<'_>) -> bool {
        self.of_sender(row.sender.domain, row.direction) || (!row.sasl_user.is_empty() && self.has(row.sender.domain))
    }

    /// Whether a refusal is theirs.
    pub fn has_rejection(&self, row: &RejectionRow<'_>) -> bool {
        self.has(row.recipient.domain) || (!row.sasl_user.is_empty() && self.has(row.sender.domain))
    }
}

impl Filters {
    /// The value wanted of a dimension.
    pub fn get(&self, dimension: Dimension) -> Option<&str> {
        self.wanted.iter().find(|wanted| wanted.0 == dimension).map(|wanted| wanted.1.as_str())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty() && self.within.is_none()
    }
}

/// Which rows an answer is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The first moment.
    pub since: Time,
    /// The first moment after it.
    pub until: Time,
    /// The population; `None` means all.
    pub population: Option<Population>,
    /// The direction; `None` means all.
    pub direction: Option<Direction>,
    /// Outcomes by the time the mail arrived instead of when they became final.
    pub by_arrival: bool,
    /// The filters.
    pub filters: Filters,
}

impl Scope {
    /// Everything between two moments, of the default population of every number.
    pub fn between(since: Time, until: Time) -> Self {
        Scope {
            since,
            until,
            population: Some(Traffic::DEFAULT.population),
            direction: Some(Traffic::DEFAULT.direction),
            by_arrival: false,
            filters: Filters::default(),
        }
    }

    /// Whether a traffic belongs to it.
    pub fn has(&self, traffic: Traffic) -> bool {
        self.population.is_none_or(|population| population == traffic.population)
            && self.direction.is_none_or(|direction| direction == traffic.direction)
    }

    /// Whether a time lies in it.
    pub fn spans(&self, time: Time) -> bool {
        self.since <= time && time < self.until
    }

    fn within(&self, is_theirs: impl Fn(&Within) -> bool) -> bool {
        self.filters.within.as_ref().is_none_or(is_theirs)
    }

    fn all(&self, value: impl Fn(Dimension, &str) -> bool) -> bool {
        self.filters.wanted.iter().all(|(dimension, wanted)| value(*dimension, wanted))
    }

    /// Whether an attempt passes the filters (time and traffic apart).
    pub fn admits_attempt(&self, row: &AttemptRow<'_>) -> bool {
        self.within(|within| within.has_attempt(row)) && self.all(|dimension, wanted| attempt_is(row, dimension, wanted))
    }

    /// Whether an outcome passes the filters.
    pub fn admits_outcome(&self, row: &OutcomeRow<'_>) -> bool {
        self.within(|within| within.has_outcome(row)) && self.all(|dimension, wanted| outcome_is(row, dimension, wanted))
    }

    /// Whether a message passes the filters.
    pub fn admits_message(&self, row: &MessageRow<'_>) -> bool {
        let is_theirs = self.within(|within| within.has_message(row));
        is_theirs
            && self.all(|dimension, wanted| match dimension {
                Dimension::SenderDomain => row.sender.domain == wanted,
                Dimension::Sender => sender_is(row.sender, wanted),
                Dimension::Instance => instance(row.stream) == wanted,
                Dimension::Client => row.client_ip == wanted,
                Dimension::User => row.sasl_user == wanted,
                Dimension::Provider | Dimension::Domain | Dimension::Relay | Dimension::Reason => false,
            })
    }

    /// Whether a refusal passes the filters.
    pub fn admits_rejection(&self, row: &RejectionRow<'_>) -> bool {
        let is_theirs = self.within(|within| within.has_rejection(row));
        is_theirs
            && self.all(|dimension, wanted| match dimension {
                Dimension::Domain => row.recipient.domain == wanted,
                Dimension::SenderDomain => row.sender.domain == wanted,
                Dimension::Sender => sender_is(row.sender, wanted),
                Dimension::Instance => instance(row.stream) == wanted,
                Dimension::Reason => reason_is(Some(row.reason), wanted),
                Dimension::Client => row.client_ip == wanted,
                Dimension::User => row.sasl_user == wanted,
                Dimension::Provider | Dimension::Relay => false,
            })
    }

    /// Whether a login passes the filters.
    pub fn admits_auth(&self, row: &AuthRow<'_>) -> bool {
        let is_theirs = self.filters.within.is_none();
        is_theirs
            && self.all(|dimension, wanted| match dimension {
                Dimension::Instance => instance(row.stream) == wanted,
                Dimension::Client => row.client_ip == wanted,
                Dimension::User => row.user == wanted,
                _ => false,
            })
    }
}

/// What an instance is called: its host, and the instance where it is not the usual one.
pub fn instance(stream: &mailvane_model::Stream) -> String {
    if stream.instance.is_empty() { stream.host.clone() } else { format!("{}/{}", stream.host, stream.instance) }
}

fn sender_is(row: mailvane_model::Address<'_>, wanted: &str) -> bool {
    row.to_string() == wanted || sender::normalised(row) == wanted
}

fn reason_is(reason: Option<Reason>, wanted: &str) -> bool {
    reason.is_some_and(|reason| reason.word() == wanted)
}

fn attempt_is(row: &AttemptRow<'_>, dimension: Dimension, wanted: &str) -> bool {
    match dimension {
        Dimension::Provider => row.provider == wanted,
        Dimension::Domain => row.recipient.domain == wanted,
        Dimension::SenderDomain => row.sender.domain == wanted,
        Dimension::Sender => sender_is(row.sender, wanted),
        Dimension::Relay => row.relay_host == wanted,
        Dimension::Instance => instance(row.stream) == wanted,
        Dimension::Reason => reason_is(row.reason, wanted),
        Dimension::Client => row.client_ip == wanted,
        Dimension::User => row.sasl_user == wanted,
    }
}

fn outcome_is(row: &OutcomeRow<'_>, dimension: Dimension, wanted: &str) -> bool {
    match dimension {
        Dimension::Provider => row.provider == wanted,
        Dimension::Domain => row.recipient.domain == wanted,
        Dimension::SenderDomain => row.sender.domain == wanted,
        Dimension::Sender => sender_is(row.sender, wanted),
        Dimension::Relay => row.relay_host == wanted,
        Dimension::Instance => instance(row.stream) == wanted,
        Dimension::Reason => reason_is(row.reason, wanted),
        Dimension::Client => row.client_ip == wanted,
        Dimension::User => row.sasl_user == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mailvane_model::Address;

    fn within() -> Within {
        Within(Arc::from(["example.com".to_owned()]))
    }

    fn attempt(sender: &'static str, recipient: &'static str, direction: Direction) -> AttemptRow<'static> {
        AttemptRow {
            sender: Address { local: "a", domain: sender },
            recipient: Address { local: "b", domain: recipient },
            direction,
            ..AttemptRow::default()
        }
    }

    #[test]
    fn mail_is_theirs_by_its_recipient_or_by_a_sender_that_is_proven() {
        assert!(within().has_attempt(&attempt("example.net", "Example.com", Direction::Inbound)));
        assert!(within().has_attempt(&attempt("example.com", "example.net", Direction::Outbound)));
        assert!(within().has_attempt(&attempt("example.com", "example.org", Direction::Local)));
        for direction in [Direction::Inbound, Direction::Forwarded, Direction::Unknown, Direction::Mixed] {
            assert!(!within().has_attempt(&attempt("example.com", "example.org", direction)), "{direction:?}: a forged sender");
        }
        assert!(!within().has_attempt(&attempt("example.org", "mail.example.com", Direction::Outbound)), "no subdomain");
        assert!(!within().has_attempt(&attempt("", "", Direction::Outbound)));
    }

    #[test]
    fn what_belongs_to_no_domain_is_nobodys() {
        let mut scope = Scope::between(Time(0), Time(1));
        assert!(scope.admits_auth(&AuthRow::default()) && scope.filters.is_empty());
        scope.filters.within = Some(within());
        assert!(!scope.admits_auth(&AuthRow::default()) && !scope.filters.is_empty());
        assert!(!scope.admits_attempt(&attempt("example.net", "example.org", Direction::Outbound)));
    }
}
