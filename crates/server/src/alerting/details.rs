//! What a notice says of each incident that goes on, for the page: who and where, replies, what changed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mailvane_alert::Engine;
use mailvane_alert::notify::words::{Content, Speech, Words};
use mailvane_model::Time;

use super::settings::Plan;
use crate::rules;

/// They are worked out at most so often.
const EVERY: Duration = Duration::from_secs(10);
/// And for at most this share of the time.
const SHARE: u32 = 50;

/// The words of each incident by its id, worked out now and then.
#[derive(Debug, Default)]
pub(crate) struct Details {
    /// As of the last look.
    pub(crate) shown: Arc<BTreeMap<String, Words>>,
    /// The log time of the last look, when it was made, and what it cost.
    made: Option<(Time, Instant, Duration)>,
}

impl Details {
    /// Looks again when there is something new, and at once at what is not known yet.
    pub(crate) fn renew(&mut self, engine: &Engine, plan: &Plan) {
        let Some(through) = engine.through() else { return };
        let is_known = engine.incidents().all(|incident| self.shown.contains_key(&incident.id));
        let is_due = self.made.is_none_or(|(seen, made, cost)| seen != through && made.elapsed() >= EVERY.max(cost * SHARE));
        if is_known && !is_due {
            return;
        }
        let begun = Instant::now();
        let rules = rules::current();
        let speech = Speech {
            judge: &rules.judge,
            providers: &rules.providers,
            zone: plan.zone,
            host: &plan.own.host,
            link: &plan.link,
            content: Content::Full,
        };
        let words = engine.explained().into_iter().map(|notice| (notice.incident.clone(), Words::of(&notice, &speech)));
        self.shown = Arc::new(words.collect());
        self.made = Some((through, begun, begun.elapsed()));
    }
}
