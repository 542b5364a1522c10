//! A log in which nothing is written any more, far longer than ever before; or a stream that is not read any more.

use mailvane_model::Time;

use super::{Group, Reading, Scene, Verdict};
use crate::rule::read::Reader;
use crate::rule::span_words;

/// The condition.
#[derive(Clone, Debug)]
pub struct Deadman {
    /// A silence shorter than this is none.
    at_least: i64,
    /// Times the longest silence so far.
    times_longest: f64,
    /// How far reading may be behind.
    lag: i64,
}

impl Deadman {
    pub(crate) fn read(reader: &Reader<'_>) -> Self {
        Deadman {
            at_least: reader.span("at_least", Time::HOUR),
            times_longest: reader.number("times_longest", 2.0),
            lag: reader.span("lag", 20 * Time::MINUTE),
        }
    }

    pub(crate) fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Reading>) {
        self.silence(scene, out);
        for (stream, since) in &scene.facts.lagging {
            self.lag(Group::of("stream", stream), scene.now.0 - since, *since, scene, out);
        }
        let behind = scene.wall.0.saturating_sub(scene.now.0);
        self.lag(Group::of("stream", "*"), behind, scene.now.0, scene, out);
        for group in &scene.open {
            let told = out.iter().any(|reading| reading.group == *group);
            if !told {
                out.push(Reading::clear(group.clone()));
            }
        }
    }

    fn silence(&self, scene: &Scene<'_>, out: &mut Vec<Reading>) {
        let Some(alive) = scene.facts.alive else { return };
        let silent = scene.now.0 - alive;
        let longest = scene.facts.longest_silence.0;
        let limit = (self.at_least as f64).max(longest as f64 * self.times_longest) as i64;
        // Before two days have been seen nobody knows how long this log is silent at night.
        let holds = silent > limit && scene.learned() > 2 * Time::DAY;
        if holds || scene.surveys {
            let words = |span: i64| span_words(span / Time::MINUTE * Time::MINUTE);
            out.push(Reading {
                verdict: if holds { Verdict::Holds } else { Verdict::Clear },
                value: silent.max(0) as f64,
                limit: limit as f64,
                since: holds.then_some(alive),
                text: format!(
                    "nothing was written to the log for {}; the longest silence before was {}",
                    words(silent.max(0)),
                    words(longest)
                ),
                ..Reading::clear(Group::default())
            });
        }
    }

    fn lag(&self, group: Group, behind: i64, since: i64, scene: &Scene<'_>, out: &mut Vec<Reading>) {
        if behind > self.lag {
            let text = format!("not read since {}: {} behind", Time(since).rfc3339(0), span_words(behind / Time::MINUTE * Time::MINUTE));
            out.push(Reading {
                verdict: Verdict::Holds,
                value: behind as f64,
                limit: self.lag as f64,
                since: Some(since),
                text,
                ..Reading::clear(group)
            });
        } else if scene.is_open(&group.label, &group.key) {
            out.push(Reading::clear(group));
        }
    }
}
