//! What each route needs: the one table in which it stands.
//!
//! A route that is not in it can be read by every viewer who may see all domains, and changed by operators.

use axum::http::Method;

use crate::access::role::Role;

/// What a route needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    /// The role; none means that it is for everybody, known or not.
    pub(crate) role: Option<Role>,
    /// Whether users of some domains get an answer: what it tells is within their domains, or of no domain.
    pub(crate) scoped: bool,
    /// The word under which the audit log keeps that somebody looked; none when it does not.
    pub(crate) look: Option<&'static str>,
    /// Whether answers are about mail, and blurred for those who may not see addresses.
    pub(crate) about_mail: bool,
}

const fn all(role: Option<Role>) -> Need {
    Need { role, scoped: true, look: None, about_mail: false }
}

const PUBLIC: Need = all(None);
const OWN: Need = all(Some(Role::Viewer));
const ADMINISTRATION: Need = Need { role: Some(Role::Administrator), scoped: false, look: None, about_mail: false };
const MAIL: Need = Need { role: Some(Role::Viewer), scoped: true, look: None, about_mail: true };
const READ: Need = Need { scoped: false, ..MAIL };
const CHANGE: Need = Need { role: Some(Role::Operator), ..READ };

/// A pattern ends with `*` where it stands for everything under it.
const RULES: &[(&str, Need)] = &[
    ("/healthz", PUBLIC),
    ("/readyz", PUBLIC),
    ("/metrics", Need { role: Some(Role::Metrics), scoped: false, look: None, about_mail: false }),
    ("/api/v1/openapi.json", PUBLIC),
    ("/api/v1/session", PUBLIC),
    ("/api/v1/setup", PUBLIC),
    ("/api/v1/account*", OWN),
    ("/api/v1/tokens*", OWN),
    ("/api/v1/users*", ADMINISTRATION),
    ("/api/v1/sessions*", ADMINISTRATION),
    ("/api/v1/audit", ADMINISTRATION),
    ("/api/v1/status", MAIL),
    ("/api/v1/live", MAIL),
    ("/api/v1/attention", MAIL),
    ("/api/v1/summary", MAIL),
    ("/api/v1/series", MAIL),
    ("/api/v1/charts*", MAIL),
    ("/api/v1/breakdown", MAIL),
    ("/api/v1/queue", MAIL),
    ("/api/v1/failures", MAIL),
    ("/api/v1/logins", Need { look: Some("search"), ..READ }),
    ("/api/v1/messages", Need { look: Some("search"), ..MAIL }),
    ("/api/v1/messages/{id}", Need { look: Some("look_up"), ..MAIL }),
];

/// What a route needs. `pattern` is how the router calls it; none means that no route fits: a file of the dashboard.
pub(crate) fn need(pattern: Option<&str>, method: &Method) -> Need {
    let Some(pattern) = pattern else { return PUBLIC };
    let fits = |rule: &str| match rule.strip_suffix('*') {
        Some(start) => pattern.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        None => pattern == rule,
    };
    let listed = RULES.iter().find(|rule| fits(rule.0)).map(|rule| rule.1);
    listed.unwrap_or(if is_read(method) { READ } else { CHANGE })
}

/// Whether a method changes nothing.
pub(crate) fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_listed_is_closed_to_the_unknown_and_to_users_of_some_domains() {
        let new = need(Some("/api/v1/brand/new"), &Method::GET);
        assert_eq!((new.role, new.scoped, new.about_mail), (Some(Role::Viewer), false, true));
        assert_eq!(need(Some("/api/v1/brand/new"), &Method::POST).role, Some(Role::Operator));
        assert_eq!(need(Some("/api/v1/usersettings"), &Method::GET).role, Some(Role::Viewer), "a pattern ends at a slash");
    }

    #[test]
    fn listed_routes_need_what_the_table_says() {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            assert_eq!(need(Some("/api/v1/users/{name}"), &method), ADMINISTRATION);
            assert_eq!(need(Some("/api/v1/users"), &method), ADMINISTRATION);
        }
        assert_eq!(need(Some("/api/v1/session"), &Method::POST), PUBLIC);
        assert_eq!(need(Some("/api/v1/messages/{id}"), &Method::GET).look, Some("look_up"));
        assert_eq!(need(None, &Method::GET), PUBLIC);
    }
}
