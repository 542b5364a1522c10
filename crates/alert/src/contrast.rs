//! Which groups explain an excess of failures, and sample replies that show it.

use std::collections::BTreeMap;

use mailvane_metric::{Figure, template};
use mailvane_model::Time;
use serde::{Deserialize, Serialize};

use crate::condition::Group;
use crate::fact::Facts;
use crate::input::{Dimension, Sample};
use crate::series::{Book, outbound};

/// A group explains something when it holds at least this share of the failures,
const SHARE: f64 = 0.34;
/// and so many times its share of all mail.
const LIFT: f64 = 1.5;
/// Of so many failures,
const ENOUGH: u64 = 5;
/// so large a share are nearly all.
const NEARLY_ALL: f64 = 0.75;
/// How many sample replies are shown.
const REPLIES: usize = 3;

/// A group that holds more of the failures than of the mail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Excess {
    /// `provider`, `reason`, `sender`, `user`, `sending_ip`, `client`, `domain`.
    pub label: String,
    /// Which one.
    pub key: String,
    /// Its share of the failures, 0 to 1.
    pub share: f64,
    /// Its share of all mail of the same time, where that is known.
    pub of_mail: Option<f64>,
    /// How many failures.
    pub failures: u64,
}

type Attribute = (&'static str, fn(&Sample) -> &str, Option<Dimension>);

const ATTRIBUTES: [Attribute; 7] = [
    ("provider", |sample| &sample.provider, Some(Dimension::Provider)),
    ("reason", |sample| &sample.reason, None),
    ("sender", |sample| &sample.sender, None),
    ("user", |sample| &sample.user, Some(Dimension::User)),
    ("sending_ip", |sample| &sample.sending_ip, None),
    ("client", |sample| &sample.client, None),
    ("domain", |sample| &sample.domain, Some(Dimension::Domain)),
];

/// The failures of a group since a time.
fn of_group<'a>(facts: &'a Facts, group: &'a Group, since: Time) -> impl Iterator<Item = &'a Sample> {
    facts.samples.iter().filter(move |sample| sample.time >= since.0 && belongs(sample, group))
}

fn belongs(sample: &Sample, group: &Group) -> bool {
    match group.label.as_str() {
        "" => true,
        "sender_domain" => sample.sender.rsplit('@').next() == Some(group.key.as_str()),
        label => ATTRIBUTES.iter().find(|known| known.0 == label).is_some_and(|known| (known.1)(sample) == group.key),
    }
}

/// What explains the failures of a group between `since` and `now`, the largest share first.
pub fn explain(facts: &Facts, book: &Book, group: &Group, since: Time, now: Time) -> Vec<Excess> {
    let mut excesses = Vec::new();
    for (label, attribute, dimension) in ATTRIBUTES {
        if label == group.label || label == "sending_ip" && !has_several_addresses(facts) {
            continue;
        }
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for sample in of_group(facts, group, since) {
            *counts.entry(attribute(sample)).or_default() += u64::from(sample.weight.max(1));
        }
        let all: u64 = counts.values().sum();
        for (key, failures) in counts.into_iter().filter(|(key, _)| !key.is_empty()) {
            let share = failures as f64 / all.max(1) as f64;
            let of_mail = dimension.and_then(|dimension| share_of_mail(book, dimension, key, since, now));
            if share >= SHARE && of_mail.is_none_or(|of_mail| share >= of_mail * LIFT) {
                excesses.push(Excess { label: label.to_owned(), key: key.to_owned(), share, of_mail, failures });
            }
        }
    }
    excesses.sort_by(|left, right| right.share.total_cmp(&left.share).then_with(|| left.label.cmp(&right.label)));
    excesses
}

/// Whether mail leaves by more than one address of ours: by a single one everything does.
fn has_several_addresses(facts: &Facts) -> bool {
    let mut named = facts.samples.iter().map(|sample| sample.sending_ip.as_str()).filter(|address| !address.is_empty());
    let first = named.next();
    named.any(|address| Some(address) != first)
}

/// The provider at which nearly all failures of a group happened, when there are enough to say so.
pub fn main_provider<'a>(facts: &'a Facts, group: &'a Group, since: Time) -> Option<&'a str> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for sample in of_group(facts, group, since) {
        *counts.entry(&sample.provider).or_default() += u64::from(sample.weight.max(1));
    }
    let all: u64 = counts.values().sum();
    let (provider, most) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    (all >= ENOUGH && most as f64 >= all as f64 * NEARLY_ALL && !provider.is_empty()).then_some(provider)
}

fn share_of_mail(book: &Book, dimension: Dimension, key: &str, since: Time, now: Time) -> Option<f64> {
    let length = (now.0 - since.0).clamp(Time::MINUTE, crate::series::LONGEST_WINDOW);
    let tried = |dimension, key: &str| {
        book.get(outbound(), dimension, key).map(|series| series.window(now, length).counts.get(Figure::Attempts) as f64)
    };
    let (part, whole) = (tried(dimension, key)?, tried(Dimension::All, "")?);
    (whole > 0.0).then(|| part / whole)
}

/// Up to three replies that say different things, the most frequent first.
pub fn samples(facts: &Facts, group: &Group, since: Time) -> Vec<Sample> {
    let mut kinds: BTreeMap<String, (u64, &Sample)> = BTreeMap::new();
    for sample in of_group(facts, group, since) {
        let kind = kinds.entry(template::of(&sample.reply)).or_insert((0, sample));
        kind.0 += u64::from(sample.weight.max(1));
        kind.1 = sample;
    }
    let mut kinds: Vec<(u64, &Sample)> = kinds.into_values().collect();
    kinds.sort_by_key(|kind| std::cmp::Reverse((kind.0, kind.1.time)));
    kinds
        .into_iter()
        .take(REPLIES)
        .map(|(count, sample)| Sample { weight: count.min(u64::from(u32::MAX)) as u32, ..sample.clone() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(provider: &str, user: &str, reply: &str) -> Sample {
        Sample {
            time: 1,
            weight: 1,
            provider: provider.to_owned(),
            user: user.to_owned(),
            sender: format!("{user}@example.com"),
            reason: "reputation".to_owned(),
            reply: reply.to_owned(),
            ..Sample::default()
        }
    }

    #[test]
    fn the_account_behind_a_block_is_named() {
        let mut facts = Facts::default();
        for number in 0..20 {
            let user = if number % 10 == 0 { "bob" } else { "alice" };
            facts.samples.push_back(sample("google", user, &format!("550-5.7.1 spam from {user} id {number}0000")));
        }
        facts.samples.push_back(sample("yahoo", "bob", "451 later"));
        let group = Group::of("provider", "google");
        let found = explain(&facts, &Book::default(), &group, Time(0), Time(Time::HOUR));
        let named: Vec<(&str, &str)> = found.iter().map(|excess| (excess.label.as_str(), excess.key.as_str())).collect();
        assert_eq!(named, [("reason", "reputation"), ("sender", "alice@example.com"), ("user", "alice")]);
        assert_eq!(found[2].failures, 18);
        let replies = samples(&facts, &group, Time(0));
        assert!(replies.iter().all(|sample| sample.provider == "google") && !replies.is_empty() && replies.len() <= REPLIES);
    }

    #[test]
    fn a_sender_whose_failures_are_at_one_provider_has_a_main_one() {
        let mut facts = Facts::default();
        let group = Group::of("user", "alice");
        let main = |facts: &Facts| main_provider(facts, &group, Time(0)).map(str::to_owned);
        facts.samples.extend((0..4).map(|_| sample("google", "alice", "550 no")));
        assert_eq!(main(&facts), None, "too few to say");
        facts.samples.extend((0..4).map(|_| sample("google", "alice", "550 no")));
        assert_eq!(main(&facts).as_deref(), Some("google"));
        facts.samples.extend((0..4).map(|_| sample("yahoo", "alice", "550 no")));
        assert_eq!(main(&facts), None);
    }

    #[test]
    fn the_address_that_is_blocked_is_named_where_there_are_several() {
        let from = |address: &str| Sample { sending_ip: address.to_owned(), ..sample("google", "alice", "550 no") };
        let mut facts = Facts::default();
        facts.samples.extend((0..9).map(|_| from("192.0.2.1")));
        let group = Group::of("provider", "google");
        let names = |facts: &Facts| {
            let found = explain(facts, &Book::default(), &group, Time(0), Time(Time::HOUR));
            found.into_iter().filter(|excess| excess.label == "sending_ip").map(|excess| excess.key).collect::<Vec<_>>()
        };
        assert_eq!(names(&facts), Vec::<String>::new(), "there is no other");
        facts.samples.push_back(Sample { provider: "yahoo".into(), ..from("192.0.2.2") });
        assert_eq!(names(&facts), ["192.0.2.1"]);
    }

    #[test]
    fn nothing_is_said_where_nothing_stands_out() {
        let mut facts = Facts::default();
        for number in 0..30 {
            facts.samples.push_back(Sample {
                reason: format!("r{}", number % 6),
                ..sample(&format!("p{}", number % 5), &format!("u{number}"), "x")
            });
        }
        assert_eq!(explain(&facts, &Book::default(), &Group::default(), Time(0), Time(1)), []);
    }
}
