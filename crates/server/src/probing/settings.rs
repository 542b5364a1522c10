//! `[[probe]]` of the configuration, read into jobs.

use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use chrono_tz::Tz;
use mailvane_probe::lookup::name;
use serde::Deserialize;

use super::known::Known;
use crate::schedule::line::Line;
use crate::schedule::timetable::JOBS_LIMIT;
use crate::{cli, command};

/// When a probe runs unless its section says otherwise.
const DNS_SCHEDULE: &str = "*/30 * * * *";
/// The same for servers.
const SERVER_SCHEDULE: &str = "*/15 * * * *";
/// Runs begin up to this much later, in seconds.
const JITTER: i64 = 60;
/// A message of a round trip is not waited for longer, in seconds: a run has an end.
const WAIT_LONGEST: u64 = 200;
/// Domains and servers of one probe, at most.
const SCOPES_LIMIT: usize = 200;

/// One probe.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Section {
    /// Its name, by which its history is kept.
    pub(crate) name: String,
    /// `dns`, `smtp`, `imap`, `pop3`, `tls`, `http`, `dnsbl` or `roundtrip`. Default: `dns` where there are `domains`.
    pub(crate) kind: Option<String>,
    /// A line of cron: minute, hour, day of the month, month, day of the week. Default: every half hour for `dns`, every quarter for servers.
    pub(crate) schedule: Option<String>,
    /// The time zone of the schedule. Default: this machine's.
    pub(crate) timezone: Option<String>,
    /// Runs begin up to so many seconds later, so that not all begin at once. Default: 60.
    pub(crate) jitter_s: Option<i64>,
    /// The domains to look at (`dns`).
    pub(crate) domains: Vec<String>,
    /// The servers, as `mailvane probe` takes them (`HOST:PORT`; for `http` an address as in a browser; for `dnsbl` addresses and domains).
    pub(crate) hosts: Vec<String>,
    /// The servers are ours: recipients and relaying are tried too (`smtp`).
    pub(crate) own: bool,
    /// What the port of an SMTP server is for: `exchange`, `submission`, `submissions`. Default: told from its number.
    #[serde(rename = "as")]
    pub(crate) purpose: Option<String>,
    /// Networks the server relays for (`smtp`, with `own`).
    pub(crate) trusted: Vec<String>,
    /// A mailbox to log in to.
    pub(crate) user: Option<String>,
    /// The file that holds its password.
    pub(crate) password_file: Option<PathBuf>,
    /// Authorities to believe beside those that mail programs know: a PEM file.
    pub(crate) ca: Option<PathBuf>,
    /// Connect to these addresses instead of asking DNS.
    pub(crate) addresses: Vec<IpAddr>,
    /// Addresses that mail of the domains leaves from (`dns`). Default: what Postfix says.
    pub(crate) ip: Vec<IpAddr>,
    /// Names that the servers say in HELO (`dns`). Default: what Postfix says.
    pub(crate) helo: Vec<String>,
    /// Envelope senders (`dns`).
    pub(crate) sender: Vec<String>,
    /// DKIM selectors (`dns`).
    pub(crate) selector: Vec<String>,
    /// The host that mail leaves through (`dns`). Default: what Postfix says.
    pub(crate) smarthost: Option<String>,
    /// The server of the mailbox that the message is fetched from (`roundtrip`; `hosts` names where it is submitted).
    pub(crate) imap: Option<String>,
    /// The sender of the message: an address used for this alone, since its mail is left out of all figures (`roundtrip`).
    pub(crate) mail_from: Option<String>,
    /// Its recipient: a mailbox of yours (`roundtrip`).
    pub(crate) rcpt: Option<String>,
    /// Another name for the mailbox (`roundtrip`).
    pub(crate) imap_user: Option<String>,
    /// The file that holds the password of the mailbox (`roundtrip`).
    pub(crate) imap_password_file: Option<PathBuf>,
    /// Our own log, in which the message is followed when it does not arrive (`roundtrip`).
    pub(crate) log: Vec<PathBuf>,
    /// How long the message may take, in seconds (`roundtrip`). Default: 120.
    pub(crate) wait_s: Option<u64>,
    /// Name servers to ask. Default: those of this machine.
    pub(crate) resolvers: Vec<String>,
}

/// The keys of a section.
pub(crate) const KEYS: &[&str] = &[
    "name",
    "kind",
    "schedule",
    "timezone",
    "jitter_s",
    "domains",
    "hosts",
    "own",
    "as",
    "trusted",
    "user",
    "password_file",
    "ca",
    "addresses",
    "ip",
    "helo",
    "sender",
    "selector",
    "smarthost",
    "imap",
    "mail_from",
    "rcpt",
    "imap_user",
    "imap_password_file",
    "log",
    "wait_s",
    "resolvers",
];

/// What a probe looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Everything DNS says of a domain.
    Dns,
    /// A mail server.
    Smtp,
    /// Mailboxes over IMAP.
    Imap,
    /// Mailboxes over POP3.
    Pop3,
    /// A certificate.
    Tls,
    /// A page.
    Http,
    /// Block lists.
    Dnsbl,
    /// A message on its whole way.
    Roundtrip,
}

const KINDS: [(&str, Kind); 8] = [
    ("dns", Kind::Dns),
    ("smtp", Kind::Smtp),
    ("imap", Kind::Imap),
    ("pop3", Kind::Pop3),
    ("tls", Kind::Tls),
    ("http", Kind::Http),
    ("dnsbl", Kind::Dnsbl),
    ("roundtrip", Kind::Roundtrip),
];

impl Kind {
    /// The written form.
    pub(crate) fn word(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).map_or("dns", |(word, _)| word)
    }
}

/// One probe, ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// Its section.
    pub(crate) section: Section,
    /// What it looks at.
    pub(crate) kind: Kind,
    /// When it runs.
    pub(crate) line: Line,
    /// The zone of that.
    pub(crate) zone: Tz,
    /// Up to so much later, in seconds.
    pub(crate) jitter: i64,
    /// The domains or servers, one run each.
    pub(crate) scopes: Vec<String>,
}

/// All probes, and what is known of our servers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// The probes.
    pub(crate) jobs: Vec<Job>,
    /// What our servers really use.
    pub(crate) known: Known,
}

impl Plan {
    /// Senders of our own messages: their mail is no mail of users.
    pub(crate) fn senders(&self) -> impl Iterator<Item = String> {
        self.jobs.iter().filter(|job| job.kind == Kind::Roundtrip).filter_map(|job| job.section.mail_from.clone())
    }

    /// Reads the sections. Without any, the domains that the configuration calls ours are looked at in DNS; nothing else is asked of anybody.
    pub(crate) fn read(sections: &[Section], ours: &[String], zone: Tz, known: Known) -> Result<Self> {
        let mut sections = sections.to_vec();
        if sections.is_empty() && !ours.is_empty() {
            sections.push(Section { name: "dns".to_owned(), domains: ours.to_vec(), ..Section::default() });
        }
        if sections.len() > JOBS_LIMIT {
            bail!("{} probes; {JOBS_LIMIT} are the most", sections.len());
        }
        let mut jobs: Vec<Job> = Vec::new();
        for section in sections {
            let shown = if section.name.is_empty() { "a [[probe]]".to_owned() } else { format!("[[probe]] `{}`", section.name) };
            let job = Job::read(section, ours, zone).with_context(|| shown.clone())?;
            if jobs.iter().any(|known| known.section.name == job.section.name) {
                bail!("{shown}: there is another one of this name");
            }
            jobs.push(job);
        }
        Ok(Plan { jobs, known })
    }
}

impl Job {
    fn read(mut section: Section, ours: &[String], zone: Tz) -> Result<Self> {
        let fits = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if section.name.is_empty() || section.name.len() > 60 || !fits(&section.name) {
            bail!("it needs a `name` of letters, digits, `-`, `_` and `.`");
        }
        let default = if section.hosts.is_empty() { "dns" } else { "" };
        let word = section.kind.as_deref().unwrap_or(default);
        let kind = KINDS.iter().find(|(known, _)| *known == word).map(|(_, kind)| *kind);
        let words = KINDS.map(|(word, _)| word).join(", ");
        let kind = kind.with_context(|| format!("`kind = \"{word}\"`: use one of {words}"))?;
        if kind == Kind::Dns && section.domains.is_empty() {
            section.domains = ours.to_vec();
        }
        let scopes = if kind == Kind::Dns { &section.domains } else { &section.hosts };
        let scopes: Vec<String> = scopes.iter().map(|scope| scope.trim_end_matches('.').to_lowercase()).collect();
        if scopes.is_empty() {
            bail!("it needs {}", if kind == Kind::Dns { "`domains = [\"example.com\"]`" } else { "`hosts = [\"mail.example.com:25\"]`" });
        }
        if scopes.len() > SCOPES_LIMIT {
            bail!("{} domains or servers; {SCOPES_LIMIT} are the most of one probe", scopes.len());
        }
        let zone = match &section.timezone {
            Some(text) => text.parse().map_err(|_| anyhow::anyhow!("timezone `{text}` is not known: use `Europe/Berlin`"))?,
            None => zone,
        };
        let usual = if kind == Kind::Dns { DNS_SCHEDULE } else { SERVER_SCHEDULE };
        let line = Line::read(section.schedule.as_deref().unwrap_or(usual), zone)?;
        let jitter = section.jitter_s.unwrap_or(JITTER);
        if !(0..=3600).contains(&jitter) {
            bail!("`jitter_s = {jitter}`: use 0 to 3600 seconds");
        }
        let job = Job { section, kind, line, zone, jitter, scopes };
        job.try_out(ours)?;
        Ok(job)
    }

    /// Finds mistakes when the configuration is read, not at the first run.
    fn try_out(&self, ours: &[String]) -> Result<()> {
        if self.kind == Kind::Roundtrip {
            let section = &self.section;
            for (key, is_there) in
                [("imap", section.imap.is_some()), ("mail_from", section.mail_from.is_some()), ("rcpt", section.rcpt.is_some())]
            {
                if !is_there {
                    bail!("a round trip needs `{key}`");
                }
            }
            if section.wait_s.is_some_and(|wait| wait > WAIT_LONGEST) {
                bail!("`wait_s`: {WAIT_LONGEST} seconds are the most");
            }
        }
        for scope in &self.scopes {
            if self.kind != Kind::Dns {
                command::probe::checks(&self.command(scope, ours)).with_context(|| scope.clone())?;
            } else if let Some(defect) = name::defect(scope) {
                bail!("`{scope}` is no domain: {defect}");
            }
        }
        command::check::resolvers(&self.section.resolvers).map(drop).or_else(|error| {
            // Without name servers of its own the machine may still get some before the first run.
            if self.section.resolvers.is_empty() { Ok(()) } else { Err(error) }
        })
    }

    /// The command that looks at one server of it.
    pub(crate) fn command(&self, scope: &str, ours: &[String]) -> cli::Probe {
        let section = &self.section;
        if self.kind == Kind::Roundtrip {
            return cli::Probe::Roundtrip(self.round_trip(scope));
        }
        let hosts = cli::ProbeHosts {
            hosts: vec![scope.to_owned()],
            address: section.addresses.clone(),
            from: None,
            ca: section.ca.clone(),
            user: section.user.clone(),
            password_file: section.password_file.clone(),
            timeout: 30,
            // What shows as an error in the log of the server is left to the command line.
            quick: true,
            control: Vec::new(),
            resolver: section.resolvers.clone(),
            json: false,
        };
        match self.kind {
            Kind::Smtp => cli::Probe::Smtp(cli::ProbeSmtp {
                hosts,
                purpose: section.purpose.clone(),
                helo: None,
                own: section.own,
                domain: if section.own { ours.to_vec() } else { Vec::new() },
                trusted: section.trusted.clone(),
            }),
            Kind::Imap => cli::Probe::Imap(hosts),
            Kind::Pop3 => cli::Probe::Pop3(hosts),
            Kind::Http => cli::Probe::Http(hosts),
            Kind::Dnsbl | Kind::Dns | Kind::Roundtrip => {
                cli::Probe::Dnsbl(cli::ProbeDnsbl { what: vec![scope.to_owned()], resolver: section.resolvers.clone(), json: false })
            }
            Kind::Tls => cli::Probe::Tls(hosts),
        }
    }

    fn round_trip(&self, scope: &str) -> cli::ProbeRoundTrip {
        let section = &self.section;
        cli::ProbeRoundTrip {
            submission: scope.to_owned(),
            imap: section.imap.clone().unwrap_or_default(),
            mail_from: section.mail_from.clone().unwrap_or_default(),
            rcpt: section.rcpt.clone().unwrap_or_default(),
            user: section.user.clone(),
            password_file: section.password_file.clone(),
            imap_user: section.imap_user.clone(),
            imap_password_file: section.imap_password_file.clone(),
            log: section.log.clone(),
            wait: section.wait_s.unwrap_or(120),
            ca: section.ca.clone(),
            address: section.addresses.clone(),
            resolver: section.resolvers.clone(),
            json: false,
        }
    }
}
