//! A queue that is deep, old, growing, slow to drain, or whose mail is about to expire.
//!
//! Depth, growth and drain are known from the log alone (recipients deferred and not ended yet); ages, active mail and the expiry
//! forecast need a look at the live queue. Held, frozen and null-sender mail is left out.

use mailvane_metric::{Figure, drain};
use mailvane_model::Time;

use super::{Group, Reading, Scene, Verdict};
use crate::input::Dimension;
use crate::rule::read::Reader;
use crate::rule::{span_text, span_words};
use crate::series::outbound;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// Recipients waiting, beside what is usual.
    Depth,
    /// Recipients waiting that became more over the window, at several destinations.
    Growth,
    /// The time until it is empty at the present pace.
    Drain,
    /// The age of the oldest message that waits.
    Oldest,
    /// The age of what is being tried: our own trouble.
    Active,
    /// Messages that reach their lifetime soon.
    Expiry,
}

const MEASURES: [(&str, Of); 6] = [
    ("depth", Of::Depth),
    ("growth", Of::Growth),
    ("drain", Of::Drain),
    ("oldest", Of::Oldest),
    ("active", Of::Active),
    ("expiry", Of::Expiry),
];

/// The condition.
#[derive(Clone, Debug)]
pub struct Backlog {
    of: Of,
    min_depth: f64,
    times_usual: f64,
    min_destinations: usize,
    window: i64,
    longer_than: i64,
    within: i64,
    /// What begins to wait must be so much of what is sent: a few in a hundred wait after every mailing.
    share: f64,
}

impl Backlog {
    pub(crate) fn read(reader: &Reader<'_>) -> Self {
        let of = reader.word("measure", Some(Of::Depth), &MEASURES).unwrap_or(Of::Depth);
        let window = reader.span("window", Time::HOUR);
        if !(5 * Time::MINUTE..=Time::DAY).contains(&window) {
            reader.wrong("window", format!("`window` {} is impossible: from 5m to 1d", span_text(window)));
        }
        Backlog {
            of,
            min_depth: reader.number("min_depth", 50.0),
            times_usual: reader.number("times_usual", 3.0),
            min_destinations: reader.number("min_destinations", 3.0) as usize,
            window,
            longer_than: reader.span("longer_than", Time::HOUR),
            within: reader.span("within", Time::DAY),
            share: reader.share("share", 0.15),
        }
    }

    pub(crate) fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Reading>) {
        let mut reading = Reading::clear(Group::default());
        match self.of {
            Of::Depth | Of::Growth | Of::Drain => self.waiting(scene, &mut reading),
            Of::Oldest | Of::Active | Of::Expiry => self.look(scene, &mut reading),
        }
        if scene.wants(&reading, !scene.open.is_empty()) {
            out.push(reading);
        }
    }

    /// What the log (or the last look) says about depth now and before.
    fn waiting(&self, scene: &Scene<'_>, reading: &mut Reading) {
        let depths = || scene.facts.depths.iter();
        let depth = self.depth(scene);
        let earlier = scene.now.plus(-self.window);
        let before = depths().rev().find(|note| note.0 <= earlier.0).map_or(0, |note| note.1);
        let usual = usual(depths().filter(|note| note.0 < scene.now.0 - 3 * Time::HOUR).map(|note| note.1).collect());
        let limit = (self.times_usual * usual).max(self.min_depth);
        let destinations = self.destinations(scene);
        let growth = depth - before as f64;
        (reading.value, reading.limit, reading.count, reading.usual) = (depth, limit, depth, Some(usual));
        reading.window = self.window;
        let span = span_words(self.window);
        reading.text = format!("{depth:.0} recipients wait; limit {limit:.0}, usual {usual:.0}");
        if depth < limit || destinations < self.min_destinations {
            if depth > limit / 2.0 && !scene.open.is_empty() {
                reading.verdict = Verdict::Between;
            }
            return;
        }
        let holds = match self.of {
            Of::Growth => growth > depth * 0.2 && growth >= self.share * self.tried(scene),
            Of::Drain => {
                let rate = drain::per_second((earlier, before), (scene.now, depth as i64));
                let left = rate.and_then(|rate| drain::seconds_left(depth as i64, rate));
                left.is_none_or(|left| left > self.longer_than as f64 / Time::SECOND as f64)
            }
            _ => true,
        };
        reading.verdict = if holds { Verdict::Holds } else { Verdict::Between };
        reading.text = format!(
            "{depth:.0} recipients wait for {destinations} destinations, {} {:.0} in {span}; usual {usual:.0}",
            if growth < 0.0 { "fewer by" } else { "more by" },
            growth.abs()
        );
    }

    /// Recipients tried for the first time in the window.
    fn tried(&self, scene: &Scene<'_>) -> f64 {
        let total = scene.book.get(outbound(), Dimension::All, "");
        total.map_or(0.0, |total| total.window(scene.now, self.window).counts.get(Figure::RecipientsFirstTried) as f64)
    }

    fn depth(&self, scene: &Scene<'_>) -> f64 {
        let fresh = scene.facts.queue.back().filter(|look| look.0 > scene.now.0 - 15 * Time::MINUTE);
        fresh.map_or(scene.facts.depth_now(), |look| look.1.recipients as i64) as f64
    }

    /// Destinations with a part of what waits that is worth naming: one in fifty.
    fn destinations(&self, scene: &Scene<'_>) -> usize {
        let fresh = scene.facts.queue.back().filter(|look| look.0 > scene.now.0 - 15 * Time::MINUTE);
        match fresh {
            Some((_, look)) if !look.destinations.is_empty() => {
                look.destinations.iter().filter(|(_, waiting)| *waiting * 50 >= look.recipients).count()
            }
            _ => {
                let all = scene.facts.depth_now();
                scene.facts.waiting.values().filter(|waiting| **waiting * 50 >= all).count()
            }
        }
    }

    /// What only a look at the queue can say.
    fn look(&self, scene: &Scene<'_>, reading: &mut Reading) {
        let Some((time, look)) = scene.facts.queue.back() else { return };
        if *time < scene.now.0 - 30 * Time::MINUTE {
            reading.verdict = Verdict::Unknown;
            return;
        }
        let seconds = |span: i64| (span / Time::SECOND) as f64;
        let (value, limit, enough, text) = match self.of {
            Of::Oldest => (
                look.oldest_deferred as f64,
                seconds(self.longer_than),
                look.deferred as f64 >= self.min_depth,
                format!("{} messages wait, the oldest for {} min", look.deferred, look.oldest_deferred / 60),
            ),
            Of::Active => (
                look.active_age as f64,
                seconds(self.longer_than),
                look.active as f64 >= self.min_depth,
                format!("{} messages are being tried, 5 % of them for over {} min: the trouble is here", look.active, look.active_age / 60),
            ),
            _ => {
                let soon: u64 =
                    look.expiring.iter().filter(|(within, _)| *within as f64 <= seconds(self.within)).map(|(_, count)| *count).sum();
                (
                    soon as f64,
                    self.min_depth,
                    look.destinations.len() >= self.min_destinations,
                    format!("{soon} messages expire within {}", span_words(self.within)),
                )
            }
        };
        (reading.value, reading.limit, reading.count, reading.text) = (value, limit, value, text);
        if value >= limit && enough {
            reading.verdict = Verdict::Holds;
        }
    }
}

/// The median of what was noted.
fn usual(mut notes: Vec<i64>) -> f64 {
    notes.sort_unstable();
    notes.get(notes.len() / 2).map_or(0.0, |median| *median as f64)
}
