//! The state of the engine over a restart: one byte for the version, then JSON.

use mailvane_model::Time;
use serde::{Deserialize, Serialize};

use super::Engine;
use crate::error::Error;
use crate::fact::Facts;
use crate::rule::RuleSet;
use crate::series::{Book, SavedSeries};
use crate::state::{Alert, Incident, Settings, Silence};

const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct Saved {
    through: Option<i64>,
    first: Option<i64>,
    trained: bool,
    summary: Vec<String>,
    alerts: Vec<Alert>,
    incidents: Vec<Incident>,
    silences: Vec<Silence>,
    facts: Facts,
    series: Vec<SavedSeries>,
}

impl Engine {
    /// The bytes to keep. Keep them in one transaction with what the step said, whenever it said something, and now and then:
    /// after a restart the minutes from [`Engine::through`] on are handed over again, and give the same ids.
    ///
    /// # Errors
    /// [`Error::Damaged`] when a number cannot be written as JSON.
    pub fn save(&self) -> Result<Vec<u8>, Error> {
        let saved = Saved {
            through: self.through.map(|time| time.0),
            first: self.first.map(|time| time.0),
            trained: self.trained,
            summary: self.summary.clone(),
            alerts: self.alerts.values().cloned().collect(),
            incidents: self.incidents.values().cloned().collect(),
            silences: self.silences.clone(),
            facts: self.facts.clone(),
            series: self.book.save(),
        };
        let mut bytes = vec![VERSION];
        serde_json::to_writer(&mut bytes, &saved).map_err(|error| Error::Damaged(error.to_string()))?;
        Ok(bytes)
    }

    /// An engine with the state that was kept. Alerts of rules that are gone are left out.
    ///
    /// # Errors
    /// [`Error::Version`] when a later release wrote it, [`Error::Damaged`] when it is none of ours.
    pub fn restore(rules: RuleSet, settings: Settings, bytes: &[u8]) -> Result<Self, Error> {
        let (version, rest) = bytes.split_first().ok_or_else(|| Error::Damaged("it is empty".to_owned()))?;
        if *version > VERSION {
            return Err(Error::Version(*version));
        }
        let saved: Saved = serde_json::from_slice(rest).map_err(|error| Error::Damaged(error.to_string()))?;
        let mut engine = Engine::new(rules, settings);
        engine.through = saved.through.map(Time);
        engine.first = saved.first.map(Time);
        engine.trained = saved.trained;
        engine.summary = saved.summary;
        engine.silences = saved.silences;
        engine.facts = saved.facts;
        engine.book = Book::restore(saved.series);
        let known = |rule: &str| engine.rules.get(rule).is_some();
        engine.alerts = saved
            .alerts
            .into_iter()
            .filter(|alert| known(&alert.rule))
            .map(|alert| ((alert.rule.clone(), alert.group.clone()), alert))
            .collect();
        engine.incidents = saved.incidents.into_iter().map(|incident| (incident.key.clone(), incident)).collect();
        Ok(engine)
    }
}
