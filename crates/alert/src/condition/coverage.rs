//! Lines that were not understood: a share that says our numbers may be wrong.

use mailvane_model::Time;

use super::reading::percent;
use super::{Group, Reading, Scene, Verdict};
use crate::rule::read::Reader;
use crate::rule::span_words;

/// The condition.
#[derive(Clone, Debug)]
pub struct CoverageBelow {
    window: i64,
    unparsed: f64,
    min_lines: f64,
}

impl CoverageBelow {
    pub(crate) fn read(reader: &Reader<'_>) -> Self {
        CoverageBelow {
            window: reader.span("window", 6 * Time::HOUR).clamp(Time::HOUR, Time::DAY),
            unparsed: reader.share("unparsed", 0.02),
            min_lines: reader.number("min_lines", 200.0),
        }
    }

    pub(crate) fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Reading>) {
        let recent = scene.facts.coverage.iter().filter(|hour| hour.0 + Time::HOUR > scene.now.0 - self.window);
        let (lines, unparsed) = recent.fold((0, 0), |sum, hour| (sum.0 + hour.1, sum.1 + hour.2));
        let (lines, unparsed) = (lines as f64, unparsed as f64);
        let mut reading =
            Reading { window: self.window, count: unparsed, of: lines, limit: self.unparsed, ..Reading::clear(Group::default()) };
        if lines > 0.0 {
            reading.value = unparsed / lines;
        }
        let (share, span) = (percent(reading.value), span_words(self.window));
        if lines == 0.0 && scene.open.is_empty() {
            return;
        }
        reading.text = format!("{unparsed} of {lines} lines ({share}) were not understood in {span}");
        if lines >= self.min_lines && reading.value > self.unparsed {
            reading.verdict = Verdict::Holds;
        }
        if scene.wants(&reading, !scene.open.is_empty()) {
            out.push(reading);
        }
    }
}
