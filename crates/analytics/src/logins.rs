//! Logins one by one, newest first: the rows behind the numbers of [`crate::security`].

use std::collections::BTreeMap;

use mailvane_metric::network;
use mailvane_model::word::AuthResult;
use mailvane_model::{AuthRow, Time};
use mailvane_store::Snapshot;

use crate::scope::Scope;
use crate::{Result, scan};

/// Which logins of a scope.
#[derive(Clone, Debug, Default)]
pub struct Which {
    /// How they ended.
    pub result: Option<AuthResult>,
    /// From which network, as [`network::of`] names it.
    pub network: Option<String>,
}

impl Which {
    fn has(&self, row: &AuthRow<'_>) -> bool {
        self.result.is_none_or(|result| row.result == result)
            && self.network.as_ref().is_none_or(|wanted| network::of(row.client_ip) == *wanted)
    }
}

/// One login.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// When.
    pub time: Time,
    /// How it ended.
    pub result: AuthResult,
    /// The account; empty where the log does not say.
    pub user: String,
    /// The client's address.
    pub client_ip: String,
    /// The client's host name.
    pub client_name: String,
    /// `PLAIN`, `LOGIN` and so on.
    pub method: String,
    /// The answer or the reason.
    pub reply_text: String,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Logins {
    /// The newest, newest first.
    pub rows: Vec<Login>,
    /// How many there are in all.
    pub total: u64,
}

/// The newest `limit` logins.
pub fn logins(snapshot: &Snapshot, scope: &Scope, which: &Which, limit: usize) -> Result<Logins> {
    let mut newest: BTreeMap<(Time, u64), Login> = BTreeMap::new();
    let mut total = 0;
    scan::auths_told(snapshot, scope, |row| {
        if !which.has(row) {
            return;
        }
        total += 1;
        if newest.len() >= limit && newest.first_key_value().is_some_and(|((oldest, _), _)| row.time < *oldest) {
            return;
        }
        newest.insert((row.time, total), login(row));
        if newest.len() > limit {
            newest.pop_first();
        }
    })?;
    Ok(Logins { rows: newest.into_values().rev().collect(), total })
}

fn login(row: &AuthRow<'_>) -> Login {
    Login {
        time: row.time,
        result: row.result,
        user: row.user.to_owned(),
        client_ip: row.client_ip.to_owned(),
        client_name: row.client_name.to_owned(),
        method: row.method.to_owned(),
        reply_text: row.reply_text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_and_network_narrow() {
        let row = AuthRow { client_ip: "192.0.2.7", result: AuthResult::Failed, ..AuthRow::default() };
        let which = |result, network: Option<&str>| Which { result, network: network.map(str::to_owned) };
        assert!(which(None, None).has(&row));
        assert!(which(Some(AuthResult::Failed), Some("192.0.2.0/24")).has(&row));
        assert!(!which(Some(AuthResult::Ok), None).has(&row));
        assert!(!which(None, Some("198.51.100.0/24")).has(&row));
    }
}
