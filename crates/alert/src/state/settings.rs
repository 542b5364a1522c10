//! How often and when people want to hear of something.

use chrono::{TimeZone, Timelike};
use chrono_tz::Tz;
use mailvane_model::Time;

use crate::rule::Severity;

/// Hours in which a severity is not told. What still holds when they end is told then; what came and went is one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuietHours {
    /// Up to this severity.
    pub up_to: Severity,
    /// From, in minutes of the day.
    pub from: u32,
    /// Until (not included), in minutes of the day; smaller than `from`: over midnight.
    pub until: u32,
    /// In whose time.
    pub zone: Tz,
}

impl QuietHours {
    fn is_on(&self, severity: Severity, wall: i64) -> bool {
        if severity > self.up_to {
            return false;
        }
        let local = self.zone.from_utc_datetime(&Time(wall).to_chrono().naive_utc());
        let minute = local.hour() * 60 + local.minute();
        if self.from <= self.until { (self.from..self.until).contains(&minute) } else { minute >= self.from || minute < self.until }
    }
}

/// How often and when people want to hear of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// A page that nobody acknowledged is said again after this time, microseconds.
    pub repeat_page: i64,
    /// A ticket that still holds is said again after this time.
    pub repeat_ticket: i64,
    /// When nothing is told.
    pub quiet: Vec<QuietHours>,
    /// Who is told by rules that name nobody; empty: every receiver.
    pub everybody: Vec<String>,
    /// Who hears of a page that nobody acknowledged, one after the other: lists of receivers.
    pub escalation: Vec<Vec<String>>,
    /// The time between two steps of the chain.
    pub escalate_after: i64,
    /// Log time further behind the clock than this is the past: what ended in it is not told.
    pub behind: i64,
    /// Whether the first minutes are history that only trains. Not in a backtest.
    pub trains: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            repeat_page: 4 * Time::HOUR,
            repeat_ticket: Time::DAY,
            quiet: Vec::new(),
            everybody: Vec::new(),
            escalation: Vec::new(),
            escalate_after: 15 * Time::MINUTE,
            behind: 10 * Time::MINUTE,
            trains: true,
        }
    }
}

impl Settings {
    /// Whether a severity is not told at a time.
    pub(crate) fn is_quiet(&self, severity: Severity, wall: i64) -> bool {
        self.quiet.iter().any(|quiet| quiet.is_on(severity, wall))
    }

    /// After which time something is said again; `None`: never.
    pub(crate) fn repeat(&self, severity: Severity) -> Option<i64> {
        match severity {
            Severity::Page => Some(self.repeat_page),
            Severity::Ticket => Some(self.repeat_ticket),
            Severity::Info => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_hours_go_over_midnight_and_follow_the_zone() {
        let quiet = QuietHours { up_to: Severity::Ticket, from: 22 * 60, until: 7 * 60, zone: Tz::Europe__Berlin };
        let settings = Settings { quiet: vec![quiet], ..Settings::default() };
        // 2026-01-10, winter: Berlin is one hour ahead.
        let at = |hour: i64| 1_768_003_200_000_000 + hour * Time::HOUR;
        for (hour, quiet) in [(20, false), (21, true), (23, true), (5, true), (6, false)] {
            assert_eq!(settings.is_quiet(Severity::Ticket, at(hour)), quiet, "{hour}");
            assert!(!settings.is_quiet(Severity::Page, at(hour)));
        }
    }
}
