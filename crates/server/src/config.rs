//! The configuration file: one TOML file, every key optional, unknown keys refused with the nearest known name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use mailvane_alert::notify::route::{RECEIVER, ROUTE, ReceiverSection};
use mailvane_model::nearest;
use serde::Deserialize;

use crate::access::settings::{ACCESS, PROXY, Section as Access, TLS, Tls};
use crate::alerting::settings::{ALERTS, QUIET, Section as Alerts};
use crate::probing::settings::{KEYS as PROBE, Section as Probe};
use crate::reporting::settings::{REPORT, Section as Report};

/// The whole file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Where the store is kept. Default: `/var/lib/mailvane` for root and the service user, else the user's state directory.
    pub(crate) data_dir: Option<PathBuf>,
    /// The address of the dashboard and API. Until there is an administrator only loopback is accepted. Default: `127.0.0.1:8624`.
    pub(crate) listen: Option<String>,
    /// How far back logs are read at the first start: `7d`, `12h`, `all`. Default: `7d`.
    pub(crate) history: Option<String>,
    /// A folder with rule packs and providers of your own (`*.toml`), which win over ours. Default: none.
    pub(crate) rules: Option<PathBuf>,
    /// The logs to read. Default: the mail log of this machine.
    pub(crate) source: Vec<Source>,
    /// What is ours.
    pub(crate) domains: Domains,
    /// What is received and cannot be read again.
    pub(crate) spool: Spool,
    /// How long things are kept.
    pub(crate) retention: Retention,
    /// Who may see and do what.
    pub(crate) access: Access,
    /// Certificate and key of the dashboard.
    pub(crate) tls: Tls,
    /// Rules, and when something is told.
    pub(crate) alerts: Alerts,
    /// Who is told, and by which routes.
    pub(crate) notify: BTreeMap<String, ReceiverSection>,
    /// What is looked at from outside, and when.
    pub(crate) probe: Vec<Probe>,
    /// A report by mail, on a schedule.
    pub(crate) report: Report,
}

/// One log with all its rotations.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Source {
    /// A path or glob pattern: `/var/log/mail.log*`. A source has one of `path`, `journald`, `syslog`, `stdin`.
    pub(crate) path: String,
    /// Read the systemd journal (facility mail). Default: `false`.
    pub(crate) journald: bool,
    /// The program that reads the journal. Default: `journalctl`.
    pub(crate) journalctl: Option<PathBuf>,
    /// Listen for syslog (RFC 3164 and 5424): `udp://127.0.0.1:5514`, `tcp://`, `tls://`, `unix:///run/mailvane/log` (datagrams), `unix-stream://`.
    pub(crate) syslog: Option<String>,
    /// With `tls://`: the certificate with its chain, a PEM file.
    pub(crate) certificate: Option<PathBuf>,
    /// With `tls://`: the key, a PEM file.
    pub(crate) key: Option<PathBuf>,
    /// Read standard input; `mailvane serve -` does the same. Default: `false`.
    pub(crate) stdin: bool,
    /// The machine whose log it is. Default: this installation.
    pub(crate) origin: Option<String>,
    /// The time zone of lines without zone. Default: this machine's.
    pub(crate) timezone: Option<String>,
    /// The year of lines without year. Default: found from the file's time.
    pub(crate) year: Option<i32>,
    /// The program that wrote the lines. Default: told from the lines.
    pub(crate) mta: Option<String>,
    /// `auto`: a second copy of the same lines makes no events; `always`; `never`. Default: `auto`.
    pub(crate) feeds: Option<String>,
}

/// What is ours.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Domains {
    /// Domains whose mailboxes are here or whose senders are ours. Default: what Postfix and the log say.
    pub(crate) ours: Vec<String>,
    /// Networks that are ours, in CIDR form. Default: what Postfix says, and loopback.
    pub(crate) networks: Vec<String>,
}

/// What is received and cannot be read again goes to disk first.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Spool {
    /// Megabytes on disk for each source; what is in the store goes first. When all of it is not yet, streams wait and datagrams are dropped, counted and
    /// told. Default: 1024.
    pub(crate) megabytes: Option<u64>,
}

/// How long things are kept.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Retention {
    /// Rows (messages, attempts, ...): `90d`. Default: `90d`.
    pub(crate) rows: Option<String>,
    /// The rows' size on disk in megabytes; the oldest days go first. Default: no limit.
    pub(crate) rows_megabytes: Option<u64>,
    /// Rollups: `730d`. Default: `730d`.
    pub(crate) rollups: Option<String>,
    /// Keep the raw lines of messages that failed or were deferred, and of refusals, so that they can be shown when the log is gone.
    /// Default: `true`.
    pub(crate) keep_failed_lines: Option<bool>,
    /// Keep all raw lines. Default: `false`.
    pub(crate) keep_lines: bool,
    /// How long raw lines are kept: `30d`. Default: `30d`.
    pub(crate) lines: Option<String>,
}

const TOP: &[&str] = &[
    "data_dir",
    "listen",
    "history",
    "rules",
    "source",
    "domains",
    "spool",
    "retention",
    "access",
    "tls",
    "alerts",
    "notify",
    "probe",
    "report",
];
const SPOOL: &[&str] = &["megabytes"];
const SOURCE: &[&str] =
    &["path", "journald", "journalctl", "syslog", "certificate", "key", "stdin", "origin", "timezone", "year", "mta", "feeds"];
const DOMAINS: &[&str] = &["ours", "networks"];
const RETENTION: &[&str] = &["rows", "rows_megabytes", "rollups", "keep_failed_lines", "keep_lines", "lines"];

impl Config {
    /// Reads and checks a file.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the configuration {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("in {}", path.display()))
    }

    /// Checks a text.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| anyhow::anyhow!("{}", error.to_string().trim_end()))?;
        known_keys(&table)?;
        let config: Config = toml::from_str(text).map_err(|error| anyhow::anyhow!("{}", error.to_string().trim_end()))?;
        for source in &config.source {
            let given = [!source.path.is_empty(), source.journald, source.syslog.is_some(), source.stdin];
            if given.iter().filter(|given| **given).count() != 1 {
                bail!(
                    "a [[source]] needs one of: path = \"/var/log/mail.log*\", journald = true, syslog = \"udp://127.0.0.1:5514\", stdin = true"
                );
            }
            if let Some(feeds) = &source.feeds
                && !["auto", "always", "never"].contains(&feeds.as_str())
            {
                bail!("feeds = \"{feeds}\": use \"auto\", \"always\" or \"never\"");
            }
        }
        Ok(config)
    }
}

fn known_keys(table: &toml::Table) -> Result<()> {
    for (key, value) in table {
        check(key, TOP, "")?;
        let (inner, names) = match key.as_str() {
            "source" => (value.as_array().map(Vec::as_slice).unwrap_or_default(), SOURCE),
            "domains" => (std::slice::from_ref(value), DOMAINS),
            "spool" => (std::slice::from_ref(value), SPOOL),
            "retention" => (std::slice::from_ref(value), RETENTION),
            "access" => (std::slice::from_ref(value), ACCESS),
            "tls" => (std::slice::from_ref(value), TLS),
            "alerts" => (std::slice::from_ref(value), ALERTS),
            "report" => (std::slice::from_ref(value), REPORT),
            "notify" => {
                for (receiver, section) in value.as_table().into_iter().flatten() {
                    known_in(section, RECEIVER, &format!("notify.{receiver}"), &[("route", ROUTE)])?;
                }
                continue;
            }
            "probe" => (value.as_array().map(Vec::as_slice).unwrap_or_default(), PROBE),
            _ => continue,
        };
        for item in inner {
            for name in item.as_table().into_iter().flat_map(toml::Table::keys) {
                check(name, names, key)?;
            }
            for name in item.get("proxy").and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::keys) {
                check(name, PROXY, "access.proxy")?;
            }
            for quiet in item.get("quiet").and_then(toml::Value::as_array).into_iter().flatten() {
                known_in(quiet, QUIET, "alerts.quiet", &[])?;
            }
        }
    }
    Ok(())
}

/// Checks the keys of a table, and of the tables in lists within it.
fn known_in(value: &toml::Value, known: &[&str], section: &str, inner: &[(&str, &[&str])]) -> Result<()> {
    for (name, value) in value.as_table().into_iter().flatten() {
        check(name, known, section)?;
        for (_, names) in inner.iter().filter(|(list, _)| list == name) {
            for item in value.as_array().into_iter().flatten() {
                known_in(item, names, &format!("{section}.{name}"), &[])?;
            }
        }
    }
    Ok(())
}

fn check(name: &str, known: &[&str], section: &str) -> Result<()> {
    if known.contains(&name) {
        return Ok(());
    }
    let place = if section.is_empty() { String::new() } else { format!(" in [{section}]") };
    match nearest(name, known.iter().copied()) {
        Some(nearest) => bail!("unknown key `{name}`{place}: did you mean `{nearest}`?"),
        None => bail!("unknown key `{name}`{place}: known are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_answered_with_the_nearest_name() {
        let error = Config::parse("lisen = \"127.0.0.1:1\"").expect_err("typo");
        assert_eq!(error.to_string(), "unknown key `lisen`: did you mean `listen`?");
        let error = Config::parse("[[source]]\npaht = \"x\"").expect_err("typo");
        assert_eq!(error.to_string(), "unknown key `paht` in [source]: did you mean `path`?");
    }

    #[test]
    fn a_wrong_type_is_answered_with_its_line() {
        let error = Config::parse("listen = 5").expect_err("wrong type");
        assert!(error.to_string().contains("line 1"), "{error}");
    }

    #[test]
    fn every_key_of_the_lists_is_a_key_of_the_types() {
        let text = "data_dir = \"/x\"\nlisten = \"127.0.0.1:1\"\nhistory = \"7d\"\nrules = \"/etc/mailvane/rules\"\n[spool]\nmegabytes = 9\n[[source]]\nsyslog = \"tls://127.0.0.1:6514\"\ncertificate = \"/c\"\nkey = \"/k\"\n[[source]]\njournald = true\njournalctl = \"/j\"\n[[source]]\nstdin = true\n[[source]]\npath = \"/var/log/mail.log*\"\norigin = \"a\"\ntimezone = \"UTC\"\nyear = 2026\nmta = \"postfix\"\nfeeds = \"auto\"\n[domains]\nours = [\"example.com\"]\nnetworks = [\"192.0.2.0/24\"]\n[retention]\nrows = \"90d\"\nrows_megabytes = 100\nrollups = \"730d\"\n[access]\nhosts = [\"mailvane.example.com\"]\nblur = [\"viewer\"]\nsession_idle = \"1h\"\nsession_life = \"1d\"\n[access.proxy]\nnetworks = [\"127.0.0.1/32\"]\nuser_header = \"Remote-User\"\nunknown_users = \"viewer\"\n[tls]\ncertificate = \"/x\"\nkey = \"/y\"\n";
        Config::parse(text).expect("all keys are known");
    }
}
