//! A listing, added up while it is read: it may be long.

use std::collections::BTreeMap;

use mailvane_model::word::{Reason, Stage};
use mailvane_parse::listing::{Listed, Queue};
use mailvane_reply::judge::Failure;
use mailvane_reply::peer;

use super::lifetimes::Lifetimes;
use crate::rules::Rules;

/// Destinations that are told apart; the rest is one.
const DESTINATIONS: usize = 20_000;
/// The name of the rest.
pub(crate) const OTHER: &str = "(other)";
/// Ages up to which messages are counted together, in seconds; what is older is the last group.
pub(crate) const AGES: [i64; 8] = [300, 900, 3_600, 4 * 3_600, 12 * 3_600, 86_400, 2 * 86_400, 4 * 86_400];
/// Within how many seconds messages that reach their lifetime are counted.
pub(crate) const SOON: [u64; 4] = [3_600, 4 * 3_600, 12 * 3_600, 86_400];

/// Those that wait for one destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Destination {
    /// Messages with a recipient there.
    pub(crate) messages: u64,
    /// Recipients.
    pub(crate) recipients: u64,
    /// The age of the oldest, seconds.
    pub(crate) oldest: i64,
    /// By reason: recipients, and one reply.
    pub(crate) reasons: BTreeMap<Reason, (u64, String)>,
    /// Recipients by the provider whose host the last failure names.
    providers: BTreeMap<String, u64>,
    /// Messages that reach their lifetime within a day.
    pub(crate) expiring: u64,
}

impl Destination {
    /// The reason of most.
    pub(crate) fn top_reason(&self) -> Option<(Reason, &str)> {
        let top = self.reasons.iter().max_by_key(|(_, (count, _))| *count)?;
        Some((*top.0, top.1.1.as_str()))
    }
}

/// Those that wait for one provider, or for one cause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Group {
    /// Recipients.
    pub(crate) recipients: u64,
    /// Domains they belong to.
    pub(crate) domains: u64,
    /// The age of the oldest there, seconds.
    pub(crate) oldest: i64,
}

impl Group {
    fn add(&mut self, recipients: u64, oldest: i64) {
        self.recipients += recipients;
        self.domains += 1;
        self.oldest = self.oldest.max(oldest);
    }
}

/// What is in the queue.
#[derive(Clone, Debug, Default)]
pub(crate) struct Depths {
    /// Messages by queue.
    pub(crate) messages: BTreeMap<Queue, u64>,
    /// Recipients by queue.
    pub(crate) recipients: BTreeMap<Queue, u64>,
    /// Notices to senders (null sender) among the messages.
    pub(crate) notices: u64,
    /// Messages by queue, and recipients that wait, both without notices: what rules look at.
    pub(crate) plain: (BTreeMap<Queue, u64>, u64),
    /// Bytes.
    pub(crate) bytes: u64,
    /// The age of the oldest message that waits, held mail and notices left out, seconds.
    pub(crate) oldest: i64,
    /// Messages by age; see [`AGES`].
    pub(crate) ages: [u64; AGES.len() + 1],
    /// By domain, held mail left out.
    pub(crate) destinations: BTreeMap<String, Destination>,
    /// Messages that reach their lifetime; see [`SOON`].
    pub(crate) expiring: [u64; SOON.len()],
    /// Frozen messages that are removed for their age, notices and all; see [`SOON`].
    pub(crate) ending: [u64; SOON.len()],
    /// The ages of what is active or comes in.
    active: Vec<i64>,
    /// Lines that could not be read.
    pub(crate) strange: u64,
}

impl Depths {
    /// Adds a message.
    pub(crate) fn add(&mut self, listed: &Listed, lifetimes: Lifetimes, rules: &Rules) {
        *self.messages.entry(listed.queue).or_default() += 1;
        *self.recipients.entry(listed.queue).or_default() += listed.waiting();
        self.bytes = self.bytes.saturating_add(listed.size);
        let is_notice = listed.sender.is_empty();
        self.notices += u64::from(is_notice);
        if !is_notice {
            *self.plain.0.entry(listed.queue).or_default() += 1;
            self.plain.1 += if listed.queue.is_held() { 0 } else { listed.waiting() };
        }
        if listed.queue.is_held() {
            self.add_frozen(listed, lifetimes);
            return;
        }
        let group = AGES.iter().position(|limit| listed.age < *limit).unwrap_or(AGES.len());
        self.ages[group] += 1;
        if matches!(listed.queue, Queue::Active | Queue::Incoming | Queue::Maildrop) && self.active.len() < DESTINATIONS {
            self.active.push(listed.age);
        }
        let lifetime = if is_notice { lifetimes.notices } else { lifetimes.mail };
        let left = lifetime.saturating_sub(listed.age).max(0) as u64;
        if listed.queue == Queue::Deferred && !is_notice {
            for (count, within) in self.expiring.iter_mut().zip(SOON) {
                *count += u64::from(left <= within);
            }
        }
        if !is_notice {
            self.oldest = self.oldest.max(listed.age);
        }
        self.add_recipients(listed, left, rules);
    }

    fn add_frozen(&mut self, listed: &Listed, lifetimes: Lifetimes) {
        if let Some(frozen) = lifetimes.frozen.filter(|_| listed.queue == Queue::Frozen) {
            let left = frozen.saturating_sub(listed.age).max(0) as u64;
            for (count, within) in self.ending.iter_mut().zip(SOON) {
                *count += u64::from(left <= within);
            }
        }
    }

    fn add_recipients(&mut self, listed: &Listed, left: u64, rules: &Rules) {
        let mut seen: Vec<String> = Vec::new();
        for recipient in &listed.recipients {
            let domain = recipient.address.rsplit_once('@').map_or("(local)", |(_, domain)| domain.trim_end_matches('>'));
            let lower = domain.to_lowercase();
            let is_known = self.destinations.contains_key(&lower) || self.destinations.len() < DESTINATIONS;
            let name = if is_known { lower } else { OTHER.to_owned() };
            let destination = self.destinations.entry(name.clone()).or_default();
            destination.recipients += 1;
            destination.oldest = destination.oldest.max(listed.age);
            if !seen.contains(&name) {
                seen.push(name);
                destination.messages += 1;
                destination.expiring += u64::from(listed.queue == Queue::Deferred && !listed.sender.is_empty() && left <= 86_400);
            }
            if recipient.reason.is_empty() {
                continue;
            }
            let provider = peer::of(&recipient.reason).map_or("", |peer| rules.providers.of_host(peer.name));
            if !provider.is_empty() {
                count(&mut destination.providers, provider);
            }
            let failure = Failure { provider, text: &recipient.reason, enhanced_code: "", stage: Stage::default(), deferred: true };
            let reason = rules.judge.judge(&failure).reason.unwrap_or_default();
            let known = destination.reasons.entry(reason).or_insert_with(|| (0, recipient.reason.chars().take(300).collect()));
            known.0 += 1;
        }
    }

    /// Messages in some queues, notices left out.
    #[cfg(any(feature = "daemon", test))]
    pub(crate) fn count(&self, queues: &[Queue]) -> u64 {
        queues.iter().filter_map(|queue| self.plain.0.get(queue)).sum()
    }

    /// Recipients that wait, held ones left out.
    pub(crate) fn waiting(&self) -> u64 {
        self.recipients.iter().filter(|(queue, _)| !queue.is_held()).map(|(_, count)| count).sum()
    }

    /// The age that 95 of 100 active messages do not reach, seconds.
    pub(crate) fn active_age(&self) -> u64 {
        let mut ages = self.active.clone();
        ages.sort_unstable();
        let place = (ages.len() * 95).div_ceil(100).saturating_sub(1);
        ages.get(place).copied().unwrap_or_default().max(0) as u64
    }

    /// Providers with most recipients first; the empty name is for destinations of which no failure names a host.
    pub(crate) fn providers(&self) -> Vec<(&str, Group)> {
        let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
        for known in self.destinations.values() {
            // What was not tried yet will go where most of the others went.
            let top = known.providers.iter().max_by_key(|(_, count)| **count).map_or("", |(name, _)| name.as_str());
            let named: u64 = known.providers.values().sum();
            for (name, count) in &known.providers {
                let rest = if name == top { known.recipients - named } else { 0 };
                groups.entry(name).or_default().add(count + rest, known.oldest);
            }
            if named == 0 {
                groups.entry("").or_default().add(known.recipients, known.oldest);
            }
        }
        sorted(groups)
    }

    /// What the last tries failed for, most recipients first; what was not tried yet has no cause.
    pub(crate) fn causes(&self) -> Vec<(Reason, Group)> {
        let mut groups: BTreeMap<Reason, Group> = BTreeMap::new();
        for known in self.destinations.values() {
            for (reason, (count, _)) in &known.reasons {
                groups.entry(*reason).or_default().add(*count, known.oldest);
            }
        }
        sorted(groups)
    }

    /// The destinations with most recipients first.
    pub(crate) fn largest(&self) -> Vec<(&str, &Destination)> {
        let mut all: Vec<(&str, &Destination)> = self.destinations.iter().map(|(name, known)| (name.as_str(), known)).collect();
        all.sort_by(|left, right| right.1.recipients.cmp(&left.1.recipients).then(left.0.cmp(right.0)));
        all
    }
}

fn count(counts: &mut BTreeMap<String, u64>, name: &str) {
    match counts.get_mut(name) {
        Some(count) => *count += 1,
        None => {
            counts.insert(name.to_owned(), 1);
        }
    }
}

fn sorted<K: Ord>(groups: BTreeMap<K, Group>) -> Vec<(K, Group)> {
    let mut groups: Vec<(K, Group)> = groups.into_iter().collect();
    groups.sort_by(|left, right| right.1.recipients.cmp(&left.1.recipients).then_with(|| left.0.cmp(&right.0)));
    groups
}

#[cfg(test)]
mod tests {
    use mailvane_parse::listing::Recipient;

    use super::*;
    use crate::rules;

    fn listed(queue: Queue, age: i64, to: &[&str]) -> Listed {
        let recipient = |address: &&str| Recipient {
            address: (*address).to_owned(),
            reason: "host mx.example.net[192.0.2.1] said: 421 4.7.0 Too many connections (in reply to MAIL FROM command)".into(),
        };
        Listed { queue, age, sender: "ann@example.com".into(), recipients: to.iter().map(recipient).collect(), ..Listed::default() }
    }

    #[test]
    fn messages_and_recipients_are_counted_apart_and_held_ones_are_left_out() {
        let (rules, lifetimes) = (rules::current(), Lifetimes::default());
        let mut depths = Depths::default();
        depths.add(&listed(Queue::Deferred, 7_200, &["a@example.net", "b@EXAMPLE.net", "c@example.org"]), lifetimes, rules);
        depths.add(&listed(Queue::Deferred, 5 * 86_400 - 1_800, &["a@example.net"]), lifetimes, rules);
        depths.add(&listed(Queue::Active, 10, &["a@example.net"]), lifetimes, rules);
        depths.add(&listed(Queue::Hold, 9 * 86_400, &["a@example.net"]), lifetimes, rules);
        assert_eq!((depths.count(&[Queue::Deferred]), depths.waiting()), (2, 5));
        let net = &depths.destinations["example.net"];
        assert_eq!((net.messages, net.recipients, net.expiring), (3, 4, 1));
        assert_eq!(net.top_reason().map(|top| top.0), Some(Reason::TooManyConnections));
        assert_eq!(depths.expiring, [1, 1, 1, 1]);
        assert_eq!(depths.oldest, 5 * 86_400 - 1_800);
        assert_eq!((depths.active_age(), depths.ages.iter().sum::<u64>()), (10, 3));
        assert_eq!(depths.largest()[0].0, "example.net");
    }
    #[test]
    fn who_waits_for_whom_and_why() {
        let (rules, lifetimes) = (rules::current(), Lifetimes::default());
        let mut depths = Depths::default();
        let google = "host gmail-smtp-in.l.google.com[192.0.2.7] said: 421 4.7.28 rate limited (in reply to end of DATA command)";
        let said = |address: &str, reason: &str| Recipient { address: address.to_owned(), reason: reason.to_owned() };
        let of = |recipients| Listed { queue: Queue::Deferred, age: 60, sender: "ann@example.com".into(), recipients, ..Listed::default() };
        depths.add(&of(vec![said("a@example.net", google), said("b@example.net", ""), said("c@example.edu", google)]), lifetimes, rules);
        depths.add(
            &of(vec![said(
                "d@example.org",
                "Host or domain name not found. Name service error for name=example.org type=MX: Host not found, try again",
            )]),
            lifetimes,
            rules,
        );
        let providers = depths.providers();
        assert_eq!(
            providers[0],
            ("google", Group { recipients: 3, domains: 2, oldest: 60 }),
            "what was not tried goes where the others went"
        );
        assert_eq!(providers[1], ("", Group { recipients: 1, domains: 1, oldest: 60 }));
        let causes = depths.causes();
        assert_eq!(causes.iter().map(|cause| cause.1.recipients).collect::<Vec<_>>(), [2, 1], "{causes:?}");
    }
}
