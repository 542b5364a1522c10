//! Lines that are missing: gone before they were read, or suppressed by the logger.

use mailvane_model::Time;

use super::{Group, Reading, Scene, Verdict};
use crate::rule::read::Reader;
use crate::rule::span_words;

/// The condition.
#[derive(Clone, Debug)]
pub struct LogGap {
    window: i64,
}

impl LogGap {
    pub(crate) fn read(reader: &Reader<'_>) -> Self {
        LogGap { window: reader.span("window", Time::HOUR).min(Time::DAY) }
    }

    pub(crate) fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Reading>) {
        let recent: Vec<_> = scene.facts.gaps.iter().filter(|gap| gap.0 >= scene.now.0 - self.window).collect();
        let mut reading =
            Reading { window: self.window, count: recent.len() as f64, value: recent.len() as f64, ..Reading::clear(Group::default()) };
        if let Some((since, source, text)) = recent.first() {
            reading.verdict = Verdict::Holds;
            reading.since = Some(*since);
            reading.text = format!("{} gaps; the first in {source}: {text}", recent.len());
        }
        if recent.is_empty() {
            reading.text = format!("no gap in {}", span_words(self.window));
        }
        if scene.wants(&reading, !scene.open.is_empty()) {
            out.push(reading);
        }
    }
}
