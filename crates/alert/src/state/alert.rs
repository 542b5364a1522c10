//! One alert: one rule's state for one group, with hysteresis.

use mailvane_model::hash;
use serde::{Deserialize, Serialize};

use crate::condition::{Group, Reading, Verdict};
use crate::rule::{Rule, Severity};

/// How long after its end an alert that comes again counts as flapping, microseconds.
const FLAP_SPAN: i64 = 6 * mailvane_model::Time::HOUR;
/// Each time it flaps it has to be fine for twice as long, up to this many doublings.
const FLAPS: u32 = 4;

/// The state of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The condition holds, not yet for long enough.
    Pending,
    /// It fires.
    Firing,
    /// It is over.
    Resolved,
}

/// One alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// The rule.
    pub rule: String,
    /// Whom it is about.
    pub group: Group,
    /// Its state.
    pub state: State,
    /// How grave.
    pub severity: Severity,
    /// When what it is about began, log time in microseconds.
    pub began: i64,
    /// Since when the condition holds.
    pub since: i64,
    /// When it fired.
    pub fired: Option<i64>,
    /// Since when it has been fine, while it still fires.
    pub clear_since: Option<i64>,
    /// When it was over.
    pub resolved: Option<i64>,
    /// Since when nothing can be said about it.
    pub unknown_since: Option<i64>,
    /// How often it came again shortly after it was over.
    pub flaps: u32,
    /// The last numbers.
    pub reading: Reading,
    /// The numbers at their worst.
    pub worst: Reading,
}

impl Alert {
    /// An alert that has just begun to be considered.
    pub(crate) fn begin(rule: &Rule, reading: &Reading, severity: Severity, now: i64) -> Self {
        Alert {
            rule: rule.name.clone(),
            group: reading.group.clone(),
            state: State::Pending,
            severity,
            began: reading.since.unwrap_or(now).min(now),
            since: now,
            fired: None,
            clear_since: None,
            resolved: None,
            unknown_since: None,
            flaps: 0,
            reading: reading.clone(),
            worst: reading.clone(),
        }
    }

    /// Takes in what the rule says now; the change of state, if there is one. A pending alert that is fine again is dropped
    /// by the caller: `None` with [`State::Pending`] and a clear reading.
    pub(crate) fn observe(&mut self, rule: &Rule, reading: &Reading, severity: Severity, now: i64) -> Option<State> {
        if reading.verdict == Verdict::Unknown {
            self.unknown_since.get_or_insert(now);
            return None;
        }
        self.unknown_since = None;
        let before = self.state;
        match (self.state, reading.verdict) {
            (State::Resolved, Verdict::Holds) => {
                let flaps = if self.resolved.is_some_and(|resolved| now - resolved < FLAP_SPAN) { self.flaps + 1 } else { 0 };
                *self = Alert { flaps, ..Alert::begin(rule, reading, severity, now) };
            }
            (State::Firing, Verdict::Holds | Verdict::Between) => self.clear_since = None,
            (State::Firing, _) => {
                let since = *self.clear_since.get_or_insert(now);
                if now - since >= rule.resolve_after << self.flaps.min(FLAPS) {
                    self.state = State::Resolved;
                    self.resolved = Some(now);
                }
            }
            _ => {}
        }
        if reading.verdict == Verdict::Holds {
            self.take(reading, severity);
        }
        if self.state == State::Pending && reading.verdict == Verdict::Holds && now - self.since >= rule.hold {
            self.state = State::Firing;
            self.fired = Some(now);
        }
        (self.state != before).then_some(self.state)
    }

    fn take(&mut self, reading: &Reading, severity: Severity) {
        self.severity = self.severity.max(severity);
        self.began = self.began.min(reading.since.unwrap_or(self.began));
        if reading.value >= self.worst.value {
            self.worst = reading.clone();
        }
        self.reading = reading.clone();
    }

    /// Whether it can be forgotten.
    pub(crate) fn is_past(&self, now: i64) -> bool {
        self.state == State::Resolved && self.resolved.is_none_or(|resolved| now - resolved > FLAP_SPAN)
    }

    /// An id for a change of this alert: the same after a crash.
    pub(crate) fn id(&self, what: State, at: i64) -> String {
        let words = [self.rule.as_str(), &self.group.label, &self.group.key].map(|word| hash::bytes(word.as_bytes()));
        format!("{:016x}", hash::words(&[words[0], words[1], words[2], what as u64, at as u64]))
    }
}

#[cfg(test)]
mod tests {
    use mailvane_model::Time;
    use proptest::prelude::*;

    use super::*;

    const RULE: &str = "title = \"T\"\nwhy = \"W\"\nseverity = \"page\"\nfor = \"2m\"\nresolve_after = \"10m\"\nrunbook = \"R\"\n[condition]\nkind = \"log_gap\"\n";

    fn reading(verdict: Verdict) -> Reading {
        Reading { verdict, ..Reading::default() }
    }

    /// Plays one verdict a minute; when the state changed, and to what.
    fn play(verdicts: impl IntoIterator<Item = Verdict>) -> Vec<(i64, State)> {
        let rule = Rule::parse("r.toml", RULE).unwrap();
        let mut alert = Alert::begin(&rule, &reading(Verdict::Holds), Severity::Page, 0);
        let mut changes = Vec::new();
        for (minute, verdict) in verdicts.into_iter().enumerate() {
            if let Some(state) = alert.observe(&rule, &reading(verdict), Severity::Page, minute as i64 * Time::MINUTE) {
                changes.push((minute as i64, state));
            }
        }
        changes
    }

    #[test]
    fn it_fires_after_a_while_and_ends_after_a_while() {
        use Verdict::*;
        let verdicts = std::iter::repeat_n(Holds, 5).chain(std::iter::repeat_n(Between, 30)).chain(std::iter::repeat_n(Clear, 15));
        assert_eq!(play(verdicts), [(2, State::Firing), (45, State::Resolved)]);
    }

    #[test]
    fn what_is_unknown_neither_fires_nor_ends() {
        use Verdict::*;
        assert_eq!(play(std::iter::repeat_n(Unknown, 100)), []);
        let verdicts = std::iter::repeat_n(Holds, 5).chain(std::iter::repeat_n(Unknown, 100));
        assert_eq!(play(verdicts), [(2, State::Firing)]);
    }

    #[test]
    fn a_flapping_input_fires_once() {
        let flapping = (0..600).map(|minute| if minute / 5 % 2 == 0 { Verdict::Holds } else { Verdict::Clear });
        assert_eq!(play(flapping), [(2, State::Firing)]);
        // Slower than the time to resolve: each round takes longer to end, so that the rounds become few.
        let slow = (0..1_440).map(|minute| if minute / 15 % 2 == 0 { Verdict::Holds } else { Verdict::Clear });
        let fired = play(slow).iter().filter(|change| change.1 == State::Firing).count();
        assert_eq!(fired, 2);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn states_follow_each_other_in_their_order(verdicts in proptest::collection::vec(0_u8..4, 0..300)) {
            let verdicts = verdicts.into_iter().map(|code| [Verdict::Holds, Verdict::Between, Verdict::Clear, Verdict::Unknown][usize::from(code)]);
            let mut last = State::Pending;
            for (_, state) in play(verdicts) {
                let follows = matches!((last, state), (State::Pending, State::Firing) | (State::Firing, State::Resolved) | (State::Resolved, State::Pending | State::Firing));
                prop_assert!(follows, "{last:?} {state:?}");
                last = state;
            }
        }
    }
}
