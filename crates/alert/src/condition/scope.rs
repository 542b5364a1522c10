//! Which series a condition looks at, over which windows, and what it sees of the world.

use mailvane_metric::{Figure, Traffic};
use mailvane_model::Time;
use mailvane_model::word::{Direction, Population};

use super::{Group, Reading, Verdict};
use crate::fact::Facts;
use crate::input::Dimension;
use crate::measure::{Measure, Ratio, Sums};
use crate::rule::read::{Reader, span, unknown};
use crate::rule::span_text;
use crate::series::{Book, DOOR, LONGEST_WINDOW, Series};

/// What a condition sees.
pub(crate) struct Scene<'a> {
    /// The end of the step before.
    pub(crate) from: Time,
    /// The log time up to which everything is known.
    pub(crate) now: Time,
    /// As `now`, and later by as long as nothing has been handed over.
    pub(crate) wall: Time,
    /// When the first line was read.
    pub(crate) first: Time,
    pub(crate) book: &'a Book,
    pub(crate) facts: &'a Facts,
    /// The groups of this rule that are pending or firing: they are looked at even when nothing new happened there.
    pub(crate) open: Vec<Group>,
    /// What rules of which this one is a consequence told of, and when that was over: see [`Scene::explained`].
    pub(crate) over: Vec<(Group, i64)>,
    /// Every group is looked at and told with its numbers, near its limit or not ([`crate::Engine::survey`]).
    pub(crate) surveys: bool,
}

impl Scene<'_> {
    /// Whether a window of this length has to be looked at in this step. What takes long to build up need not be looked at
    /// every minute, unless it is what keeps an alert firing.
    pub(crate) fn is_due(&self, length: i64, is_open: bool) -> bool {
        let crossed = |width: i64| self.from.floor(width) < self.now.floor(width);
        is_open || self.surveys || length <= Time::HOUR || (length <= Time::DAY && crossed(15 * Time::MINUTE)) || crossed(Time::HOUR)
    }

    pub(crate) fn is_open(&self, label: &str, key: &str) -> bool {
        self.open.iter().any(|group| (group.label == label && group.key == key) || (label == "all" && group.is_whole()))
    }

    /// Up to when what happened to a group is explained: by what this rule's alerts would follow from, and that is over.
    pub(crate) fn explained(&self, label: &str, key: &str) -> i64 {
        self.over.iter().filter(|(cause, _)| can_follow(cause, label, key)).map(|(_, until)| *until).max().unwrap_or(i64::MIN)
    }

    /// How much of a window is not explained. In whole quarters beyond an hour, as those are kept.
    pub(crate) fn unexplained(&self, label: &str, key: &str, window: i64) -> i64 {
        let length = self.now.0.saturating_sub(self.explained(label, key)).clamp(0, window);
        if length > Time::HOUR && length < window { length / (15 * Time::MINUTE) * (15 * Time::MINUTE) } else { length }
    }

    /// The sums of a window for a group. What was told is not told again: long windows leave it out, and all of them what is explained.
    pub(crate) fn sums(&self, series: &Series, label: &str, window: i64, is_open: bool) -> Sums {
        if is_open {
            return series.window(self.now, window);
        }
        series.untold(self.now, self.unexplained(label, &series.name.key, window))
    }

    /// Whether a reading is to be told.
    pub(crate) fn wants(&self, reading: &Reading, is_open: bool) -> bool {
        is_open || self.surveys || reading.verdict != Verdict::Clear
    }

    /// The share of our recipients that belong to a group, over the past, or over the last day while there is none.
    pub(crate) fn share_of_mail(&self, series: &Series) -> f64 {
        let Some(total) = self.book.get(series.name.class, Dimension::All, &Group::default().key) else { return 1.0 };
        // First tries again: what waits for long and is tried every hour is not more of our mail for that.
        let first = Measure::Ratio(Ratio::FirstRefusal);
        let (part, whole) = (series.usual(first, Time::DAY).1, total.usual(first, Time::DAY).1);
        if whole >= 100.0 {
            return part / whole;
        }
        let tried = |series: &Series| series.window(self.now, Time::DAY).counts.get(Figure::RecipientsFirstTried) as f64;
        tried(series) / tried(total).max(1.0)
    }

    /// For how long there has been something to learn from.
    pub(crate) fn learned(&self) -> i64 {
        self.now.0.saturating_sub(self.first.0)
    }
}

/// Whether something about one group can follow from something about another: what happens at one provider is no cause of what happens at
/// another, but can be one of what a sender meets.
pub(crate) fn can_follow(cause: &Group, label: &str, key: &str) -> bool {
    cause.label != label || cause.key == key
}

const TRAFFICS: [(&str, Traffic); 6] = [
    ("outbound", Traffic::DEFAULT),
    ("inbound", Traffic::of(Population::Ordinary, Direction::Inbound)),
    ("forwarded", Traffic::of(Population::Ordinary, Direction::Forwarded)),
    ("local", Traffic::of(Population::Ordinary, Direction::Local)),
    ("notices_out", Traffic::of(Population::Notification, Direction::Outbound)),
    ("notices_in", Traffic::of(Population::Notification, Direction::Inbound)),
];

const GROUPS: [(&str, Dimension); 7] = [
    ("all", Dimension::All),
    ("provider", Dimension::Provider),
    ("reason", Dimension::Reason),
    ("domain", Dimension::Domain),
    ("sender_domain", Dimension::SenderDomain),
    ("user", Dimension::User),
    ("client", Dimension::Client),
];

/// Which series.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) class: u8,
    pub(crate) group_by: Dimension,
    /// From the shortest to the longest.
    pub(crate) windows: Vec<i64>,
    only: Vec<String>,
    except: Vec<String>,
}

impl Scope {
    pub(crate) fn read(reader: &Reader<'_>, measure: Measure, group_by: Dimension, windows: &[i64]) -> Self {
        let group_by = reader.word("group_by", Some(group_by), &GROUPS).unwrap_or(group_by);
        let mut class = if measure.is_door() { DOOR } else { Traffic::DEFAULT.code() };
        let (mut only, mut except) = (Vec::new(), Vec::new());
        if let Some(filter) = reader.inner("filter") {
            if let Some(traffic) = filter.word("traffic", Some(Traffic::DEFAULT), &TRAFFICS)
                && !measure.is_door()
            {
                class = traffic.code();
            }
            let lower = |key| filter.texts(key).into_iter().map(str::to_lowercase).collect();
            (only, except) = (lower("only"), lower("except"));
            reader.absorb(filter);
        }
        Scope { class, group_by, windows: read_windows(reader, windows), only, except }
    }

    /// Whether a key is meant. What has no name (no provider, no domain) is nobody's group.
    pub(crate) fn takes(&self, key: &str) -> bool {
        (self.group_by == Dimension::All || !key.is_empty())
            && (self.only.is_empty() || self.only.iter().any(|pattern| matches(pattern, key)))
            && !self.except.iter().any(|pattern| matches(pattern, key))
    }

    /// The series with something new, and those of groups that are pending or firing, with whether they are.
    pub(crate) fn series<'a>(&'a self, scene: &'a Scene<'_>) -> impl Iterator<Item = (&'a Series, bool)> {
        let word = self.group_by.word();
        let news = (!scene.surveys).then(|| scene.book.active(self.class, self.group_by)).into_iter().flatten();
        let all = scene.surveys.then(|| scene.book.all(self.class, self.group_by)).into_iter().flatten();
        let looked_at = news.chain(all).filter(|series| self.takes(&series.name.key));
        let active = looked_at.map(move |series| (series, scene.is_open(word, &series.name.key)));
        let is_active = |key: &str| scene.surveys || scene.book.active(self.class, self.group_by).any(|series| &*series.name.key == key);
        let quiet = scene.open.iter().filter(move |group| !is_active(&group.key));
        active.chain(quiet.filter_map(|group| scene.book.get(self.class, self.group_by, &group.key)).map(|series| (series, true)))
    }

    /// The label of its groups.
    pub(crate) fn group(&self, series: &Series) -> Group {
        Group::of(self.group_by.word(), &series.name.key)
    }
}

fn read_windows(reader: &Reader<'_>, default: &[i64]) -> Vec<i64> {
    let mut windows = Vec::new();
    for text in reader.texts("window") {
        match span(text) {
            Some(window) if (Time::MINUTE..=LONGEST_WINDOW).contains(&window) => windows.push(window),
            Some(window) => {
                let (least, most) = (span_text(Time::MINUTE), span_text(LONGEST_WINDOW));
                reader.wrong("window", format!("`window` {} is impossible: from {least} to {most}", span_text(window)));
            }
            None => reader.wrong("window", format!("`window` {text:?} is no span of time: write \"15m\", \"6h\", \"7d\"")),
        }
    }
    if windows.is_empty() {
        windows.extend_from_slice(default);
    }
    windows.sort_unstable();
    windows.dedup();
    windows
}

/// Reads the number that a rule looks at.
pub(crate) fn measure(reader: &Reader<'_>, default: Option<Measure>, ratio: Option<bool>) -> Measure {
    let fallback = default.unwrap_or(Measure::Figure(mailvane_metric::Figure::Received));
    let Some(word) = reader.text("metric") else {
        if default.is_none() {
            reader.wrong("metric", "`metric` is missing: it says which number to look at");
        }
        return fallback;
    };
    let wanted = |measure: &Measure| ratio.is_none_or(|ratio| measure.is_ratio() == ratio);
    let Some(measure) = Measure::from_word(word) else {
        let known = Measure::words().into_iter().filter(|word| Measure::from_word(word).as_ref().is_some_and(wanted));
        reader.wrong("metric", unknown("metric", word, known));
        return fallback;
    };
    if !wanted(&measure) {
        let kind =
            if measure.is_ratio() { "a rate: this kind of condition counts" } else { "a count: this kind of condition looks at rates" };
        reader.wrong("metric", format!("`{word}` is {kind}"));
    }
    measure
}

/// Whether a key fits a pattern in which `*` stands for anything.
pub(crate) fn matches(pattern: &str, key: &str) -> bool {
    let key = key.to_lowercase();
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = key.strip_prefix(first) else { return false };
    if !pattern.contains('*') {
        return rest.is_empty();
    }
    let mut parts: Vec<&str> = parts.collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, key, fits) in [
            ("*", "", true),
            ("google", "Google", true),
            ("google", "google2", false),
            ("*@example.com", "alice@example.com", true),
            ("news*@*.com", "news-1@example.com", true),
            ("news*@*.org", "news-1@example.com", false),
            ("dns.*", "dns.spf", true),
        ] {
            assert_eq!(matches(pattern, key), fits, "{pattern} {key}");
        }
    }
}
