//! Senders that fall silent: told though their mail comes in batches, and not told on holidays.

use std::sync::Arc;

use mailvane_alert::input::Dimension;
use mailvane_alert::state::{Settings, State};
use mailvane_alert::{Engine, Minute, RuleSet};

use crate::minutes::{DAY, HOUR, cell, time};

/// Plays days in which a domain sends so many a minute, beside another that always sends; the minutes in which its silence began to be told.
fn told(days: std::ops::Range<i64>, sends: impl Fn(i64) -> i64) -> Vec<i64> {
    let mut engine = Engine::new(RuleSet::embedded(), Settings { trains: false, ..Settings::default() });
    let mut told = Vec::new();
    for at in days.start * DAY..days.end * DAY {
        let [start, end] = [at, at + 1].map(time);
        let mut minute = Minute { start, end, ..Minute::default() };
        for (domain, tried) in [("app.example.com", sends(at)), ("other.example", 3)] {
            if tried > 0 {
                minute.cells.push((Dimension::SenderDomain, Arc::from(domain), cell(tried, 0)));
            }
        }
        minute.cells.push((Dimension::All, Arc::from(""), cell(sends(at) + 3, 0)));
        let fired = engine.step(&minute, end).transitions.into_iter().filter(|change| change.to == State::Firing);
        told.extend(fired.filter(|change| change.rule == "sender_silent" && change.group.key == "app.example.com").map(|_| at));
    }
    told
}

/// A program: steady, with a batch now and then at any time of the day.
fn program(at: i64) -> i64 {
    let is_batch = (at / HOUR) % 17 == 5 && at % HOUR < 20;
    7 + if is_batch { 60 } else { 0 }
}

/// An office: `busy` messages a minute on workdays, an eighth of it at night, and of all that an eighth on weekends. Of each message its own luck says whether it is
/// written, so that one in `of` is.
fn office(at: i64, busy: i64, of: u64) -> i64 {
    let (hour, day) = (at / HOUR % 24, at / DAY % 7);
    let of = of * if (8..18).contains(&hour) { 1 } else { 8 } * if day < 5 { 1 } else { 8 };
    let is_written = |number: i64| {
        let luck = ((at * 64 + number) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((luck ^ luck >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32).is_multiple_of(of)
    };
    (0..busy).filter(|number| is_written(*number)).count() as i64
}

#[test]
fn a_program_that_stops_for_a_quarter_of_an_hour_is_told() {
    let stop = 12 * DAY + 9 * HOUR + 7;
    let told = told(0..14, |at| if (stop..stop + 15).contains(&at) { 0 } else { program(at) });
    assert_eq!(told.len(), 1, "{told:?}");
    assert!((stop..stop + 16).contains(&told[0]), "{told:?}");
}

#[test]
fn an_incident_at_this_hour_of_another_day_hides_nothing() {
    // The first of them teaches that the hour can be empty; the second is told all the same.
    let first = 9 * DAY + 10 * HOUR;
    let second = 11 * DAY + 10 * HOUR + 20;
    let is_off = |at: i64| (first..first + 3 * HOUR).contains(&at) || (second..second + 40).contains(&at);
    let told = told(0..13, |at| if is_off(at) { 0 } else { program(at) });
    assert!(told.iter().any(|at| (second..second + 41).contains(at)), "{told:?}");
}

#[test]
fn few_an_hour_are_missed_after_some_hours() {
    let stop = 12 * DAY + 3 * HOUR + 10;
    let told = told(0..14, |at| i64::from(at % 9 == 0 && !(stop..stop + 7 * HOUR).contains(&at)));
    assert!(told.iter().any(|at| (stop..stop + 7 * HOUR).contains(at)), "{told:?}");
}

#[test]
fn a_holiday_is_no_silence() {
    for busy in [1, 3, 30] {
        // One in twenty writes on a holiday.
        let told = told(0..14, |at| office(at, busy, if at / DAY == 9 { 20 } else { 1 }));
        assert!(told.is_empty(), "{busy} a minute: {told:?}");
    }
}

#[test]
fn an_office_that_is_silent_for_a_whole_day_is_told() {
    let told = told(0..14, |at| if at / DAY == 9 { 0 } else { office(at, 3, 1) });
    assert!(told.iter().any(|at| at / DAY == 9), "{told:?}");
}

#[test]
fn a_silence_of_days_does_not_hide_the_next_one() {
    let first = 8 * DAY + HOUR;
    let second = 11 * DAY + 10 * HOUR;
    let is_off = |at: i64| (first..first + 40 * HOUR).contains(&at) || (second..second + 40).contains(&at);
    let told = told(0..12, |at| if is_off(at) { 0 } else { program(at) });
    assert!(told.iter().any(|at| (second..second + 41).contains(at)), "{told:?}");
}
