//! `[alerts]` and `[notify.NAME]` of the configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use chrono_tz::Tz;
use mailvane_alert::notify::route::{Own, Receiver, ReceiverSection};
use mailvane_alert::rule::Problem;
use mailvane_alert::state::{QuietHours, Settings};
use mailvane_alert::{RuleSet, Severity};
use mailvane_model::Time;
use serde::Deserialize;

use crate::pipeline::span;

/// `[alerts]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Section {
    /// A folder of rules that override those that ship, by file name.
    pub(crate) rules: Option<PathBuf>,
    /// Where people reach the dashboard, for links in notices. Default: where it listens.
    pub(crate) link: Option<String>,
    /// The name of this host in notices. Default: what the mail server or the system calls it.
    pub(crate) host: Option<String>,
    /// A page that nobody acknowledged is said again after this time. Default: `4h`.
    pub(crate) repeat_page: Option<String>,
    /// A ticket that still holds is said again after this time. Default: `1d`.
    pub(crate) repeat_ticket: Option<String>,
    /// Who hears of a page that nobody acknowledged, one list of receivers after the other.
    pub(crate) escalation: Vec<Vec<String>>,
    /// The time between two steps of the escalation. Default: `15m`.
    pub(crate) escalate_after: Option<String>,
    /// Hours in which something is not told.
    pub(crate) quiet: Vec<Quiet>,
    /// An address that is asked for now and then, so that somebody else notices when we are gone.
    pub(crate) heartbeat: Option<String>,
    /// How often. Default: `1m`.
    pub(crate) heartbeat_every: Option<String>,
    /// Whether the mail server of this host is asked for its queue, every minute or less often. Default: when one is installed.
    pub(crate) list_queue: Option<bool>,
}

/// `[[alerts.quiet]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Quiet {
    /// Up to this severity. Default: `ticket`.
    #[serde(default = "ticket")]
    pub(crate) up_to: Severity,
    /// From: `22:00`.
    pub(crate) from: String,
    /// Until: `07:00`.
    pub(crate) until: String,
    /// In whose time. Default: this machine's.
    #[serde(default)]
    pub(crate) timezone: Option<String>,
}

const fn ticket() -> Severity {
    Severity::Ticket
}

/// The keys of `[alerts]`.
pub(crate) const ALERTS: &[&str] = &[
    "rules",
    "link",
    "host",
    "repeat_page",
    "repeat_ticket",
    "escalation",
    "escalate_after",
    "quiet",
    "heartbeat",
    "heartbeat_every",
    "list_queue",
];
/// The keys of `[[alerts.quiet]]`.
pub(crate) const QUIET: &[&str] = &["up_to", "from", "until", "timezone"];

/// What alerts work with.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The rules in force.
    pub(crate) rules: RuleSet,
    /// Where rules of one's own are.
    pub(crate) folder: Option<PathBuf>,
    /// What is wrong with the rules of the folder.
    pub(crate) problems: Vec<Problem>,
    /// When and how often something is told.
    pub(crate) settings: Settings,
    /// Who is told.
    pub(crate) receivers: Vec<Receiver>,
    /// What this host knows of itself.
    pub(crate) own: Own,
    /// Where the dashboard is.
    pub(crate) link: String,
    /// In whose time notices speak.
    pub(crate) zone: Tz,
    /// The address of the heartbeat, and how often.
    pub(crate) heartbeat: Option<(String, i64)>,
    /// Whether the mail server of this host is asked for its queue.
    pub(crate) lists_queue: bool,
    /// The report on a schedule.
    pub(crate) report: Option<crate::reporting::settings::Plan>,
}

impl Plan {
    /// Rules as they ship, and nobody to tell.
    pub(crate) fn silent(zone: Tz) -> Self {
        Plan {
            rules: RuleSet::embedded(),
            folder: None,
            problems: Vec::new(),
            settings: Settings::default(),
            receivers: Vec::new(),
            own: Own::default(),
            link: String::new(),
            zone,
            heartbeat: None,
            lists_queue: false,
            report: None,
        }
    }

    /// What the configuration says.
    pub(crate) fn read(section: &Section, notify: &BTreeMap<String, ReceiverSection>, own: Own, zone: Tz) -> Result<Self> {
        let own = Own { host: section.host.clone().unwrap_or(own.host), ..own };
        let mut receivers = Vec::new();
        for (name, section) in notify {
            receivers.push(Receiver::read(name, section, &own)?);
        }
        let (mut rules, mut problems) = super::rules::load(section.rules.as_deref())?;
        problems.extend(super::rules::without_strangers(&mut rules, &receivers, section.rules.as_deref()));
        if let Some(name) = section.escalation.iter().flatten().find(|name| !notify.contains_key(*name)) {
            bail!("alerts: escalation: there is no receiver `{name}`: name it in [notify.{name}]");
        }
        let usual = Settings::default();
        let settings = Settings {
            repeat_page: time("repeat_page", section.repeat_page.as_deref(), usual.repeat_page)?,
            repeat_ticket: time("repeat_ticket", section.repeat_ticket.as_deref(), usual.repeat_ticket)?,
            everybody: everybody(section, &receivers),
            escalation: section.escalation.clone(),
            escalate_after: time("escalate_after", section.escalate_after.as_deref(), usual.escalate_after)?,
            quiet: section.quiet.iter().map(|quiet| hours(quiet, zone)).collect::<Result<_>>()?,
            ..usual
        };
        let every = time("heartbeat_every", section.heartbeat_every.as_deref(), Time::MINUTE)?;
        let heartbeat = section.heartbeat.clone().map(|url| (url, every.max(10 * Time::SECOND)));
        let link = section.link.clone().unwrap_or_default().trim_end_matches('/').to_owned();
        let lists_queue = section.list_queue.unwrap_or_else(|| crate::queue::list::program().is_some());
        let folder = section.rules.clone();
        Ok(Plan { rules, folder, problems, settings, receivers, own, link, zone, heartbeat, lists_queue, report: None })
    }

    /// Puts the rules that a folder has now in force, for the plan; the former ones stay when it cannot be read.
    pub(crate) fn reload(&mut self, folder: &Path) -> Result<()> {
        let (mut rules, mut problems) = super::rules::load(Some(folder))?;
        problems.extend(super::rules::without_strangers(&mut rules, &self.receivers, Some(folder)));
        (self.rules, self.problems) = (rules, problems);
        Ok(())
    }

    /// What is to be said about rules and routes before they are needed.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> = self.problems.iter().map(ToString::to_string).collect();
        warnings.extend(self.receivers.iter().filter_map(|receiver| receiver.warning(&self.own)));
        warnings
    }

    /// The senders of our own mail.
    pub(crate) fn senders(&self) -> Vec<String> {
        let mut senders: Vec<String> = self.receivers.iter().flat_map(|receiver| receiver.senders()).map(str::to_lowercase).collect();
        senders.sort();
        senders.dedup();
        senders
    }
}

/// Whom rules tell that name nobody: all, but for those whom the chain tells later.
fn everybody(section: &Section, receivers: &[Receiver]) -> Vec<String> {
    let is_later = |name: &String| section.escalation.iter().flatten().any(|later| later == name);
    let first: Vec<String> = receivers.iter().map(|receiver| receiver.name.clone()).filter(|name| !is_later(name)).collect();
    if first.len() == receivers.len() { Vec::new() } else { first }
}

fn time(key: &str, text: Option<&str>, usual: i64) -> Result<i64> {
    let Some(text) = text else { return Ok(usual) };
    span::length(text).filter(|span| *span > 0).with_context(|| format!("alerts: {key} = \"{text}\": use 90s, 15m, 4h or 1d"))
}

fn hours(quiet: &Quiet, zone: Tz) -> Result<QuietHours> {
    let minute = |text: &str| {
        let (hour, minute) = text.split_once(':')?;
        let (hour, minute) = (hour.parse::<u32>().ok()?, minute.parse::<u32>().ok()?);
        (hour < 24 && minute < 60).then_some(hour * 60 + minute)
    };
    let read = |text: &str| minute(text).with_context(|| format!("alerts.quiet: `{text}` is no time of day: use 22:00"));
    let zone = match &quiet.timezone {
        Some(name) => span::zone(Some(name))?,
        None => zone,
    };
    Ok(QuietHours { up_to: quiet.up_to, from: read(&quiet.from)?, until: read(&quiet.until)?, zone })
}

/// The name of this machine.
pub(crate) fn host_name() -> String {
    let read =
        |path: &str| std::fs::read_to_string(Path::new(path)).ok().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    read("/proc/sys/kernel/hostname").or_else(|| read("/etc/hostname")).unwrap_or_else(|| "localhost".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(alerts: &str, notify: &str) -> Result<Plan> {
        let section: Section = toml::from_str(alerts)?;
        let notify: BTreeMap<String, ReceiverSection> = toml::from_str(notify)?;
        Plan::read(&section, &notify, Own { host: "mx1.example.com".into(), ..Own::default() }, Tz::UTC)
    }

    #[test]
    fn what_is_said_is_taken_and_the_rest_is_usual() {
        let plan = read(
            "repeat_page = \"1h\"\nescalation = [[\"ops\"]]\n[[quiet]]\nfrom = \"22:00\"\nuntil = \"07:00\"\n",
            "[ops]\nemail = [\"ops@example.org\"]\nsmtp = \"smtp://relay.example.net\"\n",
        )
        .expect("fine");
        assert_eq!(plan.settings.repeat_page, Time::HOUR);
        assert_eq!(plan.settings.repeat_ticket, Time::DAY);
        assert_eq!((plan.settings.quiet[0].from, plan.settings.quiet[0].up_to), (22 * 60, Severity::Ticket));
        assert_eq!(plan.senders(), ["mailvane@mx1.example.com"]);
        assert!(plan.warnings().is_empty(), "{:?}", plan.warnings());
    }

    #[test]
    fn every_key_is_known_to_the_configuration() {
        let text = "[alerts]\nlink = \"https://a.example\"\nhost = \"mx\"\nrepeat_page = \"1h\"\nrepeat_ticket = \"1d\"\nescalation = [[\"ops\"]]\nescalate_after = \"5m\"\nheartbeat = \"https://b.example\"\nheartbeat_every = \"1m\"\nlist_queue = false\nrules = \"/r\"\n[[alerts.quiet]]\nup_to = \"ticket\"\nfrom = \"22:00\"\nuntil = \"07:00\"\ntimezone = \"UTC\"\n[notify.ops]\nemail = [\"a@example.org\"]\nfrom = \"b@example.org\"\nsmtp = \"smtp://relay\"\nusername = \"u\"\npassword_file = \"/p\"\npassword_env = \"P\"\nfallback = \"direct\"\nseverity = \"page\"\naccept_within = \"1m\"\nagain_after = \"5m\"\ncontent = \"masked\"\ntemplates = \"/t\"\n[[notify.ops.route]]\nkind = \"email\"\nurl = \"https://c.example\"\nurl_file = \"/u\"\nto = [\"c@example.org\"]\nfrom = \"d@example.org\"\nsmtp = \"smtp://relay\"\nusername = \"u\"\nsecret_file = \"/s\"\nsecret_env = \"S\"\ncommand = [\"/bin/true\"]\nseverity = \"ticket\"\ncontent = \"full\"\n";
        let config = crate::config::Config::parse(text).expect("all keys are known");
        assert_eq!((config.alerts.list_queue, config.notify.len()), (Some(false), 1));
        let error = crate::config::Config::parse("[[notify.ops.route]]\nknd = \"email\"").expect_err("a typo").to_string();
        assert_eq!(error, "unknown key `knd` in [notify.ops.route]: did you mean `kind`?");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (alerts, notify, words) in [
            ("repeat_page = \"often\"", "", "use 90s"),
            ("escalation = [[\"boss\"]]", "", "there is no receiver `boss`"),
            ("[[quiet]]\nfrom = \"25:00\"\nuntil = \"7\"", "", "no time of day"),
            ("rules = \"/nonexistent\"", "", "cannot read the rules folder"),
            ("", "[ops]\nemail = [\"nobody\"]", "no mail address"),
        ] {
            let error = format!("{:#}", read(alerts, notify).expect_err(alerts));
            assert!(error.contains(words), "{alerts}: {error}");
        }
    }

    #[test]
    fn the_chain_is_told_later_and_everybody_else_at_once() {
        let notify = "[ops]\nemail = [\"ops@example.org\"]\n[boss]\nemail = [\"boss@example.org\"]\n";
        assert_eq!(read("", notify).expect("fine").settings.everybody, Vec::<String>::new());
        assert_eq!(read("escalation = [[\"boss\"]]", notify).expect("fine").settings.everybody, ["ops"]);
    }

    #[test]
    fn a_file_that_is_no_rule_or_names_a_stranger_stops_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let good = mailvane_alert::RuleSet::embedded().get("log_gap").expect("it ships").text.clone();
        std::fs::write(folder.path().join("mine.toml"), &good).expect("written");
        std::fs::write(folder.path().join("latin.toml"), b"title = \"caf\xe9\"").expect("written");
        std::fs::create_dir(folder.path().join("folder.toml")).expect("made");
        std::fs::write(folder.path().join("stranger.toml"), good.replacen("title", "notify = [\"opz\"]\ntitle", 1)).expect("written");
        let plan = read(&format!("rules = {:?}", folder.path()), "[ops]\nemail = [\"ops@example.org\"]\n").expect("the others go on");
        assert!(plan.rules.get("mine").is_some() && plan.rules.get("latin").is_none());
        assert!(plan.rules.get("stranger").is_some_and(|rule| rule.notify.is_empty()), "everybody hears of it");
        let told: Vec<String> = plan.problems.iter().map(ToString::to_string).collect();
        for words in [
            "latin.toml, line 1: is no text in UTF-8 from byte 12 on",
            "folder.toml, line 1: is no file",
            "stranger.toml, line 1: unknown receiver `opz`: did you mean `ops`?",
        ] {
            assert!(told.iter().any(|told| told.contains(words)), "{words}: {told:#?}");
        }
    }

    #[test]
    fn routes_that_all_end_here_are_warned_of() {
        let plan = read("", "[ops]\nemail = [\"ops@example.org\"]\n").expect("fine");
        assert!(plan.warnings()[0].contains("if this server is down nobody will hear of it"));
    }
}
