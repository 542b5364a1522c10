//! Spans of time as people type them: `yesterday`, `7d`, `2026-11-02`, RFC 3339.

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, TimeZone};
use chrono_tz::Tz;
use mailvane_model::Time;

use crate::cli;

/// From (included) to (not included).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// The first moment.
    pub(crate) since: Time,
    /// The first moment after it.
    pub(crate) until: Time,
}

impl Span {
    /// All of time.
    pub(crate) const ALL: Span = Span { since: Time(i64::MIN), until: Time(i64::MAX) };

    /// What was typed, read in `zone` with `now`.
    pub(crate) fn parse(typed: &cli::Span, zone: Tz, now: Time) -> Result<Self> {
        let mut span = Span::ALL;
        if let Some(text) = &typed.since {
            span.since = moment(text, zone, now).with_context(|| format!("--since {text}"))?;
        }
        if let Some(text) = &typed.until {
            span.until = moment(text, zone, now).with_context(|| format!("--until {text}"))?;
        }
        if span.until <= span.since {
            bail!("--until is not after --since: nothing can lie between them");
        }
        Ok(span)
    }

    /// Whether `time` lies in it.
    pub(crate) fn contains(&self, time: Time) -> bool {
        self.since <= time && time < self.until
    }

    /// Whether it has no bounds.
    pub(crate) fn is_all(&self) -> bool {
        *self == Span::ALL
    }
}

/// A length of time: `90s`, `15m`, `12h`, `7d`, `4w`; in microseconds.
pub(crate) fn length(text: &str) -> Option<i64> {
    let unit = match text.chars().last()? {
        's' => Time::SECOND,
        'm' => Time::MINUTE,
        'h' => Time::HOUR,
        'd' => Time::DAY,
        'w' => 7 * Time::DAY,
        _ => return None,
    };
    text[..text.len() - 1].parse::<u32>().ok().map(|count| i64::from(count) * unit)
}

/// A moment as people type it.
pub(crate) fn moment(text: &str, zone: Tz, now: Time) -> Result<Time> {
    let today = now.to_chrono().with_timezone(&zone).date_naive();
    let day = match text {
        "now" => return Ok(now),
        "today" => Some(today),
        "yesterday" => today.checked_sub_days(Days::new(1)),
        "tomorrow" => today.checked_add_days(Days::new(1)),
        _ => NaiveDate::parse_from_str(text, "%Y-%m-%d").ok(),
    };
    if let Some(day) = day {
        return local(day.and_hms_opt(0, 0, 0).unwrap_or_default(), zone);
    }
    if let Ok(value) = DateTime::parse_from_rfc3339(text) {
        return Ok(Time::from_chrono(&value));
    }
    for form in ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"] {
        if let Ok(value) = NaiveDateTime::parse_from_str(text, form) {
            return local(value, zone);
        }
    }
    if let Some(ago) = length(text) {
        return Ok(now.plus(-ago));
    }
    bail!("not a time: use today, yesterday, 7d (ago), 2026-11-02, 2026-11-02T08:15 or RFC 3339");
}

/// A local time in `zone`; in a gap of daylight saving the first moment after it.
fn local(value: NaiveDateTime, zone: Tz) -> Result<Time> {
    let found =
        zone.from_local_datetime(&value).earliest().or_else(|| zone.from_local_datetime(&(value + chrono::TimeDelta::hours(1))).earliest());
    found.map(|found| Time::from_chrono(&found)).context("no such local time")
}

/// The zone that was named, or this machine's.
pub(crate) fn zone(named: Option<&str>) -> Result<Tz> {
    match named {
        Some(name) => parse_zone(name),
        None => Ok(system_zone()),
    }
}

fn parse_zone(name: &str) -> Result<Tz> {
    if let Ok(zone) = name.parse::<Tz>() {
        return Ok(zone);
    }
    // Whole hours have names of their own, with the sign turned round (POSIX): +02:00 is Etc/GMT-2.
    let digits: String = name.chars().filter(char::is_ascii_digit).collect();
    let sign = name.chars().next();
    if let (Some(sign @ ('+' | '-')), true) = (sign, digits.len() == 4 && digits.ends_with("00")) {
        let hours: u32 = digits[..2].parse().unwrap_or(99);
        let posix = if hours == 0 { "Etc/GMT".to_owned() } else { format!("Etc/GMT{}{hours}", if sign == '+' { '-' } else { '+' }) };
        if let Ok(zone) = posix.parse::<Tz>() {
            return Ok(zone);
        }
    }
    bail!("unknown time zone `{name}`: use a name such as Europe/Berlin, or +02:00")
}

/// This machine's zone: `TZ`, then `/etc/timezone`, then where `/etc/localtime` points; UTC when none says.
fn system_zone() -> Tz {
    let from_environment = std::env::var("TZ").ok().and_then(|name| name.trim_start_matches(':').parse::<Tz>().ok());
    let from_file = || std::fs::read_to_string("/etc/timezone").ok().and_then(|name| name.trim().parse::<Tz>().ok());
    let from_link = || {
        let target = std::fs::read_link("/etc/localtime").ok()?;
        let text = target.to_str()?;
        text.split_once("zoneinfo/")?.1.parse::<Tz>().ok()
    };
    from_environment.or_else(from_link).or_else(from_file).unwrap_or(Tz::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(1_793_611_800_000_000); // 2026-11-02T08:30:00Z

    fn at(text: &str, zone: &str) -> String {
        moment(text, zone.parse().expect("zone"), NOW).map_or_else(|error| error.to_string(), |time| time.rfc3339(0))
    }

    #[test]
    fn moments_are_read_in_the_zone_of_the_log() {
        assert_eq!(NOW.rfc3339(0), "2026-11-02T09:30:00Z");
        assert_eq!(at("today", "Europe/Berlin"), "2026-11-01T23:00:00Z");
        assert_eq!(at("yesterday", "UTC"), "2026-11-01T00:00:00Z");
        assert_eq!(at("2026-11-02T08:15", "America/New_York"), "2026-11-02T13:15:00Z");
        assert_eq!(at("90m", "UTC"), "2026-11-02T08:00:00Z");
        assert!(at("someday", "UTC").starts_with("not a time"));
    }

    #[test]
    fn a_time_that_daylight_saving_skips_is_the_moment_after_the_gap() {
        assert_eq!(at("2026-03-29T02:30", "Europe/Berlin"), "2026-03-29T01:30:00Z");
    }

    #[test]
    fn offsets_are_zones_too() {
        assert_eq!(parse_zone("+02:00").expect("zone").name(), "Etc/GMT-2");
        assert!(parse_zone("Mars/Base").is_err());
    }

    #[test]
    fn an_empty_span_is_refused() {
        let typed = cli::Span { since: Some("today".into()), until: Some("yesterday".into()) };
        assert!(Span::parse(&typed, Tz::UTC, NOW).is_err());
    }
}
