//! Trouble of our own daemons: fatal errors and panics, and warnings whose text says that something here is broken.

use std::collections::BTreeMap;

use mailvane_model::Time;
use mailvane_model::word::Level;

use super::{Group, Reading, Scene, Verdict};
use crate::rule::read::Reader;
use crate::rule::span_words;

const LEVELS: [(&str, Level); 4] = [("warning", Level::Warning), ("error", Level::Error), ("fatal", Level::Fatal), ("panic", Level::Panic)];

/// The condition.
#[derive(Clone, Debug)]
pub struct TroubleHere {
    /// From this level on everything counts.
    level: Level,
    /// Below it: texts with one of these parts (lower case).
    parts: Vec<String>,
    /// Texts with one of these parts never count.
    except: Vec<String>,
    window: i64,
    min_count: f64,
}

impl TroubleHere {
    pub(crate) fn read(reader: &Reader<'_>) -> Self {
        let lower = |key| reader.texts(key).into_iter().map(str::to_lowercase).collect();
        TroubleHere {
            level: reader.word("level", Some(Level::Fatal), &LEVELS).unwrap_or(Level::Fatal),
            parts: lower("texts"),
            except: lower("except"),
            window: reader.span("window", 15 * Time::MINUTE).min(Time::DAY),
            min_count: reader.number("min_count", 1.0),
        }
    }

    pub(crate) fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Reading>) {
        let from = scene.now.0 - self.window;
        if scene.open.is_empty()
            && !scene.surveys
            && scene.facts.troubles.back().is_none_or(|last| last.time < scene.from.floor(Time::MINUTE).0)
        {
            return;
        }
        let mut daemons: BTreeMap<&str, (f64, i64, &str)> = BTreeMap::new();
        for trouble in scene.facts.troubles.iter().filter(|trouble| trouble.time >= from) {
            let text = trouble.template.to_lowercase();
            let level = Level::from_word(&trouble.level).unwrap_or_default();
            let is_grave = level >= self.level && level != Level::Gap;
            let has = |parts: &[String]| parts.iter().any(|part| text.contains(part.as_str()));
            if (is_grave || has(&self.parts)) && !has(&self.except) {
                let entry = daemons.entry(&trouble.daemon).or_insert((0.0, trouble.time, &trouble.sample));
                entry.0 += f64::from(trouble.count);
            }
        }
        for group in scene.open.iter().filter(|group| !daemons.contains_key(group.key.as_str())) {
            out.push(Reading::clear(group.clone()));
        }
        for (daemon, (count, since, sample)) in daemons {
            let mut reading =
                Reading { value: count, count, limit: self.min_count, window: self.window, ..Reading::clear(Group::of("daemon", daemon)) };
            reading.text = format!("{count} times in {}: {sample}", span_words(self.window));
            if count >= self.min_count {
                reading.verdict = Verdict::Holds;
                reading.since = Some(since);
            }
            if scene.wants(&reading, scene.is_open("daemon", daemon)) {
                out.push(reading);
            }
        }
    }
}
