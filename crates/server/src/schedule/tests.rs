//! Lines of cron against a slow reading of the rule, clock changes, and a timetable over days.

use chrono::{DateTime, Datelike, TimeZone, Timelike, Utc};
use chrono_tz::{Europe, Tz, UTC};
use mailvane_model::Time;

use super::line::Line;
use super::timetable::Timetable;

fn at(text: &str) -> Time {
    Time::from_seconds(DateTime::parse_from_rfc3339(text).expect("a time").timestamp())
}

fn next(line: &str, zone: Tz, from: &str, count: usize) -> Vec<String> {
    let line = Line::read(line, zone).expect("a line");
    let mut time = at(from);
    let mut found = Vec::new();
    while found.len() < count {
        let Some(next) = line.after(time) else { break };
        assert!(next > time, "time goes on");
        time = next;
        let shown = DateTime::from_timestamp(next.seconds(), 0).expect("a time").with_timezone(&zone);
        found.push(shown.format("%a %d %b %H:%M %z").to_string());
    }
    found
}

#[test]
fn days_of_the_week_are_those_of_posix() {
    let from = "2026-11-01T12:00:00Z";
    for sunday in ["0 6 * * 0", "0 6 * * 7", "0 6 * * sun", "0 6 * * Sun,7"] {
        assert_eq!(next(sunday, UTC, from, 2), ["Sun 08 Nov 06:00 +0000", "Sun 15 Nov 06:00 +0000"], "{sunday}");
    }
    assert_eq!(next("0 6 * * 1-5", UTC, "2026-11-06T12:00:00Z", 2), ["Mon 09 Nov 06:00 +0000", "Tue 10 Nov 06:00 +0000"]);
    assert_eq!(next("0 6 * * mon-fri", UTC, "2026-11-06T12:00:00Z", 1), ["Mon 09 Nov 06:00 +0000"]);
    assert_eq!(next("0 6 * * 5-7", UTC, "2026-11-06T12:00:00Z", 2), ["Sat 07 Nov 06:00 +0000", "Sun 08 Nov 06:00 +0000"]);
    assert_eq!(next("0 6 * * 6", UTC, "2026-11-06T12:00:00Z", 1), ["Sat 07 Nov 06:00 +0000"]);
}

#[test]
fn two_restricted_day_fields_mean_either() {
    let found = next("30 4 1,15 * 5", UTC, "2026-11-01T12:00:00Z", 4);
    assert_eq!(found, ["Fri 06 Nov 04:30 +0000", "Fri 13 Nov 04:30 +0000", "Sun 15 Nov 04:30 +0000", "Fri 20 Nov 04:30 +0000"]);
    assert_eq!(next("0 0 13 * *", UTC, "2026-11-01T12:00:00Z", 1), ["Fri 13 Nov 00:00 +0000"]);
    // A star with a step does not restrict: both have to fit.
    assert_eq!(next("0 0 */2 * fri", UTC, "2026-11-01T12:00:00Z", 1), ["Fri 13 Nov 00:00 +0000"]);
}

#[test]
fn steps_ranges_names_and_short_forms() {
    assert_eq!(next("*/20 9-10 * * *", UTC, "2026-11-01T10:20:00Z", 2), ["Sun 01 Nov 10:40 +0000", "Mon 02 Nov 09:00 +0000"]);
    assert_eq!(
        next("5/25 0 * * *", UTC, "2026-11-01T23:59:59Z", 3).join(", "),
        "Mon 02 Nov 00:05 +0000, Mon 02 Nov 00:30 +0000, Mon 02 Nov 00:55 +0000"
    );
    assert_eq!(next("0 0 29 feb *", UTC, "2026-11-01T00:00:00Z", 1), ["Tue 29 Feb 00:00 +0000"]);
    assert_eq!(next("0 0 30 2 *", UTC, "2026-11-01T00:00:00Z", 1), Vec::<String>::new());
    assert_eq!(next("@hourly", UTC, "2026-11-01T00:00:00Z", 1), ["Sun 01 Nov 01:00 +0000"]);
    assert_eq!(next("@daily", Europe::Berlin, "2026-11-01T00:00:00Z", 1), ["Mon 02 Nov 00:00 +0100"]);
}

#[test]
fn wrong_lines_are_named() {
    for (line, word) in [
        ("* * * *", "4 fields"),
        ("* * * * * *", "6 fields"),
        ("60 * * * *", "minute"),
        ("* 24 * * *", "hour"),
        ("* * 0 * *", "day of the month"),
        ("* * * 13 *", "month"),
        ("* * * * 8", "day of the week"),
        ("* * * * mond", "no name"),
        ("*/0 * * * *", "step"),
        ("50-10 * * * *", "backwards"),
        ("1,,2 * * * *", "no number"),
        ("-5 * * * *", "no number"),
    ] {
        let error = format!("{:#}", Line::read(line, UTC).expect_err(line));
        assert!(error.contains(word), "{line}: {error}");
    }
}

#[test]
fn a_fixed_time_runs_once_on_the_days_the_clock_changes() {
    // In Berlin 02:00 to 03:00 is left out on 29 March 2026 and comes twice on 25 October.
    let spring = next("30 2 * * *", Europe::Berlin, "2026-03-28T00:00:00Z", 3);
    assert_eq!(spring, ["Sat 28 Mar 02:30 +0100", "Sun 29 Mar 03:00 +0200", "Mon 30 Mar 02:30 +0200"]);
    let autumn = next("30 2 * * *", Europe::Berlin, "2026-10-24T12:00:00Z", 2);
    assert_eq!(autumn, ["Sun 25 Oct 02:30 +0200", "Mon 26 Oct 02:30 +0100"]);
}

#[test]
fn a_line_for_every_hour_follows_real_time() {
    let spring = next("*/30 * * * *", Europe::Berlin, "2026-03-29T00:15:00Z", 3);
    assert_eq!(spring, ["Sun 29 Mar 01:30 +0100", "Sun 29 Mar 03:00 +0200", "Sun 29 Mar 03:30 +0200"]);
    let autumn = next("*/30 * * * *", Europe::Berlin, "2026-10-24T23:45:00Z", 5);
    let wanted =
        ["Sun 25 Oct 02:00 +0200", "Sun 25 Oct 02:30 +0200", "Sun 25 Oct 02:00 +0100", "Sun 25 Oct 02:30 +0100", "Sun 25 Oct 03:00 +0100"];
    assert_eq!(autumn, wanted);
}

/// A number that follows from another, for cases that are many and the same each time.
fn mixed(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

#[test]
fn any_line_agrees_with_a_walk_over_all_minutes() {
    let mut seed = 7;
    for _ in 0..120 {
        let pick = |seed: &mut u64, least: u64, most: u64| -> Vec<u32> {
            let mut values: Vec<u32> = (0..=mixed(seed) % 3).map(|_| (least + mixed(seed) % (most - least + 1)) as u32).collect();
            values.sort_unstable();
            values.dedup();
            values
        };
        let (minutes, hours) = (pick(&mut seed, 0, 59), pick(&mut seed, 0, 23));
        let days = (mixed(&mut seed).is_multiple_of(2)).then(|| pick(&mut seed, 1, 28));
        let weekdays = (mixed(&mut seed).is_multiple_of(2)).then(|| pick(&mut seed, 0, 7));
        let text = |values: &[u32]| values.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let star = |values: &Option<Vec<u32>>| values.as_deref().map_or("*".to_owned(), text);
        let line = format!("{} {} {} * {}", text(&minutes), text(&hours), star(&days), star(&weekdays));
        let fits = |time: DateTime<Utc>| {
            let by_day = days.as_ref().map(|days| days.contains(&time.day()));
            let weekday = time.weekday().num_days_from_sunday();
            let by_weekday = weekdays.as_ref().map(|days| days.iter().any(|day| day % 7 == weekday));
            let day = match (by_day, by_weekday) {
                (Some(day), Some(weekday)) => day || weekday,
                (one, other) => one.or(other).unwrap_or(true),
            };
            day && minutes.contains(&time.minute()) && hours.contains(&time.hour())
        };
        let from = Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).unwrap() + chrono::Duration::minutes((mixed(&mut seed) % 400_000) as i64);
        let walked = (1..60 * 24 * 40).map(|minute| from + chrono::Duration::minutes(minute)).find(|time| fits(*time)).unwrap();
        let found = Line::read(&line, UTC).unwrap().after(Time::from_seconds(from.timestamp())).unwrap();
        assert_eq!(found.seconds(), walked.timestamp(), "{line} after {from}");
    }
}

fn table(lines: &[(&str, i64)], together: usize, now: Time) -> Timetable {
    let jobs = lines.iter().enumerate().map(|(at, (line, jitter))| (format!("job {at}"), Line::read(line, UTC).unwrap(), *jitter, None));
    Timetable::new(jobs.collect(), together, now)
}

const HOUR: i64 = 3_600_000_000;

#[test]
fn a_week_runs_each_time_once() {
    let start = at("2026-11-01T00:00:00Z");
    let mut table = table(&[("*/15 * * * *", 60), ("0 6 * * 1", 0), ("0 * * * *", 300)], 10, start);
    let mut runs = [0; 3];
    let mut now = start;
    while now.0 < start.0 + 7 * 24 * HOUR {
        now = table.next().unwrap();
        for due in table.due(now) {
            assert!(due.at <= now && now.0 - due.at.0 <= 300_000_000 && due.missed == 0);
            runs[due.job] += 1;
            table.ended(due.job);
        }
    }
    // The last one may be put off past the end.
    assert!((7 * 96 - 1..=7 * 96).contains(&runs[0]) && runs[1] == 1 && (7 * 24 - 1..=7 * 24).contains(&runs[2]), "{runs:?}");
}

#[test]
fn what_was_missed_is_made_up_for_once() {
    let start = at("2026-11-01T00:01:00Z");
    let mut table = table(&[("*/15 * * * *", 0)], 1, start);
    let later = Time(start.0 + 3 * HOUR);
    let due = table.due(later);
    assert_eq!((due.len(), due[0].missed, due[0].at), (1, 11, at("2026-11-01T03:00:00Z")));
    table.ended(0);
    assert!(table.due(later).is_empty());
    assert_eq!((table.next(), table.missed_of(0)), (Some(at("2026-11-01T03:15:00Z")), 11));
    let known = Timetable::new(vec![("a".to_owned(), Line::read("@daily", UTC).unwrap(), 0, Some(at("2026-10-20T00:00:00Z")))], 1, start);
    assert!(known.next().unwrap() < start, "a run before the start was missed");
}

#[test]
fn no_job_runs_twice_at_once_and_only_so_many_together() {
    let start = at("2026-11-01T00:00:00Z");
    let mut table = table(&[("* * * * *", 0), ("* * * * *", 0), ("* * * * *", 0)], 2, start);
    let minute = |count: i64| Time(start.0 + count * 60_000_000);
    assert_eq!(table.due(minute(1)).iter().map(|due| due.job).collect::<Vec<_>>(), [0, 1]);
    assert!(table.due(minute(2)).is_empty() && table.next().is_none());
    assert_eq!(table.run_now(0, minute(2)), None);
    table.ended(0);
    assert_eq!(table.due(minute(2)).iter().map(|due| due.job).collect::<Vec<_>>(), [2], "who waits longest comes first");
    table.ended(1);
    assert_eq!(table.due(minute(2)).len(), 1);
}

#[test]
fn jobs_are_spread_and_always_by_the_same() {
    let start = at("2026-11-01T00:00:30Z");
    let lines = [("0 * * * *", 600); 8];
    let first = table(&lines, 8, start);
    let again = table(&lines, 8, start);
    let times: Vec<_> = (0..8).map(|job| first.next_of(job).unwrap()).collect();
    assert_eq!(times, (0..8).map(|job| again.next_of(job).unwrap()).collect::<Vec<_>>());
    let mut different = times.clone();
    different.sort_unstable();
    different.dedup();
    let hour = at("2026-11-01T01:00:00Z");
    assert!(different.len() > 4 && times.iter().all(|time| (hour.0..=hour.0 + 600_000_000).contains(&time.0)));
}
