//! Receivers and the ways to them, as `[notify.NAME]` of the configuration names them.
//!
//! The short form (`email`, `smtp`, `fallback = "direct"`) stands for one or two routes; `[[notify.NAME.route]]` adds further ones. Routes are
//! taken in their order until one carries the notice.

use std::path::PathBuf;

use mailvane_model::Time;
use serde::Deserialize;

use super::secret::Secret;
use super::template::Templates;
use super::words::Content;
use crate::error::Error;
use crate::rule::Severity;
use crate::rule::read::{span, unknown};

/// Routes of one receiver at most.
const ROUTES: usize = 16;
/// Addresses of one route at most.
const ADDRESSES: usize = 50;
/// How long a mail may be on its way before the next route is taken.
const ACCEPT_WITHIN: i64 = 2 * Time::MINUTE;
/// A page that nobody acknowledged goes out again by a route of another kind after this time.
const AGAIN_AFTER: i64 = 10 * Time::MINUTE;

/// `[notify.NAME]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReceiverSection {
    /// Mail addresses.
    pub email: Vec<String>,
    /// The address that notices come from, also in the envelope. It must be of a domain for which this host may send by this route.
    pub from: Option<String>,
    /// The relay: `smtp://host:port`, `smtp+starttls://host:587` (never in clear), `smtps://host:465`. Default: the mail server on this host.
    pub smtp: Option<String>,
    /// The user name at the relay.
    pub username: Option<String>,
    /// A file with the password.
    pub password_file: Option<PathBuf>,
    /// An environment variable with the password.
    pub password_env: Option<String>,
    /// `direct`: when the relay does not take it, go to the recipients' own servers.
    pub fallback: Option<String>,
    /// Only what is at least so grave: `page`, `ticket`, `info`. Default: `ticket`.
    pub severity: Option<Severity>,
    /// Take the next route when a mail is not delivered within this time: `2m`.
    pub accept_within: Option<String>,
    /// A page that nobody acknowledged goes out again, by a route of another kind, after this time: `10m`.
    pub again_after: Option<String>,
    /// What may leave: `full`, `masked`. Default: `full` for mail and commands, `masked` for other services.
    pub content: Option<Content>,
    /// A folder with templates.
    pub templates: Option<PathBuf>,
    /// Further routes.
    pub route: Vec<RouteSection>,
}

/// `[[notify.NAME.route]]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RouteSection {
    /// `email`, `direct`, `webhook`, `alertmanager`, `slack`, `ntfy`, `pagerduty`, `command`.
    pub kind: String,
    /// Where, for services.
    pub url: Option<String>,
    /// A file that holds where, for services whose address is a secret.
    pub url_file: Option<PathBuf>,
    /// Mail addresses, for mail.
    pub to: Vec<String>,
    /// The sender, for mail.
    pub from: Option<String>,
    /// The relay, for mail.
    pub smtp: Option<String>,
    /// The user name at the relay.
    pub username: Option<String>,
    /// A file with the password, key or token.
    pub secret_file: Option<PathBuf>,
    /// An environment variable with it.
    pub secret_env: Option<String>,
    /// The program and its arguments, for commands.
    pub command: Vec<String>,
    /// Only what is at least so grave. Default: as the receiver's.
    pub severity: Option<Severity>,
    /// What may leave.
    pub content: Option<Content>,
}

/// The keys of [`ReceiverSection`] and [`RouteSection`], to name the nearest one.
pub const RECEIVER: &[&str] = &[
    "email",
    "from",
    "smtp",
    "username",
    "password_file",
    "password_env",
    "fallback",
    "severity",
    "accept_within",
    "again_after",
    "content",
    "templates",
    "route",
];
/// See [`RECEIVER`].
pub const ROUTE: &[&str] =
    &["kind", "url", "url_file", "to", "from", "smtp", "username", "secret_file", "secret_env", "command", "severity", "content"];

/// How a connection to a relay is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// TLS where the server offers it.
    WhereOffered,
    /// STARTTLS, or nothing is sent.
    StartTls,
    /// TLS from the first byte.
    Tls,
}

/// A relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub protection: Protection,
    /// User name and password.
    pub login: Option<(String, Secret)>,
}

/// A way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// Mail by a relay.
    Smtp {
        /// The relay.
        relay: Relay,
        /// To whom.
        to: Vec<String>,
        /// From whom.
        from: String,
    },
    /// Mail straight to the servers of the recipients.
    Direct {
        /// To whom.
        to: Vec<String>,
        /// From whom.
        from: String,
    },
    /// A signed POST of our own form.
    Webhook {
        /// Where.
        url: Secret,
        /// The key of the signature.
        key: Option<Secret>,
    },
    /// Alertmanager's API, version 2.
    Alertmanager {
        /// Where it is, without `/api/v2/alerts`.
        url: Secret,
        /// A bearer token.
        token: Option<Secret>,
    },
    /// An incoming webhook as Slack, Mattermost and others know it.
    Slack {
        /// Where: a secret.
        url: Secret,
    },
    /// A topic of ntfy.
    Ntfy {
        /// The topic.
        url: Secret,
        /// An access token.
        token: Option<Secret>,
    },
    /// `PagerDuty` events, version 2.
    PagerDuty {
        /// Where events go.
        url: Secret,
        /// The key of the integration.
        key: Secret,
    },
    /// A program that gets the notice on its standard input.
    Command {
        /// Program and arguments.
        command: Vec<String>,
    },
}

impl Way {
    /// The written form of its kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Way::Smtp { .. } => "email",
            Way::Direct { .. } => "direct",
            Way::Webhook { .. } => "webhook",
            Way::Alertmanager { .. } => "alertmanager",
            Way::Slack { .. } => "slack",
            Way::Ntfy { .. } => "ntfy",
            Way::PagerDuty { .. } => "pagerduty",
            Way::Command { .. } => "command",
        }
    }

    /// Whether it is mail.
    pub const fn is_mail(&self) -> bool {
        matches!(self, Way::Smtp { .. } | Way::Direct { .. })
    }
}

/// A route: a way, and what goes by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// `ops/1 email relay.example.net:587`, for people.
    pub name: String,
    /// Its way.
    pub way: Way,
    /// Only what is at least so grave.
    pub severity: Severity,
    /// What may leave.
    pub content: Content,
}

/// Somebody who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// The name.
    pub name: String,
    /// The ways to them, in order.
    pub routes: Vec<Route>,
    /// How long a mail may be on its way, microseconds.
    pub accept_within: i64,
    /// After which time a page goes out by a second kind of route, microseconds.
    pub again_after: i64,
    /// Templates.
    pub templates: Templates,
}

/// What a host knows of itself, to judge and complete routes.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// Its name.
    pub host: String,
    /// Domains whose mailboxes are here.
    pub domains: Vec<String>,
    /// Its smarthost, where it has one.
    pub smarthost: Option<String>,
}

impl Receiver {
    /// Reads a section.
    ///
    /// # Errors
    /// [`Error::Route`] with what is wrong and what to write instead.
    pub fn read(name: &str, section: &ReceiverSection, own: &Own) -> Result<Self, Error> {
        let wrong = |text: String| Error::Route(format!("[notify.{name}]: {text}"));
        let severity = section.severity.unwrap_or(Severity::Ticket);
        let mut ways: Vec<(Way, Severity, Option<Content>)> = Vec::new();
        if !section.email.is_empty() {
            let mail = RouteSection {
                kind: "email".into(),
                to: section.email.clone(),
                from: section.from.clone(),
                smtp: section.smtp.clone(),
                username: section.username.clone(),
                secret_file: section.password_file.clone(),
                secret_env: section.password_env.clone(),
                ..RouteSection::default()
            };
            ways.push((way(&mail, section, own).map_err(wrong)?, severity, section.content));
            match section.fallback.as_deref() {
                None => {}
                Some("direct") => {
                    let direct = RouteSection { kind: "direct".into(), ..mail };
                    ways.push((way(&direct, section, own).map_err(wrong)?, severity, section.content));
                }
                Some(other) => return Err(wrong(unknown("fallback", other, ["direct"].into_iter()))),
            }
        } else if section.smtp.is_some() || section.fallback.is_some() {
            return Err(wrong("`smtp` and `fallback` need `email`: to whom shall it go?".into()));
        }
        for (number, route) in section.route.iter().enumerate() {
            let found = way(route, section, own).map_err(|text| wrong(format!("route {}: {text}", number + 1)))?;
            ways.push((found, route.severity.unwrap_or(severity), route.content.or(section.content)));
        }
        if ways.is_empty() || ways.len() > ROUTES {
            return Err(wrong(format!("give `email` or 1 to {ROUTES} [[notify.{name}.route]]")));
        }
        let time = |text: &Option<String>, default: i64, key: &str| match text {
            None => Ok(default),
            Some(text) => span(text).filter(|span| *span > 0).ok_or_else(|| wrong(format!("{key} = \"{text}\": use 90s, 2m or 1h"))),
        };
        let routes = ways.into_iter().enumerate().map(|(number, (way, severity, content))| {
            let full = way.is_mail() || matches!(way, Way::Command { .. });
            let content = content.unwrap_or(if full { Content::Full } else { Content::Masked });
            Route { name: format!("{name}/{} {}", number + 1, label(&way)), way, severity, content }
        });
        Ok(Receiver {
            name: name.to_owned(),
            routes: routes.collect(),
            accept_within: time(&section.accept_within, ACCEPT_WITHIN, "accept_within")?,
            again_after: time(&section.again_after, AGAIN_AFTER, "again_after")?,
            templates: section.templates.as_deref().map(Templates::load).transpose()?.unwrap_or_default(),
        })
    }

    /// The places of the routes for what is so grave, in their order; those that end on this host last when `avoid_own`.
    pub fn order(&self, severity: Severity, own: &Own, avoid_own: bool) -> Vec<usize> {
        let wanted = |place: &usize| self.routes.get(*place).is_some_and(|route| severity >= route.severity);
        let mut order: Vec<usize> = (0..self.routes.len()).filter(wanted).collect();
        if avoid_own {
            order.sort_by_key(|place| self.routes.get(*place).is_some_and(|route| depends(&route.way, own).is_some()));
        }
        order
    }

    /// What is to be said when every route needs this host, its domains or its smarthost to work.
    pub fn warning(&self, own: &Own) -> Option<String> {
        let reasons: Option<Vec<String>> = self.routes.iter().map(|route| depends(&route.way, own)).collect();
        let mut reasons = reasons?;
        reasons.dedup();
        Some(format!(
            "[notify.{}]: if this server is down nobody will hear of it ({}): add a webhook, or a mailbox elsewhere by a relay elsewhere",
            self.name,
            reasons.join("; ")
        ))
    }

    /// The senders of its mail: they are left out of every figure.
    pub fn senders(&self) -> impl Iterator<Item = &str> {
        self.routes.iter().filter_map(|route| match &route.way {
            Way::Smtp { from, .. } | Way::Direct { from, .. } => Some(from.as_str()),
            _ => None,
        })
    }
}

/// Whether mail by a relay goes by the very server that is watched: then its log tells what becomes of it.
pub fn is_watched(relay: &Relay, own: &Own) -> bool {
    let host = relay.host.trim_end_matches('.');
    host.eq_ignore_ascii_case("localhost")
        || host.eq_ignore_ascii_case(&own.host)
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Why a way does not work when this host does not.
pub fn depends(way: &Way, own: &Own) -> Option<String> {
    let of_domains = |to: &[String]| {
        let local = |address: &String| own.domains.iter().any(|domain| address.rsplit('@').next() == Some(domain.as_str()));
        (!to.is_empty() && to.iter().all(local)).then(|| format!("the mailboxes {} are here", to.join(", ")))
    };
    match way {
        Way::Smtp { relay, to, .. } => {
            let host = relay.host.trim_end_matches('.');
            let is_smarthost = own.smarthost.as_deref().is_some_and(|smarthost| smarthost.eq_ignore_ascii_case(host));
            if is_watched(relay, own) {
                return Some("mail goes by the server that is watched".into());
            }
            if is_smarthost {
                return Some(format!("{host} is the smarthost that is watched"));
            }
            of_domains(to)
        }
        Way::Direct { to, .. } => of_domains(to),
        Way::Webhook { url, .. }
        | Way::Slack { url }
        | Way::Ntfy { url, .. }
        | Way::Alertmanager { url, .. }
        | Way::PagerDuty { url, .. } => {
            let url = reqwest::Url::parse(url.reveal()).ok()?;
            let host = url.host_str()?.trim_matches(['[', ']']);
            let is_address = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
            let is_loopback = is_address || host.eq_ignore_ascii_case("localhost") || host.eq_ignore_ascii_case(&own.host);
            is_loopback.then(|| "it goes to a program on this host".to_owned())
        }
        Way::Command { .. } => None,
    }
}

/// A way for people: without what is secret in an address.
fn label(way: &Way) -> String {
    let host = |url: &Secret| reqwest::Url::parse(url.reveal()).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    match way {
        Way::Smtp { relay, to, .. } => format!("email to {} by {}:{}", to.join(", "), relay.host, relay.port),
        Way::Direct { to, .. } => format!("email to {} straight to its server", to.join(", ")),
        Way::Webhook { url, .. }
        | Way::Alertmanager { url, .. }
        | Way::Slack { url }
        | Way::Ntfy { url, .. }
        | Way::PagerDuty { url, .. } => {
            format!("{} {}", way.kind(), host(url))
        }
        Way::Command { command } => format!("command {}", command.first().map(String::as_str).unwrap_or_default()),
    }
}

const KINDS: [&str; 8] = ["email", "direct", "webhook", "alertmanager", "slack", "ntfy", "pagerduty", "command"];
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";

fn way(route: &RouteSection, section: &ReceiverSection, own: &Own) -> Result<Way, String> {
    let secret =
        |what: &str| Secret::read(what, route.secret_file.as_deref(), route.secret_env.as_deref()).map_err(|error| error.to_string());
    let url = || url(route);
    match route.kind.as_str() {
        "email" | "direct" => {
            let to = if route.to.is_empty() { &section.email } else { &route.to };
            let to = addresses(to)?;
            let from = route.from.as_ref().or(section.from.as_ref()).cloned().unwrap_or_else(|| format!("mailvane@{}", own.host));
            let from = addresses(std::slice::from_ref(&from))?.remove(0);
            if route.kind == "direct" {
                return Ok(Way::Direct { to, from });
            }
            let mut relay = relay(route.smtp.as_deref().unwrap_or("smtp://127.0.0.1:25"))?;
            match (&route.username, secret("password")?) {
                (Some(user), Some(password)) => relay.login = Some((user.clone(), password)),
                (None, None) => {}
                (Some(_), None) => return Err("`username` needs a password: name a file or a variable that holds it".into()),
                (None, Some(_)) => return Err("a password needs `username`".into()),
            }
            if relay.login.is_some() && relay.protection == Protection::WhereOffered {
                // A password never goes in clear.
                relay.protection = Protection::StartTls;
            }
            Ok(Way::Smtp { relay, to, from })
        }
        "webhook" => Ok(Way::Webhook { url: url()?, key: secret("key")? }),
        "alertmanager" => Ok(Way::Alertmanager { url: url()?, token: secret("token")? }),
        "slack" => Ok(Way::Slack { url: url()? }),
        "ntfy" => Ok(Way::Ntfy { url: url()?, token: secret("token")? }),
        "pagerduty" => {
            let key = secret("key")?.ok_or("PagerDuty needs the key of the integration: `secret_file` or `secret_env`")?;
            let url = if route.url.is_some() || route.url_file.is_some() { url()? } else { Secret::of(PAGERDUTY) };
            Ok(Way::PagerDuty { url, key })
        }
        "command" if route.command.is_empty() => Err("`command` needs the program and its arguments".into()),
        "command" => Ok(Way::Command { command: route.command.clone() }),
        "" => Err(format!("`kind` is missing: one of {}", KINDS.join(", "))),
        other => Err(unknown("kind", other, KINDS.into_iter())),
    }
}

/// Where a service is.
fn url(route: &RouteSection) -> Result<Secret, String> {
    let text = match (&route.url, &route.url_file) {
        (Some(url), None) => Secret::of(url.clone()),
        (None, Some(file)) => Secret::read("url", Some(file), None).map_err(|error| error.to_string())?.ok_or("`url_file` is empty")?,
        _ => return Err(format!("{} needs `url` (or `url_file`)", route.kind)),
    };
    let parsed = reqwest::Url::parse(text.reveal()).map_err(|error| format!("`url` is no address of a service: {error}"))?;
    if !matches!(parsed.scheme(), "https" | "http") || parsed.host_str().is_none() {
        return Err("`url` must begin with https:// (or http://)".into());
    }
    Ok(text)
}

fn addresses(texts: &[String]) -> Result<Vec<String>, String> {
    if texts.is_empty() || texts.len() > ADDRESSES {
        return Err(format!("give 1 to {ADDRESSES} mail addresses"));
    }
    for text in texts {
        text.parse::<lettre::Address>().map_err(|_| format!("`{}` is no mail address", super::clean::one_line(text, 100)))?;
    }
    Ok(texts.to_vec())
}

/// Reads `smtp://host:port`.
fn relay(text: &str) -> Result<Relay, String> {
    let wrong = || format!("smtp = \"{text}\": use smtp://host:25, smtp+starttls://host:587 or smtps://host:465");
    let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
    let (protection, usual) = match scheme {
        "smtp" => (Protection::WhereOffered, 25),
        "smtp+starttls" => (Protection::StartTls, 587),
        "smtps" => (Protection::Tls, 465),
        _ => return Err(wrong()),
    };
    if rest.contains('@') {
        return Err("a password does not belong into `smtp`: use `username` and `password_file`".into());
    }
    let rest = rest.trim_end_matches('/');
    let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map_or(Ok(usual), |port| port.parse::<u16>().map_err(|_| wrong()))?;
    if host.is_empty() || host.contains(['/', ' ']) {
        return Err(wrong());
    }
    Ok(Relay { host: host.to_owned(), port, protection, login: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Own {
        Own { host: "mx1.example.com".into(), domains: vec!["example.com".into()], smarthost: Some("smart.example.net".into()) }
    }

    fn read(text: &str) -> Result<Receiver, String> {
        let section: ReceiverSection = toml::from_str(text).map_err(|error| error.to_string())?;
        Receiver::read("ops", &section, &own()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_short_form_is_a_relay_and_a_direct_route() {
        let text = "email = [\"ops@example.org\"]\nsmtp = \"smtp+starttls://relay.example.net\"\nfallback = \"direct\"\n[[route]]\nkind = \"webhook\"\nurl = \"https://hooks.example.net/secret-part\"\nseverity = \"page\"\n";
        let receiver = read(text).unwrap();
        let names: Vec<&str> = receiver.routes.iter().map(|route| route.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "ops/1 email to ops@example.org by relay.example.net:587",
                "ops/2 email to ops@example.org straight to its server",
                "ops/3 webhook hooks.example.net"
            ]
        );
        assert_eq!(receiver.routes[2].content, Content::Masked);
        assert_eq!(receiver.order(Severity::Ticket, &own(), false), [0, 1]);
        assert_eq!(receiver.order(Severity::Page, &own(), false), [0, 1, 2]);
        assert_eq!(receiver.order(Severity::Info, &own(), false), [] as [usize; 0]);
        assert_eq!(receiver.warning(&own()), None);
        assert!(!format!("{receiver:?}").contains("secret-part"));
    }

    #[test]
    fn routes_that_need_this_server_are_named_and_taken_last() {
        let receiver = read("email = [\"ops@example.com\"]\nfallback = \"direct\"").unwrap();
        let warning = receiver.warning(&own()).unwrap();
        assert!(warning.contains("if this server is down nobody will hear of it") && warning.contains("add a webhook"), "{warning}");
        let text =
            "email = [\"ops@example.org\"]\nsmtp = \"smtp://127.0.0.1\"\n[[route]]\nkind = \"command\"\ncommand = [\"/usr/bin/true\"]\n";
        let receiver = read(text).unwrap();
        assert_eq!(receiver.warning(&own()), None);
        assert_eq!(receiver.order(Severity::Page, &own(), true), [1, 0]);
        let relay = read("email = [\"ops@example.org\"]\nsmtp = \"smtp://SMART.example.net\"").unwrap();
        assert!(relay.warning(&own()).is_some_and(|warning| warning.contains("smarthost")));
    }

    #[test]
    fn a_password_never_goes_in_clear() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("p");
        std::fs::write(&file, "x").unwrap();
        let text = format!(
            "email = [\"a@example.org\"]\nsmtp = \"smtp://relay.example.net\"\nusername = \"u\"\npassword_file = \"{}\"",
            file.display()
        );
        let receiver = read(&text).unwrap();
        let Way::Smtp { relay, .. } = &receiver.routes[0].way else { panic!("mail") };
        assert_eq!(relay.protection, Protection::StartTls);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, words) in [
            ("", "give `email`"),
            ("email = [\"ops\"]", "`ops` is no mail address"),
            ("email = [\"a@example.org\"]\nsmtp = \"relay\"", "use smtp://host:25"),
            ("email = [\"a@example.org\"]\nsmtp = \"smtp://u:p@relay\"", "password_file"),
            ("email = [\"a@example.org\"]\nfallback = \"dirct\"", "did you mean `direct`?"),
            ("smtp = \"smtp://relay\"", "need `email`"),
            ("[[route]]\nkind = \"webhok\"", "did you mean `webhook`?"),
            ("[[route]]\nkind = \"webhook\"", "needs `url`"),
            ("[[route]]\nkind = \"slack\"\nurl = \"ftp://x\"", "must begin with https"),
            ("[[route]]\nkind = \"pagerduty\"", "key of the integration"),
            ("[[route]]\nkind = \"command\"", "needs the program"),
            ("email = [\"a@example.org\"]\naccept_within = \"soon\"", "use 90s"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
