//! Logging in: name, password, one-time code; and what a user changes about that.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use mailvane_model::Time;
use mailvane_store::access::UserRow;

use super::{Access, password, secret, totp};
use crate::api::problem::Problem;

/// Secrets of one-time codes that wait to be confirmed.
const PENDING_MAX: usize = 100;
/// They wait so long.
const PENDING_LIFE: i64 = 10 * Time::MINUTE;
/// Characters of a browser's name that are kept.
const AGENT_MAX: usize = 200;

/// Secrets that wait for their first code, by user.
pub(super) type Pending = HashMap<i64, (Time, Vec<u8>)>;

/// Why a login failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Name, password or code are not right; which of them is not said.
    Wrong,
    /// The password is right, and a one-time code is needed too.
    CodeNeeded,
    /// Too many failures: wait so many seconds.
    Wait(u64),
}

/// What somebody shows at the door.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// The name.
    pub(crate) name: String,
    /// The password.
    pub(crate) password: String,
    /// The one-time code or a recovery code.
    pub(crate) code: Option<String>,
}

impl Access {
    /// Whether this is a user. `Err` inside is why not.
    pub(crate) async fn check(self: &Arc<Self>, shown: Shown, from: IpAddr, now: Time) -> Result<Result<UserRow, Refused>, Problem> {
        // A name that cannot be is refused as slowly as any other, and all of them together count as one.
        let name = password::name(&shown.name).unwrap_or_default();
        if let Err(seconds) = self.throttle().begin(&name, from, now) {
            self.counts.throttled.fetch_add(1, Ordering::Relaxed);
            return Ok(Err(Refused::Wait(seconds)));
        }
        let rows = Arc::clone(self.rows());
        let wanted = name.clone();
        let checked = self.turns.run(move || {
            let user = rows.user(&wanted)?;
            let is_right = password::is_right(&shown.password, user.as_ref().map(|user| user.password.as_str()));
            let Some(user) = user.filter(|_| is_right) else { return Ok(Err(Refused::Wrong)) };
            let Some(secret) = &user.totp else { return Ok(Ok(user)) };
            let Some(code) = shown.code.as_deref().filter(|code| !code.trim().is_empty()) else { return Ok(Err(Refused::CodeNeeded)) };
            let taken = match totp::step_of(secret, code, now.0.div_euclid(Time::SECOND)) {
                Some(step) => rows.take_step(user.id, step)?,
                None => rows.take_recovery(user.id, &totp::recovery_hash(code))?,
            };
            Ok(if taken { Ok(user) } else { Err(Refused::Wrong) })
        });
        let checked = checked.await?;
        match &checked {
            Ok(_) => {
                self.throttle().succeeded(&name, from);
                self.counts.logins.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => drop(self.counts.failures.fetch_add(1, Ordering::Relaxed)),
        }
        Ok(checked)
    }

    /// What was counted as a failure was none.
    pub(crate) fn forgive(&self, name: &str, from: IpAddr) {
        self.throttle().succeeded(name, from);
    }

    /// Begins a session for a user and gives its secret. What the browser held before is worth nothing from now on.
    pub(crate) async fn begin_session(
        self: &Arc<Self>,
        user: i64,
        former: Option<String>,
        from: IpAddr,
        agent: &str,
        now: Time,
    ) -> Result<String, Problem> {
        let fresh = secret::secret().map_err(|error| Problem::internal(&error))?;
        let hash = secret::hash(&fresh);
        let agent: String = agent.chars().filter(|each| !each.is_control()).take(AGENT_MAX).collect();
        self.run(move |rows| {
            if let Some(former) = former {
                rows.end_session(&secret::hash(&former))?;
            }
            rows.add_session(&hash, user, now, &from.to_string(), &agent)?;
            rows.see_user(user, now)
        })
        .await?;
        Ok(fresh)
    }

    /// The hash of a new password, in its turn.
    pub(crate) async fn hash_password(self: &Arc<Self>, password: String) -> Result<String, Problem> {
        self.turns.run(move || password::hash(&password).map_err(|error| Problem::internal(&error))).await
    }

    /// Keeps a new secret of one-time codes until its first code comes, and gives it.
    pub(crate) fn begin_totp(&self, user: i64, now: Time) -> Result<Vec<u8>, Problem> {
        let secret = totp::new_secret().map_err(|error| Problem::internal(&error))?;
        let mut pending = self.pending_totp.lock().unwrap_or_else(PoisonError::into_inner);
        pending.retain(|_, (since, _)| since.plus(PENDING_LIFE) > now);
        if pending.len() >= PENDING_MAX && !pending.contains_key(&user) {
            return Err(Problem::overloaded());
        }
        pending.insert(user, (now, secret.clone()));
        Ok(secret)
    }

    /// The secret that waits for its first code, if this is it.
    pub(crate) fn confirm_totp(&self, user: i64, code: &str, now: Time) -> Option<(Vec<u8>, i64)> {
        let mut pending = self.pending_totp.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, secret) = pending.get(&user)?;
        let step = totp::step_of(secret, code, now.0.div_euclid(Time::SECOND)).filter(|_| since.plus(PENDING_LIFE) > now)?;
        pending.remove(&user).map(|(_, secret)| (secret, step))
    }
}
