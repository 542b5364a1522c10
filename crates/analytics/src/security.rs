//! Who knocks: refusals and logins by network and user, what each account sends, and accounts that look used by somebody else.

use std::hash::Hash;

use ahash::{AHashMap, AHashSet};
use mailvane_metric::{Door, count, network};
use mailvane_model::word::{AuthResult, Direction, Reason};
use mailvane_model::{AuthRow, RejectionRow, Time};
use mailvane_store::Snapshot;

use crate::frames::Names;
use crate::scope::Scope;
use crate::{Result, scan};

/// Networks and users that are told apart, each; rows of further ones are counted in [`Security::over_limit`].
const KEYS: usize = 50_000;
/// Networks and users kept for one user and one network.
const PARTNERS: usize = 1000;
/// So many failed logins of a user from one network before one that succeeds there: a guessed password.
pub const GUESSES: u64 = 5;
/// From so many networks a person seldom logs in within one span.
pub const NETWORKS: usize = 4;

/// First and last of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The first.
    pub first: Time,
    /// The last.
    pub last: Time,
}

impl Default for Seen {
    fn default() -> Self {
        Seen { first: Time(i64::MAX), last: Time(i64::MIN) }
    }
}

impl Seen {
    fn note(&mut self, time: Time) {
        self.first = self.first.min(time);
        self.last = self.last.max(time);
    }
}

/// What one network did.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// Refusals of it for good.
    pub refused: u64,
    /// Refusals for now.
    pub put_off: u64,
    /// Refusals by reason, the commonest first.
    pub reasons: Vec<(Reason, u64)>,
    /// Logins that failed.
    pub failed: u64,
    /// Logins that succeeded.
    pub ok: u64,
    /// Users it tried, at most [`PARTNERS`].
    pub users: AHashSet<String>,
    /// When.
    pub seen: Seen,
}

/// What one account did.
#[derive(Clone, Debug, Default)]
pub struct User {
    /// Logins that failed.
    pub failed: u64,
    /// Logins that succeeded.
    pub ok: u64,
    /// Messages it handed in.
    pub messages: u64,
    /// Their recipients, as far as the log says.
    pub recipients: u64,
    /// Networks it logged in or sent from, at most [`PARTNERS`].
    pub networks: AHashSet<String>,
    /// Networks from which its password was found after [`GUESSES`] failures or more.
    pub guessed_from: Vec<String>,
    /// When.
    pub seen: Seen,
    /// Failures by network, since the last success there.
    failures: AHashMap<String, u64>,
}

impl User {
    /// Whether somebody else may have its password.
    pub fn is_suspect(&self) -> bool {
        !self.guessed_from.is_empty() || self.networks.len() >= NETWORKS
    }

    fn meets(&mut self, network: &str) {
        if !self.networks.contains(network) && self.networks.len() < PARTNERS {
            self.networks.insert(network.to_owned());
        }
    }
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Security {
    /// Refusals by reason, the commonest first.
    pub reasons: Vec<(Reason, u64)>,
    /// Refusals for good.
    pub refused: u64,
    /// Refusals for now.
    pub put_off: u64,
    /// Failed logins.
    pub failed: u64,
    /// Logins that succeeded.
    pub ok: u64,
    /// By network, those with most refusals and failed logins first.
    pub networks: Vec<(String, Network)>,
    /// By user, suspects first, then by failed logins, then by messages.
    pub users: Vec<(String, User)>,
    /// Rows of networks and users that found no room.
    pub over_limit: u64,
}

#[derive(Default)]
struct Gathering {
    reasons: AHashMap<Reason, u64>,
    by_network: AHashMap<String, (Network, AHashMap<Reason, u64>)>,
    by_user: AHashMap<String, User>,
    found: Security,
}

/// Refusals, logins and what accounts sent in a span. Logins are looked at in the order of time: a guess is failures before a success.
pub fn security(snapshot: &Snapshot, scope: &Scope) -> Result<Security> {
    let mut gathering = Gathering::default();
    scan::rejections(snapshot, scope, Names::All, |row| gathering.rejection(row))?;
    let mut logins: Vec<(Time, AuthResult, String, String)> = Vec::new();
    scan::auths(snapshot, scope, Names::All, |row: &AuthRow<'_>| {
        logins.push((row.time, row.result, row.user.to_owned(), row.client_ip.to_owned()));
    })?;
    logins.sort();
    logins.iter().for_each(|(time, result, user, client)| gathering.login(*time, *result, user, client));
    let anywhere = Scope { direction: None, population: None, ..scope.clone() };
    scan::messages_of_users(snapshot, &anywhere, |row| {
        if row.direction != Direction::Inbound && row.previous_hop == 0 {
            gathering.message(row.time, row.sasl_user, row.client_ip, row.recipients);
        }
    })?;
    Ok(gathering.finish())
}

/// The entry of a key, unless there are too many.
fn entry<'a, Key: Eq + Hash + From<&'a str> + std::borrow::Borrow<str>, Value: Default>(
    map: &'a mut AHashMap<Key, Value>,
    key: &'a str,
    over_limit: &mut u64,
) -> Option<&'a mut Value> {
    if !map.contains_key(key) && map.len() >= KEYS {
        *over_limit += 1;
        return None;
    }
    Some(map.entry(Key::from(key)).or_default())
}

impl Gathering {
    fn rejection(&mut self, row: &RejectionRow<'_>) {
        let is_for_good = match count::rejection(row) {
            Door::Rejected => true,
            Door::RejectedTemporarily => false,
            _ => return,
        };
        *if is_for_good { &mut self.found.refused } else { &mut self.found.put_off } += 1;
        *self.reasons.entry(row.reason).or_default() += 1;
        let name = network::of(row.client_ip);
        if let Some((network, reasons)) = entry(&mut self.by_network, &name, &mut self.found.over_limit) {
            *if is_for_good { &mut network.refused } else { &mut network.put_off } += 1;
            network.seen.note(row.time);
            *reasons.entry(row.reason).or_default() += 1;
        }
    }

    fn login(&mut self, time: Time, result: AuthResult, user: &str, client: &str) {
        let is_ok = result == AuthResult::Ok;
        *if is_ok { &mut self.found.ok } else { &mut self.found.failed } += 1;
        let name = network::of(client);
        if let Some((network, _)) = entry(&mut self.by_network, &name, &mut self.found.over_limit) {
            *if is_ok { &mut network.ok } else { &mut network.failed } += 1;
            network.seen.note(time);
            if !user.is_empty() && network.users.len() < PARTNERS {
                network.users.insert(user.to_owned());
            }
        }
        if user.is_empty() {
            return;
        }
        let Some(account) = entry(&mut self.by_user, user, &mut self.found.over_limit) else { return };
        *if is_ok { &mut account.ok } else { &mut account.failed } += 1;
        account.seen.note(time);
        if is_ok {
            account.meets(&name);
            if account.failures.remove(&name).unwrap_or_default() >= GUESSES && !account.guessed_from.contains(&name) {
                account.guessed_from.push(name);
            }
        } else if account.failures.len() < PARTNERS || account.failures.contains_key(&name) {
            *account.failures.entry(name).or_default() += 1;
        }
    }

    fn message(&mut self, time: Time, user: &str, client: &str, recipients: Option<u32>) {
        let Some(account) = entry(&mut self.by_user, user, &mut self.found.over_limit) else { return };
        account.messages += 1;
        account.recipients += u64::from(recipients.unwrap_or(1));
        account.seen.note(time);
        if !client.is_empty() {
            account.meets(&network::of(client));
        }
    }

    fn finish(self) -> Security {
        let mut found = self.found;
        found.reasons = commonest(self.reasons);
        let networks = self.by_network.into_iter();
        found.networks = networks.map(|(name, (network, reasons))| (name, Network { reasons: commonest(reasons), ..network })).collect();
        found.networks.sort_by(|(left_name, left), (right_name, right)| {
            (right.refused + right.put_off + right.failed)
                .cmp(&(left.refused + left.put_off + left.failed))
                .then_with(|| left_name.cmp(right_name))
        });
        found.users = self.by_user.into_iter().collect();
        found.users.sort_by(|(left_name, left), (right_name, right)| {
            let key = |user: &User| (!user.guessed_from.is_empty(), user.is_suspect(), user.failed, user.messages);
            key(right).cmp(&key(left)).then_with(|| left_name.cmp(right_name))
        });
        found
    }
}

fn commonest(counts: AHashMap<Reason, u64>) -> Vec<(Reason, u64)> {
    let mut counts: Vec<(Reason, u64)> = counts.into_iter().collect();
    counts.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.word().cmp(right.0.word())));
    counts
}

#[cfg(test)]
mod tests {
    use mailvane_model::word::Action;

    use super::*;

    #[test]
    fn a_password_that_is_found_after_failures_makes_a_suspect() {
        let mut gathering = Gathering::default();
        for minute in 0..5 {
            gathering.login(Time(minute), AuthResult::Failed, "ann", "198.51.100.9");
            gathering.login(Time(minute), AuthResult::Failed, "bob", "198.51.100.9");
        }
        gathering.login(Time(5), AuthResult::Ok, "ann", "198.51.100.77");
        gathering.login(Time(5), AuthResult::Ok, "bob", "192.0.2.7");
        gathering.message(Time(6), "ann", "198.51.100.77", Some(40));
        let found = gathering.finish();
        assert_eq!((found.failed, found.ok, found.over_limit), (10, 2, 0));
        let (name, ann) = &found.users[0];
        assert_eq!((name.as_str(), ann.guessed_from.as_slice()), ("ann", &["198.51.100.0/24".to_owned()][..]));
        assert_eq!((ann.messages, ann.recipients, ann.failed), (1, 40, 5));
        let (_, bob) = &found.users[1];
        assert!(!bob.is_suspect(), "another network guessed, and did not find it");
        let (name, network) = &found.networks[0];
        assert_eq!((name.as_str(), network.failed, network.ok, network.users.len()), ("198.51.100.0/24", 10, 1, 2));
    }

    #[test]
    fn an_account_used_from_many_networks_is_a_suspect_and_refusals_have_their_reasons() {
        let mut gathering = Gathering::default();
        for third in 0..NETWORKS {
            gathering.message(Time(1), "eve", &format!("203.0.{third}.1"), None);
        }
        let refusal = |reason, action| RejectionRow { client_ip: "203.0.113.5", reason, action, ..RejectionRow::default() };
        gathering.rejection(&refusal(Reason::RelayDenied, Action::Reject));
        gathering.rejection(&refusal(Reason::RelayDenied, Action::Reject));
        gathering.rejection(&refusal(Reason::IpBlocklisted, Action::Defer));
        gathering.rejection(&refusal(Reason::ContentSpam, Action::Warn));
        let found = gathering.finish();
        assert!(found.users[0].1.is_suspect() && found.users[0].1.guessed_from.is_empty());
        assert_eq!((found.refused, found.put_off, &found.reasons), (2, 1, &vec![(Reason::RelayDenied, 2), (Reason::IpBlocklisted, 1)]));
        assert_eq!(found.networks[0].1.reasons, found.reasons);
    }
}
