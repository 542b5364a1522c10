//! The rhythm of a week: people work by day, machines always, guessing never stops.

use chrono::{Datelike, Timelike};
use mailvane_model::Time;

/// Shares of an office day by hour of local time, in thousandths of the busiest hour.
const OFFICE: [u16; 24] = [20, 12, 10, 10, 14, 30, 90, 280, 700, 960, 1000, 920, 700, 780, 900, 880, 760, 560, 320, 220, 180, 150, 100, 50];
/// Shares for machines: a nightly batch, and the customers of the web application.
const MACHINE: [u16; 24] =
    [300, 900, 420, 300, 300, 320, 380, 480, 620, 760, 840, 860, 900, 880, 860, 840, 820, 800, 780, 800, 820, 700, 520, 380];
/// The world outside is awake somewhere.
const WORLD: [u16; 24] =
    [520, 480, 450, 440, 460, 500, 560, 700, 900, 1000, 1000, 980, 940, 960, 1000, 980, 940, 880, 820, 780, 740, 700, 640, 580];
/// Monday to Sunday, in hundredths.
const OFFICE_WEEK: [u16; 7] = [105, 110, 108, 104, 90, 16, 12];
const MACHINE_WEEK: [u16; 7] = [104, 100, 100, 102, 106, 98, 90];
const WORLD_WEEK: [u16; 7] = [108, 112, 110, 108, 100, 72, 66];

/// Who sets the pace of a kind of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    Office,
    Machine,
    World,
    /// The same at every hour.
    Steady,
}

/// The mean time between two pieces of traffic at `time`, in microseconds, when `per_day` come in an average day.
/// `None`: none come.
pub(crate) fn mean_wait(pace: Pace, per_day: f64, time: Time, zone_minutes: i32) -> Option<i64> {
    if per_day <= 0.0 {
        return None;
    }
    let local = time.plus(i64::from(zone_minutes) * Time::MINUTE).to_chrono();
    let hour = local.hour() as usize;
    let day = local.weekday().num_days_from_monday() as usize;
    let (hours, week) = match pace {
        Pace::Office => (&OFFICE, &OFFICE_WEEK),
        Pace::Machine => (&MACHINE, &MACHINE_WEEK),
        Pace::World => (&WORLD, &WORLD_WEEK),
        Pace::Steady => return Some((Time::DAY as f64 / per_day) as i64),
    };
    let whole_day: f64 = hours.iter().map(|share| f64::from(*share)).sum();
    let whole_week: f64 = week.iter().map(|share| f64::from(*share)).sum();
    let factor = f64::from(hours[hour]) / whole_day * 24.0 * (f64::from(week[day]) / whole_week * 7.0);
    Some((Time::DAY as f64 / (per_day * factor)) as i64)
}

/// The next Tuesday at ten o'clock local time, after `time`: when the newsletter goes out.
pub(crate) fn next_newsletter(time: Time, zone_minutes: i32) -> Time {
    let zone = i64::from(zone_minutes) * Time::MINUTE;
    let local_day = time.plus(zone).day();
    // Day 0 of the epoch was a Thursday, so Tuesday is day 5 of the week that begins there.
    let mut day = local_day + (5 - local_day).rem_euclid(7);
    loop {
        let candidate = Time(day * Time::DAY + 10 * Time::HOUR - zone);
        if candidate > time {
            return candidate;
        }
        day += 7;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newsletter_goes_out_on_tuesday_at_ten() {
        // Sunday 22 Nov 2026, noon UTC.
        let sunday = Time::from_seconds(1_795_348_800);
        let tuesday = next_newsletter(sunday, 60);
        assert_eq!(tuesday.rfc3339(60), "2026-11-24T10:00:00+01:00");
        assert_eq!(next_newsletter(tuesday, 60).0 - tuesday.0, 7 * Time::DAY);
    }

    #[test]
    fn an_office_is_busier_on_monday_morning_than_on_sunday_night() {
        let monday_ten = Time::from_seconds(1_795_428_000);
        let sunday_three = Time::from_seconds(1_795_316_400);
        let busy = mean_wait(Pace::Office, 1000.0, monday_ten, 0).unwrap();
        let quiet = mean_wait(Pace::Office, 1000.0, sunday_three, 0).unwrap();
        assert!(busy * 100 < quiet, "{busy} {quiet}");
        assert_eq!(mean_wait(Pace::World, 0.0, monday_ten, 0), None);
    }
}
