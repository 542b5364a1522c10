//! Guessing by one client, guessing at one user from many clients, spraying over users, and success after many failures.

use std::collections::{BTreeMap, BTreeSet};

use mailvane_metric::network;
use mailvane_model::Time;

use super::{Group, Reading, Scene, Verdict, scope};
use crate::fact::LoginFact;
use crate::rule::read::Reader;
use crate::rule::{span_text, span_words};

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pattern {
    /// Many failures of one client.
    Client,
    /// Failures of many clients at one user.
    User,
    /// One client at many users.
    Spraying,
    /// A success, from a network new for the user, after failures.
    Success,
}

const PATTERNS: [(&str, Pattern); 4] =
    [("client", Pattern::Client), ("user", Pattern::User), ("spraying", Pattern::Spraying), ("success", Pattern::Success)];

/// The condition.
#[derive(Clone, Debug)]
pub struct AuthFailures {
    pattern: Pattern,
    window: i64,
    min_failures: u32,
    min_users: usize,
    min_clients: usize,
    /// Clients that may do what they like: monitors, ourselves.
    except: Vec<String>,
}

/// What one group did.
#[derive(Default)]
struct Tally<'a> {
    failures: u32,
    users: BTreeSet<&'a str>,
    clients: BTreeSet<&'a str>,
    since: i64,
}

impl AuthFailures {
    pub(crate) fn read(reader: &Reader<'_>) -> Self {
        let pattern = reader.word("pattern", Some(Pattern::Client), &PATTERNS).unwrap_or(Pattern::Client);
        let window = reader.span("window", Time::HOUR);
        if !(Time::MINUTE..=Time::HOUR).contains(&window) {
            reader.wrong("window", format!("`window` {} is impossible: logins are remembered for 1h", span_text(window)));
        }
        AuthFailures {
            pattern,
            window,
            min_failures: reader.number("min_failures", 10.0) as u32,
            min_users: reader.number("min_users", 5.0) as usize,
            min_clients: reader.number("min_clients", 20.0) as usize,
            except: reader.texts("except").into_iter().map(str::to_lowercase).collect(),
        }
    }

    pub(crate) fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Reading>) {
        // Without new logins nothing begins, and what is over shows by the open groups.
        let is_new = scene.facts.logins.back().is_some_and(|login| login.time >= scene.from.floor(Time::MINUTE).0);
        if !is_new && scene.open.is_empty() && !scene.surveys {
            return;
        }
        let from = scene.now.0 - self.window;
        let recent = || scene.facts.logins.iter().filter(move |login| login.time >= from && !self.is_excepted(&login.client));
        if self.pattern == Pattern::Success {
            return self.successes(scene, recent(), out);
        }
        let mut tallies: BTreeMap<&str, Tally<'_>> = BTreeMap::new();
        for login in recent().filter(|login| login.failed > 0) {
            let key = if self.pattern == Pattern::User { &login.user } else { &login.client };
            if key.is_empty() {
                continue;
            }
            let tally = tallies.entry(key).or_insert_with(|| Tally { since: login.time, ..Tally::default() });
            tally.failures += login.failed;
            tally.users.insert(&login.user);
            tally.clients.insert(&login.client);
        }
        let label = if self.pattern == Pattern::User { "user" } else { "client" };
        for group in scene.open.iter().filter(|group| !tallies.contains_key(group.key.as_str())) {
            out.push(Reading::clear(group.clone()));
        }
        for (key, tally) in tallies {
            let reading = self.judge(Group::of(label, key), &tally);
            if scene.wants(&reading, scene.is_open(label, key)) {
                out.push(reading);
            }
        }
    }

    fn judge(&self, group: Group, tally: &Tally<'_>) -> Reading {
        let (value, limit) = match self.pattern {
            Pattern::User => (tally.clients.len(), self.min_clients),
            Pattern::Spraying => (tally.users.len(), self.min_users),
            _ => (tally.failures as usize, self.min_failures as usize),
        };
        let mut reading = Reading {
            value: value as f64,
            limit: limit as f64,
            count: f64::from(tally.failures),
            window: self.window,
            ..Reading::clear(group)
        };
        let (users, clients) = (tally.users.len(), tally.clients.len());
        reading.text = format!("{} failed logins in {}: {users} users, {clients} clients", tally.failures, span_words(self.window));
        if value >= limit && tally.failures >= self.min_failures {
            reading.verdict = Verdict::Holds;
            reading.since = Some(tally.since);
        }
        reading
    }

    /// Success after many failures counts only from a network new for that user.
    fn successes<'a>(&self, scene: &Scene<'_>, recent: impl Iterator<Item = &'a LoginFact> + Clone, out: &mut Vec<Reading>) {
        let mut told = BTreeSet::new();
        for login in recent.clone().filter(|login| login.ok > 0 && login.new_network && scene.facts.is_established(&login.user)) {
            let network = network::of(&login.client);
            let before = recent.clone().filter(|other| other.time <= login.time && other.failed > 0);
            let failures: u32 =
                before.filter(|other| other.user == login.user || network::of(&other.client) == network).map(|other| other.failed).sum();
            if failures >= self.min_failures && told.insert(login.user.clone()) {
                out.push(Reading {
                    verdict: Verdict::Holds,
                    value: f64::from(failures),
                    limit: f64::from(self.min_failures),
                    count: f64::from(failures),
                    window: self.window,
                    since: Some(login.time),
                    text: format!("a login from {} succeeded after {failures} failures; nobody knew {network} for this user", login.client),
                    ..Reading::clear(Group::of("user", &login.user))
                });
            }
        }
        out.extend(scene.open.iter().filter(|group| !told.contains(&group.key)).cloned().map(Reading::clear));
    }

    fn is_excepted(&self, client: &str) -> bool {
        self.except.iter().any(|pattern| scope::matches(pattern, client))
    }
}
