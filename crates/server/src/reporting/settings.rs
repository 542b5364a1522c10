//! `[report]` of the configuration: when a report goes out, about how long, and to whom.

use anyhow::{Context, Result, bail};
use chrono_tz::Tz;
use mailvane_alert::notify::Receiver;
use mailvane_alert::notify::route::Way;
use mailvane_model::Time;
use serde::Deserialize;

use crate::pipeline::span;
use crate::schedule::line::Line;

/// Lines of each table unless asked.
const TOP: usize = 10;
/// The most lines of each table.
const TOP_MAX: usize = 200;
/// The longest time that one report is about: more is asked of `mailvane report`.
const PERIOD_MAX: i64 = 366 * Time::DAY;

/// `[report]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Section {
    /// When: a line of cron with five fields, or `@daily`, `@weekly`. Without it there is no report.
    pub(crate) schedule: Option<String>,
    /// In whose time. Default: this machine's.
    pub(crate) timezone: Option<String>,
    /// How long before that it is about: `1d`, `7d`. Default: `1d`.
    pub(crate) period: Option<String>,
    /// The receivers, by their names in `[notify]`. Default: all that have a route by mail.
    pub(crate) to: Vec<String>,
    /// Lines of each table. Default: 10.
    pub(crate) top: Option<usize>,
    /// Whether a time without any mail is reported, too. Default: `false`.
    pub(crate) even_if_empty: bool,
}

/// The keys of `[report]`.
pub(crate) const REPORT: &[&str] = &["schedule", "timezone", "period", "to", "top", "even_if_empty"];

/// What is to be done.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// When.
    pub(crate) line: Line,
    /// In whose time it speaks.
    pub(crate) zone: Tz,
    /// How long before that it is about, microseconds.
    pub(crate) period: i64,
    /// Receivers by name.
    pub(crate) to: Vec<String>,
    /// Lines of each table.
    pub(crate) top: usize,
    /// Whether a time without any mail is reported, too.
    pub(crate) even_if_empty: bool,
}

impl Plan {
    /// What the configuration says; nothing without a schedule.
    pub(crate) fn read(section: &Section, receivers: &[Receiver], zone: Tz) -> Result<Option<Self>> {
        let Some(schedule) = &section.schedule else {
            if section.period.is_some() || !section.to.is_empty() {
                bail!("[report] says what to send and not when: add schedule = \"0 7 * * *\"");
            }
            return Ok(None);
        };
        let zone = match &section.timezone {
            Some(name) => span::zone(Some(name)).context("report: timezone")?,
            None => zone,
        };
        let line = Line::read(schedule, zone).context("report")?;
        let text = section.period.as_deref().unwrap_or("1d");
        let period = span::length(text)
            .filter(|span| (Time::HOUR..=PERIOD_MAX).contains(span))
            .with_context(|| format!("report: period = \"{text}\": use 1d or 7d"))?;
        let by_mail = |receiver: &&Receiver| receiver.routes.iter().any(|route| matches!(route.way, Way::Smtp { .. } | Way::Direct { .. }));
        for name in &section.to {
            let Some(receiver) = receivers.iter().find(|receiver| receiver.name == *name) else {
                bail!("report: there is no receiver `{name}`: name it in [notify.{name}]");
            };
            if !by_mail(&receiver) {
                bail!("report: a report goes by mail, and `{name}` has no route by mail: give it email = [\"...\"]");
            }
        }
        let all = || receivers.iter().filter(by_mail).map(|receiver| receiver.name.clone()).collect::<Vec<_>>();
        let to = if section.to.is_empty() { all() } else { section.to.clone() };
        if to.is_empty() {
            bail!("report: nobody is there to be sent it: add [notify.ops] with email = [\"...\"]");
        }
        let top = section.top.unwrap_or(TOP);
        if !(1..=TOP_MAX).contains(&top) {
            bail!("report: top = {top}: use 1 to {TOP_MAX}");
        }
        Ok(Some(Plan { line, zone, period, to, top, even_if_empty: section.even_if_empty }))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use mailvane_alert::notify::route::{Own, ReceiverSection};

    use super::*;

    fn read(report: &str) -> Result<Option<Plan>> {
        let notify = "[ops]\nemail = [\"ops@example.org\"]\nsmtp = \"smtp://relay.example.net\"\n[chat]\n[[chat.route]]\nkind = \"slack\"\nurl = \"https://hooks.example.com/x\"\n";
        let notify: BTreeMap<String, ReceiverSection> = toml::from_str(notify)?;
        let own = Own { host: "mx1.example.com".into(), ..Own::default() };
        let receivers = notify.iter().map(|(name, section)| Ok(Receiver::read(name, section, &own)?)).collect::<Result<Vec<_>>>()?;
        Plan::read(&toml::from_str(report)?, &receivers, Tz::UTC)
    }

    #[test]
    fn usual_values_are_a_day_by_mail() {
        let plan = read("schedule = \"0 7 * * *\"\ntimezone = \"Europe/Berlin\"").expect("fine").expect("a plan");
        assert_eq!((plan.period, plan.to.as_slice(), plan.top), (Time::DAY, ["ops".to_owned()].as_slice(), TOP));
        assert_eq!(plan.zone, Tz::Europe__Berlin);
        assert!(read("").expect("fine").is_none());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (report, words) in [
            ("period = \"1d\"", "not when"),
            ("schedule = \"7\"", "five are needed"),
            ("schedule = \"@daily\"\nperiod = \"1m\"", "use 1d or 7d"),
            ("schedule = \"@daily\"\nto = [\"boss\"]", "no receiver `boss`"),
            ("schedule = \"@daily\"\nto = [\"chat\"]", "no route by mail"),
            ("schedule = \"@daily\"\ntop = 0", "use 1 to"),
            ("schedule = \"@daily\"\ntimezone = \"Mars/Base\"", "timezone"),
        ] {
            let error = format!("{:#}", read(report).expect_err(report));
            assert!(error.contains(words), "{report}: {error}");
        }
    }

    #[test]
    fn every_key_is_known_to_the_configuration() {
        let text = "[report]\nschedule = \"@daily\"\ntimezone = \"UTC\"\nperiod = \"7d\"\nto = [\"ops\"]\ntop = 5\neven_if_empty = true\n";
        assert!(crate::config::Config::parse(text).expect("all keys are known").report.even_if_empty);
        let error = crate::config::Config::parse("[report]\nshedule = \"@daily\"").expect_err("a typo").to_string();
        assert_eq!(error, "unknown key `shedule` in [report]: did you mean `schedule`?");
    }
}
