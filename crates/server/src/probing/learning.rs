//! What our servers really use, learned from their own logs: DKIM selectors from the lines of signers, the address of Exim's deliveries, the
//! domains of envelope senders, and our address where far sides quote it. Each value with its source and when it was last seen.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mailvane_model::word::{Direction, Status};
use mailvane_model::{Batch, Time};
use mailvane_parse::{Body, Record, signer};
use mailvane_probe::address::Scope;
use mailvane_probe::lookup::name;
use mailvane_probe::{Learned, Origin, Target};
use serde::{Deserialize, Serialize};

/// Values that are kept of one domain and kind, at most: what was not seen for longest leaves first.
const VALUES_LIMIT: usize = 50;
/// Domains that something is kept of, at most.
const DOMAINS_LIMIT: usize = 2_000;
/// What was not seen for so long is no longer used.
const FORGET_AFTER: i64 = 30 * Time::DAY;
/// An address is taken for ours when so many refusals quote it: a single one may speak of somebody else's.
const QUOTES: u32 = 3;

/// What is learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum What {
    /// A DKIM selector of the domain.
    Selector,
    /// A domain of envelope senders of the domain.
    Sender,
    /// An address that mail leaves from; of no domain.
    Address,
    /// The same, as far sides quote it.
    Quoted,
}

/// A value with its domain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Key {
    /// What it is.
    pub(crate) what: What,
    /// The domain that it was seen with; empty for addresses.
    pub(crate) domain: String,
    /// The value.
    pub(crate) value: String,
}

/// How often and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// How often, as far as it matters.
    pub(crate) times: u32,
    /// When last, in microseconds since the epoch.
    pub(crate) last: i64,
}

#[derive(Debug, Default)]
struct Inner {
    known: BTreeMap<Key, Seen>,
    /// Something is not kept yet.
    is_new: bool,
    /// Values for which there was no room.
    dropped: u64,
}

/// Everything that was learned.
#[derive(Debug, Default)]
pub(crate) struct Learning {
    inner: Mutex<Inner>,
}

impl Learning {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at a line of a log.
    pub(crate) fn line(&self, time: Time, record: &Record<'_>, line: &[u8]) {
        match record.body {
            Body::Ignored => {
                for made in signer::signatures(record.program, line) {
                    self.lock().see(What::Selector, made.domain, made.selector, time);
                }
            }
            Body::Exim(_) => {
                if let Some(address) = signer::outgoing_address(line).filter(|address| Scope::of(*address) == Scope::Public) {
                    self.lock().see(What::Address, "", &address.to_string(), time);
                }
            }
            _ => {}
        }
    }

    /// Looks at rows that are about to be committed.
    pub(crate) fn rows(&self, batch: &Batch) {
        let mut inner = self.lock();
        let mut senders: BTreeMap<&str, Time> = BTreeMap::new();
        for row in batch.attempts.iter().filter(|row| row.direction == Direction::Outbound && row.contacted) {
            if !row.sender.domain.is_empty() {
                let last = senders.entry(row.sender.domain).or_insert(row.time);
                *last = row.time.max(*last);
            }
            if row.status == Status::Delivered || row.reply_text.is_empty() {
                continue;
            }
            for address in mailvane_reply::quoted::of(row.reply_text).ips {
                let text = address.to_string();
                // The far side's own address and that of the message's client are not ours.
                if Scope::of(address) == Scope::Public && text != row.relay_ip && text != row.client_ip {
                    inner.see(What::Quoted, "", &text, row.time);
                }
            }
        }
        for (sender, last) in senders {
            inner.see(What::Sender, sender, sender, last);
        }
    }

    /// What is new since the last call and has to be kept, all of it.
    pub(crate) fn take_new(&self) -> Option<Vec<u8>> {
        let mut inner = self.lock();
        let pairs: Vec<(&Key, &Seen)> = inner.known.iter().collect();
        // Names and numbers are always written.
        let written = inner.is_new.then(|| serde_json::to_vec(&pairs).unwrap_or_default());
        inner.is_new = false;
        written
    }

    /// Takes back what was kept. What cannot be read is learned again.
    pub(crate) fn take_back(&self, kept: &[u8]) {
        let pairs: Vec<(Key, Seen)> = serde_json::from_slice(kept).unwrap_or_default();
        let mut inner = self.lock();
        for (key, seen) in pairs {
            inner.known.entry(key).or_insert(seen);
        }
    }

    /// Values for which there was no room.
    #[cfg(test)]
    pub(crate) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// Adds what is not known from a source that is believed more.
    pub(crate) fn complete(&self, target: &mut Target, now: Time) {
        let inner = self.lock();
        let fresh = |what: What| inner.known.iter().filter(move |(key, seen)| key.what == what && now.0 - seen.last <= FORGET_AFTER);
        let learned = |value: String, origin, seen: &Seen| Learned { value, origin, last_seen: Some(Time(seen.last)) };
        if target.selectors.is_empty() {
            let own = fresh(What::Selector).filter(|(key, _)| key.domain == target.domain);
            target.selectors.extend(own.map(|(key, seen)| learned(key.value.clone(), Origin::Log, seen)));
        }
        if target.senders.is_empty() {
            let own = fresh(What::Sender).filter(|(key, _)| name::is_within(&key.domain, &target.domain));
            target.senders.extend(own.map(|(key, seen)| learned(format!("postmaster@{}", key.value), Origin::Log, seen)));
        }
        if target.smarthost.is_some() || target.sending.iter().any(|known| known.origin >= Origin::Configuration) {
            return;
        }
        let address = |key: &Key| key.value.parse::<IpAddr>().ok();
        for (key, seen) in fresh(What::Address) {
            add(target, address(key), Origin::Log, seen);
        }
        if target.sending.is_empty() {
            for (key, seen) in fresh(What::Quoted).filter(|(_, seen)| seen.times >= QUOTES) {
                add(target, address(key), Origin::Reply, seen);
            }
        }
    }
}

fn add(target: &mut Target, address: Option<IpAddr>, origin: Origin, seen: &Seen) {
    let Some(address) = address else { return };
    let last_seen = Some(Time(seen.last));
    match target.sending.iter_mut().find(|known| known.value == address) {
        Some(known) => known.last_seen = last_seen,
        None => target.sending.push(Learned { value: address, origin, last_seen }),
    }
}

impl Inner {
    fn see(&mut self, what: What, domain: &str, value: &str, time: Time) {
        let key = Key { what, domain: domain.to_ascii_lowercase(), value: value.to_ascii_lowercase() };
        if let Some(seen) = self.known.get_mut(&key) {
            // Once an hour is often enough to keep it anew.
            self.is_new |= time.0 - seen.last > Time::HOUR || seen.times < QUOTES;
            seen.times = seen.times.saturating_add(1);
            seen.last = seen.last.max(time.0);
            return;
        }
        let same = || self.known.iter().filter(|(known, _)| known.what == what && (what != What::Selector || known.domain == key.domain));
        let limit = if what == What::Sender { DOMAINS_LIMIT } else { VALUES_LIMIT };
        if same().count() >= limit {
            self.dropped += 1;
            if self.dropped.is_power_of_two() {
                tracing::warn!("more {what:?} values than {limit} were seen in the logs; {} had no room", self.dropped);
            }
            let oldest = same().min_by_key(|(_, seen)| seen.last).map(|(known, seen)| (known.clone(), seen.last));
            match oldest {
                Some((oldest, last)) if last < time.0 => drop(self.known.remove(&oldest)),
                _ => return,
            }
        }
        self.known.insert(key, Seen { times: 1, last: time.0 });
        self.is_new = true;
    }
}

#[cfg(test)]
mod tests {
    use mailvane_model::{AttemptRow, Sink};
    use mailvane_parse::head;

    use super::*;

    const NOW: Time = Time(1_795_000_000_000_000);

    fn read(learning: &Learning, line: &str) {
        learning.line(NOW, &head::record_of(line.as_bytes(), None), line.as_bytes());
    }

    fn refused(batch: &mut Batch, id: u64, relay: &str) {
        let text = "550 5.7.1 [203.0.113.10] is listed, see https://bl.example.net/";
        let sender = mailvane_model::Address { local: "news", domain: "bounces.example.com" };
        batch.attempt(&AttemptRow {
            id,
            time: NOW,
            sender,
            relay_ip: relay,
            direction: Direction::Outbound,
            contacted: true,
            status: Status::Bounced,
            reply_text: text,
            ..AttemptRow::default()
        });
    }

    fn target(learning: &Learning) -> Target {
        let mut target = Target::new("example.com");
        learning.complete(&mut target, NOW);
        target
    }

    #[test]
    fn selectors_senders_and_addresses_are_learned_with_their_source() {
        let learning = Learning::default();
        read(&learning, "Nov 22 10:00:00 mx1 opendkim[71]: 4XYZ: DKIM-Signature field added (s=mail, d=example.com)");
        read(&learning, "Nov 22 10:00:00 mx1 opendkim[71]: 4XYZ: DKIM-Signature field added (s=other, d=example.net)");
        let mut batch = Batch::default();
        refused(&mut batch, 1, "198.51.100.1");
        learning.rows(&batch);
        let found = target(&learning);
        assert_eq!((found.selectors.len(), found.selectors[0].value.as_str(), found.selectors[0].origin), (1, "mail", Origin::Log));
        assert_eq!((found.senders[0].value.as_str(), found.senders[0].last_seen), ("postmaster@bounces.example.com", Some(NOW)));
        assert!(found.sending.is_empty(), "one quote is not enough");
        learning.rows(&batch);
        learning.rows(&batch);
        let found = target(&learning);
        assert_eq!((found.sending.len(), found.sending[0].origin), (1, Origin::Reply));
        // What the log itself says is believed more.
        read(
            &learning,
            "2026-11-22 10:00:00 1rEEEE-000000001bo-D342 => ann@example.net R=dns T=smtp H=mx.example.net [198.51.100.7]:25 I=[192.0.2.10]:40112 C=\"250 ok\"",
        );
        let found = target(&learning);
        assert_eq!((found.sending[0].value.to_string().as_str(), found.sending[0].origin), ("192.0.2.10", Origin::Log));
        assert_eq!(found.sending.len(), 1);
    }

    #[test]
    fn the_configuration_is_believed_more_and_what_is_old_is_not_used() {
        let learning = Learning::default();
        read(&learning, "Nov 22 10:00:00 mx1 opendkim[71]: 4XYZ: DKIM-Signature field added (s=mail, d=example.com)");
        let mut given = Target::new("example.com");
        given.selectors.push(Learned::new("s1".to_owned(), Origin::Configuration));
        learning.complete(&mut given, NOW);
        assert_eq!(given.selectors.len(), 1);
        let mut later = Target::new("example.com");
        learning.complete(&mut later, NOW.plus(31 * Time::DAY));
        assert!(later.selectors.is_empty());
    }

    #[test]
    fn what_was_learned_survives_and_has_its_limit() {
        let learning = Learning::default();
        for number in 0..VALUES_LIMIT as i64 + 5 {
            learning.lock().see(What::Selector, "example.com", &format!("s{number}"), NOW.plus(number));
        }
        let known = learning.lock().known.len();
        assert_eq!((known, learning.dropped()), (VALUES_LIMIT, 5));
        let kept = learning.take_new().expect("new");
        assert!(learning.take_new().is_none());
        let second = Learning::default();
        second.take_back(&kept);
        let (before, after) = (learning.lock().known.clone(), second.lock().known.clone());
        assert_eq!(before, after);
        second.take_back(b"no such thing");
    }
}
