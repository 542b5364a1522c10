//! Who asks.

use mailvane_analytics::Within;

use super::role::Role;
use super::secret;

/// Somebody, and what he may do.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// The name; empty while there is no administrator.
    pub(crate) name: String,
    /// The user; none while there is no administrator, and for users whom only the proxy knows.
    pub(crate) user: Option<i64>,
    /// What he may do.
    pub(crate) role: Role,
    /// The domains he may see; none means all.
    pub(crate) within: Option<Within>,
    /// Whether addresses are blurred for him.
    pub(crate) blurred: bool,
    /// How he is known.
    pub(crate) how: How,
}

/// How somebody is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// There is no administrator yet, and only this machine is served.
    Open,
    /// By a session.
    Session {
        /// Its id.
        id: i64,
        /// What the browser holds.
        secret: String,
    },
    /// By a token of the API.
    Token,
    /// A trusted proxy says so.
    Proxy,
}

impl Identity {
    /// Who is let in while there is no administrator: he sees everything, and may do what operators do.
    pub(crate) fn open() -> Self {
        Identity { name: String::new(), user: None, role: Role::Operator, within: None, blurred: false, how: How::Open }
    }

    /// What a page must send with every change, so that no other page can make the browser do it; `None` where no browser is asked.
    pub(crate) fn csrf(&self, key: &[u8]) -> Option<String> {
        match &self.how {
            How::Open => Some(secret::keyed(key, "open")),
            How::Session { secret, .. } => Some(secret::keyed(secret.as_bytes(), "csrf")),
            How::Proxy => Some(secret::keyed(key, &format!("proxy {}", self.name))),
            How::Token => None,
        }
    }

    /// The word for how somebody is known.
    pub(crate) fn how(&self) -> &'static str {
        match self.how {
            How::Open => "open",
            How::Session { .. } => "session",
            How::Token => "token",
            How::Proxy => "proxy",
        }
    }
}
