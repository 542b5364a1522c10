//! What people and programs may do, in words.

use std::fmt;

/// What somebody may do; each role may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Role {
    /// Read `/metrics` and nothing else. For tokens only.
    Metrics,
    /// Look at everything within the user's domains.
    Viewer,
    /// Change what mail operations are about: silence alerts, run probes.
    Operator,
    /// Change who may do what.
    Administrator,
}

/// The roles of users.
pub(crate) const ROLES: &[Role] = &[Role::Viewer, Role::Operator, Role::Administrator];

/// The scopes of tokens, and the role each stands for.
pub(crate) const SCOPES: &[(&str, Role)] =
    &[("metrics", Role::Metrics), ("read", Role::Viewer), ("operate", Role::Operator), ("administer", Role::Administrator)];

impl Role {
    /// The written form.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Role::Metrics => "metrics",
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Administrator => "administrator",
        }
    }

    /// The role of a user, from its written form.
    pub(crate) fn of_user(word: &str) -> Option<Self> {
        ROLES.iter().copied().find(|role| role.word() == word)
    }

    /// The role of a scope of tokens.
    pub(crate) fn of_scope(word: &str) -> Option<Self> {
        SCOPES.iter().find(|scope| scope.0 == word).map(|scope| scope.1)
    }

    /// What a token of these scopes may do: the most that one of them gives. None of them known: as little as can be.
    pub(crate) fn of_scopes(words: &str) -> Self {
        words.split_whitespace().filter_map(Role::of_scope).max().unwrap_or(Role::Metrics)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.word())
    }
}

/// Names of roles, for messages.
pub(crate) fn role_words() -> String {
    ROLES.iter().map(|role| role.word()).collect::<Vec<_>>().join(", ")
}

/// Names of scopes, for messages.
pub(crate) fn scope_words() -> String {
    SCOPES.iter().map(|scope| scope.0).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_in_order_and_no_user_is_only_a_reader_of_metrics() {
        assert!(Role::Metrics < Role::Viewer && Role::Viewer < Role::Operator && Role::Operator < Role::Administrator);
        for role in ROLES {
            assert_eq!(Role::of_user(role.word()), Some(*role));
        }
        assert_eq!(Role::of_user("metrics"), None);
        assert_eq!(Role::of_scopes("metrics operate"), Role::Operator);
        assert_eq!(Role::of_scopes("everything"), Role::Metrics);
    }
}
