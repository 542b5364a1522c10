//! Who may see and do what: users, sessions, tokens, the first administrator, guessing, the audit log.
//!
//! Until an administrator exists, whoever reaches loopback is let in, and nobody else. From then on everybody is asked who he is.
//! What is kept is in `mailvane_store::access`; what a route needs is in `api::permission`.

pub(crate) mod address;
mod audit;
pub(crate) mod blur;
pub(crate) mod domains;
mod identity;
mod login;
pub(crate) mod password;
pub(crate) mod role;
pub(crate) mod secret;
pub(crate) mod settings;
mod setup;
mod throttle;
pub(crate) mod totp;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use axum::http::{HeaderMap, header};
use mailvane_analytics::Within;
use mailvane_model::Time;
use mailvane_store::access::{Access as Rows, SessionRow, UserRow};

use address::Origin;
pub(crate) use identity::{How, Identity};
pub(crate) use login::{Refused, Shown};
use role::Role;
use secret::{TOKEN_PREFIX, hash};
pub(crate) use settings::Settings;
use setup::Setup;
use throttle::Throttle;

/// How the cookie is called on a plain connection, and under TLS (where browsers hold it to this host and path).
const COOKIES: [&str; 2] = ["mailvane_session", "__Host-mailvane_session"];
/// The time of last use is kept this often.
const SEEN_EVERY: i64 = Time::MINUTE;
/// Old sessions and deeds are looked for this often.
const TIDY_EVERY: i64 = 10 * Time::MINUTE;
/// Passwords that are hashed at once: each takes 19 MiB and a core.
const HASHED_AT_ONCE: usize = 2;
/// Passwords that wait for their turn.
const HASHES_WAITING: usize = 16;

/// What was counted since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Logins that succeeded.
    pub(crate) logins: AtomicU64,
    /// Logins that failed.
    pub(crate) failures: AtomicU64,
    /// Logins that were sent away without a look, for too many failures.
    pub(crate) throttled: AtomicU64,
    /// Requests that were refused for want of a session or of a right.
    pub(crate) refused: AtomicU64,
    /// Deeds that could not be kept.
    pub(crate) deeds_lost: AtomicU64,
}

/// Access, as one daemon grants it.
pub(crate) struct Access {
    rows: Arc<Rows>,
    settings: Settings,
    /// Whether only this machine can reach the listener.
    is_loopback: bool,
    setup: Setup,
    throttle: Mutex<Throttle>,
    turns: crate::api::gate::Gate,
    /// Keys what must not outlive the process.
    key: [u8; secret::SECRET_BYTES],
    pending_totp: Mutex<login::Pending>,
    recent: Mutex<audit::Recent>,
    tidied: Mutex<Time>,
    pub(crate) counts: Counts,
}

/// Why a request has no identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// It shows nothing by which anybody is known, or something that is not valid (any more).
    Nobody,
    /// There is no administrator, and the request is not from this machine, or came through a proxy.
    NoAdministrator,
}

impl Access {
    /// Opens what is kept beside the store.
    pub(crate) fn open(folder: &Path, settings: Settings, is_loopback: bool) -> Result<Self> {
        let rows = rows(folder)?;
        Ok(Access {
            rows: Arc::new(rows),
            settings,
            is_loopback,
            setup: Setup::default(),
            throttle: Mutex::default(),
            turns: crate::api::gate::Gate::new(HASHED_AT_ONCE, HASHES_WAITING),
            key: secret::random()?,
            pending_totp: Mutex::default(),
            recent: Mutex::default(),
            tidied: Mutex::new(Time(i64::MIN)),
            counts: Counts::default(),
        })
    }

    /// The settings.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What is kept.
    pub(crate) fn rows(&self) -> &Arc<Rows> {
        &self.rows
    }

    /// The link for the first administrator.
    pub(crate) fn setup(&self) -> &Setup {
        &self.setup
    }

    /// What keys the marks of pages against forged requests.
    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    /// Whether there is an administrator.
    pub(crate) fn has_administrator(&self) -> mailvane_store::Result<bool> {
        Ok(self.rows.count_role(Role::Administrator.word())? > 0)
    }

    fn throttle(&self) -> std::sync::MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who asks. Reads, and now and then writes that a session was seen.
    pub(crate) fn identify(&self, headers: &HeaderMap, origin: &Origin, now: Time) -> mailvane_store::Result<Identified> {
        self.tidy(now);
        if !self.has_administrator()? {
            let is_here = self.is_loopback && origin.peer.to_canonical().is_loopback() && !origin.forwarded;
            return Ok(if is_here { Ok(Identity::open()) } else { Err(Unknown::NoAdministrator) });
        }
        if let Some(given) = headers.get(header::AUTHORIZATION) {
            let given = given.to_str().ok().and_then(|text| text.split_once(' '));
            let token = given.filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
            // A proxy may use this header for itself: only what looks like a token of ours decides.
            if let Some(token) = token.filter(|token| token.starts_with(TOKEN_PREFIX)) {
                return Ok(self.by_token(token, now)?.ok_or(Unknown::Nobody));
            }
        }
        if let Some(identity) = self.by_proxy(headers, origin)? {
            return Ok(Ok(identity));
        }
        match session_secret(headers, origin.secure) {
            Some(secret) => Ok(self.by_session(secret, now)?.ok_or(Unknown::Nobody)),
            None => Ok(Err(Unknown::Nobody)),
        }
    }

    /// Who a user is, when he is known by some way; `most` bounds what he may do.
    pub(crate) fn identity(&self, user: &UserRow, most: Option<Role>, how: How) -> Option<Identity> {
        let role = Role::of_user(&user.role)?;
        let role = most.map_or(role, |most| most.min(role));
        Some(Identity {
            name: user.name.clone(),
            user: Some(user.id),
            role,
            within: (!user.domains.is_empty()).then(|| Within(user.domains.as_slice().into())),
            blurred: self.settings.blurs(Role::of_user(&user.role)?),
            how,
        })
    }

    fn by_token(&self, token: &str, now: Time) -> mailvane_store::Result<Option<Identity>> {
        let Some((token, user)) = self.rows.token(&hash(token))? else { return Ok(None) };
        if token.expires.is_some_and(|expires| expires <= now) {
            return Ok(None);
        }
        if token.seen.is_none_or(|seen| seen.plus(SEEN_EVERY) <= now) {
            self.later(move |rows| rows.see_token(token.id, now));
        }
        Ok(self.identity(&user, Some(Role::of_scopes(&token.scopes)), How::Token))
    }

    fn by_session(&self, secret: &str, now: Time) -> mailvane_store::Result<Option<Identity>> {
        let hash = hash(secret);
        let Some((session, user)) = self.rows.session(&hash)? else { return Ok(None) };
        if !self.is_alive(&session, now) {
            return Ok(None);
        }
        if session.seen.plus(SEEN_EVERY) <= now {
            self.later(move |rows| rows.see_session(&hash, now));
        }
        Ok(self.identity(&user, None, How::Session { id: session.id, secret: secret.to_owned() }))
    }

    fn is_alive(&self, session: &SessionRow, now: Time) -> bool {
        now < session.created.plus(self.settings.life) && now < session.seen.plus(self.settings.idle)
    }

    /// Whom the trusted proxy names. Two names are none.
    fn by_proxy(&self, headers: &HeaderMap, origin: &Origin) -> mailvane_store::Result<Option<Identity>> {
        let Some(header) = self.settings.user_header.as_deref().filter(|_| origin.proxied) else { return Ok(None) };
        let mut named = headers.get_all(header).into_iter();
        let (Some(named), None) = (named.next(), named.next()) else { return Ok(None) };
        let Some(name) = named.to_str().ok().and_then(|text| password::name(text).ok()) else { return Ok(None) };
        if let Some(user) = self.rows.user(&name)? {
            return Ok(self.identity(&user, None, How::Proxy));
        }
        Ok(self.settings.unknown_users.map(|role| Identity {
            name,
            user: None,
            role,
            within: None,
            blurred: self.settings.blurs(role),
            how: How::Proxy,
        }))
    }

    /// Writes something that nobody waits for.
    fn later(&self, write: impl FnOnce(&Rows) -> mailvane_store::Result<()> + Send + 'static) {
        let rows = Arc::clone(&self.rows);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = write(&rows) {
                tracing::warn!(%error, "the time of last use could not be kept");
            }
        });
    }

    /// Now and then drops sessions that ended, and old deeds.
    fn tidy(&self, now: Time) {
        let mut tidied = self.tidied.lock().unwrap_or_else(PoisonError::into_inner);
        if tidied.0.saturating_add(TIDY_EVERY) > now.0 {
            return;
        }
        *tidied = now;
        let (life, idle) = (now.plus(-self.settings.life), now.plus(-self.settings.idle));
        self.later(move |rows| {
            rows.end_sessions_before(life, idle)?;
            audit::forget(rows, now)
        });
    }

    /// Runs what blocks where that is allowed.
    pub(crate) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Rows) -> mailvane_store::Result<T> + Send + 'static,
    ) -> Result<T, crate::api::problem::Problem> {
        let rows = Arc::clone(&self.rows);
        let done = tokio::task::spawn_blocking(move || work(&rows)).await;
        Ok(done.map_err(|error| crate::api::problem::Problem::internal(&error))??)
    }

    /// Counts a request that was refused.
    pub(crate) fn count_refused(&self) {
        self.counts.refused.fetch_add(1, Ordering::Relaxed);
    }
}

type Identified = std::result::Result<Identity, Unknown>;

/// Opens the rows beside the store in a folder.
pub(crate) fn rows(folder: &Path) -> Result<Rows> {
    Rows::open(folder).with_context(|| format!("cannot open the users in {}", folder.display()))
}

/// The secret of a session in the cookies of a request.
fn session_secret(headers: &HeaderMap, secure: bool) -> Option<&str> {
    let wanted = COOKIES[usize::from(secure)];
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == wanted).map(|(_, value)| value).find(|value| !value.is_empty())
}

/// The cookie that gives a browser its session, or takes it away.
pub(crate) fn cookie(secret: Option<&str>, secure: bool, life: i64) -> String {
    let name = COOKIES[usize::from(secure)];
    let only = if secure { "; Secure" } else { "" };
    let age = if secret.is_some() { life / Time::SECOND } else { 0 };
    format!("{name}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{only}", secret.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::address::Peer;
    use super::*;
    use mailvane_store::access::{NewToken, NewUser};

    fn access(name: &str, section: &settings::Section) -> (std::path::PathBuf, Access) {
        let folder = std::env::temp_dir().join(format!("mailvane-access-{name}-{}", std::process::id()));
        let access = Access::open(&folder, Settings::read(section).expect("fine"), true).expect("a folder of its own");
        (folder, access)
    }

    fn add(access: &Access, name: &str, role: &str, domains: &[String]) -> i64 {
        let new = NewUser { name, role, password: "", domains, created: Time(0) };
        access.rows.add_user(&new).expect("written").expect("a free name")
    }

    /// Who asks with some headers from an address.
    fn who(access: &Access, from: &str, headers: &[(&'static str, String)], now: Time) -> Identified {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().expect("a value"));
        }
        let peer = Peer { address: from.parse().expect("an address"), secure: false };
        access.identify(&map, &Origin::of(peer, &map, &access.settings), now).expect("read")
    }

    #[tokio::test]
    async fn until_there_is_an_administrator_only_this_machine_is_let_in() {
        let (folder, access) = access("open", &settings::Section::default());
        add(&access, "vera", "viewer", &[]);
        assert!(who(&access, "127.0.0.1", &[], Time(0)).is_ok_and(|found| found.how == How::Open && found.role == Role::Operator));
        assert_eq!(who(&access, "192.0.2.1", &[], Time(0)).err(), Some(Unknown::NoAdministrator));
        let through = [("x-forwarded-for", "192.0.2.1".to_owned())];
        assert_eq!(who(&access, "127.0.0.1", &through, Time(0)).err(), Some(Unknown::NoAdministrator));
        add(&access, "root", "administrator", &[]);
        assert_eq!(who(&access, "127.0.0.1", &[], Time(0)).err(), Some(Unknown::Nobody));
        std::fs::remove_dir_all(folder).expect("removed");
    }

    #[tokio::test]
    async fn sessions_and_tokens_end_by_the_clock() {
        let (folder, access) = access("clock", &settings::Section::default());
        let root = add(&access, "root", "administrator", &[]);
        access.rows.add_session(&hash("abc"), root, Time(0), "", "").expect("written");
        let cookie = [("cookie", format!("other=1; {}=abc", COOKIES[0]))];
        let at = |hours: i64| Time(hours * Time::HOUR);
        assert!(who(&access, "192.0.2.1", &cookie, at(11)).is_ok());
        access.rows.see_session(&hash("abc"), at(11)).expect("written");
        assert!(who(&access, "192.0.2.1", &cookie, at(22)).is_ok(), "used, it goes on");
        access.rows.see_session(&hash("abc"), at(22)).expect("written");
        assert!(who(&access, "192.0.2.1", &cookie, at(34)).is_err(), "silent for too long");
        access.rows.add_session(&hash("def"), root, Time(0), "", "").expect("written");
        access.rows.see_session(&hash("def"), at(7 * 24)).expect("written");
        let cookie = [("cookie", format!("{}=def", COOKIES[0]))];
        assert!(who(&access, "192.0.2.1", &cookie, at(7 * 24)).is_err(), "however it is used");

        let token = format!("{TOKEN_PREFIX}x");
        let new =
            NewToken { user: root, hash: &hash(&token), name: "", prefix: "", scopes: "read", created: Time(0), expires: Some(at(1)) };
        access.rows.add_token(&new).expect("written");
        let shown = [("authorization", format!("bearer {token}"))];
        assert!(
            who(&access, "192.0.2.1", &shown, at(0)).is_ok_and(|found| found.role == Role::Viewer && found.csrf(&access.key).is_none())
        );
        assert_eq!(who(&access, "192.0.2.1", &shown, at(1)).err(), Some(Unknown::Nobody));
        std::fs::remove_dir_all(folder).expect("removed");
    }

    #[tokio::test]
    async fn a_proxy_names_users_with_their_domains() {
        let proxy = settings::Proxy {
            networks: vec!["192.0.2.0/24".into()],
            user_header: Some("Remote-User".into()),
            unknown_users: Some("viewer".into()),
        };
        let (folder, access) = access("proxy", &settings::Section { proxy, blur: vec!["viewer".into()], ..settings::Section::default() });
        add(&access, "root", "administrator", &[]);
        add(&access, "orgy", "operator", &["example.org".into()]);
        let named = |name: &str| [("remote-user", name.to_owned())];
        let found = who(&access, "192.0.2.1", &named("Orgy"), Time(0)).expect("known");
        assert!(found.within.is_some_and(|within| within.has("example.org")) && found.role == Role::Operator && !found.blurred);
        let found = who(&access, "192.0.2.1", &named("stranger"), Time(0)).expect("let in");
        assert!(found.user.is_none() && found.role == Role::Viewer && found.blurred);
        assert!(who(&access, "198.51.100.1", &named("root"), Time(0)).is_err());
        std::fs::remove_dir_all(folder).expect("removed");
    }
}
