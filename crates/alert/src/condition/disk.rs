//! A disk that fills up: little is left, or it will be full soon at the present pace.

use mailvane_model::Time;

use super::reading::percent;
use super::{Group, Reading, Scene, Verdict};
use crate::rule::read::Reader;
use crate::rule::span_words;

/// The condition.
#[derive(Clone, Debug)]
pub struct DiskFilling {
    free: f64,
    full_within: i64,
    window: i64,
}

impl DiskFilling {
    pub(crate) fn read(reader: &Reader<'_>) -> Self {
        DiskFilling {
            free: reader.share("free", 0.05),
            full_within: reader.span("full_within", Time::DAY),
            window: reader.span("window", 6 * Time::HOUR),
        }
    }

    pub(crate) fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Reading>) {
        for (path, (total, looks)) in &scene.facts.disks {
            let Some(now) = looks.back() else { continue };
            let from = looks.iter().find(|look| look.0 >= now.0 - self.window).unwrap_or(now);
            let mut reading = Reading::clear(Group::of("disk", path));
            reading.value = if *total > 0 { now.1 as f64 / *total as f64 } else { 1.0 };
            (reading.limit, reading.count, reading.of) = (self.free, now.1 as f64, *total as f64);
            let megabytes = now.1 / 1_000_000;
            let (span, lost) = (now.0 - from.0, from.1.saturating_sub(now.1) as f64);
            let left = if lost > 0.0 { now.1 as f64 / lost * span as f64 } else { f64::INFINITY };
            reading.text = format!("{megabytes} MB free ({})", percent(reading.value));
            if reading.value < self.free {
                reading.verdict = Verdict::Holds;
            } else if span >= self.window / 4 && left < self.full_within as f64 && reading.value < 0.5 {
                reading.verdict = Verdict::Holds;
                let hours = span_words(((left / Time::HOUR as f64).ceil() as i64).max(1) * Time::HOUR);
                reading.text = format!("{megabytes} MB free ({}), full in about {hours} at this pace", percent(reading.value));
            }
            if scene.wants(&reading, scene.is_open("disk", path)) {
                out.push(reading);
            }
        }
    }
}
