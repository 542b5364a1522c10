//! How near every rule is to firing.

use mailvane_model::Time;

use super::Engine;
use crate::condition::{Reading, Scene, Verdict};

impl Engine {
    /// Of each rule the group that is nearest to firing, with its numbers. Rules about events of which there were none are left out.
    pub fn survey(&self) -> Vec<(String, Reading)> {
        let (Some(now), Some(first)) = (self.through, self.first) else { return Vec::new() };
        let (mut found, mut readings) = (Vec::new(), Vec::new());
        for rule in self.rules.rules() {
            let open = self.open(&rule.name);
            let (from, wall) = (now.plus(-Time::MINUTE), now);
            let scene = Scene { from, now, wall, first, book: &self.book, facts: &self.facts, open, over: Vec::new(), surveys: true };
            readings.clear();
            rule.condition.evaluate(&scene, &mut readings);
            let nearness = |reading: &Reading| (reading.verdict == Verdict::Holds, rule.condition.nearness(reading));
            let told = readings.drain(..).filter(|reading| !reading.text.is_empty());
            let nearest = told.max_by(|left, right| {
                let (left, right) = (nearness(left), nearness(right));
                left.0.cmp(&right.0).then(left.1.total_cmp(&right.1))
            });
            found.extend(nearest.map(|reading| (rule.name.clone(), reading)));
        }
        found
    }
}
