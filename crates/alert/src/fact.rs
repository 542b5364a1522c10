//! What is remembered beside numbers: logins, the queue, findings, trouble, gaps, coverage, disks, samples of failures.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mailvane_metric::{Cell, Figure, Traffic, network};
use mailvane_model::Time;
use serde::{Deserialize, Serialize};

use crate::input::{Dimension, Disk, Finding, FindingState, Minute, QueueSample, Sample};

/// Entries of each kind at most; the oldest leave first, see [`Facts::dropped`].
const LOGINS: usize = 20_000;
const TROUBLES: usize = 2_000;
const SAMPLES: usize = 2_000;
const GAPS: usize = 200;
const USERS: usize = 20_000;
const NETWORKS: usize = 64;
const DISK_LOOKS: usize = 300;
const QUEUE_LOOKS: usize = 800;
/// How long each is kept.
const LOGIN_SPAN: i64 = Time::HOUR;
const DAY_SPAN: i64 = Time::DAY;
/// A network from which a user logged in is known for this long after the last time.
const NETWORK_SPAN: i64 = 90 * Time::DAY;
/// How often the number of waiting recipients is noted, and how many notes are kept (a week).
const DEPTH_STEP: i64 = 15 * Time::MINUTE;
const DEPTHS: usize = 4 * 24 * 7;

/// Logins of a user from a client in one minute.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoginFact {
    /// When.
    pub time: i64,
    /// The user.
    pub user: String,
    /// The client.
    pub client: String,
    /// Accepted.
    pub ok: u32,
    /// Refused.
    pub failed: u32,
    /// Whether the user had never logged in from this network when it was accepted.
    pub new_network: bool,
}

/// One kind of trouble in one minute.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TroubleFact {
    /// When.
    pub time: i64,
    /// The daemon.
    pub daemon: String,
    /// The level's word.
    pub level: String,
    /// The text without what varies.
    pub template: String,
    /// One in full.
    pub sample: String,
    /// How many.
    pub count: u32,
}

/// A finding with its past.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FindingFact {
    /// The latest.
    pub finding: Finding,
    /// Since when it is in this state.
    pub since: i64,
    /// How many times in a row.
    pub times: u32,
    /// When it turned, or when what it looks at became another one; `None` when it is as it was first seen.
    #[serde(default)]
    pub changed: Option<i64>,
    /// What it looked at before that, in parts.
    #[serde(default)]
    pub was: Vec<String>,
}

/// Everything that is remembered beside numbers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Facts {
    /// The logins of the last hour.
    pub logins: VecDeque<LoginFact>,
    /// By user: the networks they logged in from, and when last.
    networks: BTreeMap<String, BTreeMap<String, i64>>,
    /// The looks at the queue of the last day.
    pub queue: VecDeque<(i64, QueueSample)>,
    /// By check and subject.
    pub findings: BTreeMap<String, FindingFact>,
    /// The trouble of the last day.
    pub troubles: VecDeque<TroubleFact>,
    /// The gaps of the last day: time, source, text.
    pub gaps: VecDeque<(i64, String, String)>,
    /// Lines and unparsed lines by hour of the last day.
    pub coverage: VecDeque<(i64, u64, u64)>,
    /// By path: what was free when, and the total.
    pub disks: BTreeMap<String, (u64, VecDeque<(i64, u64)>)>,
    /// Failures of the last day.
    pub samples: VecDeque<Sample>,
    /// Recipients that wait for a retry, by provider, as far as the log says.
    pub waiting: BTreeMap<String, i64>,
    /// The same in all, every quarter of an hour of the last week.
    pub depths: VecDeque<(i64, i64)>,
    /// When anything was last written to the log.
    pub alive: Option<i64>,
    /// The longest time without anything, and when it ended; forgotten slowly.
    pub longest_silence: (i64, i64),
    /// Streams that lag, and since when.
    pub lagging: BTreeMap<String, i64>,
    /// What found no place.
    pub dropped: u64,
}

impl Facts {
    /// Adds a minute. `history`: the minute trains only, so every login in it makes its network known.
    pub(crate) fn add(&mut self, minute: &Minute) {
        let time = minute.start.0;
        self.live(minute);
        for login in &minute.logins {
            self.login(time, login);
        }
        for trouble in &minute.troubles {
            self.troubles.push_back(TroubleFact {
                time,
                daemon: trouble.daemon.clone(),
                level: trouble.level.word().to_owned(),
                template: trouble.template.clone(),
                sample: trouble.sample.clone(),
                count: trouble.count,
            });
        }
        self.gaps.extend(minute.gaps.iter().map(|gap| (time, gap.source.clone(), gap.text.clone())));
        self.samples.extend(minute.samples.iter().cloned());
        if let Some(queue) = &minute.queue {
            self.queue.push_back((minute.end.0, queue.clone()));
        }
        for finding in &minute.findings {
            self.finding(minute.end.0, finding);
        }
        for disk in &minute.disks {
            self.disk(minute.end.0, disk);
        }
        if let Some(coverage) = minute.coverage {
            let hour = minute.start.floor(Time::HOUR).0;
            match self.coverage.back_mut().filter(|last| last.0 == hour) {
                Some(last) => {
                    last.1 += u64::from(coverage.lines);
                    last.2 += u64::from(coverage.unparsed);
                }
                None => self.coverage.push_back((hour, u64::from(coverage.lines), u64::from(coverage.unparsed))),
            }
        }
        for (dimension, key, cell) in &minute.cells {
            if *dimension == Dimension::Provider {
                self.wait(key, cell);
            }
        }
        self.lag(minute);
        self.depth(minute.end.0);
        self.expire(minute.end.0);
    }

    fn live(&mut self, minute: &Minute) {
        let lines = minute.coverage.is_some_and(|coverage| coverage.lines > 0);
        if !lines && minute.cells.is_empty() && minute.logins.is_empty() && minute.troubles.is_empty() {
            return;
        }
        if let Some(last) = self.alive {
            let silence = minute.start.0 - last;
            // The longest silence is forgotten by half in a month or so.
            let faded = self.longest_silence.0 - (minute.start.0 - self.longest_silence.1).max(0) / 720;
            if silence > faded.max(0) {
                self.longest_silence = (silence, minute.start.0);
            }
        }
        self.alive = Some(self.alive.unwrap_or(i64::MIN).max(minute.end.0));
    }

    fn login(&mut self, time: i64, login: &crate::input::Logins) {
        let network = network::of(&login.client);
        let mut new_network = false;
        if login.ok > 0 && !login.user.is_empty() {
            if self.networks.len() < USERS || self.networks.contains_key(&*login.user) {
                let known = self.networks.entry(login.user.to_string()).or_default();
                new_network = !known.contains_key(&network);
                if known.len() >= NETWORKS
                    && let Some(oldest) = known.iter().min_by_key(|(_, last)| **last).map(|(name, _)| name.clone())
                {
                    known.remove(&oldest);
                }
                known.insert(network, time);
            } else {
                self.dropped += 1;
            }
        }
        self.logins.push_back(LoginFact {
            time,
            user: login.user.to_string(),
            client: login.client.to_string(),
            ok: login.ok,
            failed: login.failed,
            new_network,
        });
    }

    /// Whether a user logged in from a network new for them since `from`.
    pub fn is_from_new_network(&self, user: &str, from: i64) -> bool {
        self.logins.iter().any(|login| login.new_network && login.time >= from && login.user == user && self.is_established(user))
    }

    /// Whether a user is known from more than the one network just seen: for a user never seen before every network is new.
    pub fn is_established(&self, user: &str) -> bool {
        self.networks.get(user).is_some_and(|known| known.len() > 1)
    }

    fn finding(&mut self, time: i64, finding: &Finding) {
        let key = format!("{} {}", finding.check, finding.subject);
        let Some(known) = self.findings.get_mut(&key) else {
            let fact = FindingFact { finding: finding.clone(), since: time, times: 1, changed: None, was: Vec::new() };
            self.findings.insert(key, fact);
            return;
        };
        let has_turned = known.finding.state != finding.state;
        let is_other = !known.finding.value.is_empty() && !finding.value.is_empty() && known.finding.value != finding.value;
        // Silence of a server, and its end, change nothing over there.
        let is_heard = known.finding.state != FindingState::Unknown && finding.state != FindingState::Unknown;
        if is_heard && (has_turned || is_other) {
            known.changed = Some(time);
            known.was = known.finding.value.clone();
        }
        if has_turned {
            (known.since, known.times) = (time, 1);
        } else {
            known.times += 1;
        }
        let last_value = std::mem::take(&mut known.finding.value);
        known.finding = finding.clone();
        if known.finding.value.is_empty() && finding.state == FindingState::Unknown {
            known.finding.value = last_value;
        }
    }

    fn disk(&mut self, time: i64, disk: &Disk) {
        let (total, looks) = self.disks.entry(disk.path.clone()).or_default();
        *total = disk.total;
        // A look every five minutes is enough to see where it goes.
        if looks.back().is_none_or(|last| time - last.0 >= 5 * Time::MINUTE || last.1 > disk.free.saturating_mul(2)) {
            looks.push_back((time, disk.free));
        }
        while looks.len() > DISK_LOOKS {
            looks.pop_front();
        }
    }

    fn wait(&mut self, provider: &str, cell: &Cell) {
        // Who is greylisted comes in at the next try: that is no backlog.
        let of = |figure| cell.get(Traffic::DEFAULT, figure);
        let deferred = (of(Figure::RecipientsFirstDeferred) - of(Figure::RecipientsGreylisted)).max(0);
        let change = deferred - (of(Figure::FinalDeferred) - of(Figure::FinalGreylisted));
        if change != 0 {
            let waiting = self.waiting.entry(provider.to_owned()).or_default();
            // What was deferred before the log began is not known: it ends here as if it had never waited.
            *waiting = (*waiting + change).max(0);
            if *waiting == 0 {
                self.waiting.remove(provider);
            }
        }
    }

    fn depth(&mut self, time: i64) {
        if self.depths.back().is_none_or(|last| time - last.0 >= DEPTH_STEP) {
            self.depths.push_back((time, self.depth_now()));
        }
    }

    /// Recipients that wait for a retry in all.
    pub fn depth_now(&self) -> i64 {
        self.waiting.values().sum()
    }

    fn lag(&mut self, minute: &Minute) {
        let now: BTreeSet<&str> = minute.lagging.iter().map(AsRef::as_ref).collect();
        self.lagging.retain(|name, _| now.contains(name.as_str()));
        for name in now {
            self.lagging.entry(name.to_owned()).or_insert(minute.start.0);
        }
    }

    fn expire(&mut self, now: i64) {
        trim(&mut self.logins, LOGINS, &mut self.dropped, |login| login.time < now - LOGIN_SPAN);
        trim(&mut self.troubles, TROUBLES, &mut self.dropped, |trouble| trouble.time < now - DAY_SPAN);
        trim(&mut self.samples, SAMPLES, &mut 0, |sample| sample.time < now - DAY_SPAN);
        trim(&mut self.gaps, GAPS, &mut self.dropped, |gap| gap.0 < now - DAY_SPAN);
        trim(&mut self.queue, QUEUE_LOOKS, &mut 0, |look| look.0 < now - DAY_SPAN);
        trim(&mut self.coverage, 25, &mut 0, |hour| hour.0 < now - DAY_SPAN);
        trim(&mut self.depths, DEPTHS, &mut 0, |_| false);
        if now.rem_euclid(Time::DAY) < Time::MINUTE {
            for known in self.networks.values_mut() {
                known.retain(|_, last| *last > now - NETWORK_SPAN);
            }
            self.networks.retain(|_, known| !known.is_empty());
        }
    }
}

/// Drops the oldest while they are too old or too many.
fn trim<T>(all: &mut VecDeque<T>, limit: usize, dropped: &mut u64, is_old: impl Fn(&T) -> bool) {
    while all.len() > limit {
        all.pop_front();
        *dropped += 1;
    }
    while all.front().is_some_and(&is_old) {
        all.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::input::Logins;

    fn minute(at: i64) -> Minute {
        Minute { start: Time(at * Time::MINUTE), end: Time((at + 1) * Time::MINUTE), ..Minute::default() }
    }

    #[test]
    fn a_network_is_new_once() {
        let mut facts = Facts::default();
        let login = |client: &str| Logins { user: Arc::from("alice"), client: Arc::from(client), ok: 1, failed: 0 };
        for (at, client) in [(0, "192.0.2.7"), (1, "192.0.2.200"), (2, "198.51.100.1"), (3, "198.51.100.9")] {
            facts.add(&Minute { logins: vec![login(client)], ..minute(at) });
        }
        assert_eq!(facts.logins.iter().map(|login| login.new_network).collect::<Vec<_>>(), [true, false, true, false]);
        assert!(facts.is_from_new_network("alice", 0));
        assert!(!facts.is_from_new_network("alice", 3 * Time::MINUTE));
    }

    #[test]
    fn what_waits_follows_from_deferrals_and_endings() {
        let mut facts = Facts::default();
        let cell = |deferred, ended| {
            let mut cell = Cell::default();
            cell.figures_mut(Traffic::DEFAULT).add(Figure::RecipientsFirstDeferred, deferred);
            cell.figures_mut(Traffic::DEFAULT).add(Figure::FinalDeferred, ended);
            vec![(Dimension::Provider, Arc::from("google"), cell)]
        };
        for (at, deferred, ended, waits) in [(0, 5, 0, 5), (1, 0, 2, 3), (2, 0, 9, 0), (3, 1, 0, 1)] {
            facts.add(&Minute { cells: cell(deferred, ended), ..minute(at) });
            assert_eq!(facts.depth_now(), waits);
        }
    }

    #[test]
    fn nothing_grows_without_end() {
        let mut facts = Facts::default();
        let login = Logins { user: Arc::from("u"), client: Arc::from("192.0.2.1"), ok: 0, failed: 1 };
        facts.add(&Minute { logins: vec![login; LOGINS + 10], ..minute(0) });
        assert_eq!((facts.logins.len(), facts.dropped), (LOGINS, 10));
    }
}
