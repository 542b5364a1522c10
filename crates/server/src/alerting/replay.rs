//! What is stored, replayed through rules: every minute is judged as if it had just passed.

use mailvane_alert::fold::Fold;
use mailvane_alert::state::Settings;
use mailvane_alert::{Engine, RuleSet, Step};
use mailvane_model::Time;
use mailvane_store::{Detail, Snapshot};

use super::rows;

/// Rules over a span of what is stored.
pub(crate) struct Replay {
    /// The rules, and what they know.
    pub(crate) engine: Engine,
    /// Minutes that were judged.
    pub(crate) minutes: u64,
    /// Up to here they were.
    pub(crate) through: Time,
    until: Time,
}

impl Replay {
    /// From the first row that is not before `since`, up to `until`.
    pub(crate) fn new(rules: RuleSet, snapshot: &Snapshot, since: Time, until: Time) -> Self {
        let first = snapshot.span().map(|(first, _)| first.max(since).floor(Time::MINUTE));
        let until = first.map_or(since, |first| until.max(first).floor(Time::MINUTE));
        let through = first.unwrap_or(until);
        Replay { engine: Engine::new(rules, Settings { trains: false, ..Settings::default() }), minutes: 0, through, until }
    }

    /// Reads and judges the next hours; `None` at the end. After an error the same hours can be asked for again.
    pub(crate) fn next(&mut self, snapshot: &Snapshot) -> mailvane_store::Result<Option<Step>> {
        if self.through >= self.until {
            return Ok(None);
        }
        let to = rows::stop(self.through, self.until);
        let mut fold = Fold::starting(Time::MINUTE, self.through);
        rows::between(snapshot, (self.through, to), Detail::Counted, &mut fold)?;
        let Replay { engine, minutes, .. } = self;
        let mut step = Step::default();
        fold.take(to, &mut |minute| {
            *minutes += 1;
            step.extend(engine.step(&minute, minute.end));
        });
        self.through = to;
        Ok(Some(step))
    }
}
